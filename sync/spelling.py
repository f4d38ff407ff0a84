"""A field of ours can be named in two ways, by its name and by its id: what is remembered by one is known again by the other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

import msgspec

from mappings.change import Slot
from mappings.model import Field
from sync.project import ProjectView

T = TypeVar("T")


class Spellings:
    """Of one project. Two names are the same field only if the source has one field for each, and it is the same one."""

    def __init__(self, fields: Iterable[Field], project: ProjectView) -> None:
        self._own = {source: owned.field for source, owned in project.owned.items() if owned.field is not None}
        self._idents: dict[tuple[str, str], set[str]] = {}
        for field in fields:
            for name in (field.ref.id, field.name):
                self._idents.setdefault((field.ref.source, name), set()).add(field.ref.id)

    def present(self, slot: Slot) -> Slot:
        """The slot as the project file names it now."""
        source = slot.target.source
        own = self._own.get(source)
        if slot.kind != "field" or own is None or slot.name == own:
            return slot
        idents = self._idents.get((source, slot.name), set())
        same = len(idents) == 1 and idents == self._idents.get((source, own))
        return msgspec.structs.replace(slot, name=own) if same else slot

    def at_present(self, known: Mapping[Slot, T]) -> dict[Slot, T]:
        """What is known of slots, by their present names; what is known by that name itself goes before."""
        respelt = {now: one for slot, one in known.items() if (now := self.present(slot)) != slot}
        return {**respelt, **{slot: one for slot, one in known.items() if self.present(slot) == slot}}
