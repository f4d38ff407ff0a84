"""The queries that the reader asks, as text. JQL's times are minutes in the time zone of the account that asks."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from connectors.jira.options import JiraScope

ZONE_UNKNOWN = timedelta(hours=12)
"""Zones reach from 12 hours behind UTC to 14 ahead of it: a UTC time this much earlier is early enough in every zone."""

ORDER = "ORDER BY updated ASC, key ASC"
"""An issue that changes while the listing is read moves to its end: it may come twice, it is never missed."""


def listing(scope: JiraScope, since: datetime | None, zone: str | None) -> str:
    """Everything in scope that was updated at `since` (UTC) or later. `zone` None: the account hides its own."""
    where = in_scope(scope)
    if since is not None:
        where = f'{where} AND updated >= "{local_minute(since, zone)}"'
    return f"{where} {ORDER}"


def in_scope(scope: JiraScope) -> str:
    if scope.jql is not None:
        return f"({scope.jql})"
    # Quoted, because a project's key may be one of JQL's reserved words.
    return "project in ({})".format(", ".join(f'"{key}"' for key in scope.projects))


def among(scope: JiraScope, idents: Iterable[str]) -> str:
    """Those of the issues that are in scope."""
    return f"{in_scope(scope)} AND {by_id(idents)}"


def by_id(idents: Iterable[str]) -> str:
    """The issues wherever they are."""
    return "id in ({})".format(", ".join(idents))


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


def _is_ambiguous(local: datetime) -> bool:
    return local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M")
