"""Search and bulk reads: `/search/jql`, `/issue/bulkfetch`, and the removed `/search`."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from mappings.decoding import convert_to, decode_as
from sandbox.jira.answers import BAD_PAYLOAD, body_object, errors, names, number, refuse
from sandbox.jira.documents import Documents
from sandbox.jira.doings import Doings
from sandbox.jira.field_documents import schema
from sandbox.jira.jql import JqlError
from sandbox.jira.model import Issue
from sandbox.jira.query import Rank, Search, prepare
from sandbox.jira.selection import Selection, selection
from sandbox.jira.state import State
from sandbox.messages import Reply, Request
from sandbox.server import Route

DEFAULT_PAGE, HEAVY_PAGE, LIGHT_PAGE = 50, 100, 5000
BULK_FETCH = 100
RECONCILED = 50
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TOKEN_LIFE = timedelta(days=7)
REMOVED = (
    "The requested API has been removed. Please migrate to the /rest/api/3/search/jql API. A full migration guideline is available "
    "at https://developer.atlassian.com/changelog/#CHANGE-2046"
)
EXPIRED_PAGE = "The provided next page token is invalid or has expired."


class Asked(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    """The body of a search, and what the query string of its GET form becomes."""

    jql: str = ""
    next_page_token: str | None = None
    max_results: int = DEFAULT_PAGE
    fields: list[str] = []
    expand: str | None = None
    properties: list[str] = []
    fields_by_keys: bool = False
    reconcile_issues: list[int] = []


class Fetched(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    """The body of a bulk fetch."""

    issue_ids_or_keys: list[str]
    fields: list[str] = []
    expand: list[str] = []
    properties: list[str] = []
    fields_by_keys: bool = False


class Token(msgspec.Struct, array_like=True):
    """Where a search goes on: bound to its query, valid for seven days. It is a position, not a snapshot: what changes between two
    pages may turn up twice or not at all, as on the real service."""

    made: float
    position: list[Any]
    seal: str

    @classmethod
    def sealed(cls, jql: str, made: float, position: list[Any]) -> Token:
        return cls(made, position, hashlib.sha256(msgspec.json.encode([jql, made, position])).hexdigest())


class SearchApi:
    def __init__(self, state: Doings) -> None:
        self.state = state

    def routes(self) -> Sequence[Route]:
        documented = frozenset(
            {"jql", "nextPageToken", "maxResults", "fields", "expand", "properties", "fieldsByKeys", "failFast", "reconcileIssues"}
        )
        return [
            Route("POST", "/rest/api/3/search/jql", self._search_by_body, query=frozenset(), writes=False),
            Route("GET", "/rest/api/3/search/jql", self._search_by_query, query=documented),
            Route("POST", "/rest/api/3/issue/bulkfetch", self._bulk_fetch, query=frozenset(), writes=False),
            *(
                Route(method, f"/rest/api/{version}/search", lambda _request: errors(REMOVED, status=410), writes=False)
                for method in ("GET", "POST")
                for version in ("2", "3")
            ),
        ]

    def _search_by_body(self, request: Request) -> Reply:
        try:
            return self._search(convert_to(body_object(request), Asked))
        except msgspec.ValidationError as error:
            raise refuse(BAD_PAYLOAD) from error

    def _search_by_query(self, request: Request) -> Reply:
        reconciled = names(request, "reconcileIssues")
        if not all(ident.isdecimal() for ident in reconciled):
            raise refuse("reconcileIssues takes issue ids.")
        return self._search(
            Asked(
                jql=request.query.get("jql", ""),
                next_page_token=request.query.get("nextPageToken") or None,
                max_results=number(request, "maxResults", DEFAULT_PAGE),
                fields=names(request, "fields"),
                expand=request.query.get("expand"),
                properties=names(request, "properties"),
                reconcile_issues=[int(ident) for ident in reconciled],
            )
        )

    def _search(self, asked: Asked) -> Reply:
        if asked.max_results < 1:
            raise refuse("The maxResults parameter must be a positive number.")
        if len(asked.reconcile_issues) > RECONCILED:
            raise refuse(f"The maximum number of issues that can be reconciled is {RECONCILED}.")
        self.state.index_due()
        chosen = selection(self.state, asked.fields, asked.properties, default="id")
        size = min(asked.max_results, LIGHT_PAGE if chosen.light else HEAVY_PAGE)
        try:
            search = prepare(asked.jql, self.state)
        except JqlError as error:
            return errors(str(error))
        with self.state.reconciled(asked.reconcile_issues):
            found = self._from(search, self._position(asked), size)
        documents = self.state.documents()
        answer: dict[str, Any] = {"issues": [self._document(documents, issue, chosen) for issue in found[:size]]}
        if len(found) > size:
            answer["nextPageToken"] = self._token(asked, search.position_of(found[size - 1]))
        answer["isLast"] = len(found) <= size
        return Reply(200, answer | expansions(chosen, (asked.expand or "").split(",")))

    @staticmethod
    def _document(documents: Documents, issue: Issue, chosen: Selection) -> dict[str, Any]:
        return {"id": str(issue.id)} if chosen.only_ids else documents.issue(issue, chosen.fields, chosen.properties)

    def _from(self, search: Search, position: list[Any] | None, size: int) -> list[Issue]:
        """Up to one issue more than `size`, in order, after the position."""
        after = None if position is None else search.rank_of(position)
        walk = walk_of(self.state, search, position)
        if walk is None:
            matching = ((search.rank(issue), issue) for issue in self.state.searchable.issues.values() if search.matches(issue))
            ranked = [entry for entry in matching if after is None or after < entry[0]]
        else:
            ranked = _taken(walk, search, after, size)
        ranked.sort(key=lambda entry: entry[0])
        return [issue for _, issue in ranked[: size + 1]]

    def _position(self, asked: Asked) -> list[Any] | None:
        if asked.next_page_token is None:
            return None
        try:
            token = decode_as(base64.urlsafe_b64decode(asked.next_page_token.encode()), Token)
        except (ValueError, msgspec.MsgspecError) as error:
            raise refuse(EXPIRED_PAGE) from error
        fresh = self.state.now().timestamp() - token.made <= TOKEN_LIFE.total_seconds()
        if not fresh or token != Token.sealed(asked.jql, token.made, token.position):
            raise refuse(EXPIRED_PAGE)
        return token.position

    def _token(self, asked: Asked, position: list[Any]) -> str:
        token = Token.sealed(asked.jql, self.state.now().timestamp(), position)
        return base64.urlsafe_b64encode(msgspec.json.encode(token)).decode()

    def _bulk_fetch(self, request: Request) -> Reply:
        try:
            asked = convert_to(body_object(request), Fetched)
        except msgspec.ValidationError as error:
            raise refuse(BAD_PAYLOAD) from error
        if not 0 < len(asked.issue_ids_or_keys) <= BULK_FETCH:
            raise refuse(f"Between 1 and {BULK_FETCH} issue ids or keys can be requested.")
        chosen = selection(self.state, asked.fields, asked.properties, default="*navigable")
        found = {name: self.state.visible_issue(name) for name in asked.issue_ids_or_keys}
        issues = {issue.id: issue for issue in found.values() if issue is not None}
        missing = [name for name, issue in found.items() if issue is None and self.state.explains_missing]
        documents = self.state.documents()
        answer = {
            "issues": [documents.issue(issues[ident], chosen.fields, chosen.properties) for ident in sorted(issues)],
            "issueErrors": [
                {"id": name, "errorMessage": "Issue does not exist or you do not have permission to see it."} for name in missing
            ],
        }
        extra = expansions(chosen, asked.expand)
        for issue_document in answer["issues"]:
            issue_document.update(extra)
        return Reply(200, answer)


def expansions(chosen: Selection, asked: Sequence[str]) -> dict[str, Any]:
    extra: dict[str, Any] = {}
    if "names" in asked:
        extra["names"] = {field.id: field.name for field in chosen.fields}
    if "schema" in asked:
        extra["schema"] = {field.id: schema(field) for field in chosen.fields}
    return extra


def walk_of(state: State, search: Search, position: list[Any] | None) -> Iterator[Issue] | None:
    """The candidates in the order of the first sorting, as few as the query and the position allow; None without such an index."""
    first = search.order[0]
    if first.field == "updated":
        low, high = search.updated
        bound = None if position is None else EPOCH + timedelta(milliseconds=position[0])
        if bound is not None and first.descending:
            high = bound if high is None else min(high, bound)
        elif bound is not None:
            low = bound if low is None else max(low, bound)
        return state.searchable.by_update(low, high, descending=first.descending)
    if first.field == "key":
        low_key = high_key = None
        if search.project is not None:
            low_key, high_key = (search.project, 0), (search.project, 1 << 62)
        if position is not None and first.descending:
            high_key = (position[0][0], position[0][1])
        elif position is not None:
            low_key = (position[0][0], position[0][1])
        return state.searchable.by_key(low_key, high_key, descending=first.descending)
    return None


def _taken(walk: Iterator[Issue], search: Search, after: Rank | None, size: int) -> list[tuple[Rank, Issue]]:
    """Enough of the walk to be sure of the first `size + 1`: further sortings may still reorder what ties with the last."""
    taken: list[tuple[Rank, Issue]] = []
    settled = len(search.order) == 1
    read = search.order[0].read
    for issue in walk:
        if len(taken) > size and (settled or read(issue) != read(taken[-1][1])):
            break
        if search.matches(issue):
            rank = search.rank(issue)
            if after is None or after < rank:
                taken.append((rank, issue))
    return taken
