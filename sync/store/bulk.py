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
        tx.exec_driver_sql(_spelled(tx, sql), list(rows))


def read(tx: Connection, sql: str, values: tuple[Any, ...], among: Sequence[str]) -> list[tuple[Any, ...]]:
    """The rows of `sql`, with `?` for each of `values`, and `…` at its end for the texts `among`, of which there must be one."""
    listed = sql.replace("…", ", ".join("?" * len(among)))
    return [tuple(row) for row in tx.exec_driver_sql(_spelled(tx, listed), (*values, *among))]


def chunks(items: Sequence[T], size: int = CHUNK) -> Iterator[list[T]]:
    """`items` in pieces of `size`: bounded memory, and statements that no database finds too long."""
    rest = iter(items)
    while piece := list(islice(rest, size)):
        yield piece


def _spelled(tx: Connection, sql: str) -> str:
    return sql if tx.dialect.name == "sqlite" else sql.replace("?", "%s")
