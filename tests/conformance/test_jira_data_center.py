"""Jira's connector passes the conformance suite on Data Center too, against that stand-in."""

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
from sandbox.jira import JiraDataCenter

FIELD = "ML Status"
OPTIONS = ("Drift alert", "Model ready", "Unknown")
FIRST = 7
LONG_AGO = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


class DataCenterSource(Source):
    connection = CONNECTION
    paged = frozenset({"issues"})
    counted = frozenset({"issues"})
    page_parameter = "maxResults"
    scope = JiraScope(projects=("ML",))
    owned = Owned(field=FIELD, options=OPTIONS, property=PROPERTY)

    def __init__(self, site: JiraDataCenter) -> None:
        self.url = site.address
        self._site = site
        self._added = 0

    def options(self, url: str) -> Options:
        return JiraOptions(url=url, deployment="data-center")

    def secrets(self) -> Options:
        return JiraSecrets.model_validate({"token": self._site.access_token})

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
        return asked.path.endswith({"fields": "/field", "versions": "/project/ML/versions", "issues": "/search"}[stream])

    def reads(self, asked: Asked) -> bool:
        return super().reads(asked) or asked.path.endswith("/search")

    def refusals(self, stream: str) -> Mapping[int, type[SourceError] | None]:
        return {400: NotFound} if stream == "issues" else {}  # a search that names what is not there is refused so

    def targets(self, count: int) -> Sequence[Ref]:
        keys = [self._site.add_issue("ML", f"Target {number}") for number in range(count)]
        return [Ref("conformance", "work_item", str(self._site.get(key)["id"])) for key in keys]

    def slots(self, target: Ref) -> Mapping[Slot, Sequence[Value]]:
        return {
            Slot(target, "field", FIELD): ["Drift alert", "Model ready", None],
            Slot(target, "property", PROPERTY): [{"version": 1, "statuses": []}, None],
        }


@pytest.fixture(scope="class")
def source() -> Iterator[Source]:
    site = JiraDataCenter(context_path="/jira")
    site.keep_answers = False
    site.add_project("ML", "Machine learning")
    site.add_field(FIELD, "select", options=OPTIONS)
    with site:
        made = DataCenterSource(site)
        for stream in CONNECTION.streams:
            made.add(stream, FIRST)
        yield made
    assert not [entry for entry in site.requests if entry.unknown_query]


class TestReader(ReaderConformance):
    kind = DataCenterSource
    principal = "issues"
    few = 40  # each issue's property is a request of its own
    many = 10_000  # what one search may page through

    @pytest.fixture(autouse=True)
    def _without_properties(self, request: pytest.FixtureRequest, source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
        """A hundred thousand requests for one property each would prove nothing of memory."""
        if request.node.get_closest_marker("soak") is not None:
            monkeypatch.setattr(source, "owned", Owned(field=FIELD, options=OPTIONS))


class TestPublisher(PublisherConformance):
    kind = DataCenterSource
