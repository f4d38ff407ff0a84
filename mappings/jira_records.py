"""The shapes of Jira's records, and how one is read without costing its neighbours.

Shapes: Atlassian's OpenAPI description of REST API version 3 (`IssueBean`, `Version`, `FieldDetails`); version 2, of data centers,
differs in users and texts. What Jira may leave out or set to null may be so here.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, TypeAlias

import msgspec

from mappings.decoding import decoder_for
from mappings.model import Rejected
from mappings.redaction import redacted

Payload: TypeAlias = bytes | msgspec.Raw


class Untranslatable(ValueError):
    """This record makes no entity; the text says why, quoting nothing of it."""


class _Record(msgspec.Struct, gc=False):
    pass


class Named(_Record):
    name: str | None = None
    id: str | None = None


class StatusCategoryRecord(_Record):
    key: str | None = None


class StatusRecord(_Record):
    name: str | None = None
    statusCategory: StatusCategoryRecord | None = None  # noqa: N815 - Jira's spelling, as below


class ProjectStub(_Record):
    key: str | None = None
    archived: bool | None = None


class UserRecord(_Record):
    """`accountId` in the cloud, `key` and `name` in a data center."""

    accountId: str | None = None  # noqa: N815
    key: str | None = None
    name: str | None = None
    displayName: str | None = None  # noqa: N815


class IssueStub(_Record):
    id: str | None = None


class LinkTypeRecord(_Record):
    name: str | None = None
    inward: str | None = None
    outward: str | None = None


class LinkRecord(_Record):
    type: LinkTypeRecord | None = None
    inwardIssue: IssueStub | None = None  # noqa: N815
    outwardIssue: IssueStub | None = None  # noqa: N815


class VersionRecord(_Record):
    """A project's version, or an issue's reference to one: that has no project."""

    id: str
    name: str | None = None
    projectId: int | None = None  # noqa: N815
    releaseDate: str | None = None  # noqa: N815
    released: bool | None = None
    archived: bool | None = None


class SchemaRecord(_Record):
    type: str | None = None
    items: str | None = None
    custom: str | None = None


class FieldRecord(_Record):
    id: str
    name: str | None = None
    custom: bool | None = None
    schema: SchemaRecord | None = None


class SystemFields(_Record):
    """The system fields. A translation adds the custom fields that it was made for."""

    summary: str | None = None
    description: Any = None
    issuetype: Named | None = None
    project: ProjectStub | None = None
    status: StatusRecord | None = None
    labels: list[str] | None = None
    components: list[Named] | None = None
    assignee: UserRecord | None = None
    parent: IssueStub | None = None
    issuelinks: list[LinkRecord] | None = None
    duedate: str | None = None
    fixVersions: list[VersionRecord] | None = None  # noqa: N815
    created: datetime | None = None
    updated: datetime | None = None
    resolutiondate: datetime | None = None
    statuscategorychangedate: datetime | None = None
    priority: Named | None = None
    resolution: Named | None = None
    archiveddate: Any = None


@lru_cache(maxsize=64)
def issue_shape(extra: tuple[str, ...]) -> type[msgspec.Struct]:
    """The record's type with the extra fields typed in: one pass of the decoder reads all that is asked for, and skips the rest."""
    fields = msgspec.defstruct("_IssueFields", [(ident, Any, None) for ident in extra], bases=(SystemFields,), gc=False)
    return msgspec.defstruct(
        "_Issue",
        [("id", str), ("key", str), ("fields", fields), ("properties", dict[str, Any] | None, None)],
        bases=(_Record,),
        gc=False,
    )


def split_records(page: bytes, name: str) -> tuple[Sequence[Payload], Mapping[str, Any]]:
    """The records below `name` of a page, undecoded, and the rest of the page. Raises `ValueError` when there are none to be had.

    One record's impossible text (half a surrogate pair) must not cost its neighbours: such a page is taken apart by this more
    lenient parser, and only that record fails later.
    """
    document = json.loads(page.decode("utf-8", "surrogateescape"), strict=False)
    rows = document.pop(name, None) if isinstance(document, dict) else None
    if not isinstance(rows, list):
        raise ValueError(f"no list of {name}")  # noqa: TRY004 - its content is wrong, not the caller's type
    return [json.dumps(row).encode() for row in rows], document


def read_record(decoder: msgspec.json.Decoder[Any], payload: Payload) -> Any:
    """The record that `decoder` types. Raises `Untranslatable`.

    NUL is valid JSON, but no database's text: it is taken out.
    """
    text = bytes(payload)
    # One character is looked for ten times as fast as six, and most records have none.
    if b"\\" in text and b"\\u0000" in text:
        text = _NUL.sub(rb"\1", text)
    try:
        return decoder.decode(text)
    except msgspec.ValidationError as error:
        raise Untranslatable(_without_values(str(error))) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Untranslatable("text that is no valid JSON") from error
    except RecursionError as error:
        raise Untranslatable("nested too deeply") from error


def rejected(payload: Payload, reason: str, kind: str = "work_item") -> Rejected:
    """The record as quarantine keeps it. Its id is Jira's where the payload says it, else made of the payload."""
    kept = redacted(bytes(payload))
    try:
        ident = json.loads(kept).get("id")
    except (ValueError, AttributeError, RecursionError):
        ident = None
    known = isinstance(ident, str) and 0 < len(ident) <= 64
    return Rejected(
        kind=kind, id=ident if known else f"unreadable-{hashlib.sha256(kept).hexdigest()[:16]}", reason=reason, payload=kept
    )


def identity(payload: Payload) -> str | None:
    """The id that the record has, if it has one."""
    try:
        return _IDENTITY.decode(payload).id
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _without_values(message: str) -> str:
    """msgspec names types and places, and quotes a value only of an enumeration, which the shapes here do not have."""
    return message[:300]


_NUL = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")

VERSION = decoder_for(VersionRecord)
FIELD = decoder_for(FieldRecord)
_IDENTITY = decoder_for(IssueStub)
