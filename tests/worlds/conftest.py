"""Worlds to play in: a Jira, a GitHub, a registry, a database and Milepost between them, all on one clock."""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import event

sys.path.insert(0, str(Path(__file__).parents[2]))

from mappings.rules import StatusRule
from sandbox.github import GitHub
from sandbox.jira import JiraCloud
from sync.store.connect import open_database
from sync.workspace import Workspace
from tests.engine.conftest import Office, one_authority  # noqa: F401 - a fixture that `_trust_one_authority` asks for
from tests.worlds.clock import Clock
from tests.worlds.oracle import RULES
from tests.worlds.world import START, World


class Bureau(Office):
    """An office whose workspace is made anew only for another project file, as it is for every job of a worker that runs on. Of the
    shipped statuses it has those that the oracle judges."""

    _made: tuple[str, Workspace] | None = None

    def workspace(self) -> Workspace:
        said = json.dumps([self.projects, self.top, sorted(self.without), id(self.connection)])
        if self._made is None or self._made[0] != said:
            made = super().workspace()
            projects = [msgspec.structs.replace(one, rules=tuple(_judged_by_the_oracle(one.rules))) for one in made.projects]
            self._made = said, msgspec.structs.replace(made, projects=projects)
        return self._made[1]


def _judged_by_the_oracle(rules: Sequence[StatusRule]) -> Iterator[StatusRule]:
    return (rule for rule in rules if rule.id in RULES)


NewWorld = Callable[[str], AbstractContextManager[World]]


@pytest.fixture(autouse=True)
def _trust_one_authority(one_authority: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811 - asks for the fixture
    monkeypatch.setenv("SSL_CERT_FILE", str(one_authority))


def _need_not_survive(connection: sqlite3.Connection, _: object) -> None:
    """Nothing here has to survive a power cut."""
    connection.execute("PRAGMA synchronous = OFF")


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
            if database.dialect == "sqlite":
                event.listen(database._engine, "connect", _need_not_survive)
            # The database's own time, the only clock of the engine, moves with the world's.
            patch.setattr("sync.store.clock.now", lambda tx: clock.of_database())
            jira.clock = github.clock = clock
            jira.keep_answers = github.keep_answers = False
            yield World(Bureau(database, tmp_path_factory.mktemp("world"), jira, github), clock)

    return opened
