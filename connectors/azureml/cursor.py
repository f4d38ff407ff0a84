"""How far each stream was read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import msgspec

from mappings.decoding import decode_as

MOST_REMEMBERED = 200
"""Jobs under way that are read again at each pull: those that were made last. What becomes of the others, a full pull shows."""

OVERLAP = 3_600_000
"""Milliseconds before that which are read again: jobs show up late."""

T = TypeVar("T")


class JobsCursor(msgspec.Struct, frozen=True):
    """In ms since 1970. `since`: when the latest job that was seen was made, or `OVERLAP` before the last pull, if that is later;
    never in Azure's future. `running`: when those were made that are under way, by name; `ended`: those that have ended, of what
    was made within the overlap."""

    since: int = 0
    running: Mapping[str, int] = {}
    ended: Mapping[str, int] = {}

    def encode(self) -> str:
        return msgspec.json.encode(self, order="deterministic").decode()


class EndpointsCursor(msgspec.Struct, frozen=True):
    """`marks`: by endpoint, what it and its deployments bore when they were last read. What bears the same has not changed."""

    marks: Mapping[str, str] = {}

    def encode(self) -> str:
        return msgspec.json.encode(self, order="deterministic").decode()


def newest(jobs: Mapping[str, int]) -> dict[str, int]:
    """Those that were made last, as many as are remembered."""
    return dict(sorted(jobs.items(), key=lambda item: (-item[1], item[0]))[:MOST_REMEMBERED])


def decode_cursor(text: str, kind: type[T]) -> T | None:
    """The inverse of `encode`, or None for what is no such cursor: then everything is read again."""
    try:
        return decode_as(text, kind)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
