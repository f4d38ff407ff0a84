"""Listings by creation and by change: what a full pull reads, and what one from a cursor does.

A full pull lists by the time of creation, which never changes, and begins a new query wherever a page has advanced: so nothing
moves while it is read, and no listing is longer than the service allows. A pull from a cursor asks for what changed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

import msgspec

from connectors.base import Batch
from connectors.sagemaker.api import PAGE, AwsApi, Page
from connectors.sagemaker.cursor import Cursor, Progress
from mappings.decoding import decoder_for
from mappings.sagemaker import Records


class Stamp(msgspec.Struct, frozen=True):
    """As much of a record as tells where it stands: its name, and when it was made and changed (0: not told)."""

    name: str
    created: float
    changed: float


class Feed(Protocol):
    """One kind of object."""

    @property
    def action(self) -> str: ...

    def listed(self, api: AwsApi, since: int, token: str | None) -> Page:
        """A page of what was made at `since` or later, the oldest first."""
        ...

    def changed(self, api: AwsApi, since: int, token: str | None) -> Page:
        """A page of what was made or changed at `since` or later."""
        ...

    def stamp(self, record: msgspec.Raw) -> Stamp | None:
        """None for a record that makes no sense."""
        ...


Translate = Callable[[Sequence[msgspec.Raw]], Records]


def follow(api: AwsApi, feed: Feed, cursor: Cursor | None, translate: Translate) -> Iterator[Batch]:
    """The feed's records since `cursor`, each change of each once."""
    now = int(time.time())
    progress = Progress(cursor, now)
    if cursor is None or cursor.listed is not None:
        start = cursor.listed if cursor is not None and cursor.listed is not None else 0
        for page, reached in _by_creation(api, feed, start, now):
            yield _batch(feed, page, progress, translate, listed=reached)
    if cursor is not None:
        for page in _changes(api, feed, progress.asked_since):
            # By creation, so the latest change may come first: only the end of it is a point to go on from.
            yield _batch(feed, page, progress, translate)
    yield Batch(cursor=progress.ended().encode(), complete=cursor is None)


def _batch(feed: Feed, page: Page, progress: Progress, translate: Translate, *, listed: int | None = None) -> Batch:
    """A page's news. `listed`: how far a full listing has come with it."""
    progress.hear(page.answered_at)
    fresh = [record for record in page.records if _is_news(feed, record, progress)]
    records = translate(fresh)
    for stamp in filter(None, map(feed.stamp, fresh)):
        progress.note(stamp.name, stamp.changed)
    cursor = progress.paused(listed).encode() if listed is not None else None
    return Batch(entities=records.entities, rejected=records.rejected, cursor=cursor)


def _is_news(feed: Feed, record: msgspec.Raw, progress: Progress) -> bool:
    stamp = feed.stamp(record)
    return stamp is None or progress.is_news(stamp.name, stamp.changed)


def _by_creation(api: AwsApi, feed: Feed, start: int, now: int) -> Iterator[tuple[Page, int]]:
    """Pages, each with the creation that they have reached. A time that lies ahead must not lead past what follows it."""
    since, token = start, None
    seen: set[str] = set()
    while True:
        page = feed.listed(api, since, token)
        stamps = filter(None, map(feed.stamp, page.records))
        reached = max([since, *(int(stamp.created) for stamp in stamps if stamp.created <= now)])
        yield page, reached
        if page.token is None:
            return
        if reached > since:
            since, token = reached, None
            seen.clear()
            continue
        token = page.token
        api.check_token(feed.action, token, seen)


def _changes(api: AwsApi, feed: Feed, since: int) -> Iterator[Page]:
    token: str | None = None
    seen: set[str] = set()
    while True:
        page = feed.changed(api, since, token)
        yield page
        if page.token is None:
            return
        token = page.token
        api.check_token(feed.action, token, seen)


class SearchFeed(msgspec.Struct, frozen=True, kw_only=True):
    """What `Search` finds: whole records, tags included, as an index has them that follows changes within moments.

    `field` holds the record in a result, `name` is the record's own field. `narrowed` is a filter that all must pass.
    """

    resource: str
    field: str
    name: Sequence[str]
    narrowed: Mapping[str, str] | None = None
    action: str = "sagemaker:Search"

    def listed(self, api: AwsApi, since: int, token: str | None) -> Page:
        return self._searched(api, {"Filters": [_at_least("CreationTime", since)]}, token)

    def changed(self, api: AwsApi, since: int, token: str | None) -> Page:
        # What was never changed may lack the time of it.
        either = [_at_least("LastModifiedTime", since), _at_least("CreationTime", since)]
        return self._searched(api, {"SubExpressions": [{"Filters": either, "Operator": "Or"}]}, token)

    def stamp(self, record: msgspec.Raw) -> Stamp | None:
        try:
            inner = _OBJECT.decode(_OBJECT.decode(record)[self.field])
            return _stamp(inner, self.name)
        except (msgspec.DecodeError, UnicodeError, LookupError, RecursionError):
            return None

    def _searched(self, api: AwsApi, expression: Mapping[str, Any], token: str | None) -> Page:
        if self.narrowed is not None:
            expression = {**expression, "Filters": [*expression.get("Filters", ()), dict(self.narrowed)]}
        asked = {"SortBy": "CreationTime", "SortOrder": "Ascending", "MaxResults": PAGE}
        more = {"NextToken": token} if token else {}
        return api.page(self.action, "Results", Resource=self.resource, SearchExpression=expression, **asked, **more)


class ListFeed(msgspec.Struct, frozen=True, kw_only=True):
    """What a `List…` action gives: summaries, in `field`. `name` are the fields that tell one from all others, `by_change` is its
    parameter for the time of change."""

    action: str
    field: str
    name: Sequence[str]
    narrowed: Mapping[str, Any] = {}
    by_change: str = "LastModifiedTimeAfter"

    def listed(self, api: AwsApi, since: int, token: str | None) -> Page:
        return self._page(api, {"CreationTimeAfter": _before(since)} if since else {}, token)

    def changed(self, api: AwsApi, since: int, token: str | None) -> Page:
        return self._page(api, {self.by_change: _before(since)}, token)

    def stamp(self, record: msgspec.Raw) -> Stamp | None:
        try:
            return _stamp(_OBJECT.decode(record), self.name)
        except (msgspec.DecodeError, UnicodeError, LookupError, RecursionError):
            return None

    def _page(self, api: AwsApi, times: Mapping[str, Any], token: str | None) -> Page:
        asked = {"SortBy": "CreationTime", "SortOrder": "Ascending", "MaxResults": PAGE, **self.narrowed, **times}
        return api.page(self.action, self.field, **asked, **({"NextToken": token} if token else {}))


_LAST_MOMENT = 253_402_300_799
"""The end of the year 9999: what lies behind it is no time."""

_OBJECT = decoder_for(dict[str, msgspec.Raw])
_SECONDS = decoder_for(float | None)


def _stamp(record: Mapping[str, msgspec.Raw], name: Sequence[str]) -> Stamp | None:
    created = _SECONDS.decode(record.get("CreationTime", b"null")) or 0.0
    changed = _SECONDS.decode(record.get("LastModifiedTime", b"null")) or created
    if not (0 <= created <= _LAST_MOMENT and 0 <= changed <= _LAST_MOMENT):
        return None
    return Stamp(" ".join(bytes(record[field]).decode() for field in name), created, changed)


def _at_least(field: str, since: int) -> Mapping[str, str]:
    return {"Name": field, "Operator": "GreaterThanOrEqualTo", "Value": f"{datetime.fromtimestamp(since, UTC):%Y-%m-%dT%H:%M:%S}"}


def _before(since: int) -> datetime:
    """These parameters say `after`: a second earlier lets nothing of that second slip."""
    return datetime.fromtimestamp(max(0, since - 1), UTC)
