"""Taking in webhook deliveries: what they name is read again and stored, and the projects that it concerns become due.

A delivery is a hint, never a fact. Of many that name one object, it is read once. Neither their order nor how often they came
matters, and whoever is killed in the middle has done nothing: one transaction stores what was read, settles the deliveries and says
what is due. No lease is needed. What another one has stored since an object was asked for is noticed, and it is asked for again.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec
import structlog
from structlog.contextvars import bound_contextvars

from connectors.errors import RateLimited, SourceError
from mappings.model import Ref
from sync.admission import is_to_ask, rooms_of, streams_of
from sync.hints import Hints, read_hints
from sync.listings import ScopedProject
from sync.refetch import Refetch
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

    `source` has all its scopes, `projects` are those that have them. Raises `Cancelled`, having done nothing, and `StoreError`.
    """
    with database.read() as tx:
        rows = inbox.waiting(tx, source.name, limit, database.now(tx))
    if not rows:
        return Taken()
    settlement = Settlement(database, source, list(projects), run_id=run_id, max_deletes=max_deletes)
    with (
        bound_contextvars(source=source.name),
        span("take_in", after=[row.trace for row in rows], source=source.name, deliveries=len(rows)),
    ):
        taken = _Intake(database, source, settlement, stop).take(rows)
    source.meters.records(source.name, taken.read)
    if taken.why is not None:
        source.meters.failure(taken.why)
    log.info("intake.taken", source=source.name, **{name: count for name, count in _counts(taken).items() if count})
    return taken


def _counts(taken: Taken) -> Mapping[str, int]:
    return {name: count for name, count in msgspec.structs.asdict(taken).items() if isinstance(count, int)}


class _Intake:
    """One batch on its way into the store."""

    def __init__(self, database: Database, source: Source, settlement: Settlement, stop: threading.Event) -> None:
        self.database = database
        self.source = source
        self.settlement = settlement
        self.stop = stop
        self.gauge = Gauge()

    def take(self, rows: Sequence[Waiting]) -> Taken:
        with self.database.read() as tx:
            hints, learnt = read_hints(tx, self.source, rows), Learnt()
            until = inbox.left_alone_until(tx, self.source.name, self.database.now(tx))
        if until is not None:
            learnt.answers.leave(hints.wanted, RateLimited(self.source.name, "it failed lately, and is left alone", until=until))
            return msgspec.structs.replace(self._settled(rows, hints, learnt), why=None)  # which was told of when it happened
        if not hints.wanted:
            return self._settled(rows, hints, learnt)
        try:
            with reading(msgspec.structs.replace(self.source, urgent=True), self.gauge, self.stop) as reader:
                taken = self._read(rows, hints, learnt, Refetch(reader, self.source.name, self._others, self.stop))
        except SourceError as error:
            learnt.answers.why = error
            taken = None
        if taken is not None:
            return taken
        learnt.answers.leave(hints.wanted, None)
        return self._settled(rows, hints, learnt)

    def _read(self, rows: Sequence[Waiting], hints: Hints, learnt: Learnt, refetch: Refetch) -> Taken | None:
        """None where others store what the deliveries name again and again."""
        left: Collection[Ref] = hints.wanted
        for _ in range(ROUNDS):
            self._learn(refetch, hints, learnt, left)
            try:
                return self._settled(rows, hints, learnt)
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

    def _settled(self, rows: Sequence[Waiting], hints: Hints, learnt: Learnt) -> Taken:
        return msgspec.structs.replace(self.settlement.settle(rows, hints, learnt), requests=self.gauge.requests)
