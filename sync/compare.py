"""The three-way comparison of one slot: what was last pushed, what is there now, what should be there."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import Literal

import msgspec

from mappings.change import Slot, Value
from mappings.rules import StatusRule
from sync.display import Wanted

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

    @property
    def is_anothers(self) -> bool:
        """Whether the slot holds a value from before Milepost came, which `adopt` alone takes over."""
        if self.actual is None or self.held is not None:
            return self.actual is not None and self.held is not None and self.held.kind == "conflict"
        return self.pushed is None and not self.settled


def decide(case: Situation) -> Decision:
    """The one place where it is decided whether a slot is written."""
    held = case.held
    if held is not None and held.kind == "contested":
        return Decision(kind="contested", rule=held.rule)
    if case.actual == case.wanted.value:
        return _agree(case)
    if held is None:
        return _compare(case)
    if held.kind == "conflict":
        taken_over = case.adopt or case.actual is None
        return Decision(kind="write", ended=True) if taken_over else Decision(kind="conflict")
    return _while_held(case, held)


def _agree(case: Situation) -> Decision:
    remembered = case.pushed.value if case.pushed is not None else None
    if case.held is None and remembered == case.wanted.value:
        return Decision(kind="rest")
    first = next(iter(case.wanted.shown), None)
    return Decision(
        kind="adopt",
        rule=first.rule.id if first is not None else None,
        episode=first.standing.episode if first is not None else None,
        ended=case.held is not None,
    )


def _while_held(case: Situation, held: Held) -> Decision:
    """An override goes on until its episode ends; what a person changes meanwhile is looked at anew."""
    if held.episode is not None and held.episode not in case.open_episodes:
        return Decision(kind="write", ended=True)
    if case.actual == held.value and not _claims_too_much(case):
        return Decision(kind="keep", rule=held.rule, episode=held.episode)
    decision = _compare(msgspec.structs.replace(case, settled=True))
    return decision if decision.kind == "keep" else msgspec.structs.replace(decision, ended=True)


def _compare(case: Situation) -> Decision:
    if case.is_anothers:
        return Decision(kind="write" if case.adopt else "conflict")
    base = case.pushed.value if case.pushed is not None else None
    return Decision(kind="write") if case.actual == base else _changed_by_a_person(case)


def _changed_by_a_person(case: Situation) -> Decision:
    rule = _governing(case)
    if case.slot.kind == "property" or (rule is not None and not rule.keeps_overrides):
        name = rule.id if rule is not None else None
        return Decision(kind="contest" if case.forced_lately >= FORCED_REWRITES else "force", rule=name)
    if _is_settled_by_time(case):
        return Decision(kind="write")
    episode = next((one.standing.episode for one in case.wanted.shown if rule is not None and one.rule.id == rule.id), None)
    if episode is None and case.pushed is not None and case.pushed.episode in case.open_episodes:
        episode = case.pushed.episode
    return Decision(kind="keep", rule=rule.id if rule is not None else None, episode=episode)


def _is_settled_by_time(case: Situation) -> bool:
    """Whether nothing is left of what the person meant: the episode that it was about has ended, or the same titles stand for and
    against."""
    if isinstance(case.actual, list) or isinstance(case.wanted.value, list):
        return not _taken(case) and not _added(case)
    pushed = case.pushed
    return pushed is not None and pushed.episode is not None and pushed.episode not in case.open_episodes


def _governing(case: Situation) -> StatusRule | None:
    """The rule whose word counts when a person has changed the slot; one that cannot be forced by hand goes before the others.

    First what the person set and what they took away, then what was shown before.
    """
    if case.rule is not None:
        return case.rule
    before = [title for title in _pushed(case) if title not in _texts(case.actual)]
    titles = [*_claimed(case), *_taken(case), *before, *_added(case)]
    rules = [rule for title in titles for rule in _named(case, title)]
    return next((rule for rule in rules if not rule.keeps_overrides), next(iter(rules), None))


def _claims_too_much(case: Situation) -> bool:
    """Whether the slot shows a favourable status that is not true: nobody can force that by hand."""
    if case.rule is not None:
        return not case.rule.keeps_overrides
    return any(not rule.keeps_overrides for title in _claimed(case) for rule in _named(case, title))


def _named(case: Situation, text: str) -> Iterator[StatusRule]:
    """The rules that people take `text` for, however it is spelt: a text field holds whatever somebody types."""
    return (rule for title, rule in case.by_title.items() if _spoken(title) == _spoken(text))


def _spoken(text: str) -> str:
    """The words of a title alone, without case."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().replace("-", " ").split())


def _claimed(case: Situation) -> list[str]:
    """What the slot shows though it should not."""
    return [title for title in _texts(case.actual) if title not in _texts(case.wanted.value)]


def _taken(case: Situation) -> list[str]:
    """What a person took away though it should show."""
    shown = _texts(case.actual)
    return [title for title in _pushed(case) if title in _texts(case.wanted.value) and title not in shown]


def _added(case: Situation) -> list[str]:
    """What a person set though it should not show."""
    return [title for title in _claimed(case) if title not in _pushed(case)]


def _pushed(case: Situation) -> list[str]:
    return _texts(case.pushed.value) if case.pushed is not None else []


def _texts(value: Value) -> list[str]:
    if isinstance(value, str):
        return [value]
    return list(value) if isinstance(value, list) else []
