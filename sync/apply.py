"""Making a plan true: intent committed, written, result committed; so that a kill at any moment repeats no visible write.

Each slot is read fresh just before it is written, and written only if it still holds what the plan saw. The project's lease is
checked in the transaction that commits the intent, so a run that lost it writes nothing more.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from typing import Literal

import msgspec
import structlog

from connectors.base import Publisher
from connectors.errors import Cancelled, SourceError
from mappings.change import Change, Memory, Plan, Slot, Value, Written
from sync.pull import Gauge, Source
from sync.store import audit, entities, leases, outbox, publishing
from sync.store.connect import Connection, Database
from sync.store.leases import Lease

log = structlog.get_logger(__name__)

CHUNK = 50
LEASE = timedelta(seconds=180)
"""Longer than the longest write with its retries: a stale holder's last request is over before another may begin."""


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one change of the plan. `unsent`: the source failed before it was tried."""

    change: Change
    state: Literal["done", "failed", "conflict", "skipped", "unsent"]
    why: str | None = None
    found: Value = None


class Applied(msgspec.Struct, frozen=True, kw_only=True):
    """All results of one project, in the plan's order within each source."""

    project: str
    results: Sequence[Result] = ()
    memories: int = 0

    def count(self, state: str) -> int:
        return sum(1 for result in self.results if result.state == state)

    @property
    def is_partial(self) -> bool:
        return any(result.state in ("failed", "conflict", "unsent") for result in self.results)


def lease_name(project: str) -> str:
    """The lease that serialises everything that writes for one project."""
    return f"apply:{project}"


def recover(
    database: Database, project: str, sources: Mapping[str, Source], lease: Lease, *, run_id: str, stop: threading.Event
) -> int:
    """Settles what a killed run left behind: what it had begun to send is compared with the remote side, the rest is given up.

    Returns how many changes were found to have been made. Raises `SourceError` when a source cannot be asked: until it can, nothing
    may be planned for this project.
    """
    with database.read() as tx:
        left = outbox.unfinished(tx, project)
    begun = [row for row in left if row.state == "sending"]
    made = 0
    for source, rows in _by_source(begun):
        if source not in sources:
            continue
        with closing(_publisher(sources[source], stop)) as publisher:
            found = publisher.read_slots([row.change.slot for row in rows])
        with database.write() as tx:
            leases.verify(tx, lease)
            now = database.now(tx)
            for row in rows:
                happened = found.get(row.change.slot) == row.change.after and row.change.slot in found
                made += happened
                why = None if happened else "the run was killed before it was written"
                outbox.settle(tx, row.id, "done" if happened else "failed", why, now)
                if happened:
                    _commit_value(tx, row.change, row.change.after, run_id=row.run_id, now=now)
                elif row.change.slot in found:
                    entities.update_slots(tx, {row.change.slot: found[row.change.slot]})
    with database.write() as tx:
        outbox.abandon(tx, project, [row.id for row in left if row.state == "planned"], database.now(tx))
    if left:
        log.info("apply.recovered", project=project, begun=len(begun), made=made, run=run_id)
    return made


def apply_plan(
    database: Database, plan: Plan, sources: Mapping[str, Source], lease: Lease, *, run_id: str, stop: threading.Event
) -> Applied:
    """Makes every change of `plan`. A source that fails leaves its other changes `unsent`; the other sources go on."""
    with database.write() as tx:
        leases.verify(tx, lease)
        now = database.now(tx)
        for memory in plan.memories:
            _remember(tx, plan.project, memory, run_id=run_id, now=now)
        ids = outbox.plan_changes(tx, run_id, plan.project, plan.changes, now)
    numbered = list(zip(ids, plan.changes, strict=True))
    results: list[Result] = []
    for name, rows in _changes_by_source(numbered):
        results.extend(_apply_source(database, sources.get(name), name, rows, lease, run_id=run_id, stop=stop))
    return Applied(project=plan.project, results=results, memories=len(plan.memories))


def _apply_source(
    database: Database,
    source: Source | None,
    name: str,
    rows: Sequence[tuple[int, Change]],
    lease: Lease,
    *,
    run_id: str,
    stop: threading.Event,
) -> Iterator[Result]:
    done: set[int] = set()
    try:
        if source is None:
            raise SourceError(name, "is no longer in the project file", fix="put it back, or run milepost unpublish first")
        with closing(_publisher(source, stop)) as publisher:
            for start in range(0, len(rows), CHUNK):
                if stop.is_set():
                    raise Cancelled
                for number, result in _apply_chunk(database, publisher, rows[start : start + CHUNK], lease, run_id=run_id):
                    done.add(number)
                    yield result
    except (SourceError, Cancelled) as error:
        why = str(error) or "stopped before it was written"
        log.warning("apply.source_failed", source=name, error=why)
        left = [(number, change) for number, change in rows if number not in done]
        with database.write() as tx:
            outbox.abandon(tx, left[0][1].project if left else "", [number for number, _ in left], database.now(tx))
        yield from (Result(change=change, state="unsent", why=why) for _, change in left)


def _apply_chunk(
    database: Database, publisher: Publisher, rows: Sequence[tuple[int, Change]], lease: Lease, *, run_id: str
) -> Iterator[tuple[int, Result]]:
    found = publisher.read_slots([change.slot for _, change in rows])
    to_send: list[tuple[int, Change]] = []
    for number, change in rows:
        result = _compare(change, found)
        if result is None:
            to_send.append((number, change))
        else:
            _commit(database, number, result, run_id=run_id)
            yield number, result
    if not to_send:
        return
    with database.write() as tx:
        outbox.mark_sending(tx, [number for number, _ in to_send], lease, database.now(tx))
    by_id = {change.id: (number, change) for number, change in to_send}
    for written in publisher.write([change for _, change in to_send]):
        number, change = by_id.pop(written.change)
        result = _result(change, written)
        _commit(database, number, result, run_id=run_id)
        yield number, result
    for number, change in by_id.values():
        result = Result(change=change, state="failed", why="the publisher gave no answer for it")
        _commit(database, number, result, run_id=run_id)
        yield number, result


def _compare(change: Change, found: Mapping[Slot, Value]) -> Result | None:
    """What the fresh value says without a write: already as wanted, a conflict, or the target is gone. None: write it."""
    if change.slot not in found:
        return Result(change=change, state="skipped", why=f"{change.key} is gone or can no longer be seen")
    value = found[change.slot]
    if value == change.after:
        return Result(change=change, state="done", why="was already so", found=value)
    if value != change.before:
        return Result(
            change=change, state="conflict", why=f"{change.key} was changed since it was planned; plan again", found=value
        )
    return None


def _result(change: Change, written: Written) -> Result:
    return Result(change=change, state=written.state, why=written.why, found=written.found)


def _commit(database: Database, number: int, result: Result, *, run_id: str) -> None:
    """The result in one transaction: outbox, mirror, memory and audit."""
    change = result.change
    with database.write() as tx:
        now = database.now(tx)
        state = "failed" if result.state == "unsent" else result.state
        outbox.settle(tx, number, state, result.why, now)
        if result.state == "done":
            _commit_value(tx, change, change.after, run_id=run_id, now=now)
        elif result.state == "conflict":
            entities.update_slots(tx, {change.slot: result.found})
        if result.state in ("failed", "conflict", "skipped"):
            audit.append(tx, audit.of_change(change, kind=result.state, run_id=run_id, at=now, why=result.why))


def _commit_value(tx: Connection, change: Change, value: Value, *, run_id: str, now: datetime) -> None:
    entities.update_slots(tx, {change.slot: value})
    publishing.save_published(
        tx, change.slot, project=change.project, value=value, rules=change.rules, episode=change.episode, run_id=run_id, now=now
    )
    publishing.forget_held(tx, [change.slot])
    audit.append(tx, audit.of_change(change, kind="write", run_id=run_id, at=now))


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


def _publisher(source: Source, stop: threading.Event) -> Publisher:
    if source.connection.publisher is None:
        raise SourceError(source.name, f"a source of type {source.connection.name} cannot be written to")
    return source.connection.publisher(source.context(Gauge(), stop))


def _by_source(rows: Sequence[outbox.Row]) -> Iterator[tuple[str, Sequence[outbox.Row]]]:
    for source in sorted({row.change.slot.target.source for row in rows}):
        yield source, [row for row in rows if row.change.slot.target.source == source]


def _changes_by_source(rows: Sequence[tuple[int, Change]]) -> Iterator[tuple[str, Sequence[tuple[int, Change]]]]:
    for source in sorted({change.slot.target.source for _, change in rows}):
        yield source, [row for row in rows if row[1].slot.target.source == source]
