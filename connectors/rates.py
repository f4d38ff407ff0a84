"""What answers say about rates: the budget that is left, and how long to wait.

GitHub sends `X-RateLimit-Reset` as epoch seconds, Jira Cloud as ISO 8601 with minutes; `Retry-After` is seconds or an HTTP date
(RFC 9110, 10.2.3).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import httpx
import msgspec

from mappings.moments import utc

_LONGEST_BELIEVED = timedelta(days=7)


class Budget(msgspec.Struct, frozen=True):
    """How many requests are left of `limit` until `resets_at` (UTC), as far as the source says."""

    remaining: int | None = None
    limit: int | None = None
    resets_at: datetime | None = None


def read_budget(headers: Mapping[str, str]) -> Budget | None:
    """The budget in the `X-RateLimit-*` headers, or None where there are none."""
    remaining = headers.get("x-ratelimit-remaining")
    limit = headers.get("x-ratelimit-limit")
    if remaining is None and limit is None:
        return None
    return Budget(_count(remaining), _count(limit), read_reset(headers.get("x-ratelimit-reset")))


def is_rate_limit(response: httpx.Response) -> bool:
    """429, or GitHub's 403 that means the same: used up, asked to wait, or a secondary limit named only in the text."""
    if response.status_code == 429:
        return True
    if response.status_code != 403:
        return False
    headers = response.headers
    return (
        "retry-after" in headers
        or headers.get("x-ratelimit-remaining") == "0"
        or b"secondary rate limit" in response.content[:2048].lower()
    )


def asked_wait(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """How long the source asks to wait, zero to seven days, or None if it does not say."""
    until = _read_retry_after(headers.get("retry-after"), now)
    if until is None:
        until = read_reset(headers.get("x-ratelimit-reset"))
    if until is None:
        return None
    return min(max(until - now, timedelta(0)), _LONGEST_BELIEVED)


def _read_retry_after(text: str | None, now: datetime) -> datetime | None:
    if not text:
        return None
    seconds = _count(text)
    if seconds is not None:
        return now + min(timedelta(seconds=min(seconds, 10**7)), _LONGEST_BELIEVED)
    return read_http_date(text)


def read_http_date(text: str | None) -> datetime | None:
    """The instant of an HTTP date, in UTC; None for anything else."""
    try:
        return utc(parsedate_to_datetime(text)) if text else None
    except (ValueError, OverflowError):
        return None


def read_reset(text: str | None) -> datetime | None:
    """The instant in epoch seconds or ISO 8601, in UTC; None for anything else."""
    if not text:
        return None
    seconds = _count(text)
    try:
        return datetime.fromtimestamp(seconds, UTC) if seconds is not None else utc(datetime.fromisoformat(text.strip()))
    except (ValueError, OverflowError, OSError):
        return None


def _count(text: str | None) -> int | None:
    text = (text or "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None
