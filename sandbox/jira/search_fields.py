"""Which fields JQL may ask for and sort by, how a value's text becomes what issues hold, and how issues are read for it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

from sandbox.jira.jql import JqlError
from sandbox.jira.model import Component, Field, Issue, Version
from sandbox.jira.search_index import key_rank
from sandbox.jira.state import Named, State, named

CATEGORIES = {"new": "To Do", "indeterminate": "In Progress", "done": "Done"}
UNRESOLVED = "unresolved"
KEY_NAMES = ("key", "id", "issue", "issuekey")


@dataclass(frozen=True)
class Tokens:
    """A field that holds none, one or several of a set of things. `resolve` raises `JqlError` for what is not there."""

    read: Callable[[Issue], Collection[Any]]
    resolve: Callable[[str], Any]


@dataclass(frozen=True)
class Dates:
    """A field that holds an instant, or None."""

    read: Callable[[Issue], datetime | None]


@dataclass(frozen=True)
class Keys:
    """The issue itself, by key or id."""


SearchField = Tokens | Dates | Keys


def search_fields(state: State) -> dict[str, SearchField]:
    """By case-folded clause name. A custom field answers to `cf[id]` and to its name."""
    fields: dict[str, SearchField] = {
        "project": Tokens(lambda issue: (issue.project,), lambda text: _project(state, text)),
        "status": Tokens(lambda issue: (issue.status,), _by_name(state.statuses, "status")),
        "statuscategory": Tokens(lambda issue: (state.statuses[issue.status].category,), _category),
        "labels": Tokens(lambda issue: issue.labels, str),
        "issuetype": Tokens(lambda issue: (issue.type,), _by_name(state.types, "issuetype")),
        "priority": Tokens(lambda issue: _one(issue.priority), _by_name(state.priorities, "priority")),
        "component": Tokens(lambda issue: _named(state.components, issue.components), _shared_name(state.components, "component")),
        "fixversion": Tokens(lambda issue: _named(state.versions, issue.fix_versions), _shared_name(state.versions, "fixVersion")),
        "assignee": Tokens(lambda issue: _one(issue.assignee), _by_name(state.users, "assignee")),
        "reporter": Tokens(lambda issue: (issue.reporter,), _by_name(state.users, "reporter")),
        "resolution": Tokens(lambda issue: () if issue.resolved is None else ("done",), _resolution),
        "parent": Tokens(lambda issue: () if issue.parent is None else (issue.parent,), lambda text: _parent(state, text)),
        "updated": Dates(lambda issue: issue.updated),
        "created": Dates(lambda issue: issue.created),
        "resolved": Dates(lambda issue: issue.resolved),
        "duedate": Dates(lambda issue: _midnight(issue.due)),
    }
    fields |= {name: Keys() for name in KEY_NAMES}
    aliases = {
        "type": "issuetype",
        "updateddate": "updated",
        "createddate": "created",
        "due": "duedate",
        "resolutiondate": "resolved",
        "fixversions": "fixversion",
        "components": "component",
    }
    fields |= {alias: fields[name] for alias, name in aliases.items()}
    for field in state.fields.values():
        if field.custom and field.options:
            entry = Tokens(_holder(field), _option_resolver(field))
            fields |= {f"cf[{field.id.removeprefix('customfield_')}]": entry, field.name.casefold(): entry}
    return fields


def orderings(state: State) -> dict[str, tuple[str, Callable[[Issue], Any]]]:
    """What `order by` takes: a canonical name, and how to read a value that compares and goes into JSON."""
    entries: dict[str, tuple[str, Callable[[Issue], Any]]] = {
        "updated": ("updated", lambda issue: _millis(issue.updated)),
        "created": ("created", lambda issue: _millis(issue.created)),
        "status": ("status", lambda issue: state.statuses[issue.status].name),
        "priority": ("priority", lambda issue: int(issue.priority or 0)),
        "project": ("project", lambda issue: state.projects[issue.project].key),
        "issuetype": ("issuetype", lambda issue: state.types[issue.type].name),
        "summary": ("summary", lambda issue: issue.summary),
        "duedate": ("duedate", lambda issue: issue.due.isoformat() if issue.due else ""),
    }
    entries |= {name: ("key", lambda issue: list(key_rank(issue))) for name in KEY_NAMES}
    aliases = {"updateddate": "updated", "createddate": "created", "type": "issuetype", "due": "duedate"}
    return entries | {alias: entries[name] for alias, name in aliases.items()}


def _millis(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _one(value: str | None) -> tuple[str, ...]:
    return () if value is None else (value,)


def _midnight(day: date | None) -> datetime | None:
    return None if day is None else datetime.combine(day, time(), UTC)


def _project(state: State, text: str) -> int:
    """By key, id or name; what the account may not browse does not exist for it."""
    for project in state.projects.values():
        if state.sees(project) and (text.upper() == project.key or text in {str(project.id), project.name}):
            return project.id
    raise JqlError(f"The value '{text}' does not exist for the field 'project'.")


def _by_name(entries: dict[str, Named], field: str) -> Callable[[str], str]:
    def resolve(text: str) -> str:
        for ident, entry in entries.items():
            if named({ident: entry}, text) is not None:
                return ident
        raise JqlError(f"The value '{text}' does not exist for the field '{field}'.")

    return resolve


def _named(entries: Mapping[str, Component | Version], idents: tuple[str, ...]) -> tuple[str, ...]:
    return (*idents, *(entries[ident].name.casefold() for ident in idents))


def _shared_name(entries: Mapping[str, Component | Version], field: str) -> Callable[[str], str]:
    """Components and versions of several projects may share a name, and a query by name means all of them."""

    def resolve(text: str) -> str:
        if text in entries or any(entry.name.casefold() == text.casefold() for entry in entries.values()):
            return text.casefold()
        raise JqlError(f"The value '{text}' does not exist for the field '{field}'.")

    return resolve


def _category(text: str) -> str:
    for key, name in CATEGORIES.items():
        if text.casefold() in {key, name.casefold()}:
            return key
    raise JqlError(f"The value '{text}' does not exist for the field 'statusCategory'.")


def _resolution(text: str) -> str | None:
    if text.casefold() == UNRESOLVED:
        return None
    if text.casefold() == "done":
        return "done"
    raise JqlError(f"The value '{text}' does not exist for the field 'resolution'.")


def _parent(state: State, text: str) -> int:
    issue = state.visible_issue(text)
    if issue is None:
        raise JqlError(f"An issue with key '{text}' does not exist for field 'parent'.")
    return issue.id


def _holder(field: Field) -> Callable[[Issue], Collection[str]]:
    def read(issue: Issue) -> Collection[str]:
        value = issue.custom.get(field.id)
        if value is None:
            return ()
        return (value,) if isinstance(value, str) else tuple(value)

    return read


def _option_resolver(field: Field) -> Callable[[str], str]:
    def resolve(text: str) -> str:
        for option in field.options:
            if text == option.id or text.casefold() == option.value.casefold():
                return option.id
        raise JqlError(f"The option '{text}' for field '{field.name}' does not exist.")

    return resolve
