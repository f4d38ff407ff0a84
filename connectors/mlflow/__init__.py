"""MLflow: experiments, runs with their datasets, registered models. Read only. The SDK is imported by `check` alone."""

from __future__ import annotations

from connectors.base import Connection, Connector, SourceContext
from connectors.mlflow.options import MlflowOptions, MlflowScope, MlflowSecrets


def _open_reader(context: SourceContext) -> Connector:
    from connectors.mlflow.reader import MlflowReader

    return MlflowReader(context)


CONNECTION = Connection(
    name="mlflow",
    title="MLflow",
    options=MlflowOptions,
    scope=MlflowScope,
    secrets=MlflowSecrets,
    streams={
        "experiments": frozenset({"experiment"}),
        "runs": frozenset({"run", "dataset", "observation"}),
        "models": frozenset({"model_version", "run", "dataset"}),
    },
    sweeps=frozenset({"experiments", "models"}),
    named={"experiments": "experiment", "models": "model_version"},
    wanted_by={"experiments": frozenset({"experiments"}), "runs": frozenset({"experiments"}), "models": frozenset({"models"})},
    along={"runs": frozenset({"dataset"}), "models": frozenset({"dataset"})},
    reader=_open_reader,
)
