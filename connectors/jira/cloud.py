"""What is Jira Cloud's own: version 3 of the REST API, searches by token, bulk reads and bulk edits, rich text as documents.

Facts: Atlassian's OpenAPI description. `/search/jql` gives no total and ends when it gives no token; `/issue/bulkfetch` takes up to
100 ids and leaves out silently what it cannot show.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from connectors.errors import NotFound, Unavailable
from connectors.http import decode, describe
from connectors.jira.jql import among
from connectors.jira.options import DeploymentName, JiraScope
from connectors.jira.pages import PAGE, Query, SearchPage, check_token, issues_of
from connectors.rates import read_http_date
from mappings.adf import from_text
from mappings.decoding import decoder_for
from mappings.jira_records import Payload, identity

if TYPE_CHECKING:
    from connectors.jira.api import JiraApi

RECONCILED = 50
"""Of so many issues a search can be made to show what they are now, whatever its index knows yet."""


class _Page(msgspec.Struct):
    issues: list[msgspec.Raw]
    nextPageToken: str | None = None  # noqa: N815 - Jira's spelling, as below


class _Issues(msgspec.Struct):
    issues: list[msgspec.Raw]


class _Versions(msgspec.Struct):
    values: list[msgspec.Raw]
    isLast: bool = True  # noqa: N815


class _Project(msgspec.Struct):
    key: str


class _Projects(msgspec.Struct):
    values: list[_Project]


class Cloud:
    """`Deployment` of a site that Atlassian runs."""

    name: ClassVar[DeploymentName] = "cloud"
    title = "Jira Cloud"
    version = "3"
    edits_in_bulk = True

    def pages(self, api: JiraApi, query: Query, since: datetime | None) -> Iterator[SearchPage]:
        jql = query.jql(since)
        seen: set[str] = set()
        token: str | None = None
        while True:
            page, token = self._search(api, jql, query.fields, query.properties, token)
            check_token(api.source, token, seen)
            yield page
            if token is None:
                return

    def first_page(self, api: JiraApi, jql: str, fields: Sequence[str]) -> SearchPage:
        return self._search(api, jql, fields, (), None)[0]

    def fetch(self, api: JiraApi, idents: Sequence[str], fields: Sequence[str], properties: Sequence[str]) -> Sequence[Payload]:
        body: dict[str, Any] = {"issueIdsOrKeys": idents, "fields": fields}
        if properties:
            body["properties"] = properties
        answer = api.request("POST", "/issue/bulkfetch", json=body, repeatable=True)
        return issues_of(api.source, answer, _ISSUES)[0]

    def outside(self, api: JiraApi, scope: JiraScope, idents: Sequence[str]) -> set[str]:
        """A search that names an issue which is not there, or hidden, is refused as a whole: then nothing is known of its group."""
        outside: set[str] = set()
        for start in range(0, len(idents), RECONCILED):
            group = idents[start : start + RECONCILED]
            try:
                outside.update(set(group) - self._found(api, among(scope, group), group))
            except NotFound:
                continue
        return outside

    def versions(self, api: JiraApi, project: str) -> Sequence[Payload]:
        """Raises `Unavailable` when a page that is not the last brings nothing new: the listing would never end."""
        payloads: dict[bytes, None] = {}
        while True:
            params = {"startAt": len(payloads), "maxResults": PAGE}
            answer = api.of_project(project, "/version", params=params)
            page = decode(api.source, answer, _VERSIONS)
            known = len(payloads)
            payloads.update(dict.fromkeys(map(bytes, page.values)))
            if page.isLast:
                return list(payloads)
            if len(payloads) == known:
                what = f"{describe(answer.request)}: a page that is not the last brings nothing new"
                raise Unavailable(api.source, what, fix="run again later")

    def project_keys(self, api: JiraApi) -> Sequence[str]:
        params = {"maxResults": PAGE, "orderBy": "key"}
        found = decode(api.source, api.request("GET", "/project/search", params=params), _PROJECTS)
        return [project.key for project in found.values]

    def permission_asked(self, permission: str) -> Mapping[str, str]:
        return {"permissions": permission}

    def rich_text(self, text: str) -> Any:
        return from_text(text)

    def _found(self, api: JiraApi, jql: str, idents: Collection[str]) -> set[str]:
        found: set[str] = set()
        seen: set[str] = set()
        token: str | None = None
        while True:
            page, token = self._search(api, jql, ["id"], (), token, reconcile=idents)
            found.update(ident for payload in page.issues if (ident := identity(payload)))
            if token is None:
                return found
            check_token(api.source, token, seen)

    def _search(
        self,
        api: JiraApi,
        jql: str,
        fields: Sequence[str],
        properties: Sequence[str],
        token: str | None,
        *,
        reconcile: Collection[str] = (),
    ) -> tuple[SearchPage, str | None]:
        """A page and the next one's token. `reconcile` are up to 50 ids that are judged as they are now; the same on each page."""
        body: dict[str, Any] = {"jql": jql, "fields": fields, "maxResults": PAGE}
        if properties:
            body["properties"] = properties
        if reconcile:
            body["reconcileIssues"] = [int(ident) for ident in reconcile]
        if token is not None:
            body["nextPageToken"] = token
        answer = api.search("POST", "/search/jql", json=body)
        issues, page = issues_of(api.source, answer, _PAGE)
        token = page.nextPageToken
        return SearchPage(issues, token is None, read_http_date(answer.headers.get("date"))), token


_PAGE = decoder_for(_Page)
_ISSUES = decoder_for(_Issues)
_VERSIONS = decoder_for(_Versions)
_PROJECTS = decoder_for(_Projects)
