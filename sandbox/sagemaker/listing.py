"""Filters, order and pages, as SageMaker's listings have them."""

from __future__ import annotations

import base64
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec

from mappings.decoding import decode_as

Object = Mapping[str, Any]
T = TypeVar("T", bound=Object)
MOST = 100


class Refused(Exception):
    """SageMaker's own words for why it does not do what it was asked for."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        self.message = message
        super().__init__(f"{code}: {message}")


def invalid(message: str) -> Refused:
    return Refused("ValidationException", message)


def seconds(moment: Any) -> float:
    """Of any way to write a time; 0 for none."""
    if isinstance(moment, datetime):
        return (moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment).timestamp()
    return float(moment or 0)


_TIMES: Mapping[str, tuple[str, Callable[[float, float], bool]]] = {
    f"{field}{side}": (field, compare)
    for field in ("CreationTime", "LastModifiedTime", "ScheduledTime")
    for side, compare in (("After", operator.gt), ("Before", operator.lt))
}


def listed(objects: Iterable[Object], asked: Mapping[str, Any], *, equal: Mapping[str, str]) -> list[Object]:
    """Those that pass the filters of a `List…` request. `equal` maps a parameter to the field that it must equal."""
    found = list(objects)
    for parameter, (field, compare) in _TIMES.items():
        if parameter in asked:
            limit = seconds(asked[parameter])
            found = [one for one in found if compare(seconds(one.get(field)), limit)]
    for parameter, field in equal.items():
        if parameter in asked:
            found = [one for one in found if one.get(field) == asked[parameter]]
    return found


def page(objects: Sequence[T], asked: Mapping[str, Any], *, key: Callable[[T], tuple[Any, ...]]) -> tuple[list[T], str | None]:
    """A page of what is sorted by `SortBy`, and the token of the next. A token names the last one given, so that nothing is lost
    when others go."""
    by = asked.get("SortBy", "CreationTime")
    descending = asked.get("SortOrder") == "Descending"

    def place(one: T) -> list[Any]:
        value = one.get(by)
        return [seconds(value) if by.endswith("Time") else str(value or ""), *map(str, key(one))]

    ordered = sorted(objects, key=place, reverse=descending)
    if token := asked.get("NextToken"):
        last = place_in(token)
        ordered = [one for one in ordered if (place(one) < last if descending else place(one) > last)]
    size = int(asked.get("MaxResults") or MOST)
    shown = ordered[:size]
    more = len(ordered) > size
    return shown, _encoded(place(shown[-1])) if more and shown else None


def _encoded(place: Sequence[Any]) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(place)).decode()


def place_in(token: str) -> list[Any]:
    try:
        return decode_as(base64.urlsafe_b64decode(token), list[Any])
    except (ValueError, msgspec.DecodeError):
        raise invalid("Invalid pagination token") from None
