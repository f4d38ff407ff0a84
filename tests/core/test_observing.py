"""Metrics and tags that speak of data quality or drift, as observations."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from mappings.conditions import Bound
from mappings.model import DatasetUse, Observation, Ref
from sync.observe import observe
from sync.project import Baseline
from tests.core.worlds import DAY, NOW, World


def seen(world: World, history: tuple[Observation, ...] = ()) -> list[tuple[str, str, str, object]]:
    found = observe(world.entities.values(), world.project, history, now=world.now)
    return [(one.kind, one.subject.id, one.outcome, one.value) for one in found]


def test_a_quality_metric_speaks_of_the_runs_datasets() -> None:
    world = World()
    uses = tuple(DatasetUse(dataset=world.dataset(digest=one).ref) for one in ("d1", "d2"))
    world.run(metrics={"data_quality.complete": 1.0, "val_auc": 0.9}, datasets=uses)
    assert seen(world) == [
        ("data_quality", "customers@d1", "passed", 1.0),
        ("data_quality", "customers@d2", "passed", 1.0),
    ]


@pytest.mark.parametrize(
    ("value", "outcome"), [(1.0, "passed"), (0.0, "failed"), (0.5, "unknown"), (None, "unknown"), (-1.0, "unknown")]
)
def test_without_limits_one_and_zero_say_it(value: float | None, outcome: str) -> None:
    world = World()
    world.run(metrics={"data_quality.x": value}, datasets=(DatasetUse(dataset=world.dataset().ref),))
    assert [one[2] for one in seen(world)] == [outcome]


@pytest.mark.parametrize(
    ("text", "outcome"),
    [("Passed", "passed"), (" ok ", "passed"), ("FAILED", "failed"), ("0", "failed"), ("maybe", "unknown"), ("", "unknown")],
)
def test_a_quality_tag_says_it_in_a_word(text: str, outcome: str) -> None:
    world = World()
    world.run(tags={"data_quality.schema": text}, metrics={}, datasets=(DatasetUse(dataset=world.dataset().ref),))
    assert [(one[2], one[3]) for one in seen(world)] == [(outcome, text)]


@pytest.mark.parametrize(("text", "outcome"), [("0.05", "passed"), ("0.5", "failed"), ("nan", "unknown"), ("passed", "unknown")])
def test_a_quality_tag_is_held_against_its_limits(text: str, outcome: str) -> None:
    world = World()
    world.set_project(quality={"data_quality.null_rate": Bound(lte=0.1)})
    world.run(tags={"data_quality.null_rate": text}, metrics={}, datasets=(DatasetUse(dataset=world.dataset().ref),))
    found = observe(world.entities.values(), world.project, (), now=NOW)
    assert [(one.outcome, one.threshold) for one in found] == [(outcome, "≤ 0.1")]


def test_a_metric_goes_before_a_tag_of_its_name() -> None:
    world = World()
    use = DatasetUse(dataset=world.dataset().ref)
    world.run(metrics={"data_quality.x": 0.0}, tags={"data_quality.x": "passed"}, datasets=(use, use))
    assert seen(world) == [("data_quality", "customers@d1", "failed", 0.0)]


@pytest.mark.parametrize(
    ("facts", "subjects"),
    [
        ({"tags": {"milepost.model_version": "churn-classifier/3"}}, ["churn-classifier/3"]),
        ({"tags": {"milepost.model_version": "models:/churn-classifier/3"}}, ["churn-classifier/3"]),
        ({"tags": {"Milepost.Model_Version": "churn-classifier/3"}}, ["churn-classifier/3"]),
        ({"tags": {"milepost:model_version": " churn-classifier/3 "}}, ["churn-classifier/3"]),
        ({"tags": {"milepost.model_version": " "}}, ["churn-classifier/4"]),
        ({"tags": {"milepost.model_version": "nothing/1"}, "models": ("m-1",)}, []),
        ({"models": ("m-1", "m-2")}, ["churn-classifier/3"]),
        ({"models": ("m-2",)}, ["churn-classifier/4"]),
        ({}, ["churn-classifier/4"]),
    ],
)
def test_a_drift_metric_speaks_of_the_version_that_its_run_watched(facts: dict[str, Any], subjects: list[str]) -> None:
    world = World()
    run = world.run(metrics={"drift.psi": 0.3, "drift.ks": None}, **facts)
    world.version(3, model_id="m-1")
    world.version(4, run=run)
    assert seen(world) == [
        one for subject in subjects for one in (("drift", subject, "unknown", None), ("drift", subject, "failed", 0.3))
    ]


def test_a_run_is_observed_when_it_ended() -> None:
    world = World()
    run = world.run(metrics={"data_quality.x": 1.0}, datasets=(DatasetUse(dataset=world.dataset().ref),))
    (found,) = observe(world.entities.values(), world.project, (), now=NOW)
    assert found.observed_at == run.ended_at
    world.change_of(run, ended_at=None, started_at=None)
    assert seen(world) == []


def test_a_tag_of_a_version_counts_from_when_its_value_was_first_seen() -> None:
    world = World()
    version = world.version(tags={"drift.psi": "0.1"})
    first = observe(world.entities.values(), world.project, (), now=NOW)
    again = observe(world.entities.values(), world.project, first, now=NOW + DAY)
    assert again == first
    world.change_of(version, tags={"drift.psi": "0.4"})
    changed = observe(world.entities.values(), world.project, first, now=NOW + 2 * DAY)
    assert [(one.outcome, one.observed_at) for one in changed] == [("failed", NOW + 2 * DAY)]
    world.change_of(version, tags={"drift.psi": "0.1"})
    back = observe(world.entities.values(), world.project, [*first, *changed], now=NOW + 3 * DAY)
    assert [(one.outcome, one.observed_at) for one in back] == [("passed", NOW + 3 * DAY)]
    assert len({one.ref for one in (*first, *changed, *back)}) == 3


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-01T10:00:00+00:00", NOW - timedelta(hours=26)),
        ("2026-11-01T11:00:00+01:00", NOW - timedelta(hours=26)),
        ("2026-11-01T10:00:00", NOW - timedelta(hours=26)),
        ("2999-01-01T00:00:00", NOW),
        ("0001-01-01T00:00:00+23:00", NOW),
        ("yesterday", NOW),
        ("", NOW),
    ],
)
def test_a_version_may_say_when_it_was_observed_but_not_in_the_future(text: str, expected: object) -> None:
    world = World()
    world.version(tags={"drift.psi": "0.1", "milepost.observed_at": text})
    assert [one.observed_at for one in observe(world.entities.values(), world.project, (), now=NOW)] == [expected]


def test_no_order_matters() -> None:
    world = World()
    use = DatasetUse(dataset=world.dataset().ref)
    for number in range(4):
        world.run(f"r{number}", metrics={"data_quality.x": 1.0, "drift.psi": 0.1}, models=("m-1",), datasets=(use,))
    world.version(model_id="m-1", tags={"drift.ks": "0.3"})
    entities = list(world.entities.values())
    forwards = observe(entities, world.project, (), now=NOW)
    assert forwards == observe(entities[::-1], world.project, (), now=NOW)
    assert [one.ref for one in forwards] == sorted({one.ref for one in forwards})
    assert {one.ref.source for one in forwards} == {"mlflow"}
    assert Ref("mlflow", "observation", "r0/drift.psi/churn-classifier/3") in {one.ref for one in forwards}


def test_a_bias_metric_speaks_of_the_version_that_was_watched() -> None:
    world = World()
    version = world.version(tags={"fairness.gap": "0.3"})
    world.set_project(bias={"fairness.*": Bound(lte=0.1)})
    world.run("check", metrics={"fairness.gap": 0.05}, tags={"milepost.model_version": version.ref.id}, datasets=())
    assert sorted(seen(world)) == [("bias", version.ref.id, "failed", 0.3), ("bias", version.ref.id, "passed", 0.05)]


@pytest.mark.parametrize(
    ("better", "tolerance", "value", "outcome"),
    [
        ("higher", 0.02, 0.88, "passed"),
        ("higher", 0.02, 0.86, "failed"),
        ("lower", 0.02, 0.95, "failed"),
        ("lower", 0.02, 0.80, "passed"),
        ("higher", 0.0, None, "unknown"),
    ],
)
def test_performance_is_held_against_what_the_version_had_when_it_was_trained(
    better: Any, tolerance: float, value: float | None, outcome: str
) -> None:
    world = World()
    training = world.run("training", metrics={"val_auc": 0.9}, datasets=())
    version = world.version(run=training)
    world.set_project(baselines={"live.*": Baseline(metric="val_auc", tolerance=tolerance, better=better)})
    tags = {"milepost.model_version": version.ref.id}
    world.run("live", metrics={"live.auc": value}, tags=tags, datasets=())
    (found,) = observe(world.entities.values(), world.project, (), now=NOW)
    assert (found.kind, found.outcome) == ("performance", outcome)
    assert "val_auc 0.9 at training" in str(found.threshold)


@pytest.mark.parametrize(
    "facts",
    [
        {"run": Ref("azure", "run", "0a1b2c3d" * 4)},
        {"tags": {"milepost.run": "0a1b2c3d" * 4, "live.auc": "0.5"}},
        {"artifact_uri": "s3://example/model/"},
    ],
    ids=["named in another source", "named by a tag", "made its files"],
)
def test_a_version_was_trained_by_the_run_that_is_known_to_have_made_it(facts: dict[str, Any]) -> None:
    world = World()
    world.run("0a1b2c3d" * 4, metrics={"val_auc": 0.9}, datasets=(), artifacts=("s3://example/model",))
    version = world.version(tags={"live.auc": "0.5"})
    world.change_of(version, **facts)
    world.set_project(baselines={"live.*": Baseline(metric="val_auc", tolerance=0.02)})
    (found,) = observe(world.entities.values(), world.project, (), now=NOW)
    assert (found.outcome, found.threshold) == ("failed", "≥ 0.88 (val_auc 0.9 at training, tolerance 0.02)")


def test_of_two_runs_that_may_have_trained_a_version_neither_counts() -> None:
    world = World()
    for number in (1, 2):
        world.run(f"r{number}", metrics={"val_auc": 0.9}, datasets=(), artifacts=("s3://example/model",))
    world.version(tags={"live.auc": "0.5"}, artifact_uri="s3://example/model")
    world.set_project(baselines={"live.*": Baseline(metric="val_auc", tolerance=0.02)})
    assert [one[2] for one in seen(world)] == ["unknown"]


@pytest.mark.parametrize("known", [True, False])
def test_without_the_training_s_metric_nobody_knows_whether_performance_dropped(known: bool) -> None:
    world = World()
    training = world.run("training", metrics={"val_auc": None}, datasets=())
    version = world.version(run=training)
    if not known:
        del world.entities[training.ref]
    world.set_project(baselines={"live.auc": Baseline(metric="val_auc", tolerance=0.02)})
    tags = {"milepost.model_version": version.ref.id}
    world.run("live", metrics={"live.auc": 0.1}, tags=tags, datasets=())
    assert [one[2] for one in seen(world)] == ["unknown"]


def test_a_fixed_limit_goes_before_a_baseline() -> None:
    world = World()
    version = world.version(tags={"live.auc": "0.5"})
    world.set_project(performance={"live.auc": Bound(gte=0.4)}, baselines={"live.*": Baseline(metric="val_auc", tolerance=0.0)})
    assert seen(world) == [("performance", version.ref.id, "passed", 0.5)]


def test_one_metric_may_speak_of_several_things_and_stays_as_it_was_first_seen() -> None:
    world = World()
    world.version(tags={"gap": "0.5"})
    world.set_project(drift={"gap": Bound(lte=0.2)}, performance={"gap": Bound(lte=0.6)})
    first = tuple(observe(world.entities.values(), world.project, (), now=NOW))
    assert sorted((one.kind, one.outcome) for one in first) == [("drift", "failed"), ("performance", "passed")]
    assert tuple(observe(world.entities.values(), world.project, first, now=NOW + DAY)) == first
