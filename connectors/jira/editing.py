"""What must be sent so that our field shows a value, for every type of field that can be ours. Pure: edit screen in, edits out.

Shapes: `FieldMetadata` (editmeta), `IssueUpdateDetails` (single edits) and `JiraIssueFields` (bulk edits) in Atlassian's OpenAPI
description.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeAlias

import msgspec

from mappings.change import Value
from mappings.decoding import convert_to
from mappings.jira_records import SchemaRecord
from mappings.jira_values import as_label

Kind: TypeAlias = Literal["single", "several", "labels", "line", "document"]

LONGEST_LINE = 255
_CLEARED = -1


class Choice(msgspec.Struct):
    """An allowed value of a select field."""

    id: str = ""
    value: str = ""


class FieldMeta(msgspec.Struct):
    """One field on an issue's edit screen. `allowedValues` of fields that cannot be ours hold anything."""

    name: str = ""
    operations: list[str] = []
    schema: SchemaRecord = msgspec.field(default_factory=SchemaRecord)
    allowedValues: list[Any] = []  # noqa: N815 - Jira's spelling


class EditMeta(msgspec.Struct):
    """An issue's edit screen: empty when the issue cannot be edited."""

    fields: dict[str, FieldMeta] = {}


class CannotShow(Exception):
    """The field cannot show the value. The text says what somebody must do."""


class OptionMissing(CannotShow):
    """A text that the field would show is not among its options."""


class FieldEdit(msgspec.Struct, frozen=True):
    """The absolute content of one field. `choices` are option ids; `add` and `remove` are labels."""

    field: str
    kind: Kind
    choices: tuple[str, ...] = ()
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    text: str = ""


def kind_of(schema: SchemaRecord) -> Kind | None:
    """How the field holds values, or None where it cannot be ours."""
    match schema.type, schema.items:
        case "option", _:
            return "single"
        case "array", "option":
            return "several"
        case "array", "string":
            return "labels"
        case "string", _:
            return "document" if (schema.custom or "").endswith(":textarea") else "line"
    return None


def edit_for(ident: str, meta: FieldMeta, value: Value, ours: Sequence[str]) -> FieldEdit:
    """The edit that makes the field show `value`: a text, a list of texts, or nothing. `ours` are all texts that it may show, of
    which labels that are not wanted are taken off. Raises `CannotShow`."""
    kind = kind_of(meta.schema)
    texts = _texts(meta, value)
    match kind:
        case "single" | "line" | "document" if len(texts) > 1:
            raise CannotShow(f'the field "{meta.name}" holds one value, not {len(texts)}')
        case "single" | "several":
            return FieldEdit(ident, kind, choices=tuple(_choice(meta, text) for text in texts))
        case "labels":
            add = tuple(as_label(text) for text in texts)
            remove = tuple(sorted({as_label(text) for text in ours} - set(add)))
            return FieldEdit(ident, kind, add=add, remove=remove)
        case "line" | "document":
            text = texts[0] if texts else ""
            if kind == "line" and (len(text) > LONGEST_LINE or "\n" in text):
                raise CannotShow(f'the field "{meta.name}" holds one line of {LONGEST_LINE} characters; use a paragraph field')
            return FieldEdit(ident, kind, text=text)
    raise CannotShow(f'the field "{meta.name}" cannot show a status; name a select list, labels or a text field as publish.field')


def _texts(meta: FieldMeta, value: Value) -> list[str]:
    match value:
        case None:
            return []
        case str():
            return [value]
        case list():
            return value
    raise CannotShow(f'the field "{meta.name}" can show texts only')


def _choice(meta: FieldMeta, text: str) -> str:
    choices = known_choices(meta)
    if text not in choices:
        raise OptionMissing(missing_options(meta.name, [text]))
    return choices[text]


def known_choices(meta: FieldMeta) -> Mapping[str, str]:
    """The ids of the options that can be chosen, by text."""
    found: dict[str, str] = {}
    for raw in meta.allowedValues:
        try:
            choice = convert_to(raw, Choice)
        except msgspec.ValidationError:
            continue
        if choice.id and choice.value:
            found.setdefault(choice.value, choice.id)
    return found


def missing_options(field: str, texts: Sequence[str]) -> str:
    named = ", ".join(f'"{text}"' for text in texts)
    return (
        f'the field "{field}" lacks the option{"s" if len(texts) > 1 else ""} {named}; a Jira admin adds what is missing under '
        f"Settings > Issues > Custom fields > {field} > Contexts > Edit options"
    )


def off_screen(field: str, where: str) -> str:
    return (
        f'the field "{field}" is not on the edit screen of {where}; a Jira admin adds it under Settings > Issues > Custom fields > '
        f"{field} > Screens, and to the field's context"
    )


def single_edit(edit: FieldEdit, rich_text: Callable[[str], Any]) -> dict[str, Any]:
    """The body of an edit of one issue. `rich_text` makes a text the value of a field of several lines."""
    content: Any
    match edit.kind:
        case "labels":
            operations = [*({"add": label} for label in edit.add), *({"remove": label} for label in edit.remove)]
            return {"update": {edit.field: operations}}
        case "single":
            content = {"id": edit.choices[0]} if edit.choices else None
        case "several":
            content = [{"id": choice} for choice in edit.choices]
        case "line":
            content = edit.text or None
        case "document":
            content = rich_text(edit.text) if edit.text else None
    return {"fields": {edit.field: content}}


def bulk_inputs(edit: FieldEdit) -> Sequence[dict[str, Any]]:
    """The `editedFieldsInput` of the bulk edits that, one after the other, make the same edit; none where that is not documented:
    for rich text, and for clearing anything but a single select or labels."""
    match edit.kind:
        case "single":
            chosen = int(edit.choices[0]) if edit.choices else _CLEARED
            return [{"singleSelectFields": [{"fieldId": edit.field, "option": {"optionId": chosen}}]}]
        case "several" if edit.choices:
            options = [{"optionId": int(choice)} for choice in edit.choices]
            return [{"multipleSelectFields": [{"fieldId": edit.field, "options": options}]}]
        case "labels":
            parts = (("REMOVE", edit.remove), ("ADD", edit.add))
            return [{"labelsFields": [_labels(edit.field, verb, labels)]} for verb, labels in parts if labels]
        case "line" if edit.text:
            return [{"singleLineTextFields": [{"fieldId": edit.field, "text": edit.text}]}]
    return []


def _labels(field: str, verb: str, labels: Sequence[str]) -> dict[str, Any]:
    return {"fieldId": field, "bulkEditMultiSelectFieldOption": verb, "labels": [{"name": label} for label in labels]}
