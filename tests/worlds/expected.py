"""What every slot may hold, by the documents: the fold of truths over time, who receives a status, and what one slot shows of them.

Where the facts of the past leave it open what was last known, a slot has several allowed values.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice, product

from tests.worlds.oracle import BLOCKED, DRIFT, LABELS, READY, RULES, TITLES, Oracle, Truth

UNKNOWN = "Unknown"
UNKNOWN_AFTER = timedelta(hours=24)
LONG_AGO = datetime.min.replace(tzinfo=UTC)
FIELD, PROPERTY = "field", "property"

Key = tuple[str, str]
"""A rule and an item."""

Place = tuple[str, str]
"""A target (a ticket's id, or `#` and a number) and `field`, `property` or a label's name."""

Shown = str | bool | frozenset[tuple[str, str]] | None
"""What a place shows. Of a property: the statuses with their states."""


@dataclass(frozen=True)
class Known:
    """What was last known for certain, one of several where that is not clear, and when it ceased to be known: not before `first`,
    and not after `last`."""

    lately: frozenset[Truth] = frozenset({None})
    first: datetime | None = None
    last: datetime | None = None


class History:
    """The truths folded over the syncs."""

    def __init__(self) -> None:
        self._known: dict[Key, Known] = {}
        self.truths: Mapping[Key, Truth] = {}

    def read(self, truths: Mapping[Key, Truth], now: datetime) -> None:
        """A sync that read everything as it is."""
        self.truths = truths
        self._known = {key: self._next(key, truth, now) for key, truth in truths.items()}

    def guess(self, truths: Mapping[Key, Truth]) -> None:
        """A sync that may have seen all of this, some of it, or nothing."""
        for key in {*truths, *self._known}:
            known, truth = self._known.get(key, Known()), truths.get(key)
            lately = known.lately | {truth} if truth is not None or key not in truths else known.lately
            self._known[key] = Known(lately, first=LONG_AGO)

    def states(self, key: Key, now: datetime) -> frozenset[tuple[Truth, str]]:
        """What people may see of a status, each with its truth."""
        truth = self.truths[key]
        if truth is not None:
            return frozenset({(truth, "on" if truth else "off")})
        known = self._known[key]
        found = {(truth, "off") for lately in known.lately if not lately}
        if True in known.lately:
            if key[0] != READY or now - (known.last or now) < UNKNOWN_AFTER:
                found.add((truth, "on"))
            if key[0] == READY and now - (known.first or now) >= UNKNOWN_AFTER:
                found.add((truth, "unknown"))
        return frozenset(found)

    def _next(self, key: Key, truth: Truth, now: datetime) -> Known:
        if truth is not None:
            return Known(frozenset({truth}))
        before = self._known.get(key, Known())
        return Known(before.lately, before.first or now, before.last or now)


def expected(oracle: Oracle, history: History, watch: str, before: Mapping[Place, Shown]) -> Mapping[Place, frozenset[Shown]]:
    """The allowed values of every place of the project. `before` is what they showed before this sync."""
    received: dict[str, dict[str, list[Key]]] = {}
    for rule, ident in history.truths:
        targets = oracle.targets(oracle.facts.items[ident])
        if not targets and rule != READY:
            targets = oracle.watch(watch)
        for target in targets:
            received.setdefault(target, {}).setdefault(rule, []).append((rule, ident))
    found: dict[Place, frozenset[Shown]] = {}
    for target, kind in before:
        keys = received.get(target, {})
        possible = [_place(kind, entries, before[target, kind]) for entries in _possible(keys, history, oracle.now)]
        found[target, kind] = frozenset(value for values in possible for value in values)
    return found


Entry = tuple[str, bool, str]
"""A rule, whether nobody knows its truth, and what is to be shown."""


def _possible(keys: Mapping[str, Sequence[Key]], history: History, now: datetime) -> Iterator[Sequence[Entry]]:
    rules = [rule for rule in RULES if rule in keys]
    choices = [[history.states(key, now) for key in keys[rule]] for rule in rules]
    combined = [[_together(rule, one) for one in product(*several)] for rule, several in zip(rules, choices, strict=True)]
    yield from islice(product(*combined), 200)


def _together(rule: str, states: Sequence[tuple[Truth, str]]) -> Entry:
    """Several subjects of one target: the most alarming counts."""
    order = ("off", "unknown", "on") if rule == READY else ("on", "unknown", "off")
    worst = min((state for _, state in states), key=order.index)
    return rule, any(truth is None and state == worst for truth, state in states), worst


def _place(kind: str, entries: Sequence[Entry], before: Shown) -> frozenset[Shown]:
    seen = [_newly(entry, kind, before) for entry in entries]
    match kind:
        case "field":
            return _field(seen, before)
        case "property":
            statuses = frozenset((rule, state) for rule, _, state in seen if state != "off")
            return frozenset({statuses or None})
    return frozenset({any(LABELS[rule] == kind and state == "on" for rule, _, state in seen)})


def _newly(entry: Entry, kind: str, before: Shown) -> Entry:
    """A favourable status that is only held from before never appears anew."""
    rule, is_unknown, state = entry
    there = (
        before == TITLES[READY] if kind == FIELD else (READY, "on") in before if isinstance(before, frozenset) else before is True
    )
    return (rule, True, "off") if rule == READY and is_unknown and state == "on" and not there else entry


def _field(entries: Sequence[Entry], before: Shown) -> frozenset[Shown]:
    """The highest-ranked true status. While a higher-ranked one is unknown, no lower favourable one newly appears."""
    doubtful = any(is_unknown and state != "on" for rule, is_unknown, state in entries if rule in (BLOCKED, DRIFT))
    for rule, _, state in entries:
        if state == "on" and not (rule == READY and doubtful and before != TITLES[READY]):
            return frozenset({TITLES[rule]})
    if any(state == "unknown" for _, _, state in entries):
        return frozenset({UNKNOWN})
    withheld = any(rule == READY and state == "on" for rule, _, state in entries)
    return frozenset({UNKNOWN, None}) if withheld and before is not None else frozenset({None})
