"""What waits to be followed: projects whose facts have changed, and streams of which a delivery said that there is something new.

Who marks several takes them in one order, lest two wait for each other: projects by key, then streams by source and name.

Each has one row, whose revision grows with every further reason. Whoever follows it reads the revision first and clears that one:
what came meanwhile stays due.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Table, and_, delete, func, select, update

from sync.store import clock
from sync.store.columns import to_micros
from sync.store.schema import due, relist
from sync.store.upsert import insertion


class DueProject(msgspec.Struct, frozen=True, kw_only=True):
    """A project to judge, plan and apply: `since` the first reason came, with its `trace`."""

    project: str
    revision: int
    since: datetime
    trace: str | None


class DueStream(msgspec.Struct, frozen=True, kw_only=True):
    """A stream to pull on from its cursors, in every scope of its source: `since` the first reason came, with its `trace`."""

    source: str
    stream: str
    revision: int
    since: datetime
    trace: str | None


def mark(tx: Connection, projects: Iterable[str], since: datetime, trace: str | None = None) -> None:
    """There is a reason to follow these projects, which came at `since`."""
    _mark(tx, due, [{"project": project} for project in sorted(set(projects))], since, trace)


def marked(tx: Connection) -> Sequence[DueProject]:
    """The projects that are due, the longest first."""
    return [DueProject(**row) for row in _marked(tx, due, DueProject.__struct_fields__)]


def clear(tx: Connection, project: str, revision: int) -> bool:
    """The project was followed as it was at this revision. False when there was a further reason meanwhile: it stays due."""
    return _clear(tx, due, due.c.project == project, revision)


def mark_streams(tx: Connection, source: str, streams: Iterable[str], since: datetime, trace: str | None = None) -> None:
    """There is a reason to pull these streams of a source, which came at `since`."""
    _mark(tx, relist, [{"source": source, "stream": stream} for stream in sorted(set(streams))], since, trace)


def marked_streams(tx: Connection) -> Sequence[DueStream]:
    """The streams that are due, the longest first."""
    return [DueStream(**row) for row in _marked(tx, relist, DueStream.__struct_fields__)]


def clear_stream(tx: Connection, source: str, stream: str, revision: int) -> bool:
    """The stream was pulled as `clear` says of projects."""
    return _clear(tx, relist, and_(relist.c.source == source, relist.c.stream == stream), revision)


def _mark(tx: Connection, table: Table, keys: Sequence[dict[str, str]], since: datetime, trace: str | None) -> None:
    if not keys:
        return
    insert = insertion(tx.dialect.name, table)
    # The row is locked until the end: revisions become visible in the order of what they stand for.
    again = {
        "revision": table.c.revision + 1,
        "later": func.coalesce(table.c.later, insert.excluded.since),
        "trace": func.coalesce(table.c.trace, insert.excluded.trace),
    }
    # Nor does a row that was cleared and comes again ever have the revision of one before it.
    first = to_micros(clock.now(tx))
    rows = [{**key, "revision": first, "since": since, "trace": trace} for key in keys]
    tx.execute(insert.on_conflict_do_update(index_elements=list(table.primary_key.columns), set_=again), rows)


def _marked(tx: Connection, table: Table, names: Sequence[str]) -> Sequence[dict[str, Any]]:
    query = select(*(table.c[name] for name in names)).order_by(table.c.since, *table.primary_key.columns)
    return [dict(row) for row in tx.execute(query).mappings()]


def _clear(tx: Connection, table: Table, which: ColumnElement[bool], revision: int) -> bool:
    if tx.execute(delete(table).where(which, table.c.revision == revision)).rowcount:
        return True
    since = func.coalesce(table.c.later, table.c.since)
    tx.execute(update(table).where(which, table.c.revision > revision).values(since=since, later=None, trace=None))
    return False
