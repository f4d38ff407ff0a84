"""How a person names a remote object in the project file: by keys and names, which are resolved to refs later."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

from config.explain import Invalid
from config.problems import quoted

Form: TypeAlias = Literal["item", "commit", "run", "model_version", "dataset", "deployment"]

_FORMS: tuple[tuple[Form, str], ...] = (
    ("item", r"(?P<a>[\w.-]+/[\w.-]+)#(?P<b>[1-9]\d{0,9})"),
    ("commit", r"(?P<a>[\w.-]+/[\w.-]+)@(?P<b>[0-9a-fA-F]{7,64})"),
    ("run", r"run/(?P<a>[^/\s]+)"),
    ("model_version", r"model/(?P<a>[^\s]+)/(?P<b>[^/\s]+)"),
    ("dataset", r"dataset/(?P<a>[^\s]+)"),
    ("deployment", r"(?:deployment|endpoint)/(?P<a>[^\s]+)"),
    ("item", r"(?P<a>[A-Z][A-Z0-9_]*)-(?P<b>[1-9]\d{0,9})"),
)
_FIX = (
    "write source:what, such as jira:ML-42, github:example/churn#12, github:example/churn@<sha>, mlflow:run/<id>, "
    "mlflow:model/<name>/<version>, mlflow:dataset/<name> or aws-eu:endpoint/<name>"
)


class TextRef(msgspec.Struct, frozen=True, order=True):
    """`source` is a name of the project file. By form, `name` and `detail` are:

    - `item`: Jira project key and number (`ML`, `42`), or `owner/name` and the number of an issue or pull request;
    - `commit`: `owner/name` and the sha, 7 to 64 hex digits in lower case;
    - `run`, `dataset`, `deployment`: its id or name, and nothing;
    - `model_version`: the model's name and the version.
    """

    source: str
    form: Form
    name: str
    detail: str = ""

    def __str__(self) -> str:
        match self.form:
            case "item":
                return f"{self.source}:{self.name}{'#' if '/' in self.name else '-'}{self.detail}"
            case "commit":
                return f"{self.source}:{self.name}@{self.detail}"
            case "model_version":
                return f"{self.source}:model/{self.name}/{self.detail}"
            case _:
                return f"{self.source}:{self.form}/{self.name}"

    @classmethod
    def parse(cls, text: str) -> TextRef:
        """The inverse of `str`. Raises `ValueError`, whose message says what is allowed."""
        source, colon, rest = text.partition(":")
        if colon and re.fullmatch(r"[a-z][a-z0-9-]*", source) and len(rest) <= 500:
            for form, pattern in _FORMS:
                match = re.fullmatch(pattern, rest)
                if match:
                    detail = match["b"] if "b" in match.groupdict() else ""
                    return cls(source, form, match["a"], detail.lower() if form == "commit" else detail)
        raise Invalid(f"{quoted(text)} names no object", _FIX)


def _validated(value: Any) -> TextRef:
    if isinstance(value, TextRef):
        return value
    if not isinstance(value, str):
        raise Invalid("expected a text that names an object", _FIX)
    return TextRef.parse(value)


TextRefField = Annotated[
    TextRef,
    PlainValidator(_validated),
    PlainSerializer(str, return_type=str),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^[a-z][a-z0-9-]*:\S+$",
            "examples": ["jira:ML-42", "github:example/churn#12", "mlflow:run/0a1b2c", "mlflow:model/churn-classifier/3"],
        }
    ),
]
