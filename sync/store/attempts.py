"""What is due and was tried in vain: when to try again. News of it is tried at once, however often it failed before."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, func, or_, select, update

from sync.store.schema import due, relist

FIRST = timedelta(seconds=10)
LONGEST = timedelta(minutes=15)
"""How long it takes before something is tried again: twice as long each time."""


def project_failed(tx: Connection, project: str, revision: int, now: datetime) -> int:
    """What had to be done for a project at this revision could not be, or not all of it. Returns how often by now."""
    return _failed(tx, due, [due.c.project == project], revision, now)


def stream_failed(tx: Connection, source: str, stream: str, revision: int, now: datetime) -> int:
    """A stream could not be read at this revision. Returns how often by now."""
    return _failed(tx, relist, [relist.c.source == source, relist.c.stream == stream], revision, now)


def project_put_off(tx: Connection, project: str, revision: int, until: datetime) -> None:
    """Somebody else is at work on a project: that is no failure."""
    _put_off(tx, due, [due.c.project == project], revision, until)


def stream_put_off(tx: Connection, source: str, stream: str, revision: int, until: datetime) -> None:
    """Somebody else reads a stream."""
    _put_off(tx, relist, [relist.c.source == source, relist.c.stream == stream], revision, until)


def ready_projects(tx: Connection, now: datetime) -> Sequence[str]:
    """The projects that are due and may be tried now, the longest first."""
    return list(tx.execute(select(due.c.project).where(_is_ready(due, now)).order_by(due.c.since)).scalars())


def ready_streams(tx: Connection, now: datetime) -> Sequence[tuple[str, str]]:
    """The sources and streams that are due and may be tried now, the longest first."""
    query = select(relist.c.source, relist.c.stream).where(_is_ready(relist, now)).order_by(relist.c.since)
    return [(row.source, row.stream) for row in tx.execute(query)]


def next_try(tx: Connection, now: datetime) -> datetime | None:
    """When the first of what may not be tried yet may be; None where there is none."""
    waiting = [select(func.min(table.c.retry_at)).where(table.c.retry_at > now).scalar_subquery() for table in (due, relist)]
    return min((moment for moment in tx.execute(select(*waiting)).one() if moment is not None), default=None)


def backoff(tries: int) -> timedelta:
    """How long to wait after so many failures in a row."""
    return min(FIRST * (1 << min(tries - 1, 10)), LONGEST)


def _is_ready(table: Table, now: datetime) -> ColumnElement[bool]:
    """Whether a row is to be tried now. A time that no failure can set was set by a clock that was ahead."""
    c = table.c
    return or_(c.retry_at.is_(None), c.retry_at <= now, c.retry_at > now + LONGEST, c.tried != c.revision)


def _failed(tx: Connection, table: Table, which: list[ColumnElement[bool]], revision: int, now: datetime) -> int:
    """A failure at another revision than the last one is the first of its kind."""
    again = tx.execute(table.select().where(*which, table.c.tried == revision)).mappings().first()
    tries = ((again["tries"] or 0) if again is not None else 0) + 1
    _set(tx, table, which, tried=revision, tries=tries, retry_at=now + backoff(tries))
    return tries


def _put_off(tx: Connection, table: Table, which: list[ColumnElement[bool]], revision: int, until: datetime) -> None:
    _set(tx, table, which, tried=revision, tries=func.coalesce(table.c.tries, 0), retry_at=until)


def _set(tx: Connection, table: Table, which: list[ColumnElement[bool]], **values: Any) -> None:
    tx.execute(update(table).where(*which).values(values))
