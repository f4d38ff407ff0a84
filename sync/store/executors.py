"""Workers as the store knows them: who there is, when each was last seen, and what a dead one leaves behind.

A row proves nothing: that a worker lives is proven by what it holds open (`presence`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import Connection, delete, or_, select, update

from sync.moments import CLOCK_SKEW
from sync.store import outbox
from sync.store.schema import executor, lease, run
from sync.store.upsert import upsert

SETTLING = timedelta(seconds=1)
LONGEST_SETTLING = timedelta(seconds=30)
"""What a dead process had sent may still be carried out. Nothing is compared with the remote side sooner than the one after it was
proven dead, nor kept from it for longer than the other: a client that lives gives a request up by then, and sends it again."""

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

    Only for a worker that is proven dead, or says so itself: it sends nothing any more. Its last request may be under way still,
    where nobody can take it back: compared with the remote side before it arrives, it would look as if it had never been sent, and
    be carried out a second time or over what came after it. When it was sent is not known, since changes are marked as being sent
    by the chunk. It was before now; so the lease under which anything was being sent stays for as long from now as such a request
    is to be expected to take (`_settling`), though never longer than the dead worker would have had it.
    """
    left = list(tx.execute(select(run.c.id).where(run.c.executor == name, run.c.finished_at.is_(None))).scalars())
    if not left:
        return []
    seen_at = tx.execute(select(executor.c.seen_at).where(executor.c.name == name)).scalar_one_or_none()
    settling = {one: _settling(tx, one, seen_at) for one in left}
    held = tx.execute(select(lease.c.name, lease.c.holder, lease.c.expires_at).where(lease.c.holder.in_(left))).all()
    for one, holder, expires_at in held:
        stays = settling[holder] if one.startswith("apply:") else timedelta(0)
        its = update(lease).where(lease.c.name == one, lease.c.holder == holder)
        tx.execute(its.values(expires_at=min(expires_at, now + stays)) if stays else its.values(holder=None, expires_at=now))
    tx.execute(update(run).where(run.c.id.in_(left)).values(finished_at=now, outcome=outcome, exit_code=exit_code))
    return [one.name for one in held]


def _settling(tx: Connection, run_id: str, seen_at: datetime | None) -> timedelta:
    """How long the last request of a dead run may be under way still; zero if it was sending nothing.

    Of a source that answers at once that is a moment. One that is slow, by its last answers or because it had let the dead run wait
    when that was last seen, is given as long again, and twice its slowest answer.
    """
    longest = timedelta(0)
    for source, since in outbox.waiting_since(tx, run_id).items():
        waited = seen_at - since if seen_at is not None else timedelta(0)
        longest = max(longest, SETTLING, min(LONGEST_SETTLING, max(waited, 2 * outbox.slowest_answer(tx, source))))
    return longest


def _update(tx: Connection, name: str, incarnation: str, **values: datetime) -> int:
    mine = (executor.c.name == name) & (executor.c.incarnation == incarnation) & executor.c.stopped_at.is_(None)
    return tx.execute(update(executor).where(mine).values(values)).rowcount
