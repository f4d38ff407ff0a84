"""Whether this machine's clock agrees with a source's: how fresh facts are is judged by time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from connectors.base import Finding

LARGEST_SKEW = timedelta(minutes=1)


def compare_clocks(answered_at: datetime | None, whose: str) -> Iterator[Finding]:
    """One finding, or none where the source did not say when it answered. `whose` is a possessive, such as `Jira's`."""
    if answered_at is None:
        return
    ahead = datetime.now(UTC) - answered_at
    if abs(ahead) > LARGEST_SKEW:
        text = (
            f"this machine's clock is {abs(ahead).total_seconds():.0f} s {'ahead of' if ahead > timedelta() else 'behind'} {whose}"
        )
        yield Finding(level="warning", topic="clock", text=text, fix="set this machine's clock by NTP")
    else:
        yield Finding(level="ok", topic="clock", text=f"this machine's clock agrees with {whose}")
