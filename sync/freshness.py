"""How complete and how fresh the stored facts are: what may be said to be absent, and what may still be relied on."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from mappings.model import Ref
from sync.moments import in_words, is_ahead


class StreamFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One stream of one source in one of the project's scopes. `provides` are the kinds that it can add.

    `complete`: a full listing was proven under the present scope. `pulled_at`: end of the last successful pull. `failed`: what the
    last pull died of, if it did. `rejected` counts its records that were not understood: they may be of any kind. `rescoped`: it
    was read under an earlier scope, and not yet under the present one.
    """

    source: str
    stream: str
    provides: frozenset[str]
    complete: bool = False
    pulled_at: datetime | None = None
    failed: str | None = None
    rejected: int = 0
    rescoped: bool = False


LACKING = re.compile(r"([a-z][a-z0-9-]*)/([a-z_]+) \((.+)\)")
"""How a stream that is lacking is told: `source/stream (why)`."""


def sources_of(lacking: Iterable[str]) -> Sequence[str]:
    """The sources whose streams are lacking."""
    return sorted({found[1] for one in lacking if (found := LACKING.fullmatch(one)) is not None})


_DERIVED: Mapping[str, frozenset[str]] = {"observation": frozenset({"run", "model_version"})}
"""The kinds that are found in others where no stream of the source provides them itself."""


class Freshness:
    """Answers for one project at one moment. A kind that no scoped stream provides is known to be empty.

    What is lacking is told as `LACKING` reads it.
    """

    def __init__(self, streams: Iterable[StreamFacts], *, within: timedelta, now: datetime) -> None:
        self.streams = tuple(streams)
        self.within = within
        self.now = now
        self._unusable = {one: why for one in self.streams if (why := self._why_unusable(one)) is not None}
        usable = (one.pulled_at for one in self.streams if one not in self._unusable)
        self._next_expiry = min((pulled_at + within for pulled_at in usable if pulled_at is not None), default=None)
        self._absence: dict[tuple[frozenset[str], str | None], Sequence[str]] = {}
        self._reliance: dict[tuple[str, str], Sequence[str]] = {}

    def absent_proof_lacks(self, kinds: Iterable[str], *, source: str | None = None) -> Sequence[str]:
        """The streams (of one source, or of all) that could still add something of these kinds; empty when absence is proven."""
        key = (frozenset(kinds), source)
        if key not in self._absence:
            adding = (one for one in self.streams if one.provides & key[0] and source in (None, one.source))
            reasons = ((one, self._unusable.get(one) or _why_incomplete(one)) for one in adding)
            self._absence[key] = sorted(f"{one.source}/{one.stream} ({why})" for one, why in reasons if why is not None)
        return self._absence[key]

    def reliance_lacks(self, ref: Ref) -> Sequence[str]:
        """The streams that should have confirmed this object lately and did not; empty when its facts may be relied on."""
        key = (ref.source, ref.kind)
        if key not in self._reliance:
            reasons = ((one, self._unusable.get(one)) for one in self._providers(*key))
            self._reliance[key] = sorted(f"{one.source}/{one.stream} ({why})" for one, why in reasons if why is not None)
        return self._reliance[key]

    def provides(self, *kinds: str) -> bool:
        """Whether any scoped stream can add something of one of these kinds."""
        return any(one.provides & set(kinds) for one in self.streams)

    def lists(self, kind: str, *, source: str) -> bool:
        """Whether a scoped stream of this source can add something of this kind."""
        return any(kind in one.provides for one in self.streams if one.source == source)

    def next_expiry(self) -> datetime | None:
        """When the first of the usable streams will have become too old."""
        return self._next_expiry

    def facts_as_of(self) -> datetime | None:
        """The time of the oldest last successful pull; None if a stream was never pulled, or nobody knows when."""
        times = [one.pulled_at for one in self.streams]
        known = [time for time in times if time is not None and not is_ahead(time, self.now)]
        return min(*known, self.now) if known and len(known) == len(times) else None

    def _providers(self, source: str, kind: str) -> Sequence[StreamFacts]:
        own = [one for one in self.streams if one.source == source]
        return [one for one in own if kind in one.provides] or [
            one for one in own if one.provides & _DERIVED.get(kind, frozenset())
        ]

    def _why_unusable(self, one: StreamFacts) -> str | None:
        if one.failed is not None:
            return "the last read failed"
        if one.pulled_at is None:
            return "its new scope was not read yet" if one.rescoped else "never read"
        if is_ahead(one.pulled_at, self.now):
            return "read at a time that lies ahead: the clock was set back; pull again"
        return None if one.pulled_at + self.within > self.now else f"not read for {in_words(self.within)}"


def _why_incomplete(one: StreamFacts) -> str | None:
    if not one.complete:
        return "not fully read yet"
    if not one.rejected:
        return None
    return f"{one.rejected:,} record{'s were' if one.rejected > 1 else ' was'} not understood"
