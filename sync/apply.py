"""Making a plan true: intent committed, written, result committed; so that a kill at any moment repeats no visible write.

Each slot is read fresh just before it is written, and written only if it still holds what the plan saw. The project's lease is
checked in the transactions that commit the intent and the results, so a run that lost it writes nothing more. What was being sent
when a run ended, by a kill or by its source's failure, stays marked so until the next run has compared it with the remote side.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

import msgspec
import structlog

from connectors.base import Publisher
from connectors.errors import Cancelled, SourceError
from mappings.change import Change, Memory, Plan, Slot, Value, Written, reduced
from sync.ownership import reaching
from sync.reread import mirror
from sync.source import Source, each, guarded, publishing_on
from sync.store import audit, leases, outbox, publishing
from sync.store.bulk import chunks
from sync.store.connect import Connection, Database
from sync.store.leases import Lease
from sync.tracing import span

log = structlog.get_logger(__name__)

CHUNK = 50
LEASE = timedelta(seconds=180)
"""Longer than the longest write with its retries: a stale holder's last request is over before another may begin."""

LONGEST_REQUEST = timedelta(seconds=60)
"""What the lease must still have when a write begins: more than any client waits for one answer."""


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one change of the plan. `unsent`: the run or its source stopped before it was known to be made; what had been
    begun is looked at by the next run. `reduced`: what failed took away what was there (`Written`)."""

    change: Change
    state: Literal["done", "failed", "conflict", "skipped", "unsent"]
    why: str | None = None
    found: Value = None
    reduced: bool = False


class Applied(msgspec.Struct, frozen=True, kw_only=True):
    """All results of one project, in the plan's order within each source; `away` are the sources that failed meanwhile."""

    project: str
    results: Sequence[Result] = ()
    memories: int = 0
    away: Mapping[str, SourceError] = {}

    def count(self, state: str) -> int:
        return sum(1 for result in self.results if result.state == state)

    @property
    def is_partial(self) -> bool:
        return any(result.state in ("failed", "conflict", "unsent") for result in self.results)


class Numbered(NamedTuple):
    """A change and its row in the outbox."""

    number: int
    change: Change


ALREADY = "was already so"


def lease_name(project: str) -> str:
    """The lease that serialises everything that writes for one project."""
    return f"apply:{project}"


def recover(
    database: Database, project: str, sources: Mapping[str, Source], lease: Lease, *, run_id: str, stop: threading.Event
) -> Mapping[str, str]:
    """Settles what earlier runs left behind: what they had begun to send is compared with the remote side, the rest is given up.

    Returns, by source, why one could not be asked: until it can, nothing may be written there for this project. Raises `Cancelled`
    and `LeaseLost`.
    """
    with database.read() as tx:
        left = outbox.unfinished(tx, project)
    with database.write() as tx:
        since = leases.verify(tx, lease)
        outbox.abandon(tx, project, [row.id for row in left if row.state == "planned"], since)
    begun = [row for row in left if row.state == "sending"]
    blocked: dict[str, str] = {}
    for name in sorted({row.change.slot.target.source for row in begun}):
        rows = [row for row in begun if row.change.slot.target.source == name]
        try:
            if name not in sources:
                raise SourceError(name, "is no longer in the project file, and a run was stopped while it wrote there")
            _settle_begun(database, project, rows, _read_now(sources[name], rows, stop), lease, since)
        except SourceError as error:
            blocked[name] = str(error)
    if left:
        log.info("apply.recovered", project=project, begun=len(begun), blocked=sorted(blocked), run=run_id)
    return blocked


def _read_now(source: Source, rows: Sequence[outbox.Row], stop: threading.Event) -> Mapping[Slot, Value]:
    found: dict[Slot, Value] = {}
    for reached, slots in reaching(source, [row.change.slot for row in rows]):
        with publishing_on(reached, stop) as publisher, guarded(source.name, "reading what was being written"):
            found.update(publisher.read_slots(sorted(slots)))
    return found


def _settle_begun(
    database: Database, project: str, rows: Sequence[outbox.Row], found: Mapping[Slot, Value], lease: Lease, since: datetime
) -> None:
    with database.write() as tx:
        now = leases.verify(tx, lease)
        # All at once: who told of one object, and that the project is due, must not wait then for whoever has the next object.
        mirror(tx, project, found, since=since, now=now)
        for row in rows:
            change, slot = row.change, row.change.slot
            if slot in found and found[slot] == change.after:
                outbox.settle(tx, row.id, "done", "found to be made", now)
                _note_value(tx, change, kind="write", run_id=row.run_id, now=now)
                continue
            outbox.settle(tx, row.id, "failed", "the run ended before it was made", now)
            if slot in found and slot.kind == "field" and change.before != found[slot] == reduced(change).after:
                _note_value(tx, reduced(change), kind="write", run_id=row.run_id, now=now)


def apply_plan(
    database: Database, plan: Plan, sources: Mapping[str, Source], lease: Lease, *, run_id: str, stop: threading.Event
) -> Applied:
    """Makes every change of `plan`. A source that fails leaves its other changes `unsent`; the other sources go on.

    Raises `LeaseLost` when another run may have taken over: nothing more is written then.
    """
    with database.write() as tx:
        now = leases.verify(tx, lease)
        for memory in plan.memories:
            _remember(tx, plan.project, memory, run_id=run_id, now=now)
        ids = outbox.plan_changes(tx, run_id, plan.project, plan.changes, now)
    one = _Apply(database, plan.project, lease, now, run_id=run_id, stop=stop)
    numbered = [Numbered(number, change) for number, change in zip(ids, plan.changes, strict=True)]
    results: list[Result] = []
    for name in sorted({change.slot.target.source for change in plan.changes}):
        results.extend(one.on_source(sources.get(name), name, [row for row in numbered if row.change.slot.target.source == name]))
    return Applied(project=plan.project, results=results, memories=len(plan.memories), away=one.away)


class _Over(threading.Event):
    """Set when the run is told to stop, and once its lease may have ended: one change can take several requests, and a process that
    was frozen between them must not send the next."""

    def __init__(self, stop: threading.Event, lease: Lease) -> None:
        super().__init__()
        self._stop = stop
        self._term = lease.term

    def is_set(self) -> bool:
        return self._stop.is_set() or self._term.is_over

    def wait(self, timeout: float | None = None) -> bool:
        return self._stop.wait(timeout) or self._term.is_over


class _Apply:
    """One plan being made true under one lease."""

    def __init__(
        self, database: Database, project: str, lease: Lease, now: datetime, *, run_id: str, stop: threading.Event
    ) -> None:
        self.database = database
        self.project = project
        self.lease = lease
        self.now = now  # by the store's clock, as far as it was asked
        self.run_id = run_id
        self.stop = stop
        self.away: dict[str, SourceError] = {}

    def on_source(self, source: Source | None, name: str, rows: Sequence[Numbered]) -> Sequence[Result]:
        """The results of all `rows`, whatever happens to their source."""
        results: dict[int, Result] = {}
        try:
            if source is None:
                raise SourceError(name, "is no longer in the project file", fix="put it back, or run milepost unpublish first")
            for reached, slots in reaching(source, [row.change.slot for row in rows]):
                with publishing_on(reached, _Over(self.stop, self.lease)) as publisher:
                    for chunk in chunks([row for row in rows if row.change.slot in slots], CHUNK):
                        self._leave_if_stopped()
                        self._chunk(publisher, name, chunk, results, former=reached is not source)
        except SourceError as error:
            if source is not None and source.away is None:
                log.warning("apply.source_failed", source=name, error=str(error))
                self.away[name] = error
            self._leave([row for row in rows if row.number not in results], str(error), results)
        except Cancelled:
            why = "the run was stopped" if self.stop.is_set() else "the run was away for too long"
            self._leave([row for row in rows if row.number not in results], why, results)
        return [results[row.number] for row in rows]

    def _leave(self, rows: Sequence[Numbered], why: str, results: dict[int, Result]) -> None:
        """Gives up what was not begun. What was stays `sending`: nobody knows whether it was made."""
        with self.database.write() as tx:
            now = leases.verify(tx, self.lease)
            outbox.abandon(tx, self.project, [row.number for row in rows], now)
        results.update({row.number: Result(change=row.change, state="unsent", why=why) for row in rows})

    def _chunk(
        self, publisher: Publisher, name: str, rows: Sequence[Numbered], results: dict[int, Result], *, former: bool
    ) -> None:
        """Adds to `results` one by one, so that what is done is known when the next one fails."""
        since = self.now
        with guarded(name, "reading what is there now"):
            found = publisher.read_slots([row.change.slot for row in rows])
        to_send: list[Numbered] = []
        for row in rows:
            result = _compare(row.change, found, former=former)
            if result is None:
                to_send.append(row)
            else:
                results[row.number] = self._commit(row.number, result, since)
        if to_send:
            self._send(publisher, name, to_send, results)

    def _send(self, publisher: Publisher, name: str, rows: Sequence[Numbered], results: dict[int, Result]) -> None:
        with self.database.write() as tx:
            since = self.database.now(tx)
            outbox.mark_sending(tx, [row.number for row in rows], self.lease, since, lasting=LONGEST_REQUEST)
        by_id = {row.change.id: row for row in rows}
        with (
            span("write", source=name, project=self.project, changes=len(rows)),
            closing(each(name, "writing", publisher.write([row.change for row in rows]))) as answers,
        ):
            for written in answers:
                row = by_id.pop(written.change, None)
                if row is None:
                    log.warning("apply.unasked_answer", source=name, change=written.change)
                    continue
                results[row.number] = self._commit(row.number, _result(row.change, written), since)
                if by_id:
                    self._leave_if_stopped()
        # Rows without an answer stay `sending`: they may have been made.
        for row in by_id.values():
            results[row.number] = Result(change=row.change, state="unsent", why="the publisher gave no answer for it")

    def _leave_if_stopped(self) -> None:
        if self.stop.is_set():
            raise Cancelled

    def _commit(self, number: int, result: Result, since: datetime) -> Result:
        """The result in one transaction: outbox, mirror, memory and audit. It was found, or made, after `since`."""
        change = result.change
        with self.database.write() as tx:
            self.now = now = leases.verify(tx, self.lease)
            if result.state == "done":
                outbox.settle(tx, number, "done", result.why, now)
                kind: audit.Kind = "adopted" if result.why == ALREADY else "write"
                _commit_value(tx, change, kind=kind, run_id=self.run_id, since=since, now=now)
            elif result.state != "unsent":
                outbox.settle(tx, number, result.state, result.why, now)
                audit.append(tx, audit.of_change(change, kind=result.state, run_id=self.run_id, at=now, why=result.why))
                if result.reduced:
                    _commit_value(tx, reduced(change), kind="write", run_id=self.run_id, since=since, now=now)
                if result.state == "conflict":
                    mirror(tx, self.project, {change.slot: result.found}, since=since, now=now)
        return result


def _compare(change: Change, found: Mapping[Slot, Value], *, former: bool) -> Result | None:
    """What the fresh value says without a write: already as wanted, a conflict, or the target is gone. None: write it."""
    if change.slot not in found:
        return Result(change=change, state="skipped", why=f"{change.key} is gone or can no longer be seen")
    value = found[change.slot]
    if value == change.after:
        return Result(change=change, state="done", why=ALREADY, found=value)
    if value != change.before:
        why = f"{change.key} was changed since it was planned; plan again"
        return Result(change=change, state="conflict", why=why, found=value)
    if former and change.after is not None:
        return Result(change=change, state="failed", why=f"{change.slot.name} is not Milepost's any longer: it may only be emptied")
    return None


def _result(change: Change, written: Written) -> Result:
    return Result(change=change, state=written.state, why=written.why, found=written.found, reduced=written.reduced)


def _commit_value(tx: Connection, change: Change, *, kind: audit.Kind, run_id: str, since: datetime, now: datetime) -> None:
    mirror(tx, change.project, {change.slot: change.after}, since=since, now=now)
    _note_value(tx, change, kind=kind, run_id=run_id, now=now)


def _note_value(tx: Connection, change: Change, *, kind: audit.Kind, run_id: str, now: datetime) -> None:
    publishing.save_published(
        tx,
        change.slot,
        project=change.project,
        value=change.after,
        rules=change.rules,
        episode=change.episode,
        run_id=run_id,
        now=now,
    )
    publishing.forget_held(tx, [change.slot])
    why = "it held what would have been written" if kind == "adopted" else None
    audit.append(tx, audit.of_change(change, kind=kind, run_id=run_id, at=now, why=why))


def _remember(tx: Connection, project: str, memory: Memory, *, run_id: str, now: datetime) -> None:
    rules = (memory.rule,) if memory.rule else ()
    match memory.kind:
        case "adopted":
            publishing.save_published(
                tx, memory.slot, project=project, value=memory.value, rules=rules, episode=memory.episode, run_id=run_id, now=now
            )
        case "override" | "contested" | "conflict":
            publishing.hold(
                tx,
                memory.slot,
                project=project,
                kind=memory.kind,
                value=memory.value,
                rule=memory.rule,
                episode=memory.episode,
                now=now,
            )
        case "agreed":
            publishing.forget_held(tx, [memory.slot])
    audit.append(tx, audit.of_memory(memory, project=project, run_id=run_id, at=now))
