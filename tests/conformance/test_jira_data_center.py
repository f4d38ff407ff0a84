"""Jira's connector passes the conformance suite on Data Center too, against that stand-in."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from connectors.base import Options
from connectors.conformance import Asked, PublisherConformance, ReaderConformance, Source
from connectors.jira.options import JiraOptions, JiraSecrets
from mappings.change import Owned
from sandbox.jira import JiraDataCenter
from tests.conformance.jira_records import FIELD, OPTIONS, JiraRecords


class DataCenterSource(JiraRecords):
    paged = frozenset({"issues"})
    counted = frozenset({"issues"})

    def __init__(self, site: JiraDataCenter) -> None:
        super().__init__(site)
        self.url = site.address
        self._access_token = site.access_token

    def options(self, url: str) -> Options:
        return JiraOptions(url=url, deployment="data-center")

    def secrets(self) -> Options:
        return JiraSecrets.model_validate({"token": self._access_token})

    def lists(self, stream: str, asked: Asked) -> bool:
        return asked.path.endswith({"fields": "/field", "versions": "/project/ML/versions", "issues": "/search"}[stream])

    def reads(self, asked: Asked) -> bool:
        return super().reads(asked) or asked.path.endswith("/search")


@pytest.fixture(scope="class")
def source() -> Iterator[Source]:
    with JiraDataCenter(context_path="/jira") as site:
        yield DataCenterSource(site)
    assert not [entry for entry in site.requests if entry.unknown_query]


class TestReader(ReaderConformance):
    kind = DataCenterSource
    principal = "issues"
    few = 40  # each issue's property is a request of its own

    @pytest.fixture(autouse=True)
    def _without_properties(self, request: pytest.FixtureRequest, source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
        """A hundred thousand requests for one property each would prove nothing of memory."""
        if request.node.get_closest_marker("soak") is not None:
            monkeypatch.setattr(source, "owned", Owned(field=FIELD, options=OPTIONS))


class TestPublisher(PublisherConformance):
    kind = DataCenterSource
