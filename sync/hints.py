"""What webhook deliveries name: as far as it concerns any scope, and as far as that was ever listed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime

import msgspec

from connectors.base import Delivery, Mention, Receiver, WebhookSecrets
from connectors.errors import SourceError
from mappings.model import Ref
from sync.admission import Room, rooms_of, streams_of
from sync.source import Source, guarded, receiving
from sync.store import entities, lookups, snapshots
from sync.store.connect import Connection
from sync.store.inbox import Waiting
from sync.store.snapshots import Snapshot
from sync.store.text import is_storable


class Hints(msgspec.Struct):
    """What a batch of deliveries names. `wanted` has the objects to read again, each with the scopes that it may concern, by hash,
    and `of` those that each delivery names, with when they were changed, where it tells; `listed` the streams to pull on, each with
    the delivery that says so first. `matter` are the deliveries that concern some scope, `failed` those that make no sense."""

    wanted: dict[Ref, set[str]] = {}
    of: dict[int, dict[Ref, datetime | None]] = {}
    listed: dict[str, Waiting] = {}
    matter: set[int] = set()
    failed: dict[int, SourceError] = {}

    def first(self, rows: Iterable[Waiting], refs: Collection[Ref]) -> Waiting:
        """The first delivery that names one of `refs`."""
        return next(row for row in rows if not self.of.get(row.id, {}).keys().isdisjoint(refs))

    def portion(self, rows: Iterable[Waiting], most: int) -> Sequence[Waiting]:
        """As many of `rows` as name no more than `most` objects to read, and all that name no other ones; at least one."""
        chosen: list[Waiting] = []
        named: set[Ref] = set()
        for row in rows:
            refs = self.of.get(row.id, {}).keys()
            if not chosen or refs <= named or len(named | refs) <= most:
                chosen.append(row)
                named |= refs
        return chosen


def read_hints(tx: Connection, source: Source, rows: Sequence[Waiting]) -> Hints:
    """Parses deliveries, each by itself: of one that cannot be, nothing else follows."""
    hints = Hints()
    try:
        # To read deliveries takes no secret: they were proven when they came in.
        receiver = receiving(msgspec.structs.replace(source, webhook_secrets=WebhookSecrets))
    except SourceError as error:
        hints.failed = {row.id: error for row in rows}
        return hints
    mentions: dict[int, Sequence[Mention]] = {}
    for row in rows:
        try:
            mentions[row.id] = _mentions(source, receiver, row)
        except SourceError as error:
            hints.failed[row.id] = error
    named = {one.ref for some in mentions.values() for one in some}
    reading = _Reading(tx, source, receiver, rooms_of(tx, source))
    stored = snapshots.take(tx, named, streams_of(reading.rooms))
    asked = lookups.asked(tx, [ref for ref in named if ref.kind == "commit"])
    for row in rows:
        for mention in mentions.get(row.id, ()):
            ref = mention.ref
            # A commit that nobody has named yet is looked up when somebody does.
            if ref.kind == "commit" and ref not in stored and ref not in asked:
                continue
            try:
                reading.note(hints, row, mention, stored.get(ref))
            except SourceError as error:
                hints.failed[row.id] = error
    return hints


def _mentions(source: Source, receiver: Receiver, row: Waiting) -> Sequence[Mention]:
    """Of what can be stored at all. Raises `SourceError` for what makes no sense."""
    connection = source.connection
    kinds = connection.relisted.keys() | {kind for some in connection.streams.values() for kind in some}
    with guarded(source.name, "reading a delivery"):
        found = receiver.parse(Delivery(id=row.delivery, event=row.event, body=row.body))
        return [one for one in found if one.ref.source == source.name and one.ref.kind in kinds and is_storable(one.ref.id)]


class _Reading:
    """Whom mentions concern."""

    def __init__(self, tx: Connection, source: Source, receiver: Receiver, rooms: Sequence[Room]) -> None:
        self._tx = tx
        self._source = source
        self._receiver = receiver
        self._within: dict[str, AbstractSet[int]] = {}
        self.rooms = rooms

    def note(self, hints: Hints, row: Waiting, mention: Mention, stored: Snapshot | None) -> None:
        """Raises `Unavailable` for a mistake of the connector's."""
        relisted, ref = self._source.connection.relisted, mention.ref
        for room in self.rooms:
            with guarded(self._source.name, "reading a delivery"):
                may_hold = self._receiver.concerns(mention, room.scope.options)
            # What a scope has held so far may have left it by this very event.
            if not may_hold and not room.holding(stored) and not self._has_beside(room, mention):
                continue
            hints.matter.add(row.id)
            if ref.kind in relisted:
                for stream in relisted[ref.kind] & room.ids.keys():
                    hints.listed.setdefault(stream, row)
            elif stored is not None or room.ids.keys() & set(room.able(ref.kind)):
                hints.wanted.setdefault(ref, set()).add(room.scope.hash)
                told = hints.of.setdefault(row.id, {})
                told[ref] = max((at for at in (told.get(ref), mention.updated_at) if at is not None), default=None)

    def _has_beside(self, room: Room, mention: Mention) -> bool:
        """Whether a scope has others of what holds this, which may have another name by now: something new in it is known by that
        alone."""
        within = mention.within
        if not within:
            return False
        if within not in self._within:
            kinds = {kind for some in self._source.connection.streams.values() for kind in some}
            self._within[within] = entities.streams_within(self._tx, self._source.name, kinds, streams_of(self.rooms), within)
        return not self._within[within].isdisjoint(room.ids.values())
