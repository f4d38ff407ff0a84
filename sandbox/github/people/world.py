"""What all doings of people rest on: the state, its lock and its clock."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime

from sandbox.github.access import Access
from sandbox.github.document import whole_seconds
from sandbox.github.happenings import Happenings
from sandbox.github.model import Issue, Pull, User
from sandbox.github.site import Repository, Site


class World:
    """Base of the doings. `at` defaults to the stand-in's clock; repositories are named `owner/name`; unknown ones raise
    `LookupError`. Accounts are made when they are first named."""

    site: Site
    access: Access
    happenings: Happenings
    lock: threading.RLock
    clock: Callable[[], datetime]

    def now(self, at: datetime | None = None) -> datetime:
        return whole_seconds(at or self.clock())

    def _issue(self, repo: str, number: int) -> tuple[Repository, Issue]:
        repository = self.site.find(repo)
        if number not in repository.tracker.issues:
            raise LookupError(f"no {repo}#{number}")
        return repository, repository.tracker.issues[number]

    def _pull(self, repo: str, number: int) -> tuple[Repository, Issue, Pull]:
        repository, issue = self._issue(repo, number)
        if issue.pull is None:
            raise LookupError(f"{repo}#{number} is no pull request")
        return repository, issue, issue.pull

    def _author(self, repository: Repository, login: str | None, at: datetime) -> User:
        return self.site.user(login, at) if login else repository.owner
