"""Points in time as deliveries have them: as text that anybody may have written."""

from __future__ import annotations

from datetime import UTC, datetime


def moment_of(text: str | None) -> datetime | None:
    """The moment that is written in `text`, in UTC; None where that is none, or nobody knows in which time zone."""
    try:
        moment = datetime.fromisoformat(text) if text else None
        return moment.astimezone(UTC) if moment is not None and moment.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None
