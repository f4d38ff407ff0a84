"""Azure Machine Learning: endpoints with their deployments, models, jobs, data assets, monitors. Read only.

The SDKs are imported when a reader is opened (`azure.identity`), and by `check` alone (`azure.ai.ml`).
"""

from __future__ import annotations

from connectors.azureml.options import AzureMLOptions, AzureMLScope, AzureMLSecrets
from connectors.base import Connection, Connector, Receiver, ReceiverContext, SourceContext


def _open_reader(context: SourceContext) -> Connector:
    from connectors.azureml.reader import AzureMLReader

    return AzureMLReader(context)


def _open_receiver(context: ReceiverContext) -> Receiver:
    from connectors.azureml.receiver import AzureMLReceiver

    return AzureMLReceiver(context)


CONNECTION = Connection(
    name="azureml",
    title="Azure Machine Learning",
    options=AzureMLOptions,
    scope=AzureMLScope,
    secrets=AzureMLSecrets,
    streams={
        "jobs": frozenset({"run"}),
        "models": frozenset({"model_version"}),
        "data": frozenset({"dataset"}),
        "endpoints": frozenset({"deployment"}),
        "monitors": frozenset({"observation"}),
    },
    # Endpoints are not named here: Azure takes upper and lower case in their names for the same.
    named={"models": "model_version", "data": "dataset"},
    wanted_by={
        "jobs": frozenset({"experiments"}),
        "models": frozenset({"models"}),
        "data": frozenset({"data"}),
        "endpoints": frozenset({"endpoints"}),
        "monitors": frozenset({"monitors", "endpoints", "models"}),
    },
    sweeps=frozenset({"models", "data"}),
    reader=_open_reader,
    receiver=_open_receiver,
    relisted={
        "experiment": frozenset({"jobs"}),
        "monitor": frozenset({"monitors"}),
        "endpoint": frozenset({"endpoints"}),
    },
)
