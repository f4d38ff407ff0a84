"""The listings that each project rests on: what was listed whole of its scopes, until they were listed whole as they are now."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import msgspec
from sqlalchemy import Connection, delete, select

from sync.store.schema import rests_on, stream
from sync.store.streams import StreamKey, StreamState
from sync.store.upsert import upsert

_KEY = tuple(stream.c[name] for name in StreamKey.__struct_fields__)


class Rested(msgspec.Struct, frozen=True, order=True, kw_only=True):
    """One listing, and when it had been read last when the project rested on it last."""

    key: StreamKey
    pulled_at: datetime | None


def load(tx: Connection, project: str) -> list[Rested]:
    """What a project rests on, sorted."""
    query = select(rests_on.c.pulled_at, *_KEY).join(stream, rests_on.c.stream == stream.c.id)
    return sorted((_rested(*row) for row in tx.execute(query.where(rests_on.c.project == project))), key=lambda one: one.key)


def by_project(tx: Connection) -> dict[str, list[StreamKey]]:
    """What every project rests on, also those that the project file no longer has."""
    found: dict[str, list[StreamKey]] = {}
    query = select(rests_on.c.project, rests_on.c.pulled_at, *_KEY).join(stream, rests_on.c.stream == stream.c.id)
    for project, *rested in tx.execute(query):
        found.setdefault(project, []).append(_rested(*rested).key)
    return found


def save(tx: Connection, project: str, states: Iterable[StreamState]) -> None:
    """Replaces what a project rests on."""
    wanted = {state.id: state.pulled_at for state in states}
    query = select(rests_on.c.stream, rests_on.c.pulled_at).where(rests_on.c.project == project)
    stored = {row.stream: row.pulled_at for row in tx.execute(query)}
    news = [one for one, at in sorted(wanted.items()) if one not in stored or stored[one] != at]
    rows = [{"project": project, "stream": one, "pulled_at": wanted[one]} for one in news]
    upsert(tx, rests_on, rows, update=("pulled_at",))
    if over := list(stored.keys() - wanted.keys()):
        tx.execute(delete(rests_on).where(rests_on.c.project == project, rests_on.c.stream.in_(over)))


def _rested(pulled_at: datetime | None, *key: object) -> Rested:
    return Rested(key=StreamKey(**dict(zip(StreamKey.__struct_fields__, key, strict=True))), pulled_at=pulled_at)  # type: ignore[arg-type]  # the columns of its fields
