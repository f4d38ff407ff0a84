"""How a site's things look as Jira Cloud's JSON. Times are written in the account's time zone, as on the real service."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any
from urllib.parse import quote

import msgspec

from sandbox.jira.model import Comment, Field, Issue, IssueType, LinkType, Option, Project, Status, Version
from sandbox.jira.search_fields import CATEGORIES
from sandbox.jira.state import State

COLOURS = {"new": (2, "blue-gray"), "indeterminate": (4, "yellow"), "done": (3, "green")}
AVATARS = "https://secure.example.com/avatars"
Render = Callable[[Issue], Any]


class Documents:
    """Renders against one moment's state: made anew for each request, cheap to make, and remembers shared parts encoded."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.api = f"{state.site()}{state.api}"
        self.zone = state.zone()
        self._shared: dict[tuple[str, str], msgspec.Raw] = {}
        self._system: dict[str, Render] = {
            "summary": lambda issue: issue.summary,
            "issuetype": lambda issue: self._once("type", issue.type, lambda: self.issue_type(state.types[issue.type])),
            "project": lambda issue: self._once("project", str(issue.project), lambda: self._project_brief(issue.project)),
            "status": lambda issue: self._once("status", issue.status, lambda: self.status(state.statuses[issue.status])),
            "statuscategorychangedate": lambda issue: self.time(issue.category_changed),
            "priority": lambda issue: self._once("priority", issue.priority, lambda: self.priority(issue.priority)),
            "resolution": lambda issue: None if issue.resolved is None else self._once("resolution", "10000", self._resolution),
            "resolutiondate": lambda issue: None if issue.resolved is None else self.time(issue.resolved),
            "assignee": lambda issue: self.user(issue.assignee),
            "reporter": lambda issue: self.user(issue.reporter),
            "creator": lambda issue: self.user(issue.reporter),
            "created": lambda issue: self.time(issue.created),
            "updated": lambda issue: self.time(issue.updated),
            "description": lambda issue: issue.description,
            "labels": lambda issue: issue.labels,
            "components": lambda issue: [self.component(ident) for ident in issue.components],
            "fixVersions": lambda issue: [self.version_brief(ident) for ident in issue.fix_versions],
            "duedate": lambda issue: issue.due,
            "parent": lambda issue: self._linked(issue.parent),
            "issuelinks": lambda issue: [self.link(issue, link) for link in issue.links if self._other_end(issue, link)],
            "comment": self.comment_page,
        }

    # -- issues --------------------------------------------------------------------------------------------------------

    def issue(self, issue: Issue, fields: Iterable[Field], properties: Iterable[str] = ()) -> dict[str, Any]:
        document: dict[str, Any] = {
            "expand": "renderedFields,names,schema,operations,editmeta,changelog,versionedRepresentations",
            "id": str(issue.id),
            "self": f"{self.api}/issue/{issue.id}",
            "key": issue.key,
        }
        if rendered := {field.id: self.value(issue, field) for field in fields}:
            # A standard issue without a parent has no such field at all.
            if rendered.get("parent", ...) is None:
                del rendered["parent"]
            document["fields"] = rendered
        if properties:
            document["properties"] = {key: issue.properties[key] for key in properties if key in issue.properties}
        return document

    def value(self, issue: Issue, field: Field) -> Any:
        render = self._system.get(field.id)
        return render(issue) if render else self._custom(field, issue.custom.get(field.id))

    def _custom(self, field: Field, value: Any) -> Any:
        if value is None or value == ():
            return None
        match field.type, field.items:
            case "option", _:
                return self._option(field, value)
            case "option-with-child", _:
                parent = self._option(field, value[0])
                return {**parent, "child": self._option(field, value[1])} if len(value) > 1 else parent
            case "array", "option":
                return [self._option(field, ident) for ident in value]
            case "user", _:
                return self.user(value)
            case "array", "user":
                return [self.user(ident) for ident in value]
            case "array", "version":
                return [self.version_brief(ident) for ident in value]
            case "datetime", _:
                return self.time(value)
        return value

    def _option(self, field: Field, ident: str) -> dict[str, Any]:
        option = self.state.option(field, ident)
        return self.option(option) if option else {"id": ident}

    def option(self, option: Option) -> dict[str, Any]:
        return {"self": f"{self.api}/customFieldOption/{option.id}", "value": option.value, "id": option.id}

    def link(self, issue: Issue, link: Any) -> dict[str, Any]:
        side, other = ("outwardIssue", link.target) if link.source == issue.id else ("inwardIssue", link.source)
        return {
            "id": link.id,
            "self": f"{self.api}/issueLink/{link.id}",
            "type": self.link_type(link.type),
            side: self._linked(other),
        }

    def _other_end(self, issue: Issue, link: Any) -> bool:
        other = self.state.issues.get(link.target if link.source == issue.id else link.source)
        return other is not None and self.state.sees(self.state.projects[other.project])

    def _linked(self, ident: int | None) -> dict[str, Any] | None:
        issue = None if ident is None else self.state.issues.get(ident)
        if issue is None:
            return None
        shown = ("summary", "status", "priority", "issuetype")
        return {
            "id": str(issue.id),
            "key": issue.key,
            "self": f"{self.api}/issue/{issue.id}",
            "fields": {ident: self._system[ident](issue) for ident in shown},
        }

    def comment(self, issue: Issue, comment: Comment) -> dict[str, Any]:
        return {
            "self": f"{self.api}/issue/{issue.id}/comment/{comment.id}",
            "id": comment.id,
            "author": self.user(comment.author),
            "body": comment.body,
            "updateAuthor": self.user(comment.author),
            "created": self.time(comment.created),
            "updated": self.time(comment.updated),
            "jsdPublic": True,
        }

    def comment_page(self, issue: Issue) -> dict[str, Any]:
        total = len(issue.comments)
        return {
            "comments": [self.comment(issue, comment) for comment in issue.comments],
            "self": f"{self.api}/issue/{issue.id}/comment",
            "maxResults": total,
            "total": total,
            "startAt": 0,
        }

    # -- what issues refer to ------------------------------------------------------------------------------------------

    def time(self, moment: datetime) -> str:
        """`2026-03-01T12:00:00.000+0000`: an offset without a colon."""
        text = moment.astimezone(self.zone).isoformat(timespec="milliseconds")
        return text[:-3] + text[-2:]

    def user(self, ident: str | None) -> Any:
        return self._once("user", ident, lambda: self.user_document(str(ident)))

    def user_document(self, ident: str) -> dict[str, Any]:
        user = self.state.users[ident]
        zone = {"timeZone": self.state.time_zone} if self.state.time_zone else {}
        return zone | {
            "self": f"{self.api}/user?accountId={quote(ident, safe='')}",
            "accountId": ident,
            "avatarUrls": {f"{size}x{size}": f"{AVATARS}/{quote(ident)}/{size}" for size in (48, 24, 16, 32)},
            "displayName": user.name,
            "active": user.active,
            "accountType": "atlassian",
        }

    def issue_type(self, entry: IssueType) -> dict[str, Any]:
        return {
            "self": f"{self.api}/issuetype/{entry.id}",
            "id": entry.id,
            "description": "",
            "iconUrl": f"{self.state.site()}/images/icons/issuetypes/{entry.id}.svg",
            "name": entry.name,
            "subtask": entry.level < 0,
            "hierarchyLevel": entry.level,
        }

    def status(self, entry: Status) -> dict[str, Any]:
        ident, colour = COLOURS[entry.category]
        return {
            "self": f"{self.api}/status/{entry.id}",
            "description": "",
            "iconUrl": f"{self.state.site()}/images/icons/statuses/generic.png",
            "name": entry.name,
            "id": entry.id,
            "statusCategory": {
                "self": f"{self.api}/statuscategory/{ident}",
                "id": ident,
                "key": entry.category,
                "colorName": colour,
                "name": CATEGORIES[entry.category],
            },
        }

    def priority(self, ident: str | None) -> dict[str, Any]:
        entry = self.state.priorities[str(ident)]
        return {
            "self": f"{self.api}/priority/{entry.id}",
            "iconUrl": f"{self.state.site()}/images/icons/priorities/{entry.name.lower()}.svg",
            "name": entry.name,
            "id": entry.id,
        }

    def _resolution(self) -> dict[str, Any]:
        return {"self": f"{self.api}/resolution/10000", "id": "10000", "description": "Work has been completed.", "name": "Done"}

    def link_type(self, entry: LinkType) -> dict[str, Any]:
        return {
            "id": entry.id,
            "name": entry.name,
            "inward": entry.inward,
            "outward": entry.outward,
            "self": f"{self.api}/issueLinkType/{entry.id}",
        }

    def component(self, ident: str) -> dict[str, Any]:
        return {"self": f"{self.api}/component/{ident}", "id": ident, "name": self.state.components[ident].name}

    def version_brief(self, ident: str) -> dict[str, Any]:
        version = self.state.versions[ident]
        brief: dict[str, Any] = {
            "self": f"{self.api}/version/{ident}",
            "id": ident,
            "description": version.description,
            "name": version.name,
            "archived": version.archived,
            "released": version.released,
        }
        return brief | ({"releaseDate": version.release.isoformat()} if version.release else {})

    def version(self, version: Version) -> dict[str, Any]:
        document = self.version_brief(version.id) | {"projectId": version.project}
        if version.start:
            document["startDate"] = version.start.isoformat()
        if version.release:
            document["overdue"] = not version.released and version.release < self.state.now().astimezone(self.zone).date()
        return document

    def _project_brief(self, ident: int) -> dict[str, Any]:
        return self.project(self.state.projects[ident])

    def project(self, project: Project) -> dict[str, Any]:
        return {
            "self": f"{self.api}/project/{project.id}",
            "id": str(project.id),
            "key": project.key,
            "name": project.name,
            "projectTypeKey": "software",
            "simplified": False,
            "avatarUrls": {f"{size}x{size}": f"{AVATARS}/project/{project.id}/{size}" for size in (48, 24, 16, 32)},
        }

    def _once(self, kind: str, ident: str | None, render: Callable[[], dict[str, Any]]) -> Any:
        if ident is None:
            return None
        found = self._shared.get((kind, ident))
        if found is None:
            found = self._shared[kind, ident] = msgspec.Raw(msgspec.json.encode(render()))
        return found
