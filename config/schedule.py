"""When a source is pulled, in the five fields of cron: minute, hour, day of the month, month, day of the week."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, NamedTuple, TypeAlias

from pydantic import PlainValidator, WithJsonSchema

from config.explain import Invalid, described
from config.problems import quoted

EVERY_TEN_MINUTES = "*/10 * * * *"

_LONGEST = 200
_EXAMPLE = 'write one in quotes, such as "*/10 * * * *" or "30 6 * * mon-fri"'


class _Field(NamedTuple):
    called: str
    first: int
    last: int
    names: Mapping[str, int] = {}

    def __contains__(self, value: object) -> bool:
        return isinstance(value, int) and self.first <= value <= self.last


def _numbered(names: str, first: int) -> Mapping[str, int]:
    return {name: number for number, name in enumerate(names.split(), first)}


_FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of the month", 1, 31),
    _Field("month", 1, 12, _numbered("jan feb mar apr may jun jul aug sep oct nov dec", 1)),
    _Field("day of the week", 0, 7, _numbered("sun mon tue wed thu fri sat", 0)),
)
_DAYS_OF_MONTH = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_PART = re.compile(r"(?:(?P<all>\*)|(?P<low>[0-9]{1,3}|[a-z]{3})(?:-(?P<high>[0-9]{1,3}|[a-z]{3}))?)(?:/(?P<step>[0-9]{1,3}))?")


def parse_schedule(value: object) -> str:
    """The schedule with single spaces between its fields. Raises `Invalid`.

    Stricter than most readers of cron: what they disagree about, such as a range that runs backwards, is refused.
    """
    if not isinstance(value, str):
        raise Invalid(f"expected a schedule, found {described(value)}", _EXAMPLE)
    texts = value.lower().split()
    if len(texts) != len(_FIELDS) or len(value) > _LONGEST:
        raise Invalid(f"{quoted(value)} is no schedule of five fields", _EXAMPLE)
    allowed = [_allowed(field, text) for field, text in zip(_FIELDS, texts, strict=True)]
    _check_that_it_comes(allowed[2], allowed[3], any_weekday=texts[4] == "*")
    return " ".join(texts)


def _allowed(field: _Field, text: str) -> set[int]:
    """The values that one field names."""
    return {value for part in text.split(",") for value in _values(field, part)}


def _values(field: _Field, part: str) -> range:
    match = _PART.fullmatch(part)
    if match is None:
        fix = f"write *, a value, a range such as {field.first}-{field.first + 2}, or */2"
        raise Invalid(f"{quoted(part)} is no {field.called} of a schedule", fix)
    if match["all"]:
        low, high = field.first, field.last
    else:
        low = _value(field, match["low"])
        high = _value(field, match["high"] or match["low"])
        if match["high"] and low >= high:
            raise Invalid(f"{quoted(part)}: the range runs backwards, or is a single value", "write the smaller value first")
        if match["step"] and not match["high"]:
            raise Invalid(f"{quoted(part)}: a step needs a range", f"write {low}-{field.last}/{match['step']}")
    step = int(match["step"] or 1)
    if not 1 <= step <= field.last - field.first:
        raise Invalid(f"{quoted(part)}: the step must be 1 to {field.last - field.first}", "write */2 for every second one")
    return range(low, high + 1, step)


def _value(field: _Field, text: str) -> int:
    value = field.names.get(text, -1) if text.isalpha() else int(text)
    if value not in field:
        names = f", or {', '.join(field.names)}" if field.names else ""
        raise Invalid(f"{quoted(text)} is no {field.called}", f"write {field.first} to {field.last}{names}")
    return value


def _check_that_it_comes(days: set[int], months: set[int], *, any_weekday: bool) -> None:
    """Where a day of the week is named as well, either of the two is enough, and some such day always comes."""
    if any_weekday and min(days) > max(_DAYS_OF_MONTH[month - 1] for month in months):
        raise Invalid("no such day ever comes", "name a day that one of the months has")


Schedule: TypeAlias = Annotated[
    str,
    PlainValidator(parse_schedule),
    WithJsonSchema({"type": "string", "pattern": r"^ *[0-9A-Za-z*,/-]+( +[0-9A-Za-z*,/-]+){4} *$"}),
]
