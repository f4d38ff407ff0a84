"""How far the issues were read, as a text that the engine keeps."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec

from connectors.jira.options import DeploymentName
from mappings.decoding import decoder_for

FRESH_FOR = timedelta(hours=6)
"""How long facts about the site are believed without asking again."""


class SiteFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What must be known of a site to ask for its issues, kept in the cursor so that a pull without news is one request.

    `zone` is the account's time zone, None if hidden. `fields` maps the ids of the further fields to their names, `own` gives the
    ids of each field of ours. `wanted` says for which configuration that was found out. Cursors of the first version name no
    `deployment`: there was only one.
    """

    url: str
    deployment: DeploymentName = "cloud"
    zone: str | None
    fields: dict[str, str]
    own: dict[str, tuple[str, ...]]
    wanted: str
    asked_at: datetime


class Cursor(msgspec.Struct, frozen=True, kw_only=True):
    """Issues updated at or before `since` have been read, for the most part: reading goes on a little earlier. `listing` is true
    until a full listing has come to its end."""

    since: datetime | None
    listing: bool
    site: SiteFacts | None = None


_decoder = decoder_for(Cursor)


def read_cursor(text: str | None) -> Cursor:
    """Where to go on. What this version cannot read starts a full listing."""
    start = Cursor(since=None, listing=True)
    if text is None:
        return start
    try:
        cursor = _decoder.decode(text)
    except (msgspec.DecodeError, UnicodeError):
        return start
    moments = [moment for moment in (cursor.since, cursor.site.asked_at if cursor.site else None) if moment is not None]
    return cursor if all(moment.tzinfo is not None for moment in moments) else start


def write_cursor(cursor: Cursor) -> str:
    return msgspec.json.encode(cursor).decode()


def is_fresh(site: SiteFacts, wanted: str) -> bool:
    """Whether the facts are of this configuration, and young enough."""
    return site.wanted == wanted and timedelta(0) <= datetime.now(UTC) - site.asked_at < FRESH_FOR
