"""Times that lie ahead, by a wrong clock or on purpose: they neither hide an alarm nor keep anything fresh."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from mappings.model import DatasetUse
from sync.moments import CLOCK_SKEW
from sync.observe import observe
from tests.core.worlds import DAY, NOW, World

AHEAD = [NOW + CLOCK_SKEW + timedelta(seconds=1), NOW + DAY, datetime(2099, 1, 1, tzinfo=UTC), datetime.max.replace(tzinfo=UTC)]


def monitoring(world: World, name: str, at: datetime, value: float) -> None:
    tags = {"milepost.model_version": "churn-classifier/3"}
    world.run(name, started_at=at, ended_at=at, metrics={"drift.psi": value}, tags=tags)


@pytest.mark.parametrize("at", AHEAD)
def test_a_monitoring_run_dated_ahead_hides_no_drift(at: datetime) -> None:
    world = World()
    item, *_ = world.whole()
    monitoring(world, "m1", NOW - timedelta(hours=2), 0.9)
    monitoring(world, "m2", at, 0.01)
    monitoring(world, "m3", at, 0.01)
    assert world.truth("drift-alert", item) is True
    assert [one.value for one in observe(world.entities.values(), world.project, (), now=NOW)] == [0.9]


def test_a_clock_that_is_a_little_fast_is_no_reason_to_look_away() -> None:
    world = World()
    item, *_ = world.whole()
    monitoring(world, "m1", NOW + CLOCK_SKEW, 0.9)
    assert world.truth("drift-alert", item) is True


@pytest.mark.parametrize("at", AHEAD)
def test_a_stored_result_or_one_of_a_source_itself_dated_ahead_hides_no_drift(at: datetime) -> None:
    world = World(aws=True)
    item, _, _, version = world.whole()
    world.deployment(version)
    world.observation(version, "failed", at=NOW - timedelta(hours=2))
    world.observation(version, "passed", at=at)
    assert world.truth("drift-alert", item) is True


def test_a_stored_result_dated_ahead_gives_a_tag_no_time() -> None:
    world = World()
    world.version(tags={"drift.psi": "0.1"})
    (seen,) = observe(world.entities.values(), world.project, (), now=NOW - DAY)
    ahead = msgspec.structs.replace(seen, observed_at=NOW + 9 * DAY)
    assert [one.observed_at for one in observe(world.entities.values(), world.project, [ahead], now=NOW)] == [NOW]
    assert [one.observed_at for one in observe(world.entities.values(), world.project, [seen, ahead], now=NOW)] == [NOW - DAY]


def aged(as_of: datetime | None, **facts: Any) -> object:
    world = World()
    item = world.item()
    change = world.merged(branch="ML-42")
    use = DatasetUse(dataset=world.dataset().ref, context="training", as_of=as_of)
    world.run(git_commit=change.merge_sha, datasets=(use,), **facts)
    return world.truth("data-blocked", item)


@pytest.mark.parametrize("as_of", [NOW + DAY, datetime(2099, 1, 1, tzinfo=UTC), datetime.max.replace(tzinfo=UTC)])
def test_data_of_the_future_is_as_old_as_its_first_use(as_of: datetime) -> None:
    assert aged(as_of, started_at=NOW - 40 * DAY) is True
    assert aged(as_of, started_at=NOW - 4 * DAY) is False
    assert aged(as_of, started_at=None) is None
    assert aged(as_of, started_at=as_of) is None


def test_data_is_no_newer_than_the_start_of_the_run_that_was_trained_on_it() -> None:
    assert aged(NOW - DAY, started_at=NOW - 40 * DAY) is True
    assert aged(NOW - DAY, started_at=NOW - 4 * DAY) is False
    assert aged(NOW - DAY, started_at=None) is False
