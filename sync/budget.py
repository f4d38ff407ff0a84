"""The requests that all processes may together send to one source: taken from the store a few at a time, and paused for all."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Protocol

import structlog

from config.rate import Rate
from connectors.base import LONGEST_WAIT, RequestBudget, Unlimited
from connectors.errors import Cancelled, RateLimited, Unavailable
from sync.store import rates
from sync.store.connect import Database
from sync.store.errors import StoreError

log = structlog.get_logger(__name__)

_FEWEST = 5
_MOST = 20
"""How many requests are leased at a time: more once all of the last lease were sent."""

LOOK_EVERY = timedelta(seconds=3)
"""How soon a process that leases nothing learns what the source asked of another one."""


class Budgeting(Protocol):
    """Opens the budget of one source. What is `urgent`, because a webhook has just told of it, may use the reserved share too."""

    def __call__(self, *, urgent: bool) -> AbstractContextManager[RequestBudget]: ...


@contextmanager
def unlimited(*, urgent: bool) -> Iterator[RequestBudget]:  # noqa: ARG001 - nothing is reserved where nothing is limited
    """The budget of a source that this process alone asks."""
    yield Unlimited()


@contextmanager
def shared(database: Database, source: str, rate: Rate | None, *, urgent: bool) -> Iterator[RequestBudget]:
    """The budget that every process with this store shares. What was leased and not sent is given back at the end."""
    if rate is None:
        yield PausedTogether(database, source)
        return
    budget = LimitedTogether(database, source, rate, reserved=0 if urgent else rates.RESERVED)
    try:
        yield budget
    finally:
        budget.close()


class PausedTogether:
    """No rate is configured. What the source asked for is looked up for the first request, and then now and then."""

    def __init__(self, database: Database, source: str) -> None:
        self._database = database
        self._source = source
        self._look_at = 0.0

    def take(self, stop: threading.Event) -> None:
        if stop.is_set():
            raise Cancelled
        if time.monotonic() < self._look_at:
            return
        with _said_of(self._source), self._database.read() as tx:
            left = rates.pause_left(tx, self._source)
        if left:
            _wait(left, _asked_to_wait(self._source, left), stop)
        self._look_at = time.monotonic() + LOOK_EVERY.total_seconds()

    def pause(self, wait: timedelta) -> None:
        _pause(self._database, self._source, wait)


class LimitedTogether:
    """For the requests of one thread. A lease is spent while it is young; what is left of an old one goes back with the next."""

    def __init__(self, database: Database, source: str, rate: Rate, *, reserved: int) -> None:
        self._database = database
        self._source = source
        self._rate = rate
        self._reserved = reserved
        self._wanted = _FEWEST
        self._held = 0
        self._old_at = 0.0

    def take(self, stop: threading.Event) -> None:
        while True:
            if stop.is_set():
                raise Cancelled
            if self._held and time.monotonic() < self._old_at:
                self._held -= 1
                return
            lease = self._lease()
            if lease.tokens:
                return  # one of them is for the request at hand, however long the database took
            _wait(lease.wait, self._refusal(lease), stop)

    def pause(self, wait: timedelta) -> None:
        _pause(self._database, self._source, wait)
        self._old_at = 0.0

    def close(self) -> None:
        """Gives back what is left. Should that fail, there is less for everybody for a while."""
        if not self._held:
            return
        try:
            with self._database.write() as tx:
                rates.give_back(tx, self._source, self._rate, self._held)
        except StoreError as error:
            log.debug("rate.not_given_back", source=self._source, requests=self._held, error=error.message)
        self._held = 0

    def _lease(self) -> rates.Lease:
        # Forgotten first: of a transaction that failed nobody knows whether it gave them back.
        old, self._held = self._held, 0
        wanted = _FEWEST if old else self._wanted
        with _said_of(self._source), self._database.write() as tx:
            began = time.monotonic()
            lease = rates.lease(tx, self._source, self._rate, wanted, reserved=self._reserved, returned=old)
        self._held = max(0, lease.tokens - 1)
        self._old_at = began + rates.spend_within(self._rate).total_seconds()
        if lease.tokens:
            self._wanted = min(2 * wanted, _MOST)
        return lease

    def _refusal(self, lease: rates.Lease) -> RateLimited:
        if lease.paused:
            return _asked_to_wait(self._source, lease.wait)
        until = datetime.now(UTC) + lease.wait
        what = f"its rate of {self._rate} for all processes is used up until {until:%Y-%m-%d %H:%M:%S} UTC"
        return RateLimited(self._source, what, until=until, fix="run again then, or raise the source's rate in the project file")


def _wait(wait: timedelta, refusal: RateLimited, stop: threading.Event) -> None:
    if wait > LONGEST_WAIT:
        raise refusal
    # Some a little later than others, so that all who wait do not ask in the same instant.
    if stop.wait(wait.total_seconds() * random.uniform(1.0, 1.1)):  # noqa: S311 - no secret rests on it
        raise Cancelled


def _asked_to_wait(source: str, wait: timedelta) -> RateLimited:
    until = datetime.now(UTC) + wait
    return RateLimited(
        source, f"it asked not to be asked again until {until:%Y-%m-%d %H:%M:%S} UTC", until=until, fix="run again then"
    )


def _pause(database: Database, source: str, wait: timedelta) -> None:
    """The caller heeds it whether or not the others hear of it."""
    if wait <= timedelta(0):
        return
    try:
        with database.write() as tx:
            rates.pause(tx, source, wait)
    except StoreError as error:
        log.warning("rate.not_paused", source=source, error=error.message)


@contextmanager
def _said_of(source: str) -> Iterator[None]:
    try:
        yield
    except StoreError as error:
        raise Unavailable(source, f"how many requests it may be sent is not known: {error.message}", fix=error.fix) from error
