"""Encoded JSON documents with holes, so that what rarely changes is encoded once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

import msgspec

Supplier = Callable[[], bytes]
HOLE = msgspec.Raw(b"\x00")
"""Stands where a supplier's JSON goes. A NUL byte never occurs in encoded JSON, so it marks the place without doubt."""


class Document:
    """JSON bytes with holes that suppliers fill at each rendering, in the order in which the holes occur."""

    __slots__ = ("_parts", "_suppliers")

    def __init__(self, value: Any, *suppliers: Supplier) -> None:
        self._parts = msgspec.json.encode(value).split(b"\x00")
        self._suppliers = suppliers
        if len(self._parts) != len(suppliers) + 1:
            raise ValueError(f"{len(self._parts) - 1} holes for {len(suppliers)} suppliers")

    def render(self) -> bytes:
        if not self._suppliers:
            return self._parts[0]
        pieces = [self._parts[0]]
        for supply, part in zip(self._suppliers, self._parts[1:], strict=True):
            pieces += (supply(), part)
        return b"".join(pieces)


def encoded_list(documents: Iterable[bytes]) -> bytes:
    return b"[" + b",".join(documents) + b"]"


def timestamp(moment: datetime | None) -> str | None:
    """The ISO 8601 form that the GitHub API uses: UTC, whole seconds, `Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if moment else None


def whole_seconds(moment: datetime) -> datetime:
    """In UTC and without fractions, as GitHub stores times. Raises `ValueError` for a time without zone."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment.isoformat()} has no time zone")
    return moment.astimezone(UTC).replace(microsecond=0)
