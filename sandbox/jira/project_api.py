"""What surrounds issues: projects, versions, fields, the account and its permissions, the server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sandbox.jira.answers import errors, names, page
from sandbox.jira.catalogue import PERMISSIONS
from sandbox.jira.doings import Doings
from sandbox.jira.field_documents import definition
from sandbox.jira.model import Issue, Project, Version
from sandbox.messages import Refusal, Reply, Request
from sandbox.server import Route

PROJECT = "/rest/api/3/project/{projectIdOrKey}"
LARGEST_PAGE = 50
SEARCHED = frozenset(
    (
        *("startAt", "maxResults", "orderBy", "id", "keys", "query", "typeKey", "categoryId"),
        *("action", "expand", "status", "properties", "propertyQuery"),
    )
)
CONTEXTS = ("projectKey", "projectId", "issueKey", "issueId", "projectUuid", "projectConfigurationUuid", "commentId")
PERMITTED = frozenset(("permissions", *CONTEXTS))


class ProjectApi:
    def __init__(self, state: Doings) -> None:
        self.state = state

    def routes(self) -> Sequence[Route]:
        none: frozenset[str] = frozenset()
        return [
            Route("GET", "/rest/api/3/project/search", self._search, query=SEARCHED),
            Route("GET", PROJECT, self._project, query=frozenset({"expand", "properties"})),
            Route("GET", PROJECT + "/versions", self._versions, query=frozenset({"expand"})),
            Route(
                "GET",
                PROJECT + "/version",
                self._version_page,
                query=frozenset({"startAt", "maxResults", "orderBy", "query", "status", "expand"}),
            ),
            Route("GET", "/rest/api/3/field", self._fields, query=none),
            Route("GET", "/rest/api/3/status", self._statuses, query=none),
            Route("GET", "/rest/api/3/myself", self._myself, query=frozenset({"expand"})),
            Route("GET", "/rest/api/3/mypermissions", self._permissions, query=PERMITTED),
            Route("GET", "/rest/api/2/serverInfo", self._server, query=none),
            Route("GET", "/rest/api/3/serverInfo", self._server, query=none),
            Route("GET", "/_edge/tenant_info", self._tenant, query=none),
        ]

    # -- projects ------------------------------------------------------------------------------------------------------

    def _search(self, request: Request) -> Reply:
        keys, idents = {key.upper() for key in names(request, "keys")}, set(names(request, "id"))
        text = request.query.get("query", "").casefold()
        visible = [
            project
            for project in sorted(self.state.projects.values(), key=lambda project: project.key)
            if self.state.sees(project)
            and not project.archived
            and (not keys or project.key in keys)
            and (not idents or str(project.id) in idents)
            and (text in project.key.casefold() or text in project.name.casefold())
        ]
        documents = self.state.documents()
        rendered = [documents.project(project) | {"isPrivate": False, "style": "classic"} for project in visible]
        return Reply(200, page(self.state, request, rendered, most=LARGEST_PAGE))

    def _project(self, request: Request) -> Reply:
        project = self._named(request.params["projectIdOrKey"])
        documents = self.state.documents()
        return Reply(
            200,
            documents.project(project)
            | {
                "expand": "description,lead,issueTypes,url,projectKeys,permissions,insight",
                "description": "",
                "lead": documents.user(project.lead),
                "components": [
                    documents.component(entry.id) for entry in self.state.components.values() if entry.project == project.id
                ],
                "issueTypes": [documents.issue_type(entry) for entry in self.state.types.values()],
                "versions": [documents.version(entry) for entry in self._of(project)],
                "assigneeType": "UNASSIGNED",
                "roles": {},
                "style": "classic",
                "isPrivate": False,
                "archived": project.archived,
            },
        )

    def _versions(self, request: Request) -> Reply:
        documents = self.state.documents()
        return Reply(200, [documents.version(entry) for entry in self._of(self._named(request.params["projectIdOrKey"]))])

    def _version_page(self, request: Request) -> Reply:
        statuses = set(names(request, "status"))
        text = request.query.get("query", "").casefold()
        shown = [
            version
            for version in self._of(self._named(request.params["projectIdOrKey"]))
            if text in version.name.casefold() and (not statuses or _version_status(version) in statuses)
        ]
        documents = self.state.documents()
        return Reply(200, page(self.state, request, [documents.version(version) for version in shown], most=LARGEST_PAGE))

    def _of(self, project: Project) -> list[Version]:
        return [version for version in self.state.versions.values() if version.project == project.id]

    def _named(self, id_or_key: str) -> Project:
        project = self.state.project(id_or_key)
        if project is None or not self.state.sees(project):
            raise Refusal(errors(f"No project could be found with key '{id_or_key}'.", status=404))
        return project

    # -- fields and statuses -------------------------------------------------------------------------------------------

    def _fields(self, _request: Request) -> Reply:
        return Reply(200, [definition(field) for field in self.state.fields.values()])

    def _statuses(self, _request: Request) -> Reply:
        documents = self.state.documents()
        return Reply(200, [documents.status(status) for status in self.state.statuses.values()])

    # -- the account ---------------------------------------------------------------------------------------------------

    def _myself(self, _request: Request) -> Reply:
        account = self.state.documents().user_document(self.state.account.account_id)
        account |= {
            "emailAddress": self.state.user,
            "locale": "en_GB",
            "groups": {"size": 1, "items": []},
            "applicationRoles": {"size": 1, "items": []},
        }
        return Reply(200, account)

    def _permissions(self, request: Request) -> Reply:
        asked = names(request, "permissions")
        if not asked:
            return errors("The 'permissions' query parameter is required.")
        if unknown := [key for key in asked if key not in PERMISSIONS]:
            return errors(f"Unrecognized permission: {unknown[0]}")
        return self.permissions_of(request, asked)

    def permissions_of(self, request: Request, asked: Sequence[str]) -> Reply:
        project = self._context(request)
        return Reply(200, {"permissions": {key: self._permission(key, project) for key in asked}})

    def _context(self, request: Request) -> Project | None:
        if named := request.query.get("projectKey") or request.query.get("projectId"):
            return self._named(named)
        if named := request.query.get("issueKey") or request.query.get("issueId"):
            issue: Issue | None = self.state.visible_issue(named)
            if issue is None:
                raise Refusal(errors("Issue does not exist or you do not have permission to see it.", status=404))
            return self.state.projects[issue.project]
        return None

    def _permission(self, key: str, project: Project | None) -> dict[str, Any]:
        """Without a context a project permission is held when any project grants it."""
        ident, name, kind = PERMISSIONS[key]
        if kind == "GLOBAL":
            held = self.state.may(key)
        elif project is not None:
            held = self.state.may(key, project)
        else:
            held = any(self.state.may(key, each) for each in self.state.projects.values())
        return {"id": ident, "key": key, "name": name, "type": kind, "description": "", "havePermission": held}

    # -- the server ----------------------------------------------------------------------------------------------------

    def _server(self, _request: Request) -> Reply:
        documents = self.state.documents()
        return Reply(
            200,
            {
                "baseUrl": self.state.site(),
                "version": "1001.0.0-SNAPSHOT",
                "versionNumbers": [1001, 0, 0],
                "deploymentType": "Cloud",
                "buildNumber": 100_290,
                "buildDate": "2026-01-05T09:00:00.000+0000",
                "serverTime": documents.time(self.state.now()),
                "scmInfo": "0000000000000000000000000000000000000000",
                "serverTitle": "Jira",
                "serverTimeZone": self.state.server_time_zone,
                "defaultLocale": {"locale": "en_GB"},
            },
        )

    def _tenant(self, _request: Request) -> Reply:
        return Reply(200, {"cloudId": self.state.cloud_id})


def _version_status(version: Version) -> str:
    if version.archived:
        return "archived"
    return "released" if version.released else "unreleased"
