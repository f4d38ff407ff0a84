"""Which streams take in what was read by itself: decided from what is stored, what was read, and what the source says of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet

import msgspec

from mappings.model import Commit, Entity, Ref
from sync.source import Scope, Source
from sync.store import streams
from sync.store.connect import Connection
from sync.store.rows import container_of
from sync.store.snapshots import Snapshot


class Room(msgspec.Struct, frozen=True, kw_only=True):
    """One scope of a source with those of its streams that were listed before, and their row numbers. Into the others a first
    listing brings everything."""

    source: Source
    scope: Scope
    ids: Mapping[str, int]

    def holding(self, known: Snapshot | None) -> Collection[str]:
        """The streams that an object belongs to."""
        return [name for name, ident in self.ids.items() if known is not None and ident in known.streams]

    def able(self, kind: str) -> Collection[str]:
        """The streams that objects of this kind may be in, listed before or not."""
        connection = self.source.connection
        return [
            name for name, kinds in connection.streams.items() if kind in kinds and connection.is_wanted(name, self.scope.options)
        ]


class Admission(msgspec.Struct):
    """What to do with what was read. `joins` has the objects that belong to a stream of a scope, by its hash, `leaves` those that
    no longer do; `alone` are in none and stored all the same; `listed` are the streams to pull on, where no single object tells
    what is there."""

    joins: dict[tuple[str, str], list[Ref]] = {}
    leaves: dict[tuple[str, str], list[Ref]] = {}
    alone: set[Ref] = set()
    listed: dict[str, set[Ref]] = {}


def rooms_of(tx: Connection, source: Source) -> Sequence[Room]:
    rooms = []
    for scope in source.scopes:
        states = streams.states(tx, source.keys(scope))
        ids = {state.key.stream: state.id for state in states if state.sweep > 0}
        rooms.append(Room(source=source, scope=scope, ids=ids))
    return rooms


def streams_of(rooms: Iterable[Room]) -> Collection[int]:
    """The row numbers of all their streams."""
    return [ident for room in rooms for ident in room.ids.values()]


def is_to_ask(room: Room, entity: Entity, known: Snapshot | None) -> bool:
    """Whether the scope has to be asked if it holds the object: when it is new there, or in another container than before."""
    if known is not None and room.holding(known):
        return known.container != container_of(entity)
    return bool(room.ids.keys() & set(room.able(entity.ref.kind))) and not _is_off_its_branch(entity)


def admit(
    rooms: Iterable[Room],
    wanted: Mapping[Ref, AbstractSet[str]],
    found: Mapping[Ref, Entity],
    known: Mapping[Ref, Snapshot],
    outside: Mapping[str, AbstractSet[Ref]],
    undecided: Mapping[str, AbstractSet[Ref]],
    looked_up: AbstractSet[Ref],
) -> Admission:
    """What to do with `found`, each of which the scopes `wanted` may hold.

    Of each scope, by its hash: what is certainly `outside` now, and what is `undecided` because it could not be asked. What was
    `looked_up` before is stored although no listing has it.
    """
    result = Admission()
    placed: set[Ref] = set()
    for room in rooms:
        scope = room.scope.hash
        for ref in [ref for ref in found if scope in wanted[ref]]:
            holding = room.holding(known.get(ref))
            if ref in outside.get(scope, ()):
                _put(result.leaves, scope, holding, ref)
            elif holding:
                _put(result.joins, scope, holding, ref)
                placed.add(ref)
            elif not _is_off_its_branch(found[ref]):
                able = room.able(ref.kind)
                joining = [name for name in able if name in room.ids]
                if len(able) > 1 or ref in undecided.get(scope, ()):
                    list_again(result.listed, [room], ref.kind, ref)
                elif joining:
                    _put(result.joins, scope, joining, ref)
                    placed.add(ref)
    result.alone = {ref for ref in found if ref not in placed and (ref in known or ref in looked_up)}
    return result


def list_again(listed: dict[str, set[Ref]], rooms: Iterable[Room], kind: str, because: Ref) -> None:
    """The streams that may have something of this kind, and have been listed before, are to be pulled on."""
    for room in rooms:
        for name in room.able(kind):
            if name in room.ids:
                listed.setdefault(name, set()).add(because)


def _put(where: dict[tuple[str, str], list[Ref]], scope: str, names: Iterable[str], ref: Ref) -> None:
    for name in names:
        where.setdefault((scope, name), []).append(ref)


def _is_off_its_branch(entity: Entity) -> bool:
    """Commits are listed from the default branch: one that is not known to be on it, only a listing brings in."""
    return isinstance(entity, Commit) and not entity.on_default_branch
