"""What a reader must know of a site before it can ask for issues."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from connectors.base import SourceContext
from connectors.jira.api import JiraApi
from connectors.jira.cursor import SiteFacts
from mappings.jira_records import FieldRecord

LABELS = "labels"


def wanted_facts(context: SourceContext) -> str:
    """The configuration that the facts depend on, as one text."""
    return "\n".join([context.options.url, context.owned.field or "", *context.options.fields])


def ask_site(api: JiraApi, context: SourceContext) -> SiteFacts:
    """Asks for the account's time zone, and for field definitions where the configuration names any."""
    names = context.options.fields
    records = api.fields() if names or context.owned.field else ()
    own = own_ids(records, context.owned.field)
    site = (api.site_url() if context.options.is_gateway else None) or context.options.url
    return SiteFacts(
        url=site,
        zone=known_zone(api.time_zone()),
        fields={record.id: record.name or record.id for record in named(records, names) if record.id not in own},
        own=own,
        wanted=wanted_facts(context),
        asked_at=datetime.now(UTC),
    )


def own_ids(records: Iterable[FieldRecord], field: str | None) -> tuple[str, ...]:
    """The ids of the field that is ours, by name or id: custom ones, or the system's labels. No other system field can be ours."""
    if field is None:
        return ()
    return tuple(record.id for record in named(records, (field,)) if record.custom or record.id == LABELS)


def named(records: Iterable[FieldRecord], names: Sequence[str]) -> Sequence[FieldRecord]:
    """The fields with these names or ids. Several may have one name: each team-managed project makes its own.

    Ids that cannot be an attribute belong to apps' internals; they are left out.
    """
    return [record for record in records if (record.id in names or record.name in names) and record.id.isidentifier()]


def known_zone(name: str | None) -> str | None:
    """The zone, if this machine knows it too."""
    if not name:
        return None
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None
    return name
