"""Small values and documents as the columns of the publishing tables hold them: deterministic JSON bytes."""

from __future__ import annotations

from typing import Any

import msgspec

from mappings.change import Change, Slot, SlotKind, Value
from mappings.decoding import decoder_for
from mappings.model import Ref

_encoder = msgspec.json.Encoder(order="deterministic")
_value: msgspec.json.Decoder[Value] = decoder_for(Value)
_names = decoder_for(tuple[str, ...])
_change = decoder_for(Change)
_evidence = decoder_for(tuple[dict[str, Any], ...])
_object = decoder_for(dict[str, Any])

SLOT_COLUMNS = ("source", "target_kind", "target_id", "slot_kind", "slot_name")


def encode(value: object) -> bytes:
    """Equal values give equal bytes."""
    return _encoder.encode(value)


def read_value(document: bytes) -> Value:
    return _value.decode(document)


def read_names(document: bytes) -> tuple[str, ...]:
    return _names.decode(document)


def read_change(document: bytes) -> Change:
    return _change.decode(document)


def read_evidence(document: bytes) -> tuple[dict[str, Any], ...]:
    return _evidence.decode(document)


def read_object(document: bytes) -> dict[str, Any]:
    return _object.decode(document)


def slot_columns(slot: Slot) -> dict[str, str]:
    """The columns that name a slot."""
    ref = slot.target
    return dict(zip(SLOT_COLUMNS, (ref.source, ref.kind, ref.id, slot.kind, slot.name), strict=True))


def read_slot(source: str, target_kind: str, target_id: str, slot_kind: SlotKind, slot_name: str) -> Slot:
    """The inverse of `slot_columns`."""
    return Slot(Ref(source, target_kind, target_id), slot_kind, slot_name)
