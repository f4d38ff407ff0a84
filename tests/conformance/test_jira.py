"""Jira's connector passes the conformance suite, against the stand-in."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from connectors.base import Options
from connectors.conformance import Asked, PublisherConformance, ReaderConformance, Source
from connectors.jira.options import JiraSecrets
from sandbox.jira import JiraCloud
from tests.conformance.jira_records import JiraRecords


class CloudSource(JiraRecords):
    paged = frozenset({"versions", "issues"})

    def __init__(self, site: JiraCloud) -> None:
        super().__init__(site)
        self.url = site.url

    def secrets(self) -> Options:
        return JiraSecrets.model_validate({"user": self._site.user, "token": self._site.token})

    def lists(self, stream: str, asked: Asked) -> bool:
        return asked.path.endswith({"fields": "/field", "versions": "/project/ML/version", "issues": "/search/jql"}[stream])

    def reads(self, asked: Asked) -> bool:
        return super().reads(asked) or asked.path.endswith(("/search/jql", "/issue/bulkfetch"))


@pytest.fixture(scope="class")
def source() -> Iterator[Source]:
    with JiraCloud() as site:
        yield CloudSource(site)
    assert not [entry for entry in site.requests if entry.unknown_query]


class TestReader(ReaderConformance):
    kind = CloudSource
    principal = "issues"


class TestPublisher(PublisherConformance):
    kind = CloudSource
