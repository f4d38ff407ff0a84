"""How complete and how fresh the stored facts are: what may be said to be absent, and what may still be relied on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import msgspec

from mappings.model import Ref


class StreamFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One stream of one source in one of the project's scopes. `provides` are the kinds that it can add.

    `complete`: a full listing was proven under the present scope. `pulled_at`: end of the last successful pull. `failed`: what the
    last pull died of, if it did.
    """

    source: str
    stream: str
    provides: frozenset[str]
    complete: bool = False
    pulled_at: datetime | None = None
    failed: str | None = None


class Freshness:
    """Answers for one project at one moment. A kind that no scoped stream provides is known to be empty."""

    def __init__(self, streams: Iterable[StreamFacts], *, within: timedelta, now: datetime) -> None:
        self.streams = tuple(streams)
        self.within = within
        self.now = now

    def absent_proof_lacks(self, kinds: Iterable[str]) -> Sequence[str]:
        """The streams that could still add something of these kinds; empty when absence is proven."""
        wanted = frozenset(kinds)
        return sorted(_name(one) for one in self.streams if one.provides & wanted and not (one.complete and self._usable(one)))

    def reliance_lacks(self, ref: Ref) -> Sequence[str]:
        """The streams that should have confirmed this object lately and did not; empty when its facts may be relied on.

        Where several streams provide the kind, one that is usable is enough.
        """
        providers = [one for one in self.streams if one.source == ref.source and ref.kind in one.provides]
        if any(self._usable(one) for one in providers):
            return ()
        return sorted(_name(one) for one in providers)

    def next_expiry(self) -> datetime | None:
        """When the first of the usable streams will have become too old."""
        ends = [one.pulled_at + self.within for one in self.streams if one.pulled_at is not None and self._usable(one)]
        return min(ends, default=None)

    def facts_as_of(self) -> datetime | None:
        """The time of the oldest last successful pull; None if a stream was never pulled."""
        times = [one.pulled_at for one in self.streams]
        known = [time for time in times if time is not None]
        return min(known) if known and len(known) == len(times) else None

    def _usable(self, one: StreamFacts) -> bool:
        return one.failed is None and one.pulled_at is not None and one.pulled_at + self.within > self.now


def _name(one: StreamFacts) -> str:
    return f"{one.source}/{one.stream}"
