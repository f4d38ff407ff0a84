"""A store of every earlier schema is brought to the present one with all that it holds, on both databases."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import MetaData, make_url, select

from mappings.model import Ref
from sync.store import audit, entities, migrate, observations, publishing, verdicts
from sync.store.connect import Database, open_database
from sync.store.errors import StoreError
from sync.store.schema import metadata
from tests.store.released.furnish import COMMIT, FOLDER, HELD, KEY, NOON, REQUEST, SLOT, TICKET

MIGRATIONS = ScriptDirectory(str(Path(migrate.__file__).with_name("migrations")))
REVISIONS = sorted(revision.revision for revision in MIGRATIONS.walk_revisions())


@pytest.fixture(params=REVISIONS)
def old_url(request: pytest.FixtureRequest, dialect: str, empty_database_url: str) -> str:
    """A store as an earlier version of Milepost left it."""
    script = (FOLDER / f"{request.param}.{dialect}.sql").read_text(encoding="utf-8")
    address = make_url(empty_database_url)
    if dialect == "sqlite":
        with closing(sqlite3.connect(str(address.database))) as connection:
            connection.executescript(script)
    else:
        server = address.set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(script.encode())
    return empty_database_url


@pytest.fixture
def old(old_url: str) -> Iterator[Database]:
    with closing(open_database(old_url)) as database:
        yield database


def contents(database: Database) -> dict[str, list[dict[str, Any]]]:
    """Every row of every table, as the database has it."""
    with database.read() as tx:
        found = MetaData()
        found.reflect(tx)
        return {
            name: [dict(row) for row in tx.execute(select(table).order_by(*table.columns)).mappings()]
            for name, table in found.tables.items()
            if name != migrate.VERSION_TABLE
        }


@pytest.mark.parametrize("revision", REVISIONS)
def test_every_migration_comes_with_dumps_of_the_schema_that_it_makes(revision: str, dialect: str) -> None:
    dump = FOLDER / f"{revision}.{dialect}.sql"
    assert dump.exists(), f"run: python -m tests.store.released.furnish, and commit {dump.name}"
    version = [line for line in dump.read_text(encoding="utf-8").splitlines() if migrate.VERSION_TABLE in line and "INSERT" in line]
    assert [revision in line for line in version] == [True]


def test_migrations_follow_each_other_one_by_one() -> None:
    assert MIGRATIONS.get_heads() == [REVISIONS[-1]]
    assert [f"{number:04}" for number in range(1, len(REVISIONS) + 1)] == REVISIONS


def test_every_row_survives_the_upgrade(old: Database) -> None:
    before = contents(old)
    assert all(before.values()), "a dump has something in every table"
    migrate.upgrade(old)
    after = contents(old)
    for name, rows in before.items():
        kept = [{column: row[column] for column in rows[0]} for row in after[name]]
        assert kept == rows, name


def test_an_upgraded_store_is_one_that_this_program_made(old: Database) -> None:
    found = migrate.upgrade(old)
    assert (found.state, found.current) == ("current", REVISIONS[-1])
    with old.read() as tx:
        options = {"version_table": migrate.VERSION_TABLE, "compare_type": True, "compare_server_default": True}
        assert compare_metadata(MigrationContext.configure(tx, opts=options), metadata) == []


def test_an_upgraded_store_is_understood(old: Database) -> None:
    migrate.upgrade(old)
    with old.read() as tx:
        assert entities.load(tx, [KEY]) == [TICKET]
        assert entities.get(tx, [REQUEST.ref, COMMIT.ref]) == [REQUEST, COMMIT]
        assert entities.slots_of(tx, [TICKET.ref]) == {SLOT: "Model ready"}
        assert publishing.published(tx, "churn")[SLOT].value == "Model ready"
        assert publishing.held(tx, "churn")[HELD].kind == "override"
        assert [(one.slot, one.after) for one in audit.read(tx, key="ml-1")] == [(SLOT, "Model ready")]
        assert [one.subject for one in verdicts.load(tx, "churn")] == [TICKET.ref]
        assert [one.subject for one in observations.history(tx, "churn", NOON)] == [Ref("mlflow", "model_version", "churn/1")]


def test_an_older_store_is_not_worked_with_before_it_is_upgraded(old: Database) -> None:
    found = migrate.status(old)
    if found.current == found.head:
        migrate.require_current(old)
        return
    with pytest.raises(StoreError, match=rf"older Milepost .*{found.current}.*{found.head}") as caught:
        migrate.require_current(old)
    assert "milepost db upgrade" in caught.value.fix


def test_threads_that_upgrade_at_once_do_it_once(old: Database) -> None:
    with ThreadPoolExecutor(3) as pool:
        states = [one.state for one in pool.map(lambda _: migrate.upgrade(old), range(3))]
    assert states == ["current"] * 3


@pytest.mark.parametrize("old_url", REVISIONS[:1], indirect=True)
def test_processes_that_upgrade_at_once_do_it_once(old: Database, old_url: str) -> None:
    program = (
        "import sys; from sync.store import migrate; from sync.store.connect import open_database;"
        "print(migrate.upgrade(open_database(sys.argv[1])).state)"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", program, old_url], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    ended = [(*process.communicate(timeout=120), process.returncode) for process in running]
    assert ended == [("current\n", "", 0)] * 2
    assert migrate.status(old).state == "current"
