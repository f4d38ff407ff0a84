"""What can be edited where. Issues of one project and type share an edit screen, so one of them is asked for all."""

from __future__ import annotations

import msgspec

from connectors.errors import NotFound
from connectors.jira.api import JiraApi
from connectors.jira.editing import EditMeta, FieldMeta
from connectors.jira.sdk import JiraSdk


class Place(msgspec.Struct, frozen=True):
    """An issue as far as its edit screen depends on it."""

    id: str
    key: str
    project: str
    type: str

    @property
    def name(self) -> str:
        return f"{self.type} issues in {self.project}"


class Screens:
    def __init__(self, api: JiraApi, sdk: JiraSdk) -> None:
        self._api = api
        self._sdk = sdk
        self._shared: dict[tuple[str, str], EditMeta] = {}

    def shared(self, place: Place) -> EditMeta:
        """The screen of the issue's project and type. Empty only if this very issue cannot be edited: that is not shared."""
        known = self._shared.get((place.project, place.type))
        if known is not None:
            return known
        found = self.of(place)
        if found.fields:
            self._shared[place.project, place.type] = found
        return found

    def of(self, place: Place) -> EditMeta:
        """The issue's own screen, asked for now; empty also when the issue is gone."""
        try:
            return self._sdk.ask(lambda jira: jira.editmeta(place.id), EditMeta)
        except NotFound:
            return EditMeta()

    def why_uneditable(self, place: Place) -> tuple[bool, str]:
        """Whether an admin's doing would change it, and what to say of an issue without an edit screen."""
        if not self._api.may("EDIT_ISSUES", issue=place.id):
            return True, f"the account may not edit issues in {place.project}; a project admin grants it Edit Issues"
        return False, f"{place.key} cannot be edited: it is archived, or locked by the status that it is in"


def field_on(screen: EditMeta, own: tuple[str, ...]) -> tuple[str, FieldMeta] | None:
    """Our field on this screen. Of several fields with its name at most one belongs to a project."""
    for ident in own:
        meta = screen.fields.get(ident)
        if meta is not None and meta.operations:
            return ident, meta
    return None
