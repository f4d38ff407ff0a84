"""What Jira's field values say in plain words, and how our own field's value reads, whatever the field's type.

Types: `JsonTypeBean` and the examples of the fields in Atlassian's OpenAPI description. A value tells its own type: an option has
`value`, a user `displayName`, a version or component `name`, rich text is a document, labels are strings.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Any

import msgspec

from mappings.adf import is_document, to_text
from mappings.change import Value

_NOISE = frozenset({"self", "iconUrl", "avatarUrls", "avatarUrl", "emailAddress", "expand", "_links"})
_NAMES = ("value", "displayName", "name", "key", "accountId")
_DEEPEST = 8


def plain(value: Any, depth: int = 0) -> Any:
    """The value without Jira's wrapping: texts, numbers, truth values, lists; objects of no known kind keep what is not noise.

    None for what is empty. A user is named by `displayName`, never by e-mail address; a choice below a choice is
    `parent / child`.
    """
    match value:
        case None | "":
            return None
        case str() | bool():
            return value
        case int():
            return value if -(2**63) <= value < 2**63 else str(value)
        case float():
            return value if math.isfinite(value) else None
        case list() if depth < _DEEPEST:
            return [known for item in value if (known := plain(item, depth + 1)) is not None] or None
        case dict() if depth < _DEEPEST:
            return _named(value, depth)
        case _:
            return None


def _named(value: dict[str, Any], depth: int) -> Any:
    if is_document(value):
        return to_text(value) or None
    for key in _NAMES:
        name = value.get(key)
        if isinstance(name, str) and name:
            child = value.get("child")
            below = child.get("value") if isinstance(child, dict) else None
            return f"{name} / {below}" if isinstance(below, str) and below else name
    return {
        key: known for key, item in value.items() if key not in _NOISE and (known := plain(item, depth + 1)) is not None
    } or None


def as_label(option: str) -> str:
    """An option's text as a Jira label: labels hold no spaces."""
    return "-".join(option.split())


def split_labels(labels: Collection[str], options: Collection[str]) -> tuple[list[str], list[str]]:
    """Which of our options these labels show (sorted), and the labels that are not ours (in their order)."""
    ours = {as_label(option): option for option in options}
    shown = sorted({ours[label] for label in labels if label in ours})
    return shown, [label for label in labels if label not in ours]


def shown_value(value: Any) -> Value:
    """What our field shows, unless it holds labels (`split_labels`): text or a single choice as text, several as a sorted list."""
    if isinstance(value, str):
        return value or None
    known = plain(value)
    if isinstance(known, list):
        return sorted({text for text in map(_text, known) if text}) or None
    return None if known is None else _text(known)


def property_value(value: Any) -> Value:
    """Our property's value. What only another hand could have put there is given as JSON text: it differs from all of ours."""
    match value:
        case None | bool() | str() | dict():
            return value
        case list() if all(isinstance(item, str) for item in value):
            return sorted(value)
        case _:
            return _json(value)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else _json(value)


def _json(value: Any) -> str:
    return msgspec.json.encode(value, order="deterministic").decode()
