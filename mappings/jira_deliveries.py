"""What the webhook deliveries of Jira name: of the cloud, and of Data Center.

Atlassian describes the deliveries of issues; the others are read as sites send them. Only ids, keys and times of change are looked
at: all else is read again from Jira.

Nothing is named by what changes no fact of ours: comments, work logs, attachments, boards, sprints, people, filters, settings of
the site, definitions of issue types, and the order of a project's versions (`jira:version_moved`). Where a comment makes Jira send
that its issue was updated as well, the issue is named by that.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, NamedTuple

import msgspec
from msgspec import Meta

from mappings.decoding import decoder_for
from mappings.model import Ref
from mappings.written_moments import moment_of

RELISTED_KINDS = ("project", "version")
"""What is named and cannot be read directly: nobody knows in which issues it shows."""

_VERSION_MOVED = "jira:version_moved"
_PROJECT_UPDATED = "project_updated"
_MOVES = frozenset({"project", "key"})

Ident = Annotated[str, Meta(pattern=r"\A[0-9]{1,19}\Z")] | Annotated[int, Meta(ge=0, le=2**63 - 1)]
"""Of issues it is written as text, of links, projects and versions as either."""


class Named(NamedTuple):
    """Something that a delivery names; the key of the project that holds it, where the delivery proves it; when it was changed."""

    ref: Ref
    container: str | None = None
    updated_at: datetime | None = None


class EventRecord(msgspec.Struct, gc=False, omit_defaults=True):
    """What every delivery has."""

    webhookEvent: Annotated[str, Meta(pattern=r"\A[A-Za-z0-9_:.-]{1,100}\Z")]  # noqa: N815 - Jira's spelling, as below


class _Project(msgspec.Struct, gc=False, omit_defaults=True):
    key: str | None = None


class _Fields(msgspec.Struct, gc=False, omit_defaults=True):
    project: _Project | None = None
    updated: str | None = None


class _Issue(msgspec.Struct, gc=False, omit_defaults=True):
    id: Ident
    key: str | None = None
    fields: _Fields | None = None


class _ChangedField(msgspec.Struct, gc=False, omit_defaults=True):
    field: str | None = None


class _Changelog(msgspec.Struct, gc=False, omit_defaults=True):
    items: list[_ChangedField] | None = None


class _IssueEvent(msgspec.Struct, gc=False, omit_defaults=True):
    issue: _Issue
    changelog: _Changelog | None = None


class _Property(msgspec.Struct, gc=False, omit_defaults=True):
    key: str | None = None


class _PropertyEvent(msgspec.Struct, gc=False, omit_defaults=True):
    """Nowhere described, so nothing of it is relied on."""

    issue: _Issue | None = None
    property: _Property | None = None


class _Link(msgspec.Struct, gc=False, omit_defaults=True):
    sourceIssueId: Ident  # noqa: N815
    destinationIssueId: Ident  # noqa: N815


class _LinkEvent(msgspec.Struct, gc=False, omit_defaults=True):
    issueLink: _Link  # noqa: N815


class _Version(msgspec.Struct, gc=False, omit_defaults=True):
    id: Ident


class _VersionEvent(msgspec.Struct, gc=False, omit_defaults=True):
    version: _Version


class _ChangedProject(msgspec.Struct, gc=False, omit_defaults=True):
    id: Ident
    key: str | None = None


class _ProjectEvent(msgspec.Struct, gc=False, omit_defaults=True):
    project: _ChangedProject


EVENT = decoder_for(EventRecord)
_ISSUE = decoder_for(_IssueEvent)
_PROPERTY = decoder_for(_PropertyEvent)
_LINK = decoder_for(_LinkEvent)
_VERSION = decoder_for(_VersionEvent)
_PROJECT = decoder_for(_ProjectEvent)


def decoder_of(event: str) -> msgspec.json.Decoder[Any] | None:
    """How a delivery of this event is read; None where it changes no fact."""
    if event == _VERSION_MOVED:
        return None
    by_start: dict[str, msgspec.json.Decoder[Any]] = {
        "jira:issue_": _ISSUE,
        "issue_property_": _PROPERTY,
        "issuelink_": _LINK,
        "jira:version_": _VERSION,
        "project_": _PROJECT,
    }
    return next((decoder for start, decoder in by_start.items() if event.startswith(start)), None)


def named(source: str, event: str, record: Any, own_property: str) -> Sequence[Named]:
    """What the event names, by its record as `decoder_of` reads it. Of the properties of issues only ours is a fact."""
    match record:
        case _IssueEvent():
            return [_issue(source, record.issue, has_moved=_has_moved(record))]
        case _PropertyEvent():
            key = record.property.key if record.property else None
            return [_issue(source, record.issue)] if record.issue and key in (None, own_property) else []
        case _LinkEvent():
            ends = (record.issueLink.sourceIssueId, record.issueLink.destinationIssueId)
            return [Named(Ref(source, "work_item", str(ident))) for ident in dict.fromkeys(ends)]
        case _VersionEvent():
            return [Named(Ref(source, "version", str(record.version.id)))]
        case _ProjectEvent():
            # A project that has a new key now may be in a scope by the one that it had.
            key = None if event == _PROJECT_UPDATED else record.project.key
            return [Named(Ref(source, "project", str(record.project.id)), key or None)]
    return []


def _issue(source: str, issue: _Issue, *, has_moved: bool = False) -> Named:
    """An issue that was moved concerns the project that it left as well, so it is named without either."""
    fields = issue.fields or _Fields()
    key = (fields.project.key if fields.project else None) or (issue.key or "").rpartition("-")[0]
    return Named(Ref(source, "work_item", str(issue.id)), None if has_moved else key or None, moment_of(fields.updated))


def _has_moved(event: _IssueEvent) -> bool:
    items = (event.changelog.items if event.changelog else None) or ()
    return any((item.field or "").casefold() in _MOVES for item in items)
