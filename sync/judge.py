"""Whether a rule holds for a subject, in three values (Kleene): true, false, unknown; with the evidence and what is missing.

`any` is false, and `all` true, only if every stream that could add a member or a link is complete and fresh; whatever rests on an
object that was not confirmed lately is unknown. Knowing more can turn unknown into true or false, and never true into false.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from copy import copy
from datetime import timedelta
from typing import TypeAlias

import msgspec

from mappings.conditions import Age, Condition, matches
from mappings.model import Entity, Ref
from mappings.patterns import OBSERVATIONS, PATTERNS, ObservationPattern, Pattern, StatusPattern
from mappings.rules import Item, StatusRule
from sync.awaited import awaited
from sync.evidence import evidence_of_fact, evidence_of_result
from sync.facts import FACTS
from sync.facts.data import is_current
from sync.facts.serving import serves
from sync.graph import RELATION_KINDS
from sync.moments import in_words, later
from sync.monitors import Monitor
from sync.truth import Judged, both, earliest, either, limit_of, meets, negated
from sync.view import Fact, Unknown, View
from sync.way import Way

OtherVerdicts: TypeAlias = Callable[[str, Ref], "Judged | None"]
"""What another rule says of a subject: None where it does not apply."""

_UNSURE = "may no longer be as it was last read"
"""Said of what is known, and of which nobody can say that it still is so."""


def judge(rule: StatusRule, subject: Entity, view: View, others: OtherVerdicts) -> Judged | None:
    """The rule's truth for one subject, or None where it is not applicable: nothing that it speaks of is on the subject's way."""
    return _Judge(rule, subject, view, others).verdict()


class _Judge:
    """One rule on one subject: what is reached is found once and used by every pattern."""

    def __init__(self, rule: StatusRule, subject: Entity, view: View, others: OtherVerdicts) -> None:
        self.rule = rule
        self.subject = subject
        self.view = view
        self.others = others
        self.way = Way(rule, subject.ref, view)
        self.awaited = awaited(rule, subject.ref, self.way.reached, view)

    def verdict(self) -> Judged | None:
        doubts = list(self._doubts_of_applying())
        if not doubts:
            names = self.rule.when.asks_of
            to_come = self._to_come(self.rule.looks_at or names)
            lacks = [*self.way.could_add(*names), *self.way.unseen(names), *to_come]
            if not lacks:
                return None
            return Judged(truth=None, missing=tuple(lacks), at_most_false=self._block(self.rule.when).truth is False)
        judged = self._block(self.rule.when)
        if all(doubts) and judged.truth is not None:
            judged = Judged(truth=None, evidence=judged.evidence, missing=tuple(sorted({one for doubt in doubts for one in doubt})))
        return msgspec.structs.replace(judged, recheck_at=earliest([judged.recheck_at, self.view.freshness.next_expiry()]))

    def _doubts_of_applying(self) -> Iterator[Sequence[str]]:
        """One entry for each thing on the subject's way that makes the rule applicable: what it lacks to be relied on.

        A rule about the subject itself always applies. What another rule says makes it applicable only if it looks at nothing else.
        """
        if self.rule.asks_of_subject:
            yield ()
            return
        for name in self.rule.looks_at:
            for ref in self._on_the_way(name):
                yield self.way.doubts(ref)
        for _, pattern in () if self.rule.looks_at else self.rule.when.patterns:
            if isinstance(pattern, StatusPattern):
                yield from (judged.missing for judged in self._verdicts(pattern.id))

    def _on_the_way(self, name: str) -> Iterator[Ref]:
        """The members of a pattern, and for observations also what can be observed so."""
        if name not in OBSERVATIONS:
            yield from (ref for ref in self.way.members if ref.kind == name)
            return
        yield from (ref for ref in self.way.observed() if ref.kind in _observable(name))
        yield from (monitor.newest.ref for monitor in self._monitors(name))

    def _block(self, block: Item) -> Judged:
        parts: list[Judged] = []
        if block.any is not None:
            parts.append(either([self._some(item) for item in block.any]))
        if block.all is not None:
            parts.append(both([self._every(item) for item in block.all]))
        if block.none is not None:
            parts.append(negated(either([self._some(item) for item in block.none])))
        return both(parts)

    def _some(self, item: Item) -> Judged:
        if item.is_block:
            return self._block(item)
        if item.subject is not None:
            return self._member(self.subject, self.rule.subject_pattern(item.subject))
        members, lacks = self._members(item)
        lacks = [*lacks, *self._could_hold(item)]
        known = [msgspec.structs.replace(one, truth=False) if one.at_most_false else one for one in members]
        return either([*known, Judged(truth=None, missing=tuple(lacks)) if lacks else Judged(truth=False)])

    def _every(self, item: Item) -> Judged:
        if item.is_block:
            return self._block(item)
        if item.subject is not None:
            return self._member(self.subject, self.rule.subject_pattern(item.subject))
        members, lacks = self._members(item)
        lacks = [*lacks, *self._to_come(item.asks_of)]
        if lacks:
            return both([*members, Judged(truth=None, missing=tuple(lacks))])
        return both(members) if members else Judged(truth=False)

    def _members(self, item: Item) -> tuple[Sequence[Judged], Sequence[str]]:
        """What each member of a pattern says, and what could still add members."""
        named = item.pattern
        if named is None:
            return (), ()
        name, pattern = named
        if isinstance(pattern, StatusPattern):
            could_add = self.way.could_add(*PATTERNS) if self.rule.subject == "project" else self.way.could_add()
            return self._verdicts(pattern.id), [*could_add, *self.way.unseen({name})]
        if isinstance(pattern, ObservationPattern):
            observed = [self._monitor(monitor, pattern) for monitor in self._monitors(name)]
            return [one for one in observed if one is not None], self.way.could_add(name)
        reached = (self.view.graph.entities.get(ref) for ref in self.way.members if ref.kind == name)
        lacks = [*self.way.could_add(name), *self.way.unseen({name})]
        return [self._member(entity, pattern) for entity in reached if entity is not None], lacks

    def _verdicts(self, rule: str) -> Sequence[Judged]:
        """What another rule says of the subject and of what is reached, as far as the way there may be relied on."""
        said = ((ref, self.others(rule, ref)) for ref in (self.subject.ref, *self.way.members))
        return [self._by_way_of(ref, judged) for ref, judged in said if judged is not None]

    def _by_way_of(self, ref: Ref, judged: Judged) -> Judged:
        """A truth about `ref` is one about the subject only if the links that lead there still stand."""
        lacks = self.way.lacks_to(ref)
        if not lacks:
            return judged
        return msgspec.structs.replace(judged, truth=None, missing=tuple(sorted({*judged.missing, *lacks})))

    def _to_come(self, names: Collection[str]) -> Sequence[str]:
        """The look-ups that could bring something that patterns of these names look at, whatever they ask of it."""
        brings = any(ref not in self.way.reached for name in names for ref in self._awaited_by(name))
        return self.awaited.missing if brings or self._is_open_to("commit" in names) else ()

    def _awaited_by(self, name: str) -> frozenset[Ref]:
        """Of what look-ups could bring onto some way, that which a pattern of this name looks at; found once for all ways."""
        if not self.awaited.refs:
            return frozenset()
        key = (name, frozenset(self.rule.via), self.rule.open_after, self.rule.close_after)
        if key not in self.view.looked_at:
            self.view.looked_at[key] = frozenset(self._looked_at(name))
        return self.view.looked_at[key]

    def _looked_at(self, name: str) -> Iterator[Ref]:
        for kind, refs in self.awaited.refs.items():
            if name not in OBSERVATIONS:
                yield from refs if name in (kind, "status") else ()
            elif "observes" in self.rule.via:
                yield from refs if kind in _observable(name) else (ref for ref in refs if self._monitors_of(ref, name))

    def _could_hold(self, item: Item) -> Sequence[str]:
        """The look-ups that could bring something for which a pattern may hold."""
        named = item.pattern
        if named is None or not self.awaited.missing:
            return ()
        brings = any(ref not in self.way.reached for ref in self._holding(*named))
        return self.awaited.missing if brings or self._is_open_to(named[0] == "commit") else ()

    def _holding(self, name: str, pattern: Pattern) -> Iterable[Ref]:
        """Of what look-ups could bring onto some way, that for which a pattern is not known to fail; found once for all ways."""
        every = [ref for refs in self.awaited.refs.values() for ref in refs]
        if not every or isinstance(pattern, StatusPattern):
            return (ref for ref in every if isinstance(pattern, StatusPattern) and _may_be(self.others(pattern.id, ref)))
        key = (name, pattern, frozenset(self.rule.via), self.rule.open_after, self.rule.close_after)
        if key not in self.view.holding:
            off_the_way = copy(self)
            off_the_way.way = self.way.unwalked()
            self.view.holding[key] = frozenset(ref for ref in every if any(map(_may_be, off_the_way._of(ref, name, pattern))))
        return self.view.holding[key]

    def _of(self, ref: Ref, name: str, pattern: Pattern) -> Iterator[Judged | None]:
        """What a pattern about entities or observations says of one object."""
        if isinstance(pattern, ObservationPattern):
            if "observes" in self.rule.via:
                yield from (self._monitor(monitor, pattern) for monitor in self._monitors_of(ref, name))
        elif ref.kind == name and ref in self.view.graph.entities:
            yield self._member(self.view.graph.entities[ref], pattern)

    def _is_open_to(self, commits: bool) -> bool:
        return self.awaited.anything or (commits and self.awaited.commits)

    def _member(self, entity: Entity, pattern: Pattern) -> Judged:
        lacks = self.way.doubts(entity.ref)
        if lacks:
            return Judged(
                truth=None, evidence=(evidence_of_fact(entity, "known", Fact(None, _UNSURE), holds=None),), missing=tuple(lacks)
            )
        facts = FACTS[type(entity)]
        if not pattern.conditions:
            return Judged(truth=True, evidence=(evidence_of_fact(entity, "exists", Fact(True, "exists"), holds=True),))
        return both(
            [self._fact(entity, name, facts[name](entity, self.view), wanted) for name, wanted in pattern.conditions.items()]
        )

    def _fact(self, entity: Entity | Ref, name: str, fact: Fact | Unknown, wanted: Condition) -> Judged:
        if isinstance(fact, Unknown) and fact.so_far is not None and meets(fact.so_far.value, wanted, self.view.now)[0]:
            fact = fact.so_far
        if isinstance(fact, Unknown):
            return Judged(truth=None, evidence=(evidence_of_fact(entity, name, Fact(None), holds=None),), missing=fact.missing)
        holds, recheck_at = meets(fact.value, wanted, self.view.now)
        if isinstance(wanted, Age):
            fact = msgspec.structs.replace(fact, threshold=limit_of(wanted))
        evidence = (evidence_of_fact(entity, name, fact, holds=holds),)
        return Judged(truth=holds, evidence=evidence, recheck_at=earliest([recheck_at, fact.changes_at]))

    def _monitors(self, name: str) -> Sequence[Monitor]:
        return [monitor for ref in self.way.observed() for monitor in self._monitors_of(ref, name)]

    def _monitors_of(self, ref: Ref, name: str) -> Sequence[Monitor]:
        return self.view.monitors(
            ref,
            name,  # type: ignore[arg-type]  # the schema's observation patterns are exactly the observation kinds
            open_after=self.rule.open_after,
            close_after=self.rule.close_after,
        )

    def _monitor(self, monitor: Monitor, pattern: ObservationPattern) -> Judged | None:
        """What one monitor says; None where the pattern speaks of other monitors."""
        if pattern.monitor is not None and not matches(monitor.name, pattern.monitor):
            return None
        parts = [self._outcome(monitor, pattern)]
        subject = self.view.graph.entities.get(monitor.subject, monitor.subject)
        if pattern.current is not None:
            parts.append(self._fact(subject, "current", is_current(monitor.subject, self.view), pattern.current))
        if pattern.serving is not None:
            parts.append(self._fact(subject, "serving", serves(monitor.subject, self.view), pattern.serving))
        return both(parts)

    def _outcome(self, monitor: Monitor, pattern: ObservationPattern) -> Judged:
        """The monitor's standing, unless it has expired or a newer observation could be there that was not read."""
        seen = monitor.shown
        evidence = evidence_of_result(seen, self.view.graph.entities.get(monitor.subject))
        newer = self.view.freshness.absent_proof_lacks(RELATION_KINDS["observes"], source=seen.ref.source)
        relied_on = [lack for ref in (seen.ref, monitor.subject) for lack in self.view.lacks(ref)]
        lacks = sorted({*newer, *relied_on, *self.way.lacks_to(monitor.subject)})
        if lacks:
            return Judged(truth=None, evidence=(evidence,), missing=tuple(lacks))
        newest = monitor.newest
        expires = later(newest.observed_at, pattern.within) if pattern.within is not None and not newest.lasting else None
        if expires is not None and expires <= self.view.now:
            missing = f"a result of {monitor.name} from the last {in_words(pattern.within or timedelta())}"
            return Judged(truth=None, evidence=(evidence,), missing=(missing,))
        if monitor.outcome == "unknown":
            return Judged(truth=None, evidence=(evidence,), missing=(f"a readable value of {monitor.name}",), recheck_at=expires)
        holds = pattern.outcome is None or matches(monitor.outcome, pattern.outcome)
        return Judged(truth=holds, evidence=(msgspec.structs.replace(evidence, holds=holds),), recheck_at=expires)


def _may_be(judged: Judged | None) -> bool:
    return judged is not None and judged.truth is not False and not judged.at_most_false


def _observable(name: str) -> frozenset[str]:
    """What a kind of monitor watches: it makes a rule applicable even before the first observation."""
    return frozenset({"dataset"}) if name == "data_quality" else frozenset({"model_version", "deployment"})
