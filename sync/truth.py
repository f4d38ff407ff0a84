"""Truth in three values (Kleene) with its reasons: what a judgement holds, when a value meets a condition, how truths combine."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import TypeAlias

import msgspec

from mappings.conditions import Age, Bound, Condition, format_duration, matches
from sync.evidence import Evidence
from sync.moments import later
from sync.view import FactValue

Truth: TypeAlias = bool | None
"""None is unknown."""


SHOWN_EVIDENCE = 12


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """A truth with its reasons. `recheck_at` is when time alone may change it. `at_most_false`: all that is unknown is whether the
    rule applies; if it does, it is false."""

    truth: Truth
    evidence: tuple[Evidence, ...] = ()
    missing: tuple[str, ...] = ()
    recheck_at: datetime | None = None
    at_most_false: bool = False


def limit_of(age: Age) -> str:
    return f"within {format_duration(age.within)}" if age.within else f"older than {format_duration(age.older_than or timedelta())}"


def meets(value: FactValue, wanted: Condition, now: datetime) -> tuple[bool, datetime | None]:
    """Whether a known value meets a condition, and when time alone may change that. What is known to be absent meets nothing."""
    match wanted:
        case bool():
            return value is wanted, None
        case Age():
            if not isinstance(value, datetime):
                return False, None
            edge = later(value, wanted.within or wanted.older_than or timedelta())
            young = edge > now
            return young == (wanted.within is not None), edge if young else None
        case Bound():
            numbers = value if isinstance(value, tuple) else (value,)
            return any(isinstance(one, int | float) and wanted.holds(one) for one in numbers), None
        case tuple():
            texts = value if isinstance(value, tuple) else (value,)
            return any(isinstance(text, str) and matches(text, wanted) for text in texts), None
    return False, None


def earliest(times: Iterable[datetime | None]) -> datetime | None:
    return min((time for time in times if time is not None), default=None)


def _join(truth: Truth, parts: Sequence[Judged]) -> Judged:
    """The parts that carry `truth`, as one. Missing things are told only of what is unknown."""
    carrying = [part for part in parts if part.truth is truth] or list(parts)
    evidence = list(dict.fromkeys(one for part in carrying for one in part.evidence))
    missing = sorted({one for part in parts if part.truth is None for one in part.missing}) if truth is None else []
    return Judged(
        truth=truth,
        evidence=tuple(evidence[:SHOWN_EVIDENCE]),
        missing=tuple(missing),
        recheck_at=earliest(part.recheck_at for part in parts),
    )


def either(parts: Sequence[Judged]) -> Judged:
    truths = [part.truth for part in parts]
    return _join(True if True in truths else None if None in truths else False, parts)


def both(parts: Sequence[Judged]) -> Judged:
    truths = [part.truth for part in parts]
    return _join(False if False in truths else None if None in truths else True, parts)


def negated(part: Judged) -> Judged:
    evidence = tuple(msgspec.structs.replace(one, holds=not one.holds) if one.holds is not None else one for one in part.evidence)
    return msgspec.structs.replace(part, truth=None if part.truth is None else not part.truth, evidence=evidence)
