"""Which failures of a deployment are failures of a model: those since there is that model, of what was to serve it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from mappings.model import Deployment, ModelVersion, TrafficShare
from tests.core.worlds import DAY, NOW, World, rule

FAILED = rule(when={"any": [{"subject": {"deploy_failed": True}}]}, **{"for": "model_version"})


def failed(world: World, version: ModelVersion) -> bool | str | None:
    return world.truth(FAILED, version)


def serve(world: World, *shares: TrafficShare, **facts: Any) -> Deployment:
    return world.deployment(models=shares, **facts)


def share(version: ModelVersion, part: float = 1.0, **facts: Any) -> TrafficShare:
    return TrafficShare(model=version.ref, name=version.name, share=part, **facts)


@pytest.mark.parametrize(
    ("made", "changed", "created", "expected"),
    [
        (NOW - 5 * DAY, NOW - 4 * DAY, None, True),
        (NOW - 5 * DAY, NOW - 5 * DAY, None, True),
        (NOW - 5 * DAY, NOW - 6 * DAY, None, False),
        (NOW - 5 * DAY, None, NOW - 4 * DAY, True),
        (NOW - 5 * DAY, None, NOW - 6 * DAY, None),
        (NOW - 5 * DAY, None, None, None),
        (None, NOW - 4 * DAY, None, None),
    ],
)
def test_only_a_failure_since_there_is_the_model_counts(
    made: datetime | None, changed: datetime | None, created: datetime | None, expected: bool | None
) -> None:
    world = World(aws=True)
    version = world.version(created_at=made)
    serve(world, share(version), state="failed", updated_at=changed, created_at=created)
    assert failed(world, version) is expected


def test_a_model_of_unknown_age_is_as_old_as_its_run_or_its_merge() -> None:
    world = World(aws=True)
    change = world.merged(at=NOW - 3 * DAY)
    version = world.version(run=world.run(ended_at=NOW - 2 * DAY))
    merged = world.version(4, git_commit=change.merge_sha)
    serve(world, share(version, 0.5), share(merged, 0.5), state="failed", updated_at=NOW - 2.5 * DAY)
    assert (failed(world, version), failed(world, merged)) == (False, True)


@pytest.mark.parametrize(("changed", "expected"), [(NOW - DAY, True), (NOW - 9 * DAY, False)])
def test_a_deployment_behind_an_endpoint_has_a_time_of_its_own(changed: datetime, expected: bool) -> None:
    world = World(aws=True)
    version = world.version(created_at=NOW - 5 * DAY)
    serve(world, share(version, 0.0, state="failed", changed_at=changed), updated_at=NOW)
    assert failed(world, version) is expected


def test_what_an_endpoint_goes_back_from_failed_and_not_what_it_goes_back_to() -> None:
    world = World(aws=True)
    old, new = world.version(3, created_at=NOW - 9 * DAY), world.version(4, created_at=NOW - 2 * DAY)
    serve(world, share(old, 0.9), share(new, 0.1), state="rolling_back", updated_at=NOW - DAY)
    assert (failed(world, old), failed(world, new)) == (False, True)


def test_what_an_endpoint_was_being_changed_to_failed() -> None:
    world = World(aws=True)
    old, new = world.version(3, created_at=NOW - 9 * DAY), world.version(4, created_at=NOW - 2 * DAY)
    shares = share(old, state="in_service"), share(new, 0.0, state="rolling_back")
    serve(world, *shares, state="rolling_back", updated_at=NOW - DAY)
    assert (failed(world, old), failed(world, new)) == (False, True)


def test_nobody_knows_what_an_endpoint_goes_back_from_while_models_have_no_age() -> None:
    world = World(aws=True)
    old, new = world.version(3), world.version(4, created_at=NOW - 2 * DAY)
    serve(world, share(old, 0.9), share(new, 0.1), state="rolling_back", updated_at=NOW - DAY)
    assert failed(world, new) is None
    world.change_of(old, created_at=NOW - 9 * DAY)
    assert failed(world, new) is True
    world.set_stream("mlflow", "models", complete=False)
    assert failed(world, new) is None


def test_a_failure_is_told_also_when_a_later_version_is_registered() -> None:
    world = World(aws=True)
    version = world.version(3, created_at=NOW - 9 * DAY)
    later = world.version(4, created_at=NOW - DAY)
    serve(world, share(version), state="failed")
    assert (failed(world, version), failed(world, later)) == (True, False)
