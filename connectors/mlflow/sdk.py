"""The one use of the `mlflow` package: whether the client that this installation has understands the server.

Nothing is sent through it: it reads its credentials, timeouts and retries from the environment of the process, sets no limit to an
answer, and its objects cost many times what typed decoding does.
"""

from __future__ import annotations

import json
import os


def client_version() -> str:
    """The version of the installed client. Imports it."""
    _keep_to_itself()
    import mlflow

    return str(mlflow.__version__)


def client_understands(experiments: bytes) -> str | None:
    """None if the client can read the server's answer to a search for experiments, else in its own words why not."""
    _keep_to_itself()
    from google.protobuf.json_format import ParseError  # type: ignore[import-untyped]  # it comes with mlflow, and without types
    from mlflow.entities import Experiment
    from mlflow.exceptions import MlflowException
    from mlflow.protos.service_pb2 import SearchExperiments
    from mlflow.utils.proto_json_utils import parse_dict

    try:
        answer = SearchExperiments.Response()
        parse_dict(json.loads(experiments), answer)  # type: ignore[no-untyped-call]  # mlflow annotates little
        for experiment in answer.experiments:
            Experiment.from_proto(experiment)
    except (ParseError, MlflowException, AttributeError, TypeError, ValueError, RecursionError) as error:
        return str(error)
    return None


def _keep_to_itself() -> None:
    """Importing mlflow starts its usage reports, unless the environment says no by then; who set it keeps their word."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
