"""What has ended of that which a slot showed, and why: of several subjects of one status, the one whose truth ended last."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

import msgspec

from mappings.model import Ref
from mappings.rules import StatusRule
from sync.compare import Situation
from sync.derive import Episode, Standing
from sync.display import Shown, Wanted, ending, shows
from sync.graph import Graph
from sync.names import name_of


class Endings:
    """Looks at one project. By target, `delivered` are the standings and `entries` what is told of each status; `episodes` are
    those that are open or closed lately, the oldest first."""

    def __init__(
        self,
        graph: Graph,
        rules: Mapping[str, StatusRule],
        delivered: Mapping[Ref, Sequence[Standing]],
        entries: Mapping[Ref, Sequence[Shown]],
        episodes: Sequence[Episode],
        *,
        now: datetime,
    ) -> None:
        self.graph = graph
        self.rules = rules
        self.delivered = delivered
        self.entries = entries
        self.by_id = {one.id: one for one in episodes}
        # One that has not closed yet ends now, where its standing is no longer true.
        self.ends = {(one.rule, one.subject): one.closed_at or now for one in episodes}

    def taken_away(self, case: Situation) -> Wanted:
        """What an emptied slot no longer shows, with what ended it."""
        ended = tuple(self._ended(one, case) for one in ending(case.wanted.shown, case.actual))
        return msgspec.structs.replace(case.wanted, shown=ended)

    def replaced(self, case: Situation) -> Iterator[str]:
        """Of each status that goes, why; of one that is still true and makes room for a higher one, nothing."""
        told = {one.rule.id for one in case.wanted.shown}
        entries = {one.rule.id: one for one in self.entries.get(case.slot.target, ())}
        for rule in self.rules.values():
            if rule.id in told or not shows(case.actual, rule):
                continue
            entry = entries.get(rule.id)
            if entry is None:
                yield f"{rule.title} applies no longer"
            elif entry.state != "on":
                yield self._ended(entry, case).standing.says

    def _ended(self, one: Shown, case: Situation) -> Shown:
        """What is off, with the standing that turned it off."""
        if one.state != "off":
            return one
        standings = [other for other in self.delivered.get(case.slot.target, ()) if other.rule == one.rule.id]
        false = [other for other in standings if other.truth is False]
        if one.rule.kind == "favourable":
            # It was shown while all were true, so what became false last has ended it, also where it is new.
            last = max(false, key=lambda other: other.since, default=None)
        else:
            before = self._before(one, case)
            ended = [other for other in false if (other.rule, other.subject) in self.ends]
            last = max(
                ended, key=lambda other: (self._end(other), before is not None and other.subject == before.subject), default=None
            )
            is_left = before is not None and before.subject not in {other.subject for other in standings}
            if before is not None and is_left and (last is None or self._end(before) > self._end(last)):
                last = self._gone(one, before.subject)
        return msgspec.structs.replace(one, standing=last or one.standing)

    def _before(self, one: Shown, case: Situation) -> Episode | None:
        """The episode of this status that the slot showed last."""
        episode = self.by_id.get(case.pushed.episode) if case.pushed is not None and case.pushed.episode is not None else None
        return episode if episode is not None and episode.rule == one.rule.id else None

    def _end(self, one: Standing | Episode) -> datetime:
        return self.ends[one.rule, one.subject]

    def _gone(self, one: Shown, subject: Ref) -> Standing:
        about = self.graph.entities.get(subject)
        to = f" to {name_of(about)}" if about is not None else ": what it was about is no longer there"
        return msgspec.structs.replace(one.standing, says=f"{one.rule.title} applies no longer{to}", evidence=(), missing=())
