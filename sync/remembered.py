"""What the store remembers of the remote side, as planning takes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import msgspec

from mappings.change import Slot, Value
from mappings.model import Entity, Ref
from sync.compare import Held, Pushed
from sync.derive import Episode
from sync.project import Taken

Place: TypeAlias = tuple[str, str, str, str]
"""Source, container, slot kind and slot name: where a kind of slot was compared before."""


class Remembered(msgspec.Struct, frozen=True, kw_only=True):
    """For one project.

    `actual` mirrors our slots as they were last seen; `forced` counts the rewrites of a person's change in the last 24 hours.
    `strays` are published targets that left the project's scopes but still exist. `taken` is what earlier projects of the file own.
    `episodes` are those that are open or closed lately, the oldest first.
    """

    actual: Mapping[Slot, Value] = {}
    pushed: Mapping[Slot, Pushed] = {}
    held: Mapping[Slot, Held] = {}
    settled: frozenset[Place] = frozenset()
    forced: Mapping[Slot, int] = {}
    strays: Mapping[Ref, Entity] = {}
    taken: Sequence[Taken] = ()
    episodes: Sequence[Episode] = ()

    def is_taken(self, slot: Slot) -> bool:
        """Whether an earlier project owns the slot."""
        return any(one.holds(slot) for one in self.taken)
