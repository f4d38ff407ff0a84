"""The tables of a site, the one way to commit a new version of an issue, and the search index that may lag behind it."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import count
from typing import Any, TypeAlias, TypeVar
from zoneinfo import ZoneInfo

import msgspec

from sandbox.jira import catalogue, rich_text
from sandbox.jira.model import Component, Field, Issue, IssueType, LinkType, Option, Priority, Project, Status, Task, User, Version
from sandbox.jira.search_index import SearchIndex

Changed: TypeAlias = Issue | Version | Project
Named = TypeVar("Named", Status, IssueType, Priority, Component, Version, LinkType, User, Project, Field)


class State:
    """What the site knows. Everything here is called under `lock`.

    Settings that worlds and tests may change: `user`, `token` (the account's credentials), `time_zone` (the account's; None hides
    it, then `server_time_zone` counts), `permissions` (keys of `catalogue.PERMISSIONS`), `lag` (seconds until search sees a write;
    infinity means until `index()`), `bulk_seconds` (how long a bulk edit takes), `explains_missing` (bulkfetch lists what it left
    out in `issueErrors`; the real service does not always).
    """

    def __init__(self, *, now: Callable[[], datetime], url: Callable[[], str], lock: threading.RLock) -> None:
        self.now = now
        self.site = url
        self.lock = lock
        self.user = "bot@example.com"
        self.token = "example-token"  # noqa: S105 - the stand-in's own, known to every test
        self.cloud_id = "11111111-2222-4333-8444-555555555555"
        self.account = User("5b10ac8d82e05b22cc7d4ef5", "Milepost Bot")
        self.time_zone: str | None = "UTC"
        self.server_time_zone = "UTC"
        self.permissions = set(catalogue.PERMISSIONS) - {"ADMINISTER", "ADMINISTER_PROJECTS"}
        self.lag = 0.0
        self.bulk_seconds = 0.0
        self.explains_missing = False

        self.users: dict[str, User] = {self.account.account_id: self.account}
        self.types = {entry.id: entry for entry in catalogue.ISSUE_TYPES}
        self.statuses = {entry.id: entry for entry in catalogue.STATUSES}
        self.priorities = {entry.id: entry for entry in catalogue.PRIORITIES}
        self.link_types = {entry.id: entry for entry in catalogue.LINK_TYPES}
        self.fields = {entry.id: entry for entry in catalogue.SYSTEM_FIELDS}
        self.projects: dict[int, Project] = {}
        self.components: dict[str, Component] = {}
        self.versions: dict[str, Version] = {}
        self.issues: dict[int, Issue] = {}
        self.withheld: dict[str, Issue] = {}
        self.keys: dict[str, int] = {}
        """Every key that ever named an issue: a moved issue is still found by its old one."""
        self.tasks: dict[str, Task] = {}
        self.observers: list[Callable[[Changed | None, Changed | None], None]] = []
        """Told what something was and what it is now, None where it was or is not there."""
        self.searchable = SearchIndex()
        self._unindexed: deque[tuple[float, int, Issue | None]] = deque()
        self._numbers: dict[int, Iterator[int]] = {}
        self._ids = count(10001)

    # -- how this deployment writes things down --------------------------------------------------------------------------

    api = "/rest/api/3"

    def rich_text(self, text: str) -> Any:
        return rich_text.document(text)

    def checked_text(self, raw: Any) -> Any:
        """A text of several lines as a client sends it, in the internal form. Raises `TextError`."""
        return rich_text.checked_document(raw)

    def user_named(self, raw: Mapping[str, Any]) -> str | None:
        """The account that a client's JSON names."""
        ident = raw.get("accountId", raw.get("id"))
        return ident if ident in self.users else None

    # -- looking up ----------------------------------------------------------------------------------------------------

    def next_id(self) -> int:
        return next(self._ids)

    def next_number(self, project: Project) -> int:
        return next(self._numbers.setdefault(project.id, count(1)))

    def stamp(self) -> datetime:
        """Now, as exactly as Jira keeps it: milliseconds."""
        return in_millis(self.now())

    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone or self.server_time_zone)

    def issue(self, id_or_key: str) -> Issue | None:
        """By id, key (any case) or a key that it had before it was moved."""
        if id_or_key.isdecimal() and (found := self.issues.get(int(id_or_key))):
            return found
        ident = self.keys.get(id_or_key.upper())
        return None if ident is None else self.issues.get(ident)

    def visible_issue(self, id_or_key: str) -> Issue | None:
        issue = self.issue(id_or_key)
        return issue if issue is not None and self.sees(self.projects[issue.project]) else None

    def project(self, id_or_key: str) -> Project | None:
        for project in self.projects.values():
            if id_or_key.upper() == project.key or id_or_key == str(project.id):
                return project
        return None

    def sees(self, project: Project) -> bool:
        return not project.hidden and "BROWSE_PROJECTS" in self.permissions

    def may(self, permission: str, project: Project | None = None) -> bool:
        if permission not in self.permissions:
            return False
        return project is None or (self.sees(project) and permission not in project.denied)

    def editable(self, issue: Issue) -> bool:
        project = self.projects[issue.project]
        return not (issue.archived or issue.locked or project.archived) and self.may("EDIT_ISSUES", project)

    def option(self, field: Field, option_id: str) -> Option | None:
        return next((option for option in field.options if option.id == option_id), None)

    # -- committing ----------------------------------------------------------------------------------------------------

    def commit(self, issue: Issue) -> Issue:
        """Makes this version the issue's current one, and lets search see it now or `lag` seconds later."""
        before = self.issues.get(issue.id)
        self.show(issue)
        self.tell(before, issue)
        return issue

    def forget(self, issue: Issue) -> None:
        """The issue is deleted."""
        self.conceal(issue)
        self.tell(issue, None)

    def show(self, issue: Issue) -> None:
        """As `commit`, and nobody is told."""
        self.issues[issue.id] = issue
        self.keys[issue.key.upper()] = issue.id
        self._announce(issue.id, issue)

    def conceal(self, issue: Issue) -> None:
        """As `forget`, and nobody is told."""
        del self.issues[issue.id]
        self._announce(issue.id, None)

    def tell(self, before: Changed | None, after: Changed | None) -> None:
        for observer in self.observers:
            observer(before, after)

    def touched(self, issue: Issue, **changes: object) -> Issue:
        """A new version with these attributes and a new `updated`."""
        return self.commit(msgspec.structs.replace(issue, updated=self.stamp(), **changes))

    def index(self) -> None:
        """Lets search see everything that has been written."""
        with self.lock:
            while self._unindexed:
                self._enter(*self._unindexed.popleft()[1:])

    def index_due(self) -> None:
        """Lets search see what has been written more than `lag` seconds ago."""
        now = self.now().timestamp()
        waiting: deque[tuple[float, int, Issue | None]] = deque()
        for due, ident, issue in self._unindexed:
            if due <= now:
                self._enter(ident, issue)
            else:
                waiting.append((due, ident, issue))
        self._unindexed = waiting

    @contextmanager
    def reconciled(self, idents: Collection[int]) -> Iterator[None]:
        """Meanwhile search sees these issues as they are. What the index itself lacks, it lacks again afterwards."""
        indexed = {ident: self.searchable.issues.get(ident) for ident in idents}
        for ident in indexed:
            self._enter(ident, self.issues.get(ident))
        try:
            yield
        finally:
            for ident, issue in indexed.items():
                self._enter(ident, issue)

    def _announce(self, ident: int, issue: Issue | None) -> None:
        if self.lag > 0:
            self._unindexed.append((self.now().timestamp() + self.lag, ident, issue))
        else:
            self.index()
            self._enter(ident, issue)

    def _enter(self, ident: int, issue: Issue | None) -> None:
        if issue is None:
            self.searchable.remove(ident)
        else:
            self.searchable.put(issue)


def named(entries: dict[str, Named], name: str) -> Named | None:
    """By id or by name, in any case."""
    if name in entries:
        return entries[name]
    return next((entry for entry in entries.values() if entry.name.casefold() == name.casefold()), None)


def in_millis(moment: datetime) -> datetime:
    return moment - timedelta(microseconds=moment.microsecond % 1000)
