"""GitHub's connector passes the conformance suite, against the stand-in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from connectors.base import Options
from connectors.conformance import Asked, PublisherConformance, ReaderConformance, Source
from connectors.errors import SourceError
from connectors.github import CONNECTION, credentials
from connectors.github.options import GithubOptions, GithubScope, GithubSecrets
from mappings.change import Owned, Slot, Value
from mappings.model import Ref
from sandbox.github import DEFAULT_TOKEN, GitHub

REPO = "example/churn"
READY, ALARM = "ml/model-ready", "ml/drift-alert"
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
FIRST, MANY = 7, 50


class GithubSource(Source):
    connection = CONNECTION
    paged = frozenset(CONNECTION.streams)
    page_parameter = "per_page"
    scope = GithubScope(repositories=(REPO,))
    owned = Owned(labels={READY: ("0e8a16", "The model is ready"), ALARM: ("d73a4a", "The data has drifted")})

    def __init__(self, hub: GitHub) -> None:
        self.url = hub.url
        self._hub = hub
        self._added = 0

    def options(self, url: str) -> Options:
        return GithubOptions(url=url, write_pause=0)

    def secrets(self) -> Options:
        return GithubSecrets.model_validate({"token": DEFAULT_TOKEN})

    def add(self, stream: str, count: int) -> None:
        for _ in range(count):
            self._added += 1
            name, at = f"{stream} {self._added}", self._moment(count)
            match stream:
                case "labels":
                    self._hub.define_label(REPO, name)
                case "milestones":
                    self._hub.add_milestone(REPO, name, at=at)
                case "issues":
                    self._hub.add_issue(REPO, name, at=at)
                case "change_requests":
                    self._hub.open_pull(REPO, name, "work", at=at)
                case "commits":
                    self._hub.commit(REPO, name, at=at)

    def _moment(self, count: int) -> datetime:
        """The first few lie apart, further than a pull overlaps with the one before; of very many no hundred share a second."""
        if self._added <= FIRST * len(CONNECTION.streams):
            return LONG_AGO + timedelta(hours=self._added)
        return LONG_AGO + timedelta(seconds=self._added) if count > MANY else datetime.now(UTC)

    def remove(self, ref: Ref) -> bool:
        ident = int(ref.id.partition("/")[2]) if ref.kind != "commit" else 0
        match ref.kind:
            case "work_item":
                self._hub.delete_issue(REPO, ident)
            case "label":
                labels = self._hub.site.find(REPO).tracker.labels.values()
                self._hub.delete_label(REPO, next(label.name for label in labels if label.id == ident))
            case _:
                return False
        return True

    def lists(self, stream: str, asked: Asked) -> bool:
        return asked.path.endswith("/" + {"change_requests": "pulls"}.get(stream, stream))

    def refusals(self, stream: str) -> Mapping[int, type[SourceError] | None]:
        return {410: None} if stream == "issues" else {}  # a repository's issues can be switched off

    def hasten(self, patch: pytest.MonkeyPatch) -> None:
        super().hasten(patch)
        patch.setattr(credentials, "TIMEOUT", 1)  # PyGithub knows whole seconds only

    def targets(self, count: int) -> Sequence[Ref]:
        repository = self._hub.site.find(REPO).id
        numbers = [self._hub.add_issue(REPO, f"Target {number}") for number in range(count)]
        return [Ref("conformance", "work_item", f"{repository}/{number}") for number in numbers]

    def slots(self, target: Ref) -> Mapping[Slot, Sequence[Value]]:
        return {Slot(target, "label", name): [True, None, True] for name in (READY, ALARM)}


@pytest.fixture(scope="class")
def source() -> Iterator[Source]:
    with GitHub() as hub:
        hub.keep_answers = False
        hub.add_repository(REPO, at=LONG_AGO)
        hub.commit(REPO, "Work", branch="work", at=LONG_AGO)
        made = GithubSource(hub)
        for stream in CONNECTION.streams:
            made.add(stream, FIRST)
        yield made
        assert not [entry for entry in hub.requests if entry.unknown_query]


class TestReader(ReaderConformance):
    kind = GithubSource
    principal = "issues"


class TestPublisher(PublisherConformance):
    kind = GithubSource
