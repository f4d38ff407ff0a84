"""The whole of the pretended github.com: accounts and repositories by id and by name, and where old names lead."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from sandbox.github.code import Code
from sandbox.github.model import Label, User
from sandbox.github.tracker import Tracker

GHOST = "ghost"
"""The account that stands for every deleted one."""


@dataclass(slots=True, eq=False)
class Repository:
    """`forked_from` is the id of the repository that it is a fork of."""

    id: int
    owner: User
    name: str
    created_at: datetime
    updated_at: datetime
    pushed_at: datetime
    default_branch: str = "main"
    private: bool = False
    archived: bool = False
    has_issues: bool = True
    description: str | None = None
    forked_from: int | None = None
    code: Code = field(default_factory=Code)
    tracker: Tracker = field(default_factory=Tracker)
    document: bytes | None = None

    @property
    def full_name(self) -> str:
        return f"{self.owner.login}/{self.name}"

    @property
    def head(self) -> str | None:
        """The sha of the default branch, None while the repository is empty."""
        return self.code.branches.get(self.default_branch)

    def changed(self, at: datetime) -> None:
        self.updated_at = max(self.updated_at, at)
        self.document = None

    def recount(self) -> None:
        """An issue came, went, closed or opened: that shows in the document, and is no update of the repository itself."""
        self.document = None

    def pushed(self, at: datetime) -> None:
        self.pushed_at = max(self.pushed_at, at)
        self.document = None

    def forget_documents(self) -> None:
        self.document = None
        self.tracker.forget_documents()
        for commit in self.code.commits.values():
            commit.document = None


class Site:
    """Names are looked up without regard to case. An old name leads to the repository until a new one takes it.

    `open_pulls` maps (id of the repository that holds the branch, branch) to the open pull requests from it, as (repository id,
    number).
    """

    def __init__(self) -> None:
        self.users: dict[str, User] = {}
        self.repositories: dict[int, Repository] = {}
        self.names: dict[str, int] = {}
        self.old_names: dict[str, int] = {}
        self.open_pulls: dict[tuple[int | None, str], set[tuple[int, int]]] = {}
        self._last_id = 1000

    def take_id(self) -> int:
        self._last_id += 1
        return self._last_id

    def user(self, login: str, at: datetime, kind: Literal["User", "Bot", "Organization"] = "User") -> User:
        """The account of that login, made when it is new."""
        key = login.lower()
        if key not in self.users:
            if not login or "/" in login:
                raise ValueError(f"{login!r} is no login")
            self.users[key] = User(self.take_id(), login, at, kind)
        return self.users[key]

    def find(self, full_name: str) -> Repository:
        """The repository that has, or had, this `owner/name`. Raises `LookupError`."""
        key = full_name.lower()
        ident = self.names.get(key) or self.old_names.get(key)
        if ident is None:
            raise LookupError(f"no repository {full_name}")
        return self.repositories[ident]

    def insert(self, repository: Repository) -> None:
        key = repository.full_name.lower()
        if key in self.names:
            raise ValueError(f"{repository.full_name} exists already")
        self.repositories[repository.id] = repository
        self.names[key] = repository.id
        self.old_names.pop(key, None)

    def move(self, repository: Repository, owner: User, name: str) -> None:
        """Gives it another owner or name; the old one redirects."""
        old, new = repository.full_name.lower(), f"{owner.login}/{name}".lower()
        if new != old and new in self.names:
            raise ValueError(f"{new} exists already")
        del self.names[old]
        self.old_names[old] = repository.id
        repository.owner, repository.name = owner, name
        self.names[new] = repository.id
        self.old_names.pop(new, None)
        for known in self.repositories.values():
            known.forget_documents()

    def remove(self, repository: Repository) -> None:
        del self.repositories[repository.id]
        self.names = {name: ident for name, ident in self.names.items() if ident != repository.id}
        self.old_names = {name: ident for name, ident in self.old_names.items() if ident != repository.id}
        for known in self.repositories.values():
            _forget_head(known, repository.id)

    def label(self, repository: Repository, name: str, color: str = "ededed", description: str | None = None) -> Label:
        """The repository's label of that name, made when it is new."""
        key = name.lower()
        labels = repository.tracker.labels
        if key not in labels:
            repository.tracker.define_label(Label(self.take_id(), name, color.lower(), description))
        return labels[key]


def _forget_head(repository: Repository, gone: int) -> None:
    """Pull requests outlive the fork that they came from."""
    for issue in repository.tracker.pulls():
        if issue.pull and issue.pull.head_repository == gone:
            issue.pull.head_repository = None
            issue.forget_documents()
