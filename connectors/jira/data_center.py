"""What is Jira Data Center's own, and Jira Server's: version 2 of the REST API, searches by offset, texts in wiki markup.

Facts: Atlassian's "Jira REST API reference" of Data Center 9 and 10. `/search` takes `jql`, `startAt`, `maxResults`, `fields` and
`validateQuery`, in the address or, where that would be too long, in a body; it caps `maxResults` without a word and knows no issue
properties. "Handling JQL REST API searching exceeding max_result_window": a search that reaches beyond the first 10,000
results may fail. "Archiving API": archived issues leave the index, and are still read directly. There are no bulk edits, and no way
to make the search look past its index, of which each node has its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

import httpx
import msgspec

from connectors.errors import NotFound, Unavailable
from connectors.http import decode
from connectors.jira.jql import among, by_id
from connectors.jira.offsets import Window, pages_by_offset
from connectors.jira.options import DeploymentName, JiraScope
from connectors.jira.pages import PAGE, Query, SearchPage, issues_of
from connectors.rates import read_http_date
from mappings.decoding import decode_as, decoder_for
from mappings.jira_records import Payload, identity

if TYPE_CHECKING:
    from connectors.jira.api import JiraApi

SETTLED = timedelta(minutes=10)
"""How long ago an issue must have changed for every node's index to know of it."""

_LONGEST_ADDRESS = 1_500
_GROUP = 50


class _Page(msgspec.Struct):
    issues: list[msgspec.Raw]
    total: int


class _Place(msgspec.Struct):
    archived: bool | None = None


class _State(msgspec.Struct):
    updated: datetime | None = None
    archiveddate: str | None = None
    project: _Place | None = None


class _Issue(msgspec.Struct):
    fields: _State


class DataCenter:
    """`Deployment` of an installation of one's own."""

    name: ClassVar[DeploymentName] = "data-center"
    title = "Jira Data Center"
    version = "2"
    edits_in_bulk = False

    def pages(self, api: JiraApi, query: Query, since: datetime | None) -> Iterator[SearchPage]:
        whole = query.jql(since)

        def search(window: Window) -> SearchPage:
            page = self._search(api, window.jql, window.start, query.fields)
            return page if window.jql == whole else msgspec.structs.replace(page, total=None)

        for page in pages_by_offset(api.source, search, query, since):
            yield self._with_properties(api, page, query.properties)

    def first_page(self, api: JiraApi, jql: str, fields: Sequence[str]) -> SearchPage:
        return self._search(api, jql, 0, fields)

    def fetch(self, api: JiraApi, idents: Sequence[str], fields: Sequence[str], properties: Sequence[str]) -> Sequence[Payload]:
        """A search gives no properties: issues that are asked for them are left to be read one by one."""
        if properties:
            return ()
        return self._search(api, by_id(idents), 0, fields, validate=False).issues

    def outside(self, api: JiraApi, scope: JiraScope, idents: Sequence[str]) -> set[str]:
        """Archived ones, and those that the index knows and the scope's search does not find, unless they changed only now. What
        the index does not know may be missing from it for a reason of the index's own."""
        outside: set[str] = set()
        for start in range(0, len(idents), _GROUP):
            group = idents[start : start + _GROUP]
            try:
                inside = self._found(api, among(scope, group))
                indexed = self._found(api, by_id(group))
            except NotFound:
                continue
            outside.update(ident for ident in group if ident not in inside and self._has_left(api, ident, ident in indexed))
        return outside

    def versions(self, api: JiraApi, project: str) -> Sequence[Payload]:
        return decode(api.source, api.of_project(project, "/versions"), _VERSIONS)

    def project_keys(self, api: JiraApi) -> Sequence[str]:  # noqa: ARG002 - they come in one answer, however many there are
        return ()

    def permission_asked(self, permission: str) -> Mapping[str, str]:  # noqa: ARG002 - all permissions are always answered for
        return {}

    def rich_text(self, text: str) -> Any:
        """As it is. Whether a text field takes wiki markup or plain text is the admin's choice, and what is escaped for the one
        would be read as something else in the other."""
        return text

    def _search(self, api: JiraApi, jql: str, start: int, fields: Sequence[str], *, validate: bool = True) -> SearchPage:
        asked: dict[str, Any] = {"jql": jql, "startAt": start, "maxResults": PAGE}
        if not validate:
            asked["validateQuery"] = False
        names = ",".join(fields)
        if len(jql) + len(names) <= _LONGEST_ADDRESS:
            params = {name: str(value).lower() if isinstance(value, bool) else value for name, value in asked.items()}
            answer = api.search("GET", "/search", params={**params, "fields": names})
        else:
            answer = api.search("POST", "/search", json={**asked, "fields": fields})
        return self._page(api, answer, start)

    def _page(self, api: JiraApi, answer: httpx.Response, start: int) -> SearchPage:
        issues, page = issues_of(api.source, answer, _PAGE)
        last = not issues or start + len(issues) >= page.total
        return SearchPage(issues, last, read_http_date(answer.headers.get("date")), page.total)

    def _with_properties(self, api: JiraApi, page: SearchPage, properties: Sequence[str]) -> SearchPage:
        if not properties:
            return page
        return msgspec.structs.replace(page, issues=[_with(api, payload, properties) for payload in page.issues])

    def _found(self, api: JiraApi, jql: str) -> set[str]:
        page = self._search(api, jql, 0, ("id",))
        if not page.last:
            raise Unavailable(api.source, f"Jira gives fewer than {_GROUP} issues a page", fix="let an admin raise the limit")
        return {ident for payload in page.issues if (ident := identity(payload))}

    def _has_left(self, api: JiraApi, ident: str, is_indexed: bool) -> bool:
        answer = api.request("GET", f"/issue/{ident}", params={"fields": "updated,archiveddate,project"}, accept=(200, 404, 410))
        if answer.status_code != 200:
            return False
        state = decode(api.source, answer, _ISSUE).fields
        if state.archiveddate or (state.project is not None and state.project.archived):
            return True
        answered_at = read_http_date(answer.headers.get("date"))
        return is_indexed and None not in (state.updated, answered_at) and answered_at - state.updated > SETTLED  # type: ignore[operator]  # neither is None


def _with(api: JiraApi, payload: Payload, properties: Sequence[str]) -> Payload:
    """The issue with what its properties hold, asked for one by one."""
    ident = identity(payload)
    held = {name: value for name in properties if ident is not None and (value := api.property_of(ident, name)) is not None}
    if not held:
        return payload
    issue = decode_as(payload, dict[str, msgspec.Raw])
    return msgspec.json.encode({**issue, "properties": held})


_PAGE = decoder_for(_Page)
_VERSIONS: msgspec.json.Decoder[Sequence[Payload]] = decoder_for(list[msgspec.Raw])
_ISSUE = decoder_for(_Issue)
