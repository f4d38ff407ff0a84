"""How old the facts of a project are, and what was never read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from sync.assess import Assessment
from sync.cli.style import ago, listed


def facts_age(assessment: Assessment) -> str:
    """One age where all sources were read at about the same time, else one for each source."""
    rescoped = _rescoped(assessment)
    ages = {
        source: _RESCOPED if source in rescoped else ago(moment, assessment.now) for source, moment in pulled_at(assessment).items()
    }
    if not ages:
        return "no source"
    if len(set(ages.values())) == 1:
        age = next(iter(ages.values()))
        return _AT_ALL.get(age, f"facts from {age}")
    return "facts: " + ", ".join(f"{source} {age}" for source, age in ages.items())


_RESCOPED = "not yet under its new scope"
_AT_ALL = {"never": "nothing was pulled yet", _RESCOPED: "nothing was pulled yet under the new scopes"}


def _rescoped(assessment: Assessment) -> Sequence[str]:
    """The sources with something that was read before their scope was changed, and not since."""
    return list(dict.fromkeys(stream.source for stream in assessment.freshness.streams if stream.rescoped))


def pulled_at(assessment: Assessment) -> Mapping[str, datetime | None]:
    """When each source was last read whole: the oldest of its streams counts."""
    oldest: dict[str, datetime | None] = {}
    for stream in assessment.freshness.streams:
        known = oldest.get(stream.source, stream.pulled_at)
        oldest[stream.source] = min(known, stream.pulled_at) if known is not None and stream.pulled_at is not None else None
    return oldest


def never_pulled(assessment: Assessment) -> Sequence[str]:
    """The sources with something that was never read, in the file's order."""
    return [source for source, moment in pulled_at(assessment).items() if moment is None]


def is_unread(assessment: Assessment) -> bool:
    """Whether nothing at all was read, so that nothing can be said."""
    streams = assessment.freshness.streams
    return bool(streams) and all(stream.pulled_at is None for stream in streams)


def unread_words(assessment: Assessment) -> Iterator[str]:
    """What was never read or failed lately, and what to run: a plan without it is none, or only a part of one."""
    failed = list(dict.fromkeys(stream.source for stream in assessment.freshness.streams if stream.failed))
    if is_unread(assessment) and not failed:
        yield "nothing can be planned yet: run milepost pull, or milepost plan --pull"
        return
    if failed:
        yield f"{listed(failed)} could not be read, so what rests on that is not known: milepost status tells why"
    rescoped = [one for one in _rescoped(assessment) if one not in failed]
    if rescoped:
        yield f"{listed(rescoped)} was not read yet under its new scope, so what rests on that is not known: run milepost pull"
    new = [one for one in never_pulled(assessment) if one not in (*failed, *rescoped)]
    if new:
        yield f"{listed(new)} was never pulled whole, so what rests on that is not known: run milepost pull"
