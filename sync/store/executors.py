"""Workers as the store knows them: who there is, when each was last seen, and what a dead one leaves behind.

A row proves nothing: that a worker lives is proven by what it holds open (`presence`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import Connection, delete, or_, select, update

from sync.moments import CLOCK_SKEW
from sync.store.schema import executor, lease, outbox, run
from sync.store.upsert import upsert

SETTLING = timedelta(seconds=2)
"""What a dead process had sent may still be carried out. Nothing is compared with the remote side sooner after the sending."""

_FORGOTTEN = timedelta(days=7)


class Executor(msgspec.Struct, frozen=True, kw_only=True):
    """One worker. `incarnation` is a new one each time a worker of this name starts; `stopped_at` is None until it has ended or was
    found dead."""

    name: str
    incarnation: str
    host: str
    started_at: datetime
    seen_at: datetime
    stopped_at: datetime | None


def begin(tx: Connection, name: str, incarnation: str, host: str, now: datetime) -> None:
    """A worker of this name starts. Those that nobody has seen for long are forgotten."""
    tx.execute(delete(executor).where(executor.c.seen_at < now - _FORGOTTEN, executor.c.stopped_at.is_not(None)))
    values = {"incarnation": incarnation, "host": host, "started_at": now, "seen_at": now, "stopped_at": None}
    upsert(tx, executor, [{"name": name, **values}], update=list(values))


def beat(tx: Connection, name: str, incarnation: str, now: datetime) -> bool:
    """Notes that this worker was seen. False when the name is another one's by now, or it was found dead."""
    return _update(tx, name, incarnation, seen_at=now) == 1


def end(tx: Connection, name: str, incarnation: str, now: datetime) -> bool:
    """Notes that this worker is no more. False when it was noted before."""
    return _update(tx, name, incarnation, stopped_at=now) == 1


def known(tx: Connection) -> Sequence[Executor]:
    """Every worker that is remembered, by name."""
    return [Executor(**row) for row in tx.execute(select(executor).order_by(executor.c.name)).mappings()]


def silent(tx: Connection, now: datetime, after: timedelta) -> Sequence[Executor]:
    """Workers that did not end and have not been seen for so long, or were seen by a clock that was ahead."""
    c = executor.c
    query = select(executor).where(c.stopped_at.is_(None), or_(c.seen_at <= now - after, c.seen_at > now + CLOCK_SKEW))
    return [Executor(**row) for row in tx.execute(query.order_by(c.name)).mappings()]


def let_go(tx: Connection, name: str, now: datetime, *, outcome: str, exit_code: int) -> Sequence[str]:
    """Ends the runs that a worker left unfinished, with this outcome, and gives back the leases that they hold, whose names it
    returns.

    Only for a worker that is proven dead, or says so itself: it must not send anything any more. What it had sent last may be under
    way still, so the lease under which it was sent stays for `SETTLING` more.
    """
    left = list(tx.execute(select(run.c.id).where(run.c.executor == name, run.c.finished_at.is_(None))).scalars())
    if not left:
        return []
    sending = select(outbox.c.run_id).where(
        outbox.c.run_id.in_(left), outbox.c.state == "sending", outbox.c.sending_at > now - SETTLING
    )
    writing = set(tx.execute(sending).scalars())
    held = list(tx.execute(select(lease.c.name, lease.c.holder).where(lease.c.holder.in_(left))))
    for one, holder in held:
        if holder in writing and one.startswith("apply:"):
            tx.execute(update(lease).where(lease.c.name == one, lease.c.holder == holder).values(expires_at=now + SETTLING))
        else:
            tx.execute(update(lease).where(lease.c.name == one, lease.c.holder == holder).values(holder=None, expires_at=now))
    tx.execute(update(run).where(run.c.id.in_(left)).values(finished_at=now, outcome=outcome, exit_code=exit_code))
    return [one for one, _ in held]


def _update(tx: Connection, name: str, incarnation: str, **values: datetime) -> int:
    mine = (executor.c.name == name) & (executor.c.incarnation == incarnation) & executor.c.stopped_at.is_(None)
    return tx.execute(update(executor).where(mine).values(values)).rowcount
