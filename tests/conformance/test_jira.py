"""Jira's connector passes the conformance suite, against the stand-in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from connectors.base import Options
from connectors.conformance import Asked, PublisherConformance, ReaderConformance, Source
from connectors.errors import NotFound, SourceError
from connectors.jira import CONNECTION
from connectors.jira.options import PROPERTY, JiraOptions, JiraScope, JiraSecrets
from mappings.change import Owned, Slot, Value
from mappings.model import Ref
from sandbox.jira import JiraCloud

FIELD = "ML Status"
OPTIONS = ("Drift alert", "Model ready", "Unknown")
FIRST = 7
LONG_AGO = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


class JiraSource(Source):
    connection = CONNECTION
    paged = frozenset({"versions", "issues"})
    page_parameter = "maxResults"
    scope = JiraScope(projects=("ML",))
    owned = Owned(field=FIELD, options=OPTIONS, property=PROPERTY)

    def __init__(self, site: JiraCloud) -> None:
        self.url = site.url
        self._site = site
        self._added = 0

    def options(self, url: str) -> Options:
        return JiraOptions(url=url)

    def secrets(self) -> Options:
        return JiraSecrets.model_validate({"user": self._site.user, "token": self._site.token})

    def add(self, stream: str, count: int) -> None:
        for _ in range(count):
            self._added += 1
            match stream:
                case "fields":
                    self._site.add_field(f"Field {self._added}", "textfield")
                case "versions":
                    self._site.add_version("ML", f"Version {self._added}")
                case "issues":
                    self._site.add_issue("ML", f"Issue {self._added}", created=self._moment())

    def _moment(self) -> datetime:
        """The first few lie apart, further than a pull overlaps with the one before."""
        return LONG_AGO + timedelta(hours=self._added) if self._added <= FIRST * len(CONNECTION.streams) else datetime.now(UTC)

    def remove(self, ref: Ref) -> bool:
        if ref.kind != "work_item":
            return False
        self._site.delete(ref.id)
        return True

    def lists(self, stream: str, asked: Asked) -> bool:
        ending = {"fields": "/field", "versions": "/project/ML/version", "issues": "/search/jql"}[stream]
        return asked.path.endswith(ending)

    def reads(self, asked: Asked) -> bool:
        return super().reads(asked) or asked.path.endswith(("/search/jql", "/issue/bulkfetch"))

    def refusals(self, stream: str) -> Mapping[int, type[SourceError] | None]:
        return {400: NotFound} if stream == "issues" else {}  # a search that names what is not there is refused so

    def targets(self, count: int) -> Sequence[Ref]:
        keys = [self._site.add_issue("ML", f"Target {number}") for number in range(count)]
        return [Ref("conformance", "work_item", str(self._site.get(key)["id"])) for key in keys]

    def slots(self, target: Ref) -> Mapping[Slot, Sequence[Value]]:
        return {
            Slot(target, "field", FIELD): ["Drift alert", "Model ready", None],
            Slot(target, "property", PROPERTY): [{"version": 1, "statuses": []}, {"version": 1, "statuses": [{"id": "x"}]}, None],
        }


@pytest.fixture(scope="class")
def site() -> Iterator[JiraCloud]:
    cloud = JiraCloud()
    cloud.keep_answers = False
    cloud.add_project("ML", "Machine learning")
    cloud.add_field(FIELD, "select", options=OPTIONS)
    with cloud:
        yield cloud
    assert not [entry for entry in cloud.requests if entry.unknown_query]


@pytest.fixture(scope="class")
def source(site: JiraCloud) -> Source:
    source = JiraSource(site)
    for stream in CONNECTION.streams:
        source.add(stream, FIRST)
    return source


class TestReader(ReaderConformance):
    kind = JiraSource
    principal = "issues"


class TestPublisher(PublisherConformance):
    kind = JiraSource
