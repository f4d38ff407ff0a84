"""Intents to write, committed before the write and settled after it: what a crash leaves can be told from what never began."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec
from sqlalchemy import Connection, func, insert, select, update

from mappings.change import Change
from sync.store import erased, leases
from sync.store.bulk import chunks
from sync.store.documents import encode, read_change
from sync.store.leases import Lease
from sync.store.schema import outbox
from sync.store.text import printable

_LAST = 100

State = Literal["planned", "sending", "done", "failed", "conflict", "skipped"]


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One change on its way. `fence` is the token of the lease under which it was sent."""

    id: int
    run_id: str
    project: str
    source: str
    seq: int
    state: State
    change: Change
    fence: int | None
    planned_at: datetime
    sending_at: datetime | None
    finished_at: datetime | None
    why: str | None


def plan_changes(tx: Connection, run_id: str, project: str, changes: Sequence[Change], now: datetime) -> list[int]:
    """Commits the intent; returns the rows' ids in the order of `changes`. One call a run and project."""
    rows = [
        {
            "run_id": run_id,
            "project": project,
            "source": change.slot.target.source,
            "seq": seq,
            "state": "planned",
            "change": encode(change),
            "planned_at": now,
        }
        for seq, change in enumerate(changes)
    ]
    if not rows:
        return []
    return list(tx.execute(insert(outbox).returning(outbox.c.id, sort_by_parameter_order=True), rows).scalars())


def mark_sending(tx: Connection, ids: Sequence[int], lease: Lease, now: datetime, *, lasting: timedelta = timedelta(0)) -> None:
    """These are about to be written. Raises `LeaseLost` when the lease is not this run's for at least `lasting` more, and
    `ValueError` when one of them is no longer waiting: it may have been written already.
    """
    leases.verify(tx, lease, lasting=lasting)
    marked = 0
    for chunk in chunks(ids):
        waiting = outbox.c.id.in_(chunk) & (outbox.c.state == "planned")
        values = {"state": "sending", "fence": lease.token, "sending_at": now}
        marked += tx.execute(update(outbox).where(waiting).values(values)).rowcount
    if marked != len(ids):
        raise ValueError(f"{len(ids) - marked} of {len(ids)} changes are no longer waiting to be sent")


def settle(tx: Connection, number: int, state: State, why: str | None, now: datetime) -> None:
    """What became of one row."""
    values = {"state": state, "finished_at": now, "why": None if why is None else printable(erased.of_text(tx, why), 2_000)}
    tx.execute(update(outbox).where(outbox.c.id == number).values(values))


def unfinished(tx: Connection, project: str) -> list[Row]:
    """What a killed run left: `planned` rows never began, `sending` ones may have been written. In the order of planning."""
    query = select(outbox).where(outbox.c.project == project, outbox.c.state.in_(("planned", "sending"))).order_by(outbox.c.id)
    return [_row(dict(row)) for row in tx.execute(query).mappings()]


class Depth(msgspec.Struct, frozen=True, kw_only=True):
    """How many changes of a source are in one state, and when the oldest of them was planned."""

    source: str
    state: State
    count: int
    oldest: datetime


def depth(tx: Connection) -> Sequence[Depth]:
    """What is on its way, by source and state."""
    by = (outbox.c.source, outbox.c.state)
    query = select(*by, func.count(), func.min(outbox.c.planned_at)).where(outbox.c.state.in_(("planned", "sending"))).group_by(*by)
    return [
        Depth(source=source, state=state, count=count, oldest=oldest)
        for source, state, count, oldest in tx.execute(query.order_by(*by))
    ]


def slowest_answer(tx: Connection, source: str) -> timedelta:
    """How long a source took for the slowest of its last acknowledged writes: since it was marked, or since the one before it."""
    sent = outbox.c.sending_at.is_not(None) & (outbox.c.state == "done") & outbox.c.why.is_(None)  # what was found made has a why
    query = select(outbox.c.run_id, outbox.c.sending_at, outbox.c.finished_at).where(outbox.c.source == source, sent)
    last = tx.execute(query.order_by(outbox.c.id.desc()).limit(_LAST)).all()
    slowest, before = timedelta(0), dict[str, datetime]()
    for run_id, sending_at, finished_at in sorted(last, key=lambda row: row.finished_at):
        slowest = max(slowest, finished_at - max(sending_at, before.get(run_id, sending_at)))
        before[run_id] = finished_at
    return slowest


def waiting_since(tx: Connection, run_id: str) -> Mapping[str, datetime]:
    """The sources to which a run was sending something, and since when it was waiting for an answer, as far as is known: since its
    last one, or since it marked what it was about to send."""
    c = outbox.c
    sending = select(c.source, func.max(c.sending_at)).where(c.run_id == run_id, c.state == "sending").group_by(c.source)
    answered = select(c.source, func.max(c.finished_at)).where(c.run_id == run_id, c.sending_at.is_not(None)).group_by(c.source)
    last = {source: at for source, at in tx.execute(answered) if at is not None}
    return {source: max(marked, last.get(source, marked)) for source, marked in tx.execute(sending)}


def abandon(tx: Connection, project: str, ids: Sequence[int], now: datetime, *, why: str = "not sent") -> int:
    """Gives up those of `ids` that never began; what is being sent stays, to be compared with the remote side. Returns how many."""
    given_up = 0
    for chunk in chunks(ids):
        waiting = outbox.c.id.in_(chunk) & (outbox.c.project == project) & (outbox.c.state == "planned")
        given_up += tx.execute(update(outbox).where(waiting).values(state="failed", finished_at=now, why=why)).rowcount
    return given_up


def _row(fields: dict[str, Any]) -> Row:
    """The project of the row counts: it may have been renamed since."""
    change = msgspec.structs.replace(read_change(fields.pop("change")), project=fields["project"])
    return Row(change=change, **fields)
