"""How far a stream was read."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from mappings.decoding import decode_as

OVERLAP = 900
"""Seconds before the last pull that are asked for again: indexes lag, and so do clocks."""

MOST_REMEMBERED = 1000


class Cursor(msgspec.Struct, frozen=True, omit_defaults=True):
    """In seconds since 1970. `since`: when the last pull began that came to its end, or the full listing that has not; never in the
    service's future. `listed`: how far, by creation, such a listing has come. `seen`: by name, when those had changed that changed
    after `since` less `OVERLAP`: they need not be looked at again."""

    since: int = 0
    listed: int | None = None
    seen: Mapping[str, float] = {}

    def encode(self) -> str:
        return msgspec.json.encode(self, order="deterministic").decode()


def decode_cursor(text: str) -> Cursor | None:
    """The inverse of `encode`, or None for what is no such cursor: then everything is read again."""
    try:
        cursor = decode_as(text, Cursor)
    except (msgspec.DecodeError, UnicodeError):
        return None
    return cursor if cursor != Cursor() else None


class Progress:
    """Follows a pull that began `now`, by our own clock, and what it saw. Not how late the latest change was, but when a pull began
    is where the next one goes on: many changes at once are then listed again for as long as `OVERLAP`, and not until something else
    changes."""

    def __init__(self, cursor: Cursor | None, now: int) -> None:
        self._began = now
        self._since = min(cursor.since, now) if cursor else now
        self._known = dict(cursor.seen) if cursor else {}
        self._seen = dict(self._known)

    def hear(self, answered_at: int | None) -> None:
        """When a page was answered, by the service's own clock. That was after the pull began: of what lies behind it, nothing was
        read."""
        if answered_at is not None:
            self._began = min(self._began, max(0, answered_at))
            self._since = min(self._since, self._began)

    @property
    def asked_since(self) -> int:
        """From when on changes are asked for."""
        return max(0, self._since - OVERLAP)

    def is_news(self, name: str, changed: float) -> bool:
        """Whether this change of it was not seen before."""
        return self._known.get(name) != changed

    def note(self, name: str, changed: float) -> None:
        self._seen[name] = changed
        if len(self._seen) > 2 * MOST_REMEMBERED:
            self._seen = self._changed_after(self.asked_since)

    def paused(self, listed: int) -> Cursor:
        """In the middle of a full listing: what changed since it began may stand in the part that was listed."""
        return Cursor(since=self._since, listed=listed, seen=self._changed_after(self.asked_since))

    def ended(self) -> Cursor:
        """Everything was seen that had changed when the pull began."""
        return Cursor(since=self._began, seen=self._changed_after(self._began - OVERLAP))

    def _changed_after(self, moment: int) -> dict[str, float]:
        recent = [(changed, name) for name, changed in self._seen.items() if changed >= moment]
        return {name: changed for changed, name in sorted(recent, reverse=True)[:MOST_REMEMBERED]}
