"""Who owns a slot: the first project of the file whose scopes hold its target and who would show something in it.

Scopes may overlap; projects are put in another order, narrowed or dropped. What was published stays known whoever it was for, so
the owner of today takes over from the owner of yesterday, and nothing is taken for a stranger's.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec

from mappings.change import Owned, Slot
from mappings.model import Ref
from sync.listings import ScopedProject, listings_of
from sync.project import Taken
from sync.source import Source
from sync.store import entities, publishing
from sync.store.connect import Connection
from sync.store.publishing import Hold, Published
from sync.store.streams import StreamKey


class Inherited(msgspec.Struct, frozen=True, kw_only=True):
    """What other projects published, or left alone, in slots that are this project's by now."""

    published: Mapping[Slot, Published] = {}
    held: Mapping[Slot, Hold] = {}


class Ownership:
    """One project among all of the file, in the file's order, at one moment: in one transaction."""

    def __init__(self, project: ScopedProject, in_order: Sequence[ScopedProject]) -> None:
        self._project = project
        self._in_order = in_order
        keys = [one.key for one in in_order]
        self._earlier = in_order[: keys.index(project.key)] if project.key in keys else in_order
        self._others = [one for one in in_order if one.key != project.key]
        self._keys: dict[str, Sequence[StreamKey]] = {}

    def taken(self, tx: Connection, targets: Iterable[Ref]) -> Sequence[Taken]:
        """What earlier projects own on `targets`, as far as this one would show something there."""
        found: list[Taken] = []
        for other in self._earlier:
            shared = {ref for ref in targets if self._would_show_the_same(other, ref.source)}
            theirs = self._members(tx, other, shared)
            left_alone = frozenset(publishing.held_by_others(tx, self._project.memory, theirs))
            found.extend(
                Taken(owned, frozenset(ref for ref in theirs if ref.source == source), left_alone)
                for source, owned in other.view.owned.items()
            )
        return found

    def passed_on(self, tx: Connection, slots: Iterable[Slot]) -> frozenset[Slot]:
        """Those of `slots`, which this project published and shows no longer, that are another project's to show now."""
        return self._held_by(tx, self._others, slots)

    def _held_by(self, tx: Connection, projects: Iterable[ScopedProject], slots: Iterable[Slot]) -> frozenset[Slot]:
        found: set[Slot] = set()
        for one in projects:
            owned = one.view.owned
            some = {slot for slot in slots if (there := owned.get(slot.target.source)) is not None and there.covers(slot)}
            held = self._members(tx, one, {slot.target for slot in some})
            found |= {slot for slot in some if slot.target in held}
        return frozenset(found)

    def _members(self, tx: Connection, project: ScopedProject, refs: Iterable[Ref]) -> set[Ref]:
        """Those of `refs` that are in a project's scopes; where its facts are kept is asked once."""
        if project.key not in self._keys:
            self._keys[project.key] = listings_of(tx, project).keys
        return entities.members_among(tx, self._keys[project.key], refs)

    def inherited(self, tx: Connection, targets: Collection[Ref], taken: Sequence[Taken]) -> Inherited:
        """What others left behind on `targets`, in slots that are this project's own."""
        key = self._project.memory
        published = publishing.published_by_others(tx, key, targets)
        held = publishing.held_by_others(tx, key, targets)
        mine = {slot for slot in (*published, *held) if self.covers(slot) and not any(one.holds(slot) for one in taken)}
        return Inherited(
            published={slot: row for slot, row in published.items() if slot in mine},
            held={slot: row for slot, row in held.items() if slot in mine},
        )

    def left_over(self, tx: Connection) -> Mapping[str, int]:
        """By the keys of projects that the file does not have, how many values of theirs are still shown that nobody takes over.

        Only the first project of the file is told.
        """
        if [one.key for one in self._in_order[:1]] != [self._project.key]:
            return {}
        found: dict[str, int] = {}
        for key in sorted(set(publishing.projects(tx)) - {one.key for one in self._in_order} - {self._project.memory}):
            shown = {slot for slot, row in publishing.published(tx, key).items() if row.value is not None}
            gone = entities.buried(tx, {slot.target for slot in shown})
            left = {slot for slot in shown if slot.target not in gone} - self._held_by(tx, self._in_order, shown)
            if left:
                found[key] = len(left)
        return found

    def covers(self, slot: Slot) -> bool:
        """Whether this project would show something in `slot`, wherever its target is."""
        owned = self._project.view.owned.get(slot.target.source)
        return owned is not None and owned.covers(slot)

    def _would_show_the_same(self, other: ScopedProject, source: str) -> bool:
        mine, yours = self._project.view.owned.get(source), other.view.owned.get(source)
        return mine is not None and yours is not None and _meet(mine, yours)


def _meet(one: Owned, other: Owned) -> bool:
    """Whether some slot is in both. Labels have no case: where one differs by nothing else, both projects write the same."""
    return (
        not {label.casefold() for label in one.labels}.isdisjoint(label.casefold() for label in other.labels)
        or (one.field is not None and one.field == other.field)
        or (one.property is not None and one.property == other.property)
    )


def reaching(source: Source, slots: Iterable[Slot]) -> Sequence[tuple[Source, frozenset[Slot]]]:
    """The source with the slots that are ours there now, and once more for what is ours no longer: a prefix, a field or a status
    that the project file had before. Of those our memory of publishing is the proof, and they may only be emptied.
    """
    present: set[Slot] = set()
    former: dict[str | None, set[Slot]] = {}
    for slot in slots:
        if source.owned.covers(slot):
            present.add(slot)
        else:
            former.setdefault(slot.name if slot.kind == "field" else None, set()).add(slot)
    found = [(source, frozenset(present))] if present else []
    for field, some in sorted(former.items(), key=lambda entry: entry[0] or ""):
        owned = Owned(
            labels={slot.name: ("ededed", "") for slot in some if slot.kind == "label"},
            field=field,
            property=next((slot.name for slot in some if slot.kind == "property"), None),
        )
        found.append((msgspec.structs.replace(source, owned=owned), frozenset(some)))
    return found
