"""The documents of the API, with their schemas. They use the words of the command line's JSON."""

from __future__ import annotations

from datetime import date
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from sync.store.audit import Kind
from sync.store.inbox import State
from sync.web.api.moments import Moment


class Document(BaseModel):
    """Every key is always there; null is what is not known or does not apply."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Counts(Document):
    """Of so many subjects."""

    true: int
    false: int
    unknown: int


class Stream(Document):
    """How complete and how fresh one stream of a source is."""

    source: str
    stream: str
    complete: bool = Field(description="A full listing was proven under the present scope.")
    pulled_at: Moment | None = Field(description="The end of the last successful pull.")
    failed: str | None = Field(description="What the last pull died of, if it did.")
    set_aside: int = Field(description="Records that were not understood.")


class Project(Document):
    """A project of the project file."""

    project: str = Field(description="Its key.")
    name: str
    risk_class: Literal["minimal", "limited", "high"] | None
    timezone: str
    sources: list[str] = Field(description="The sources that it scopes.")
    published_to: list[str] = Field(description="The sources on which it shows its statuses.")
    facts_as_of: Moment | None = Field(description="The oldest last pull of its streams; null where one was never pulled.")
    due_since: Moment | None = Field(description="Since when something waits to be followed; null where nothing does.")
    statuses: dict[str, Counts] = Field(description="By rule, of how many subjects it is true, false or not known.")


class ProjectInFull(Project):
    """A project with its streams."""

    streams: list[Stream]


class Evidence(Document):
    """One thing that was looked at."""

    ref: str
    name: str
    fact: str
    value: bool | float | str | None
    threshold: str | None
    observed_at: Moment | None
    url: str | None
    holds: bool | None
    words: str


class Status(Document):
    """What a rule says of a subject, as it was judged last."""

    project: str
    rule: str
    title: str | None = Field(description="Null where the project file no longer has the rule.")
    kind: Literal["favourable", "alarm", "neutral"] | None
    subject: str = Field(description="A ref: source:kind:id.")
    name: str | None
    url: str | None
    truth: bool | None = Field(description="Null is not known.")
    state: Literal["on", "off", "unknown"] | None = Field(
        description="What people are told: what is not known is shown from before for a while. Null where the project file no "
        "longer has the rule."
    )
    told_on: list[str] = Field(description="The tickets and pull requests that receive it, unless it is off.")
    shown_on: list[str] = Field(description="Those on which people see it now.")
    says: str
    since: Moment = Field(description="When the present truth began: of what is true, its episode.")
    unknown_since: Moment | None
    missing: list[str] = Field(description="Of what is not known, what is missing.")
    missing_sources: list[str] = Field(description="The sources among it that were not read.")
    evidence: list[Evidence]
    rule_version: str
    recheck_at: Moment | None = Field(description="When time alone may change it.")


class WorkItem(Document):
    """A ticket: an issue of Jira or GitHub."""

    ref: str
    key: str
    url: str | None
    title: str
    type: str | None
    status: str | None
    status_category: Literal["todo", "in_progress", "done", "unknown"]
    labels: list[str]
    components: list[str]
    due: date | None
    created_at: Moment | None
    updated_at: Moment | None
    closed_at: Moment | None
    projects: list[str] = Field(description="The projects in whose scopes it is.")


class WorkItemInFull(WorkItem):
    """A ticket with all that rules say of it."""

    statuses: list[Status]


class Run(Document):
    """One run of a command or a worker's job."""

    run: str
    command: str
    projects: list[str]
    started_at: Moment
    finished_at: Moment | None = Field(description="Null while it runs, and for good where it was killed.")
    outcome: str | None
    exit_code: int | None
    summary: dict[str, Any]
    executor: str | None = Field(description="The worker that it was part of.")


class AuditEntry(Document):
    """One line of the record: what was written, or why not, and what was remembered."""

    at: Moment
    project: str
    run: str
    kind: Kind
    key: str
    target: str
    slot: str
    action: Literal["add", "update", "remove"] | None
    before: bool | str | list[str] | dict[str, Any] | None
    after: bool | str | list[str] | dict[str, Any] | None
    rules: list[str]
    reason: str
    evidence: list[dict[str, Any]]
    forced: bool


class Delivery(Document):
    """A webhook delivery in the inbox; never what it said."""

    id: int
    source: str
    delivery: str = Field(description="The source's own id of it.")
    event: str
    state: State
    received_at: Moment
    tries: int
    retry_at: Moment | None
    finished_at: Moment | None
    error: str | None


class SyncAsked(Document):
    """What will be read and followed as soon as a worker is free."""

    project: str
    sources: list[str]
    asked_at: Moment
