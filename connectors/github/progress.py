"""How far a pull has come: the durable cursor of one stream over all repositories of a scope."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Generic, Protocol, TypeVar

import msgspec

from mappings.change import Reading
from mappings.decoding import decode_as
from mappings.github_records import Repository
from mappings.model import Entity, Rejected


class IssueMark(msgspec.Struct, frozen=True, omit_defaults=True):
    """All issues that were last updated before `since` are known."""

    since: datetime | None = None


class PullMark(msgspec.Struct, frozen=True, omit_defaults=True):
    """All pull requests that were last updated before `floor` are known.

    A walk from the newest down that has not ended began at `top` and goes on at `next`.
    """

    floor: datetime | None = None
    top: datetime | None = None
    next: str | None = None


class CommitMark(msgspec.Struct, frozen=True, omit_defaults=True):
    """All commits below `head` of `branch` are known; while `next` is set, only those above that page.

    `pushed_at` is the repository's when it had no newer head, and None when that was not certain; `checked_at` is when the head was
    last asked for.
    """

    head: str | None = None
    branch: str | None = None
    pushed_at: str | None = None
    checked_at: datetime | None = None
    next: str | None = None


M = TypeVar("M", IssueMark, PullMark, CommitMark)


class Portion(msgspec.Struct, Generic[M], frozen=True):
    """One page of one repository, and the mark that is true once it is stored."""

    mark: M
    entities: Sequence[Entity] = ()
    slots: Sequence[Reading] = ()
    rejected: Sequence[Rejected] = ()


class Stream(Protocol[M]):
    """Reads one repository from a mark on; `fresh` is the mark of a repository that was never read."""

    def fresh(self) -> M: ...

    def restore(self, cursor: str | None) -> Progress[M]: ...

    def read(self, repository: Repository, mark: M) -> Iterator[Portion[M]]: ...


class Progress(msgspec.Struct, Generic[M], omit_defaults=True):
    """`at` holds a mark for each repository by its id. During a full pull, `sweeping` is set and `swept` names those that are done:
    so a killed full pull goes on where it was, and still ends as one."""

    at: dict[str, M] = {}
    sweeping: bool = False
    swept: list[str] = []

    def encode(self) -> str:
        return msgspec.json.encode(self).decode()


def restore(kind: type[Progress[M]], cursor: str | None) -> Progress[M]:
    """The progress that `cursor` tells; a new full pull without one, or when it is not of this version."""
    if cursor is not None:
        try:
            return decode_as(cursor, kind)
        except msgspec.DecodeError:
            pass
    return kind(sweeping=True)
