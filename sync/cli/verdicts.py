"""A verdict in few words: its sign, its colour, and what it says without saying its own title again."""

from __future__ import annotations

from collections.abc import Sequence

from sync.cli.style import KINDS, STATES, listed
from sync.freshness import LACKING, sources_of

HELD = "◐"
"""The sign of a status that is shown from before while nobody knows whether it still is true."""


def look_of(kind: str, *, truth: bool | None, state: str) -> tuple[str, str]:
    """Sign and colour. What was never known is unknown here, though nothing of it is published."""
    if truth is None:
        return (HELD if state == "on" else STATES["unknown"]), "yellow"
    return (STATES["on"], KINDS[kind]) if state == "on" else (STATES[state], "dim")


def words_of(title: str, *, truth: bool | None, says: str, missing: Sequence[str]) -> str:
    """What it says after its title; for what is not known, what is missing, each source once."""
    if truth is not None:
        return says.removeprefix(f"{title}: ")
    away, lacking = sources_of(missing), [one for one in missing if LACKING.fullmatch(one) is None]
    without = f" without {listed(away)}" if away else ""
    more = f" and {len(lacking) - 1:,} more" if len(lacking) > 1 else ""
    return f"not known{without}" + (f"; missing: {lacking[0]}{more}" if lacking else "")


def is_only_unread(missing: Sequence[str]) -> bool:
    """Whether nothing is missing but streams that were not read: then it is the sources' trouble, not this verdict's."""
    return bool(missing) and all(LACKING.fullmatch(one) is not None for one in missing)


def missing_by_reason(missing: Sequence[str]) -> Sequence[str]:
    """What is missing, the streams of a source that are missing for the same reason together."""
    streams: dict[tuple[str, str], list[str]] = {}
    others: list[str] = []
    for one in missing:
        found = LACKING.fullmatch(one)
        if found is None:
            others.append(one)
        else:
            streams.setdefault((found[1], found[3]), []).append(found[2].replace("_", " "))
    return [*(f"{source} {listed(names)}: {why}" for (source, why), names in streams.items()), *others]
