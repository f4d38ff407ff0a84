"""What rules may ask of production, upkeep and evidence: true, false and unknown."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from mappings.model import Deployment, Entity, ModelCard, ModelVersion, Ref, TrafficShare
from sync.facts.evidence import LISTS
from tests.core.worlds import DAY, NOW, World, rule


def asked(world: World, subject: Entity, **facts: Any) -> bool | str | None:
    own = rule(when={"any": [{"subject": facts}]}, **{"for": subject.ref.kind})
    return world.truth(own, subject)


def words(world: World, subject: Entity, **facts: Any) -> str:
    own = rule(when={"any": [{"subject": facts}]}, **{"for": subject.ref.kind})
    standing = world.standing(own, subject)
    assert standing is not None
    return "; ".join(one.words for one in standing.evidence)


def serve(world: World, endpoint: str = "churn-prod", *shares: TrafficShare, **facts: Any) -> Deployment:
    return world.deployment(endpoint=endpoint, models=shares, **facts)


def share(version: ModelVersion, part: float = 1.0, **facts: Any) -> TrafficShare:
    return TrafficShare(model=version.ref, name=version.name, share=part, **facts)


DEPLOYED, CANARY = {"traffic": {"gte": 0.5}}, {"traffic": {"gt": 0, "lt": 0.5}}


@pytest.mark.parametrize(
    ("part", "deployed", "canary"), [(1.0, True, False), (0.5, True, False), (0.1, False, True), (0.0, False, False)]
)
def test_how_much_of_production_a_version_answers(part: float, deployed: bool, canary: bool) -> None:
    world = World(aws=True)
    version = world.version()
    serve(world, "churn-prod", share(version, part))
    assert (asked(world, version, **DEPLOYED), asked(world, version, **CANARY)) == (deployed, canary)


@pytest.mark.parametrize(
    ("facts", "counts"),
    [
        ({"environment": "production"}, True),
        ({"environment": "staging"}, False),
        ({"environment": None}, True),
        ({"state": "failed"}, False),
        ({"state": "creating"}, False),
        ({"state": "updating"}, True),
    ],
)
def test_only_production_in_service_counts(facts: dict[str, Any], counts: bool) -> None:
    world = World(aws=True)
    version = world.version()
    serve(world, "churn", share(version), **facts)
    assert asked(world, version, **DEPLOYED) is counts


def test_mirrored_traffic_answers_nobody() -> None:
    world = World(aws=True)
    version = world.version()
    serve(world, "churn", share(version, 0.0, mirror=0.5))
    assert asked(world, version, **CANARY) is False


def test_each_endpoint_is_one_and_what_is_known_of_one_needs_no_other() -> None:
    world = World(aws=True)
    version = world.version()
    serve(world, "churn-eu", share(version, 1.0))
    serve(world, "churn-us", share(version, 0.2))
    assert (asked(world, version, **DEPLOYED), asked(world, version, **CANARY)) == (True, True)
    assert "100% of the traffic of churn-eu and answers 20% of the traffic of churn-us" in words(world, version, **DEPLOYED)


@pytest.mark.parametrize("trouble", [{"complete": False}, {"failed": "timeout"}])
def test_while_endpoints_may_be_missing_nobody_answers_for_certain(trouble: dict[str, Any]) -> None:
    world = World(aws=True)
    version = world.version()
    world.set_stream("aws", "endpoints", **trouble)
    assert asked(world, version, **DEPLOYED) is None


def test_what_is_known_to_serve_stays_so_while_others_are_not_read() -> None:
    world = World(aws=True)
    version = world.version()
    serve(world, "churn", share(version))
    world.set_stream("aws", "endpoints", complete=False)
    assert (asked(world, version, **DEPLOYED), asked(world, version, **CANARY)) == (True, None)


@pytest.mark.parametrize(
    ("state", "of_share", "failed"),
    [
        ("failed", None, True),
        ("rolling_back", None, True),
        ("in_service", None, False),
        ("in_service", "failed", True),
        ("failed", "in_service", False),
    ],
)
def test_a_deployment_that_failed(state: Any, of_share: Any, failed: bool) -> None:
    world = World(aws=True)
    version = world.version(created_at=NOW - 2 * DAY)
    serve(world, "churn", share(version, 0.0, state=of_share), state=state, reason="CapacityError")
    assert asked(world, version, deploy_failed=True) is failed
    if failed:
        assert "churn" in words(world, version, deploy_failed=True)
        assert "CapacityError" in words(world, version, deploy_failed=True)


def test_the_latest_version_is_the_one_with_the_highest_number() -> None:
    world = World()
    old, new, other = world.version(9), world.version(10), world.version(11, name="other")
    assert [asked(world, one, latest=True) for one in (old, new, other)] == [False, True, True]
    world.set_stream("mlflow", "models", complete=False)
    assert [asked(world, one, latest=True) for one in (old, new)] == [False, None]


# Where it comes from


def test_an_endpoint_is_traced_to_a_run_or_a_ticket() -> None:
    world = World(aws=True)
    *_, version = world.whole()
    known = serve(world, "known", share(version))
    stranger = serve(world, "stranger", TrafficShare(name="somebodys-model"))
    idle = serve(world, "idle", TrafficShare(name="somebodys-model", share=0.0))
    orphan = serve(world, "orphan", share(world.version(7, name="orphan")))
    assert [asked(world, one, traced=False) for one in (known, stranger, idle, orphan)] == [False, True, False, True]
    assert "serves somebodys-model, and nothing is known behind it" in words(world, stranger, traced=False)


@pytest.mark.parametrize("stream", ["models", "runs"])
def test_what_was_not_read_may_be_behind_an_endpoint(stream: str) -> None:
    world = World(aws=True)
    stranger = serve(world, "stranger", TrafficShare(name="somebodys-model"))
    world.set_stream("mlflow", stream, complete=False)
    assert asked(world, stranger, traced=False) is None


# Upkeep


def trained(world: World, days: int, number: int = 3, name: str = "churn-classifier") -> ModelVersion:
    ended = NOW - timedelta(days=days)
    return world.version(number, name=name, run=world.run(f"{name}-{number}", started_at=ended, ended_at=ended))


@pytest.mark.parametrize(("days", "due"), [(10, False), (89, False), (90, True), (400, True)])
def test_a_model_is_due_when_its_last_training_was_too_long_ago(days: int, due: bool) -> None:
    world = World()
    world.set_project(retrain_every=90 * DAY)
    assert asked(world, trained(world, days), training_due=True) is due


def test_without_a_schedule_nothing_is_due() -> None:
    world = World()
    assert asked(world, trained(world, 4_000), training_due=True) is False


def test_a_training_that_does_not_serve_yet_counts() -> None:
    world = World()
    world.set_project(retrain_every=90 * DAY)
    old = trained(world, 200)
    trained(world, 5, number=4)
    trained(world, 300, name="other")
    assert asked(world, old, training_due=True) is False


@pytest.mark.parametrize(("drifts", "due"), [(2, False), (3, True)])
def test_a_model_is_due_when_it_has_drifted_too_often_since(drifts: int, due: bool) -> None:
    world = World()
    world.set_project(retrain_after_drifts=3)
    version = trained(world, 30)
    for day in range(drifts):
        world.observation(version, "failed", at=NOW - (day + 1) * DAY)
    world.observation(version, "failed", at=NOW - 31 * DAY)
    world.observation(version, "passed", at=NOW - DAY / 2)
    assert asked(world, version, training_due=True) is due


def test_a_later_training_may_not_have_been_read() -> None:
    world = World()
    world.set_project(retrain_every=90 * DAY)
    version = trained(world, 200)
    world.set_stream("mlflow", "models", complete=False)
    assert asked(world, version, training_due=True) is None


# Evidence


@pytest.mark.parametrize(("risk_class", "passed"), [(None, True), ("minimal", True), ("limited", False), ("high", False)])
def test_which_checks_a_risk_class_demands(risk_class: Any, passed: bool) -> None:
    world = World()
    world.set_project(risk_class=risk_class)
    assert asked(world, world.version(), checks_passed=True) is passed


@pytest.mark.parametrize(
    ("bias", "explainability", "passed"),
    [("passed", "passed", True), ("passed", None, False), ("failed", "passed", False), ("unknown", "passed", False)],
)
def test_every_demanded_check_must_have_passed(bias: Any, explainability: Any, passed: bool) -> None:
    world = World()
    world.set_project(risk_class="high")
    version = world.version()
    for kind, outcome in (("bias", bias), ("explainability", explainability)):
        if outcome is not None:
            world.observation(version, outcome, kind=kind, monitor=kind, at=NOW - DAY)
    assert asked(world, version, checks_passed=True) is passed


def test_a_check_of_the_endpoint_is_one_of_what_it_serves() -> None:
    world = World(aws=True)
    world.set_project(risk_class="limited")
    version = world.version()
    world.observation(serve(world, "churn", share(version)), "passed", kind="bias", at=NOW - DAY)
    assert asked(world, version, checks_passed=True) is True


def test_a_check_that_was_not_read_may_have_been_passed() -> None:
    world = World(aws=True)
    world.set_project(risk_class="limited")
    version = world.version()
    world.set_stream("aws", "endpoints", complete=False)
    assert asked(world, version, checks_passed=True) is None


def complete(world: World) -> ModelVersion:
    """A version with everything that the highest class asks for."""
    world.set_project(risk_class="high", oversight="Ada Example", review_labels=("dpia",))
    *_, version = world.whole()
    world.item("ML-9", labels=("dpia",), status_category="done")
    world.observation(version, "passed", kind="bias", at=NOW - DAY)
    changed: ModelVersion = world.change_of(version, card=ModelCard(status="Approved", intended_use="Keep customers"))
    return changed


def test_evidence_that_is_all_there() -> None:
    world = World()
    version = complete(world)
    assert asked(world, version, evidence_missing=True) is False
    assert all(item in words(world, version, evidence_missing=True) for item in LISTS["high"])


@pytest.mark.parametrize("risk_class", ["minimal", "limited", "high"])
def test_what_is_missing_is_named(risk_class: Any) -> None:
    world = World()
    world.set_project(risk_class=risk_class)
    version = world.version()
    assert asked(world, version, evidence_missing=True) is True
    assert words(world, version, evidence_missing=True) == f"has no {', no '.join(LISTS[risk_class])}"


def test_without_a_risk_class_nothing_is_asked_for() -> None:
    world = World()
    assert asked(world, world.version(), evidence_missing=True) is False


@pytest.mark.parametrize(
    ("change", "missing"),
    [
        ({"oversight": None}, "human-oversight owner"),
        ({"review_labels": ("other",)}, "data-protection review"),
    ],
)
def test_each_item_of_the_project_is_looked_for(change: dict[str, Any], missing: str) -> None:
    world = World()
    version = complete(world)
    world.set_project(**change)
    assert words(world, version, evidence_missing=True) == f"has no {missing}"


def test_tags_stand_in_for_a_model_card() -> None:
    world = World()
    version = complete(world)
    tagged = world.change_of(
        version, card=None, tags={"milepost.model_card": "https://cards.example/churn", "milepost.intended_use": "Keep customers"}
    )
    assert asked(world, tagged, evidence_missing=True) is False


def test_an_open_review_is_not_done() -> None:
    world = World()
    version = complete(world)
    review = world.entities[Ref("jira", "work_item", "id-of-ML-9")]
    world.change_of(review, status_category="in_progress")
    assert words(world, version, evidence_missing=True) == "has no data-protection review"
    world.set_stream("jira", "issues", complete=False)
    assert asked(world, version, evidence_missing=True) is None


def test_what_is_surely_missing_is_told_whatever_else_is_not_known() -> None:
    world = World()
    version = complete(world)
    world.set_project(oversight=None)
    world.set_stream("jira", "issues", complete=False)
    assert words(world, version, evidence_missing=True) == "has no human-oversight owner"
