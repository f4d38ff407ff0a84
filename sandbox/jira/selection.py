"""Which fields and properties of issues a request asks for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sandbox.jira.answers import refuse
from sandbox.jira.model import Field
from sandbox.jira.state import State

MAX_PROPERTIES = 5
IDENTITY = frozenset({"id", "key"})


@dataclass(frozen=True)
class Selection:
    """`only_ids`: nothing but ids was asked for; `light`: nothing but ids and keys, which allows large pages."""

    fields: tuple[Field, ...]
    properties: tuple[str, ...]
    only_ids: bool
    light: bool


def selection(state: State, asked: Sequence[str], properties: Sequence[str], *, default: str) -> Selection:
    """`*all`, `*navigable`, ids of fields, and `-id` to leave one out (alone: of the default). Unknown names are ignored, as Jira
    does. Refuses more than five properties."""
    if len(properties) > MAX_PROPERTIES:
        raise refuse(f"The maximum number of issue properties that can be requested is {MAX_PROPERTIES}.")
    wanted = [name for name in asked if not name.startswith("-")] or [default]
    unwanted = {name[1:] for name in asked if name.startswith("-")}
    chosen = {field.id: field for name in wanted for field in _meant(state, name) if field.id not in unwanted}
    light = IDENTITY.issuperset(wanted) and not properties
    return Selection(tuple(chosen.values()), tuple(properties), only_ids=wanted == ["id"] and not properties, light=light)


def _meant(state: State, name: str) -> list[Field]:
    if name == "*all":
        return list(state.fields.values())
    if name == "*navigable":
        return [field for field in state.fields.values() if field.navigable]
    return [state.fields[name]] if name in state.fields else []
