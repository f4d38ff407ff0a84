"""What the slots of ours show now, and why a status that is true is not among it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Literal

import msgspec

from mappings.change import Change, Note, Owned, Plan, Slot, Value
from mappings.model import Entity, Ref
from mappings.rules import StatusRule
from sync.assess import Assessment
from sync.derive import Standing, shown
from sync.display import Shown, gather, holds_several, shows, wanted
from sync.names import name_of
from sync.project import ProjectView, Taken
from sync.recipients import deliver


class SlotState(msgspec.Struct, frozen=True, kw_only=True):
    """One slot of ours: what it holds now, the change that is planned there, what is left alone and why, and which true statuses
    a field of one value does not show beside a higher one."""

    slot: Slot
    value: Value
    change: Change | None = None
    notes: tuple[Note, ...] = ()
    outranked: tuple[str, ...] = ()


def shown_on(project: ProjectView, rule: StatusRule, targets: Iterable[Ref], actual: Mapping[Slot, Value]) -> Sequence[Ref]:
    """The targets on which people can see the status now. A property is not seen where a field or labels say the same."""
    return [target for target in targets if any(_shows(slot, rule, project, actual) for slot in _seen(project, target))]


def state_seen(
    standing: Standing, rule: StatusRule, project: ProjectView, seen: Sequence[Ref], *, now: datetime
) -> Literal["on", "off", "unknown"]:
    """What people are told of a status that they see on `seen`. What is not known is shown from before only where people see it;
    else it is unknown, also where nothing of it was ever published."""
    if standing.truth is None and not seen:
        return "unknown"
    state = shown(standing, rule, now=now, unknown_after=project.unknown_after)
    return "unknown" if standing.truth is None and state == "off" else state


def wanted_in(slot: Slot, assessment: Assessment) -> Value:
    """What the statuses ask for in a slot that shows nothing of ours."""
    entries = _entries(slot.target, assessment)
    found = wanted(slot.target, entries, assessment.project.view, assessment.graph, {}).get(slot)
    return found.value if found is not None else None


def can_show(project: ProjectView, target: Ref) -> bool:
    """Whether anything of ours is on the target for people to see."""
    return any(True for _ in _seen(project, target))


def published_to(project: ProjectView) -> Sequence[str]:
    """The sources on which the project shows its statuses."""
    return [source for source, owned in project.owned.items() if owned.labels or owned.all_fields() or owned.property is not None]


def _seen(project: ProjectView, target: Ref) -> Iterator[Slot]:
    owned = project.owned.get(target.source, Owned())
    yield from (Slot(target, "label", label) for label in owned.labels)
    if owned.field is not None:
        yield Slot(target, "field", owned.field)
    elif owned.property is not None and not owned.labels:
        yield Slot(target, "property", owned.property)


def _shows(slot: Slot, rule: StatusRule, project: ProjectView, actual: Mapping[Slot, Value]) -> bool:
    if slot.kind == "label" and project.label_rules.get(slot.target.source, {}).get(slot.name) != rule.id:
        return False
    return shows(actual.get(slot), rule)


def slot_states(
    assessment: Assessment, target: Ref, actual: Mapping[Slot, Value], plan: Plan, taken: Sequence[Taken] = ()
) -> Sequence[SlotState]:
    """Every slot of ours on the target that holds something, should, or is spoken of; a field and a property always. What is
    `taken`, an earlier project shows."""
    owned = assessment.project.view.owned.get(target.source, Owned())
    changes = {one.slot: one for one in plan.changes if one.slot.target == target}
    notes = [(one.slot, one) for one in plan.notes if one.slot is not None and one.slot.target == target]
    always = [
        *([Slot(target, "field", owned.field)] if owned.field is not None else []),
        *([Slot(target, "property", owned.property)] if owned.property is not None else []),
    ]
    held = [slot for slot, value in actual.items() if slot.target == target and value is not None and owned.covers(slot)]
    return [
        SlotState(
            slot=slot,
            value=actual.get(slot),
            change=changes.get(slot),
            notes=tuple(note for place, note in notes if place == slot),
            outranked=tuple(_outranked(slot, assessment, actual.get(slot))),
        )
        for slot in sorted({*always, *held, *changes, *(slot for slot, _ in notes)})
        if not any(one.holds(slot) for one in taken)
    ]


def findings_about(plan: Plan, subject: Entity) -> Sequence[Note]:
    """What the plan says of the subject that concerns no slot, such as an alert of it that reaches nobody."""
    return [one for one in plan.notes if one.slot is None and one.key == name_of(subject) and one.url == subject.url]


def _outranked(slot: Slot, assessment: Assessment, value: Value) -> Iterator[str]:
    """Why a field that holds one value does not show all statuses that are true."""
    if slot.kind != "field" or holds_several(assessment.graph, slot.target.source, slot.name):
        return
    highest: Shown | None = None
    for one in _entries(slot.target, assessment):
        if highest is not None and one.standing.truth is True and one.rule.title != value:
            yield f"{one.rule.title} is true as well; the field holds one value, and {highest.rule.title} ranks higher"
        if highest is None and one.state == "on":
            highest = one


def _entries(target: Ref, assessment: Assessment) -> Sequence[Shown]:
    rules = {rule.id: rule for rule in assessment.project.rules}
    delivered = deliver(assessment.graph, assessment.project.view, rules, assessment.standings, now=assessment.now)
    told: list[Standing] = [one.standing for one in delivered if target in one.targets]
    return gather({target: told}, assessment.project.view, rules, now=assessment.now)[target]
