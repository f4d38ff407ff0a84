"""Fits small models in earnest and judges them on rows that they have not seen, wherever the result is kept.

Importing this module imports pandas and scikit-learn: some seconds.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal, TypeAlias

import pandas as pd  # type: ignore[import-untyped]  # ships no types
from sklearn.ensemble import RandomForestClassifier  # type: ignore[import-untyped]
from sklearn.impute import SimpleImputer  # type: ignore[import-untyped]
from sklearn.linear_model import LogisticRegression, Ridge  # type: ignore[import-untyped]
from sklearn.metrics import accuracy_score, mean_absolute_error, r2_score, roc_auc_score  # type: ignore[import-untyped]
from sklearn.model_selection import train_test_split  # type: ignore[import-untyped]
from sklearn.pipeline import Pipeline  # type: ignore[import-untyped]
from sklearn.preprocessing import StandardScaler  # type: ignore[import-untyped]

from sandbox.mlflow.tables import read_table, without_some

Algorithm: TypeAlias = Literal["logistic", "forest", "ridge"]


@dataclass(frozen=True)
class Data:
    """The data of a run. `origin` is the address that MLflow shows for it, `as_of` the day that it describes.

    `lost` is the share of cells that get lost before training; more missing cells than `max_null_ratio` fail the quality check.
    """

    csv: Path
    target: str
    origin: str
    as_of: date | None = None
    lost: float = 0.0
    max_null_ratio: float = 0.05


@dataclass(frozen=True)
class Fitted:
    """A model, its data as the whole table of which it was fitted on three quarters, and what it is worth on the rest."""

    data: Data
    model: Pipeline
    table: pd.DataFrame
    columns: Sequence[str]
    metrics: Mapping[str, float]


def fit(data: Data, algorithm: Algorithm, *, features: Sequence[str] | None = None, seed: int = 7) -> Fitted:
    """`features` restricts what the model may see. Metrics: `val_auc` and `val_accuracy` of a classifier, `val_r2` and `val_mae` of
    a regressor."""
    table = read_table(data.csv)
    table = without_some(table, data.target, data.lost, seed) if data.lost else table
    columns = list(features or [column for column in table.columns if column != data.target])
    fitted_on, judged_on = train_test_split(table, test_size=0.25, random_state=seed)
    model = _pipeline(algorithm, seed).fit(fitted_on[columns], fitted_on[data.target])
    return Fitted(data, model, table, columns, _validation(model, judged_on[columns], judged_on[data.target]))


def ranking(model: Pipeline, features: pd.DataFrame, truth: pd.Series) -> float:
    """The area under the curve of a classifier."""
    chances = model.predict_proba(features)
    return float(roc_auc_score(truth, chances[:, 1] if chances.shape[1] == 2 else chances, multi_class="ovr"))


def packed(model: Pipeline) -> bytes:
    """The model as `model.tar.gz`, in the form of skops: it runs no code when it is loaded."""
    from skops.io import dumps  # type: ignore[import-untyped]  # ships no types

    content: bytes = dumps(model)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        entry = tarfile.TarInfo("model.skops")
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def _pipeline(algorithm: Algorithm, seed: int) -> Pipeline:
    match algorithm:
        case "logistic":
            estimator: Any = LogisticRegression(max_iter=500)
        case "forest":
            estimator = RandomForestClassifier(n_estimators=40, max_depth=7, random_state=seed, n_jobs=1)
        case "ridge":
            estimator = Ridge(alpha=1.0)
    return Pipeline([("fill", SimpleImputer(strategy="median")), ("scale", StandardScaler()), ("model", estimator)])


def _validation(model: Pipeline, features: pd.DataFrame, truth: pd.Series) -> dict[str, float]:
    guess = model.predict(features)
    if not hasattr(model, "predict_proba"):
        return {"val_r2": float(r2_score(truth, guess)), "val_mae": float(mean_absolute_error(truth, guess))}
    return {"val_auc": ranking(model, features, truth), "val_accuracy": float(accuracy_score(truth, guess))}
