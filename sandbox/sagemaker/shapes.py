"""Holds requests and answers against botocore's model of SageMaker."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import botocore.session  # type: ignore[import-untyped]  # botocore ships no types

_SCALARS: Mapping[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "long": int,
    "float": (int, float),
    "double": (int, float),
    "boolean": bool,
    "timestamp": (int, float),
}


@lru_cache(maxsize=1)
def service_model() -> Any:
    """botocore's model of SageMaker."""
    return botocore.session.Session().get_service_model("sagemaker")


def shaped(shape: Any, value: Any) -> Any:
    """As much of `value` as the shape has room for, with times as JSON writes them: moto's objects hold more than AWS tells."""
    match shape.type_name:
        case "structure" if isinstance(value, dict):
            known = ((name, member, value.get(name)) for name, member in shape.members.items())
            return {name: shaped(member, inner) for name, member, inner in known if inner is not None}
        case "list" if isinstance(value, list | tuple):
            return [shaped(shape.member, inner) for inner in value]
        case "map" if isinstance(value, dict):
            return {key: shaped(shape.value, inner) for key, inner in value.items()}
        case "timestamp" if isinstance(value, datetime):
            return (value.replace(tzinfo=UTC) if value.tzinfo is None else value).timestamp()
        case _:
            return value


def violations(shape: Any, value: Any, at: str = "") -> Iterator[str]:
    """Where `value` is not as the shape says: none is good."""
    match shape.type_name:
        case "structure":
            yield from _of_structure(shape, value, at)
        case "list":
            if not isinstance(value, list):
                yield f"{at}: no list"
                return
            yield from _of_length(shape, len(value), at)
            for number, inner in enumerate(value):
                yield from violations(shape.member, inner, f"{at}/{number}")
        case "map":
            if not isinstance(value, dict):
                yield f"{at}: no map"
                return
            for key, inner in value.items():
                yield from violations(shape.key, key, f"{at}/{key}")
                yield from violations(shape.value, inner, f"{at}/{key}")
        case _:
            yield from _of_scalar(shape, value, at)


def _of_structure(shape: Any, value: Any, at: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{at}: no structure"
        return
    for name in shape.required_members:
        if name not in value:
            yield f"{at}/{name}: is missing"
    for name, inner in value.items():
        if name not in shape.members:
            yield f"{at}/{name}: is unknown"
        else:
            yield from violations(shape.members[name], inner, f"{at}/{name}")


def _of_scalar(shape: Any, value: Any, at: str) -> Iterator[str]:
    expected = _SCALARS.get(shape.type_name)
    if expected is None:
        yield f"{at}: a {shape.type_name}, which no answer of ours has"
    elif not isinstance(value, expected) or (isinstance(value, bool) and shape.type_name != "boolean"):
        yield f"{at}: {type(value).__name__} where a {shape.type_name} belongs"
    elif isinstance(value, float) and not math.isfinite(value):
        yield f"{at}: not finite"
    elif isinstance(value, str):
        if shape.enum and value not in shape.enum:
            yield f"{at}: {value!r} is none of {shape.enum}"
        yield from _of_length(shape, len(value), at)


def _of_length(shape: Any, length: int, at: str) -> Iterator[str]:
    if not shape.metadata.get("min", 0) <= length <= shape.metadata.get("max", math.inf):
        yield f"{at}: {length} long"
