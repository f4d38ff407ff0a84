"""What a rule or a project file may demand of a value: durations, limits of numbers, ages and texts with `*` and `?`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from fnmatch import fnmatchcase
from typing import Annotated, Any, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainSerializer, PlainValidator, WithJsonSchema, model_validator

_LONGEST = timedelta(days=36_500)
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def parse_duration(value: object) -> timedelta:
    """`90s`, `15m`, `26h`, `30d` or `2w`; more than nothing, at most a hundred years. Raises `ValueError`."""
    if isinstance(value, timedelta):
        return value
    match = re.fullmatch(r"(\d{1,6})([smhdw])", value) if isinstance(value, str) else None
    if match is None or int(match[1]) == 0:
        raise ValueError(f"{value!r} is no duration: write a number and a unit, such as 90s, 15m, 26h, 30d or 2w")
    duration = timedelta(seconds=int(match[1]) * _UNITS[match[2]])
    if duration > _LONGEST:
        raise ValueError(f"{value!r} is too long: at most {format_duration(_LONGEST)}")
    return duration


def format_duration(duration: timedelta) -> str:
    """The shortest form that `parse_duration` reads back."""
    seconds = int(duration.total_seconds())
    for unit in ("d", "h", "m"):
        if seconds % _UNITS[unit] == 0:
            return f"{seconds // _UNITS[unit]}{unit}"
    return f"{seconds}s"


Duration = Annotated[
    timedelta,
    PlainValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^[1-9]\d{0,5}[smhdw]$", "examples": ["26h", "30d"]}),
]


class Closed(BaseModel):
    """No unknown key, and no key without a value: a condition that was left empty by mistake would hold for everything."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    @model_validator(mode="before")
    @classmethod
    def _has_no_empty_key(cls, data: Any) -> Any:
        empty = [str(key) for key, value in data.items() if value is None] if isinstance(data, Mapping) else []
        if empty:
            raise ValueError(f"{empty[0]}: has no value; give it one or leave the line out")
        return data


class Bound(Closed):
    """Limits of a number. All that are given must hold."""

    gte: float | None = Field(None, description="at least", allow_inf_nan=False)
    gt: float | None = Field(None, description="more than", allow_inf_nan=False)
    lte: float | None = Field(None, description="at most", allow_inf_nan=False)
    lt: float | None = Field(None, description="less than", allow_inf_nan=False)

    @model_validator(mode="after")
    def _says_something(self) -> Bound:
        if not self.model_fields_set:
            raise ValueError("give at least one of gte, gt, lte, lt")
        return self

    def holds(self, value: float) -> bool:
        return (
            (self.gte is None or value >= self.gte)
            and (self.gt is None or value > self.gt)
            and (self.lte is None or value <= self.lte)
            and (self.lt is None or value < self.lt)
        )

    def __str__(self) -> str:
        signs = (("≥", self.gte), (">", self.gt), ("≤", self.lte), ("<", self.lt))
        return " and ".join(f"{sign} {limit:g}" for sign, limit in signs if limit is not None)


class Age(Closed):
    """How long ago a time was. Exactly one of the two."""

    within: Duration | None = None
    older_than: Duration | None = None

    @model_validator(mode="after")
    def _one(self) -> Age:
        if (self.within is None) == (self.older_than is None):
            raise ValueError("give within or older_than, and only one of them")
        return self


def _globs(value: object) -> tuple[str, ...]:
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list | tuple) or not values or not all(isinstance(one, str) and one for one in values):
        raise ValueError("write a text or a list of texts; * and ? match as in file names")
    return tuple(values)


Text = Annotated[
    tuple[str, ...],
    PlainValidator(_globs),
    PlainSerializer(list, return_type=list[str]),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "minLength": 1},
                {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1},
            ]
        }
    ),
]
"""One or several texts with `*` and `?`; one of them must match, upper and lower case alike."""


def matches(value: str, globs: Sequence[str]) -> bool:
    """Whether one of `globs` matches `value`, upper and lower case alike. Only `*` and `?` are special: `[ml]` means itself."""
    folded = value.casefold()
    return any(fnmatchcase(folded, glob.casefold().replace("[", "[[]")) for glob in globs)


def one_of(*words: str) -> Any:
    """A `Text` about a closed set of words: each glob must match at least one of them, so that a typing mistake is told."""

    def check(globs: tuple[str, ...]) -> tuple[str, ...]:
        for glob in globs:
            if not any(matches(word, [glob]) for word in words):
                raise ValueError(f"{glob!r} is none of {', '.join(words)}")
        return globs

    return AfterValidator(check)


Condition: TypeAlias = bool | tuple[str, ...] | Bound | Age | timedelta
