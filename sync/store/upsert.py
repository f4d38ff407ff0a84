"""Insert or update in one statement, spelled alike for both databases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import sqlite

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql


def insertion(dialect: str, table: Table) -> sqlite.Insert | postgresql.Insert:
    """An INSERT that can say what is to become of a row that is there already."""
    if dialect == "sqlite":
        return sqlite.insert(table)
    from sqlalchemy.dialects import postgresql  # a tenth of a command's start, spared where SQLite is used

    return postgresql.insert(table)


def upsert(
    tx: Connection, table: Table, rows: Sequence[Mapping[str, Any]], *, update: Sequence[str], unique: Sequence[str] | None = None
) -> None:
    """Inserts `rows`; where one with the same unique columns (the primary key) exists, sets its columns `update` instead.

    With no column to update, an existing row stays as it is.
    """
    if not rows:
        return
    tx.execute(_statement(tx.dialect.name, table, tuple(update), tuple(unique or table.primary_key.columns.keys())), rows)


# To put it together would cost as much as to run it.
@cache
def _statement(dialect: str, table: Table, update: Sequence[str], target: Sequence[str]) -> sqlite.Insert | postgresql.Insert:
    insert = insertion(dialect, table)
    if update:
        return insert.on_conflict_do_update(index_elements=target, set_={name: insert.excluded[name] for name in update})
    return insert.on_conflict_do_nothing(index_elements=target)
