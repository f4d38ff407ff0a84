"""`/search` of version 2: pages by offset, with a total, in the address or in a body."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from mappings.decoding import convert_to
from sandbox.jira.answers import BAD_PAYLOAD, body_object, errors, names, number, refuse
from sandbox.jira.doings import Doings
from sandbox.jira.jql import JqlError
from sandbox.jira.model import Issue
from sandbox.jira.query import Search, prepare
from sandbox.jira.search_api import walk_of
from sandbox.jira.selection import selection
from sandbox.messages import Reply, Request
from sandbox.server import Route

PATH = "/rest/api/2/search"
DEFAULT_PAGE = 50


class Asked(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    """The body of a search, and what the query string of its GET form becomes."""

    jql: str = ""
    start_at: int = 0
    max_results: int = DEFAULT_PAGE
    fields: list[str] = []
    expand: list[str] = []
    validate_query: bool = True


class OffsetSearch:
    """`limits` gives the largest page and how far a search reaches."""

    def __init__(self, site: Doings, limits: Callable[[], tuple[int, int]]) -> None:
        self.site = site
        self._limits = limits

    def routes(self) -> Sequence[Route]:
        documented = frozenset({"jql", "startAt", "maxResults", "fields", "expand", "validateQuery"})
        return [
            Route("GET", PATH, self._by_query, query=documented),
            Route("POST", PATH, self._by_body, query=frozenset(), writes=False),
        ]

    def _by_body(self, request: Request) -> Reply:
        try:
            return self._search(convert_to(body_object(request), Asked))
        except msgspec.ValidationError as error:
            raise refuse(BAD_PAYLOAD) from error

    def _by_query(self, request: Request) -> Reply:
        return self._search(
            Asked(
                jql=request.query.get("jql", ""),
                start_at=number(request, "startAt", 0),
                max_results=number(request, "maxResults", DEFAULT_PAGE),
                fields=names(request, "fields"),
                validate_query=request.query.get("validateQuery", "true").lower() != "false",
            )
        )

    def _search(self, asked: Asked) -> Reply:
        largest, window = self._limits()
        size = min(max(asked.max_results, 0), largest)
        start = max(asked.start_at, 0)
        if start + size > window:
            text = f"Search limit exceeded: {start + size} results exceed the search platform limit of {window}."
            return Reply(500, {"errorMessages": [text], "errors": {}})
        self.site.index_due()
        try:
            search = prepare(asked.jql, self.site, validate=asked.validate_query)
        except JqlError as error:
            return errors(str(error))
        walk = walk_of(self.site, search, None)
        found = list(filter(search.matches, self.site.searchable.issues.values() if walk is None else walk))
        page = sorted(found, key=search.rank)[start : start + size] if walk is None else _ranked(search, found, start, size)
        chosen = selection(self.site, asked.fields, (), default="*navigable")
        documents = self.site.documents()
        answer: dict[str, Any] = {
            "expand": "schema,names",
            "startAt": start,
            "maxResults": size,
            "total": len(found),
            "issues": [documents.issue(issue, chosen.fields) for issue in page],
        }
        return Reply(200, answer)


def _ranked(search: Search, found: Sequence[Issue], start: int, size: int) -> Sequence[Issue]:
    """The page of what was found in the order of the first sorting: only what ties with it must still be put in order."""
    read = search.order[0].read
    low, high = start, min(start + size, len(found))
    while 0 < low < high and read(found[low - 1]) == read(found[low]):
        low -= 1
    while low < high < len(found) and read(found[high - 1]) == read(found[high]):
        high += 1
    return sorted(found[low:high], key=search.rank)[start - low : start - low + size]
