"""What comes of a batch of deliveries in the store: one transaction, in which all of it is done or nothing.

While objects are read again, pulls and others may store the same ones. No lease is held meanwhile; what was stored in between is
noticed here, and nothing done: the caller asks again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta

import msgspec
import structlog

from connectors.errors import RateLimited, SourceError
from mappings.model import Entity, Ref
from sync.admission import Room, admit, list_again, rooms_of, streams_of
from sync.deletions import most_deletes, named_by
from sync.hints import Hints
from sync.listings import ScopedProject
from sync.pull import lease_name
from sync.refetch import Answers
from sync.source import Source
from sync.store import due, entities, inbox, leases, lookups, snapshots
from sync.store.connect import Connection, Database
from sync.store.inbox import Waiting
from sync.store.snapshots import Snapshot, is_news
from sync.store.streams import StreamKey
from sync.tracing import traceparent

log = structlog.get_logger(__name__)

TRIES = 5
"""So often a delivery is tried that fails because of itself; then it is dead."""

FIRST_RETRY = timedelta(seconds=10)
"""Then four times as long each time."""

LOOKS = 3
"""So often a delivery is looked at again whose source answers with less than the delivery tells, as a copy does that lags behind.
Then it is settled: it is but a hint, and the next pull brings what there is."""

FIRST_LOOK = timedelta(seconds=5)
"""Then twice as long each time."""

SOONEST, LATEST = timedelta(seconds=5), timedelta(minutes=5)
"""How long to wait for a source that is away, at least and at most; in between, as long as the oldest delivery has waited."""


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one batch. Of its deliveries: how many are `done`, `dropped` as they concern no scope, `failed` and tried again
    later, `dead`, `behind` as their source does not show yet what they tell, and `postponed`: until later as their source is away,
    with `why`, or else to the next batch. Beside them: how many objects were `read`, by how many requests, and which projects and
    streams became due."""

    done: int = 0
    dropped: int = 0
    failed: int = 0
    dead: int = 0
    behind: int = 0
    postponed: int = 0
    read: int = 0
    requests: int = 0
    projects: Sequence[str] = ()
    streams: Sequence[str] = ()
    why: SourceError | None = None

    @property
    def total(self) -> int:
        return self.done + self.dropped + self.failed + self.dead + self.behind + self.postponed

    def and_also(self, other: Taken) -> Taken:
        """What came of both."""
        return Taken(
            done=self.done + other.done,
            dropped=self.dropped + other.dropped,
            failed=self.failed + other.failed,
            dead=self.dead + other.dead,
            behind=self.behind + other.behind,
            postponed=self.postponed + other.postponed,
            read=self.read + other.read,
            projects=sorted({*self.projects, *other.projects}),
            streams=sorted({*self.streams, *other.streams}),
            why=self.why or other.why,
        )


class Overtaken(Exception):
    """Somebody else has stored another state of these since they were asked for."""

    def __init__(self, refs: Collection[Ref]) -> None:
        self.refs = refs
        super().__init__(f"{len(refs)} objects were stored by another meanwhile")


class Learnt(msgspec.Struct):
    """What is known before the deliveries are settled: what was stored when the objects were asked for, what the source answered,
    and of each scope, by hash, which objects are outside and of which that could not be asked."""

    known: dict[Ref, Snapshot | None] = {}
    answers: Answers = msgspec.field(default_factory=Answers)
    outside: dict[str, set[Ref]] = {}
    undecided: dict[str, set[Ref]] = {}

    def forget(self, refs: Collection[Ref]) -> None:
        self.answers.forget(refs)
        for sets in (self.outside, self.undecided):
            for some in sets.values():
                some.difference_update(refs)


class Settlement:
    """How batches of one source are settled."""

    def __init__(
        self, database: Database, source: Source, projects: Sequence[ScopedProject], *, run_id: str, max_deletes: float
    ) -> None:
        self.database = database
        self.source = source
        self.projects = projects
        self.run_id = run_id
        self.max_deletes = max_deletes

    def settle(self, rows: Sequence[Waiting], hints: Hints, learnt: Learnt) -> Taken:
        """Stores what was learnt, settles the deliveries and says what is due. Raises `Overtaken`, having done nothing."""
        answers = learnt.answers
        refs = hints.wanted.keys() - answers.unasked - answers.failed.keys()
        with self.database.write() as tx:
            leases.hold_off(tx, [lease_name(self.source, scope) for scope in self.source.scopes])
            now = self.database.now(tx)
            rooms = rooms_of(tx, self.source)
            before = snapshots.take_locked(tx, refs, streams_of(rooms))
            overtaken = [ref for ref in refs if before.get(ref) != learnt.known.get(ref)]
            if overtaken:
                raise Overtaken(overtaken)
            listed = self._store(tx, rooms, hints, learnt, before, now) if refs else {}
            after = snapshots.take(tx, refs, streams_of(rooms))
            targets = self.source.connection.targets
            news = {ref for ref in refs if is_news(before.get(ref), after.get(ref), timeless=ref.kind in targets)}
            projects = self._due(tx, rows, hints, rooms, {ref: _places(before.get(ref), after.get(ref)) for ref in news})
            streams = {**{stream: hints.first(rows, some) for stream, some in listed.items()}, **hints.listed}
            for stream, row in sorted(streams.items()):
                due.mark_streams(tx, self.source.name, [stream], row.received_at, traceparent() or row.trace)
            taken = self._close(tx, rows, hints, answers, before, now)
        return msgspec.structs.replace(taken, read=len(refs), projects=projects, streams=sorted(streams), why=answers.why)

    def fail(self, row: Waiting, why: str) -> Taken:
        """This delivery cannot be settled, and nothing is known of what it names."""
        with self.database.write() as tx:
            return _fail(tx, row, why, self.database.now(tx))

    def _store(
        self,
        tx: Connection,
        rooms: Sequence[Room],
        hints: Hints,
        learnt: Learnt,
        before: Mapping[Ref, Snapshot],
        now: datetime,
    ) -> Mapping[str, AbstractSet[Ref]]:
        """Returns the streams that have to be pulled on, each with the objects because of which."""
        found, slots = learnt.answers.found, learnt.answers.slots
        commits = [ref for ref in found if ref.kind == "commit" and ref not in before]
        plan = admit(rooms, hints.wanted, found, before, learnt.outside, learnt.undecided, lookups.asked(tx, commits).keys())
        for (scope, stream), some in sorted(plan.joins.items()):
            key, readings = self._key(scope, stream), [one for ref in some for one in slots.get(ref, ())]
            entities.save_members(tx, key, [found[ref] for ref in some], readings, now=now, run_id=self.run_id)
        alone = sorted(plan.alone)
        entities.save_direct(tx, [found[ref] for ref in alone], [one for ref in alone for one in slots.get(ref, ())], now=now)
        for (scope, stream), some in sorted(plan.leaves.items()):
            self._leave(tx, self._key(scope, stream), some, now)
        gone = [ref for ref, known in before.items() if ref not in found and known.streams and known.deleted_at is None]
        entities.mark_missing(tx, [ref for ref in gone if ref.kind != "commit"], now)
        listed = plan.listed
        # What a branch no longer has only its history tells; what comes along with others only a listing brings.
        for ref in gone:
            if ref.kind == "commit":
                list_again(listed, rooms, ref.kind, ref)
        placed = {ref for some in plan.joins.values() for ref in some}
        named = {name: ref for ref in sorted(placed) for name in _newly_named(found[ref], before.get(ref))}
        for stranger in named.keys() - snapshots.take(tx, named.keys(), ()).keys():
            list_again(listed, rooms, stranger.kind, named[stranger])
        return listed

    def _leave(self, tx: Connection, key: StreamKey, refs: Sequence[Ref], now: datetime) -> None:
        """Not more at once than a listing may take away: until the next one tells of them, what rests on them is unknown."""
        members = entities.count_members(tx, key)
        if len(refs) > most_deletes(self.max_deletes, members):
            log.warning("intake.too_many_leave", source=key.source, stream=key.stream, leaving=len(refs), members=members)
            entities.mark_missing(tx, refs, now)
            return
        entities.leave_scope(tx, key, refs)

    def _key(self, scope: str, stream: str) -> StreamKey:
        return self.source.key(stream, next(one for one in self.source.scopes if one.hash == scope))

    def _due(
        self,
        tx: Connection,
        rows: Sequence[Waiting],
        hints: Hints,
        rooms: Sequence[Room],
        news: Mapping[Ref, AbstractSet[int]],
    ) -> Sequence[str]:
        """The projects whose scopes hold, or held, what has changed; what is in no listing concerns those that may."""
        marked = []
        for project in sorted(self.projects, key=lambda one: one.key):  # in one order, so that two never wait for each other
            hashes = {scope.hash for source, scope in project.scopes if source.name == self.source.name}
            ids = {ident for room in rooms if room.scope.hash in hashes for ident in room.ids.values()}
            its = {ref for ref, places in news.items() if (places & ids if places else hints.wanted[ref] & hashes)}
            if its:
                first = hints.first(rows, its)
                due.mark(tx, [project.key], first.received_at, traceparent() or first.trace)
                marked.append(project.key)
        return marked

    def _close(
        self,
        tx: Connection,
        rows: Sequence[Waiting],
        hints: Hints,
        answers: Answers,
        before: Mapping[Ref, Snapshot],
        now: datetime,
    ) -> Taken:
        """Settles every delivery: by what it names, whatever came of the others."""
        done, dropped, postponed = list[Waiting](), list[Waiting](), list[Waiting]()
        others = Taken()
        for row in rows:
            told = hints.of.get(row.id, {})
            refs = told.keys()
            error = hints.failed.get(row.id) or next((answers.failed[ref] for ref in sorted(refs) if ref in answers.failed), None)
            if error is not None:
                one = _fail(tx, row, str(error), now)
                if one.failed:
                    log.warning("intake.failed", **_named(row), why=str(error))
                others = others.and_also(one)
            elif refs & answers.unasked:
                postponed.append(row)
            elif row.tries < LOOKS and any(_is_behind(ref, at, answers, before) for ref, at in told.items()):
                why = f"{row.source}: it does not show yet what this tells"
                inbox.fail(tx, row.id, why, now + FIRST_LOOK * 2**row.tries, now)
                others = others.and_also(Taken(behind=1))
            else:
                (done if row.id in hints.matter else dropped).append(row)
        inbox.settle(tx, [row.id for row in done], "done", now)
        inbox.settle(tx, [row.id for row in dropped], "dropped", now)
        if postponed and answers.why is not None:
            inbox.postpone(tx, [row.id for row in postponed], str(answers.why), _later(answers.why, postponed[0], now))
        return others.and_also(Taken(done=len(done), dropped=len(dropped), postponed=len(postponed)))


def _fail(tx: Connection, row: Waiting, why: str, now: datetime) -> Taken:
    retry_at = now + FIRST_RETRY * 4**row.tries if row.tries + 1 < TRIES else None
    inbox.fail(tx, row.id, why, retry_at, now)
    if retry_at is not None:
        return Taken(failed=1)
    log.error("intake.dead", **_named(row), why=why, fix=f"milepost inbox show {row.id}")
    return Taken(dead=1)


def _named(row: Waiting) -> dict[str, str | int]:
    """A delivery that has failed once more, as the log names it."""
    return {"source": row.source, "id": row.id, "delivery": row.delivery, "kind": row.event, "tries": row.tries + 1}


def _is_behind(ref: Ref, told: datetime | None, answers: Answers, before: Mapping[Ref, Snapshot]) -> bool:
    """Whether the source does not show yet what a delivery tells, by its own times alone. It may keep whole seconds only."""
    if told is None:
        return False
    if ref in answers.missing:
        return ref not in before
    found, stored = answers.found.get(ref), before[ref].entity if ref in before else None
    if found is None or found.updated_at is None:
        return False
    newest = max(found.updated_at, (stored and stored.updated_at) or found.updated_at)
    return newest < told.replace(microsecond=0)


def _newly_named(entity: Entity, before: Snapshot | None) -> AbstractSet[Ref]:
    """What an entity brings along that it did not name before."""
    former = before.entity if before is not None else None
    return set(named_by(entity)).difference(named_by(former) if former is not None else ())


def _later(why: SourceError, oldest: Waiting, now: datetime) -> datetime:
    """When to ask a source again that is away."""
    if isinstance(why, RateLimited):
        return min(why.until, now + inbox.LONGEST)
    return now + min(max(now - oldest.received_at, SOONEST), LATEST)


def _places(before: Snapshot | None, after: Snapshot | None) -> AbstractSet[int]:
    return frozenset().union(*(one.streams for one in (before, after) if one is not None))
