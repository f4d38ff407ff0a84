"""Jira's records as entities: of the cloud, where rich text is a document, and of Data Center, where it is wiki markup.

Our own field and property are left out of the entities and given as readings of their slots.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

import msgspec

from mappings import wiki
from mappings.adf import is_document, to_text
from mappings.change import Owned, Reading, Slot, Value
from mappings.decoding import decoder_for
from mappings.jira_records import (
    FieldRecord,
    LinkRecord,
    Payload,
    SchemaRecord,
    StatusRecord,
    SystemFields,
    Untranslatable,
    UserRecord,
    VersionRecord,
    issue_shape,
    read_record,
)
from mappings.jira_values import plain, property_value, shown_value, split_labels
from mappings.model import Field, Milestone, Person, Ref, StatusCategory, WorkItem
from mappings.moments import utc

SYSTEM_FIELDS = (
    "summary",
    "description",
    "issuetype",
    "project",
    "status",
    "labels",
    "components",
    "assignee",
    "parent",
    "issuelinks",
    "duedate",
    "fixVersions",
    "created",
    "updated",
    "resolutiondate",
    "statuscategorychangedate",
    "priority",
    "resolution",
    "archiveddate",
)
"""What an issue must be asked for, beside the custom fields that a translation is made for."""


ALWAYS_SET = ("updated", "status", "project")
"""The system fields that no issue is without, whatever its project's screens and schemes. A summary may be hidden or null."""


class Translated(NamedTuple):
    """An issue, what our slots on it hold, and the versions that it names."""

    item: WorkItem
    slots: Sequence[Reading]
    versions: Sequence[VersionRecord]


class Outline(NamedTuple):
    """What an issue is and where, as far as its edit screen depends on it."""

    key: str
    container: str
    item_type: str | None


class Translation:
    """Makes one source's entities.

    `site` is the address that people open. `fields` names the custom fields (id to name) that become `WorkItem.fields`; `own` gives
    for each field of ours the ids that it has (a team-managed project brings its own field of the same name), or `labels`.
    """

    def __init__(
        self, source: str, site: str, owned: Owned, *, fields: Mapping[str, str] = {}, own: Mapping[str, Collection[str]] = {}
    ) -> None:
        self._source = source
        self._site = site.rstrip("/")
        self._owned = owned
        custom = {
            name: tuple(ident for ident in idents if ident not in SystemFields.__struct_fields__) for name, idents in own.items()
        }
        self._own_ids = tuple(dict.fromkeys(ident for idents in custom.values() for ident in idents))
        self._in_labels = tuple(name for name, idents in own.items() if "labels" in idents)
        self._in_fields = {name: idents for name, idents in custom.items() if name not in self._in_labels}
        self._names = {
            ident: name
            for ident, name in fields.items()
            if ident not in self._own_ids and ident not in SystemFields.__struct_fields__
        }
        self._decoder: msgspec.json.Decoder[Any] = decoder_for(issue_shape((*self._names, *self._own_ids)))

    @property
    def asked_fields(self) -> Sequence[str]:
        """The ids of the fields to ask Jira for."""
        return (*SYSTEM_FIELDS, *self._names, *self._own_ids)

    def issue(self, payload: Payload) -> Translated:
        """The whole issue. Raises `Untranslatable`, also when Jira left out what every issue has: an answer without a status says
        nothing of the status."""
        record = self._record(payload, ALWAYS_SET)
        fields: Any = record.fields
        ref = Ref(self._source, "work_item", record.id)
        labels, shown = self._split(fields)
        category = _category(fields.status)
        updated = _utc(fields.updated)
        item = WorkItem(
            ref=ref,
            url=f"{self._site}/browse/{record.key}",
            created_at=_utc(fields.created),
            updated_at=updated,
            key=record.key,
            title=fields.summary or "",
            body=_body(fields.description) if fields.description else "",
            item_type=_item_type(fields),
            container=_container(record),
            status=fields.status.name if fields.status else None,
            status_category=category,
            labels=tuple(labels),
            components=tuple(component.name for component in fields.components or () if component.name),
            fields=self._others(fields),
            assignee=_person(fields.assignee),
            parent=Ref(self._source, "work_item", fields.parent.id) if fields.parent and fields.parent.id else None,
            blocked_by=self._blockers(fields.issuelinks) if fields.issuelinks else (),
            due=_date(fields.duedate),
            milestones=tuple(Ref(self._source, "milestone", version.id) for version in fields.fixVersions or ()),
            closed_at=_utc(fields.resolutiondate or fields.statuscategorychangedate) if category == "done" else None,
            editable=not (fields.project.archived or fields.archiveddate),
        )
        return Translated(item, self._readings(ref, shown, record.properties), fields.fixVersions or ())

    def slots(self, payload: Payload) -> Sequence[Reading]:
        """What our slots hold, of an issue asked for nothing but its project and them. Raises `Untranslatable`."""
        record = self._record(payload, ("project",))
        _, shown = self._split(record.fields)
        return self._readings(Ref(self._source, "work_item", record.id), shown, record.properties)

    def outline(self, payload: Payload) -> Outline:
        """Of an issue asked for nothing but its project and type. Raises `Untranslatable`."""
        record = self._record(payload, ("project",))
        return Outline(record.key, _container(record), _item_type(record.fields))

    def milestone(self, version: VersionRecord, container: str) -> Milestone:
        """A released or an archived version is closed."""
        return Milestone(
            ref=Ref(self._source, "milestone", version.id),
            url=f"{self._site}/projects/{container}/versions/{version.id}" if container else None,
            name=version.name or "",
            container=container,
            due=_date(version.releaseDate),
            state="closed" if version.released or version.archived else "open",
        )

    def field(self, record: FieldRecord) -> Field:
        schema = record.schema or SchemaRecord()
        return Field(
            ref=Ref(self._source, "field", record.id),
            name=record.name or record.id,
            custom=bool(record.custom),
            schema_type=schema.type,
            items=schema.items,
        )

    def _record(self, payload: Payload, needed: Iterable[str]) -> Any:
        record = read_record(self._decoder, payload)
        missing = [name for name in needed if getattr(record.fields, name) is None]
        if missing:
            raise Untranslatable(f"without {', '.join(missing)}")
        return record

    def _split(self, fields: Any) -> tuple[Sequence[str], Mapping[str, Value]]:
        """The labels that are not ours, and what each field of ours shows."""
        labels: Sequence[str] = fields.labels or ()
        shown: dict[str, Value] = {name: self._shown_in(fields, idents) for name, idents in self._in_fields.items()}
        if self._in_labels:
            ours, labels = split_labels(labels, self._owned.options)
            shown.update(dict.fromkeys(self._in_labels, ours or None))
        return labels, shown

    def _shown_in(self, fields: Any, idents: Iterable[str]) -> Value:
        for ident in idents:
            value = getattr(fields, ident)
            if value:
                return split_labels(value, self._owned.options)[0] or None if _is_labels(value) else shown_value(value)
        return None

    def _others(self, fields: Any) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if fields.priority and fields.priority.name:
            found["Priority"] = fields.priority.name
        if fields.resolution and fields.resolution.name:
            found["Resolution"] = fields.resolution.name
        for ident, name in self._names.items():
            value = getattr(fields, ident)
            if value is not None and (known := plain(value)) is not None:
                found[name] = known
        for field, idents in self._in_fields.items():
            for ident in idents:
                value = getattr(fields, ident)
                if value and _is_labels(value) and (rest := split_labels(value, self._owned.options)[1]):
                    found[field] = rest
        return found

    def _blockers(self, links: Iterable[LinkRecord]) -> tuple[Ref, ...]:
        return tuple(Ref(self._source, "work_item", ident) for link in links if (ident := _blocker(link)))

    def _readings(self, ref: Ref, shown: Mapping[str, Value], properties: Mapping[str, Any] | None) -> Sequence[Reading]:
        readings = [Reading(slot=Slot(ref, "field", field), value=value) for field, value in shown.items() if value is not None]
        name = self._owned.property
        if name and properties and (value := property_value(properties.get(name))) is not None:
            readings.append(Reading(slot=Slot(ref, "property", name), value=value))
        return readings


def _container(record: Any) -> str:
    key: str = record.fields.project.key or record.key.rpartition("-")[0]
    return key


def _item_type(fields: Any) -> str | None:
    return fields.issuetype.name if fields.issuetype else None


def _body(description: Any) -> str:
    if isinstance(description, str):
        return wiki.to_text(description)
    if is_document(description):
        return to_text(description)
    raise Untranslatable("description is neither text nor an Atlassian document")


def _category(status: StatusRecord | None) -> StatusCategory:
    key = status.statusCategory.key if status and status.statusCategory else None
    return _CATEGORIES.get(key or "", "unknown")


def _person(user: UserRecord | None) -> Person | None:
    """By the account's id, or the user's key in a data center, which stays when the name changes."""
    ident = (user.accountId or user.key or user.name) if user else None
    return Person(id=ident, name=user.displayName) if user and ident else None


def _blocker(link: LinkRecord) -> str | None:
    """The id of the issue that blocks the one that has the link, or None.

    Seen from an issue, `inward` says what it is to `inwardIssue`, `outward` what it is to `outwardIssue`. The three texts can be
    edited and translated, so any of them is enough to know the type by; one that says the opposite is believed.
    """
    kind = link.type
    if kind is None:
        return None
    if link.inwardIssue is not None:
        said = (kind.inward or "").strip().casefold()
        name = (kind.name or "").strip().casefold()
        outward = (kind.outward or "").strip().casefold()
        blocked = said in _IS_BLOCKED or (said not in _BLOCKS and (name in _BLOCKS or outward in _BLOCKS))
        return link.inwardIssue.id if blocked else None
    if link.outwardIssue is not None and (kind.outward or "").strip().casefold() in _IS_BLOCKED:
        return link.outwardIssue.id
    return None


def _is_labels(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _date(text: str | None) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise Untranslatable("a date that is none") from error


def _utc(moment: datetime | None) -> datetime | None:
    try:
        return utc(moment)
    except OverflowError as error:
        raise Untranslatable("a time beyond the calendar") from error


_CATEGORIES: Mapping[str, StatusCategory] = {"new": "todo", "indeterminate": "in_progress", "done": "done"}
_BLOCKS = frozenset({"blocks", "block", "blocker"})
_IS_BLOCKED = frozenset({"is blocked by", "blocked by"})
