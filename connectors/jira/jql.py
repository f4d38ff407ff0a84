"""The queries that the reader asks, as text. JQL's times are minutes in the time zone of the account that asks."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from connectors.jira.options import JiraScope

ZONE_UNKNOWN = timedelta(hours=12)
"""Zones reach from 12 hours behind UTC to 14 ahead of it: a UTC time this much earlier is early enough in every zone."""

ORDER = "ORDER BY updated ASC, key ASC"
"""An issue that changes while the listing is read moves to its end: it may come twice, it is never missed."""


class WholeMinute(NamedTuple):
    """A minute, and the next one, in the account's local time; `end` is when it ends."""

    first: str
    next: str
    end: datetime


def listing(scope: JiraScope, since: datetime | None, zone: str | None) -> str:
    """Everything in scope that was updated at `since` (UTC) or later. `zone` None: the account hides its own."""
    where = in_scope(scope)
    if since is not None:
        where = f'{where} AND updated >= "{local_minute(since, zone)}"'
    return f"{where} {ORDER}"


def listing_of(scope: JiraScope, minute: WholeMinute, behind: tuple[Collection[str], str] | None) -> str:
    """Everything in scope that was last updated in this minute, by key. `behind` are the projects that were met so far and the last
    key that was: what comes before it is left out."""
    where = f'{in_scope(scope)} AND updated >= "{minute.first}" AND updated < "{minute.next}"'
    if behind is not None:
        projects, key = behind
        where = f'{where} AND ({_of_project("not in", projects)} OR key >= "{key}")'
    return f"{where} ORDER BY key ASC"


def in_scope(scope: JiraScope) -> str:
    if scope.jql is not None:
        return f"({scope.jql})"
    return _of_project("in", scope.projects)


def among(scope: JiraScope, idents: Iterable[str]) -> str:
    """Those of the issues that are in scope."""
    return f"{in_scope(scope)} AND {by_id(idents)}"


def by_id(idents: Iterable[str]) -> str:
    """The issues wherever they are."""
    return "id in ({})".format(", ".join(idents))


def whole_minute(moment: datetime, zone: str | None) -> WholeMinute | None:
    """The minute that `moment` lies in. None where local time does not tell it: the account hides its zone, or clocks are set back
    and the minute, or the next one, comes twice."""
    if zone is None:
        return None
    first = moment.astimezone(ZoneInfo(zone)).replace(second=0, microsecond=0)
    end = first.astimezone(UTC) + timedelta(minutes=1)
    following = end.astimezone(ZoneInfo(zone))
    if _is_ambiguous(first) or _is_ambiguous(following):
        return None
    return WholeMinute(_text(first), _text(following), end)


def local_minute(moment: datetime, zone: str | None) -> str:
    """The last whole minute that, read as the account's local time, is not after `moment`.

    A local time that occurs twice, when clocks are set back, might be read as the later one: the one before that hour is taken.
    """
    if zone is None:
        return _text(moment.astimezone(UTC) - ZONE_UNKNOWN)
    local = moment.astimezone(ZoneInfo(zone))
    while _is_ambiguous(local):
        moment -= timedelta(minutes=30)
        local = moment.astimezone(ZoneInfo(zone))
    return _text(local)


def _of_project(operator: str, keys: Iterable[str]) -> str:
    # Quoted, because a project's key may be one of JQL's reserved words.
    return "project {} ({})".format(operator, ", ".join(f'"{key}"' for key in keys))


def _is_ambiguous(local: datetime) -> bool:
    return local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M")
