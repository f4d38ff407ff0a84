"""MLflow's process-wide state, set for the sandbox and given back: where it tracks, what it prints, what it patches."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_QUIET = {
    # Else each run prints two lines to stdout, where the demo's JSON goes.
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
}
_SIGN_IN = (
    "MLFLOW_TRACKING_TOKEN",
    "MLFLOW_TRACKING_USERNAME",
    "MLFLOW_TRACKING_PASSWORD",
    "MLFLOW_RUN_ID",
    "MLFLOW_EXPERIMENT_ID",
)


@contextmanager
def tracking(url: str) -> Iterator[None]:
    """Everything that `mlflow` does inside goes to the server at `url`, quietly, with autologging of scikit-learn switched on.

    Not for two threads at once: MLflow's state belongs to the process.
    """
    with _environment(), warnings.catch_warnings():
        _expect_known_warnings()
        import mlflow
        import mlflow.pyfunc
        import mlflow.sklearn

        logger = logging.getLogger("mlflow")
        level = logger.level
        before = mlflow.get_tracking_uri()
        logger.setLevel(logging.ERROR)
        mlflow.set_tracking_uri(url)
        mlflow.sklearn.autolog(log_models=False, log_datasets=False, log_post_training_metrics=False, silent=True)
        try:
            yield
        finally:
            mlflow.sklearn.autolog(disable=True, silent=True)
            mlflow.set_tracking_uri(before)
            logger.setLevel(level)


def _expect_known_warnings() -> None:
    """Importing `mlflow.pyfunc` warns about a type hint of MLflow's own."""
    warnings.filterwarnings("ignore", message=".*Any type hint is inferred as AnyType", category=UserWarning)


@contextmanager
def _environment() -> Iterator[None]:
    before = {name: os.environ.get(name) for name in (*_QUIET, *_SIGN_IN)}
    os.environ.update(_QUIET)
    for name in _SIGN_IN:
        os.environ.pop(name, None)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
