"""The issues of a repository, oldest change first, in windows that begin where the last one ended.

A page number would lose records: an issue that changes while the listing is read moves to its end, and all others move up by one.
`since` does not move. It is inclusive (GitHub's docs: "updated at or after this time"), so windows overlap in their common second.
Only issues of one same second that fill more than a page are read by page number; when one of them turns up again later, its pages
had moved, and that second is read again.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from datetime import UTC, datetime, timedelta

from connectors.github.paging import Page, Pager
from connectors.github.progress import IssueMark, Portion, Progress, restore
from mappings import github_records as words
from mappings.change import Reading
from mappings.github import Translation
from mappings.github_records import IssueRecord, Repository
from mappings.model import Rejected, WorkItem

OVERLAP = timedelta(seconds=2)
"""How much of what is known a new pull reads again: a change may show a moment after a later one."""


class Named:
    """The pull requests that the issue listing said have changed, and when: their own listing is checked against it."""

    def __init__(self) -> None:
        self._changed: dict[int, dict[int, datetime]] = {}

    def add(self, repository: Repository, record: IssueRecord) -> None:
        if record.updated_at is not None:
            self._changed.setdefault(repository.id, {})[record.number] = record.updated_at

    def take(self, repository: Repository, floor: datetime | None) -> set[int]:
        """Those that changed at or after `floor`, none without one. They are not named again."""
        changed = self._changed.pop(repository.id, {})
        return {number for number, moment in changed.items() if floor is not None and moment >= floor}


class _Crowds:
    """Who was in the seconds that were read by page number. `torn` are those that somebody has left since."""

    def __init__(self) -> None:
        self._members: dict[int, datetime] = {}
        self.torn: set[datetime] = set()

    def add(self, records: Sequence[IssueRecord], second: datetime) -> None:
        self._members.update({record.number: second for record in records if record.updated_at == second})

    def watch(self, records: Sequence[IssueRecord]) -> None:
        for record in records:
            second = self._members.get(record.number)
            if second is not None and record.updated_at is not None and record.updated_at > second:
                self.torn.add(self._members.pop(record.number))


class Issues:
    """Pull requests, which the listing holds too, are not issues: they are only named."""

    def __init__(self, pager: Pager, translation: Translation, named: Named) -> None:
        self._pager = pager
        self._translation = translation
        self._named = named

    def fresh(self) -> IssueMark:
        return IssueMark()

    def restore(self, cursor: str | None) -> Progress[IssueMark]:
        return restore(Progress[IssueMark], cursor)

    def read(self, repository: Repository, mark: IssueMark) -> Iterator[Portion[IssueMark]]:
        crowds = _Crowds()
        since = mark.since - OVERLAP if mark.since else None
        while True:
            since = yield from self._windows(repository, since, None, crowds)
            if not crowds.torn:
                return
            torn, crowds.torn = sorted(crowds.torn), set()
            for second in torn:
                yield from self._windows(repository, second, second, crowds)

    def _windows(
        self, repository: Repository, since: datetime | None, last: datetime | None, crowds: _Crowds
    ) -> Generator[Portion[IssueMark], None, datetime | None]:
        """Reads on from `since`, to the end or past the second `last`. Returns the time of the newest change seen."""
        following: str | None = None
        trail = self._pager.trail()
        while True:
            page = self._page(repository, since) if following is None else self._pager.follow(following)
            records, rejected = page.records("work_item", repository, words.ISSUE)
            crowds.watch(records)
            newest = max((utc for record in records if (utc := record.updated_at)), default=None)
            yield self._portion(repository, records, rejected, _safe(newest or since, last, crowds))
            if page.next is None or (last is not None and newest is not None and newest > last):
                return newest or since
            if newest is not None and (since is None or newest > since):
                since, following = newest, None
                continue
            # No time has passed on this page, or none can be read: only its own next page leads on.
            if since is not None:
                crowds.add(records, since)
            following = trail.onwards(page.next)

    def _page(self, repository: Repository, since: datetime | None) -> Page:
        params = {"state": "all", "sort": "updated", "direction": "asc"}
        if since is not None:
            params["since"] = since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        # 410: the repository's issues are switched off.
        return self._pager.start(f"/repositories/{repository.id}/issues", params, empty=(410,))

    def _portion(
        self, repository: Repository, records: Sequence[IssueRecord], rejected: Sequence[Rejected], mark: IssueMark
    ) -> Portion[IssueMark]:
        entities: list[WorkItem] = []
        slots: list[Reading] = []
        for record in records:
            if record.pull_request is not None:
                self._named.add(repository, record)
                continue
            entity, readings = self._translation.work_item(record, repository)
            entities.append(entity)
            slots.extend(readings)
        return Portion(mark, entities, slots, rejected)


def _safe(newest: datetime | None, last: datetime | None, crowds: _Crowds) -> IssueMark:
    """A pull that is killed here must read again what is torn."""
    return IssueMark(min((moment for moment in (newest, last, *crowds.torn) if moment is not None), default=None))
