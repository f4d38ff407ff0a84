"""Every shipped status: when it is true, false, unknown or does not apply, who receives it, what it says and by which evidence."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from mappings.model import Dataset, DatasetUse, Deployment, ModelCard, ModelVersion, Observation, Ref, Run, TrafficShare
from mappings.rules import Item
from sync.derive import Standing
from sync.recipients import deliver
from tests.core.worlds import DAY, NOW, World, shipped

HOUR = timedelta(hours=1)
RULES = {one.id: one for one in shipped()}
TICKET, WATCH, ENDPOINT = (
    Ref("jira", "work_item", "id-of-ML-42"),
    Ref("jira", "work_item", "id-of-ML-1"),
    Ref("aws", "deployment", "churn-prod"),
)
VERSION = Ref("mlflow", "model_version", "churn-classifier/3")


def project() -> World:
    """A ticket whose model version answers all of production, and the watch ticket."""
    world = World(aws=True)
    world.item("ML-1", title="Watch")
    *_, version = world.whole()
    world.deployment(version)
    return world


def training(world: World) -> Run:
    """The run that made the version."""
    run = world.graph().get(Ref("mlflow", "run", "r7"), Run)
    assert run is not None
    return run


def share_traffic(world: World, part: float) -> None:
    """The version shares its endpoint with one of another team."""
    other = world.version(1, name="other", run=world.run("other"))
    shares = [TrafficShare(model=VERSION, name="churn", share=part), TrafficShare(model=other.ref, name="other", share=1 - part)]
    world.change_of(world.entities[ENDPOINT], models=tuple(shares))


def change(ref: Ref, **facts: Any) -> Callable[[World], Any]:
    return lambda world: world.change_of(world.entities[ref], **facts)


def watch_endpoint(outcome: str, kind: str, monitor: str, **facts: Any) -> Callable[[World], Any]:
    return lambda world: world.observation(world.entities[ENDPOINT], outcome, kind=kind, monitor=monitor, **facts)


def settings(**facts: Any) -> Callable[[World], Any]:
    return lambda world: world.set_project(**facts)


def repaired(kind: str, monitor: str) -> Callable[[World], Any]:
    """Two good results after the bad one."""

    def observe(world: World) -> None:
        for hours in (2, 1):
            watch_endpoint("passed", kind, monitor, at=NOW - hours * HOUR)(world)

    return observe


def bring_evidence(world: World) -> None:
    world.set_project(oversight="Ada Example")
    world.change_of(world.entities[VERSION], card=ModelCard(intended_use="Keep customers"))


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """How a status of the project comes to be true and how it ends, its sentence, what its evidence names, and the streams without
    which it could be either; without some of these it is false all the same once it has ended."""

    begins: Callable[[World], Any]
    ends: Callable[[World], Any]
    says: str
    evidence: tuple[str, str]
    rests_on: Sequence[tuple[str, str]]
    false_without: Sequence[tuple[str, str]] = ()
    subject: Ref = TICKET


CHANGES = ("github", "change_requests")
ENDPOINTS, MONITORS, MODELS, RUNS = ("aws", "endpoints"), ("aws", "monitors"), ("mlflow", "models"), ("mlflow", "runs")
CASES: Mapping[str, Case] = {
    "model-ready": Case(
        begins=lambda world: None,
        ends=change(VERSION, approval="pending"),
        says="churn-classifier v3 is released: its run finished, its metrics meet the thresholds and its commit is merged",
        evidence=("churn-classifier v3", "checks_passed"),
        rests_on=[MODELS, RUNS, ENDPOINTS, MONITORS],
        false_without=[ENDPOINTS, MONITORS],
    ),
    "data-blocked": Case(
        begins=watch_endpoint("failed", "data_quality", "hourly/missing", value=0.4, threshold="≤ 0.1"),
        ends=watch_endpoint("passed", "data_quality", "hourly/missing", at=NOW - HOUR),
        says="Data blocks this: endpoint churn-prod has hourly/missing = 0.4 (limit ≤ 0.1) and is in service",
        evidence=("endpoint churn-prod", "hourly/missing"),
        rests_on=[MODELS, RUNS, ENDPOINTS, MONITORS],
    ),
    "drift-alert": Case(
        begins=watch_endpoint("failed", "drift", "psi"),
        ends=repaired("drift", "psi"),
        says="endpoint churn-prod has drifted: psi is 0.31, limit ≤ 0.2, since 2026-11-02",
        evidence=("endpoint churn-prod", "psi"),
        rests_on=[MODELS, RUNS, ENDPOINTS, MONITORS],
    ),
    "bias-risk": Case(
        begins=watch_endpoint("failed", "bias", "DPL"),
        ends=repaired("bias", "DPL"),
        says="endpoint churn-prod may treat groups of people unfairly: DPL is 0.31, limit ≤ 0.2, since 2026-11-02",
        evidence=("endpoint churn-prod", "DPL"),
        rests_on=[MODELS, RUNS, ENDPOINTS, MONITORS],
    ),
    "performance-drop": Case(
        begins=watch_endpoint("failed", "performance", "auc", value=0.7, threshold="≥ 0.85"),
        ends=repaired("performance", "auc"),
        says="endpoint churn-prod does worse than it should: auc is 0.7, limit ≥ 0.85, since 2026-11-02",
        evidence=("endpoint churn-prod", "auc"),
        rests_on=[MODELS, RUNS, ENDPOINTS, MONITORS],
    ),
    "deploy-failed": Case(
        begins=change(ENDPOINT, state="failed", reason="no such container"),
        ends=change(ENDPOINT, state="in_service"),
        says="Deployment failed: churn-classifier v3 was to be served by churn-prod, which failed: no such container",
        evidence=("churn-classifier v3", "deploy_failed"),
        rests_on=[MODELS, ENDPOINTS],
    ),
    "compliance-gap": Case(
        begins=settings(risk_class="limited"),
        ends=bring_evidence,
        says="Evidence missing: churn-classifier v3 serves behind churn-prod and has no model card, no intended use, no "
        "human-oversight owner",
        evidence=("churn-classifier v3", "evidence_missing"),
        rests_on=[MODELS, ENDPOINTS],
        false_without=[ENDPOINTS],
        subject=VERSION,
    ),
    "lineage-gap": Case(
        begins=change(ENDPOINT, models=(TrafficShare(name="model-of-somebody"),)),
        ends=lambda world: (
            world.version(9, name="found", run=world.run("found"), aliases=()),
            world.change_of(world.entities[ENDPOINT], models=(TrafficShare(name="models:/found/9"),)),
        ),
        says="Cannot be traced back: endpoint churn-prod is in service and is in production and serves model-of-somebody, and "
        "nothing is known behind it",
        evidence=("endpoint churn-prod", "traced"),
        rests_on=[MODELS, RUNS, ENDPOINTS],
        subject=ENDPOINT,
    ),
    "retrain-due": Case(
        begins=settings(retrain_every=3 * DAY),
        ends=lambda world: world.version(4, run=world.run("r8", started_at=NOW - DAY, ended_at=NOW - DAY)),
        says="Due for training: churn-classifier v3 serves behind churn-prod and was last trained on 2026-10-29, more than "
        "3 days ago",
        evidence=("churn-classifier v3", "training_due"),
        rests_on=[MODELS, RUNS, ENDPOINTS],
        false_without=[ENDPOINTS],
    ),
    "deployed": Case(
        begins=lambda world: None,
        ends=lambda world: share_traffic(world, 0.2),
        says="In production: churn-classifier v3 answers 100% of the traffic of churn-prod",
        evidence=("churn-classifier v3", "traffic"),
        rests_on=[MODELS, ENDPOINTS],
    ),
    "approval-pending": Case(
        begins=change(VERSION, approval="pending", created_at=NOW - 8 * DAY),
        ends=change(VERSION, approval="approved"),
        says="churn-classifier v3 waits for approval and is the latest version and was registered on 2026-10-25",
        evidence=("churn-classifier v3", "approval"),
        rests_on=[MODELS],
    ),
    "canary": Case(
        begins=lambda world: share_traffic(world, 0.1),
        ends=lambda world: share_traffic(world, 0.5),
        says="On trial: churn-classifier v3 answers 10% of the traffic of churn-prod",
        evidence=("churn-classifier v3", "traffic"),
        rests_on=[MODELS, ENDPOINTS],
    ),
}
EVERY = pytest.mark.parametrize("rule", CASES)


def begun(rule: str) -> World:
    world = project()
    CASES[rule].begins(world)
    return world


def standing(world: World, rule: str, before: Sequence[Standing] = ()) -> Standing:
    found = world.standing(rule, world.entities[CASES[rule].subject], before)
    assert found is not None
    return found


def test_every_shipped_status_is_here() -> None:
    assert CASES.keys() == RULES.keys()


@EVERY
def test_it_is_true_and_names_its_thing(rule: str) -> None:
    told = standing(begun(rule), rule)
    assert told.truth is True
    assert told.says == CASES[rule].says
    assert CASES[rule].evidence in [(one.name, one.fact) for one in told.evidence if one.holds]
    assert told.missing == ()


@EVERY
def test_it_ends(rule: str) -> None:
    world = begun(rule)
    opened = world.derive()
    CASES[rule].ends(world)
    closed = world.derive(before=opened.standings)
    told = next(one for one in closed.standings if (one.rule, one.subject) == (rule, CASES[rule].subject))
    assert told.truth is False
    assert told.says.startswith(f"{RULES[rule].title}: no; ")
    assert [one.closed_at for one in closed.episodes if (one.rule, one.subject) == (rule, told.subject)] == [NOW]


@EVERY
@pytest.mark.parametrize("trouble", [{"failed": "timeout"}, {"pulled_at": NOW - 27 * HOUR}], ids=["failed", "stale"])
def test_it_is_unknown_while_what_it_rests_on_was_not_read(rule: str, trouble: dict[str, Any]) -> None:
    for stream in CASES[rule].rests_on:
        world = begun(rule)
        world.set_stream(*stream, **trouble)
        assert standing(world, rule).truth is None, stream
        assert "/".join(stream) in standing(world, rule).says
        CASES[rule].ends(world)
        assert standing(world, rule).truth is (False if stream in CASES[rule].false_without else None), stream


@EVERY
def test_nothing_is_said_of_a_ticket_without_a_model(rule: str) -> None:
    world = begun(rule)
    assert world.truth(rule, world.item("ML-43")) == "not applicable"


@EVERY
def test_a_ticket_is_in_doubt_while_a_way_could_be_missing(rule: str) -> None:
    world = begun(rule)
    item = world.item("ML-43")
    world.set_stream("github", "change_requests", complete=False)
    assert world.truth(rule, item) == (None if RULES[rule].subject == "work_item" else "not applicable")


# Recipients


def receivers(world: World, rule: str) -> list[Ref]:
    (delivery,) = deliver(world.graph(), world.project, RULES, [standing(world, rule)], now=world.now)
    return list(delivery.targets)


@EVERY
def test_an_open_ticket_is_told_and_the_watch_ticket_what_concerns_none(rule: str) -> None:
    expected = [TICKET] if RULES[rule].subject == "work_item" else [WATCH]
    assert receivers(begun(rule), rule) == expected


@EVERY
def test_of_a_ticket_closed_long_ago_only_alarms_are_told_on_the_watch_ticket(rule: str) -> None:
    world = begun(rule)
    world.change_of(world.entities[TICKET], status_category="done", closed_at=NOW - 40 * DAY)
    assert standing(world, rule).truth is True
    assert receivers(world, rule) == ([WATCH] if RULES[rule].kind == "alarm" else [])


# Flapping

FAILED, PASSED = "failed", "passed"


@pytest.mark.parametrize(
    ("rule", "kind", "closes_after"),
    [
        ("drift-alert", "drift", 2),
        ("bias-risk", "bias", 2),
        ("performance-drop", "performance", 2),
        ("data-blocked", "data_quality", 1),
    ],
)
def test_repeated_violations_are_one_episode(rule: str, kind: str, closes_after: int) -> None:
    world = project()
    standings: Sequence[Standing] = world.derive().standings
    opened, seen = [], []
    results = [PASSED, FAILED, FAILED, FAILED, PASSED, FAILED, PASSED, PASSED]
    for outcome in results:
        world.pass_time(HOUR)
        watch_endpoint(outcome, kind, "hourly", at=world.now)(world)
        derived = world.derive(before=standings)
        standings = derived.standings
        opened += [one.id for one in derived.episodes if one.rule == rule and one.closed_at is None]
        seen.append(next(one.truth for one in standings if one.rule == rule))
    holds_through = closes_after > 1
    assert seen == [False, True, True, True, holds_through, True, holds_through, False]
    assert len(set(opened)) == (1 if holds_through else 2)


@pytest.mark.parametrize(
    ("rule", "kind", "within"), [("drift-alert", "drift", 7), ("bias-risk", "bias", 30), ("performance-drop", "performance", 30)]
)
@pytest.mark.parametrize("outcome", [FAILED, PASSED])
def test_what_was_measured_too_long_ago_is_not_known_now(rule: str, kind: str, within: int, outcome: str) -> None:
    world = project()
    watch_endpoint(outcome, kind, "hourly", at=NOW)(world)
    world.pass_time(within * DAY - HOUR)
    told = standing(world, rule)
    assert told.truth is (outcome == FAILED)
    world.pass_time(HOUR)
    assert standing(world, rule).truth is None
    assert f"a result of hourly from the last {within} days" in standing(world, rule).says


@pytest.mark.parametrize(("rule", "kind"), [("drift-alert", "drift"), ("bias-risk", "bias"), ("performance-drop", "performance")])
def test_a_monitor_without_figures_is_said_to_have_failed(rule: str, kind: str) -> None:
    world = project()
    watch_endpoint(FAILED, kind, "hourly", value=None, threshold=None)(world)
    assert "endpoint churn-prod" in standing(world, rule).says
    assert "it failed the check hourly, since 2026-11-02" in standing(world, rule).says


@pytest.mark.parametrize("rule", ["drift-alert", "bias-risk", "performance-drop", "data-blocked"])
def test_what_serves_nobody_alarms_nobody(rule: str) -> None:
    world = begun(rule)
    world.change_of(world.entities[ENDPOINT], state="stopped")
    assert standing(world, rule).truth is False


# Model ready


def test_a_package_that_waits_for_approval_holds_readiness_back() -> None:
    world = project()
    package = world.version(1, name="churn-package", run=training(world), aliases=(), approval="pending")
    assert standing(world, "model-ready").truth is False
    assert standing(world, "model-ready").says == "Model ready: no; churn-package v1 waits for approval and is the latest version"
    world.change_of(package, approval="approved")
    assert standing(world, "model-ready").truth is True


def test_a_rejected_version_that_was_followed_holds_nothing_back() -> None:
    world = project()
    run = training(world)
    world.version(2, run=run, aliases=(), approval="rejected")
    assert standing(world, "model-ready").truth is True


def test_the_checks_of_the_risk_class_must_have_passed() -> None:
    world = project()
    world.set_project(risk_class="high")
    assert standing(world, "model-ready").says == (
        "Model ready: no; churn-classifier v3 has no bias and no explainability check that passed"
    )
    watch_endpoint(PASSED, "bias", "DPL")(world)
    assert standing(world, "model-ready").truth is False
    watch_endpoint(FAILED, "explainability", "shap")(world)
    assert standing(world, "model-ready").says == "Model ready: no; churn-classifier v3 has failed the explainability check shap"
    watch_endpoint(PASSED, "explainability", "shap", at=NOW - HOUR)(world)
    assert standing(world, "model-ready").truth is True


# Data blocked


def test_a_stale_feature_group_blocks() -> None:
    world = project()
    run = training(world)
    (use,) = run.datasets
    world.change_of(run, datasets=(DatasetUse(dataset=use.dataset),))
    world.change_of(world.entities[use.dataset], as_of=NOW - 40 * DAY)
    assert standing(world, "data-blocked").says == (
        "Data blocks this: dataset customers (d7) is the data in use and was taken on 2026-09-23, more than 30 days ago"
    )


def test_data_in_use_is_not_replaced_by_that_of_another_source() -> None:
    world = project()
    run = training(world)
    (use,) = run.datasets
    watch = Observation(
        ref=Ref("mlflow", "observation", "rows"),
        subject=use.dataset,
        monitor="data_quality.rows",
        kind="data_quality",
        outcome="failed",
        observed_at=NOW - HOUR,
    )
    world.add(watch)
    assert standing(world, "data-blocked").truth is True
    other = world.add(Dataset(ref=Ref("azure", "dataset", "customers/9"), name="customers", digest="9"))
    stranger = Run(
        ref=Ref("azure", "run", "job"),
        run_id="job",
        experiment=run.experiment,
        status="finished",
        started_at=NOW - HOUR,
        datasets=(DatasetUse(dataset=other.ref, context="training"),),
    )
    world.add(stranger)
    assert standing(world, "data-blocked").truth is True
    world.add(msgspec.structs.replace(stranger, ref=Ref("mlflow", "run", "job")))
    assert standing(world, "data-blocked").truth is False


# Production


@pytest.mark.parametrize(
    ("facts", "deployed"),
    [
        ({"environment": "staging"}, False),
        ({"environment": "Production-EU"}, True),
        ({"state": "creating"}, False),
        ({"state": "updating"}, True),
        ({"models": ()}, False),
    ],
)
def test_only_production_that_answers_counts(facts: dict[str, Any], deployed: bool) -> None:
    world = project()
    world.change_of(world.entities[ENDPOINT], **facts)
    assert (standing(world, "deployed").truth, standing(world, "canary").truth) == (deployed, False)


def test_a_failure_of_a_version_is_told_until_its_endpoint_serves_another() -> None:
    world = begun("deploy-failed")
    later = world.version(4, run=training(world))
    assert standing(world, "deploy-failed").truth is True
    share = TrafficShare(model=later.ref, name="churn")
    world.change_of(world.entities[ENDPOINT], state="in_service", models=(share,))
    assert standing(world, "deploy-failed").truth is False


def test_an_endpoint_that_goes_back_is_a_failure() -> None:
    world = project()
    world.change_of(world.entities[ENDPOINT], state="rolling_back")
    assert standing(world, "deploy-failed").says == (
        "Deployment failed: churn-classifier v3 was to be served by churn-prod, which goes back to what it served before"
    )


def test_one_share_that_nobody_can_trace_is_enough_for_a_gap() -> None:
    world = project()
    endpoint = world.entities[ENDPOINT]
    assert isinstance(endpoint, Deployment)
    world.change_of(endpoint, models=(*endpoint.models, TrafficShare(name="shadow", share=0.01)))
    assert "serves shadow, and nothing is known behind it" in standing(world, "lineage-gap").says
    world.change_of(endpoint, models=(*endpoint.models, TrafficShare(name="shadow", share=0.0, mirror=0.5)))
    assert standing(world, "lineage-gap").truth is False


# Data that is captured


@pytest.mark.parametrize(("days", "truth"), [(1, True), (6, True), (7, None), (40, None)])
def test_a_violation_on_captured_data_blocks_for_a_week_unless_it_is_seen_again(days: int, truth: bool | None) -> None:
    world = project()
    watch_endpoint("failed", "data_quality", "capture", at=NOW - days * DAY)(world)
    told = standing(world, "data-blocked")
    assert told.truth is truth
    if truth:
        assert told.recheck_at is not None
        assert told.recheck_at <= NOW - days * DAY + 7 * DAY
    else:
        assert "a result of capture from the last 7 days" in told.says
    watch_endpoint("failed", "data_quality", "capture", at=NOW)(world)
    assert standing(world, "data-blocked").truth is True


def test_a_clean_execution_ends_what_a_violation_began() -> None:
    world = project()
    watch_endpoint("failed", "data_quality", "capture", at=NOW - 2 * DAY)(world)
    opened = world.derive()
    watch_endpoint("passed", "data_quality", "another", at=NOW - DAY)(world)
    assert standing(world, "data-blocked").truth is True
    watch_endpoint("passed", "data_quality", "capture", at=NOW - DAY)(world)
    assert standing(world, "data-blocked", opened.standings).truth is False


def test_a_project_chooses_how_long_a_violation_counts() -> None:
    world = project()
    watch_endpoint("failed", "data_quality", "capture", at=NOW - 10 * DAY)(world)
    when = {"any": [{"observation.data_quality": {"outcome": "failed", "within": "30d", "serving": True}}]}
    own = RULES["data-blocked"].model_copy(update={"when": Item.model_validate(when)})
    assert world.truth(own, world.entities[TICKET]) is True


def test_a_failed_check_of_the_data_that_a_model_was_trained_on_does_not_age() -> None:
    world = project()
    world.change_of(training(world), metrics={"val_auc": 0.9, "data_quality.rows": 0.0})
    world.pass_time(20 * DAY)
    assert standing(world, "data-blocked").truth is True


# Upkeep


@pytest.mark.parametrize(("days", "truth"), [(6, False), (7, True), (30, True)])
def test_an_approval_is_waited_for_a_week(days: int, truth: bool) -> None:
    world = project()
    world.change_of(world.entities[VERSION], approval="pending", created_at=NOW - days * DAY)
    told = standing(world, "approval-pending")
    assert told.truth is truth
    if not truth:
        world.pass_time(DAY)
        assert standing(world, "approval-pending").truth is True


def test_drift_that_goes_on_makes_a_training_due() -> None:
    world = project()
    world.set_project(retrain_after_drifts=2)
    for hours, due in ((30, False), (20, True)):
        watch_endpoint(FAILED, "drift", "psi", at=NOW - hours * HOUR)(world)
        assert standing(world, "retrain-due").truth is due
    assert standing(world, "retrain-due").says.endswith("was last trained on 2026-10-29 and has drifted 2 times since")
    world.set_stream(*ENDPOINTS, failed="timeout")
    assert standing(world, "retrain-due").truth is None


def test_what_a_project_does_not_ask_for_is_not_missed() -> None:
    world = project()
    assert standing(world, "retrain-due").says.endswith("has no training schedule")
    assert standing(world, "compliance-gap").says.endswith("needs no evidence, as the project has no risk class")


# Evidence


def test_a_gap_speaks_of_evidence_and_never_of_being_compliant() -> None:
    said = [RULES["compliance-gap"].says, standing(begun("compliance-gap"), "compliance-gap").says]
    assert all(one.startswith("Evidence missing: ") and "complian" not in one.lower() for one in said)


def test_each_version_that_serves_has_gaps_of_its_own() -> None:
    world = begun("compliance-gap")
    shadow = world.version(2, run=world.run("r2"), card=ModelCard(intended_use="Keep customers"))
    assert isinstance(shadow, ModelVersion)
    assert world.truth("compliance-gap", shadow) is False
    world.deployment(shadow, endpoint="churn-two")
    told = world.standing("compliance-gap", shadow)
    assert told is not None and told.truth is True
    assert told.says == (
        "Evidence missing: churn-classifier v2 serves behind churn-two and has no lineage to its data, no lineage to its code, no "
        "human-oversight owner"
    )


# Nothing favourable on what was not read


@pytest.mark.parametrize(
    ("rule", "stream"),
    [
        *(("model-ready", one) for one in [CHANGES, ("github", "commits"), ("jira", "issues"), MODELS, RUNS, ENDPOINTS, MONITORS]),
        *(("deployed", one) for one in [CHANGES, MODELS, RUNS, ENDPOINTS]),
    ],
)
def test_no_favourable_status_is_true_on_what_may_have_changed(rule: str, stream: tuple[str, str]) -> None:
    for trouble in ({"failed": "down"}, {"pulled_at": NOW - 27 * HOUR}, {"pulled_at": None, "complete": False}):
        world = project()
        world.set_stream(*stream, **trouble)
        told = standing(world, rule)
        assert told.truth is None, trouble


@pytest.mark.parametrize("sign", [{"artifact_uri": "s3://example-models/1"}, {"images": ("r.example/a@sha256:" + "1" * 64,)}])
def test_a_model_that_another_version_may_share_is_not_known_to_be_deployed(sign: dict[str, Any]) -> None:
    world = project()
    world.change_of(world.entities[VERSION], **sign)
    world.change_of(world.entities[ENDPOINT], models=(TrafficShare(name="by-its-files", **sign),))
    assert standing(world, "deployed").truth is True
    world.set_stream(*MODELS, complete=False)
    assert standing(world, "deployed").truth is None
    world.set_stream(*MODELS, complete=True)
    world.version(4, run=world.run("r8"), **sign)
    assert standing(world, "deployed").truth is False
