"""How many requests each source may still be sent by all processes together: a token bucket a source, in the database's own time.

A rate of N requests in a time P is kept to in every time of that length, not only on average: a bucket holds a fifth of N and fills
with what that leaves of N. Leased tokens are spent soon or given back, and the time for that counts as part of P.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Connection, bindparam, select, update

from config.rate import Rate
from sync.moments import CLOCK_SKEW, is_ahead
from sync.store import clock
from sync.store.schema import rate_bucket as buckets
from sync.store.upsert import insertion

RESERVED = 20
"""The percentage of a bucket that is kept for what a webhook has just told."""

LONGEST_PAUSE = timedelta(hours=1)
"""What a source that asks to be left alone is believed: after that, one who asks finds out whether it still wants to be."""

_BURST = 5
_MICROSECOND = timedelta(microseconds=1)


class Bucket(msgspec.Struct, frozen=True, kw_only=True):
    """`level` is as it was at `filled_at`, and counts tokens times `period`: refilling by the clock loses no fraction. `period` is
    the time, in microseconds, in which an empty bucket fills. A bucket without `capacity` is of a source without a rate."""

    capacity: int
    period: int
    level: int
    filled_at: datetime
    paused_until: datetime | None = None

    @classmethod
    def full(cls, rate: Rate, now: datetime) -> Bucket:
        """Of such a size that the rate is kept to, whenever within `spend_within` its tokens are spent."""
        capacity = max(1, rate.requests // _BURST)
        time = (rate.period + spend_within(rate)) // _MICROSECOND
        period = -(-capacity * time // (rate.requests - capacity + 1))
        return cls(capacity=capacity, period=period, level=capacity * period, filled_at=now)

    def at(self, now: datetime) -> Bucket:
        """Filled until `now`. A clock that was set back stops nothing; if it was far ahead, what it filled does not count."""
        elapsed = max(0, (now - self.filled_at) // _MICROSECOND)
        level = 0 if is_ahead(self.filled_at, now) else self.level + self.capacity * elapsed
        until = self.paused_until
        holds = until is not None and now < until <= now + LONGEST_PAUSE + CLOCK_SKEW
        return msgspec.structs.replace(
            self, level=min(level, self.capacity * self.period), filled_at=now, paused_until=until if holds else None
        )

    def of(self, rate: Rate | None) -> Bucket:
        """As full as it was, for what the rate is now; as it is without one."""
        new = Bucket.full(rate, self.filled_at) if rate is not None else self
        if (new.capacity, new.period) == (self.capacity, self.period):
            return self
        level = new.level * self.level // (self.capacity * self.period) if self.capacity else new.level
        return msgspec.structs.replace(new, level=level, paused_until=self.paused_until)

    def available(self, reserved: int) -> int:
        """Whole tokens above the percentage that is `reserved`."""
        return max(0, self._above(reserved)) // self.period

    def wait(self, reserved: int) -> timedelta:
        """How long until there is one."""
        return max(0, -((self._above(reserved) - self.period) // self.capacity)) * _MICROSECOND

    def changed(self, tokens: int) -> Bucket:
        """With so many more, or fewer; never more than it holds."""
        return msgspec.structs.replace(self, level=min(self.level + tokens * self.period, self.capacity * self.period))

    def _above(self, reserved: int) -> int:
        """Rounded up: of a bucket of a few tokens one is kept as well, though never the only one."""
        kept = min(-(-self.capacity * reserved // 100), max(self.capacity - 1, 0))
        return self.level - kept * self.period


class Lease(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens to spend within `spend_within`; without any, how long to wait before asking again, and whether the source asked for
    that."""

    tokens: int = 0
    wait: timedelta = timedelta(0)
    paused: bool = False


def spend_within(rate: Rate) -> timedelta:
    """How long after the lease a token may be spent; later it must be given back."""
    return min(rate.period / 10, timedelta(seconds=5))


def lease(tx: Connection, source: str, rate: Rate, wanted: int, *, reserved: int, returned: int = 0) -> Lease:
    """Up to `wanted` tokens, leaving the percentage that is `reserved`, after `returned` unspent ones were given back."""
    bucket = _current(tx, source, rate).changed(returned)
    tokens = min(wanted, bucket.available(reserved)) if bucket.paused_until is None else 0
    if tokens or returned:
        _put(tx, source, bucket.changed(-tokens))
    if tokens:
        return Lease(tokens=tokens)
    if bucket.paused_until is not None:
        return Lease(wait=bucket.paused_until - bucket.filled_at, paused=True)
    return Lease(wait=bucket.wait(reserved))


def give_back(tx: Connection, source: str, rate: Rate, tokens: int) -> None:
    """Tokens that were leased and not spent."""
    _put(tx, source, _current(tx, source, rate).changed(tokens))


def pause(tx: Connection, source: str, wait: timedelta) -> None:
    """Nobody is to ask the source for so long, or for as long as it has asked before."""
    bucket = _current(tx, source, None)
    until = bucket.filled_at + min(wait, LONGEST_PAUSE)
    _put(tx, source, msgspec.structs.replace(bucket, paused_until=max(until, bucket.paused_until or until)))


def pause_left(tx: Connection, source: str) -> timedelta:
    """For how long nobody is to ask the source."""
    row = tx.execute(_ROW, {"source": source}).one_or_none()
    bucket = _read(row).at(clock.now(tx)) if row is not None else None
    return bucket.paused_until - bucket.filled_at if bucket is not None and bucket.paused_until is not None else timedelta(0)


def _current(tx: Connection, source: str, rate: Rate | None) -> Bucket:
    """The bucket at this moment, of this rate where one is given; nobody else's until the transaction ends."""
    row = tx.execute(_LOCKED, {"source": source}).one_or_none()
    if row is None:
        _insert(tx, source, rate)
        row = tx.execute(_LOCKED, {"source": source}).one()
    kept = _read(row)
    bucket = kept.at(clock.now(tx)).of(rate)
    if bucket.filled_at < kept.filled_at or (bucket.capacity, bucket.period) != (kept.capacity, kept.period):
        _put(tx, source, bucket)
    return bucket


def _read(row: Any) -> Bucket:
    return Bucket(capacity=row.capacity, period=row.period, level=row.level, filled_at=row.filled_at, paused_until=row.paused_until)


def _insert(tx: Connection, source: str, rate: Rate | None) -> None:
    """Unless another process has just done so."""
    now = clock.now(tx)
    bucket = Bucket.full(rate, now) if rate is not None else Bucket(capacity=0, period=1, level=0, filled_at=now)
    insert = insertion(tx.dialect.name, buckets)
    tx.execute(insert.values(source=source, **msgspec.structs.asdict(bucket)).on_conflict_do_nothing())


def _put(tx: Connection, source: str, bucket: Bucket) -> None:
    tx.execute(_UPDATE, {"which": source, **msgspec.structs.asdict(bucket)})


# Asked for every few requests, so they are put together once.
_ROW = select(buckets).where(buckets.c.source == bindparam("source"))
_LOCKED = _ROW.with_for_update()
_UPDATE = update(buckets).where(buckets.c.source == bindparam("which"))
