"""What rules may ask of production, upkeep and evidence: true, false and unknown."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from mappings.model import Deployment, Entity, ModelCard, ModelVersion, Ref, TrafficShare
from sync.facts.evidence import LISTS
from sync.project import DeclaredLink
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


def test_a_rejected_version_that_serves_is_said_to_be_rejected() -> None:
    world = World(aws=True)
    version = world.change_of(world.version(), approval="rejected")
    serve(world, "churn-prod", share(version))
    assert words(world, version, **DEPLOYED).endswith("answers 100% of the traffic of churn-prod, though it is rejected")


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


@pytest.mark.parametrize(
    ("state", "counts"),
    [
        (None, True),
        ("in_service", True),
        ("creating", None),
        ("updating", None),
        ("unknown", None),
        ("failed", False),
        ("deleting", False),
        ("stopped", False),
    ],
)
@pytest.mark.parametrize("endpoint", ["in_service", "updating"])
def test_a_share_answers_by_its_own_state_where_that_is_told(endpoint: Any, state: Any, counts: bool | None) -> None:
    world = World(aws=True)
    version = world.version()
    other = share(world.version(1, name="other"), 0.2, state="in_service")
    serve(world, "churn", share(version, 0.8, state=state), other, state=endpoint)
    assert asked(world, version, **DEPLOYED) is counts
    assert asked(world, version, serving=True) is counts


def test_several_shares_of_one_version_are_summed() -> None:
    world = World(aws=True)
    version = world.version()
    parts = [TrafficShare(model=version.ref, name=name, share=1 / 3) for name in "abc"]
    endpoint = serve(world, "churn", *parts)
    assert (asked(world, version, **DEPLOYED), asked(world, version, **CANARY)) == (True, False)
    assert "answers 100% of the traffic of churn" in words(world, version, **DEPLOYED)
    other = share(world.version(1, name="other"), 1 / 3)
    world.change_of(endpoint, models=(*parts[:2], other))
    assert "answers 67% of the traffic of churn" in words(world, version, **DEPLOYED)
    world.change_of(endpoint, models=(parts[0], msgspec.structs.replace(parts[1], state="updating"), other))
    assert (asked(world, version, **DEPLOYED), asked(world, version, **CANARY)) == (None, None)


def test_the_containers_of_a_pipeline_answer_the_same_requests() -> None:
    world = World(aws=True)
    version = world.version()
    other = share(world.version(1, name="other"), 0.7)
    serve(world, "churn", share(version, 0.3), share(version, 0.3), other)
    assert (asked(world, version, **DEPLOYED), asked(world, version, **CANARY)) == (False, True)


def declare(world: World, version: ModelVersion, endpoint: str = "churn") -> None:
    link = DeclaredLink(source=f"aws:endpoint/{endpoint}", relation="deploys", target=f"mlflow:model/{version.ref.id}")
    world.set_project(links=(link,))


def test_a_declared_link_overrules_nothing_that_an_endpoint_says() -> None:
    world = World(aws=True)
    old, new = world.version(2), world.version(3)
    endpoint = serve(world, "churn", share(old, 0.95), share(new, 0.05))
    declare(world, new)
    assert (asked(world, new, **DEPLOYED), asked(world, new, **CANARY)) == (False, True)
    world.change_of(endpoint, models=(share(old),))
    assert asked(world, new, traffic={"gt": 0}) is False


@pytest.mark.parametrize("named", [None, Ref("aws", "model_version", "churn/7")])
def test_a_declared_link_tells_what_an_endpoint_or_another_registry_does_not(named: Ref | None) -> None:
    world = World(aws=True)
    version = world.version()
    if named is not None:
        world.add(ModelVersion(ref=named, name="churn", version="7", cloud_id="arn:churn/7"))
    serve(world, "churn", TrafficShare(model=named, name="somebodys-model"))
    declare(world, version)
    assert asked(world, version, **DEPLOYED) is True


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


def registered(world: World, ident: str, number: str, days: int | None = None) -> ModelVersion:
    at = NOW - days * DAY if days is not None else None
    ref = Ref("azure", "model_version", f"{ident}/{number}")
    version: ModelVersion = world.add(ModelVersion(ref=ref, name="churn", version=number, created_at=at))
    return version


def test_a_model_of_a_registry_is_not_that_of_the_workspace_by_the_same_name() -> None:
    world = World()
    mine, theirs = registered(world, "churn", "2"), registered(world, "registries/r/churn", "7")
    assert [asked(world, one, latest=True) for one in (mine, theirs)] == [True, True]


@pytest.mark.parametrize(("old", "new"), [("1.9", "1.10"), ("4", "2026-10-01"), ("2026-10-01", "5"), ("9", "9" * 5000)])
def test_what_is_no_number_is_ordered_by_the_time_of_registering(old: str, new: str) -> None:
    world = World()
    first, last = registered(world, "churn", old, days=20), registered(world, "churn", new, days=10)
    assert [asked(world, one, latest=True) for one in (first, last)] == [False, True]
    world.change_of(first, created_at=None)
    assert [asked(world, one, latest=True) for one in (first, last)] == [None, None]


def test_a_version_is_as_old_as_its_registering_which_may_not_be_told() -> None:
    world = World()
    version = world.version(created_at=NOW - 8 * DAY)
    assert asked(world, version, age={"older_than": "7d"}) is True
    assert asked(world, world.change_of(version, created_at=None), age={"older_than": "7d"}) is None


@pytest.mark.parametrize(
    ("status", "released"),
    [
        (None, True),
        ("READY", True),
        ("Completed", True),
        ("Succeeded", True),
        ("FAILED_REGISTRATION", False),
        ("PENDING_REGISTRATION", False),
        ("InProgress", False),
        ("Failed", False),
        ("Deleting", False),
        ("archived", False),
    ],
)
def test_a_version_that_its_registry_cannot_hand_out_is_not_released(status: str | None, released: bool) -> None:
    world = World()
    version = world.version(status=status, approval="approved")
    assert asked(world, version, released=True) is released


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


@pytest.mark.parametrize(
    ("status", "approval", "due"),
    [
        ("finished", None, False),
        ("finished", "pending", False),
        ("finished", "rejected", True),
        ("failed", None, True),
        ("killed", None, True),
        ("running", None, True),
        ("unknown", None, None),
    ],
)
def test_a_training_counts_when_it_came_to_something(status: Any, approval: Any, due: bool | None) -> None:
    world = World()
    world.set_project(retrain_every=90 * DAY)
    old = trained(world, 200)
    later = trained(world, 5, number=4)
    world.change_of(later, approval=approval)
    world.change_of(world.entities[Ref("mlflow", "run", "churn-classifier-4")], status=status)
    assert asked(world, old, training_due=True) is due


@pytest.mark.parametrize(("monitor", "drifts"), [("daily/default", 1), ("weekly/default", 2)])
def test_an_alarm_counts_with_the_results_that_it_tells_of(monitor: str, drifts: int) -> None:
    world = World()
    version = trained(world, 30)
    world.observation(version, "failed", monitor="daily/drift", at=NOW - DAY)
    world.observation(version, "failed", monitor=monitor, at=NOW - DAY / 2, lasting=True)
    for limit in (1, 2, 3):
        world.set_project(retrain_after_drifts=limit)
        assert asked(world, version, training_due=True) is (drifts >= limit)


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
    version = world.version(created_at=NOW - 2 * DAY)
    world.observation(serve(world, "churn", share(version)), "passed", kind="bias", at=NOW - DAY)
    assert asked(world, version, checks_passed=True) is True


@pytest.mark.parametrize(
    ("part", "version_days", "endpoint_days", "passed"),
    [
        (1.0, 3, 3, True),
        (1.0, 3, None, True),
        (1.0, 1, 3, False),
        (1.0, 3, 1, False),
        (0.0, 3, 3, False),
        (0.5, 3, 3, None),
        (1.0, None, 3, None),
    ],
)
def test_a_check_of_the_endpoint_is_none_of_what_came_later_or_did_not_answer_alone(
    part: float, version_days: int | None, endpoint_days: int | None, passed: bool | None
) -> None:
    world = World(aws=True)
    world.set_project(risk_class="limited")
    version = world.version(created_at=NOW - version_days * DAY if version_days is not None else None)
    other = share(world.version(2), 1 - part)
    made = NOW - endpoint_days * DAY if endpoint_days is not None else None
    endpoint = serve(world, "churn", share(version, part), *((other,) if part < 1 else ()), created_at=made)
    world.observation(endpoint, "passed", kind="bias", at=NOW - 2 * DAY)
    assert asked(world, version, checks_passed=True) is passed
    world.set_project(risk_class="high")
    assert words(world, version, evidence_missing=True).endswith("no bias report") is (passed is False)
    if passed is None:
        world.observation(version, "passed", kind="bias", monitor="own", at=NOW - 2 * DAY)
        world.set_project(risk_class="limited")
        assert asked(world, version, checks_passed=True) is True
        world.observation(endpoint, "failed", kind="bias", at=NOW - DAY)
        assert asked(world, version, checks_passed=True) is None


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


@pytest.mark.parametrize(
    ("facts", "missing"),
    [
        ({"card": ModelCard()}, "model card"),
        ({"card": ModelCard(status="Draft")}, "model card"),
        ({"card": ModelCard(status="Draft", risk_rating="Low")}, None),
        ({"card": ModelCard(status="Approved")}, None),
        ({"reports": {"baseline.bias.config_file": "s3://churn/bias_config.json"}}, "bias report"),
        ({"reports": {"bias.report": "s3://churn/bias.json"}}, None),
    ],
)
def test_what_says_nothing_is_no_evidence(facts: dict[str, Any], missing: str | None) -> None:
    world = World()
    version = complete(world)
    if "reports" in facts:
        world.entities = {ref: one for ref, one in world.entities.items() if ref.kind != "observation"}
    version = world.change_of(version, tags={"milepost.intended_use": "Keep customers"}, **facts)
    assert asked(world, version, evidence_missing=True) is (missing is not None)
    assert missing is None or words(world, version, evidence_missing=True) == f"has no {missing}"


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
