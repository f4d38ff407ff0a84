"""Runs of Milepost: who did it, when, and how it ended."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, RowMapping, insert, select, update

from sync.store.columns import to_micros
from sync.store.documents import encode, read_names, read_object
from sync.store.schema import run


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One command. `finished_at` is None while it runs, and for good where it was killed; `executor` is the worker whose job it
    was."""

    id: str
    command: str
    projects: tuple[str, ...]
    started_at: datetime
    finished_at: datetime | None
    outcome: str | None
    exit_code: int | None
    summary: Mapping[str, Any]
    executor: str | None = None


def new_run_id(now: datetime) -> str:
    """An id that no other run has; ids sort by the time at which their runs began (to the millisecond)."""
    return f"{to_micros(now) // 1_000:011x}-{secrets.token_hex(5)}"


def start(tx: Connection, command: str, projects: Sequence[str], now: datetime, *, executor: str | None = None) -> str:
    """Notes that a run begins, and returns its id."""
    ident = new_run_id(now)
    what = {"command": command, "projects": encode(tuple(projects)), "executor": executor}
    values = {"id": ident, **what, "started_at": now, "summary": b"{}"}
    tx.execute(insert(run), values)
    return ident


def finish(tx: Connection, ident: str, *, outcome: str, exit_code: int, summary: Mapping[str, Any], now: datetime) -> None:
    """Notes how a run ended. `summary` is anything that JSON can hold."""
    values = {"finished_at": now, "outcome": outcome, "exit_code": exit_code, "summary": encode(dict(summary))}
    tx.execute(update(run).where(run.c.id == ident).values(values))


def latest(tx: Connection, *, limit: int = 20) -> list[Run]:
    """The last runs, the newest first."""
    rows = tx.execute(select(run).order_by(run.c.id.desc()).limit(limit)).mappings()
    return [_run(row) for row in rows]


def page(
    tx: Connection,
    *,
    before: str | None = None,
    command: str | None = None,
    outcome: str | None = None,
    since: datetime | None = None,
    limit: int = 100,
) -> list[Run]:
    """At most `limit` runs, the newest first, those that began before the run `before`."""
    query = select(run).order_by(run.c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(run.c.id < before)
    if command is not None:
        query = query.where(run.c.command == command)
    if outcome is not None:
        query = query.where(run.c.outcome == outcome)
    if since is not None:
        query = query.where(run.c.started_at >= since)
    return [_run(row) for row in tx.execute(query).mappings()]


def find(tx: Connection, ident: str) -> Run | None:
    """One run."""
    row = tx.execute(select(run).where(run.c.id == ident)).mappings().one_or_none()
    return None if row is None else _run(row)


def last_done(tx: Connection, command: str) -> datetime | None:
    """When a command last ended as it should."""
    done = select(run.c.finished_at).where(run.c.command == command, run.c.outcome == "done")
    return tx.execute(done.order_by(run.c.id.desc()).limit(1)).scalar_one_or_none()


def took_turns(tx: Connection, key: str, former: str, since: datetime) -> bool:
    """Whether a run that knows projects again was for `key` before one was for `former`."""
    some = select(run.c.projects).where(run.c.started_at >= since, run.c.command.in_(("pull", "apply", "sync")))
    seen = False
    for names in map(read_names, tx.execute(some.order_by(run.c.id)).scalars()):
        if seen and former in names:
            return True
        seen = seen or key in names
    return False


def _run(row: RowMapping) -> Run:
    fields: dict[str, Any] = {**row, "projects": read_names(row["projects"]), "summary": read_object(row["summary"])}
    return Run(**fields)
