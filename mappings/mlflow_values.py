"""What single values of MLflow's records mean: its times, numbers, tags and addresses."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import cast

import msgspec

from mappings.mlflow_records import DatasetRecord, Metric, Pair, RunInfo
from mappings.model import RunStatus
from mappings.redaction import without_credentials

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_RUN_STATUSES = frozenset({"running", "scheduled", "finished", "failed", "killed"})
_PLACES = ("url", "uri", "path", "table_name", "delta_table_name", "name")
_UNKEPT_TAGS = frozenset({"mlflow.log-model.history"})
_GIT_ADDRESS = re.compile(r"(?i)(?:https?|ssh|git)://[^/\s]+/|[\w.-]+@[\w.-]+:")
# MLflow's SQL stores keep an infinity as the largest finite number.
_LARGEST = sys.float_info.max


def texts(pairs: Iterable[Pair]) -> dict[str, str]:
    """By key, in order; of a key that occurs twice, the same value in whatever order they came."""
    return {pair.key: without_credentials(pair.value) for pair in sorted(pairs, key=_key_and_value) if pair.key not in _UNKEPT_TAGS}


def _key_and_value(pair: Pair) -> tuple[str, str]:
    return pair.key, pair.value


def metrics(metrics: Iterable[Metric]) -> dict[str, float | None]:
    """The last value of each, by key, in order."""
    ordered = sorted(metrics, key=lambda metric: (metric.key, metric.step, metric.timestamp, str(metric.value)))
    return {metric.key: _finite(metric.value) for metric in ordered}


def _finite(value: float | str | None) -> float | None:
    try:
        number = float(value) if value is not None else math.nan
    except ValueError:
        return None
    return number if math.isfinite(number) and abs(number) < _LARGEST else None


def moment(milliseconds: int | None) -> datetime | None:
    """UTC. Raises `OverflowError` for a time that no calendar has."""
    return None if milliseconds is None else EPOCH + timedelta(milliseconds=milliseconds)


def ended(info: RunInfo) -> datetime | None:
    """Zero is how a server without null says that the run has not ended."""
    return moment(info.end_time or None)


def status(status: str | int | None) -> RunStatus:
    text = str(status).lower()
    return cast(RunStatus, text) if text in _RUN_STATUSES else "unknown"


def framework(tags: Mapping[str, str]) -> str | None:
    """What autologging says: its own tag on runs that it started, else the package of the estimator."""
    return tags.get("mlflow.autologging") or tags.get("estimator_class", "").partition(".")[0] or None


def git_repository(tags: Mapping[str, str]) -> str | None:
    """The address that the run's code was cloned from. A run of an MLflow project is named after it, and after a folder in it."""
    if named := tags.get("mlflow.source.git.repoURL") or tags.get("mlflow.gitRepoURL"):
        return named
    project = tags.get("mlflow.source.name", "") if tags.get("mlflow.source.type") == "PROJECT" else ""
    return project.partition("#")[0] if _GIT_ADDRESS.match(project) else None


def origin(record: DatasetRecord) -> str | None:
    """Where the data is: the address in the source, without credentials and query.

    A source of type `code` says where the logging code ran, which differs from run to run: that is no property of the data.
    """
    if record.source is None or record.source_type == "code":
        return None
    try:
        source = msgspec.json.decode(record.source)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return _without_query(record.source) or None
    places = [source.get(key) for key in _PLACES] if isinstance(source, dict) else [source]
    return next((_without_query(place) for place in places if isinstance(place, str) and place), None)


def _without_query(place: str) -> str:
    """A signed address keeps its signature in the query."""
    if "://" in place:
        place = re.split(r"[?#]", place, maxsplit=1)[0]
    return without_credentials(place)
