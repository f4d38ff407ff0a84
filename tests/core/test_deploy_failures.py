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


# Updates that failed: the endpoint goes on with what it served, and does not say what was to come

REASON = "The primary container did not pass the ping health check"


def going_on(world: World, *served: ModelVersion, **facts: Any) -> Deployment:
    given: dict[str, Any] = {"reason": REASON, "updated_at": NOW - DAY} | facts
    return world.deployment(models=tuple(share(one, 1 / len(served)) for one in served), **given)


def test_an_update_that_failed_was_to_bring_what_was_newest_then() -> None:
    world = World(aws=True)
    old, middle, new, later = (world.version(n, created_at=NOW - days * DAY) for n, days in ((3, 9), (4, 5), (5, 2), (6, 0.5)))
    going_on(world, old)
    assert [failed(world, one) for one in (old, middle, new, later)] == [False, False, True, False]
    told = world.standing(FAILED, new)
    assert told is not None
    assert told.evidence[0].words == (
        f"was the newest version when an update of churn-prod failed, which still serves churn-classifier v3: {REASON}"
    )


@pytest.mark.parametrize(
    ("facts", "of_new"),
    [
        ({"reason": None}, {}),
        ({"updated_at": NOW - 3 * DAY}, {}),
        ({}, {"approval": "pending"}),
        ({}, {"approval": "rejected"}),
        ({}, {"name": "another"}),
        ({}, {"created_at": NOW - 12 * DAY}),
    ],
)
def test_what_no_update_was_to_bring(facts: dict[str, Any], of_new: dict[str, Any]) -> None:
    world = World(aws=True)
    going_on(world, world.version(3, created_at=NOW - 9 * DAY), **facts)
    assert failed(world, world.version(4, **({"created_at": NOW - 2 * DAY} | of_new))) is False


def test_what_is_served_beside_the_old_one_did_not_fail() -> None:
    world = World(aws=True)
    old, new = world.version(3, created_at=NOW - 9 * DAY), world.version(4, created_at=NOW - 2 * DAY)
    going_on(world, old, new)
    assert (failed(world, old), failed(world, new)) == (False, False)


@pytest.mark.parametrize("trouble", ["no time of the failure", "no time of a version", "versions unread", "endpoints unread"])
def test_what_an_update_was_to_bring_is_known_only_when_all_that_tells_is(trouble: str) -> None:
    world = World(aws=True)
    old, new = world.version(3, created_at=NOW - 9 * DAY), world.version(4, created_at=NOW - 2 * DAY)
    going_on(world, old, updated_at=None if trouble == "no time of the failure" else NOW - DAY)
    if trouble == "no time of a version":
        world.version(5)
    if trouble.endswith("unread"):
        source, stream = ("mlflow", "models") if trouble == "versions unread" else ("aws", "endpoints")
        world.set_stream(source, stream, failed="timeout")
    assert failed(world, new) is None


def test_the_next_update_ends_it() -> None:
    world = World(aws=True)
    old, new = world.version(3, created_at=NOW - 9 * DAY), world.version(4, created_at=NOW - 2 * DAY)
    endpoint = going_on(world, old)
    assert failed(world, new) is True
    world.change_of(endpoint, models=(share(new),), reason=None, updated_at=NOW)
    assert failed(world, new) is False
