"""The JSON Schema of `milepost.yaml` (draft 2020-12), composed from its parts and the types of source: editors complete by it."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from config.project import KEY_PATTERN, NAME_PATTERN, FileBody, ProjectBody, SourceBody, TypeModels
from mappings.conditions import Bound
from mappings.rules import StatusRule

DIALECT = "https://json-schema.org/draft/2020-12/schema"

Schema = dict[str, Any]


def json_schema(types: Mapping[str, TypeModels]) -> Schema:
    """The complete schema for these types of source. A source's alternatives are told apart by `type`; a scope and what is said
    about publishing go by the source's name, which is the user's own, and so may be that of any type."""
    models = list(dict.fromkeys(_models(types)))
    references, shared = models_json_schema([(model, "validation") for model in models], by_alias=True)
    definitions: dict[str, Schema] = shared["$defs"]
    names = {model: references[model, "validation"]["$ref"].removeprefix("#/$defs/") for model in models}
    for name, one in types.items():
        definitions[f"source-{name}"] = _source(name, definitions[names[one.options]], definitions[names[SourceBody]])
    _name_the_open_keys(definitions, types, names)
    for definition in definitions.values():
        _tidy(definition)
    root = definitions.pop(names[FileBody])
    used = {name: schema for name, schema in definitions.items() if name not in ("BaseModel", "Source", "SourceBody")}
    return {"$schema": DIALECT, **root, "title": "Milepost project file", "$defs": used}


def _models(types: Mapping[str, TypeModels]) -> Iterable[type[BaseModel]]:
    yield from (FileBody, ProjectBody, SourceBody, StatusRule, Bound)
    for one in types.values():
        yield from (model for model in (one.options, one.scope, one.publish) if model is not None)


def _name_the_open_keys(
    definitions: dict[str, Schema], types: Mapping[str, TypeModels], names: Mapping[type[BaseModel], str]
) -> None:
    """Writes what only the types know into the mappings whose keys are the user's own names."""
    sources = [_pointer(f"source-{name}") for name in types]
    scopes = [_pointer(names[one.scope]) for one in types.values()]
    published = [_pointer(names[one.publish]) for one in types.values() if one.publish is not None]
    root = definitions[names[FileBody]]["properties"]
    project = definitions[names[ProjectBody]]["properties"]
    _open(root["sources"], NAME_PATTERN, {"oneOf": sources} if sources else False, at_least=1)
    _open(root["projects"], KEY_PATTERN, _pointer(names[ProjectBody]), at_least=1)
    _open(root["publish"], NAME_PATTERN, {"anyOf": published} if published else False)
    _open(project["scopes"], NAME_PATTERN, {"anyOf": scopes} if scopes else False, at_least=1)
    _open(project["publish"], NAME_PATTERN, {"anyOf": [*published, {"const": False}]})
    root["statuses"]["items"] = _override(definitions[names[StatusRule]])
    definitions[names[Bound]]["minProperties"] = 1


def _open(section: Schema, pattern: str, value: Schema | bool, at_least: int = 0) -> None:
    section["type"] = "object"
    section["propertyNames"] = {"pattern": f"^{pattern}$"}
    section["additionalProperties"] = value
    if at_least:
        section["minProperties"] = at_least


def _source(name: str, options: Schema, common: Schema) -> Schema:
    """The options of one type with the `type` that chooses them, and what every source may say."""
    schema = copy.deepcopy(options)
    chosen = {"type": {"const": name, "description": f"A source of type {name}."}}
    schema["properties"] = {**schema.get("properties", {}), **copy.deepcopy(common["properties"]), **chosen}
    schema["required"] = sorted({"type", *schema.get("required", ())})
    schema["additionalProperties"] = False
    return schema


def _override(rule: Schema) -> Schema:
    """An override gives an id and what differs, a new status the whole rule; which of the two it is, only the ids tell."""
    return {**{key: value for key, value in rule.items() if key != "required"}, "required": ["id"]}


def _tidy(schema: Any) -> None:
    """Takes out what pydantic adds for itself: titles of fields, defaults of whole sections, and null where leaving the key out
    says the same."""
    if isinstance(schema, list):
        for inner in schema:
            _tidy(inner)
    if not isinstance(schema, dict):
        return
    for inner in schema.get("properties", {}).values():
        inner.pop("title", None)
        if "$ref" in inner or inner.get("default", ...) is None:
            inner.pop("default", None)
        _drop_null(inner)
        _tidy(inner)
    for key in ("items", "additionalProperties", "anyOf", "oneOf", "allOf"):
        _tidy(schema.get(key))


def _drop_null(schema: Schema) -> None:
    alternatives = [one for one in schema.get("anyOf", ()) if one != {"type": "null"}]
    if len(alternatives) > 1:
        schema["anyOf"] = alternatives
    elif alternatives:
        del schema["anyOf"]
        schema.update({**alternatives[0], **schema})


def _pointer(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}
