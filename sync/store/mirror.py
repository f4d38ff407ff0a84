"""What our own slots hold remotely, as it was last seen: kept beside the entities, never part of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from operator import itemgetter

from sqlalchemy import Connection, bindparam, select, tuple_, update

from mappings.change import Slot, Value
from mappings.model import Ref
from sync.store import clock, erased
from sync.store.by_ref import by_kind
from sync.store.rows import Held, read_slot_document, slot_document
from sync.store.schema import entity, membership
from sync.store.streams import StreamKey, ids


def load_slots(tx: Connection, keys: Sequence[StreamKey]) -> dict[Slot, Value]:
    """Every slot of ours that holds something, on the live entities of these streams' scopes."""
    members = select(membership.c.source, membership.c.kind, membership.c.id).where(membership.c.stream.in_(ids(tx, keys)))
    query = select(entity.c.source, entity.c.kind, entity.c.id, entity.c.slots).where(
        entity.c.slots.is_not(None),
        entity.c.deleted_at.is_(None),
        tuple_(entity.c.source, entity.c.kind, entity.c.id).in_(members),
    )
    found: dict[Slot, Value] = {}
    for source, kind, ident, document in tx.execute(query):
        found.update(_slots(Ref(source, kind, ident), read_slot_document(document)))
    return found


def slots_of(tx: Connection, refs: Iterable[Ref]) -> dict[Slot, Value]:
    """Every slot of ours that holds something on these objects."""
    found: dict[Slot, Value] = {}
    for ref, (held, _) in _held(tx, refs).items():
        found.update(_slots(ref, held))
    return found


def update_slots(tx: Connection, values: Mapping[Slot, Value], since: datetime) -> bool:
    """These slots hold these values, as a write or a fresh read after `since` has shown; the other slots of their targets stay.

    False where another value was stored, or confirmed, since then: which of the two came later nobody knows, and that one stays
    until somebody asks again. What was stored at a time to come, while the clock was ahead, counts as stored before. A target that
    is not stored has no mirror, and is passed over.
    """
    by_target: dict[Ref, Held] = {}
    for slot, value in values.items():
        by_target.setdefault(slot.target, {})[slot.kind, slot.name] = erased.of_value(tx, value)
    # Nobody changes the other slots before they are written along with these; who writes several waits in the order of all.
    stored = sorted(_held(tx, by_target, locked=True).items(), key=itemgetter(0))
    now = clock.now(tx)
    are_all = True
    for ref, (held, changed_at) in stored:
        if since < changed_at <= now and any(held.get(slot) != value for slot, value in by_target[ref].items()):
            are_all = False
            continue
        tx.execute(
            update(entity)
            .where(entity.c.source == ref.source, entity.c.kind == ref.kind, entity.c.id == ref.id)
            .values(slots=slot_document({**held, **by_target[ref]}))
        )
    return are_all


def _held(tx: Connection, refs: Iterable[Ref], *, locked: bool = False) -> dict[Ref, tuple[Held, datetime]]:
    query = _HELD_LOCKED if locked else _HELD
    found: dict[Ref, tuple[Held, datetime]] = {}
    for source, kind, some in by_kind(refs):
        for ident, document, changed_at in tx.execute(query, {"source": source, "kind": kind, "ids": some}):
            found[Ref(source, kind, ident)] = (read_slot_document(document), changed_at)
    return found


def _slots(ref: Ref, held: Held) -> dict[Slot, Value]:
    return {Slot(ref, kind, name): value for (kind, name), value in held.items()}


# Asked for every write and plan, so they are put together once.
_HELD = select(entity.c.id, entity.c.slots, entity.c.changed_at).where(
    entity.c.source == bindparam("source"), entity.c.kind == bindparam("kind"), entity.c.id.in_(bindparam("ids", expanding=True))
)
_HELD_LOCKED = _HELD.order_by(entity.c.id).with_for_update()
