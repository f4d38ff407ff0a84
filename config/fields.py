"""The values that several parts of the project file share: texts, numbers, limits, time zones, tags; each refused with its fix."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Annotated, Any, TypeAlias
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BeforeValidator, Field

from config.explain import Invalid, described
from config.problems import nearest, quoted
from mappings.conditions import Bound


def _plain_text(value: str) -> str:
    if not value.strip():
        raise Invalid("must not be empty")
    return value


def _number(value: Any) -> Any:
    """Whole numbers and fractions, but neither true nor a number in quotes."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Invalid(f"expected a number, found {described(value)}", "write a number, without quotes")
    if not isfinite(value):
        raise Invalid("must be a finite number")
    return value


def _is_time_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, OSError, ValueError):
        return False
    return True


def _time_zone(name: str) -> str:
    if _is_time_zone(name):
        return name
    known = available_timezones()
    if not known:
        raise Invalid("this machine has no time zone data", "install the tzdata package of the system")
    meant = nearest(name, known)
    fix = f"did you mean {meant}?" if meant else "write one such as UTC or Europe/Berlin"
    raise Invalid(f"{quoted(name)} is no IANA time zone", fix)


def _possible(bound: Bound) -> Bound:
    if (bound.gte is not None and bound.gt is not None) or (bound.lte is not None and bound.lt is not None):
        raise Invalid("gives two limits on one side", "keep gte or gt, and lte or lt")
    low = bound.gte if bound.gte is not None else bound.gt
    high = bound.lte if bound.lte is not None else bound.lt
    if low is not None and high is not None:
        strict = bound.gt is not None or bound.lt is not None
        if low > high or (strict and low == high):
            raise Invalid(f"no number can be {bound}", "swap or widen the limits")
    return bound


def _bound_shape(value: Any) -> Any:
    if not isinstance(value, Bound | dict):
        raise Invalid(f"expected a limit, found {described(value)}", "write it as {gte: 0.85}, with gte, gt, lte or lt")
    if isinstance(value, dict):
        if all(limit is None for limit in value.values()):
            raise Invalid("gives no limit", "write at least one of gte, gt, lte, lt, such as {gte: 0.85}")
        for name, limit in value.items():
            if name in Bound.model_fields and (isinstance(limit, bool) or not isinstance(limit, int | float)):
                raise Invalid(f"{name}: expected a number, found {described(limit)}", f"write it as {{{name}: 0.85}}")
    return value


def _quality_shape(value: Any) -> Any:
    if value is None or isinstance(value, str | dict):
        return value
    raise Invalid(f"expected a glob or a mapping of globs to limits, found {described(value)}", 'write it as "data_quality.*"')


def _tag(name: str) -> str:
    if any(character in name for character in "*?"):
        raise Invalid(f"{quoted(name)} is no name of a tag", "write each tag out: * and ? do not match here")
    return name.strip()


NUMBER = BeforeValidator(_number)
"""What every annotated number bears."""

Name: TypeAlias = Annotated[str, AfterValidator(_plain_text), Field(max_length=200)]
Limit: TypeAlias = Annotated[Bound, BeforeValidator(_bound_shape), AfterValidator(_possible)]
Share: TypeAlias = Annotated[float, Field(ge=0, le=1), NUMBER]
Bounds: TypeAlias = Mapping[Name, Limit]
Quality: TypeAlias = Annotated[Name | Bounds | None, BeforeValidator(_quality_shape)]
TimeZone: TypeAlias = Annotated[str, AfterValidator(_time_zone)]
TagName: TypeAlias = Annotated[Name, AfterValidator(_tag)]
