"""Worlds to play in: a Jira, a GitHub, a registry, a database and Milepost between them, all on one clock."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))

from sandbox.github import GitHub
from sandbox.jira import JiraCloud
from sync.store.connect import open_database
from tests.engine.conftest import Office, one_authority  # noqa: F401 - a fixture that `_trust_one_authority` asks for
from tests.worlds.clock import Clock
from tests.worlds.world import START, World

NewWorld = Callable[[str], AbstractContextManager[World]]


@pytest.fixture(autouse=True)
def _trust_one_authority(one_authority: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811 - asks for the fixture
    monkeypatch.setenv("SSL_CERT_FILE", str(one_authority))


@pytest.fixture(scope="session")
def new_world(tmp_path_factory: pytest.TempPathFactory) -> NewWorld:
    """Opens a world on the empty database of that address."""

    @contextmanager
    def opened(url: str) -> Iterator[World]:
        clock = Clock(START)
        with (
            pytest.MonkeyPatch.context() as patch,
            closing(open_database(url)) as database,
            JiraCloud() as jira,
            GitHub() as github,
        ):
            # The database's own time moves with the world's: the only clock of the engine.
            patch.setattr("sync.store.clock.now", lambda tx: clock())
            jira.clock = github.clock = clock
            jira.keep_answers = github.keep_answers = False
            yield World(Office(database, tmp_path_factory.mktemp("world"), jira, github), clock)

    return opened
