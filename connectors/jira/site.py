"""What a reader must know of a site before it can ask for issues."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from connectors.base import SourceContext
from connectors.jira.api import JiraApi
from connectors.jira.cursor import SiteFacts
from mappings.change import Owned
from mappings.jira_records import FieldRecord

LABELS = "labels"


def wanted_facts(context: SourceContext) -> str:
    """The configuration that the facts depend on, as one text."""
    return "\n".join(
        [context.options.url, context.options.deployment or "", *context.owned.all_fields(), "", *context.options.fields]
    )


def ask_site(api: JiraApi, context: SourceContext) -> SiteFacts:
    """Asks for the account's time zone as well: a search for what changed needs it."""
    terms = ask_terms(api, context)
    return SiteFacts(
        url=terms.url,
        deployment=api.deployment.name,
        zone=known_zone(api.time_zone()),
        fields=terms.fields,
        own=terms.own,
        wanted=wanted_facts(context),
        asked_at=datetime.now(UTC),
    )


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What an issue's record is read by: the address of its page, the names of the `fields` wanted, by id, and the ids of those
    that are ours, by name."""

    url: str
    fields: dict[str, str]
    own: dict[str, tuple[str, ...]]


def ask_terms(api: JiraApi, context: SourceContext) -> Terms:
    """Asks for field definitions where the configuration names any."""
    names = context.options.fields
    records = api.fields().records if names or context.owned.all_fields() else ()
    own = own_fields(records, context.owned)
    ours = {ident for idents in own.values() for ident in idents}
    return Terms(
        url=(api.server().baseUrl if context.options.is_gateway else None) or context.options.url,
        fields={record.id: record.name or record.id for record in named(records, names) if record.id not in ours},
        own=own,
    )


def own_fields(records: Iterable[FieldRecord], owned: Owned) -> dict[str, tuple[str, ...]]:
    """The ids of each field that is ours, by name or id: custom ones, or the system's labels. No other system field can be ours."""
    known = list(records)
    return {
        field: tuple(record.id for record in named(known, (field,)) if record.custom or record.id == LABELS)
        for field in owned.all_fields()
    }


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
