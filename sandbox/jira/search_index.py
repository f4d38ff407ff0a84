"""The searchable versions of all issues, walked in the order of their last update or of their keys."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from datetime import datetime

from sandbox.jira.model import Issue

KeyRank = tuple[str, int]


def key_rank(issue: Issue) -> KeyRank:
    """Keys sort by project key, then number: ML-9 before ML-10."""
    prefix, _, number = issue.key.rpartition("-")
    return prefix, int(number)


class SearchIndex:
    def __init__(self) -> None:
        self.issues: dict[int, Issue] = {}
        self._by_update: list[tuple[datetime, int]] = []
        self._by_key: list[tuple[KeyRank, int]] = []

    def put(self, issue: Issue) -> None:
        old = self.issues.get(issue.id)
        if old is not None:
            self._leave(old)
        self.issues[issue.id] = issue
        insort(self._by_update, (issue.updated, issue.id))
        insort(self._by_key, (key_rank(issue), issue.id))

    def remove(self, ident: int) -> None:
        old = self.issues.pop(ident, None)
        if old is not None:
            self._leave(old)

    def _leave(self, old: Issue) -> None:
        del self._by_update[bisect_left(self._by_update, (old.updated, old.id))]
        del self._by_key[bisect_left(self._by_key, (key_rank(old), old.id))]

    def by_update(self, low: datetime | None, high: datetime | None, *, descending: bool) -> Iterator[Issue]:
        """Issues whose last update lies within the bounds (inclusive), in its order; equal times by id in the same direction."""
        start = 0 if low is None else bisect_left(self._by_update, (low, -1))
        end = len(self._by_update) if high is None else bisect_right(self._by_update, (high, 1 << 62))
        steps = range(end - 1, start - 1, -1) if descending else range(start, end)
        return (self.issues[self._by_update[step][1]] for step in steps)

    def by_key(self, low: KeyRank | None, high: KeyRank | None, *, descending: bool) -> Iterator[Issue]:
        """Issues whose key lies within the bounds (both inclusive), in its order."""
        start = 0 if low is None else bisect_left(self._by_key, (low, -1))
        end = len(self._by_key) if high is None else bisect_right(self._by_key, (high, 1 << 62))
        steps = range(end - 1, start - 1, -1) if descending else range(start, end)
        return (self.issues[self._by_key[step][1]] for step in steps)
