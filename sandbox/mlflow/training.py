"""Trains small models in earnest and logs them to MLflow as a team would: autologging, datasets, versions, aliases, monitoring.

Importing this module imports pandas and scikit-learn, the first call imports MLflow: some seconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd  # type: ignore[import-untyped]  # ships no types
import sklearn  # type: ignore[import-untyped]  # ships no types
from sklearn.pipeline import Pipeline  # type: ignore[import-untyped]

from sandbox.mlflow.fitting import Algorithm, Data, fit, ranking
from sandbox.mlflow.session import tracking
from sandbox.mlflow.tables import digest, drift_by_feature, null_ratio, read_table, serving_sample, serving_truth

_TRUSTED = ("numpy.dtype", "sklearn.tree._tree.Tree")
"""Skops runs no code when a model is loaded, unlike pickle. These two it must be told to trust; the files are our own."""


@dataclass(frozen=True)
class Source:
    """What a run was built from: a full commit sha and the repository's address."""

    git_commit: str
    git_repository: str


@dataclass(frozen=True)
class TrainedModel:
    """`name` and `version` as the registry has them."""

    run_id: str
    name: str
    version: str
    model_id: str
    model: Pipeline
    metrics: Mapping[str, float] = field(default_factory=dict)


def train(
    url: str,
    *,
    experiment: str,
    algorithm: Algorithm,
    data: Data,
    source: Source,
    registered_name: str,
    features: Sequence[str] | None = None,
    alias: str | None = None,
    approval: str | None = None,
    issue: str | None = None,
    run_name: str | None = None,
    seed: int = 7,
) -> TrainedModel:
    """Trains on three quarters of the rows, judges on the rest, logs the run and registers the model's next version.

    Logged metrics: `val_auc` and `val_accuracy` of a classifier, `val_r2` and `val_mae` of a regressor, `data_quality.null_ratio`.
    The tag `data_quality.status` is `passed` or `failed`. `features` restricts what the model may see. `alias` is moved to the new
    version.
    """
    with tracking(url):
        import mlflow

        mlflow.set_experiment(experiment)
        with mlflow.start_run(run_name=run_name, tags=_run_tags(source, issue, data), log_system_metrics=False) as run:
            fitted = fit(data, algorithm, features=features, seed=seed)
            mlflow.log_input(_dataset(fitted.table, data, data.csv.stem), context="training", tags=_as_of(data))
            quality = null_ratio(fitted.table)
            mlflow.log_metrics({**fitted.metrics, "data_quality.null_ratio": quality})
            mlflow.set_tag("data_quality.status", "passed" if quality <= data.max_null_ratio else "failed")
            model_id = _log_model(fitted.model)
        version = _register(registered_name, model_id, run.info.run_id, alias, approval)
    return TrainedModel(
        run_id=run.info.run_id,
        name=registered_name,
        version=version,
        model_id=model_id,
        model=fitted.model,
        metrics=fitted.metrics,
    )


def monitor(
    url: str,
    *,
    experiment: str,
    data: Data,
    model_version: str,
    judged: Pipeline | None = None,
    shift: float = 0.0,
    rows: int = 500,
    run_name: str | None = None,
    seed: int = 11,
) -> str:
    """Compares a serving sample with the training data and logs the run, whose id it answers.

    `model_version` is `<name>/<version>`, the tag that binds the run to it. `shift` moves the sample, in standard deviations of
    each feature. Logged metrics: `drift.psi` (the largest population stability index of a feature, computed),
    `data_quality.null_ratio` of the sample, and `live.auc` of the classifier that is `judged` on it.
    """
    table = read_table(data.csv)
    sample = serving_sample(table, data.target, rows=rows, shift=shift, seed=seed)
    drift = drift_by_feature(table, sample)
    worst = max(drift, key=lambda feature: drift[feature])
    with tracking(url):
        import mlflow

        mlflow.set_experiment(experiment)
        tags = {"milepost.model_version": model_version, "drift.feature": worst}
        with mlflow.start_run(run_name=run_name, tags=tags, log_system_metrics=False) as run:
            mlflow.log_input(_dataset(sample, data, f"{data.csv.stem}-serving"), context="serving")
            mlflow.log_params({"reference_rows": len(table), "serving_rows": len(sample)})
            mlflow.log_metrics({"drift.psi": drift[worst], "data_quality.null_ratio": null_ratio(sample)})
            if judged is not None:
                mlflow.log_metric("live.auc", ranking(judged, sample, serving_truth(table, data.target, rows=rows, seed=seed)))
        return str(run.info.run_id)


def unreadable_monitor(url: str, *, experiment: str, model_version: str) -> str:
    """A monitoring run that got no serving data, so that its drift is not a number. Answers the run's id."""
    with tracking(url):
        import mlflow

        mlflow.set_experiment(experiment)
        tags = {"milepost.model_version": model_version}
        with mlflow.start_run(run_name="no serving data", tags=tags, log_system_metrics=False) as run:
            mlflow.log_params({"serving_rows": 0})
            mlflow.log_metric("drift.psi", float("nan"))
        return str(run.info.run_id)


def _dataset(table: pd.DataFrame, data: Data, name: str) -> Any:
    import mlflow.data

    return mlflow.data.from_pandas(  # type: ignore[attr-defined]  # made at run time
        table, source=_http_source(data.origin), name=name, digest=digest(table)
    )


def _http_source(origin: str) -> Any:
    """Said outright: from the address alone MLflow would guess, and warn that it guessed."""
    from mlflow.data.http_dataset_source import HTTPDatasetSource

    return HTTPDatasetSource(origin)  # type: ignore[no-untyped-call]  # mlflow annotates little


def _run_tags(source: Source, issue: str | None, data: Data) -> dict[str, str]:
    tags = {"mlflow.source.git.commit": source.git_commit, "mlflow.source.git.repoURL": source.git_repository, **_as_of(data)}
    return {**tags, "milepost.issue": issue} if issue else tags


def _as_of(data: Data) -> dict[str, str]:
    return {"milepost.data_as_of": data.as_of.isoformat()} if data.as_of else {}


def _log_model(model: Pipeline) -> str:
    import mlflow.sklearn

    # Named here, not inferred: inference starts another process that imports everything once more.
    environment = {
        "name": "model",
        "channels": ["conda-forge"],
        "dependencies": [
            "python>=3.11",
            "pip",
            {"pip": [f"scikit-learn=={sklearn.__version__}", f"numpy=={np.__version__}", f"mlflow=={mlflow.__version__}"]},
        ],
    }
    logged = mlflow.sklearn.log_model(
        model, name="model", conda_env=environment, serialization_format="skops", skops_trusted_types=list(_TRUSTED)
    )
    return str(logged.model_id)


def _register(name: str, model_id: str, run_id: str, alias: str | None, approval: str | None) -> str:
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    client = MlflowClient()
    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    tags = {"approval": approval} if approval else {}
    made = client.create_model_version(name, f"models:/{model_id}", run_id=run_id, tags=tags, model_id=model_id)
    if alias:
        client.set_registered_model_alias(name, alias, str(made.version))
    return str(made.version)
