"""Times as people say them, and arithmetic on those that sources name: at the edge of the calendar it saturates, never raises."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

CLOCK_SKEW = timedelta(minutes=5)
"""How far the clocks of two machines may be apart before a time counts as one that lies ahead."""

_LAST = datetime.max.replace(tzinfo=UTC)


def is_ahead(time: datetime, now: datetime) -> bool:
    """Whether a time cannot be one at which something happened: a clock was wrong then, or was set back since."""
    return time - now > CLOCK_SKEW


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


def in_words(duration: timedelta) -> str:
    """`30 days`, `26 hours`, `1 hour`: in the largest unit that needs no fraction."""
    seconds = int(duration.total_seconds())
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        count, rest = divmod(seconds, length)
        if not rest:
            return f"{count} {unit}" + ("" if count == 1 else "s")
    return f"{seconds} seconds"
