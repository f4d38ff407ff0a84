"""Listings by offset, of which a search gives no more than its first so many results: followed in windows, each of them a search
that begins anew at offset 0.

The listing by update begins anew at the last update that was met. JQL's times are whole minutes, though, and an import or a script
changes tens of thousands of issues within one. Such a minute is listed by key, and the listing by update goes on after it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterator, Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from connectors.errors import Unavailable
from connectors.jira.jql import WholeMinute, whole_minute
from connectors.jira.pages import Query, SearchPage
from mappings.decoding import decoder_for
from mappings.jira_records import Payload, identity

DEEPEST = 5_000
"""How far one search is followed by offset."""

_RESTARTS = 10
_KEY = re.compile(r"(\w+)-\d+")


class Window(msgspec.Struct, frozen=True):
    """Where a search by offset stands. `met` is the issue at `start`, which the page before ended with."""

    jql: str
    start: int = 0
    met: str | None = None


Search = Callable[[Window], SearchPage]
"""Asks for the page that begins there."""


def pages_by_offset(source: str, search: Search, query: Query, since: datetime | None) -> Iterator[SearchPage]:
    """As `Deployment.pages`. Raises `Unavailable` when the issues change faster than they can be listed."""
    by_update = _ByUpdate(query, since)
    while (minute := (yield from _followed(source, search, by_update))) is not None:
        for page in _followed(source, search, _ByKey(query, minute)):
            yield msgspec.structs.replace(page, last=False)
        by_update.reached = minute.end


class _Place(Protocol):
    """How far a listing has come."""

    def meet(self, issues: Sequence[Payload]) -> None:
        """These come next."""
        ...

    def begin(self) -> Window:
        """A search for all that was not met, and perhaps more, whatever has changed meanwhile."""
        ...

    def onward(self, deeper: Window) -> Window | WholeMinute:
        """A search to go on with in the place of `deeper`, or the minute that holds more than one reaches."""
        ...


def _followed(source: str, search: Search, place: _Place) -> Generator[SearchPage, None, WholeMinute | None]:
    """Each page begins with the issue that the last one ended with. If another one stands there, one that was met has moved to the
    end of the listing or is gone, and those behind it have moved up: it is begun anew. Returns None at the listing's end."""
    begun = window = place.begin()
    idle = 0
    while True:
        page = search(window)
        if window.met is not None and (not page.issues or identity(page.issues[0]) != window.met):
            window = place.begin()
            idle = idle + 1 if window == begun else 0
            if idle > _RESTARTS:
                what = "the issues change faster than they can be listed"
                raise Unavailable(source, what, fix="run again; the pull goes on where it was")
            begun = window
            continue
        place.meet(page.issues)
        yield page
        if page.last:
            return None
        deeper = _deeper(source, window, page)
        onward = deeper if deeper.start < DEEPEST else place.onward(deeper)
        if isinstance(onward, WholeMinute):
            return onward
        window = onward


def _deeper(source: str, window: Window, page: SearchPage) -> Window:
    met = identity(page.issues[-1])
    step = len(page.issues) - (met is not None)
    if step == 0:
        raise Unavailable(source, "Jira gives one issue a page", fix="let an admin raise the limit of search results")
    return Window(window.jql, window.start + step, met)


class _ByUpdate:
    """What changes meanwhile moves to the end of the listing, and is met there."""

    def __init__(self, query: Query, reached: datetime | None) -> None:
        self.reached = reached
        self._query = query

    def meet(self, issues: Sequence[Payload]) -> None:
        self.reached = max((moment for moment in (self.reached, *map(_updated, issues)) if moment is not None), default=None)

    def begin(self) -> Window:
        return Window(self._query.jql(self.reached))

    def onward(self, deeper: Window) -> Window | WholeMinute:
        begun = self.begin()
        if begun.jql != deeper.jql:
            return begun
        return (whole_minute(self.reached, self._query.zone) if self.reached else None) or deeper


class _ByKey:
    """A minute that is over loses issues to later ones, and gains none; of one that is not, the next pull reads all again.

    Keys sort by project, then number, and compare within a project only: what is left are the projects that were not met, and of
    the last one the keys from the last that was met. It must be met again: a key that was given to another project says nothing.
    """

    def __init__(self, query: Query, minute: WholeMinute) -> None:
        self._query = query
        self._minute = minute
        self._projects: dict[str, None] = {}
        self._last: _Named | None = None

    def meet(self, issues: Sequence[Payload]) -> None:
        for payload in issues:
            named = _named(payload)
            if named is not None and (key := _KEY.fullmatch(named.key)):
                self._projects[key[1]] = None
                self._last = named

    def begin(self) -> Window:
        self._projects.clear()
        self._last = None
        return Window(self._query.jql_of(self._minute))

    def onward(self, deeper: Window) -> Window | WholeMinute:
        if self._last is None:
            return deeper
        return Window(self._query.jql_of(self._minute, (list(self._projects), self._last.key)), met=self._last.id)


class _Named(msgspec.Struct):
    id: str
    key: str


class _Stamp(msgspec.Struct):
    updated: datetime | None = None


class _Stamped(msgspec.Struct):
    fields: _Stamp


def _named(payload: Payload) -> _Named | None:
    try:
        return _NAMED.decode(payload)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


def _updated(payload: Payload) -> datetime | None:
    """An issue whose time cannot be read tells none."""
    try:
        updated = _STAMPED.decode(payload).fields.updated
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    return updated if updated is not None and updated.tzinfo is not None else None


_NAMED = decoder_for(_Named)
_STAMPED = decoder_for(_Stamped)
