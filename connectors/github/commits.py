"""The commits of a repository's default branch: all of them once, then what each new head adds.

GitHub's `since` looks at the dates that commits carry, and an old commit can be pushed later; two heads can be compared. A
repository that was not pushed to since its head was read needs no request of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import quote

import httpx
import msgspec

from connectors.github.paging import PER_PAGE, Pager, Trail, read_rows
from connectors.github.progress import CommitMark, Portion, Progress, restore
from connectors.http import Client, decode
from mappings import github_records as words
from mappings.decoding import decoder_for
from mappings.github import Translation
from mappings.github_records import CommitRecord, Repository
from mappings.model import Rejected

SETTLED = timedelta(seconds=10)
"""`pushed_at` has whole seconds: it is trusted only if the head was read this much later."""

TRUSTED_FOR = timedelta(hours=6)
"""After which the head is asked for even if nothing seems to have been pushed."""


class _Comparison(msgspec.Struct):
    status: str
    commits: list[msgspec.Raw] = []
    merge_base_commit: CommitRecord | None = None


class _Step(msgspec.Struct):
    """One page of a comparison, and what leads to the next."""

    response: httpx.Response
    comparison: _Comparison
    next: str | None


_COMPARISON = decoder_for(_Comparison)


class Commits:
    def __init__(self, source: str, client: Client, pager: Pager, translation: Translation) -> None:
        self._source = source
        self._client = client
        self._pager = pager
        self._translation = translation

    def fresh(self) -> CommitMark:
        return CommitMark()

    def restore(self, cursor: str | None) -> Progress[CommitMark]:
        return restore(Progress[CommitMark], cursor)

    def read(self, repository: Repository, mark: CommitMark) -> Iterator[Portion[CommitMark]]:
        if mark.head is None or mark.next is not None:
            yield from self._history(repository, mark)
        elif not _is_quiet(repository, mark):
            yield from self._since(repository, mark, mark.head)

    # -- everything -----------------------------------------------------------------------------------------------------------

    def _history(self, repository: Repository, mark: CommitMark) -> Iterator[Portion[CommitMark]]:
        """All pages are asked for by the sha that was the head of the first: what is pushed meanwhile moves none of them."""
        response = None
        if mark.next is not None:
            response = self._client.get(mark.next, accept=(200, 404, 409, 422))
        if response is None or response.status_code != 200:
            # Nothing was read yet, or the history that was being read is gone.
            mark = CommitMark()
            response = self._first_page(repository)
        trail = self._pager.trail()
        while response.status_code == 200:
            page = self._pager.page(response)
            records, rejected = page.records("commit", repository, words.COMMIT)
            if mark.head is None and records:
                mark = _mark(repository, records[0].sha, response)
            following = _pinned(page.next, mark.head) if page.next else None
            mark = msgspec.structs.replace(mark, next=following)
            yield self._portion(repository, mark, records, rejected, on_default_branch=True)
            if following is None:
                return
            response = self._client.get(trail.onwards(following))

    def _first_page(self, repository: Repository) -> httpx.Response:
        """409: the repository is empty."""
        params = {"sha": repository.default_branch} if repository.default_branch else {}
        return self._client.get(
            f"/repositories/{repository.id}/commits", params={**params, "per_page": PER_PAGE}, accept=(200, 409)
        )

    # -- what is new ----------------------------------------------------------------------------------------------------------

    def _since(self, repository: Repository, mark: CommitMark, head: str) -> Iterator[Portion[CommitMark]]:
        branch = repository.default_branch or "HEAD"
        step = self._compared(repository, head, branch)
        if step is None:
            yield from self._history(repository, CommitMark())
            return
        if step.comparison.status not in ("ahead", "identical"):
            yield from self._dropped(repository, mark, branch, head)
        # The last commit of all is the new head. Without any, the new head is an ancestor of the old one: their merge base.
        tip = step.comparison.merge_base_commit.sha if step.comparison.merge_base_commit else head
        trail = self._pager.trail()
        while step is not None:
            records, rejected = read_rows(step.comparison.commits, "commit", repository, words.COMMIT)
            tip = records[-1].sha if records else tip
            # Until the last page is stored, the old head is where a next pull begins.
            reached = mark if step.next else _mark(repository, tip, step.response)
            yield self._portion(repository, reached, records, rejected, on_default_branch=True)
            step = self._next(step, trail)

    def _dropped(self, repository: Repository, mark: CommitMark, branch: str, head: str) -> Iterator[Portion[CommitMark]]:
        """After a forced push: what the branch held, and holds no more."""
        step = self._compared(repository, branch, head)
        trail = self._pager.trail()
        while step is not None:
            records, rejected = read_rows(step.comparison.commits, "commit", repository, words.COMMIT)
            yield self._portion(repository, mark, records, rejected, on_default_branch=False)
            step = self._next(step, trail)

    def _compared(self, repository: Repository, base: str, head: str) -> _Step | None:
        """None when GitHub finds no way from one to the other, as after a forced push whose old head is gone."""
        basehead = f"{quote(base, safe='')}...{quote(head, safe='')}"
        response = self._client.get(
            f"/repositories/{repository.id}/compare/{basehead}", params={"per_page": PER_PAGE}, accept=(200, 404, 422)
        )
        return self._step(response) if response.status_code == 200 else None

    def _next(self, step: _Step, trail: Trail) -> _Step | None:
        return self._step(self._client.get(trail.onwards(step.next))) if step.next else None

    def _step(self, response: httpx.Response) -> _Step:
        return _Step(response, decode(self._source, response, _COMPARISON), self._pager.next(response))

    def _portion(
        self,
        repository: Repository,
        mark: CommitMark,
        records: Sequence[CommitRecord],
        rejected: Sequence[Rejected],
        *,
        on_default_branch: bool,
    ) -> Portion[CommitMark]:
        entities = [self._translation.commit(record, repository, on_default_branch=on_default_branch) for record in records]
        return Portion(mark, entities, (), rejected)


def _pinned(following: str, head: str | None) -> str:
    return str(httpx.URL(following).copy_set_param("sha", head)) if head else following


def _mark(repository: Repository, head: str, response: httpx.Response) -> CommitMark:
    """The mark after this answer showed `head`."""
    return CommitMark(
        head=head,
        branch=repository.default_branch,
        pushed_at=repository.pushed_at if _is_settled(repository.pushed_at, response.headers.get("date")) else None,
        checked_at=datetime.now(UTC),
    )


def _is_settled(pushed_at: str | None, answered_at: str | None) -> bool:
    if not pushed_at or not answered_at:
        return False
    try:
        return parsedate_to_datetime(answered_at) - datetime.fromisoformat(pushed_at) >= SETTLED
    except (ValueError, TypeError):
        return False


def _is_quiet(repository: Repository, mark: CommitMark) -> bool:
    if mark.pushed_at is None or mark.checked_at is None:
        return False
    age = datetime.now(UTC) - mark.checked_at
    return (mark.pushed_at, mark.branch) == (repository.pushed_at, repository.default_branch) and timedelta(0) <= age < TRUSTED_FOR
