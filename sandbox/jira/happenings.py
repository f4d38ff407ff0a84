"""What Jira sends to a webhook when something changes: its events and their bodies.

Shapes: Atlassian's "Webhooks" of the cloud and of Data Center, which show those of issues; the others as sites were seen to send
them, except those of issue properties, which nothing shows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, NamedTuple

import msgspec

from sandbox.jira.documents import Documents
from sandbox.jira.doings import Doings
from sandbox.jira.model import Issue, Link, Project, Version
from sandbox.jira.state import Changed

UNLOGGED = frozenset({"updated", "comment", "issuelinks", "statuscategorychangedate", "resolutiondate"})
"""Fields that no changelog names: they follow from another change, or have events of their own."""

NO_UPDATE = ("links", "properties", "locked")
"""What of an issue changes without an event of its update."""


class Happening(NamedTuple):
    """One event and what is in its body, beside the event's name and moment."""

    event: str
    body: dict[str, Any]


class Happenings:
    """The events of a change, as the cloud sends them. Made anew for each change, under the site's lock."""

    brief: ClassVar = ("summary", "issuetype", "project", "priority", "status")

    def __init__(self, site: Doings) -> None:
        self.site = site
        self.documents: Documents = site.documents()

    def of(self, before: Changed | None, after: Changed | None) -> Iterator[Happening]:
        match before, after:
            case (Issue() | None, Issue() | None):
                yield from self._of_issue(before, after)
            case (Version() | None, Version()):
                yield Happening(_version_event(before, after), {"version": self.documents.version(after)})
            case (Project() | None, Project()) if event := _project_event(before, after):
                yield Happening(event, {"project": self._project(after)})

    def commented(self, issue: Issue) -> Iterator[Happening]:
        """The newest comment, with the outline of its issue."""
        fields = {name: self.documents.value(issue, self.site.fields[name]) for name in self.brief}
        outline = {name: value for name, value in self.documents.issue(issue, ()).items() if name in {"id", "self", "key"}}
        comment = self.documents.comment(issue, issue.comments[-1])
        yield Happening("comment_created", {"comment": comment, "issue": outline | {"fields": fields}})

    def updated(self, event: str, kind: str, issue: Issue, changelog: list[dict[str, Any]] | None = None) -> Happening:
        body: dict[str, Any] = {
            "issue_event_type_name": kind,
            "user": self.documents.user_document(self.site.account.account_id),
            "issue": self.documents.issue(issue, self.site.fields.values()),
        }
        if changelog is not None:
            body["changelog"] = {"id": str(self.site.next_id()), "items": changelog}
        return Happening(event, body)

    def _of_issue(self, before: Issue | None, after: Issue | None) -> Iterator[Happening]:
        if before is None or after is None:
            issue, verb = (after, "created") if before is None else (before, "deleted")
            assert issue is not None
            yield self.updated(f"jira:issue_{verb}", f"issue_{verb}", issue)
            return
        yield from self._linked(before, after)
        yield from self._properties(before, after)
        if len(after.comments) > len(before.comments):
            yield from self.commented(after)
        elif all(getattr(before, name) == getattr(after, name) for name in NO_UPDATE):
            yield self.updated("jira:issue_updated", _kind(before, after), after, self._changelog(before, after))

    def _linked(self, before: Issue, after: Issue) -> Iterator[Happening]:
        """Both ends change; it is told once, of the end that the link starts from."""
        for event, links in (
            ("issuelink_created", [link for link in after.links if link not in before.links]),
            ("issuelink_deleted", [link for link in before.links if link not in after.links]),
        ):
            yield from (Happening(event, {"issueLink": _link(link)}) for link in links if link.source == after.id)

    def _properties(self, before: Issue, after: Issue) -> Iterator[Happening]:
        brief = {"id": str(after.id), "key": after.key}
        for key in {**before.properties, **after.properties}:
            if key not in after.properties:
                yield Happening("issue_property_deleted", {"issue": brief, "property": {"key": key}})
            elif key not in before.properties or before.properties[key] != after.properties[key]:
                yield Happening("issue_property_set", {"issue": brief, "property": {"key": key, "value": after.properties[key]}})

    def _changelog(self, before: Issue, after: Issue) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = []
        for field in self.site.fields.values():
            old, new = (msgspec.json.encode(self.documents.value(issue, field)).decode() for issue in (before, after))
            if old != new and field.id not in UNLOGGED:
                name = field.name if field.custom else field.id
                kind = "custom" if field.custom else "jira"
                items.append({"field": name, "fieldtype": kind, "fieldId": field.id, **_values(old, new)})
        if before.key != after.key:
            items.append({"field": "Key", "fieldtype": "jira", **_values(before.key, after.key)})
        return items

    def _project(self, project: Project) -> dict[str, Any]:
        shown = self.documents.project(project)
        kept = {name: shown[name] for name in ("self", "key", "name", "avatarUrls")}
        lead = self.documents.user_document(project.lead)
        return kept | {"id": project.id, "projectLead": lead, "assigneeType": "admin.assignee.type.unassigned"}


class DataCenterHappenings(Happenings):
    """A comment comes without its issue, which is told as updated by another event."""

    def commented(self, issue: Issue) -> Iterator[Happening]:
        yield Happening("comment_created", {"comment": self.documents.comment(issue, issue.comments[-1])})
        yield self.updated("jira:issue_updated", "issue_commented", issue)


def _values(before: str, after: str) -> dict[str, Any]:
    return {"from": None, "fromString": before, "to": None, "toString": after}


def _kind(before: Issue, after: Issue) -> str:
    if before.project != after.project:
        return "issue_moved"
    return "issue_generic" if before.status != after.status else "issue_updated"


def _link(link: Link) -> dict[str, Any]:
    kind = {"id": int(link.type.id), "name": link.type.name, "outwardName": link.type.outward, "inwardName": link.type.inward}
    return {
        "id": int(link.id),
        "sourceIssueId": link.source,
        "destinationIssueId": link.target,
        "issueLinkType": kind | {"isSubTaskLinkType": False, "isSystemLinkType": False},
        "systemLink": False,
    }


def _version_event(before: Version | None, after: Version) -> str:
    if before is None:
        return "jira:version_created"
    if before.released != after.released:
        return "jira:version_released" if after.released else "jira:version_unreleased"
    return "jira:version_updated"


def _project_event(before: Project | None, after: Project) -> str | None:
    """None where only permissions changed."""
    if before is None:
        return "project_created"
    if before.archived != after.archived:
        return "project_archived" if after.archived else "project_restored_archived"
    return "project_updated" if (before.key, before.name) != (after.key, after.name) else None
