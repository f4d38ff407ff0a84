"""Writes our statuses on Jira issues: one field and one property, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TypeVar

import httpx
import msgspec

from connectors.base import SourceContext
from connectors.errors import RateLimited, Unavailable
from connectors.jira.api import JiraApi, error_text
from connectors.jira.bulk import BulkEdits
from connectors.jira.editing import CannotShow, FieldEdit, OptionMissing, edit_for, off_screen, single_edit
from connectors.jira.lookup import fetch_issues
from connectors.jira.screens import Place, Screens, field_on
from connectors.jira.sdk import JiraSdk
from connectors.jira.site import own_fields
from mappings.change import Change, Slot, Value, Written, reduced
from mappings.jira import Translation
from mappings.jira_records import FieldRecord, Payload, Untranslatable
from mappings.model import Ref

T = TypeVar("T")

LONGEST_PROPERTY = 32_768
_PLACE = ("project", "issuetype")
FAILURES_IN_A_ROW = 3
"""After so many the source is down rather than an issue odd: the rest is left for the next run."""


class JiraPublisher:
    def __init__(self, context: SourceContext) -> None:
        self._owned = context.owned
        self._api = JiraApi(context)
        self._sdk = JiraSdk(self._api)
        self._screens = Screens(self._api, self._sdk)
        self._bulk = BulkEdits(self._api, context.stop)
        self._own: Mapping[str, tuple[str, ...]] | None = None
        self._places: dict[Ref, Place] = {}
        self._failures = 0

    def read_slots(self, slots: Sequence[Slot]) -> Mapping[Slot, Value]:
        """Asks Jira now, a hundred issues a request. Slots that are not ours are absent, as are those of issues that are gone."""
        ours = [slot for slot in slots if self._owned.covers(slot)]
        own = self._own_fields() if any(slot.kind == "field" for slot in ours) else {}
        idents = dict.fromkeys(ident for field in own.values() for ident in field)
        translation = Translation(self._api.source, "", self._owned, own=own)
        properties = [self._owned.property] if self._owned.property else []
        by_target: dict[Ref, list[Slot]] = {}
        for slot in ours:
            by_target.setdefault(slot.target, []).append(slot)
        found: dict[Slot, Value] = {}
        for ref, payload in self._fetch(by_target, (*idents, *_PLACE), properties):
            if payload is not None and (held := _held(translation, payload)) is not None:
                found.update({slot: held.get(slot) for slot in by_target[ref]})
                self._learn_place(translation, ref, payload)
        return found

    def write(self, changes: Sequence[Change]) -> Iterator[Written]:
        """Fields first, grouped by what they are to show; then properties.

        An issue that Jira fails on is `failed`; after three in a row the error is raised and the rest is left undone.
        """
        self._find_places({change.slot.target for change in changes} - self._places.keys())
        fields: list[tuple[Change, Place]] = []
        properties: list[tuple[Change, Place]] = []
        for change in changes:
            place = self._places.get(change.slot.target)
            if not self._owned.covers(change.slot) or change.slot.kind == "label":
                yield _failed(change, "this slot is not Milepost's")
            elif place is None:
                yield Written(change=change.id, state="skipped", why=f"{change.key} is gone, or hidden from the account")
            else:
                (fields if change.slot.kind == "field" else properties).append((change, place))
        yield from self._write_fields(fields)
        for change, place in properties:
            yield self._surely(change, partial(self._write_property, change, place))

    def close(self) -> None:
        self._sdk.close()
        self._api.close()

    # -- fields ---------------------------------------------------------------------------------------------------------------

    def _write_fields(self, changes: Sequence[tuple[Change, Place]]) -> Iterator[Written]:
        groups: dict[FieldEdit, list[tuple[Change, Place]]] = {}
        lacking: dict[str, tuple[Change, Place, str]] = {}
        for change, place in changes:
            try:
                edit = self._surely(change, partial(self._edit, change, place))
            except OptionMissing as reason:
                lacking[change.id] = (change, place, str(reason))
                continue
            if isinstance(edit, Written):
                yield edit
            else:
                groups.setdefault(edit, []).append((change, place))
        for edit, members in groups.items():
            yield from self._write_group(edit, members)
        yield from self._write_reduced(lacking)

    def _write_reduced(self, lacking: Mapping[str, tuple[Change, Place, str]]) -> Iterator[Written]:
        """What the field lacks the option for has failed; what it shows meanwhile may not be what is no longer true."""
        less: list[tuple[Change, Place]] = []
        for change, place, reason in lacking.values():
            if (smaller := reduced(change)).after in (change.before, change.after):
                yield _failed(change, reason)
            else:
                less.append((smaller, place))
        for written in self._write_fields(less) if less else ():
            change, _, reason = lacking[written.change]
            if written.state == "done":
                why = f"{reason}; what {change.key} showed is not what counts most now, or not true any longer, and was taken away"
                yield Written(change=change.id, state="failed", why=why, reduced=True)
            else:
                yield msgspec.structs.replace(written, why=f"{reason}; {written.why}")

    def _edit(self, change: Change, place: Place) -> FieldEdit | Written:
        """Raises `OptionMissing`: what the field shows now may then have to go nevertheless."""
        own = self._own_fields().get(change.slot.name, ())
        if not own:
            return _failed(change, f'Jira has no field "{change.slot.name}" that could show a status; a Jira admin creates it')
        screen = self._screens.shared(place)
        if not screen.fields:
            return self._uneditable(change, place)
        found = field_on(screen, own)
        if found is None:
            return _failed(change, off_screen(change.slot.name, place.name))
        try:
            return edit_for(*found, change.after, self._owned.options)
        except OptionMissing:
            raise
        except CannotShow as reason:
            return _failed(change, str(reason))

    def _write_group(self, edit: FieldEdit, members: Sequence[tuple[Change, Place]]) -> Iterator[Written]:
        left = members
        if self._bulk.suits(edit, len(members)):
            self._bulk.make(edit, [place.id for _, place in members])
            # What the queue reports can hide failures. What does not show the value is edited alone, which tells why not.
            held = self.read_slots([change.slot for change, _ in members])
            done = {change.id for change, _ in members if change.slot in held and held[change.slot] == change.after}
            yield from (Written(change=change.id, state="done") for change, _ in members if change.id in done)
            left = [(change, place) for change, place in members if change.id not in done]
        for change, place in left:
            yield self._surely(change, partial(self._write_field, edit, change, place))

    def _write_field(self, edit: FieldEdit, change: Change, place: Place) -> Written:
        answer = self._api.edit(place.id, single_edit(edit, self._api.deployment.rich_text))
        if answer.status_code == 400 and not self._screens.of(place).fields:
            return self._uneditable(change, place)
        return self._outcome(change, place, answer)

    # -- properties -----------------------------------------------------------------------------------------------------------

    def _write_property(self, change: Change, place: Place) -> Written:
        name = change.slot.name
        if change.after is None:
            return self._delete_property(change, place)
        if len(msgspec.json.encode(change.after)) > LONGEST_PROPERTY:
            return _failed(change, f"the property {name} would hold more than {LONGEST_PROPERTY} characters")
        return self._outcome(change, place, self._api.set_property(place.id, name, change.after))

    def _delete_property(self, change: Change, place: Place) -> Written:
        answer = self._api.delete_property(place.id, change.slot.name)
        if answer.status_code in (404, 410) and change.slot in (held := self.read_slots([change.slot])):
            # Jira says the same of a property that is not there and of an issue that may not be edited.
            if held[change.slot] is None:
                return Written(change=change.id, state="done")
            return self._uneditable(change, place)
        return self._outcome(change, place, answer)

    # -- outcomes -------------------------------------------------------------------------------------------------------------

    def _outcome(self, change: Change, place: Place, answer: httpx.Response) -> Written:
        match answer.status_code:
            case 200 | 201 | 204:
                return Written(change=change.id, state="done")
            case 403:
                return self._uneditable(change, place)
            case 404 | 410:
                return Written(change=change.id, state="skipped", why=f"{place.key} is gone, or hidden from the account")
            case 409:
                return _failed(change, f"{place.key} was being changed at the same moment; the next run tries again")
        return _failed(change, f"Jira refused: {error_text(answer)}")

    def _surely(self, change: Change, attempt: Callable[[], T]) -> T | Written:
        """What the attempt gives, or that this change failed, as long as Jira does not fail on one after the other."""
        try:
            result = attempt()
        except RateLimited:
            raise
        except Unavailable as error:
            self._failures += 1
            if self._failures >= FAILURES_IN_A_ROW:
                raise
            return _failed(change, f"{error.message}; the next run tries again")
        self._failures = 0
        return result

    def _uneditable(self, change: Change, place: Place) -> Written:
        can_be_granted, why = self._screens.why_uneditable(place)
        return Written(change=change.id, state="failed" if can_be_granted else "skipped", why=why)

    # -- facts ----------------------------------------------------------------------------------------------------------------

    def _own_fields(self) -> Mapping[str, tuple[str, ...]]:
        if self._own is None:
            records = self._sdk.ask(lambda jira: jira.fields(), list[FieldRecord])
            self._own = own_fields(records, self._owned)
        return self._own

    def _find_places(self, refs: Iterable[Ref]) -> None:
        translation = Translation(self._api.source, "", self._owned)
        for ref, payload in self._fetch(sorted(refs), _PLACE, ()):
            if payload is not None:
                self._learn_place(translation, ref, payload)

    def _learn_place(self, translation: Translation, ref: Ref, payload: Payload) -> None:
        try:
            outline = translation.outline(payload)
        except Untranslatable:
            return
        self._places[ref] = Place(ref.id, outline.key, outline.container, outline.item_type or "")

    def _fetch(self, refs: Iterable[Ref], fields: Sequence[str], properties: Sequence[str]) -> Iterator[tuple[Ref, Payload | None]]:
        known = [ref for ref in dict.fromkeys(refs) if ref.kind == "work_item" and ref.id.isascii() and ref.id.isdecimal()]
        return fetch_issues(self._api, known, fields, properties)


def _held(translation: Translation, payload: Payload) -> Mapping[Slot, Value] | None:
    """What our slots on the issue hold, or None for a record that cannot be read."""
    try:
        return {reading.slot: reading.value for reading in translation.slots(payload)}
    except Untranslatable:
        return None


def _failed(change: Change, why: str) -> Written:
    return Written(change=change.id, state="failed", why=why)
