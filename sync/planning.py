"""From a project's standings to its plan: what the store remembers of the remote side is gathered here, the deciding is pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

import msgspec

from mappings.change import Change, Memory, Note, Plan, Slot, Value
from mappings.model import Entity, Field, Ref
from sync.assess import Assessment
from sync.compare import Held, Pushed
from sync.derive import Standing
from sync.listings import ScopedProject
from sync.ownership import Inherited, Ownership
from sync.plan import make_plan
from sync.recipients import deliver
from sync.remembered import Place, Remembered
from sync.reread import doubtful
from sync.source import Source
from sync.spelling import Spellings
from sync.store import audit, entities, publishing, verdicts
from sync.store.audit import Entry, Skipped
from sync.store.connect import Connection, Database
from sync.store.publishing import Hold, Published
from sync.targets import TARGETS, container_of

ROLLING = timedelta(hours=24)

ENDED_WITHIN = timedelta(days=30)
"""Of so long ago the episodes are looked at for what ended last: a slot waits while its target cannot be written."""

SOONEST = timedelta(minutes=30)
LATEST = timedelta(hours=4)
"""How long it takes before a target that could not be written is tried again: twice as long each time."""


R = TypeVar("R", Published, Hold)


class _Recalled(msgspec.Struct, frozen=True, kw_only=True):
    """What the store remembers, as the pure core takes it, and what only concerns the shell."""

    remembered: Remembered
    inherited: Inherited
    out_of_reach: Sequence[Published]
    left_over: Mapping[str, int]
    skipped: Mapping[Slot, Skipped]


def plan_project(
    database: Database,
    assessment: Assessment,
    *,
    config_hash: str,
    in_order: Sequence[ScopedProject],
    sources: Mapping[str, Source],
    adopt: bool = False,
    just_read: Mapping[Slot, Value] | None = None,
) -> Plan:
    """The plan of one assessed project. `in_order` are all projects of the file: where they overlap, the first owns a target.

    `just_read` is what slots that we wrote lately were just read to hold. Of those that were not, another value in a listing may be
    older than our write: what a slot was found to hold when it was left alone counts, else what we wrote.
    """
    with database.read() as tx:
        recalled = _recall(tx, assessment, Ownership(assessment.project, in_order), sources, just_read or {})
    plan = make_plan(
        assessment.graph,
        assessment.project.view,
        assessment.project.rules,
        assessment.standings,
        recalled.remembered,
        now=assessment.now,
        config_hash=config_hash,
        facts_as_of=assessment.freshness.facts_as_of(),
        adopt=adopt,
    )
    return _without_the_skipped(_taken_over(_with_findings(plan, recalled), recalled), recalled, assessment)


def _recall(
    tx: Connection, assessment: Assessment, ownership: Ownership, sources: Mapping[str, Source], just_read: Mapping[Slot, Value]
) -> _Recalled:
    key = assessment.project.memory
    known = assessment.graph.entities
    targets = {ref for ref in known if ref.kind in TARGETS}
    spelt = Spellings(assessment.graph.of(Field), assessment.project.view)
    every = _under_their_slots(spelt.at_present(publishing.published(tx, key)))
    every_hold = _under_their_slots(spelt.at_present(publishing.held(tx, key)))
    no_longer = {slot for slot in (*every, *every_hold) if slot.target not in known or not ownership.covers(slot)}
    passed_on = ownership.passed_on(tx, no_longer)
    gone = entities.buried(tx, {slot.target for slot in every} - known.keys())
    every = {slot: row for slot, row in every.items() if slot.target not in gone}
    mine = {slot: row for slot, row in every.items() if slot.target.source in sources and slot not in passed_on}
    taken = ownership.taken(tx, targets)
    inherited = _continued(ownership.inherited(tx, targets, taken), assessment)
    held = {**{slot: row for slot, row in every_hold.items() if slot not in passed_on}, **inherited.held}
    strays = {entity.ref: entity for entity in entities.get(tx, {slot.target for slot in mine} - known.keys())}
    published = {**mine, **inherited.published}
    # Nothing mirrors a slot that the file no longer makes ours: what we wrote there is expected, and looked at before it is taken.
    former = {slot: row.value for slot, row in mine.items() if not sources[slot.target.source].owned.covers(slot)}
    left = {slot: value for slot, value in entities.slots_of(tx, strays).items() if slot in mine}
    mirrored = {**former, **left, **spelt.at_present(entities.slots_of(tx, targets))}
    unsure = doubtful(mine.values(), mirrored, assessment.now)
    believed = {**unsure, **{slot: held[slot].value for slot in unsure if slot in held}, **spelt.at_present(just_read)}
    return _Recalled(
        remembered=Remembered(
            actual={slot: value for slot, value in {**mirrored, **believed}.items() if value is not None},
            pushed={slot: Pushed(value=row.value, rules=row.rules, episode=row.episode) for slot, row in published.items()},
            held={slot: _held(row) for slot, row in held.items()},
            settled=frozenset(publishing.settled(tx, key)),
            forced=audit.forced_rewrites(tx, key, assessment.now - ROLLING),
            strays=strays,
            taken=taken,
            episodes=verdicts.episodes_since(tx, key, assessment.now - ENDED_WITHIN),
        ),
        inherited=inherited,
        left_over=ownership.left_over(tx),
        out_of_reach=[row for slot, row in every.items() if slot.target.source not in sources and row.value is not None],
        skipped=audit.skipped(tx, key, assessment.now - ROLLING),
    )


def _under_their_slots(rows: Mapping[Slot, R]) -> dict[Slot, R]:
    """Each with the slot by which it is known now."""
    return {slot: msgspec.structs.replace(row, slot=slot) for slot, row in rows.items()}


def _continued(inherited: Inherited, assessment: Assessment) -> Inherited:
    """What others left, bound to this project's own episodes of the same statuses on the same targets."""
    if not inherited.published and not inherited.held:
        return inherited
    rules = {rule.id: rule for rule in assessment.project.rules}
    delivered = deliver(assessment.graph, assessment.project.view, rules, assessment.standings, now=assessment.now)
    standings: dict[tuple[Ref, str], list[Standing]] = {}
    for one in delivered:
        for target in one.targets:
            standings.setdefault((target, one.standing.rule), []).append(one.standing)

    def own(slot: Slot, named: Iterable[str], before: str | None) -> str | None:
        """The episode here of what the slot was about. Where that is known to be over, the one `before`, which is open nowhere."""
        about = [one for rule in named for one in standings.get((slot.target, rule), ())]
        episode = next((one.episode for one in about if one.episode), None)
        return before if episode is None and about and all(one.truth is False for one in about) else episode

    return Inherited(
        published={
            slot: msgspec.structs.replace(row, episode=own(slot, row.rules, row.episode))
            for slot, row in inherited.published.items()
        },
        held={
            slot: msgspec.structs.replace(row, episode=own(slot, _about(row, inherited.published.get(slot)), row.episode))
            for slot, row in inherited.held.items()
        },
    )


def _about(hold: Hold, published: Published | None) -> Sequence[str]:
    """The statuses that a hold is about: what was shown before, and what the person set."""
    return [*(published.rules if published is not None else ()), *([hold.rule] if hold.rule is not None else [])]


def _held(row: Hold) -> Held:
    return Held(kind=row.kind, value=row.value, rule=row.rule, episode=row.episode)


def _with_findings(plan: Plan, recalled: _Recalled) -> Plan:
    by_source: dict[str, int] = {}
    for row in recalled.out_of_reach:
        by_source[row.slot.target.source] = by_source.get(row.slot.target.source, 0) + 1
    notes = [
        Note(
            kind="finding",
            project=plan.project,
            text=f"{count:,} values are still shown on {source}, which the project file no longer has; "
            "put the source back, run milepost unpublish, then take it out",
        )
        for source, count in sorted(by_source.items())
    ]
    notes += [
        Note(
            kind="finding",
            project=plan.project,
            text=f"{count:,} values of project {key}, which this file does not have, are still shown; "
            f"milepost unpublish --project {key} takes them back",
        )
        for key, count in recalled.left_over.items()
    ]
    return msgspec.structs.replace(plan, notes=(*plan.notes, *notes))


def _taken_over(plan: Plan, recalled: _Recalled) -> Plan:
    """What others left in this project's slots, and stays as it is, is this project's from now on."""
    spoken_of = {change.slot for change in plan.changes} | {memory.slot for memory in plan.memories}
    memories: list[Memory] = []
    for slot, row in sorted(recalled.inherited.published.items()):
        if slot not in spoken_of:
            rule = row.rules[0] if row.rules else None
            memories.append(Memory(kind="adopted", slot=slot, value=row.value, rule=rule, episode=row.episode))
    for slot, hold in sorted(recalled.inherited.held.items()):
        if slot not in spoken_of:
            memories.append(Memory(kind=hold.kind, slot=slot, value=hold.value, rule=hold.rule, episode=hold.episode))
    return msgspec.structs.replace(plan, memories=(*plan.memories, *memories))


def _without_the_skipped(plan: Plan, recalled: _Recalled, assessment: Assessment) -> Plan:
    """A target that could not be written is tried again ever more rarely, unless it has changed since."""
    notes: list[Note] = []
    changes: list[Change] = []
    for change in plan.changes:
        before = recalled.skipped.get(change.slot)
        target = assessment.graph.entities.get(change.slot.target) or recalled.remembered.strays.get(change.slot.target)
        if before is None or _is_due(before, assessment.now) or _is_news(before.last, change, target):
            changes.append(change)
        else:
            notes.append(_skipped(change, before.last.reason))
    return msgspec.structs.replace(plan, changes=tuple(changes), notes=(*plan.notes, *notes))


def _is_due(before: Skipped, now: datetime) -> bool:
    """Nothing tells when what could not be seen can be seen again, so it is looked for; but not in every run."""
    elapsed = now - before.last.at
    # One that is dated ahead was tried by a clock that was ahead.
    return elapsed < timedelta() or elapsed >= min(SOONEST * (1 << min(before.times - 1, 10)), LATEST)


def _is_news(before: Entry, change: Change, target: Entity | None) -> bool:
    changed_since = target is not None and target.updated_at is not None and target.updated_at > before.at
    return changed_since or before.after != change.after


def _skipped(change: Change, why: str) -> Note:
    return Note(
        kind="skipped",
        project=change.project,
        text=why,
        slot=change.slot,
        key=change.key,
        url=change.url,
        actual=change.before,
        desired=change.after,
    )


def without(blocked: Mapping[str, str], plan: Plan) -> Plan:
    """The plan without the changes on sources where nothing may be written now."""
    return msgspec.structs.replace(
        plan,
        changes=tuple(change for change in plan.changes if change.slot.target.source not in blocked),
        memories=tuple(memory for memory in plan.memories if memory.slot.target.source not in blocked),
    )


def settle(database: Database, assessment: Assessment) -> None:
    """Remembers where slots have been compared: from now on, another value there is a person's doing; and what they are called now.
    Forgets that we took our values away from what is no longer in the project's scopes. On what is proven gone they stay known: it
    may come back."""
    key, known = assessment.project.key, assessment.graph.entities
    spelt = Spellings(assessment.graph.of(Field), assessment.project.view)
    with database.write() as tx:
        for slot in {*publishing.published(tx, key), *publishing.held(tx, key)}:
            if (now := spelt.present(slot)) != slot:
                publishing.respell(tx, slot, now)
        publishing.settle(tx, key, set(_places(assessment)), database.now(tx))
        published = publishing.published(tx, key)
        gone = entities.buried(tx, {slot.target for slot in published} - known.keys())
        outside = {slot for slot, row in published.items() if row.value is None and slot.target not in known}
        publishing.forget_published(tx, [slot for slot in outside if slot.target not in gone])


def _places(assessment: Assessment) -> Iterator[Place]:
    owned = assessment.project.view.owned
    containers = {
        (entity.ref.source, container_of(entity)) for entity in assessment.graph.entities.values() if entity.ref.kind in TARGETS
    }
    for source, container in containers:
        ours = owned.get(source)
        if ours is None:
            continue
        yield from ((source, container, "label", label) for label in ours.labels)
        if ours.field:
            yield (source, container, "field", ours.field)
        if ours.property:
            yield (source, container, "property", ours.property)
