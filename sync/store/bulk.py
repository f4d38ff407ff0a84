"""Thousands of rows by one statement: plain tuples straight to the driver, which costs a third of going through expressions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import Connection

CHUNK = 1_000
T = TypeVar("T")


def bulk(tx: Connection, sql: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """Runs `sql`, with `?` for each value, once for each row."""
    if rows:
        tx.exec_driver_sql(sql if tx.dialect.name == "sqlite" else sql.replace("?", "%s"), list(rows))


def chunks(items: Sequence[T], size: int = CHUNK) -> Iterator[list[T]]:
    """`items` in pieces of `size`: bounded memory, and statements that no database finds too long."""
    rest = iter(items)
    while piece := list(islice(rest, size)):
        yield piece
