"""Tables of numbers: reading, spoiling and drifting them, and how far two of them differ."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pandas as pd  # type: ignore[import-untyped]  # ships no types
from numpy.typing import NDArray

BINS = 10
Numbers: TypeAlias = NDArray[np.float64]


def read_table(csv: Path) -> pd.DataFrame:
    """All columns as float64; an empty cell is NaN."""
    return pd.read_csv(csv, dtype="float64")


def without_some(table: pd.DataFrame, target: str, share: float, seed: int) -> pd.DataFrame:
    """The table with that share of its cells lost, as when a source stopped to deliver. The target stays whole."""
    random = np.random.default_rng(seed)
    features = [column for column in table.columns if column != target]
    lost = pd.DataFrame(random.random((len(table), len(features))) < share, index=table.index, columns=features)
    spoiled = table.copy()
    spoiled[features] = spoiled[features].mask(lost)
    return spoiled


def serving_sample(table: pd.DataFrame, target: str, *, rows: int, shift: float, seed: int) -> pd.DataFrame:
    """What a deployed model might be asked: rows drawn from the table, each feature moved by `shift` of its standard deviations."""
    features = _drawn(table, rows, seed).drop(columns=[target])
    return features + shift * table.drop(columns=[target]).std()


def serving_truth(table: pd.DataFrame, target: str, *, rows: int, seed: int) -> pd.Series:
    """What the model should have answered to that sample, as it turned out later."""
    return _drawn(table, rows, seed)[target]


def null_ratio(table: pd.DataFrame) -> float:
    """The share of cells without value."""
    return float(table.isna().to_numpy().mean())


def digest(table: pd.DataFrame) -> str:
    """Eight hex digits of the content. MLflow's own digest of a pandas table is not used: it warns under pandas 3."""
    return hashlib.sha256(table.to_csv(index=False).encode()).hexdigest()[:8]


def drift_by_feature(training: pd.DataFrame, serving: pd.DataFrame) -> Mapping[str, float]:
    """The population stability index of each column that both tables have."""
    return {
        column: population_stability(training[column].to_numpy("float64"), serving[column].to_numpy("float64"))
        for column in training.columns
        if column in serving.columns
    }


def population_stability(expected: Numbers, actual: Numbers) -> float:
    """PSI over the deciles of `expected`: the sum of (a - e) * ln(a / e) over the bins, without missing values.

    Usual reading: below 0.1 stable, above 0.2 drifted. A share of zero counts as half a row, else the logarithm has no end.
    """
    known, seen = _finite(expected), _finite(actual)
    edges = np.unique(np.quantile(known, np.linspace(0, 1, BINS + 1)[1:-1]))
    shares = [_shares(np.searchsorted(edges, values, side="right"), len(edges) + 1) for values in (known, seen)]
    return float(np.sum((shares[1] - shares[0]) * np.log(shares[1] / shares[0])))


def distance_by_feature(training: pd.DataFrame, serving: pd.DataFrame) -> Mapping[str, float]:
    """The Wasserstein distance of each column that both tables have, in standard deviations of the first."""
    from scipy.stats import wasserstein_distance  # type: ignore[import-untyped]  # ships no types

    pairs = {
        column: (_finite(training[column].to_numpy("float64")), _finite(serving[column].to_numpy("float64")))
        for column in training.columns
        if column in serving.columns
    }
    return {column: float(wasserstein_distance(known, seen) / known.std()) for column, (known, seen) in pairs.items()}


def _drawn(table: pd.DataFrame, rows: int, seed: int) -> pd.DataFrame:
    return table.sample(n=rows, replace=True, random_state=seed, ignore_index=True)


def _finite(values: Numbers) -> Numbers:
    return values[np.isfinite(values)]


def _shares(bins: NDArray[np.int64], count: int) -> Numbers:
    rows: Numbers = np.maximum(np.bincount(bins, minlength=count).astype("float64"), 0.5)
    shares: Numbers = rows / rows.sum()
    return shares
