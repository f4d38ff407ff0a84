"""The inbox: every webhook delivery that was answered for, from its arrival until it is settled.

A delivery is kept under the id that its source gave it, and that id is remembered for a while after it is settled, so that one that
is sent again is known. Its body is kept as it came until it has been read, and no longer.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, TypeAlias

import msgspec
from sqlalchemy import Connection, Select, func, or_, select, update

from sync.store import erased
from sync.store.bulk import chunks
from sync.store.columns import to_micros
from sync.store.schema import inbox
from sync.store.text import is_storable, printable

State: TypeAlias = Literal["waiting", "done", "dropped", "dead"]
STATES: Sequence[State] = ("waiting", "dead", "done", "dropped")

LONGEST = timedelta(hours=1)
"""Nothing waits for its time for longer; a time that is further ahead was set by a clock that was."""

MOST_BYTES = 64 * 1024 * 1024
"""Bodies that are read into memory together; a single one may be larger."""


class Arrival(msgspec.Struct, frozen=True, kw_only=True):
    """A verified delivery on its way into the inbox. `trace` is the W3C traceparent of the request that brought it."""

    source: str
    delivery: str
    event: str
    body: bytes
    trace: str | None = None


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery that is to be taken in. `tries` counts those that failed because of itself."""

    id: int
    source: str
    delivery: str
    event: str
    body: bytes
    received_at: datetime
    tries: int
    trace: str | None


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the inbox, for people. `error` says why it failed last, or what keeps it waiting."""

    id: int
    source: str
    delivery: str
    event: str
    received_at: datetime
    state: State
    tries: int
    retry_at: datetime | None
    error: str | None
    finished_at: datetime | None
    trace: str | None


class Depth(msgspec.Struct, frozen=True, kw_only=True):
    """How many deliveries of a source are in one state, and when the oldest of them came."""

    source: str
    state: State
    count: int
    oldest: datetime


def accept(tx: Connection, arrivals: Sequence[Arrival], now: datetime) -> Sequence[bool]:
    """Stores deliveries by one statement. Of each: whether it is new, or was there already, or earlier among `arrivals`."""
    added: set[tuple[str, str]] = set()
    keys = [(one.source, _identity(one.delivery)) for one in arrivals]
    first: dict[tuple[str, str], Arrival] = {}
    for key, one in zip(keys, arrivals, strict=True):
        first.setdefault(key, one)
    # Sorted, so that two who store some of the same deliveries wait for each other in the same order.
    for chunk in chunks(sorted(first)):
        values: list[Any] = []
        for source, delivery in chunk:
            one = first[source, delivery]
            trace = None if one.trace is None else printable(one.trace, 100)
            values += (source, delivery, printable(one.event, 200), one.body, to_micros(now), trace)
        rows = tx.exec_driver_sql(_insertion(len(chunk), tx.dialect.name), tuple(values))
        added.update((source, delivery) for source, delivery in rows)
    fresh = []
    for key in keys:
        fresh.append(key in added)
        added.discard(key)
    return fresh


def waiting(tx: Connection, source: str, limit: int, now: datetime) -> Sequence[Waiting]:
    """The deliveries of a source that may be taken in now, as they came: `limit` at most, and fewer where they are large."""
    sizes = select(inbox.c.id, func.length(inbox.c.body)).where(inbox.c.source == source, *_ready(now))
    chosen: list[int] = []
    taken = 0
    for ident, size in tx.execute(sizes.order_by(inbox.c.id).limit(limit)):
        taken += size
        if chosen and taken > MOST_BYTES:
            break
        chosen.append(ident)
    columns = [inbox.c[name] for name in Waiting.__struct_fields__]
    return [
        Waiting(**row._mapping)
        for chunk in chunks(chosen)
        for row in tx.execute(select(*columns).where(inbox.c.id.in_(chunk)).order_by(inbox.c.id))
    ]


def left_alone_until(tx: Connection, source: str, now: datetime) -> datetime | None:
    """Until when the source is not asked because it was away, if so: whatever came since waits as well."""
    mine = (inbox.c.source == source, inbox.c.state == "waiting", inbox.c.tries == 0)
    later = (inbox.c.retry_at > now, inbox.c.retry_at <= now + LONGEST)
    return tx.execute(select(inbox.c.retry_at).where(*mine, *later).order_by(inbox.c.retry_at.desc()).limit(1)).scalar_one_or_none()


def ready(tx: Connection, now: datetime) -> Sequence[str]:
    """The sources that have deliveries which may be taken in now."""
    return list(tx.execute(select(inbox.c.source).distinct().where(*_ready(now)).order_by(inbox.c.source)).scalars())


def settle(tx: Connection, ids: Iterable[int], state: Literal["done", "dropped"], now: datetime) -> int:
    """These need nothing more: what they said is forgotten, that they came is not. Returns how many were still waiting."""
    values = {"state": state, "body": None, "retry_at": None, "error": None, "finished_at": now}
    return _change(tx, ids, ("waiting",), values)


def fail(tx: Connection, ident: int, error: str, retry_at: datetime | None, now: datetime) -> None:
    """Something is wrong with this one delivery: it is tried again at `retry_at`, or with None put aside as dead."""
    values: dict[str, Any] = {"tries": inbox.c.tries + 1, "retry_at": retry_at, "error": _said(tx, error)}
    if retry_at is None:
        values |= {"state": "dead", "finished_at": now}
        body = tx.execute(select(inbox.c.body).where(inbox.c.id == ident)).scalar_one_or_none()
        known = erased.pseudonyms(tx)
        if body is not None and known is not None:
            values["body"] = erased.of_payload(body, known)
    _change(tx, [ident], ("waiting",), values)


def postpone(tx: Connection, ids: Iterable[int], error: str, retry_at: datetime) -> int:
    """Nothing is known to be wrong with these: what they name cannot be read just now. That counts as no try."""
    return _change(tx, ids, ("waiting",), {"retry_at": retry_at, "error": _said(tx, error)})


def retry(tx: Connection, ids: Iterable[int] | None = None) -> int:
    """Dead deliveries, or those of `ids` that are dead or wait for their time, are taken in next, as if they had never failed.

    Whatever else waits for their sources does so no longer. Returns how many were meant.
    """
    values = {"state": "waiting", "tries": 0, "retry_at": None, "finished_at": None}
    chosen = list(tx.execute(select(inbox.c.id).where(inbox.c.state == "dead")).scalars()) if ids is None else sorted(set(ids))
    for chunk in chunks(chosen):
        sources = select(inbox.c.source).where(inbox.c.id.in_(chunk), inbox.c.state.in_(("waiting", "dead")))
        left_alone = (inbox.c.source.in_(sources), inbox.c.state == "waiting", inbox.c.tries == 0)
        tx.execute(update(inbox).where(*left_alone).values(retry_at=None))
    return _change(tx, chosen, ("waiting", "dead"), values)


def drop(tx: Connection, ids: Iterable[int] | None, now: datetime) -> int:
    """Dead deliveries, or those of `ids` that are dead or waiting, are never taken in. Returns how many."""
    values = {"state": "dropped", "body": None, "retry_at": None, "finished_at": now}
    if ids is None:
        return tx.execute(update(inbox).where(inbox.c.state == "dead").values(values)).rowcount
    return _change(tx, ids, ("waiting", "dead"), values)


def listing(
    tx: Connection, *, states: Sequence[State], source: str | None = None, before: int | None = None, limit: int = 100
) -> Sequence[Kept]:
    """What is in the inbox in one of `states`, the latest first; with `before`, what came earlier than that row."""
    query = _kept().where(inbox.c.state.in_(states)).order_by(inbox.c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(inbox.c.id < before)
    if source is not None:
        query = query.where(inbox.c.source == source)
    return [Kept(**row._mapping) for row in tx.execute(query)]


def find(tx: Connection, ident: int) -> tuple[Kept, bytes | None] | None:
    """One row, and what it said as long as that is kept."""
    row = tx.execute(_kept().add_columns(inbox.c.body).where(inbox.c.id == ident)).one_or_none()
    if row is None:
        return None
    fields = dict(row._mapping)
    body = fields.pop("body")
    return Kept(**fields), body


def depth(tx: Connection) -> Sequence[Depth]:
    """What the inbox holds, by source and state."""
    query = select(inbox.c.source, inbox.c.state, func.count(), func.min(inbox.c.received_at)).group_by(
        inbox.c.source, inbox.c.state
    )
    rows = tx.execute(query.order_by(inbox.c.source, inbox.c.state))
    return [Depth(source=source, state=state, count=count, oldest=oldest) for source, state, count, oldest in rows]


def _ready(now: datetime) -> Sequence[Any]:
    retry_at = inbox.c.retry_at
    return inbox.c.state == "waiting", or_(retry_at.is_(None), retry_at <= now, retry_at > now + LONGEST)


def _kept() -> Select[Any]:
    return select(*(inbox.c[name] for name in Kept.__struct_fields__))


def _change(tx: Connection, ids: Iterable[int], states: Sequence[State], values: dict[str, Any]) -> int:
    changed = 0
    for chunk in chunks(sorted(set(ids))):
        among = inbox.c.id.in_(chunk) & inbox.c.state.in_(states) & inbox.c.body.is_not(None)
        changed += tx.execute(update(inbox).where(among).values(values)).rowcount
    return changed


def _said(tx: Connection, error: str) -> str:
    return printable(erased.of_text(tx, error), 2_000)


def _identity(delivery: str) -> str:
    """A delivery's id as it is stored. One that no database could hold goes by its digest."""
    if is_storable(delivery, limit=256):
        return delivery
    return "digest:" + hashlib.blake2b(delivery.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _insertion(count: int, dialect: str) -> str:
    mark = "?" if dialect == "sqlite" else "%s"
    row = f"({mark}, {mark}, {mark}, {mark}, {mark}, {mark}, 'waiting', 0)"
    return (
        "INSERT INTO inbox (source, delivery, event, body, received_at, trace, state, tries) "  # noqa: S608  # placeholders alone
        f"VALUES {', '.join([row] * count)} ON CONFLICT (source, delivery) DO NOTHING RETURNING source, delivery"
    )
