"""How fields look as Jira Cloud's JSON: their schema, their definition, and what an edit screen says of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.jira.catalogue import PLUGIN
from sandbox.jira.documents import Documents
from sandbox.jira.model import Field, Option, Project


def schema(field: Field) -> dict[str, Any]:
    kind: dict[str, Any] = {"type": field.type}
    if field.items:
        kind["items"] = field.items
    if field.custom:
        return kind | {"custom": f"{PLUGIN}:{field.plugin}", "customId": int(field.id.removeprefix("customfield_"))}
    return kind | {"system": field.id}


def definition(field: Field) -> dict[str, Any]:
    clauses = [*field.clauses, f"cf[{field.id.removeprefix('customfield_')}]", field.name] if field.custom else [*field.clauses]
    return {
        "id": field.id,
        "key": field.id,
        "name": field.name,
        "custom": field.custom,
        "orderable": field.orderable,
        "navigable": field.navigable,
        "searchable": True,
        "clauseNames": clauses,
        "schema": schema(field),
    }


def edit_meta(documents: Documents, fields: Mapping[str, Field], project: Project) -> dict[str, Any]:
    return {ident: _field_meta(documents, field, project) for ident, field in fields.items()}


def _field_meta(documents: Documents, field: Field, project: Project) -> dict[str, Any]:
    meta: dict[str, Any] = {
        "required": field.required,
        "schema": schema(field),
        "name": field.name,
        "key": field.id,
        "operations": field.operations,
    }
    allowed = _allowed(documents, field, project)
    return meta if allowed is None else {**meta, "allowedValues": allowed}


def _allowed(documents: Documents, field: Field, project: Project) -> list[Any] | None:
    kind = field.items or field.type
    if kind.startswith("option"):
        return [_allowed_option(documents, field, option) for option in field.options if not (option.disabled or option.parent)]
    if kind == "priority":
        return [documents.priority(ident) for ident in documents.state.priorities]
    if kind == "component":
        return [documents.component(entry.id) for entry in documents.state.components.values() if entry.project == project.id]
    if kind == "version":
        return [documents.version(entry) for entry in documents.state.versions.values() if entry.project == project.id]
    return None


def _allowed_option(documents: Documents, field: Field, option: Option) -> dict[str, Any]:
    children = [documents.option(child) for child in field.options if child.parent == option.id]
    return {**documents.option(option), "children": children} if children else documents.option(option)
