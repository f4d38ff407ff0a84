"""An office on stand-ins for what is always on, on either database, with the delivery of news left to the test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.github import GitHub
from sandbox.jira import JiraCloud
from sync.store.connect import Database
from tests.engine.conftest import Office


@pytest.fixture
def jira() -> Iterator[JiraCloud]:
    with JiraCloud() as site:
        yield site


@pytest.fixture
def github() -> Iterator[GitHub]:
    with GitHub() as site:
        yield site


@pytest.fixture
def office(database: Database, tmp_path: Path, jira: JiraCloud, github: GitHub) -> Office:
    return Office(database, tmp_path, jira, github)
