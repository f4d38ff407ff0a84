"""OpenAPI 3.0 schemas as JSON Schema 2020-12: what the dialects say differently, and no more than one schema needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

Side = Literal["request", "response"]
PREFIX = "#/components/schemas/"
ONE_SIDED: dict[Side, str] = {"request": "readOnly", "response": "writeOnly"}


def resolved(document: Mapping[str, Any], node: Any) -> Any:
    """`node`, or what its reference points at."""
    while isinstance(node, dict) and "$ref" in node:
        target: Any = document
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part.replace("~1", "/").replace("~0", "~")]
        node = target
    return node


def json_schema(document: Mapping[str, Any], schema: Mapping[str, Any], side: Side) -> dict[str, Any]:
    """A self-contained JSON Schema: `schema` with the components that it reaches, translated.

    `required` names of properties that only the other side sends are dropped, as OpenAPI rules.
    """
    components: dict[str, Any] = {}
    waiting = _references(schema)
    while waiting:
        name = waiting.pop()
        if name not in components:
            component = document["components"]["schemas"][name]
            components[name] = translated(component, side)
            waiting |= _references(component)
    root = translated(schema, side)
    return {"allOf": [root], "components": {"schemas": components}}


def translated(schema: Any, side: Side) -> Any:
    """One schema without `nullable` and one-sided requirements; lists and nested schemas likewise."""
    if isinstance(schema, list):
        return [translated(part, side) for part in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {key: value if key in {"enum", "example", "default"} else translated(value, side) for key, value in schema.items()}
    if isinstance(plain.get("required"), list):
        plain["required"] = [name for name in plain["required"] if not _other_sides(schema, name, side)]
    # A property may itself be called `nullable`: only the literal True is the keyword.
    return _with_null(plain) if plain.pop("nullable", None) is True else plain


def _other_sides(schema: Mapping[str, Any], name: str, side: Side) -> bool:
    properties = schema.get("properties")
    found = properties.get(name) if isinstance(properties, dict) else None
    return isinstance(found, dict) and found.get(ONE_SIDED[side]) is True


def _with_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Vendors mark an enum as nullable without listing null: what is nullable admits null, whatever else is said."""
    return {"anyOf": [{"type": "null"}, schema]}


def _references(node: Any) -> set[str]:
    if isinstance(node, list):
        return set().union(*(_references(part) for part in node))
    if not isinstance(node, dict):
        return set()
    found = set().union(*(_references(part) for part in node.values()))
    reference = node.get("$ref")
    if isinstance(reference, str) and reference.startswith(PREFIX):
        found.add(reference.removeprefix(PREFIX))
    return found
