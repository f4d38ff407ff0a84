"""What the checks of all sources have in common: what fails is told, names are looked for, clocks are compared."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

from connectors.base import Finding
from connectors.errors import SourceError
from connectors.globs import matches, near

LARGEST_SKEW = timedelta(minutes=1)
"""How fresh facts are is judged by time."""


def attempted(topic: str, step: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """What a step of a check finds, up to what it fails on, which is a finding too."""
    try:
        yield from step()
    except SourceError as error:
        yield Finding(level="error", topic=topic, text=error.message, fix=error.fix)


def matched(topic: str, globs: Sequence[str], names: Sequence[str], *, unlike_all: str) -> Iterator[Finding]:
    """How many of `names` the globs match, and each glob that matches none. `unlike_all` is the fix where no name comes near."""
    found = sum(1 for name in names if matches(name, globs))
    if found:
        yield Finding(level="ok", topic=topic, text=f"{found} of the {len(names)} that may be read match {', '.join(globs)}")
    for glob in globs:
        if not any(matches(name, [glob]) for name in names):
            candidates = near(glob, names)
            hint = f"did you mean {', '.join(candidates)}?" if candidates else unlike_all
            yield Finding(level="warning", topic=topic, text=f"{glob!r} matches nothing", fix=hint)


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
