"""How much the store holds."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, func, select

from sync.store.schema import metadata


def counts(tx: Connection) -> Mapping[str, int]:
    """The number of rows of each table, by name."""
    return {table.name: tx.execute(select(func.count()).select_from(table)).scalar_one() for table in metadata.sorted_tables}


def size(tx: Connection) -> int:
    """The bytes that the tables take, with their indexes."""
    if tx.dialect.name == "sqlite":
        pages, page = (tx.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in ("page_count", "page_size"))
        return int(pages * page)
    sizes = [func.pg_total_relation_size(func.to_regclass(f'"{table.name}"')) for table in metadata.sorted_tables]
    return int(sum(tx.execute(select(*sizes)).one()))
