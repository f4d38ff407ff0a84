"""Reads Jira: fields, versions, issues."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from connectors.base import Batch, Finding, Options, SourceContext
from connectors.jira.api import JiraApi
from connectors.jira.cursor import SiteFacts
from connectors.jira.issues import IssueListing
from connectors.jira.lookup import Lookup, is_number
from connectors.jira.options import JiraScope
from connectors.jira.site import Terms, ask_site, ask_terms
from mappings.change import Reading
from mappings.jira import Translation
from mappings.model import Entity, Missing, Ref


class JiraReader:
    """One site. Remembers which projects it has read: only of those can it tell a deleted issue from a hidden one."""

    streams = ("fields", "versions", "issues")

    def __init__(self, context: SourceContext) -> None:
        self._context = context
        self._api = JiraApi(context)
        self._site: SiteFacts | None = None
        self._terms: Terms | None = None
        self._projects: set[str] = set()

    def check(self, scope: Options) -> Sequence[Finding]:
        from connectors.jira.checks import Checks

        return Checks(self._context, self._api, _jira(scope)).run()

    def pull(self, stream: str, scope: Options, cursor: str | None) -> Iterator[Batch]:
        """`fields` and `versions` are listed whole each time. Raises `ValueError` for another stream."""
        jira_scope = _jira(scope)
        self._projects.update(jira_scope.projects)
        match stream:
            case "fields":
                return self._fields()
            case "versions":
                return self._versions(jira_scope)
            case "issues":
                return self._issues(jira_scope, cursor)
        raise ValueError(f"Jira has no stream {stream!r}: it has {', '.join(self.streams)}")

    def read(self, refs: Sequence[Ref]) -> Sequence[Entity | Missing | Reading]:
        """Work items, with what our slots on them hold, milestones and fields. What is not found is missing only where it could be
        seen if it were there."""
        terms = self._known_terms()
        translation = Translation(self._context.name, terms.url, self._context.owned, fields=terms.fields, own=terms.own)
        return Lookup(self._api, translation, self._context.owned, frozenset(self._projects)).read(refs)

    def outside(self, refs: Sequence[Ref], scope: Options) -> Collection[Ref]:
        """Issues only. A version of a search's scope came with an issue, and its field definitions belong to no scope."""
        issues = {ref.id: ref for ref in refs if ref.kind == "work_item" and is_number(ref.id)}
        if not issues:
            return []
        return [issues[ident] for ident in self._api.deployment.outside(self._api, _jira(scope), list(issues))]

    def close(self) -> None:
        self._api.close()

    def _fields(self) -> Iterator[Batch]:
        translation = Translation(self._context.name, "", self._context.owned)
        listed = self._api.fields()
        yield Batch(entities=[translation.field(record) for record in listed.records], rejected=listed.rejected, complete=True)

    def _versions(self, scope: JiraScope) -> Iterator[Batch]:
        """Of the scope's projects. A search names no projects: its versions come with the issues that are planned for them."""
        # The gateway's address is no page to open.
        page = self._known_site().url if self._context.options.is_gateway else self._context.options.url
        translation = Translation(self._context.name, page, self._context.owned)
        for project in scope.projects:
            listed = self._api.versions(project)
            milestones = [translation.milestone(version, project) for version in listed.records]
            yield Batch(entities=milestones, rejected=listed.rejected)
        yield Batch(complete=True)

    def _issues(self, scope: JiraScope, cursor: str | None) -> Iterator[Batch]:
        listing = IssueListing(self._api, self._context, scope, cursor, known=self._site)
        for batch in listing.batches():
            self._site = listing.site
            self._projects.update(listing.projects)
            yield batch

    def _known_site(self) -> SiteFacts:
        if self._site is None:
            self._site = ask_site(self._api, self._context)
        return self._site

    def _known_terms(self) -> Terms | SiteFacts:
        if self._site is not None:
            return self._site
        if self._terms is None:
            self._terms = ask_terms(self._api, self._context)
        return self._terms


def _jira(scope: Options) -> JiraScope:
    if not isinstance(scope, JiraScope):
        raise TypeError(f"a Jira scope is needed, not {type(scope).__name__}")
    return scope
