"""Taking back: `milepost unpublish` removes what we own, `milepost release` ends an override or a contest."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from mappings.change import Change, Note, Plan, Slot, Value
from mappings.model import ChangeRequest, Entity, Ref, WorkItem
from sync.apply import Applied
from sync.names import name_of
from sync.source import Source
from sync.store import audit, entities, publishing, resting, verdicts
from sync.store.connect import Database
from sync.targets import container_of, is_editable


def unpublish_plan(
    project: str, published: Mapping[Slot, Value], actual: Mapping[Slot, Value], targets: Mapping[Ref, Entity], *, now: datetime
) -> Plan:
    """Removes every value that still is what we wrote; what a person changed since stays and is told."""
    changes: list[Change] = []
    notes: list[Note] = []
    for slot in sorted(published):
        target, value = targets.get(slot.target), published[slot]
        found = actual.get(slot)
        if target is None or value is None or found is None:
            continue
        if found != value:
            notes.append(_stays(project, slot, name_of(target), found))
        elif not is_editable(target):
            text = "archived or locked: it cannot be edited"
            notes.append(Note(kind="skipped", project=project, text=text, slot=slot, key=name_of(target), actual=found))
        else:
            changes.append(_removal(project, slot, value, target))
    return Plan(
        project=project,
        made_at=now,
        facts_as_of=None,
        config_hash="",
        verdict_hash="",
        changes=tuple(changes),
        notes=tuple(notes),
        published=len(published),
    )


def left_to_others(plan: Plan, applied: Applied) -> Sequence[Note]:
    """What was not taken back because others had changed it, as far as was known before and as was seen just before the write."""
    seen = [one for one in applied.results if one.state == "conflict"]
    return [
        *(note for note in plan.notes if note.kind == "override"),
        *(_stays(plan.project, one.change.slot, one.change.key, one.found) for one in seen),
    ]


def _stays(project: str, slot: Slot, key: str, found: Value) -> Note:
    text = "a person changed it since we wrote it; it stays"
    return Note(kind="override", project=project, text=text, slot=slot, key=key, actual=found)


def _removal(project: str, slot: Slot, value: Value, target: Entity) -> Change:
    digest = hashlib.blake2b(msgspec.json.encode([str(slot), "unpublish"]), digest_size=8)
    return Change(
        id=digest.hexdigest(),
        project=project,
        slot=slot,
        action="remove",
        before=value,
        after=None,
        key=name_of(target),
        container=container_of(target),
        title=target.title if isinstance(target, WorkItem | ChangeRequest) else "",
        url=target.url,
        reason="taken back by milepost unpublish",
        counts=False,  # somebody asked for it; the safety check is for what nobody did
    )


def plan_unpublish(database: Database, project: str, sources: Mapping[str, Source] | None = None) -> Plan:
    """The plan that takes back everything of one project, also of one that the file no longer has.

    In slots that `sources` no longer have as ours, which nothing mirrors, what was written is expected to be there still.
    """
    with database.read() as tx:
        published = {slot: row.value for slot, row in publishing.published(tx, project).items()}
        refs = sorted({slot.target for slot in published})
        targets = {entity.ref: entity for entity in entities.get(tx, refs)}
        former = {slot: value for slot, value in published.items() if _is_former(slot, sources or {})}
        return unpublish_plan(project, published, {**former, **entities.slots_of(tx, refs)}, targets, now=database.now(tx))


def _is_former(slot: Slot, sources: Mapping[str, Source]) -> bool:
    source = sources.get(slot.target.source)
    return source is not None and not source.owned.covers(slot)


def forget_withdrawn(database: Database, plan: Plan, applied: Applied, *, is_over: bool) -> None:
    """Ends the memory of what `plan`, the whole of a project's, has taken back, and of what is no longer ours. What could not be
    taken, as from an archived ticket or one that is gone, stays known: a later time may do it. A project that `is_over`, since the
    file no longer has it, leaves no standings either."""
    over = {result.change.slot for result in applied.results if result.state in ("done", "conflict")}
    skipped = {note.slot for note in plan.notes if note.kind == "skipped"}
    left = {change.slot for change in plan.changes} - over | skipped
    with database.write() as tx:
        published = publishing.published(tx, plan.project)
        gone = entities.buried(tx, {slot.target for slot in published})
        left |= {slot for slot, row in published.items() if slot.target in gone and row.value is not None}
        if not left:
            publishing.forget_project(tx, plan.project)
            if is_over:
                verdicts.end(tx, plan.project, database.now(tx))
                resting.save(tx, plan.project, [])
            return
        publishing.forget_published(tx, [slot for slot in published if slot not in left])
        publishing.forget_held(tx, list(publishing.held(tx, plan.project)))


def release(database: Database, project: str, targets: Sequence[Ref], *, run_id: str) -> Sequence[Slot]:
    """Ends the overrides and contests on `targets`. From then on what a person set counts as ours, so the next sync replaces it.

    A value that was there before Milepost came stays a conflict: that is taken over by `--adopt` alone. Returns the slots that were
    released.
    """
    wanted = set(targets)
    with database.write() as tx:
        now = database.now(tx)
        held = {slot: row for slot, row in publishing.held(tx, project).items() if slot.target in wanted and row.kind != "conflict"}
        there = entities.slots_of(tx, sorted({slot.target for slot in held}))
        for slot in held:
            value = there.get(slot)
            publishing.save_published(tx, slot, project=project, value=value, rules=(), episode=None, run_id=run_id, now=now)
            audit.append(tx, audit.of_release(slot, value, project=project, run_id=run_id, at=now))
        publishing.forget_held(tx, list(held))
    return sorted(held)
