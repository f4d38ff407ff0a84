"""Readiness, data and drift: true, false, unknown, not applicable, and what they say about it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from mappings.model import DatasetUse, ModelVersion, Observation, Ref
from tests.core.worlds import DAY, NOW, World, sha

NOT_APPLICABLE = "not applicable"
EVERY = ("model-ready", "data-blocked", "drift-alert")


def says(world: World, rule: str, key: str = "ML-42") -> str:
    item = world.entities[Ref("jira", "work_item", f"id-of-{key}")]
    standing = world.standing(rule, item)
    assert standing is not None
    return standing.says


# Each of them


@pytest.mark.parametrize("rule", EVERY)
def test_a_ticket_without_any_way_is_not_spoken_of(rule: str) -> None:
    world = World(aws=True)
    world.whole("ML-7")
    assert world.truth(rule, world.item("ML-42")) == NOT_APPLICABLE


@pytest.mark.parametrize("rule", EVERY)
@pytest.mark.parametrize(
    "trouble",
    [{"complete": False}, {"failed": "timeout"}, {"pulled_at": None}, {"pulled_at": NOW - timedelta(hours=26)}],
    ids=["incomplete", "failed", "never read", "stale"],
)
def test_a_ticket_without_any_way_is_unknown_while_one_could_be_missing(rule: str, trouble: dict[str, Any]) -> None:
    world = World(aws=True)
    world.set_stream("github", "change_requests", **trouble)
    assert world.truth(rule, world.item("ML-42")) is None
    assert "missing: github/change_requests (" in says(world, rule)


# Model ready


def test_a_released_model_on_sound_ground_is_ready() -> None:
    world = World()
    item, _, run, version = world.whole()
    standing = world.standing("model-ready", item)
    assert standing is not None and standing.truth is True
    assert standing.says == (
        "churn-classifier v3 is released: its run finished, its metrics meet the thresholds and its commit is merged"
    )
    evidence = {one.fact: one for one in standing.evidence}
    assert evidence["released"].words == "carries the release alias champion"
    assert evidence["merged"].words == "was merged by example/churn#7"
    assert (evidence["meets_thresholds"].words, evidence["meets_thresholds"].threshold) == (
        "has val_auc 0.91 (limit ≥ 0.85)",
        "val_auc ≥ 0.85",
    )
    assert {one.ref for one in standing.evidence} == {version.ref, run.datasets[0].dataset}
    assert standing.missing == ()


def test_thresholds_of_a_run_whose_source_tells_no_metrics_are_not_known_to_be_met_or_missed() -> None:
    world = World()
    item, _, run, _ = world.whole()
    world.change_of(run, metrics={}, tells_metrics=False, name="churn job")
    assert world.truth("model-ready", item) is None
    assert "val_auc of run churn job, as mlflow tells no metrics" in says(world, "model-ready")


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda w, c, r, v: w.change_of(v, aliases=("challenger",)), "does not carry the release alias champion"),
        (lambda w, c, r, v: w.change_of(v, approval="rejected"), "is rejected and is the latest version"),
        (lambda w, c, r, v: w.change_of(r, status="failed"), "comes from a run that failed"),
        (lambda w, c, r, v: w.change_of(r, status="running"), "comes from a run that is still running"),
        (lambda w, c, r, v: w.change_of(r, metrics={"val_auc": 0.8}), "has val_auc 0.8 (limit ≥ 0.85)"),
        (lambda w, c, r, v: w.change_of(r, metrics={"val_auc": None}), "has no number for val_auc (limit ≥ 0.85)"),
        (lambda w, c, r, v: w.change_of(r, metrics={"auc": 0.99}), "has no metric val_auc (limit ≥ 0.85)"),
        (
            lambda w, c, r, v: w.change_of(c, state="open", merged_at=None, head_sha=c.merge_sha),
            "comes from no merged pull request",
        ),
        (lambda w, c, r, v: w.change_of(c, base="release-1"), "comes from no merged pull request"),
        (
            lambda w, c, r, v: w.change_of(w.item(), blocked_by=(w.item("DATA-1", labels=("Data",)).ref,)),
            "is open and is about data (label Data)",
        ),
    ],
)
def test_a_model_is_not_ready_for_a_plain_reason(spoil: Callable[..., object], reason: str) -> None:
    world = World()
    item, change, run, version = world.whole()
    spoil(world, change, run, version)
    assert world.truth("model-ready", item) is False
    name = "DATA-1" if "data" in reason else "churn-classifier v3"
    assert says(world, "model-ready") == f"Model ready: no; {name} {reason}"


def test_every_reason_is_told_of_one_version() -> None:
    world = World()
    item, _, run, version = world.whole()
    world.change_of(version, aliases=())
    world.change_of(run, status="killed")
    assert world.truth("model-ready", item) is False
    assert says(world, "model-ready") == (
        "Model ready: no; churn-classifier v3 does not carry the release alias champion and comes from a run that was stopped"
    )


def test_a_version_without_a_run_is_not_ready() -> None:
    world = World()
    item, _, _, version = world.whole()
    world.change_of(version, run=None, tags={"milepost.issue": "ML-42"})
    assert world.truth("model-ready", item) is False


@pytest.mark.parametrize("approval", ["approved", None])
def test_without_a_release_alias_an_approval_releases(approval: str | None) -> None:
    world = World()
    item, _, _, version = world.whole()
    world.set_project(release_alias=None)
    world.change_of(version, aliases=(), approval=approval)
    assert world.truth("model-ready", item) is (approval is not None)


def test_facts_of_two_versions_do_not_make_one_ready_version() -> None:
    world = World()
    item, _, run, version = world.whole()
    world.change_of(run, metrics={"val_auc": 0.1})
    other = world.run("r9", git_commit=run.git_commit)
    world.version(9, run=other, aliases=())
    assert world.truth("model-ready", item) is False
    world.change_of(version, run=other.ref)
    assert world.truth("model-ready", item) is True


@pytest.mark.parametrize(
    "trouble",
    [{"complete": False}, {"failed": "timeout"}, {"pulled_at": None}, {"pulled_at": NOW - timedelta(hours=26)}],
    ids=["incomplete", "failed", "never read", "stale"],
)
@pytest.mark.parametrize("stream", [("jira", "issues"), ("mlflow", "runs"), ("mlflow", "models")])
def test_a_model_is_never_ready_by_what_may_be_missing(stream: tuple[str, str], trouble: dict[str, Any]) -> None:
    """Data that blocks could be missing from any of these."""
    world = World()
    item, *_ = world.whole()
    world.set_stream(*stream, **trouble)
    assert world.truth("model-ready", item) is None
    assert f"{stream[0]}/{stream[1]} (" in says(world, "model-ready")


@pytest.mark.parametrize("rule", ["model-ready", "drift-alert"])
def test_what_rests_on_a_stale_link_is_unknown(rule: str) -> None:
    world = World(aws=True)
    item, _, _, version = world.whole()
    world.observation(world.deployment(version))
    assert world.truth(rule, item) is True
    world.set_stream("github", "change_requests", failed="gone")
    assert world.truth(rule, item) is None
    assert "github/change_requests (the last read failed)" in says(world, rule)


def test_a_commit_that_is_still_to_be_looked_up_leaves_open_what_it_could_bring() -> None:
    world = World()
    item, _, run, _ = world.whole()
    world.change_of(run, metrics={})
    assert world.truth("model-ready", item) is False
    other = world.run("r9", git_commit=sha("dead001"))
    assert world.truth("model-ready", item) is False
    world.version(9, run=other)
    assert world.truth("model-ready", item) is None
    assert says(world, "model-ready") == "Model ready: not known; missing: look-up of 1 commit"
    world.known_missing = frozenset({sha("dead001")})
    assert world.truth("model-ready", item) is False


def test_where_nobody_could_look_a_commit_up_nothing_waits_for_it() -> None:
    world = World()
    item = world.item()
    run = world.run(git_commit=sha("dead001"), tags={"milepost.issue": "ML-42"})
    world.version(run=run)
    assert world.truth("model-ready", item) is None
    for stream in ("issues", "change_requests", "commits"):
        del world.streams[("github", stream)]
    assert world.truth("model-ready", item) is False


@pytest.mark.parametrize("kind", ["change_request", "run", "model_version"])
def test_what_was_not_found_when_last_looked_for_proves_nothing(kind: str) -> None:
    world = World()
    item, change, run, version = world.whole()
    world.missing = {one.ref for one in (change, run, version) if one.ref.kind == kind}
    assert world.truth("model-ready", item) is None
    assert "which was not found when it was last looked for" in says(world, "model-ready")


def test_an_unknown_default_branch_proves_no_merge() -> None:
    world = World()
    item, change, *_ = world.whole()
    world.change_of(change, default_branch=None)
    assert world.truth("model-ready", item) is None
    assert "the default branch of example/churn" in says(world, "model-ready")


# Data blocked


def test_an_open_ticket_about_data_blocks() -> None:
    world = World()
    blocker = world.item("DATA-1", components=("Data",), url="https://example.atlassian.net/browse/DATA-1")
    item = world.item("ML-42", blocked_by=(blocker.ref,))
    standing = world.standing("data-blocked", item)
    assert standing is not None and standing.truth is True
    assert standing.says == "Data blocks this: DATA-1 is open and is about data (component Data)"
    assert {(one.name, one.url, one.holds) for one in standing.evidence} == {("DATA-1", blocker.url, True)}


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"labels": ("data",), "status_category": "done"}, "DATA-1 is closed"),
        ({"labels": ("database",)}, "DATA-1 is not about data"),
    ],
)
def test_other_blockers_do_not_block_by_data(facts: dict[str, Any], reason: str) -> None:
    world = World()
    item = world.item("ML-42", blocked_by=(world.item("DATA-1", **facts).ref,))
    assert world.truth("data-blocked", item) is False
    assert says(world, "data-blocked") == f"Data blocked: no; {reason}"


def quality(world: World, outcome: str, dataset: Ref, **facts: Any) -> Observation:
    given: dict[str, Any] = {"monitor": "data_quality.null_rate", "threshold": "≤ 0.1"} | facts
    return world.observation(world.entities[dataset], outcome, kind="data_quality", source="mlflow", **given)


def test_a_failed_quality_check_of_the_data_in_use_blocks() -> None:
    world = World()
    item, _, run, _ = world.whole()
    quality(world, "failed", run.datasets[0].dataset, value=0.3)
    assert world.truth("data-blocked", item) is True
    assert says(world, "data-blocked") == (
        "Data blocks this: dataset customers (d7) has data_quality.null_rate = 0.3 (limit ≤ 0.1) and is the data in use"
    )
    assert world.truth("model-ready", item) is False


def test_a_check_that_tells_no_figures_is_told_as_failed() -> None:
    world = World()
    item, _, run, _ = world.whole()
    quality(world, "failed", run.datasets[0].dataset, value=None, threshold=None, monitor="data_quality.schema")
    assert world.truth("data-blocked", item) is True
    assert "dataset customers (d7) failed the check data_quality.schema" in says(world, "data-blocked")


def test_a_check_of_replaced_data_no_longer_blocks() -> None:
    world = World()
    item, _, run, _ = world.whole()
    quality(world, "failed", run.datasets[0].dataset)
    newer = DatasetUse(dataset=world.dataset(digest="d99").ref)
    world.run("r99", experiment=run.experiment, started_at=NOW - DAY, datasets=(newer,))
    assert world.truth("data-blocked", item) is False


def test_a_check_that_nobody_can_read_is_unknown() -> None:
    world = World()
    item, _, run, _ = world.whole()
    quality(world, "unknown", run.datasets[0].dataset, value=None)
    assert world.truth("data-blocked", item) is None
    assert world.truth("model-ready", item) is None
    assert says(world, "data-blocked") == "Data blocked: not known; missing: a readable value of data_quality.null_rate"


def test_a_metric_of_the_training_run_is_a_check_of_its_data() -> None:
    world = World()
    item, _, run, _ = world.whole()
    for value, truth in ((1.0, False), (0.0, True), (None, None), (0.5, None)):
        world.change_of(run, metrics={"val_auc": 0.9, "data_quality.complete": value})
        assert world.truth("data-blocked", item) is truth, value


def test_old_training_data_blocks_when_its_day_comes() -> None:
    world = World()
    item, _, run, _ = world.whole()
    use = DatasetUse(dataset=run.datasets[0].dataset, context="training", as_of=NOW - 30 * DAY + timedelta(hours=1))
    world.change_of(run, datasets=(use,))
    standing = world.standing("data-blocked", item)
    assert standing is not None and standing.truth is False
    assert standing.recheck_at == NOW + timedelta(hours=1)
    world.pass_time(timedelta(hours=1))
    assert world.truth("data-blocked", item) is True
    assert says(world, "data-blocked") == (
        "Data blocks this: dataset customers (d7) is the data in use and was taken on 2026-10-03, more than 30 days ago"
    )


def test_data_whose_age_nobody_knows_is_unknown() -> None:
    world = World()
    item, _, run, _ = world.whole()
    world.change_of(run, started_at=None)
    assert world.truth("data-blocked", item) is None
    assert "the age of dataset customers" in says(world, "data-blocked")


def test_without_a_limit_no_data_is_too_old() -> None:
    world = World()
    item, _, run, _ = world.whole()
    world.change_of(run, started_at=NOW - 900 * DAY)
    world.set_project(data_fresh_within=None)
    assert world.truth("data-blocked", item) is False


# Drift alert


def served(world: World, **facts: Any) -> ModelVersion:
    *_, version = world.whole()
    world.deployment(version, **facts)
    return version


def test_a_serving_endpoint_that_has_drifted_alerts() -> None:
    world = World(aws=True)
    version = served(world)
    seen = world.observation(world.entities[Ref("aws", "deployment", "churn-prod")], url="https://example.com/report")
    item = world.entities[Ref("jira", "work_item", "id-of-ML-42")]
    standing = world.standing("drift-alert", item)
    assert standing is not None and standing.truth is True
    assert standing.says == "endpoint churn-prod has drifted: psi is 0.31, limit ≤ 0.2, since 2026-11-02"
    first = standing.evidence[0]
    assert (first.fact, first.value, first.threshold, first.observed_at, first.url) == (
        "psi",
        0.31,
        "≤ 0.2",
        seen.observed_at,
        seen.url,
    )
    assert standing.recheck_at is not None and standing.recheck_at <= seen.observed_at + 7 * DAY
    assert version.ref not in {one.ref for one in standing.evidence}


def test_a_monitor_that_tells_no_figures_alerts_in_plain_words() -> None:
    world = World(aws=True)
    served(world)
    world.observation(world.entities[Ref("aws", "deployment", "churn-prod")], value=None, threshold=None, monitor="churn-drift")
    assert says(world, "drift-alert") == "endpoint churn-prod has drifted: it failed the check churn-drift, since 2026-11-02"


def test_a_version_that_has_drifted_alerts_only_while_it_serves() -> None:
    world = World(aws=True)
    version = served(world)
    world.observation(version)
    item = world.entities[Ref("jira", "work_item", "id-of-ML-42")]
    assert says(world, "drift-alert").startswith("churn-classifier v3 has drifted: psi is 0.31")
    for facts in ({"state": "stopped"}, {"state": "in_service", "models": ()}):
        world.change_of(world.entities[Ref("aws", "deployment", "churn-prod")], **facts)
        assert world.truth("drift-alert", item) is False
        assert says(world, "drift-alert") == "Drift alert: no; churn-classifier v3 serves nowhere"


def test_where_no_source_tells_of_deployments_the_released_version_serves() -> None:
    world = World()
    item, _, _, version = world.whole()
    world.run("watch", metrics={"drift.psi": 0.4}, tags={"milepost.model_version": "churn-classifier/3"})
    assert world.truth("drift-alert", item) is True
    world.change_of(version, aliases=())
    assert world.truth("drift-alert", item) is False


def test_an_expired_observation_is_unknown_not_false() -> None:
    world = World(aws=True)
    served(world)
    endpoint = world.entities[Ref("aws", "deployment", "churn-prod")]
    item = world.entities[Ref("jira", "work_item", "id-of-ML-42")]
    for outcome in ("failed", "passed"):
        world.observation(endpoint, outcome, at=NOW - 7 * DAY)
        assert world.truth("drift-alert", item) is None
        assert says(world, "drift-alert") == "Drift alert: not known; missing: a result of psi from the last 7 days"
        world.observation(endpoint, outcome, at=NOW - 7 * DAY + timedelta(seconds=1))
        assert world.truth("drift-alert", item) is (outcome == "failed")
        world.entities = {ref: one for ref, one in world.entities.items() if ref.kind != "observation"}


def test_an_alarm_of_a_cloud_stands_until_it_is_cleared() -> None:
    world = World(aws=True)
    served(world)
    endpoint = world.entities[Ref("aws", "deployment", "churn-prod")]
    item = world.entities[Ref("jira", "work_item", "id-of-ML-42")]
    world.observation(endpoint, "failed", at=NOW - 60 * DAY, monitor="daily/default", lasting=True)
    world.observation(endpoint, "passed", at=NOW - DAY, monitor="daily/drift")
    assert world.truth("drift-alert", item) is True
    world.set_stream("aws", "monitors", pulled_at=NOW - 3 * DAY)
    assert world.truth("drift-alert", item) is None
    world.set_stream("aws", "monitors", pulled_at=NOW)
    world.observation(endpoint, "passed", at=NOW - 30 * DAY, monitor="daily/default", lasting=True)
    assert world.truth("drift-alert", item) is False
    world.observation(endpoint, "failed", at=NOW - DAY / 2, monitor="daily/drift")
    assert world.truth("drift-alert", item) is True


def test_it_takes_two_good_results_to_end_an_alert() -> None:
    world = World(aws=True)
    served(world)
    endpoint = world.entities[Ref("aws", "deployment", "churn-prod")]
    item = world.entities[Ref("jira", "work_item", "id-of-ML-42")]
    world.observation(endpoint, "failed", at=NOW - timedelta(hours=9))
    world.observation(endpoint, "passed", at=NOW - timedelta(hours=8))
    assert world.truth("drift-alert", item) is True
    assert "psi is 0.31" in says(world, "drift-alert")
    world.observation(endpoint, "passed", at=NOW - timedelta(hours=7))
    assert world.truth("drift-alert", item) is False
    assert says(world, "drift-alert") == "Drift alert: no; endpoint churn-prod has psi = 0.1 (limit ≤ 0.2)"


@pytest.mark.parametrize("stream", ["endpoints", "monitors"])
def test_an_alert_rests_on_all_results_having_been_read(stream: str) -> None:
    world = World(aws=True)
    served(world)
    world.observation(world.entities[Ref("aws", "deployment", "churn-prod")])
    item = world.entities[Ref("jira", "work_item", "id-of-ML-42")]
    world.set_stream("aws", stream, failed="throttled")
    assert world.truth("drift-alert", item) is None


@pytest.mark.parametrize("stream", [("aws", "monitors"), ("mlflow", "runs")])
def test_an_alert_is_unknown_while_a_newer_result_could_be_missing(stream: tuple[str, str]) -> None:
    world = World(aws=True)
    version = served(world)
    watched = world.entities[Ref("aws", "deployment", "churn-prod")] if stream[0] == "aws" else version
    world.observation(watched, source=stream[0])
    item = world.entities[Ref("jira", "work_item", "id-of-ML-42")]
    assert world.truth("drift-alert", item) is True
    world.set_stream(*stream, complete=False)
    assert world.truth("drift-alert", item) is None


def test_an_incomplete_stream_leaves_no_alert_open_instead_of_false() -> None:
    world = World(aws=True)
    item, *_ = world.whole()
    assert world.truth("drift-alert", item) is False
    world.set_stream("aws", "endpoints", complete=False)
    assert world.truth("drift-alert", item) is None
