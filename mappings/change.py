"""What Milepost shows elsewhere, as data: slots, the changes to them, and whether a set of changes is safe to make."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, TypeAlias

import msgspec

from mappings.model import Ref

Value: TypeAlias = bool | str | list[str] | dict[str, Any] | None
"""What a slot holds: nothing, a label's presence, a text or single option, several options (sorted), a property's JSON."""

SlotKind: TypeAlias = Literal["label", "field", "property"]
Action: TypeAlias = Literal["add", "update", "remove"]


class Slot(msgspec.Struct, frozen=True, order=True, array_like=True):
    """One place that Milepost owns on one remote object: a single label, a field, an issue property."""

    target: Ref
    kind: SlotKind
    name: str

    def __str__(self) -> str:
        return f"{self.target} {self.kind} {self.name}"


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What a slot held when it was last seen. A slot of a target that was read and is not listed holds `None`."""

    slot: Slot
    value: Value


class Badge(msgspec.Struct, frozen=True, kw_only=True):
    """How one status looks elsewhere: the option text of a field, the label's name without prefix, its colour as six hex digits."""

    id: str
    title: str
    label: str
    color: str
    description: str


class Owned(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that Milepost may write on one source for one project: these labels, this field, this property, and no more.

    `labels` maps the full label name (with the project's prefix) to its (colour, description). `options` are the texts that a
    field may hold. Over all projects of a source there may be fields beside `field`: the `others`.
    """

    labels: Mapping[str, tuple[str, str]] = {}
    field: str | None = None
    others: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    property: str | None = None

    def all_fields(self) -> tuple[str, ...]:
        return (*([self.field] if self.field is not None else []), *self.others)

    def covers(self, slot: Slot) -> bool:
        match slot.kind:
            case "label":
                return slot.name in self.labels
            case "field":
                return slot.name in self.all_fields()
            case "property":
                return slot.name == self.property

    def claims(self, slot: Slot) -> bool:
        """Whether who owns this writes there: what it covers, and labels that differ from one of these by case alone, which GitHub
        does not tell apart."""
        if slot.kind != "label":
            return self.covers(slot)
        return slot.name.casefold() in {label.casefold() for label in self.labels}


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One absolute write: after it the slot holds `after`, however often it is made.

    `key` and `title` name the target to people; `container` is the project or repository that holds it. `rules` are the statuses
    that ask for the change, `reason` says why in one sentence, `forced` marks a rewrite of what a person changed. `counts` says
    whether the safety check counts it; `gives_up` marks one that takes back only what is no longer known: a refusal spares it.
    """

    id: str
    project: str
    slot: Slot
    action: Action
    before: Value
    after: Value
    key: str
    container: str
    title: str = ""
    url: str | None = None
    rules: tuple[str, ...] = ()
    reason: str = ""
    evidence: tuple[dict[str, Any], ...] = ()
    episode: str | None = None
    forced: bool = False
    counts: bool = True
    gives_up: bool = False


def reduced(change: Change) -> Change:
    """The change where the wanted texts cannot be shown: what was there and is not wanted goes, and nothing new comes."""
    before, after = change.before, change.after
    if isinstance(before, list) and isinstance(after, list):
        left: Value = [text for text in before if text in after] or None
    else:
        left = before if before == after else None
    why = "what is to be shown cannot be, and what was shown is not wanted any longer"
    return msgspec.structs.replace(change, action="remove" if left is None else "update", after=left, reason=why)


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one change: `done`, `failed` (why, and whether a later try may help), `conflict` (the slot was not `before`),
    `skipped` (the target cannot be written: archived, locked; not tried again until it changes).

    `reduced`: what failed cannot be shown there, and the slot was made to hold what `reduced` makes of the change instead."""

    change: str
    state: Literal["done", "failed", "conflict", "skipped"]
    why: str | None = None
    found: Value = None
    reduced: bool = False


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """Something a plan says without changing anything: a conflict, an override that is kept, a target skipped, a finding."""

    kind: Literal["conflict", "override", "skipped", "contested", "finding"]
    project: str
    text: str
    slot: Slot | None = None
    key: str | None = None
    url: str | None = None
    actual: Value = None
    desired: Value = None


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of what Milepost remembers, written when a plan is applied even though nothing is written remotely: `adopted` (an
    equal remote value is ours from now on), `override` (a person's value is kept), `contested` (the slot is left alone), `conflict`
    (it held another's value when Milepost first came by), `agreed` (one of these ended)."""

    kind: Literal["adopted", "override", "contested", "conflict", "agreed"]
    slot: Slot
    value: Value
    rule: str | None = None
    episode: str | None = None


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """The difference between what should be shown and what is, of one project, at one moment. Times are UTC."""

    project: str
    made_at: datetime
    facts_as_of: datetime | None
    config_hash: str
    verdict_hash: str
    changes: tuple[Change, ...] = ()
    notes: tuple[Note, ...] = ()
    memories: tuple[Memory, ...] = ()
    published: int = 0

    @property
    def is_empty(self) -> bool:
        return not self.changes


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """`max_changes`: the share of what is published that updates and removals of a rolling 24 h may touch, once they are more than
    `always_allowed`. `max_additions`: of one run."""

    max_changes: float = 0.3
    max_additions: int = 200
    always_allowed: int = 10


def refuse(plan: Plan, limits: Limits, *, recent_changes: int, earlier_additions: int = 0) -> str | None:
    """Why this plan is too large to make without being asked to, or None.

    `recent_changes` counts the updates and removals written in the last 24 hours, so that many small runs are one large one, and
    `earlier_additions` what this run added for other projects. Neither stands in the way of a plan that does no such thing itself.
    """
    added = additions(plan.changes)
    own = sum(1 for change in plan.changes if change.counts and change.action != "add")
    together = earlier_additions + added if added else 0
    rewrites = recent_changes + own if own else 0
    if together > limits.max_additions:
        of_others = f" ({earlier_additions} of them for other projects)" if earlier_additions else ""
        return (
            f"project {plan.project}: {together} additions in one run{of_others}, more than safety.max_additions = "
            f"{limits.max_additions}; look at the plan, then apply it with --initial"
        )
    if rewrites > limits.always_allowed and rewrites > limits.max_changes * plan.published:
        return (
            f"project {plan.project}: {rewrites} updates and removals within 24 hours, more than safety.max_changes = "
            f"{limits.max_changes:.0%} of the {plan.published} published values; look at the plan, then apply it with --force"
        )
    return None


def additions(changes: Iterable[Change]) -> int:
    """How many of the changes the safety check counts as additions."""
    return sum(1 for change in changes if change.counts and change.action == "add")


def given_up(plan: Plan) -> Plan:
    """What is made of a refused plan: only what takes back what is no longer known, and no memory."""
    return msgspec.structs.replace(plan, changes=tuple(change for change in plan.changes if change.gives_up), memories=())


def grouped(changes: Sequence[Change]) -> Mapping[Ref, Sequence[Change]]:
    """The changes by target, in their order."""
    by_target: dict[Ref, list[Change]] = {}
    for change in changes:
        by_target.setdefault(change.slot.target, []).append(change)
    return by_target
