"""The three-way comparison of one slot: what was last pushed, what is there now, what should be there."""

from __future__ import annotations

from typing import Literal

import msgspec

from mappings.change import Slot, Value
from mappings.rules import StatusRule
from sync.display import UNKNOWN, Wanted

FORCED_REWRITES = 2
"""So many rewrites of a person's change within 24 hours, and the slot is contested."""


class Pushed(msgspec.Struct, frozen=True, kw_only=True):
    """What Milepost last wrote, or adopted, in a slot."""

    value: Value
    rules: tuple[str, ...] = ()
    episode: str | None = None


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """A slot that is left alone: a person's value is kept (`override`), both sides kept rewriting it (`contested`), or it held
    another's value when Milepost first came by (`conflict`)."""

    kind: Literal["override", "contested", "conflict"]
    value: Value
    rule: str | None = None
    episode: str | None = None


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What to do about one slot.

    `write` and `force` change it; `force` rewrites a person's change. `adopt` remembers an equal value as ours, `keep` records or
    goes on with an override, `contest` leaves the slot alone from now on, `contested` goes on leaving it, `conflict` needs a
    person, `rest` is nothing at all. `ended`: an override that was there is over.
    """

    kind: Literal["rest", "write", "force", "adopt", "keep", "contest", "contested", "conflict"]
    rule: str | None = None
    episode: str | None = None
    ended: bool = False


class Situation(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that one decision rests on. `settled`: what is there was compared before, so another value is a person's doing.

    `by_title` finds the rule that a field's text names; `open_episodes` are the ids of the episodes that are open now.
    """

    slot: Slot
    wanted: Wanted
    actual: Value
    pushed: Pushed | None
    held: Held | None
    settled: bool
    adopt: bool
    forced_lately: int
    by_title: dict[str, StatusRule]
    open_episodes: frozenset[str]
    rule: StatusRule | None


def decide(case: Situation) -> Decision:
    """The one place where it is decided whether a slot is written."""
    held = case.held
    if held is not None and held.kind == "contested":
        return Decision(kind="contested", rule=held.rule)
    if case.actual == case.wanted.value:
        return _agree(case)
    if held is not None and held.kind == "conflict":
        taken_over = case.adopt or case.actual is None
        return Decision(kind="write", ended=True) if taken_over else Decision(kind="conflict")
    if held is not None:
        if held.episode is not None and held.episode not in case.open_episodes:
            return Decision(kind="write", ended=True)
        return Decision(kind="keep", rule=held.rule, episode=held.episode)
    if case.pushed is None and case.actual is not None and not case.settled:
        return Decision(kind="write" if case.adopt else "conflict")
    base = case.pushed.value if case.pushed is not None else None
    if case.actual == base:
        return Decision(kind="write")
    return _changed_by_a_person(case)


def _agree(case: Situation) -> Decision:
    remembered = case.pushed.value if case.pushed is not None else None
    if case.held is not None or remembered != case.wanted.value:
        return Decision(kind="adopt", ended=case.held is not None)
    return Decision(kind="rest")


def _changed_by_a_person(case: Situation) -> Decision:
    rule = _governing(case)
    if case.slot.kind == "property" or (rule is not None and not rule.keeps_overrides):
        name = rule.id if rule is not None else None
        return Decision(kind="contest" if case.forced_lately >= FORCED_REWRITES else "force", rule=name)
    episode = next((one.standing.episode for one in case.wanted.shown if rule is not None and one.rule.id == rule.id), None)
    if episode is None and case.pushed is not None and case.pushed.episode in case.open_episodes:
        episode = case.pushed.episode
    return Decision(kind="keep", rule=rule.id if rule is not None else None, episode=episode)


def _governing(case: Situation) -> StatusRule | None:
    """The rule whose word counts when a person has changed the slot.

    A favourable status that a person set, or took away, cannot be forced by hand; otherwise the rule that is shown or was shown.
    """
    if case.rule is not None:
        return case.rule
    ours = [*_texts(case.wanted.value), *_texts(case.pushed.value if case.pushed is not None else None)]
    by_hand = [case.by_title[title] for title in _texts(case.actual) if title in case.by_title]
    shown = [case.by_title[title] for title in ours if title in case.by_title]
    return next(iter([*(rule for rule in by_hand if rule.kind == "favourable"), *shown, *by_hand]), None)


def _texts(value: Value) -> list[str]:
    if isinstance(value, str):
        return [value] if value != UNKNOWN else []
    return list(value) if isinstance(value, list) else []
