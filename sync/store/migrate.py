"""Bringing a database's schema up to date, and refusing one that this program does not understand."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from sync.store.connect import Database
from sync.store.errors import StoreError
from sync.store.schema import metadata

VERSION_TABLE = "milepost_version"
_UPGRADE_LOCK = 0x6D696C65


class SchemaStatus(msgspec.Struct, frozen=True, kw_only=True):
    """`current`: the revision of the database, None where it holds nothing of ours; `head`: the one that this program needs.

    `newer` says that the revision is unknown here: a newer Milepost has upgraded the database.
    """

    current: str | None
    head: str
    state: Literal["empty", "behind", "current", "newer"]


def status(database: Database) -> SchemaStatus:
    """How the database's schema stands to this program."""
    with database.read() as tx:
        return _status(tx)


def upgrade(database: Database) -> SchemaStatus:
    """Brings the schema up to date, all or nothing. Raises `StoreError` for a newer one, or where others' tables are in the way."""
    with database.write() as tx:
        if database.dialect == "postgresql":
            tx.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _UPGRADE_LOCK})
        before = _status(tx)
        if before.state == "current":
            return before
        if before.state == "newer" and (refused := refusal(before, str(database))):
            raise refused
        if before.state == "empty":
            _check_vacant(database, tx)
        command.upgrade(_config(tx), "head")
        return _status(tx)


def require_current(database: Database) -> None:
    """Creates the schema in an empty database. Raises `StoreError` when the schema is older or newer than this program needs."""
    found = status(database)
    if found.state == "empty":
        found = upgrade(database)
    refused = refusal(found, str(database))
    if refused is not None:
        raise refused


def refusal(found: SchemaStatus, place: str) -> StoreError | None:
    """Why a schema cannot be worked with, if so."""
    match found.state:
        case "behind":
            message = f"{place} was made by an older Milepost (its schema is {found.current}, this program needs {found.head})"
            return StoreError(message, "back it up, then run milepost db upgrade")
        case "newer":
            message = f"{place} was made by a newer Milepost (its schema is {found.current}, this program knows {found.head})"
            return StoreError(message, "install the newer Milepost, or name another database in store.url")
        case _:
            return None


def _check_vacant(database: Database, tx: Connection) -> None:
    taken = sorted(set(inspect(tx).get_table_names()) & metadata.tables.keys())
    if taken:
        raise StoreError(
            f"{database} holds tables of another program ({', '.join(taken)})", "give Milepost a database or a schema of its own"
        )


def _status(tx: Connection) -> SchemaStatus:
    script = ScriptDirectory.from_config(_config(tx))
    head = script.get_current_head()
    assert head is not None
    known = {revision.revision for revision in script.walk_revisions()}
    current = MigrationContext.configure(tx, opts={"version_table": VERSION_TABLE}).get_current_revision()
    if current is None:
        return SchemaStatus(current=None, head=head, state="empty")
    if current not in known:
        return SchemaStatus(current=current, head=head, state="newer")
    return SchemaStatus(current=current, head=head, state="current" if current == head else "behind")


def _config(tx: Connection) -> Config:
    config = Config()
    folder = str(Path(__file__).with_name("migrations"))
    config.set_main_option("script_location", folder.replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = tx
    return config
