"""Times in the API: answers write them as all faces do, and filters take them as such or as how far back."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, TypeAlias

from pydantic import AwareDatetime, PlainSerializer, PlainValidator, TypeAdapter, ValidationError, WithJsonSchema
from pydantic_core import PydanticCustomError

from mappings.conditions import parse_duration
from sync.documents import written

_DATE_TIME = {"type": "string", "format": "date-time"}
_AWARE = TypeAdapter(AwareDatetime)

Moment: TypeAlias = Annotated[
    datetime, PlainSerializer(written, return_type=str, when_used="json"), WithJsonSchema(_DATE_TIME, mode="serialization")
]
"""A time in an answer."""


def _read(said: object) -> datetime | timedelta:
    text = str(said)
    try:
        return parse_duration(text)
    except ValueError:
        pass
    try:
        return _AWARE.validate_python(text)
    except ValidationError:
        raise PydanticCustomError("moment", "neither a time with its offset from UTC nor a duration") from None


_DURATION = r"^([1-9][0-9]{0,5}[sm]|[1-9][0-9]{0,4}h|[1-9][0-9]{0,3}d|[1-9][0-9]{0,2}w)$"

When: TypeAlias = Annotated[
    datetime | timedelta,
    PlainValidator(_read),
    WithJsonSchema({"anyOf": [_DATE_TIME, {"type": "string", "pattern": _DURATION}], "examples": ["7d"]}),
]
"""A time in a filter; a duration is so long ago, as `--since` of the command line has it."""

FORM = "A time with its offset from UTC, such as 2026-03-02T12:00:00Z (a + in it is sent as %2B), or how long ago, such as 7d"
"""What a `When` takes, in words."""


def moment_of(when: datetime | timedelta | None, now: datetime) -> datetime | None:
    """The time that a filter means."""
    return now - when if isinstance(when, timedelta) else when
