"""Plants to break, on either database. Milepost runs there as a process of its own, as a person or a cron job runs it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeAlias

import pytest

from sandbox.github import GitHub
from sandbox.jira import JiraCloud
from tests.crash.plant import Plant, found

NewPlant: TypeAlias = Callable[[str], AbstractContextManager[Plant]]


@pytest.fixture
def new_plant(tmp_path_factory: pytest.TempPathFactory) -> NewPlant:
    """Opens a plant on a database. All plants of one test are alike, to the second."""
    at = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)

    @contextmanager
    def opened(url: str) -> Iterator[Plant]:
        with JiraCloud() as jira, GitHub() as github:
            yield found(jira, github, tmp_path_factory.mktemp("plant"), url, at)

    return opened


@pytest.fixture
def plant(new_plant: NewPlant, database_url: str) -> Iterator[Plant]:
    with new_plant(database_url) as opened:
        yield opened


@pytest.fixture
def plant_on_file(new_plant: NewPlant, sqlite_template: Path, tmp_path: Path) -> Iterator[Plant]:
    """A plant on SQLite alone, for what only files suffer."""
    path = tmp_path / "store" / "milepost.db"
    path.parent.mkdir()
    shutil.copyfile(sqlite_template, path)
    with new_plant(f"sqlite:///{path}") as opened:
        yield opened
