"""Pydantic's errors in plain words: what was found, what is expected, how to repair it. No value of a text is ever repeated here
unless the choice is from a closed list."""

from __future__ import annotations

import types
from collections.abc import Collection, Iterator, Mapping
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from config.problems import masked, nearest, quoted, suggestion

_LONGEST_MESSAGE = 400

_EXPECTED: Mapping[str, str] = {
    "string_type": "a text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_parsing_size": "a smaller whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "decimal_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "set_type": "a list",
    "frozen_set_type": "a list",
    "iterable_type": "a list",
    "dict_type": "a mapping (lines of `key: value`)",
    "mapping_type": "a mapping (lines of `key: value`)",
    "model_type": "a mapping (lines of `key: value`)",
    "model_attributes_type": "a mapping (lines of `key: value`)",
    "url_type": "a URL",
    "none_required": "nothing",
}
"""What the errors about the kind of a value want."""

_LIMITS: Mapping[str, tuple[str, str]] = {
    "greater_than": ("must be more than", "gt"),
    "greater_than_equal": ("must be at least", "ge"),
    "less_than": ("must be less than", "lt"),
    "less_than_equal": ("must be at most", "le"),
    "multiple_of": ("must be a multiple of", "multiple_of"),
    "string_pattern_mismatch": ("must look like", "pattern"),
}


class Invalid(ValueError):
    """For validators of this package: what is wrong, and the fix."""

    def __init__(self, message: str, fix: str | None = None) -> None:
        self.fix = fix
        super().__init__(message)


class Explanation(NamedTuple):
    message: str
    fix: str | None = None
    on_key: bool = False
    kind_only: bool = False
    """Whether just the kind of value is wrong: of the alternatives that a value may be, this one was probably not meant."""


def explain(error: ErrorDetails, model: type[BaseModel] | None, value: Any, beside: Collection[str] = frozenset()) -> Explanation:
    """`model` is what the error's location starts from, `value` the plain value at the location. `beside` are the keys that may
    stand where the model does and are not its own."""
    kind, context = error["type"], error.get("ctx", {})
    name = str(error["loc"][-1]) if error["loc"] else ""
    if kind == "extra_forbidden":
        known = allowed_keys(model, error["loc"][:-1]) if model is not None else frozenset()
        if len(error["loc"]) == 1:
            known |= set(beside)
        return Explanation("unknown key", suggestion(name, known) if model is not None else "remove it", on_key=True)
    if kind == "missing":
        return Explanation(f"{name} is missing", f"add `{name}: …`", on_key=True)
    if kind in _EXPECTED:
        return Explanation(f"expected {_EXPECTED[kind]}, found {described(value)}", _kind_fix(kind, value), kind_only=True)
    if kind in _LIMITS:
        words, limit = _LIMITS[kind]
        return Explanation(f"{words} {context[limit]}", on_key=error["loc"][-1:] == ("[key]",))
    if kind in ("literal_error", "enum"):
        return _choice(str(context["expected"]), value)
    return Explanation(*_in_other_words(kind, context, error["msg"]))


def described(value: Any) -> str:
    """The kind of a plain value, in words; numbers are shown, texts are not."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return f"the number {value}"
        case str():
            return "a text" if value else "an empty text"
        case list() | tuple():
            return "a list"
        case _:
            return "a mapping"


def _kind_fix(kind: str, value: Any) -> str | None:
    if value is None:
        return "give it a value, or remove the line"
    if kind == "string_type" and isinstance(value, int | float | bool):
        return "put it in quotes"
    if _EXPECTED[kind] == "a list" and isinstance(value, str):
        return "write it as a list, such as [one, two]"
    if isinstance(value, str) and kind.startswith(("int", "float")):
        return "write a number, without quotes"
    if isinstance(value, str) and kind.startswith("bool"):
        return "write true or false, without quotes"
    return None


def _choice(expected: str, value: Any) -> Explanation:
    allowed = [word.strip("'") for part in expected.split(", ") for word in part.split(" or ")]
    if not isinstance(value, str):
        return Explanation(f"expected one of {', '.join(allowed)}, found {described(value)}")
    meant = nearest(value, allowed)
    return Explanation(f"{quoted(value)} is not one of {', '.join(allowed)}", f"did you mean {meant}?" if meant else None)


def _in_other_words(kind: str, context: Mapping[str, Any], said: str) -> tuple[str, str | None]:
    match kind:
        case "value_error" | "assertion_error":
            cause = context["error"]
            return _shortened(str(cause)), getattr(cause, "fix", None)
        case "finite_number":
            return "must be a finite number", None
        case "too_short":
            return f"needs at least {context['min_length']}, found {context['actual_length']}", None
        case "too_long":
            return f"has more than {context['max_length']} entries", None
        case "string_too_short":
            least = context["min_length"]
            return ("must not be empty" if least == 1 else f"needs at least {least} characters"), None
        case "string_too_long":
            return f"has more than {context['max_length']} characters", None
        case "url_parsing" | "url_syntax_violation":
            return "is no URL", "write it in full, such as https://mlflow.example.com"
        case "url_scheme":
            return f"must be a URL that starts with {context['expected_schemes']}", None
        case "union_tag_invalid" | "union_tag_not_found":
            return f"must be one of {context.get('expected_tags', 'the known alternatives')}", None
        case _:
            return _shortened(said.removeprefix("Input ")), None


def _shortened(text: str) -> str:
    shown = masked(" ".join(text.split()))
    return shown if len(shown) <= _LONGEST_MESSAGE else shown[: _LONGEST_MESSAGE - 1] + "…"


def allowed_keys(model: Any, path: tuple[str | int, ...]) -> frozenset[str]:
    """The keys that a mapping at `path` below `model` may have; a part that names no key of the file is passed over."""
    places = [model]
    for part in path:
        inner = [found for place in places for found in _below(place, part)]
        places = inner or places
    return frozenset(key for place in places for one in _models(place) for key in _keys(one))


def _keys(model: type[BaseModel]) -> Iterator[str]:
    for name, info in model.model_fields.items():
        yield info.alias or name


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) in (Annotated, Union, types.UnionType):
        for one in get_args(annotation):
            yield from _models(one)


def _below(annotation: Any, part: str | int) -> Iterator[Any]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        for name, info in annotation.model_fields.items():
            if part in (name, info.alias):
                yield info.annotation
        return
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        yield from _below(arguments[0], part)
    elif origin in (Union, types.UnionType):
        for one in arguments:
            yield from _below(one, part)
    elif origin is not None and origin is not Literal and arguments:
        if isinstance(part, int):
            yield arguments[0]
        elif len(arguments) == 2:
            yield arguments[1]
