"""Changes that follow from not knowing: what is taken back because nobody knows it any longer, and what is known again.

The safety check leaves both alone. A favourable status that is no longer known must not stay because there are many of them, and
after the outage nobody should have to allow what is known again.
"""

from __future__ import annotations

from mappings.change import Value
from mappings.rules import StatusRule
from sync.display import UNKNOWN, Wanted, statuses_of

_LABEL = "label"


def gives_up(before: Value, want: Wanted) -> bool:
    """Whether a slot that held `before` loses statuses, and only such as nobody knows to be true any longer."""
    lost = _lost(before, want) - {UNKNOWN}
    return bool(lost) and lost <= {_called(one.rule, before) for one in want.shown if one.state == "unknown"}


def knows_again(before: Value, want: Wanted) -> bool:
    """Whether a slot that held `before` loses `Unknown`, and nothing else."""
    return _lost(before, want) == {UNKNOWN}


def _lost(before: Value, want: Wanted) -> frozenset[str]:
    return _said(before) - _said(want.value)


def _said(value: Value) -> frozenset[str]:
    """What a slot says: titles in a field, ids in a property, its one status as a label."""
    match value:
        case dict():
            return frozenset(str(one.get("id")) if one.get("state") == "on" else UNKNOWN for one in statuses_of(value))
        case list():
            return frozenset(value)
        case str():
            return frozenset({value})
    return frozenset({_LABEL} if value else ())


def _called(rule: StatusRule, value: Value) -> str:
    """How a slot that holds `value` names a status."""
    match value:
        case dict():
            return rule.id
        case list() | str():
            return rule.title
    return _LABEL
