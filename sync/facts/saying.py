"""How a fact is said: its value with the words that follow a name in a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from mappings.model import Entity
from sync.moments import day_in, is_ahead
from sync.names import name_of
from sync.view import Fact, Unknown, View


def yes(value: bool, words: str, otherwise: str) -> Fact:
    return Fact(value, words if value else otherwise)


def text(value: str | None, what: str) -> Fact:
    return Fact(value, f"{what} {value.replace('_', ' ')}" if value else "")


def listed(values: Sequence[str], one: str, several: str) -> Fact:
    words = f"has no {one}" if not values else f"has the {one if len(values) == 1 else several} {', '.join(values)}"
    return Fact(tuple(values), words)


def since(entity: Entity, what: str, view: View) -> Fact | Unknown:
    """When something came to be, which it did at some time even if nobody tells."""
    time = entity.created_at
    return Unknown((f"when {name_of(entity)} {what}",)) if time is None else when(time, what, view)


def when(time: datetime | None, what: str, view: View) -> Fact | Unknown:
    """A time that still lies ahead cannot be one at which something happened."""
    if time is None:
        return Fact(None)
    words = f"{what} on {day_in(time, view.project.timezone)}"
    return Unknown((f"a believable date: it says that it {words}",)) if is_ahead(time, view.now) else Fact(time, words)
