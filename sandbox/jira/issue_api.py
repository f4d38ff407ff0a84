"""One issue: reading, editing, properties, transitions, comments and links."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sandbox.jira.answers import BAD_PAYLOAD, NO_ISSUE, body_object, errors, issue_of, names, number, refuse, yes
from sandbox.jira.doings import Doings
from sandbox.jira.editing import OFF_SCREEN, EditRefused, FieldError, apply_edit, edit_screen, parse_rich_text, parsed_edits
from sandbox.jira.field_documents import edit_meta
from sandbox.jira.model import Issue
from sandbox.jira.search_api import expansions
from sandbox.jira.selection import selection
from sandbox.jira.state import named
from sandbox.messages import Reply, Request
from sandbox.server import Route

ISSUE = "/rest/api/3/issue/{issueIdOrKey}"
PROPERTY = ISSUE + "/properties/{propertyKey}"
MAX_PROPERTY_KEY = 255
MAX_PROPERTY = 32_768
OVERRIDES = frozenset({"overrideScreenSecurity", "overrideEditableFlag"})


class IssueApi:
    def __init__(self, site: Doings) -> None:
        self.site = site

    def routes(self) -> Sequence[Route]:
        read = frozenset({"fields", "fieldsByKeys", "expand", "properties", "updateHistory", "failFast"})
        transitions = frozenset(
            {"expand", "transitionId", "skipRemoteOnlyCondition", "includeUnavailableTransitions", "sortByOpsBarAndStatus"}
        )
        none: frozenset[str] = frozenset()
        return [
            Route("GET", ISSUE, self._get, query=read),
            Route("PUT", ISSUE, self._put, query=OVERRIDES | {"notifyUsers", "returnIssue", "expand"}),
            Route("GET", ISSUE + "/editmeta", self._edit_meta, query=OVERRIDES),
            Route("GET", ISSUE + "/properties", self._properties, query=none),
            Route("GET", PROPERTY, self._get_property, query=none),
            Route("PUT", PROPERTY, self._put_property, query=none),
            Route("DELETE", PROPERTY, self._delete_property, query=none),
            Route("GET", ISSUE + "/transitions", self._transitions, query=transitions),
            Route("POST", ISSUE + "/transitions", self._transition, query=none),
            Route("GET", ISSUE + "/comment", self._comments, query=frozenset({"startAt", "maxResults", "orderBy", "expand"})),
            Route("POST", ISSUE + "/comment", self._comment, query=frozenset({"expand"})),
            Route("POST", "/rest/api/3/issueLink", self._link, query=none),
            Route("GET", "/rest/api/3/issueLinkType", self._link_types, query=none),
        ]

    # -- the issue itself ----------------------------------------------------------------------------------------------

    def _get(self, request: Request) -> Reply:
        issue = issue_of(self.site, request)
        chosen = selection(self.site, names(request, "fields"), names(request, "properties"), default="*all")
        documents = self.site.documents()
        answer = documents.issue(issue, chosen.fields, chosen.properties)
        return Reply(200, answer | expansions(chosen, names(request, "expand")))

    def _put(self, request: Request) -> Reply:
        issue = issue_of(self.site, request)
        body = body_object(request)
        if any(yes(request, flag) for flag in OVERRIDES) and not self.site.may("ADMINISTER"):
            return errors("You do not have permission to override the screen security or the editable flag.", status=403)
        fields, update = _part(body, "fields"), dict(_part(body, "update"))
        comments = update.pop("comment", [])
        properties = body.get("properties", [])
        try:
            edits = parsed_edits(self.site, issue, fields, update)
            texts = [parse_rich_text(self.site, operation["add"]["body"]) for operation in comments]
            values = {entry["key"]: entry["value"] for entry in properties}
        except EditRefused as refused:
            return errors(fields=refused.errors)
        except (FieldError, KeyError, TypeError):
            return errors(BAD_PAYLOAD)
        if (comments or values) and not edit_screen(self.site, issue):
            return errors(fields=dict.fromkeys(["comment"] if comments else values, OFF_SCREEN.format("comment")))
        # Without administration rights a request that asks for silence is accepted and ignored, as the contract says.
        if request.query.get("notifyUsers", "true").lower() != "false" or self.site.may("ADMINISTER"):
            self._write(issue, edits, texts, values)
        if yes(request, "returnIssue"):
            return self._get(request)
        return Reply(204)

    def _write(self, issue: Issue, edits: Sequence[Any], texts: Sequence[Any], properties: dict[str, Any]) -> None:
        """An edit that changes nothing is no update."""
        changed = issue
        for edit in edits:
            changed = apply_edit(self.site, changed, edit)
        if changed != issue:
            self.site.touched(changed)
        for text in texts:
            self.site.commented(self.site.issues[issue.id], text, self.site.account.account_id)
        for key, value in properties.items():
            self.site.set_property(str(issue.id), key, value)

    def _edit_meta(self, request: Request) -> Reply:
        issue = issue_of(self.site, request)
        if any(yes(request, flag) for flag in OVERRIDES) and not self.site.may("ADMINISTER"):
            return errors("You do not have permission to override the screen security or the editable flag.", status=403)
        project = self.site.projects[issue.project]
        return Reply(200, {"fields": edit_meta(self.site.documents(), edit_screen(self.site, issue), project)})

    # -- properties ----------------------------------------------------------------------------------------------------

    def _properties(self, request: Request) -> Reply:
        issue = issue_of(self.site, request)
        base = f"{self.site.site()}{self.site.api}/issue/{issue.id}/properties"
        return Reply(200, {"keys": [{"self": f"{base}/{key}", "key": key} for key in issue.properties]})

    def _get_property(self, request: Request) -> Reply:
        issue, key = issue_of(self.site, request), request.params["propertyKey"]
        if key not in issue.properties:
            return _no_property(key)
        return Reply(200, {"key": key, "value": issue.properties[key]})

    def _put_property(self, request: Request) -> Reply:
        issue, key = issue_of(self.site, request), request.params["propertyKey"]
        if not self.site.editable(issue):
            return errors("You do not have permission to edit this issue.", status=403)
        if len(key) > MAX_PROPERTY_KEY:
            return errors(f"The property key must not be longer than {MAX_PROPERTY_KEY} characters.")
        if len(request.body.decode("utf-8", "replace")) > MAX_PROPERTY:
            return errors(f"The property value is too long. It exceeds the allowed limit of {MAX_PROPERTY} characters.")
        value = request.json()
        created = key not in issue.properties
        self.site.set_property(str(issue.id), key, value)
        return Reply(201 if created else 200)

    def _delete_property(self, request: Request) -> Reply:
        issue, key = issue_of(self.site, request), request.params["propertyKey"]
        if key not in issue.properties or not self.site.editable(issue):
            return _no_property(key)
        self.site.drop_property(str(issue.id), key)
        return Reply(204)

    # -- transitions ---------------------------------------------------------------------------------------------------

    def _transitions(self, request: Request) -> Reply:
        issue = issue_of(self.site, request)
        wanted = request.query.get("transitionId")
        documents = self.site.documents()
        listed = [
            {
                "id": ident,
                "name": self.site.statuses[status].name,
                "to": documents.status(self.site.statuses[status]),
                "hasScreen": False,
                "isGlobal": True,
                "isInitial": False,
                "isAvailable": True,
                "isConditional": False,
                "isLooped": False,
            }
            for ident, status in self._possible(issue).items()
            if wanted in {None, ident}
        ]
        return Reply(200, {"expand": "transitions", "transitions": listed})

    def _possible(self, issue: Issue) -> dict[str, str]:
        """Every status can be reached from every other, by transitions 11, 21, 31, … in the order of the statuses."""
        if not self.site.may("TRANSITION_ISSUES", self.site.projects[issue.project]) or issue.archived:
            return {}
        return {f"{rank}1": status for rank, status in enumerate(self.site.statuses, 1)}

    def _transition(self, request: Request) -> Reply:
        issue = issue_of(self.site, request)
        body = body_object(request)
        asked = _part(body, "transition").get("id")
        if asked is None:
            return errors("Missing 'transition' identifier")
        status = self._possible(issue).get(str(asked))
        if status is None:
            return errors(f"Transition id '{asked}' is not valid for this issue.")
        if named := [*_part(body, "fields"), *_part(body, "update")]:
            return errors(fields={field: OFF_SCREEN.format(field) for field in named})
        self.site.moved_to(issue, self.site.statuses[status])
        return Reply(204)

    # -- comments and links --------------------------------------------------------------------------------------------

    def _comments(self, request: Request) -> Reply:
        issue = issue_of(self.site, request)
        order = request.query.get("orderBy", "created")
        if order not in {"created", "+created", "-created"}:
            return errors("Comments can only be ordered by created.")
        comments = sorted(issue.comments, key=lambda comment: comment.created, reverse=order.startswith("-"))
        start, size = max(number(request, "startAt", 0), 0), min(max(number(request, "maxResults", 100), 0), 5000)
        documents = self.site.documents()
        shown = [documents.comment(issue, comment) for comment in comments[start : start + size]]
        return Reply(200, {"startAt": start, "maxResults": size, "total": len(comments), "comments": shown})

    def _comment(self, request: Request) -> Reply:
        issue = issue_of(self.site, request)
        body = body_object(request)
        if not self.site.may("ADD_COMMENTS", self.site.projects[issue.project]) or issue.archived:
            return errors("You do not have the permission to comment on this issue.")
        try:
            text = parse_rich_text(self.site, body.get("body"))
        except FieldError:
            return errors(fields={"comment": "Comment body is not valid!"})
        comment = self.site.commented(issue, text, self.site.account.account_id)
        return Reply(201, self.site.documents().comment(issue, comment))

    def _link(self, request: Request) -> Reply:
        body = body_object(request)
        asked = _part(body, "type")
        kind = named(self.site.link_types, str(asked.get("id", asked.get("name"))))
        ends = [_part(body, side) for side in ("inwardIssue", "outwardIssue")]
        source, target = (self.site.visible_issue(str(end.get("id", end.get("key")))) for end in ends)
        if kind is None:
            return errors(f"No issue link type with name '{asked.get('name')}' found.", status=404)
        if source is None or target is None or not self.site.may("LINK_ISSUES", self.site.projects[source.project]):
            return errors(NO_ISSUE, status=404)
        if not any(link.type == kind and link.target == target.id for link in source.links):
            self.site.link(source.key, kind.name, target.key)
        return Reply(201)

    def _link_types(self, _request: Request) -> Reply:
        documents = self.site.documents()
        return Reply(200, {"issueLinkTypes": [documents.link_type(entry) for entry in self.site.link_types.values()]})


def _part(body: dict[str, Any], name: str) -> dict[str, Any]:
    part = body.get(name) or {}
    if not isinstance(part, dict):
        raise refuse(BAD_PAYLOAD)
    return part


def _no_property(key: str) -> Reply:
    return errors(f"The property with key '{key}' does not exist.", status=404)
