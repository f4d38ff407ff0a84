"""Whether issues that are there still belong to a scope: asked of the search by their ids, and not of its lagging index."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from connectors.errors import NotFound
from connectors.jira.api import RECONCILED, JiraApi, check_token
from connectors.jira.jql import among
from connectors.jira.options import JiraScope
from mappings.jira_records import identity


def ids_outside(api: JiraApi, scope: JiraScope, idents: Sequence[str]) -> set[str]:
    """Those of the issues that the scope's search does not find: they stopped matching, or are archived.

    A search that names an issue which is not there, or hidden, is refused as a whole: then nothing is known of its group.
    """
    outside: set[str] = set()
    for start in range(0, len(idents), RECONCILED):
        group = idents[start : start + RECONCILED]
        try:
            outside.update(set(group) - _found(api, among(scope, group), group))
        except NotFound:
            continue
    return outside


def _found(api: JiraApi, jql: str, idents: Collection[str]) -> set[str]:
    found: set[str] = set()
    seen: set[str] = set()
    token: str | None = None
    while True:
        page = api.search(jql, ["id"], (), token, reconcile=idents)
        found.update(ident for payload in page.issues if (ident := identity(payload)))
        token = page.token
        if token is None:
            return found
        check_token(api.source, token, seen)
