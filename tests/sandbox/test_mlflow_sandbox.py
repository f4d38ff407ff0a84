"""The sandbox's MLflow is a real server, its models are really trained, and nothing of it stays behind."""

from __future__ import annotations

import io
import logging
import os
import sqlite3
import tarfile
import warnings
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from sandbox.mlflow.datasets import DATASETS, FOLDER, write
from sandbox.mlflow.fitting import Data, fit, packed
from sandbox.mlflow.server import RunningServer, ServerFailed, launch
from sandbox.mlflow.session import tracking
from sandbox.mlflow.tables import (
    distance_by_feature,
    drift_by_feature,
    null_ratio,
    population_stability,
    read_table,
    serving_sample,
    without_some,
)
from sandbox.mlflow.training import Source, TrainedModel, monitor, train

CHURN = Data(FOLDER / "customer_churn.csv", "churned", "https://data.example.com/churn.csv", as_of=date(2026, 10, 1))
SOURCE = Source("c" * 40, "https://github.com/example/churn")


@pytest.fixture(scope="module")
def trained(mlflow_server: RunningServer) -> TrainedModel:
    return train(
        mlflow_server.url,
        experiment="churn",
        algorithm="logistic",
        data=CHURN,
        source=SOURCE,
        registered_name="churn-classifier",
        alias="champion",
        approval="approved",
        issue="ML-42",
        run_name="nightly",
    )


def group_lives(server: RunningServer) -> bool:
    try:
        os.killpg(server.group, 0)
    except ProcessLookupError:
        return False
    return True


def get(server: RunningServer, path: str, **query: str) -> Any:
    response = httpx.get(f"{server.url}/api/2.0/mlflow/{path}", params=query, trust_env=False)
    assert response.status_code == 200, response.text
    return response.json()


def tags(record: Any) -> dict[str, str]:
    return {tag["key"]: tag["value"] for tag in record["tags"]}


def metrics(server: RunningServer, run_id: str) -> dict[str, float]:
    data = get(server, "runs/get", run_id=run_id)["run"]["data"]
    return {metric["key"]: metric["value"] for metric in data["metrics"]}


def test_a_trained_run_says_what_it_was_built_from(mlflow_server: RunningServer, trained: TrainedModel) -> None:
    run = get(mlflow_server, "runs/get", run_id=trained.run_id)["run"]
    assert (run["info"]["status"], run["info"]["run_name"]) == ("FINISHED", "nightly")
    assert (
        tags(run["data"]).items()
        >= {
            "mlflow.source.git.commit": "c" * 40,
            "mlflow.source.git.repoURL": "https://github.com/example/churn",
            "milepost.issue": "ML-42",
            "data_quality.status": "passed",
            "estimator_name": "Pipeline",
        }.items()
    )
    (used,) = run["inputs"]["dataset_inputs"]
    assert used["dataset"]["name"] == "customer_churn"
    assert tags(used) == {"mlflow.data.context": "training", "milepost.data_as_of": "2026-10-01"}
    logged = metrics(mlflow_server, trained.run_id)
    assert logged["val_auc"] == trained.metrics["val_auc"]
    assert 0.85 < logged["val_auc"] < 1
    assert "training_roc_auc" in logged, "autologging was on"


def test_the_version_is_registered_with_its_alias_and_its_artifacts(mlflow_server: RunningServer, trained: TrainedModel) -> None:
    version = get(mlflow_server, "model-versions/get", name=trained.name, version=trained.version)["model_version"]
    assert (version["run_id"], version["aliases"], tags(version)) == (trained.run_id, ["champion"], {"approval": "approved"})
    assert {path.name for path in (mlflow_server.folder / "artifacts").rglob("*")} >= {"MLmodel", "model.skops"}


def test_what_was_logged_can_be_loaded_and_asked(mlflow_server: RunningServer, trained: TrainedModel) -> None:
    table = read_table(CHURN.csv)
    with tracking(mlflow_server.url):
        import mlflow.sklearn

        model = mlflow.sklearn.load_model(f"models:/{trained.name}@champion")
        accuracy = np.mean(model.predict(table.drop(columns=["churned"])) == table["churned"])
    assert accuracy > 0.8


def test_fewer_features_and_lost_data_make_a_worse_model_that_fails_its_data_check(
    mlflow_server: RunningServer, trained: TrainedModel
) -> None:
    worse = train(
        mlflow_server.url,
        experiment="churn",
        algorithm="forest",
        data=Data(CHURN.csv, CHURN.target, CHURN.origin, lost=0.2),
        source=SOURCE,
        registered_name=trained.name,
        features=["newsletter_opens", "monthly_charge"],
        alias="challenger",
    )
    assert int(worse.version) > int(trained.version)
    assert worse.metrics["val_auc"] < 0.75 < trained.metrics["val_auc"]
    assert metrics(mlflow_server, worse.run_id)["data_quality.null_ratio"] > 0.1
    assert tags(get(mlflow_server, "runs/get", run_id=worse.run_id)["run"]["data"])["data_quality.status"] == "failed"
    aliases = get(mlflow_server, "registered-models/get", name=trained.name)["registered_model"]["aliases"]
    assert {one["alias"]: one["version"] for one in aliases} == {"champion": trained.version, "challenger": worse.version}


@pytest.mark.parametrize(
    ("csv", "target", "algorithm", "metric", "at_least"),
    [("demand_forecast", "units_sold", "ridge", "val_r2", 0.7), ("document_triage", "queue", "logistic", "val_auc", 0.9)],
)
def test_the_other_kinds_of_model(
    mlflow_server: RunningServer, csv: str, target: str, algorithm: Any, metric: str, at_least: float
) -> None:
    data = Data(FOLDER / f"{csv}.csv", target, f"https://data.example.com/{csv}.csv")
    model = train(mlflow_server.url, experiment=csv, algorithm=algorithm, data=data, source=SOURCE, registered_name=csv)
    assert metrics(mlflow_server, model.run_id)[metric] > at_least


def test_monitoring_finds_the_drift_that_is_there_and_no_other(mlflow_server: RunningServer, trained: TrainedModel) -> None:
    bound_to = f"{trained.name}/{trained.version}"
    steady, moved = (
        monitor(mlflow_server.url, experiment="churn-monitoring", data=CHURN, model_version=bound_to, shift=shift)
        for shift in (0.0, 1.0)
    )
    assert metrics(mlflow_server, steady)["drift.psi"] < 0.1
    assert metrics(mlflow_server, moved)["drift.psi"] > 0.25
    run = get(mlflow_server, "runs/get", run_id=moved)["run"]
    assert tags(run["data"])["milepost.model_version"] == bound_to
    assert [tags(used)["mlflow.data.context"] for used in run["inputs"]["dataset_inputs"]] == ["serving"]


def test_what_is_judged_while_it_serves_does_worse_on_data_that_moved(mlflow_server: RunningServer, trained: TrainedModel) -> None:
    version = f"{trained.name}/{trained.version}"
    steady, moved = (
        monitor(mlflow_server.url, experiment="churn-live", data=CHURN, model_version=version, judged=trained.model, shift=shift)
        for shift in (0.0, -2.5)
    )
    assert metrics(mlflow_server, steady)["live.auc"] == pytest.approx(trained.metrics["val_auc"], abs=0.05)
    assert metrics(mlflow_server, moved)["live.auc"] < metrics(mlflow_server, steady)["live.auc"]


def test_a_packed_model_answers_as_before() -> None:
    from skops.io import loads  # type: ignore[import-untyped]  # ships no types

    fitted = fit(CHURN, "logistic")
    with tarfile.open(fileobj=io.BytesIO(packed(fitted.model)), mode="r:gz") as archive:
        content = archive.extractfile("model.skops")
        assert content is not None
        again = loads(content.read(), trusted=["numpy.dtype"])
    features = fitted.table[list(fitted.columns)]
    assert np.array_equal(again.predict_proba(features), fitted.model.predict_proba(features))


def test_tracking_gives_back_what_it_set(mlflow_server: RunningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    import mlflow

    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "not-a-real-token")
    before = (mlflow.get_tracking_uri(), dict(os.environ), logging.getLogger("mlflow").level, list(warnings.filters))
    with tracking(mlflow_server.url):
        assert mlflow.get_tracking_uri() == mlflow_server.url
        assert "MLFLOW_TRACKING_TOKEN" not in os.environ
    assert (mlflow.get_tracking_uri(), dict(os.environ), logging.getLogger("mlflow").level, list(warnings.filters)) == before


def test_a_server_stopped_while_it_starts_leaves_nothing(tmp_path: Path) -> None:
    server = launch(tmp_path)
    assert group_lives(server)
    server.stop()
    assert not group_lives(server)
    server.stop()


def test_a_server_that_cannot_start_says_why_and_leaves_nothing(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as store:
        store.execute("CREATE TABLE alembic_version (version_num TEXT)")
        store.execute("INSERT INTO alembic_version VALUES ('of-the-future')")
        store.commit()
    server = launch(tmp_path)
    with pytest.raises(ServerFailed, match="of-the-future"):
        server.wait_until_ready()
    assert not group_lives(server)


def test_the_data_sets_are_what_their_recipes_give(tmp_path: Path) -> None:
    write(tmp_path)
    for name in DATASETS:
        content = (FOLDER / f"{name}.csv").read_bytes()
        assert (tmp_path / f"{name}.csv").read_bytes() == content
        assert 301 <= content.count(b"\n") <= 1501


def test_the_index_of_a_sample_against_itself_is_nothing_and_grows_with_the_shift() -> None:
    table = read_table(CHURN.csv)
    assert set(drift_by_feature(table, table).values()) == {0.0}
    grown = [
        drift_by_feature(table, serving_sample(table, "churned", rows=2000, shift=shift, seed=3))["monthly_charge"]
        for shift in (0.0, 0.3, 0.6, 1.2)
    ]
    assert grown == sorted(grown)
    assert grown[0] < 0.05 < grown[-1]


def test_the_distance_of_a_sample_is_how_far_it_moved_in_standard_deviations() -> None:
    table = read_table(CHURN.csv)
    moved = table.drop(columns=["churned"]) + 1.5 * table.drop(columns=["churned"]).std()
    assert set(distance_by_feature(table, table).values()) == {0.0}
    assert distance_by_feature(table, moved) == pytest.approx(dict.fromkeys(moved.columns, 1.5), rel=0.01)


def test_the_index_by_hand() -> None:
    expected, actual = np.array([1.0] * 50 + [2.0] * 50), np.array([1.0] * 80 + [2.0] * 20 + [np.nan] * 7)
    by_hand = (0.8 - 0.5) * np.log(0.8 / 0.5) + (0.2 - 0.5) * np.log(0.2 / 0.5)
    assert population_stability(expected, actual) == pytest.approx(by_hand, abs=0.02)
    assert population_stability(expected, np.array([9.0, 9.0])) < 10, "an empty bin is no infinity"


def test_lost_cells_are_lost_and_the_target_stays() -> None:
    table = read_table(CHURN.csv)
    spoiled = without_some(table, "churned", 0.3, seed=1)
    assert null_ratio(spoiled.drop(columns=["churned"])) == pytest.approx(0.3, abs=0.03)
    assert spoiled["churned"].equals(table["churned"])
