"""How many requests a source may be sent, as the project file says it."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, TypeAlias

import msgspec
from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

from config.explain import Invalid, described
from config.problems import quoted

_UNITS = {"s": timedelta(seconds=1), "m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
_MEANT = re.compile(r"([1-9][0-9]{0,5})\s*(?:/|per)\s*(s|m|h|d|sec|min|seconds?|minutes?|hours?|days?)", re.IGNORECASE)


class Rate(msgspec.Struct, frozen=True):
    """At most `requests` in any time of length `period`."""

    requests: int
    period: timedelta

    def __str__(self) -> str:
        unit = next(unit for unit, length in _UNITS.items() if length == self.period)
        return f"{self.requests}/{unit}"


def parse_rate(value: object) -> Rate:
    """`20/s`, `900/m`, `4000/h` or `50000/d`; at least one request, at most 999,999. Raises `Invalid`."""
    if isinstance(value, Rate):
        return value
    if not isinstance(value, str):
        raise Invalid(f"expected a rate, found {described(value)}", "write a whole number and a unit, such as 4000/h")
    match = re.fullmatch(r"([1-9][0-9]{0,5})/([smhd])", value)
    if match is None:
        meant = _MEANT.fullmatch(value.strip())
        fix = f"did you mean {meant[1]}/{meant[2][0].lower()}?" if meant else "write a whole number and /s, /m, /h or /d"
        raise Invalid(f"{quoted(value)} is no rate such as 4000/h", fix)
    return Rate(int(match[1]), _UNITS[match[2]])


RateField: TypeAlias = Annotated[
    Rate,
    PlainValidator(parse_rate),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^[1-9][0-9]{0,5}/[smhd]$"}),
]
