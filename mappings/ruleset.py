"""Status rules as a set: in which order they are judged, and what is wrong with them together."""

from __future__ import annotations

from collections.abc import Sequence

from mappings.patterns import StatusPattern
from mappings.rules import RESERVED_TITLES, StatusRule, VocabularyError


def in_order(rules: Sequence[StatusRule]) -> Sequence[StatusRule]:
    """The rules such that each comes after those it rests on. Raises `VocabularyError` for an unknown id or a cycle."""
    by_id = {rule.id: rule for rule in rules}
    done: dict[str, StatusRule] = {}
    open_: list[str] = []

    def visit(rule: StatusRule) -> None:
        if rule.id in done:
            return
        if rule.id in open_:
            raise VocabularyError(
                f"the rules {' → '.join([*open_[open_.index(rule.id) :], rule.id])} rest on each other in a circle"
            )
        open_.append(rule.id)
        for other in sorted(rule.rests_on()):
            if other not in by_id:
                raise VocabularyError(f"rule {rule.id} rests on {other}, which is no rule; there are {', '.join(sorted(by_id))}")
            visit(by_id[other])
        open_.pop()
        done[rule.id] = rule

    for rule in rules:
        visit(rule)
    return list(done.values())


def lint(rules: Sequence[StatusRule]) -> Sequence[str]:
    """What is wrong with a set of rules: ids, labels or titles that occur twice or are taken, ways that lead nowhere, circles."""
    problems = [
        f"rule {rule.id}: its title {rule.title!r} is what fields show while nothing is known; choose another"
        for rule in rules
        if rule.title.casefold() in RESERVED_TITLES
    ]
    problems += [
        f"rule {rule.id}: it looks at {name} but has no via, so it never reaches one"
        for rule in rules
        if not rule.via and rule.subject != "project"
        for name in sorted({name for name, pattern in rule.when.patterns if not isinstance(pattern, StatusPattern)})
    ]
    for what in ("id", "label", "title"):
        seen: dict[str, str] = {}
        for rule in rules:
            value = str(getattr(rule, what)).casefold()
            if value in seen:
                problems.append(f"rule {rule.id}: its {what} {getattr(rule, what)!r} is also that of rule {seen[value]}")
            seen.setdefault(value, rule.id)
    try:
        in_order(rules)
    except VocabularyError as error:
        problems.append(str(error))
    return problems
