"""When a schedule asks for something."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.work.schedule import SPREAD, moment_to_do, offset

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
TEN = "*/10 * * * *"


def at(minute: int, second: int = 0) -> datetime:
    return NOON + timedelta(minutes=minute, seconds=second)


def test_the_first_moment_is_to_be_done_at_once() -> None:
    assert moment_to_do("a", TEN, None, at(3)) == NOON


def test_nothing_is_to_be_done_between_two_moments() -> None:
    assert moment_to_do("a", TEN, NOON, at(5)) is None


def test_the_next_moment_comes_with_its_own_shift() -> None:
    due = at(10) + offset("a")
    assert moment_to_do("a", TEN, NOON, due - timedelta(seconds=1)) is None
    assert moment_to_do("a", TEN, NOON, due + timedelta(seconds=1)) == at(10)


def test_what_was_missed_is_made_up_once() -> None:
    later = at(60 * 24 + 5)
    missed = moment_to_do("a", TEN, NOON, later)
    assert missed == at(60 * 24)
    assert moment_to_do("a", TEN, missed, later) is None


def test_a_moment_that_lies_ahead_holds_nothing_up() -> None:
    assert moment_to_do("a", TEN, NOON + timedelta(days=400), at(5)) == NOON


@given(st.text(max_size=40))
def test_every_schedule_is_shifted_by_less_than_a_minute(name: str) -> None:
    assert timedelta() <= offset(name) < SPREAD
    assert offset(name) == offset(name)


@pytest.mark.parametrize("cron", ["*/10 * * * *", "30 6 * * mon-fri", "0 0 1 * *", "0 0 29 2 *", "0 12 * * 7"])
def test_what_the_project_file_may_say_is_understood(cron: str) -> None:
    found = moment_to_do("a", cron, None, NOON)
    assert found is not None
    assert found < NOON
    assert found.tzinfo is not None
    assert moment_to_do("a", cron, found, NOON) is None
