"""GitHub's records as they come: typed, decoded one by one, and quarantined where they cannot be.

Shapes: GitHub's own OpenAPI description (`issue`, `pull-request-simple`, `commit`, …). Reading is lenient where GitHub is (a
deleted account, a deleted fork, no body, labels as plain strings) and strict where a wrong value would identify the wrong thing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, TypeAlias, TypeVar

import msgspec

from mappings.decoding import decoder_for
from mappings.model import Rejected
from mappings.redaction import redacted

Id: TypeAlias = Annotated[int, msgspec.Meta(ge=1)]
Sha: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^(?:[0-9a-f]{40}|[0-9a-f]{64})$")]
Row: TypeAlias = bytes | msgspec.Raw
R = TypeVar("R")


class _Record(msgspec.Struct, gc=False):
    pass


class User(_Record):
    """Null for a deleted account; a commit's may also be an empty object."""

    login: str | None = None


class LabelStub(_Record):
    """A label as an issue has it; of old records, all but the name may be missing."""

    name: str | None = None


class LabelRecord(_Record):
    id: Id
    name: Annotated[str, msgspec.Meta(min_length=1)]
    color: str | None = None
    description: str | None = None
    url: str | None = None


AnyLabel: TypeAlias = LabelStub | str | None


class Repository(_Record):
    """`pushed_at` is kept as GitHub wrote it: it is compared, not computed with."""

    id: Id
    full_name: Annotated[str, msgspec.Meta(pattern=r"^[^/]+/[^/]+$")]
    default_branch: str | None = None
    archived: bool = False
    disabled: bool = False
    pushed_at: str | None = None
    permissions: dict[str, bool] | None = None


class IssueType(_Record):
    name: str | None = None


class MilestoneStub(_Record):
    number: Id


class PullStub(_Record):
    """What an issue row has instead of a pull request's fields: that it is one."""


class IssueRecord(_Record):
    """An issue, or what `/issues` says of a pull request: then `pull_request` is there."""

    number: Id
    title: str | None = None
    body: str | None = None
    state: str | None = None
    state_reason: str | None = None
    html_url: str | None = None
    repository_url: str | None = None
    parent_issue_url: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    closed_at: datetime | None = None
    labels: Sequence[AnyLabel] | None = None
    assignee: User | None = None
    assignees: Sequence[User | None] | None = None
    milestone: MilestoneStub | None = None
    type: IssueType | None = None
    pull_request: PullStub | None = None


class HeadRepository(_Record):
    id: int | None = None


class Head(_Record):
    """Where a pull request comes from. `repo` is null when the fork was deleted."""

    ref: str | None = None
    sha: str | None = None
    repo: HeadRepository | None = None


class Base(_Record):
    """Where a pull request goes to: the repository that it belongs to."""

    repo: Repository
    ref: str | None = None


class PullRecord(_Record):
    number: Id
    base: Base
    head: Head | None = None
    title: str | None = None
    body: str | None = None
    state: str | None = None
    draft: bool | None = None
    html_url: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    merged_at: datetime | None = None
    closed_at: datetime | None = None
    merge_commit_sha: str | None = None
    labels: Sequence[AnyLabel] | None = None
    user: User | None = None


class GitUser(_Record):
    """Who a commit names. Its date is text: git keeps dates that are none."""

    name: str | None = None
    email: str | None = None
    date: str | None = None


class GitCommit(_Record):
    message: str | None = None
    author: GitUser | None = None
    committer: GitUser | None = None


class ParentRecord(_Record):
    sha: str | None = None


class CommitRecord(_Record):
    sha: Sha
    commit: GitCommit | None = None
    parents: Sequence[ParentRecord] | None = None
    author: User | None = None
    html_url: str | None = None


class MilestoneRecord(_Record):
    number: Id
    title: str | None = None
    state: str | None = None
    html_url: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    due_on: datetime | None = None


def split_page(page: bytes) -> Sequence[Row]:
    """The records of a JSON array, undecoded. Raises `ValueError` when the page is none.

    One record's impossible text (half a surrogate pair, a raw control character) must not cost its neighbours: such a page is taken
    apart by a more lenient parser, and only that record fails later.
    """
    try:
        return _PAGE.decode(page)
    except msgspec.ValidationError:
        raise
    except (msgspec.DecodeError, UnicodeDecodeError):
        rows = json.loads(page.decode("utf-8", "surrogateescape"), strict=False)
    if not isinstance(rows, list):
        raise ValueError("the page is no array")  # noqa: TRY004 - its content is wrong, not the caller's type
    return [json.dumps(row).encode() for row in rows]


def read_record(decoder: msgspec.json.Decoder[R], raw: Row) -> R:
    """The record that `decoder` types. Raises `msgspec.DecodeError`."""
    try:
        return decoder.decode(raw)
    except UnicodeDecodeError as error:
        raise msgspec.DecodeError("text that is no UTF-8") from error
    except RecursionError as error:
        raise msgspec.DecodeError("nested too deeply") from error


def rejected(kind: str, repository: Repository, raw: Row, error: Exception) -> Rejected:
    """The record as quarantine keeps it. Its id is the entity's own where the payload says it, else made of the payload."""
    payload = redacted(bytes(raw))
    return Rejected(kind=kind, id=f"{repository.id}/{_identity(payload)}", reason=str(error), payload=payload)


def _identity(payload: bytes) -> str:
    try:
        record: Any = json.loads(payload.decode("utf-8", "replace"), strict=False)
    except (ValueError, RecursionError):
        record = None
    if isinstance(record, dict):
        for name in ("number", "sha", "id"):
            value = record.get(name)
            if isinstance(value, int | str) and 0 < len(str(value)) <= 64:
                return str(value)
    return f"unreadable-{hashlib.sha256(payload).hexdigest()[:16]}"


_PAGE = decoder_for(list[msgspec.Raw])
ISSUE = decoder_for(IssueRecord)
PULL = decoder_for(PullRecord)
COMMIT = decoder_for(CommitRecord)
MILESTONE = decoder_for(MilestoneRecord)
LABEL = decoder_for(LabelRecord)
REPOSITORY = decoder_for(Repository)
REPOSITORIES = decoder_for(list[Repository])
