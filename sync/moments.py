"""Arithmetic on times that sources name: one at the edge of the calendar saturates instead of raising."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

_LAST = datetime.max.replace(tzinfo=UTC)


def later(time: datetime, by: timedelta) -> datetime:
    """`time + by`, or the last moment there is."""
    try:
        return time + by
    except OverflowError:
        return _LAST


def day_in(time: datetime, timezone: str) -> date:
    """The calendar day that people in `timezone` call it."""
    try:
        return time.astimezone(ZoneInfo(timezone)).date()
    except OverflowError:
        return time.date()


def end_of(day: date, timezone: str) -> datetime:
    """When a calendar day is over for people in `timezone`, in UTC."""
    try:
        return datetime.combine(day + timedelta(days=1), datetime.min.time(), ZoneInfo(timezone)).astimezone(UTC)
    except OverflowError:
        return _LAST
