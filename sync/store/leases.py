"""Leases: one holder at a time for a name, until it lets go or its time is up; measured by the database's clock.

A lease's token grows with every taking and is checked in the transaction that commits an intent, so that a holder who overslept can
do no harm.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import msgspec
from sqlalchemy import Connection, bindparam, or_, select, update
from sqlalchemy.sql.dml import ReturningInsert

from sync.moments import CLOCK_SKEW, in_words
from sync.store import clock
from sync.store.connect import Database
from sync.store.errors import StoreError
from sync.store.schema import lease as leases
from sync.store.upsert import insertion
from sync.store.uptime import uptime

LONGEST = timedelta(hours=1)
"""No lease is taken for longer. One that ends later was taken or renewed by a clock that was ahead, and binds nobody."""

_POLL = timedelta(milliseconds=200)


class Term:
    """How long a lease surely is its holder's, by its own `uptime`: for moments in which the database is not asked."""

    def __init__(self, began: float, ttl: timedelta) -> None:
        self._until = began + ttl.total_seconds()

    def prolong(self, began: float, ttl: timedelta) -> None:
        self._until = began + ttl.total_seconds()

    @property
    def is_over(self) -> bool:
        return uptime() >= self._until


class Lease(msgspec.Struct, frozen=True, kw_only=True):
    """What its holder shows when it acts. `token` is unique to this taking of `name`; `term` grows when it is renewed."""

    name: str
    holder: str
    token: int
    expires_at: datetime
    term: Term


class LeaseHeld(Exception):
    """Somebody else is at work. `expires_at` is when the lease ends, should they not renew it (UTC), and `until` says it: with the
    date, where that is not the day of `now`."""

    def __init__(self, name: str, holder: str, expires_at: datetime, now: datetime) -> None:
        self.name = name
        self.holder = holder
        self.expires_at = expires_at
        self.until = f"{expires_at:%H:%M:%S}" if expires_at.date() == now.date() else f"{expires_at:%Y-%m-%d %H:%M:%S}"
        self.until += " UTC"
        super().__init__(f"{name} is in use by {holder}, until {self.until} unless it ends or goes on; wait, or try again later")


class LeaseLost(Exception):
    """The lease's time was up, and it may be somebody else's now: stop, and write nothing more."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(
            f"the lease {name} was lost: this run was away for too long, and another may have taken over; run it again"
        )


def acquire(database: Database, name: str, *, holder: str, ttl: timedelta, wait: timedelta, stop: threading.Event) -> Lease:
    """Takes the lease, waiting for up to `wait` while somebody else has it. Raises `LeaseHeld`, also at once when `stop` is set.

    `ttl` is `LONGEST` at most.
    """
    if ttl > LONGEST:
        raise ValueError(f"a lease lasts for {in_words(LONGEST)} at most")
    give_up_at: datetime | None = None
    while True:
        with database.write() as tx:
            began, now = uptime(), database.now(tx)
            token = _take(tx, name, holder, now, ttl)
            if token is not None:
                return Lease(name=name, holder=holder, token=token, expires_at=now + ttl, term=Term(began, ttl))
            there = tx.execute(select(leases.c.holder, leases.c.expires_at).where(leases.c.name == name)).one()
        give_up_at = give_up_at or now + wait
        left = give_up_at - now
        if left <= timedelta(0) or stop.wait(min(_POLL, left).total_seconds()):
            raise LeaseHeld(name, there.holder or "nobody", there.expires_at, now)


class Holding(msgspec.Struct, frozen=True, kw_only=True):
    """Who has a lease now, and until when unless it is renewed or let go."""

    name: str
    holder: str
    until: datetime


def holdings(tx: Connection, now: datetime) -> Sequence[Holding]:
    """The leases that somebody has now, by name. The rows of the others only keep their tokens growing."""
    query = select(leases.c.name, leases.c.holder, leases.c.expires_at).where(
        leases.c.holder.is_not(None), leases.c.expires_at > now, leases.c.expires_at <= now + LONGEST + CLOCK_SKEW
    )
    return [Holding(name=name, holder=holder, until=until) for name, holder, until in tx.execute(query.order_by(leases.c.name))]


def renew(database: Database, lease: Lease, ttl: timedelta) -> Lease:
    """The same lease, `ttl` long from now. Raises `LeaseLost` when somebody took it, even if they are done by now."""
    with database.write() as tx:
        began, expires_at = uptime(), database.now(tx) + ttl
        mine = (leases.c.name == lease.name) & (leases.c.token == lease.token) & (leases.c.holder == lease.holder)
        if tx.execute(update(leases).where(mine).values(expires_at=expires_at)).rowcount != 1:
            raise LeaseLost(lease.name)
    lease.term.prolong(began, ttl)
    return msgspec.structs.replace(lease, expires_at=expires_at)


def release(database: Database, lease: Lease) -> None:
    """Lets go. The row stays, so that tokens only grow. A lease that was lost stays its new holder's."""
    with database.write() as tx:
        tx.execute(_RELEASE, {"of_name": lease.name, "of_token": lease.token, "holder": None, "expires_at": database.now(tx)})


def release_all(tx: Connection, holder: str, now: datetime) -> None:
    """Lets go of everything that `holder` has, for one that ends without leaving its blocks."""
    tx.execute(update(leases).where(leases.c.holder == holder).values(holder=None, expires_at=now))


def verify(tx: Connection, lease: Lease, *, lasting: timedelta = timedelta(0)) -> datetime:
    """The database's time (UTC), at which the lease is still this holder's, for at least `lasting` more. Raises `LeaseLost`.

    Call it in the transaction that commits what rests on it: nobody can take the lease before that transaction ends.
    """
    row = tx.execute(_HELD, {"name": lease.name}).first()
    now = clock.now(tx)
    if row is None or row.token != lease.token or row.holder != lease.holder or row.expires_at <= now + lasting:
        raise LeaseLost(lease.name)
    return now


def hold_off(tx: Connection, names: Iterable[str]) -> None:
    """Whoever has one of these leases commits nothing under it before this transaction ends: of what they store in between, it sees
    all or nothing."""
    tx.execute(select(leases.c.name).where(leases.c.name.in_(sorted(set(names)))).order_by(leases.c.name).with_for_update()).all()


@contextmanager
def held(
    database: Database,
    name: str,
    *,
    holder: str,
    ttl: timedelta,
    wait: timedelta,
    stop: threading.Event,
    on_lost: Callable[[], None] | None = None,
) -> Iterator[Lease]:
    """The lease for as long as the block lasts, renewed by a thread. `on_lost` is called from there should it be lost meanwhile;
    whoever needs certainty calls `verify`.
    """
    mine = acquire(database, name, holder=holder, ttl=ttl, wait=wait, stop=stop)
    done = threading.Event()
    renewing = threading.Thread(target=_keep_renewing, args=(database, mine, ttl, done, on_lost), name=f"lease-{name}", daemon=True)
    renewing.start()
    try:
        yield mine
    finally:
        done.set()
        renewing.join()
        release(database, mine)


def _keep_renewing(
    database: Database, lease: Lease, ttl: timedelta, done: threading.Event, on_lost: Callable[[], None] | None
) -> None:
    while not done.wait(ttl.total_seconds() / 3):
        try:
            renew(database, lease, ttl)
        except StoreError:
            continue  # a busy or unreachable database may be back before the time is up; `verify` decides
        except LeaseLost:
            if on_lost is not None:
                on_lost()
            return


def _take(tx: Connection, name: str, holder: str, now: datetime, ttl: timedelta) -> int | None:
    """The new token. One statement, so that of two takers one sees the other's row."""
    row = {"name": name, "holder": holder, "acquired_at": now, "expires_at": now + ttl, "token": 1}
    moments = {"now": now, "too_late": now + LONGEST + CLOCK_SKEW}
    return tx.scalars(_taking(tx.dialect.name), {**row, **moments}).one_or_none()


@cache
def _taking(dialect: str) -> ReturningInsert[Any]:
    insert = insertion(dialect, leases)
    is_over = or_(leases.c.expires_at <= bindparam("now"), leases.c.expires_at > bindparam("too_late"))
    return insert.on_conflict_do_update(
        index_elements=[leases.c.name],
        set_={**{name: insert.excluded[name] for name in ("holder", "acquired_at", "expires_at")}, "token": leases.c.token + 1},
        where=or_(leases.c.holder.is_(None), is_over),
    ).returning(leases.c.token)


# Asked for every group of pages or scope, so they are put together once.
_HELD = select(leases.c.token, leases.c.holder, leases.c.expires_at).where(leases.c.name == bindparam("name")).with_for_update()
_RELEASE = update(leases).where(leases.c.name == bindparam("of_name"), leases.c.token == bindparam("of_token"))
