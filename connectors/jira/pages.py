"""Pages of issues, undecoded, whichever search they come from."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import httpx
import msgspec

from connectors.errors import Unavailable
from connectors.http import decode
from connectors.jira.jql import WholeMinute, listing, listing_of
from connectors.jira.options import JiraScope
from mappings.decoding import convert_to
from mappings.jira_records import Payload, split_records

PAGE = 100


class Query(msgspec.Struct, frozen=True):
    """What a listing asks of each issue in scope. `zone` is the account's, None if it hides it."""

    scope: JiraScope
    zone: str | None
    fields: Sequence[str]
    properties: Sequence[str]

    def jql(self, since: datetime | None) -> str:
        """Everything that was updated at `since` or later, in the order of the last update."""
        return listing(self.scope, since, self.zone)

    def jql_of(self, minute: WholeMinute, behind: tuple[Collection[str], str] | None = None) -> str:
        """What was last updated in this minute, by key; `behind`: all but what lies before this key, the last of these projects."""
        return listing_of(self.scope, minute, behind)


class SearchPage(msgspec.Struct, frozen=True):
    """The issues of one page, whether it is the last, when Jira answered, and how many issues there are where that is told."""

    issues: Sequence[Payload]
    last: bool
    answered_at: datetime | None
    total: int | None = None


def issues_of(source: str, answer: httpx.Response, decoder: msgspec.json.Decoder[Any]) -> tuple[Sequence[Payload], Any]:
    """The page's issues, and the page. One issue that holds impossible text makes a page invalid: it is then read leniently.

    Raises `Unavailable` when it is no page at all.
    """
    try:
        page = decoder.decode(answer.content)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return _leniently(source, answer, decoder)
    return page.issues, page


def _leniently(source: str, answer: httpx.Response, decoder: msgspec.json.Decoder[Any]) -> tuple[Sequence[Payload], Any]:
    try:
        issues, rest = split_records(answer.content, "issues")
        return issues, convert_to({**rest, "issues": []}, decoder.type)
    except (ValueError, RecursionError, msgspec.ValidationError):
        # It is no page at all: said in the words for that.
        decode(source, answer, decoder)
        raise


def check_token(source: str, token: str | None, seen: set[str]) -> None:
    """Raises `Unavailable` when Jira repeats a page's token: the listing would never end."""
    if token is None:
        return
    if token in seen:
        raise Unavailable(source, "Jira repeats a page of the search", fix="run again; the pull goes on where it was")
    seen.add(token)
