"""MLflow: experiments, runs with their datasets, registered models. Read only. The SDK is imported by `check` alone."""

from __future__ import annotations

from connectors.base import Connection, Connector, Receiver, ReceiverContext, SourceContext
from connectors.mlflow.options import MlflowOptions, MlflowScope, MlflowSecrets
from mappings.mlflow_deliveries import RELISTED_KIND


def _open_reader(context: SourceContext) -> Connector:
    from connectors.mlflow.reader import MlflowReader

    return MlflowReader(context)


def _open_receiver(context: ReceiverContext) -> Receiver:
    from connectors.mlflow.receiver import MlflowReceiver

    return MlflowReceiver(context)


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
    receiver=_open_receiver,
    # A model is registered when a run has ended, and MLflow sends nothing of runs.
    relisted={RELISTED_KIND: frozenset({"experiments", "runs", "models"})},
)
