"""Direct reads: what an object says now, or the proof that it is gone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from connectors.errors import NotFound
from connectors.jira.api import JiraApi
from connectors.jira.pages import PAGE
from mappings.change import Owned, Reading
from mappings.jira import Translation
from mappings.jira_records import Payload, Untranslatable, identity
from mappings.model import Entity, Milestone, Missing, Ref


class Lookup:
    """`projects` are those that the account could read: an object is called missing only while it still may browse all of them.
    Jira answers 404 for what is hidden as well, and does not tell in which project it was."""

    def __init__(self, api: JiraApi, translation: Translation, owned: Owned, projects: frozenset[str]) -> None:
        self._api = api
        self._translation = translation
        self._properties = [owned.property] if owned.property else []
        self._projects = projects
        self._proven: bool | None = None

    def read(self, refs: Sequence[Ref]) -> Sequence[Entity | Missing | Reading]:
        """Refs of another source, ids that Jira cannot have, and kinds that it does not, are not answered for."""
        by_kind: dict[str, list[Ref]] = {}
        for ref in dict.fromkeys(ref for ref in refs if ref.source == self._api.source):
            by_kind.setdefault(ref.kind, []).append(ref)
        return [
            *self._issues([ref for ref in by_kind.get("work_item", ()) if is_number(ref.id)]),
            *self._milestones([ref for ref in by_kind.get("milestone", ()) if is_number(ref.id)]),
            *self._fields(by_kind.get("field", ())),
        ]

    def _issues(self, refs: Sequence[Ref]) -> Iterator[Entity | Missing | Reading]:
        fields = self._translation.asked_fields
        for ref, payload in fetch_issues(self._api, refs, fields, self._properties):
            if payload is None:
                yield from self._missing(ref)
                continue
            try:
                issue = self._translation.issue(payload)
            except Untranslatable:
                # The listing has it in quarantine; here it is neither known nor gone.
                continue
            yield issue.item
            yield from issue.slots

    def _milestones(self, refs: Sequence[Ref]) -> Iterator[Entity | Missing]:
        """A version stays in its project, so listing the projects answers for all of them at once."""
        found: dict[str, Milestone] = {}
        hidden = not self._projects
        for project in sorted(self._projects) if refs else ():
            try:
                listed = self._api.versions(project)
            except NotFound:
                hidden = True
                continue
            found |= {version.id: self._translation.milestone(version, project) for version in listed.records}
            # One that makes no sense may be any of those that are asked for.
            hidden = hidden or bool(listed.rejected)
        for ref in refs:
            if ref.id in found:
                yield found[ref.id]
            elif not hidden:
                yield Missing(ref=ref)

    def _fields(self, refs: Sequence[Ref]) -> Iterator[Entity | Missing]:
        if not refs:
            return
        listed = self._api.fields()
        known = {record.id: record for record in listed.records}
        for ref in refs:
            if ref.id in known:
                yield self._translation.field(known[ref.id])
            elif not listed.rejected:
                yield Missing(ref=ref)

    def _missing(self, ref: Ref) -> Iterable[Missing]:
        if self._proven is None:
            self._proven = bool(self._projects) and all(
                self._api.may("BROWSE_PROJECTS", project=key) for key in sorted(self._projects)
            )
        return [Missing(ref=ref)] if self._proven else []


def fetch_issues(
    api: JiraApi, refs: Sequence[Ref], fields: Sequence[str], properties: Sequence[str]
) -> Iterator[tuple[Ref, Payload | None]]:
    """Each issue's payload, or None where Jira says that there is none to see. A bulk answer leaves issues out without a word:
    those are asked for one by one."""
    for start in range(0, len(refs), PAGE):
        left = {ref.id: ref for ref in refs[start : start + PAGE]}
        for payload in api.deployment.fetch(api, list(left), fields, properties):
            ref = left.pop(identity(payload) or "", None)
            if ref is not None:
                yield ref, payload
        for ident, ref in left.items():
            yield ref, api.issue(ident, fields, properties)


def is_number(ident: str) -> bool:
    """Whether Jira can have given this id."""
    return ident.isascii() and ident.isdecimal()
