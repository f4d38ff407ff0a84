"""What a Jira site holds. Every value is frozen: a change makes a new version, so that a lagging index can keep the old one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Literal

import msgspec


class User(msgspec.Struct, frozen=True):
    account_id: str
    name: str
    active: bool = True


class Status(msgspec.Struct, frozen=True):
    """`category` is Jira's key: `new`, `indeterminate`, `done`."""

    id: str
    name: str
    category: Literal["new", "indeterminate", "done"]


class IssueType(msgspec.Struct, frozen=True):
    id: str
    name: str
    level: int = 0
    """1: epic, 0: standard, -1: sub-task."""


class Priority(msgspec.Struct, frozen=True):
    id: str
    name: str


class LinkType(msgspec.Struct, frozen=True):
    id: str
    name: str
    inward: str
    outward: str


class Component(msgspec.Struct, frozen=True):
    id: str
    name: str
    project: int


class Version(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str
    project: int
    description: str = ""
    released: bool = False
    archived: bool = False
    start: date | None = None
    release: date | None = None


class Project(msgspec.Struct, frozen=True, kw_only=True):
    """`hidden` takes the account's Browse permission away, `denied` the named project permissions."""

    id: int
    key: str
    name: str
    lead: str
    hidden: bool = False
    archived: bool = False
    denied: frozenset[str] = frozenset()


class Option(msgspec.Struct, frozen=True):
    id: str
    value: str
    disabled: bool = False
    parent: str | None = None


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """A system or custom field. `attribute` is where an issue keeps a system field's value; custom ones live in `Issue.custom`.

    `screens` are the keys of the projects on whose edit screen the field is; None means all of them, for an `operations` that is
    not empty.
    """

    id: str
    name: str
    type: str
    items: str | None = None
    plugin: str | None = None
    attribute: str | None = None
    operations: tuple[str, ...] = ()
    navigable: bool = True
    orderable: bool = True
    clauses: tuple[str, ...] = ()
    options: tuple[Option, ...] = ()
    screens: frozenset[str] | None = None
    required: bool = False

    @property
    def custom(self) -> bool:
        return self.plugin is not None


class Link(msgspec.Struct, frozen=True):
    """`source` does to `target` what the type's outward text says: source *blocks* target."""

    id: str
    type: LinkType
    source: int
    target: int


class Comment(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    author: str
    body: Any
    created: datetime
    updated: datetime


class Issue(msgspec.Struct, frozen=True, kw_only=True):
    """One version of an issue. Ids stand for other objects; option fields hold option ids, user fields account ids."""

    id: int
    project: int
    number: int
    key: str
    type: str
    status: str
    reporter: str
    created: datetime
    updated: datetime
    category_changed: datetime
    summary: str = ""
    description: Any = None
    priority: str | None = None
    assignee: str | None = None
    labels: tuple[str, ...] = ()
    components: tuple[str, ...] = ()
    fix_versions: tuple[str, ...] = ()
    parent: int | None = None
    due: date | None = None
    resolved: datetime | None = None
    custom: Mapping[str, Any] = {}
    links: tuple[Link, ...] = ()
    comments: tuple[Comment, ...] = ()
    properties: Mapping[str, Any] = {}
    archived: bool = False
    locked: bool = False


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """A bulk edit: what it sets, on which issues, and, once it has run, what became of them."""

    id: str
    created: datetime
    issues: tuple[str, ...]
    edits: tuple[Edit, ...]
    finished: datetime | None = None
    processed: tuple[int, ...] = ()
    failed: Mapping[str, list[str]] = {}
    inaccessible: int = 0


class Edit(msgspec.Struct, frozen=True):
    """One verb on one field: `set`, `add` or `remove` of a value in the internal form."""

    field: str
    verb: Literal["set", "add", "remove"]
    value: Any
