"""Bringing a database's schema up to date, and refusing one that this program does not understand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec
from sqlalchemy import Connection, column, inspect, select, table, text

from sync.store.connect import Database
from sync.store.errors import StoreError
from sync.store.schema import metadata

if TYPE_CHECKING:
    from alembic.config import Config

MIGRATIONS = Path(__file__).with_name("migrations")
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
        # Every command looks at the schema, hardly one changes it: loading Alembic takes a seventh of what a short one costs.
        from alembic import command

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
    known = revisions()
    head, current = known[-1], _revision(tx)
    if current is None:
        return SchemaStatus(current=None, head=head, state="empty")
    if current not in known:
        return SchemaStatus(current=current, head=head, state="newer")
    return SchemaStatus(current=current, head=head, state="current" if current == head else "behind")


def revisions() -> Sequence[str]:
    """Those that this program knows, the oldest first: the files of the migrations are called by them."""
    return sorted(file.name.partition("_")[0] for file in MIGRATIONS.glob("versions/*_*.py"))


def _revision(tx: Connection) -> str | None:
    """That of the database, where Alembic keeps it."""
    if not inspect(tx).has_table(VERSION_TABLE):
        return None
    return tx.execute(select(column("version_num")).select_from(table(VERSION_TABLE))).scalars().first()


def _config(tx: Connection) -> Config:
    """What Alembic is told: where the migrations are, and the transaction to work in."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = tx
    return config
