"""Streams: what was pulled of each (source, stream, scope, mapping version), and how far."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Row, and_, bindparam, delete, func, or_, select, update

from sync.store import erased
from sync.store.documents import encode
from sync.store.schema import membership, published, rests_on, stream
from sync.store.text import printable
from sync.store.upsert import upsert


class StreamKey(msgspec.Struct, frozen=True, order=True, kw_only=True):
    """What a cursor and a listing's completeness belong to: a change of any part starts a full pull."""

    source: str
    stream: str
    scope_hash: str
    mapping_version: int


class StreamState(msgspec.Struct, frozen=True, kw_only=True):
    """`sweep` numbers the full listing that is or was made last, from 1; `sweep_started_at` is its beginning.

    `complete_at` is the end of the last proven full listing, `pulled_at` of the last successful pull of any kind, `error` and
    `failed_at` why and when one failed since. `records` counts what was received since the sweep began, repetitions included.
    """

    id: int
    key: StreamKey
    cursor: str | None = None
    sweep: int = 0
    sweep_started_at: datetime | None = None
    complete_at: datetime | None = None
    pulled_at: datetime | None = None
    error: str | None = None
    failed_at: datetime | None = None
    records: int = 0


def open_stream(tx: Connection, key: StreamKey) -> StreamState:
    """The stream's state, created where there is none."""
    found = _find(tx, key)
    if found is None:
        row = {**msgspec.structs.asdict(key), "sweep": 0, "records": 0}
        upsert(tx, stream, [row], update=(), unique=StreamKey.__struct_fields__)
        found = _find(tx, key)
        assert found is not None
    return found


def begin_sweep(tx: Connection, key: StreamKey, now: datetime) -> StreamState:
    """Starts a new full listing: from no cursor, with a number of its own."""
    return sweep_again(tx, open_stream(tx, key), now)


def sweep_again(tx: Connection, state: StreamState, now: datetime) -> StreamState:
    """The same, of a stream that was just opened in this transaction."""
    changes = {"sweep": state.sweep + 1, "sweep_started_at": now, "cursor": None, "records": 0}
    tx.execute(_CHANGE, {**_named(state.key), **changes})
    return msgspec.structs.replace(state, **changes)


def list_whole(tx: Connection, key: StreamKey, names: AbstractSet[str]) -> None:
    """The next pull of these streams of the source, in every scope, is a full listing from the beginning. What they proved stays.

    The first listing of all is left to come to its end: begun anew with each news, it might never get there.
    """
    if not names:
        return
    alike = (stream.c.source == key.source, stream.c.stream.in_(names), stream.c.mapping_version == key.mapping_version)
    listed = select(stream.c.id).where(*alike, stream.c.complete_at.is_not(None))
    # Whoever marks several waits in the order of all.
    those = tx.execute(listed.order_by(stream.c.id).with_for_update()).scalars().all()
    tx.execute(update(stream).where(stream.c.id.in_(those)).values(sweep_started_at=None))


def finish(tx: Connection, key: StreamKey, *, complete: bool, now: datetime) -> None:
    """The pull succeeded. `complete`: it ended a proven full listing."""
    changes: dict[str, Any] = {"pulled_at": now, "error": None, "failed_at": None}
    if complete:
        changes["complete_at"] = now
    tx.execute(_CHANGE, {**_named(key), **changes})


def fail(tx: Connection, key: StreamKey, error: str, now: datetime) -> None:
    """The pull failed: what was known stays, with its age, and so does the cursor."""
    tx.execute(update(stream).where(is_stream(key)).values(error=printable(erased.of_text(tx, error), 2_000), failed_at=now))


def states(tx: Connection, keys: Iterable[StreamKey]) -> list[StreamState]:
    """The states of those streams that were ever opened, in the order of `keys`."""
    wanted = list(dict.fromkeys(keys))
    rows = tx.execute(_OF_SOURCES, {"sources": list({key.source for key in wanted})})
    by_key = {state.key: state for state in map(_state, rows)}
    return [by_key[key] for key in wanted if key in by_key]


def last_pulls(tx: Connection) -> Mapping[str, datetime]:
    """When something of each source was last pulled successfully."""
    query = (
        select(stream.c.source, func.max(stream.c.pulled_at).label("at"))
        .where(stream.c.pulled_at.is_not(None))
        .group_by(stream.c.source)
    )
    return {row.source: row.at for row in tx.execute(query.order_by(stream.c.source))}


def listed_since(states: Iterable[StreamState]) -> datetime | None:
    """The time since which every scope of a stream has been listed whole, from the states of them all; None if one of them was
    not, or not to the end."""
    began = []
    for state in states:
        if state.complete_at is None or state.sweep_started_at is None or state.complete_at < state.sweep_started_at:
            return None
        began.append(state.sweep_started_at)
    return min(began, default=None)


def last_complete(tx: Connection, key: StreamKey, alike: str) -> StreamState | None:
    """The stream's last complete listing under a scope hash that begins with `alike`: what it read then is what it would read now,
    though other slots were ours."""
    same = (_alike(key, alike), stream.c.mapping_version == key.mapping_version, stream.c.complete_at.is_not(None))
    row = tx.execute(select(stream).where(*same).order_by(stream.c.complete_at.desc()).limit(1)).one_or_none()
    return None if row is None else _state(row)


def drop_obsolete(tx: Connection, key: StreamKey, *, alike: str | None = None) -> Sequence[StreamState]:
    """Forgets what a stream that was listed completely replaces: its older mapping versions, and those under other scope hashes
    that begin with `alike`. Whoever rested on these rests on it from now on. Returns what is left of the stream, of every scope.
    """
    there = [_state(row) for row in tx.execute(_OF_STREAM, {"source": key.source, "stream": key.stream})]
    mine = next((state for state in there if state.key == key and state.complete_at is not None), None)
    if mine is None:
        return there
    replaced = [state.id for state in there if _is_obsolete(state.key, key, alike)]
    if replaced:
        rested = select(rests_on.c.project).distinct().where(rests_on.c.stream.in_(replaced))
        heirs = [{"project": one, "stream": mine.id, "pulled_at": mine.pulled_at} for one in tx.execute(rested).scalars()]
        upsert(tx, rests_on, heirs, update=())
        _drop(tx, stream.c.id.in_(replaced))
    return [state for state in there if state.id not in replaced]


def _is_obsolete(one: StreamKey, present: StreamKey, alike: str | None) -> bool:
    if one.scope_hash == present.scope_hash:
        return one.mapping_version < present.mapping_version
    return alike is not None and one.scope_hash.startswith(alike)


def retire(tx: Connection, source: str, hashes: Iterable[str], before: datetime, *, projects: Iterable[str] = ()) -> int:
    """Forgets the streams of a source's scopes that are not among `hashes` and were last worked on before `before`, unless one of
    `projects` rests on them, or one that still shows something. Returns how many.
    """
    others = tx.execute(_UNNAMED, {"source": source, "hashes": list(hashes), "projects": list(projects)})
    idle = [
        state.id
        for state in map(_state, others)
        if all(time is None or time < before for time in (state.sweep_started_at, state.pulled_at, state.failed_at))
    ]
    return _drop(tx, stream.c.id.in_(idle)) if idle else 0


def ids(tx: Connection, keys: Iterable[StreamKey]) -> list[int]:
    """The row numbers of those streams that were ever opened."""
    return [state.id for state in states(tx, keys)]


def _drop(tx: Connection, which: ColumnElement[bool]) -> int:
    for table in (membership, rests_on):
        tx.execute(delete(table).where(table.c.stream.in_(select(stream.c.id).where(which))))
    return tx.execute(delete(stream).where(which)).rowcount


def _alike(key: StreamKey, beginning: str) -> ColumnElement[bool]:
    return and_(
        stream.c.source == key.source,
        stream.c.stream == key.stream,
        stream.c.scope_hash.startswith(beginning, autoescape=True),
    )


def _find(tx: Connection, key: StreamKey) -> StreamState | None:
    row = tx.execute(_BY_KEY, msgspec.structs.asdict(key)).one_or_none()
    return None if row is None else _state(row)


def is_stream(key: StreamKey) -> ColumnElement[bool]:
    """Whether a row of the table is this stream's."""
    return and_(
        stream.c.source == key.source,
        stream.c.stream == key.stream,
        stream.c.scope_hash == key.scope_hash,
        stream.c.mapping_version == key.mapping_version,
    )


def _state(row: Row[Any]) -> StreamState:
    fields = dict(row._mapping)
    key = StreamKey(**{name: fields.pop(name) for name in StreamKey.__struct_fields__})
    return StreamState(key=key, **fields)


def _named(key: StreamKey) -> Mapping[str, Any]:
    """The parameters that `_CHANGE` finds its row by; a column's own name would be a value to set."""
    return {f"of_{name}": value for name, value in msgspec.structs.asdict(key).items()}


# Asked for every page or pull, so they are put together once.
IS_NAMED = and_(*(stream.c[name] == bindparam(name) for name in StreamKey.__struct_fields__))
"""Whether a row is the stream's whose key the parameters are."""
_BY_KEY = select(stream).where(IS_NAMED)
_OF_STREAM = select(stream).where(stream.c.source == bindparam("source"), stream.c.stream == bindparam("stream"))
_OF_SOURCES = select(stream).where(stream.c.source.in_(bindparam("sources", expanding=True)))
_SHOWING = select(published.c.project).where(published.c.value != encode(None))
_NEEDED = select(rests_on.c.stream).where(
    or_(rests_on.c.project.in_(bindparam("projects", expanding=True)), rests_on.c.project.in_(_SHOWING))
)
_UNNAMED = select(stream).where(
    stream.c.source == bindparam("source"),
    stream.c.scope_hash.not_in(bindparam("hashes", expanding=True)),
    stream.c.id.not_in(_NEEDED),
)
_CHANGE = update(stream).where(*(stream.c[name] == bindparam(f"of_{name}") for name in StreamKey.__struct_fields__))
