"""When a source is pulled: whatever the project file accepts means to the scheduler what it says."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from croniter import croniter  # type: ignore[import-untyped]  # it has no stubs
from hypothesis import given
from hypothesis import strategies as st

from config.explain import Invalid
from config.schedule import EVERY_TEN_MINUTES, parse_schedule

RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
NAMES = {"jan": 1, "feb": 2, "mar": 3, "dec": 12, "sun": 0, "mon": 1, "fri": 5, "sat": 6}


@st.composite
def parts(draw: st.DrawFn, first: int, last: int) -> tuple[str, set[int]]:
    """One part of a field, and the values that it stands for."""
    low = draw(st.integers(first, last))
    if draw(st.booleans()) or low == last:
        return str(low), {low}
    if draw(st.booleans()):
        step = draw(st.integers(1, last - first))
        return f"*/{step}", set(range(first, last + 1, step))
    high = draw(st.integers(low + 1, last))
    step = draw(st.integers(1, last - first))
    return (f"{low}-{high}/{step}" if step > 1 else f"{low}-{high}"), set(range(low, high + 1, step))


@st.composite
def schedules(draw: st.DrawFn) -> tuple[str, list[set[int]]]:
    fields = [draw(st.lists(parts(first, last), min_size=1, max_size=3)) for first, last in RANGES]
    return " ".join(",".join(text for text, _ in field) for field in fields), [set().union(*(v for _, v in f)) for f in fields]


@given(schedules())
def test_the_scheduler_reads_what_was_meant(drawn: tuple[str, list[set[int]]]) -> None:
    text, meant = drawn
    meant[4] = {day % 7 for day in meant[4]}
    read, _ = croniter.expand(parse_schedule(text))
    whole = [set(range(first, last + 1)) for first, last in (*RANGES[:4], (0, 6))]

    assert [all_ if field == ["*"] else set(field) for field, all_ in zip(read, whole, strict=True)] == meant


@given(st.text(alphabet="0123456789*,-/ #?lwahrmonfjebsut@", max_size=24))
def test_the_scheduler_takes_whatever_is_accepted(text: str) -> None:
    try:
        schedule = parse_schedule(text)
    except Invalid as refused:
        assert refused.fix
        return
    coming = croniter(schedule, datetime(2026, 1, 1, tzinfo=UTC), max_years_between_matches=9).get_next(datetime)
    assert coming > datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "coming"),
    [
        (EVERY_TEN_MINUTES, "2026-01-01T00:10"),
        ("  30   6 * * MON-fri ", "2026-01-01T06:30"),
        ("0 0 29 2 *", "2028-02-29T00:00"),
        ("0 0 30 2 sun", "2026-02-01T00:00"),
        ("0 12 * dec sat,7", "2026-12-05T12:00"),
    ],
)
def test_when_it_comes_next(text: str, coming: str) -> None:
    schedule = parse_schedule(text)
    assert parse_schedule(schedule) == schedule
    assert croniter(schedule, datetime(2026, 1, 1, tzinfo=UTC)).get_next(datetime).isoformat()[:16] == coming


@pytest.mark.parametrize(
    "text", ["", "* * * *", "* * * * * *", "@hourly", "٥ * * * *", "* * * * *\u00a0*", "1," * 120 + "1 * * * *"]
)
def test_what_is_no_schedule(text: str) -> None:
    with pytest.raises(Invalid, match="is no "):
        parse_schedule(text)
