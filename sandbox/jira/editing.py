"""Setting fields: what the edit screen allows, how JSON becomes the internal form, and the error texts that Jira gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

import msgspec

from sandbox.jira.model import Edit, Field, Issue, Project
from sandbox.jira.rich_text import TextError
from sandbox.jira.state import Named, State, named

MAX_TEXT = 255
OFF_SCREEN = "Field '{}' cannot be set. It is not on the appropriate screen, or unknown."


class FieldError(ValueError):
    """This value cannot be set; the text is Jira's."""


def edit_screen(state: State, issue: Issue) -> dict[str, Field]:
    """The fields that the account may set on the issue: none while it is archived, locked by its workflow, or not to be edited."""
    if not state.editable(issue):
        return {}
    project = state.projects[issue.project]
    return {field.id: field for field in state.fields.values() if on_screen(field, project)}


def on_screen(field: Field, project: Project) -> bool:
    return bool(field.operations) and (field.screens is None or project.key in field.screens)


def held(issue: Issue, field: Field) -> Any:
    """The field's value in the internal form."""
    return getattr(issue, field.attribute) if field.attribute else issue.custom.get(field.id)


def with_value(issue: Issue, field: Field, value: Any) -> Issue:
    if field.attribute:
        return msgspec.structs.replace(issue, **{field.attribute: value})
    return msgspec.structs.replace(issue, custom={**issue.custom, field.id: value})


def apply_edit(state: State, issue: Issue, edit: Edit) -> Issue:
    field = state.fields[edit.field]
    if edit.verb == "set":
        return with_value(issue, field, edit.value)
    before = tuple(held(issue, field) or ())
    if edit.verb == "add":
        return with_value(issue, field, before + tuple(value for value in edit.value if value not in before))
    return with_value(issue, field, tuple(value for value in before if value not in edit.value))


def parsed_edits(state: State, issue: Issue, fields: Mapping[str, Any], update: Mapping[str, Any]) -> list[Edit]:
    """What `fields` and `update` of an edit request ask for. Raises `EditRefused` with every field's error."""
    screen = edit_screen(state, issue)
    edits: list[Edit] = []
    errors: dict[str, str] = {}
    for ident, asked in [*((ident, [{"set": value}]) for ident, value in fields.items()), *update.items()]:
        field = screen.get(ident)
        try:
            if ident in fields and ident in update:
                raise FieldError(f"Field '{ident}' cannot appear in both 'fields' and 'update'")
            if field is None:
                raise FieldError(OFF_SCREEN.format(ident))
            edits += [_parsed_operation(state, state.projects[issue.project], field, operation) for operation in _operations(asked)]
        except FieldError as error:
            errors[ident] = str(error)
    if errors:
        raise EditRefused(errors)
    return edits


class EditRefused(Exception):
    """Some fields cannot be set: field id to text."""

    def __init__(self, errors: dict[str, str]) -> None:
        super().__init__(errors)
        self.errors = errors


def _operations(asked: Any) -> list[dict[str, Any]]:
    if not isinstance(asked, list) or not all(isinstance(operation, dict) and len(operation) == 1 for operation in asked):
        raise FieldError("Can not deserialize the operations: expected an array of objects with one verb each.")
    return asked


def _parsed_operation(state: State, project: Project, field: Field, operation: dict[str, Any]) -> Edit:
    ((verb, raw),) = operation.items()
    if verb not in field.operations or (field.id == "comment"):
        raise FieldError(f"Field does not support update '{field.id}'" if verb == "set" else f"Unknown operation '{verb}'.")
    if verb == "set":
        return Edit(field.id, "set", parse_value(state, project, field, raw))
    return Edit(field.id, "add" if verb == "add" else "remove", parse_value(state, project, field, [raw]))


def parse_value(state: State, project: Project, field: Field, raw: Any) -> Any:
    """A field's JSON, as a client sends it, in the internal form. Raises `FieldError`."""
    parse = _parser(state, project, field, field.items if field.type == "array" else field.type)
    if field.type == "array":
        if raw is None:
            return ()
        if not isinstance(raw, list):
            raise FieldError("data was not an array")
        values = [parse(entry) for entry in raw]
        return tuple(dict.fromkeys(values))
    if raw is None:
        if field.required:
            raise FieldError(f"{field.name} is required.")
        return None
    return parse(raw)


def _parser(state: State, project: Project, field: Field, kind: str | None) -> Callable[[Any], Any]:
    match kind:
        case "string":
            return lambda raw: _text(state, field, raw)
        case "number":
            return _number
        case "date":
            return lambda raw: _moment(
                date.fromisoformat, raw, f"Operation value must be a string in the format 'yyyy-MM-dd': {raw}"
            )
        case "datetime":
            return lambda raw: _moment(datetime.fromisoformat, raw, f"Operation value must be an ISO 8601 date and time: {raw}")
        case "option":
            return lambda raw: _option(field, raw)
        case "option-with-child":
            return lambda raw: _cascade(field, raw)
        case "user":
            return lambda raw: _user(state, raw)
        case "priority":
            return lambda raw: _by_id_or_name(state.priorities, field, raw)
        case "component":
            return lambda raw: _by_id_or_name(
                {ident: entry for ident, entry in state.components.items() if entry.project == project.id}, field, raw
            )
        case "version":
            return lambda raw: _by_id_or_name(
                {ident: entry for ident, entry in state.versions.items() if entry.project == project.id}, field, raw
            )
        case "issuelink":
            return lambda raw: _parent(state, raw)
    raise FieldError(OFF_SCREEN.format(field.id))


def _text(state: State, field: Field, raw: Any) -> Any:
    if field.id == "description" or field.plugin == "textarea":
        return parse_rich_text(state, raw)
    if not isinstance(raw, str):
        raise FieldError("Operation value must be a string")
    if field.items == "string":
        return _label(raw)
    if len(raw) > MAX_TEXT:
        raise FieldError(f"The entered text is too long. It exceeds the allowed limit of {MAX_TEXT} characters.")
    if "\n" in raw or "\r" in raw:
        raise FieldError(f"The {field.name.lower()} is invalid because it contains newline characters.")
    if field.required and not raw.strip():
        raise FieldError(f"You must specify a {field.name.lower()} of the issue.")
    return raw or None


def _label(raw: str) -> str:
    if not raw or any(character.isspace() for character in raw):
        raise FieldError(f"The label '{raw}' contains spaces which is invalid.")
    if len(raw) > MAX_TEXT:
        raise FieldError(f"The label '{raw}' exceeds the maximum length of {MAX_TEXT} characters.")
    return raw


def parse_rich_text(state: State, raw: Any) -> Any:
    try:
        return state.checked_text(raw)
    except TextError as error:
        raise FieldError(str(error)) from error


def _number(raw: Any) -> float:
    if isinstance(raw, bool) or not isinstance(raw, int | float):
        raise FieldError("Operation value must be a number")
    return float(raw)


def _moment(parse: Callable[[str], Any], raw: Any, why: str) -> Any:
    try:
        return parse(raw)
    except (TypeError, ValueError) as error:
        raise FieldError(why) from error


def _option(field: Field, raw: Any) -> str:
    if not isinstance(raw, dict) or not ("id" in raw or "value" in raw):
        raise FieldError(f"Specify a valid 'id' or 'value' for {field.name}")
    by = "id" if "id" in raw else "value"
    for option in field.options:
        if not option.disabled and option.parent is None and str(raw[by]) == getattr(option, by):
            return option.id
    raise FieldError(f"Option {by} '{raw[by]}' is not valid")


def _cascade(field: Field, raw: Any) -> tuple[str, ...]:
    parent = _option(field, raw)
    if raw.get("child") is None:
        return (parent,)
    child = raw["child"]
    for option in field.options:
        if option.parent == parent and isinstance(child, dict) and child.get("id", child.get("value")) in {option.id, option.value}:
            return (parent, option.id)
    raise FieldError(f"The option '{child}' is not a valid child of the option '{parent}'")


def _user(state: State, raw: Any) -> str:
    ident = state.user_named(raw) if isinstance(raw, dict) else None
    if ident is None:
        raise FieldError("Specify a valid value for user: it does not exist.")
    return str(ident)


def _by_id_or_name(entries: Mapping[str, Named], field: Field, raw: Any) -> str:
    if not isinstance(raw, dict) or not ("id" in raw or "name" in raw):
        raise FieldError(f"Specify a valid 'id' or 'name' for {field.name}")
    wanted = str(raw.get("id", raw.get("name")))
    for ident, entry in entries.items():
        if wanted == ident if "id" in raw else named({ident: entry}, wanted) is not None:
            return ident
    raise FieldError(f"Specify a valid 'id' or 'name' for {field.name}")


def _parent(state: State, raw: Any) -> int:
    issue = state.visible_issue(str(raw.get("id", raw.get("key")))) if isinstance(raw, dict) else None
    if issue is None:
        raise FieldError("Could not find issue by id or key.")
    return issue.id
