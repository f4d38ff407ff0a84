"""The schema: what migrations build is what the code expects, on both databases; older and newer ones are told apart."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from sync.store import migrate
from sync.store.connect import Database, open_database
from sync.store.errors import StoreError
from sync.store.schema import metadata
from sync.store.statistics import counts


@pytest.fixture
def empty(empty_database_url: str) -> Iterator[Database]:
    database = open_database(empty_database_url)
    yield database
    database.close()


def test_the_migrated_schema_is_the_one_that_the_code_describes(database: Database) -> None:
    with database.read() as tx:
        options = {"version_table": migrate.VERSION_TABLE, "compare_type": True, "compare_server_default": True}
        assert compare_metadata(MigrationContext.configure(tx, opts=options), metadata) == []


def test_the_files_are_called_by_the_revisions_that_alembic_finds_in_them() -> None:
    script = ScriptDirectory(str(migrate.MIGRATIONS))
    assert migrate.revisions() == [one.revision for one in script.walk_revisions()][::-1]


def test_an_empty_database_is_created_silently(empty: Database) -> None:
    assert migrate.status(empty).state == "empty"
    migrate.require_current(empty)
    found = migrate.status(empty)
    assert (found.state, found.current) == ("current", found.head)
    with empty.read() as tx:
        assert set(counts(tx).values()) == {0}


def test_two_upgrades_at_once_make_one_schema(empty: Database) -> None:
    with ThreadPoolExecutor(2) as pool:
        states = [one.state for one in pool.map(lambda _: migrate.upgrade(empty), range(2))]
    assert states == ["current", "current"]


def test_upgrading_again_changes_nothing(database: Database) -> None:
    assert migrate.upgrade(database) == migrate.status(database)


def test_a_newer_schema_is_refused(database: Database) -> None:
    with database.write() as tx:
        tx.execute(text(f"UPDATE {migrate.VERSION_TABLE} SET version_num = '9999'"))
    assert migrate.status(database).state == "newer"
    with pytest.raises(StoreError, match="newer Milepost"):
        migrate.require_current(database)
    with pytest.raises(StoreError, match="9999"):
        migrate.upgrade(database)


def test_an_older_schema_names_the_command_that_upgrades_it() -> None:
    older = migrate.SchemaStatus(current="0001", head="0002", state="behind")
    refused = migrate.refusal(older, "the database milepost.db")
    assert refused is not None
    assert "milepost db upgrade" in refused.fix


def test_tables_of_another_program_are_left_alone(empty: Database) -> None:
    with empty.write() as tx:
        tx.execute(text("CREATE TABLE run (distance integer)"))
    with pytest.raises(StoreError, match="tables of another program"):
        migrate.require_current(empty)
    with empty.read() as tx:
        assert tx.execute(text("SELECT count(distance) FROM run")).scalar_one() == 0
    assert migrate.status(empty).state == "empty"
