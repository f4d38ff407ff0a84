"""How much the store holds."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, func, select

from sync.store.schema import metadata


def counts(tx: Connection) -> Mapping[str, int]:
    """The number of rows of each table, by name."""
    return {table.name: tx.execute(select(func.count()).select_from(table)).scalar_one() for table in metadata.sorted_tables}
