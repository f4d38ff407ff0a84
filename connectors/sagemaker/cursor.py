"""How far a stream was read."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

OVERLAP = 900
"""Seconds before the latest change that are asked for again: indexes lag, and so do clocks."""

MOST_REMEMBERED = 1000


class Cursor(msgspec.Struct, frozen=True, omit_defaults=True):
    """In seconds since 1970. `since`: every change before it was seen; never in the future. `listed`: how far, by creation, a full
    listing has come that is not at its end. `seen`: by name, when those had changed that changed after `since` less `OVERLAP`: they
    need not be looked at again."""

    since: int = 0
    listed: int | None = None
    seen: Mapping[str, float] = {}

    def encode(self) -> str:
        return msgspec.json.encode(self, order="deterministic").decode()


def decode_cursor(text: str) -> Cursor | None:
    """The inverse of `encode`, or None for what is no such cursor: then everything is read again."""
    try:
        cursor = msgspec.json.decode(text, type=Cursor)
    except (msgspec.DecodeError, UnicodeError):
        return None
    return cursor if cursor != Cursor() else None


class Progress:
    """Follows a pull: what changed last, never beyond the moment at which the pull began, and what was seen lately."""

    def __init__(self, cursor: Cursor | None, now: int) -> None:
        self._before = cursor.since if cursor else 0
        self._known = dict(cursor.seen) if cursor else {}
        self._seen = dict(self._known)
        self._latest = self._before
        self._now = now

    def is_news(self, name: str, changed: float) -> bool:
        """Whether this change of it was not seen before."""
        return self._known.get(name) != changed

    def note(self, name: str, changed: float) -> None:
        self._seen[name] = changed
        self._latest = max(self._latest, int(changed))
        if len(self._seen) > 2 * MOST_REMEMBERED:
            self._seen = self._recent()

    @property
    def since(self) -> int:
        return max(0, min(self._latest, self._now))

    def cursor(self, listed: int | None = None) -> Cursor:
        return Cursor(since=self.since, listed=listed, seen=self._recent())

    def _recent(self) -> dict[str, float]:
        recent = [(changed, name) for name, changed in self._seen.items() if changed >= self.since - OVERLAP]
        return {name: changed for changed, name in sorted(recent, reverse=True)[:MOST_REMEMBERED]}
