"""Taking in webhook deliveries: what they name is read again and stored, and the projects that it concerns become due.

A delivery is a hint, never a fact. Of many that name one object, it is read once. Neither their order nor how often they came
matters. They are taken in by portions that name few objects: one transaction stores what was read, settles the portion and says
what is due, so that whoever is killed in the middle leaves the others as they were. No lease is needed. What another one has stored
since an object was asked for is noticed, and it is asked for again.

A portion in which something happens that nobody expected is halved until one delivery stands alone with it. That one has failed.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime

import msgspec
import structlog
from structlog.contextvars import bound_contextvars

from connectors.base import Connector
from connectors.errors import Cancelled, RateLimited, SourceError
from mappings.model import Ref
from sync.admission import is_to_ask, rooms_of, streams_of
from sync.hints import Hints, read_hints
from sync.listings import ScopedProject
from sync.mistakes import frames, is_mistake, named
from sync.refetch import CHUNK, Refetch
from sync.settling import Learnt, Overtaken, Settlement, Taken
from sync.source import Gauge, Source, reading
from sync.store import inbox, snapshots
from sync.store.connect import Database
from sync.store.inbox import Waiting
from sync.tracing import span

__all__ = ["BATCH", "Taken", "take_in"]

log = structlog.get_logger(__name__)

BATCH = 500
"""Deliveries that are taken in together."""

ROUNDS = 3
"""How often what others have stored meanwhile is asked for again at once."""

PROBES = 3
"""Other objects that are asked for at most before a source counts as one that refuses the account."""


def take_in(
    database: Database,
    source: Source,
    projects: Iterable[ScopedProject],
    *,
    run_id: str,
    stop: threading.Event,
    max_deletes: float = 0.2,
    limit: int = BATCH,
) -> Taken:
    """Takes in the deliveries of one source that are waiting, `limit` at most. There may be more when so many were there.

    `source` has all its scopes, `projects` are those that have them. Raises `Cancelled` and `StoreError`: some may have been taken
    in by then, and the others are as they were.
    """
    with database.read() as tx:
        rows = inbox.waiting(tx, source.name, limit, database.now(tx))
    if not rows:
        return Taken()
    settlement = Settlement(database, source, list(projects), run_id=run_id, max_deletes=max_deletes)
    with (
        bound_contextvars(source=source.name),
        span("take_in", after=[row.trace for row in rows], source=source.name, deliveries=len(rows)),
        ExitStack() as opened,
    ):
        taken = _Intake(database, source, settlement, opened, stop).take(rows)
        log.info("intake.taken", **{name: count for name, count in _counts(taken).items() if count})
    return taken


def _counts(taken: Taken) -> Mapping[str, int]:
    return {name: count for name, count in msgspec.structs.asdict(taken).items() if isinstance(count, int)}


class _Intake:
    """One batch on its way into the store. What is opened for it is closed with `opened`."""

    def __init__(
        self, database: Database, source: Source, settlement: Settlement, opened: ExitStack, stop: threading.Event
    ) -> None:
        self.database = database
        self.source = source
        self.settlement = settlement
        self.stop = stop
        self.gauge = Gauge()
        self._opened = opened
        self._reader: Connector | None = None
        self._told: set[type[Exception]] = set()

    def take(self, rows: Sequence[Waiting]) -> Taken:
        taken, left = Taken(), [rows]
        while left:
            if self.stop.is_set():
                raise Cancelled
            some = left.pop()
            try:
                one, rest = self._take_portion(some)
            except Exception as error:
                if not is_mistake(error):
                    raise
                if len(some) > 1:
                    half = len(some) // 2
                    left += [some[half:], some[:half]]
                    continue
                one, rest = self._poisoned(some[0], error), ()
            taken = taken.and_also(one)
            if rest:
                left.append(rest)
        return msgspec.structs.replace(taken, requests=self.gauge.requests)

    def _take_portion(self, rows: Sequence[Waiting]) -> tuple[Taken, Sequence[Waiting]]:
        """Takes in some of `rows`. Returns what came of them, and the others."""
        with self.database.read() as tx:
            hints = read_hints(tx, self.source, rows)
            portion = hints.portion(rows, CHUNK)
            if len(portion) < len(rows):
                hints = read_hints(tx, self.source, portion)
            until = inbox.left_alone_until(tx, self.source.name, self.database.now(tx))
        taken = self._take(portion, hints, until)
        self.source.meters.records(self.source.name, taken.read)
        if taken.why is not None:
            self.source.meters.failure(taken.why)
        chosen = {row.id for row in portion}
        return taken, [row for row in rows if row.id not in chosen]

    def _take(self, rows: Sequence[Waiting], hints: Hints, until: datetime | None) -> Taken:
        learnt = Learnt()
        if until is not None:
            learnt.answers.leave(hints.wanted, RateLimited(self.source.name, "it failed lately, and is left alone", until=until))
            return msgspec.structs.replace(self.settlement.settle(rows, hints, learnt), why=None)  # told of when it happened
        if not hints.wanted:
            return self.settlement.settle(rows, hints, learnt)
        try:
            refetch = Refetch(self._open(), self.source.name, self._others, self.stop)
        except SourceError as error:
            learnt.answers.why = error
        else:
            taken = self._read(rows, hints, learnt, refetch)
            if taken is not None:
                return taken
        learnt.answers.leave(hints.wanted, None)
        return self.settlement.settle(rows, hints, learnt)

    def _open(self) -> Connector:
        """The source's reader, opened once. Raises `SourceError`."""
        if self._reader is None:
            urgent = msgspec.structs.replace(self.source, urgent=True)
            self._reader = self._opened.enter_context(reading(urgent, self.gauge, self.stop))
        return self._reader

    def _poisoned(self, row: Waiting, error: Exception) -> Taken:
        """At length when it happens for the first time, then in brief."""
        at_length = {"frames": frames(error)} if row.tries == 0 and type(error) not in self._told else {}
        self._told.add(type(error))
        log.error("intake.mistake", id=row.id, delivery=row.delivery, tries=row.tries + 1, error=named(error), **at_length)
        self.source.meters.failure(SourceError(self.source.name, named(error)))
        return self.settlement.fail(row, named(error))

    def _read(self, rows: Sequence[Waiting], hints: Hints, learnt: Learnt, refetch: Refetch) -> Taken | None:
        """None where others store what the deliveries name again and again."""
        left: Collection[Ref] = hints.wanted
        for _ in range(ROUNDS):
            self._learn(refetch, hints, learnt, left)
            try:
                return self.settlement.settle(rows, hints, learnt)
            except Overtaken as overtaken:
                left = overtaken.refs
                learnt.forget(left)
        return None

    def _learn(self, refetch: Refetch, hints: Hints, learnt: Learnt, refs: Collection[Ref]) -> None:
        """Asks for `refs`, and of those that may join or leave a scope, whether it holds them."""
        with self.database.read() as tx:
            rooms = rooms_of(tx, self.source)
            stored = snapshots.take(tx, refs, streams_of(rooms))
        for ref in refs:
            learnt.known[ref] = stored.get(ref)
        refetch.ask(refs, learnt.answers)
        for room in rooms:
            scope = room.scope
            found = [one for ref in refs if (one := learnt.answers.found.get(ref)) and scope.hash in hints.wanted[ref]]
            asked = [one.ref for one in found if is_to_ask(room, one, stored.get(one.ref))]
            if not asked:
                continue
            try:
                outside, undecided = refetch.outside(asked, scope.options)
            except RateLimited as error:
                learnt.answers.leave(asked, error)
            else:
                learnt.outside.setdefault(scope.hash, set()).update(outside)
                learnt.undecided.setdefault(scope.hash, set()).update(undecided)

    def _others(self, refs: Collection[Ref]) -> Sequence[Ref]:
        with self.database.read() as tx:
            return snapshots.others(tx, refs, streams_of(rooms_of(tx, self.source)), PROBES)
