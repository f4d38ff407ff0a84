"""Jira's REST API version 3, as far as it is read in bulk: typed answers, one function a question.

Facts: Atlassian's OpenAPI description. `/search/jql` gives no total and ends when it gives no token; `/issue/bulkfetch` takes up to
100 ids and leaves out silently what it cannot show.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

import httpx
import msgspec

from connectors.base import SourceContext
from connectors.errors import NotFound, Unavailable
from connectors.http import Client, decode, open_client
from connectors.rates import Budget, read_budget, read_http_date
from mappings.jira_records import FieldRecord, Payload, VersionRecord, split_records

PAGE = 100
RECONCILED = 50
"""Of so many issues a search can be made to show what they are now, whatever its index knows yet."""

API = "/rest/api/3"


class _Page(msgspec.Struct):
    issues: list[msgspec.Raw]
    nextPageToken: str | None = None  # noqa: N815 - Jira's spelling, as below


class _Issues(msgspec.Struct):
    issues: list[msgspec.Raw]


class _Versions(msgspec.Struct):
    values: list[VersionRecord]
    isLast: bool = True  # noqa: N815


class _Account(msgspec.Struct):
    timeZone: str | None = None  # noqa: N815


class _Server(msgspec.Struct):
    baseUrl: str | None = None  # noqa: N815


class _Permission(msgspec.Struct):
    havePermission: bool = False  # noqa: N815


class _Permissions(msgspec.Struct):
    permissions: dict[str, _Permission]


class _Errors(msgspec.Struct):
    errorMessages: list[str] = []  # noqa: N815
    errors: dict[str, Any] = {}


class SearchPage(msgspec.Struct):
    """The issues of one page, undecoded, the token of the next one, and when Jira answered."""

    issues: Sequence[Payload]
    token: str | None
    answered_at: datetime | None


class JiraApi:
    """Asks one site. Close it."""

    def __init__(self, context: SourceContext) -> None:
        secrets = context.secrets
        self.source = context.name
        self.client: Client = open_client(
            context, context.options.url, auth=httpx.BasicAuth(secrets.user, secrets.token.get_secret_value())
        )

    def close(self) -> None:
        self.client.close()

    def search(
        self, jql: str, fields: Sequence[str], properties: Sequence[str], token: str | None, *, reconcile: Collection[str] = ()
    ) -> SearchPage:
        """`reconcile` are ids of up to 50 issues that are judged as they are now; the same on each page.

        Raises `NotFound` with Jira's words when it refuses the query: a project or an issue that is not there, or hidden.
        """
        body: dict[str, Any] = {"jql": jql, "fields": fields, "maxResults": PAGE}
        if properties:
            body["properties"] = properties
        if reconcile:
            body["reconcileIssues"] = [int(ident) for ident in reconcile]
        if token is not None:
            body["nextPageToken"] = token
        answer = self.client.request("POST", f"{API}/search/jql", json=body, accept=(200, 400), repeatable=True)
        if answer.status_code == 400:
            raise NotFound(self.source, f"Jira refused the search: {error_text(answer)}", fix="check the scope's projects or jql")
        issues, page = self._payloads(answer, _PAGE)
        return SearchPage(issues, page.nextPageToken, read_http_date(answer.headers.get("date")))

    def fetch(self, idents: Sequence[str], fields: Sequence[str], properties: Sequence[str]) -> Sequence[Payload]:
        """Up to 100 issues by id. What is missing from the answer may still be there."""
        body: dict[str, Any] = {"issueIdsOrKeys": idents, "fields": fields}
        if properties:
            body["properties"] = properties
        answer = self.client.request("POST", f"{API}/issue/bulkfetch", json=body, repeatable=True)
        return self._payloads(answer, _ISSUES)[0]

    def issue(self, ident: str, fields: Sequence[str], properties: Sequence[str]) -> bytes | None:
        """One issue, or None: it is gone or hidden."""
        params = {"fields": ",".join(fields), "properties": ",".join(properties)}
        answer = self.client.get(f"{API}/issue/{ident}", params=params, accept=(200, 404, 410))
        return answer.content if answer.status_code == 200 else None

    def versions(self, project: str) -> Iterator[VersionRecord]:
        """All versions of a project. Raises `NotFound` when it is not there, or hidden."""
        start = 0
        while True:
            params = {"startAt": start, "maxResults": PAGE}
            page = decode(self.source, self.client.get(f"{API}/project/{project}/version", params=params), _VERSIONS)
            yield from page.values
            start += len(page.values)
            if page.isLast or not page.values:
                return

    def fields(self) -> Sequence[FieldRecord]:
        return decode(self.source, self.client.get(f"{API}/field"), _FIELDS)

    def time_zone(self) -> str | None:
        """The account's, None if it hides it."""
        return decode(self.source, self.client.get(f"{API}/myself"), _ACCOUNT).timeZone

    def site_url(self) -> str | None:
        """The address that people open."""
        return decode(self.source, self.client.get(f"{API}/serverInfo"), _SERVER).baseUrl

    def clock_and_budget(self) -> tuple[datetime | None, Budget | None]:
        """When Jira answered by its own clock, and what the answer said of the rate budget."""
        headers = self.client.get(f"{API}/serverInfo").headers
        return read_http_date(headers.get("date")), read_budget(headers)

    def may(self, permission: str, *, project: str | None = None, issue: str | None = None) -> bool:
        """Whether the account has the permission: in the project, on the issue, or with neither globally (or anywhere)."""
        params = {"permissions": permission}
        if project is not None:
            params["projectKey"] = project
        if issue is not None:
            params["issueId"] = issue
        answer = self.client.get(f"{API}/mypermissions", params=params, accept=(200, 400, 404))
        if answer.status_code != 200:
            return False
        found = decode(self.source, answer, _PERMISSIONS).permissions.get(permission)
        return found is not None and found.havePermission

    def edit(self, ident: str, change: Any) -> httpx.Response:
        """One edit of one issue; an answer that refuses it is the caller's to explain."""
        return self.client.request("PUT", f"{API}/issue/{ident}", json=change, accept=(200, 204, 400, 403, 404, 409, 410, 422))

    def set_property(self, ident: str, name: str, value: Any) -> httpx.Response:
        return self.client.request("PUT", self._property(ident, name), json=value, accept=(200, 201, 400, 403, 404, 410, 413))

    def delete_property(self, ident: str, name: str) -> httpx.Response:
        return self.client.request("DELETE", self._property(ident, name), accept=(204, 400, 403, 404, 410))

    def _property(self, ident: str, name: str) -> str:
        return f"{API}/issue/{ident}/properties/{quote(name, safe='')}"

    def _payloads(self, answer: httpx.Response, decoder: msgspec.json.Decoder[Any]) -> tuple[Sequence[Payload], Any]:
        """The page's issues, and the page. One issue that holds impossible text makes a page invalid: it is then read leniently."""
        try:
            page = decoder.decode(answer.content)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return self._leniently(answer, decoder)
        return page.issues, page

    def _leniently(self, answer: httpx.Response, decoder: msgspec.json.Decoder[Any]) -> tuple[Sequence[Payload], Any]:
        try:
            issues, rest = split_records(answer.content, "issues")
            return issues, msgspec.convert({**rest, "issues": []}, decoder.type)
        except (ValueError, RecursionError, msgspec.ValidationError):
            # It is no page at all: said in the words for that.
            decode(self.source, answer, decoder)
            raise


def error_text(answer: httpx.Response) -> str:
    """Jira's own words for why it refused, in one short line."""
    try:
        errors = _ERRORS.decode(answer.content)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return f"HTTP {answer.status_code}"
    words = [*errors.errorMessages, *(text for text in errors.errors.values() if isinstance(text, str))]
    return " ".join(" ".join(words).split())[:500] or f"HTTP {answer.status_code}"


def check_token(source: str, token: str | None, seen: set[str]) -> None:
    """Raises `Unavailable` when Jira repeats a page's token: the listing would never end."""
    if token is None:
        return
    if token in seen:
        raise Unavailable(source, "Jira repeats a page of the search", fix="run again; the pull goes on where it was")
    seen.add(token)


_PAGE = msgspec.json.Decoder(_Page)
_ISSUES = msgspec.json.Decoder(_Issues)
_VERSIONS = msgspec.json.Decoder(_Versions)
_FIELDS = msgspec.json.Decoder(list[FieldRecord])
_ACCOUNT = msgspec.json.Decoder(_Account)
_SERVER = msgspec.json.Decoder(_Server)
_PERMISSIONS = msgspec.json.Decoder(_Permissions)
_ERRORS = msgspec.json.Decoder(_Errors)
