"""Retention: what the project file says how long to keep, put into effect at most once a day, in bounded transactions."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import TypeAlias

import msgspec
import structlog

from config.project import Retention
from sync.assess import HISTORY
from sync.outcome import ExitCode
from sync.store import leases, prune, runs
from sync.store.connect import Connection, Database
from sync.store.errors import StoreError
from sync.store.leases import Lease, LeaseHeld, LeaseLost

log = structlog.get_logger(__name__)

COMMAND = "prune"
LEASE = "retention"
EVERY = timedelta(days=1)
TTL = timedelta(minutes=2)

SHORTEST = timedelta(days=2)
"""The record of writes is kept so long at least: what was rewritten, skipped or forced within a day decides what may be written."""

INTENTS = timedelta(days=30)
"""How long a settled intent stays: the record of writes has the same."""


DELIVERIES = timedelta(days=7)
"""How long a settled delivery is remembered, so that it is known when it is sent again: GitHub can do so for three days. One that
waits for a source which the project file no longer has is kept as long, in case the source comes back."""


Step: TypeAlias = Callable[[Connection, datetime], int]
"""Drops a batch of what is too old at that moment. Returns how many rows."""


class Pruned(msgspec.Struct, frozen=True, kw_only=True):
    """How many rows were dropped, and of how many documents the personal data. `complete` unless it was stopped."""

    counts: Mapping[str, int]
    complete: bool


def apply_daily(
    database: Database, keep: Retention, *, sources: Collection[str] | None = None, holder: str, stop: threading.Event
) -> Pruned | None:
    """`apply_now` unless it was done within a day, or somebody is at it. A failure is logged: the run before it was a success."""
    try:
        if not _is_due(database):
            return None
        with _lease(database, holder, timedelta(0), stop) as lease:
            return _prune(database, _steps(keep, sources), lease, stop) if _is_due(database) else None
    except (LeaseHeld, LeaseLost):
        return None
    except StoreError as error:
        log.warning("retention.failed", error=str(error))
        return None


def apply_now(
    database: Database,
    keep: Retention,
    *,
    sources: Collection[str] | None = None,
    holder: str,
    wait: timedelta,
    stop: threading.Event,
) -> Pruned:
    """Drops everything that is older than the project file wants. `holder` is its own name, as others are told it.

    `sources` are those of the project file: what waits for any other is dropped as well; with None, nothing that waits is. Raises
    `LeaseHeld` while another one does it.
    """
    with _lease(database, holder, wait, stop) as lease:
        return _prune(database, _steps(keep, sources), lease, stop)


def let_go(database: Database, holder: str) -> None:
    """For one that is cut off in the middle of it: the next one need not wait for its lease."""
    with database.write() as tx:
        leases.release_all(tx, holder, database.now(tx))


def _lease(database: Database, holder: str, wait: timedelta, stop: threading.Event) -> AbstractContextManager[Lease]:
    return leases.held(database, LEASE, holder=holder, ttl=TTL, wait=wait, stop=stop)


def _prune(database: Database, steps: Mapping[str, Step], lease: Lease, stop: threading.Event) -> Pruned:
    with database.write() as tx:
        now = database.now(tx)
        run = runs.start(tx, COMMAND, [], now)
    counts: dict[str, int] = {}
    for name, batch in steps.items():
        counts[name] = 0
        while not stop.is_set():
            with database.write() as tx:
                leases.verify(tx, lease)
                dropped = batch(tx, now)
            counts[name] += dropped
            if dropped < prune.BATCH:
                break
    result = Pruned(counts=counts, complete=not stop.is_set())
    with database.write() as tx:
        outcome = ExitCode.DONE if result.complete else ExitCode.PARTIAL
        ended = database.now(tx)
        runs.finish(tx, run, outcome=outcome.name.lower(), exit_code=int(outcome), summary=counts, now=ended)
        # At once: nobody would take for a day what is left behind by one that is killed in between.
        leases.release_all(tx, lease.holder, ended)
    return result


def last_applied(tx: Connection) -> datetime | None:
    """When it was last done to the end."""
    return runs.last_done(tx, COMMAND)


def _is_due(database: Database) -> bool:
    with database.read() as tx:
        last = last_applied(tx)
        return last is None or database.now(tx) - last >= EVERY


def _steps(keep: Retention, sources: Collection[str] | None) -> Mapping[str, Step]:
    record, people = max(keep.audit, SHORTEST), keep.personal_data
    settled = min(record, INTENTS)
    steps: dict[str, Step] = {
        "audit": lambda tx, now: prune.audit_entries(tx, now - record),
        "run": lambda tx, now: prune.run_records(tx, now - record),
        "episode": lambda tx, now: prune.closed_episodes(tx, now - record),
        "outbox": lambda tx, now: prune.finished_intents(tx, now - settled),
        "observation": lambda tx, now: prune.old_observations(tx, now - HISTORY),
        "entity": lambda tx, now: prune.tombstones(tx, now - people),
        "inbox": lambda tx, now: prune.settled_deliveries(tx, now - DELIVERIES),
        "dead": lambda tx, now: prune.dead_deliveries(tx, now - people),
        "quarantine": lambda tx, now: prune.quarantined_payloads(tx, now - people),
        "personal_data": lambda tx, now: prune.personal_data(tx, now - people, now),
    }
    if sources is not None:
        steps["unclaimed"] = lambda tx, now: prune.unclaimed_deliveries(tx, sources, now - DELIVERIES)
    return steps
