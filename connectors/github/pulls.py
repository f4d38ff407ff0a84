"""The pull requests of a repository, newest change first, down to what is known.

The listing has no `since`. In this order a change under way moves other records down, never up: some are read twice and none is
lost, except the one that changed, which is now on top. A first, full walk therefore ends with a look at what has come on top since
it began; a later walk leaves that to the one after it.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence

from connectors.github.issues import OVERLAP, Named
from connectors.github.paging import Page, Pager, read_rows
from connectors.github.progress import Portion, Progress, PullMark, restore
from connectors.http import Client
from mappings import github_records as words
from mappings.change import Reading
from mappings.github import Translation
from mappings.github_records import PullRecord, Repository
from mappings.model import ChangeRequest, Rejected


class Pulls:
    def __init__(self, client: Client, pager: Pager, translation: Translation, named: Named) -> None:
        self._client = client
        self._pager = pager
        self._translation = translation
        self._named = named

    def fresh(self) -> PullMark:
        return PullMark()

    def restore(self, cursor: str | None) -> Progress[PullMark]:
        return restore(Progress[PullMark], cursor)

    def read(self, repository: Repository, mark: PullMark) -> Iterator[Portion[PullMark]]:
        floor = mark.floor
        seen: set[int] = set()
        resumed = mark.next is not None
        mark, pages = yield from self._walk(repository, mark, seen)
        if floor is None and (resumed or pages > 1):
            mark, _ = yield from self._walk(repository, mark, seen)
        yield from self._named_by_issues(repository, mark, self._named.take(repository, floor) - seen)

    def _walk(
        self, repository: Repository, mark: PullMark, seen: set[int]
    ) -> Generator[Portion[PullMark], None, tuple[PullMark, int]]:
        """Ends with a mark whose floor is what was on top when the walk began, and the number of pages."""
        floor, top = mark.floor, mark.top
        limit = floor - OVERLAP if floor else None
        pages = 0
        trail = self._pager.trail()
        page = self._pager.follow(mark.next) if mark.next else self._top(repository)
        while True:
            pages += 1
            records, rejected = page.records("change_request", repository, words.PULL)
            seen.update(record.number for record in records)
            moments = [record.updated_at for record in records if record.updated_at is not None]
            top = top or max(moments, default=None)
            ends = page.next is None or (limit is not None and any(moment < limit for moment in moments))
            mark = PullMark(floor=top or floor) if ends else PullMark(floor, top, page.next)
            news = [record for record in records if limit is None or record.updated_at is None or record.updated_at >= limit]
            yield self._portion(mark, news, rejected)
            if ends or page.next is None:
                return mark, pages
            page = self._pager.follow(trail.onwards(page.next))

    def _top(self, repository: Repository) -> Page:
        return self._pager.start(f"/repositories/{repository.id}/pulls", {"state": "all", "sort": "updated", "direction": "desc"})

    def _named_by_issues(self, repository: Repository, mark: PullMark, numbers: set[int]) -> Iterator[Portion[PullMark]]:
        """What the issue listing said has changed, and this one did not show."""
        for number in sorted(numbers):
            response = self._client.get(f"/repositories/{repository.id}/pulls/{number}", accept=(200, 404))
            if response.status_code == 200:
                records, rejected = read_rows([response.content], "change_request", repository, words.PULL)
                yield self._portion(mark, records, rejected)

    def _portion(self, mark: PullMark, records: Sequence[PullRecord], rejected: Sequence[Rejected]) -> Portion[PullMark]:
        entities: list[ChangeRequest] = []
        slots: list[Reading] = []
        for record in records:
            entity, readings = self._translation.change_request(record)
            entities.append(entity)
            slots.extend(readings)
        return Portion(mark, entities, slots, rejected)
