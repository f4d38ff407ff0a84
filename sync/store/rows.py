"""From entities to rows: pure. What cannot be stored is refused record by record."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple, TypeAlias

import msgspec

from connectors.base import Batch
from mappings.change import Reading, SlotKind, Value
from mappings.decoding import decoder_for
from mappings.model import Entity, Ref, Rejected, encode
from sync.store.columns import to_micros
from sync.store.promoted import promoted
from sync.store.text import is_storable, printable

KEY_LENGTH = 512

Held: TypeAlias = dict[tuple[SlotKind, str], Value]
"""The slots of one target, by kind and name."""

_json = msgspec.json.Encoder(order="deterministic")
_slots_of = decoder_for(list[tuple[SlotKind, str, Value]])


class EntityRow(NamedTuple):
    """One entity as its table holds it; `updated_at` in epoch microseconds, `slots` as `slot_document` makes them."""

    source: str
    kind: str
    id: str
    key: str
    container: str
    updated_at: int | None
    hash: bytes
    doc: bytes
    slots: bytes | None


class PageRows(NamedTuple):
    """A page as the store takes it: made before the transaction, which keeps other writers waiting, and smaller than its entities.

    `entities` counts those that came, `received` also what the source's reader rejected; `rejected` holds the unstorable as well.
    """

    rows: Sequence[EntityRow]
    rejected: Sequence[Rejected] = ()
    entities: int = 0
    received: int = 0
    cursor: str | None = None
    complete: bool = False
    total: int | None = None


class Unstorable(NamedTuple):
    """One entity that no database could hold, and why."""

    ref: Ref
    reason: str


def page_rows(page: Batch, *, source: str) -> PageRows:
    """What to store of a page that `source` gave."""
    rows, refused = entity_rows(page.entities, by_target(page.slots), source=source)
    entities, rejected = len(page.entities), [*page.rejected, *map(as_rejected, refused)]
    received = entities + len(page.rejected)
    return PageRows(rows, rejected, entities, received, page.cursor, page.complete, page.total)


def as_rejected(one: Unstorable) -> Rejected:
    return Rejected(kind=one.ref.kind, id=one.ref.id, reason=one.reason)


def entity_row(entity: Entity, held: Held | None) -> EntityRow:
    """Raises `ValueError`, `TypeError`, `OverflowError` or `msgspec.MsgspecError` for what no database could hold."""
    ref = entity.ref
    source, kind, ident = ref.source, ref.kind, ref.id
    if not (is_storable(ident) and _can_contain(source, kind)):
        raise ValueError("its id is empty, longer than 1,024 bytes, or no valid text")
    doc = encode(entity)
    names = promoted(entity)
    return EntityRow(
        source,
        kind,
        ident,
        folded(names.key),
        printable(names.container, KEY_LENGTH),
        None if entity.updated_at is None else to_micros(entity.updated_at),
        hashlib.blake2b(doc, digest_size=16).digest(),
        doc,
        slot_document(held) if held else None,
    )


def container_of(entity: Entity) -> str:
    """What contains an entity, as the `container` column holds it."""
    return printable(promoted(entity).container, KEY_LENGTH)


@lru_cache(maxsize=64)  # they are few, and asked for with every record
def _can_contain(source: str, kind: str) -> bool:
    return is_storable(source) and is_storable(kind)


def entity_rows(
    entities: Iterable[Entity], held: Mapping[Ref, Held], *, source: str | None
) -> tuple[list[EntityRow], list[Unstorable]]:
    """The rows of `entities`, and what cannot be stored. With `source`, an entity of another source is refused."""
    rows: list[EntityRow] = []
    refused: list[Unstorable] = []
    for entity in entities:
        ref = entity.ref
        try:
            if source is not None and ref.source != source:
                raise ValueError(f"it claims to be of the source {ref.source!r}")
            rows.append(entity_row(entity, held.get(ref) if held else None))
        except (ValueError, TypeError, OverflowError, RecursionError, msgspec.MsgspecError) as error:
            refused.append(Unstorable(ref, f"cannot be stored: {error}"))
    return rows, refused


def folded(key: str) -> str:
    """A human name as the `key` column holds it, so that case does not matter."""
    return printable(key.casefold(), KEY_LENGTH)


def by_target(readings: Iterable[Reading]) -> dict[Ref, Held]:
    """What the slots of each target hold."""
    found: dict[Ref, Held] = {}
    for reading in readings:
        found.setdefault(reading.slot.target, {})[reading.slot.kind, reading.slot.name] = reading.value
    return found


def slot_document(held: Mapping[tuple[SlotKind, str], Value]) -> bytes | None:
    """`[[kind, name, value], …]`, sorted, without the slots that hold nothing; None where none holds anything."""
    entries = [(kind, name, held[kind, name]) for kind, name in sorted(held) if held[kind, name] is not None]
    return _json.encode(entries) if entries else None


def read_slot_document(document: bytes | None) -> Held:
    """The inverse of `slot_document`."""
    return {(kind, name): value for kind, name, value in _slots_of.decode(document)} if document else {}
