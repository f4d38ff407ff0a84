"""What the GitHub stand-in remembers: accounts, repositories and what is in them. Times are UTC, in whole seconds."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, TypeAlias

import msgspec

from sandbox.github.document import Document

Role: TypeAlias = Literal["read", "triage", "write", "maintain", "admin"]
MergeMethod: TypeAlias = Literal["merge", "squash", "rebase"]
ROLES: tuple[Role, ...] = ("read", "triage", "write", "maintain", "admin")


@dataclass(slots=True, eq=False)
class User:
    """A person, bot or organization. `name` is for display, `gone` marks a deleted account."""

    id: int
    login: str
    created_at: datetime
    kind: Literal["User", "Bot", "Organization"] = "User"
    name: str | None = None
    gone: bool = False
    document: msgspec.Raw | None = None


@dataclass(slots=True, eq=False)
class Label:
    """One label of a repository. `color` is six hex digits without a number sign."""

    id: int
    name: str
    color: str
    description: str | None = None


@dataclass(slots=True, eq=False)
class Milestone:
    id: int
    number: int
    title: str
    creator: User
    created_at: datetime
    updated_at: datetime
    description: str | None = None
    due_on: datetime | None = None
    closed_at: datetime | None = None
    open_issues: int = 0
    closed_issues: int = 0

    @property
    def state(self) -> str:
        return "closed" if self.closed_at else "open"


@dataclass(slots=True, eq=False)
class Comment:
    id: int
    body: str
    author: User
    created_at: datetime
    updated_at: datetime


@dataclass(slots=True, eq=False)
class Pull:
    """What a pull request has beyond its issue. `head_repository` is None once the fork it came from is deleted.

    `commits` are oldest first; they are what the branch holds beyond the base while the pull request is open, and stay as they
    were when it is merged or closed.
    """

    id: int
    branch: str
    head_sha: str
    base: str
    base_sha: str
    head_repository: int | None
    head_owner: User
    draft: bool = False
    commits: tuple[str, ...] = ()
    merged_at: datetime | None = None
    merge_sha: str | None = None
    merged_by: User | None = None
    document: Document | None = None


@dataclass(slots=True, eq=False)
class Issue:
    """An issue, or (with `pull`) a pull request: both are numbered together and share labels, comments and milestone.

    `labels` is keyed by the lower-case name, in the order in which they were added. `document` is its encoded form.
    """

    id: int
    number: int
    title: str
    author: User
    created_at: datetime
    updated_at: datetime
    body: str | None = None
    labels: dict[str, Label] = field(default_factory=dict)
    assignees: list[User] = field(default_factory=list)
    milestone: Milestone | None = None
    comments: list[Comment] = field(default_factory=list)
    state_reason: str | None = None
    closed_at: datetime | None = None
    closed_by: User | None = None
    locked: bool = False
    lock_reason: str | None = None
    pull: Pull | None = None
    document: Document | None = None

    @property
    def state(self) -> str:
        return "closed" if self.closed_at else "open"

    def forget_documents(self) -> None:
        self.document = None
        if self.pull:
            self.pull.document = None


@dataclass(slots=True, eq=False)
class Commit:
    """A git commit. `depth` is one more than its deepest parent's, so that a parent always lies below its children.

    `login` is the account that GitHub matches by e-mail address, `files` are the paths it changed.
    """

    sha: str
    tree: str
    parents: tuple[str, ...]
    message: str
    name: str
    email: str
    login: str | None
    authored_at: datetime
    committed_at: datetime
    files: tuple[str, ...]
    depth: int
    document: Document | None = None
