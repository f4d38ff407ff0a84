"""What `milepost check` says about a Jira source: who we are there, what may be read and written, what an admin must add."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from urllib.parse import urlsplit

import msgspec

from connectors.base import Finding, SourceContext
from connectors.checks import attempted, compare_clocks
from connectors.globs import near
from connectors.jira.api import JiraApi
from connectors.jira.deployment import deployment_of_type
from connectors.jira.editing import EditMeta, FieldMeta, kind_of, known_choices, missing_options, off_screen
from connectors.jira.jql import ORDER, in_scope
from connectors.jira.options import JiraOptions, JiraScope
from connectors.jira.pages import SearchPage
from connectors.jira.screens import field_on
from connectors.jira.sdk import JiraSdk
from connectors.jira.site import known_zone, own_fields
from mappings.jira_records import FieldRecord, identity
from mappings.jira_values import as_label

_LONGEST_SEARCH = 80
LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


class _Account(msgspec.Struct):
    displayName: str | None = None  # noqa: N815 - Jira's spelling, as below
    timeZone: str | None = None  # noqa: N815


class Checks:
    """One run of all checks. A failing one is a finding; only `Cancelled` is raised."""

    def __init__(self, context: SourceContext, api: JiraApi, scope: JiraScope) -> None:
        self._context = context
        self._options: JiraOptions = context.options
        self._owned = context.owned
        self._api = api
        self._scope = scope

    def run(self) -> Sequence[Finding]:
        sdk = JiraSdk(self._api)
        try:
            return list(self._all(sdk))
        finally:
            sdk.close()

    def _all(self, sdk: JiraSdk) -> Iterator[Finding]:
        """Without a site and an identity there is nothing more to ask."""
        for topic, step in (("site", self._site), ("identity", partial(self._identity, sdk))):
            findings = list(attempted(topic, step))
            yield from findings
            if any(finding.level == "error" for finding in findings):
                return
        yield from attempted("clock", self._clock)
        readable: list[str] = []
        yield from attempted("projects", lambda: self._projects(readable))
        yield from attempted("permissions", lambda: self._writing(readable))
        if self._owned.all_fields():
            yield from attempted("field", lambda: self._fields(sdk, readable))

    def _site(self) -> Iterator[Finding]:
        parts = urlsplit(self._options.url)
        if parts.scheme == "http" and parts.hostname not in LOCAL:
            yield Finding(level="warning", topic="site", text="credentials are sent unencrypted", fix="use an https address as url")
        server = self._api.server()
        found, taken = deployment_of_type(server.deploymentType), self._api.deployment
        if found is not None and found is not taken:
            yield Finding(
                level="error",
                topic="site",
                text=f"{self._options.url} is {found.title}, and the project file says that it is {taken.title}",
                fix=f"set the source's deployment to {found.name}, or leave it out",
            )
            return
        yield Finding(level="ok", topic="site", text=f"{taken.title} at {server.baseUrl or self._options.url}")

    def _identity(self, sdk: JiraSdk) -> Iterator[Finding]:
        account = sdk.ask(lambda jira: jira.myself(), _Account)
        yield Finding(level="ok", topic="identity", text=f"signed in as {account.displayName or 'an unnamed account'}")
        yield _zone_finding(account.timeZone)

    def _clock(self) -> Iterator[Finding]:
        answered_at, budget = self._api.clock_and_budget()
        yield from compare_clocks(answered_at, "Jira's")
        if budget is not None and budget.remaining is not None:
            of = f" of {budget.limit}" if budget.limit else ""
            yield Finding(level="info", topic="rate budget", text=f"{budget.remaining}{of} requests are left for now")

    def _projects(self, readable: list[str]) -> Iterator[Finding]:
        for key in self._scope.projects:
            if self._api.may("BROWSE_PROJECTS", project=key):
                readable.append(key)
                yield Finding(level="ok", topic="projects", text=f"project {key} can be read")
            else:
                yield Finding(
                    level="error",
                    topic="projects",
                    text=f"project {key} is not there, or hidden from the account",
                    fix=self._api.project_fix(key),
                )
        if self._scope.jql is not None:
            page = self._first(f"{in_scope(self._scope)} {ORDER}")
            found = f"{len(page.issues)}{'' if page.last else ' or more'}"
            yield Finding(level="ok", topic="projects", text=f"the search {_shortened(self._scope.jql)} finds {found} issues")

    def _writing(self, readable: Sequence[str]) -> Iterator[Finding]:
        if not (self._owned.all_fields() or self._owned.property):
            return
        for key in readable:
            if self._api.may("EDIT_ISSUES", project=key):
                yield Finding(level="ok", topic="permissions", text=f"issues in {key} can be edited")
            else:
                yield Finding(
                    level="error",
                    topic="permissions",
                    text=f"issues in {key} cannot be edited: no status can be shown there",
                    fix=f"let a project admin grant the account Edit Issues in {key}",
                )
        if self._owned.all_fields() and self._api.deployment.edits_in_bulk and not self._api.may("BULK_CHANGE"):
            yield Finding(
                level="info",
                topic="permissions",
                text="the account may not make bulk changes: many issues are edited one by one",
                fix="a Jira admin may grant Bulk Change under Settings > System > Global permissions",
            )

    def _fields(self, sdk: JiraSdk, readable: Sequence[str]) -> Iterator[Finding]:
        fields = sdk.ask(lambda jira: jira.fields(), list[FieldRecord])
        for name, own in own_fields(fields, self._owned).items():
            if own:
                yield from (self._field_in(sdk, key, own, name) for key in readable)
            else:
                yield self._no_field(name, near(name, [field.name for field in fields if field.custom and field.name]))

    def _no_field(self, name: str, alike: Sequence[str]) -> Finding:
        wanted = ", ".join(f'"{option}"' for option in self._owned.options)
        meant = f"name it as it is called, perhaps {' or '.join(alike)}; else " if alike else ""
        return Finding(
            level="error",
            topic="field",
            text=f'Jira has no field "{name}" that could show a status',
            fix=(
                f"{meant}a Jira admin creates it under Settings > Issues > Custom fields as a single-choice select list with the "
                f"options {wanted}, and puts it on the projects' edit screens"
            ),
        )

    def _field_in(self, sdk: JiraSdk, key: str, own: tuple[str, ...], name: str) -> Finding:
        sample = next(iter(self._first(f'project = "{key}" ORDER BY updated DESC').issues), None)
        ident = None if sample is None else identity(sample)
        if ident is None:
            return Finding(level="info", topic="field", text=f'project {key} has no issue to look for the field "{name}" on')
        screen = sdk.ask(lambda jira: jira.editmeta(ident), EditMeta)
        found = field_on(screen, own)
        if found is None:
            return Finding(
                level="error", topic="field", text=off_screen(name, f"project {key}"), fix="put it there, then check again"
            )
        return self._judged(found[1], key)

    def _first(self, jql: str) -> SearchPage:
        return self._api.deployment.first_page(self._api, jql, ["project"])

    def _judged(self, meta: FieldMeta, key: str) -> Finding:
        kind = kind_of(meta.schema)
        if kind is None:
            return Finding(
                level="error",
                topic="field",
                text=f'the field "{meta.name}" is of a type that cannot show a status',
                fix="name a select list, a labels or a text field as publish.field",
                place=key,
            )
        if kind in ("single", "several"):
            choices = known_choices(meta)
            missing = [option for option in self._owned.options if option not in choices]
            if missing:
                return Finding(
                    level="error",
                    topic="field",
                    text=missing_options(meta.name, missing),
                    fix="add them, then check again",
                    place=key,
                )
        shown = f" as labels such as {as_label(self._owned.options[0])}" if kind == "labels" and self._owned.options else ""
        return Finding(level="ok", topic="field", text=f'the field "{meta.name}" can show every status{shown}', place=key)


def _zone_finding(zone: str | None) -> Finding:
    if known_zone(zone) is not None:
        return Finding(level="ok", topic="time zone", text=f"the account's time zone is {zone}")
    cost = "each pull reads up to 26 hours of changes again"
    if zone:
        text, fix = f"this machine does not know the account's time zone {zone}: {cost}", "install the time zone database (tzdata)"
    else:
        text, fix = f"the account hides its time zone: {cost}", "let the account's profile show its time zone to anyone"
    return Finding(level="warning", topic="time zone", text=text, fix=fix)


def _shortened(jql: str) -> str:
    """On one line, and no longer than a finding bears."""
    line = " ".join(jql.split())
    return line if len(line) <= _LONGEST_SEARCH else line[: _LONGEST_SEARCH - 1] + "…"
