"""Amazon SageMaker: model packages, endpoints with their monitors, jobs, experiments, feature groups. Read only."""

from __future__ import annotations

from connectors.base import Connection, Connector, Receiver, ReceiverContext, SourceContext
from connectors.sagemaker.options import SageMakerOptions, SageMakerScope, SageMakerSecrets


def _open_reader(context: SourceContext) -> Connector:
    from connectors.sagemaker.reader import SageMakerReader

    return SageMakerReader(context)


def _open_receiver(context: ReceiverContext) -> Receiver:
    from connectors.sagemaker.receiver import SageMakerReceiver

    return SageMakerReceiver(context)


CONNECTION = Connection(
    name="sagemaker",
    title="Amazon SageMaker",
    options=SageMakerOptions,
    scope=SageMakerScope,
    secrets=SageMakerSecrets,
    streams={
        "packages": frozenset({"model_version"}),
        "endpoints": frozenset({"deployment"}),
        "training_jobs": frozenset({"run", "dataset"}),
        "processing_jobs": frozenset({"run"}),
        "transform_jobs": frozenset({"run"}),
        "pipelines": frozenset({"run"}),
        "experiments": frozenset({"experiment"}),
        "trials": frozenset({"run"}),
        "feature_groups": frozenset({"dataset"}),
        "executions": frozenset({"observation"}),
        "alerts": frozenset({"observation"}),
        "metrics": frozenset({"observation"}),
    },
    named={
        "endpoints": "deployment",
        "model_package_groups": "model_version",
        "experiments": "experiment",
        "feature_groups": "dataset",
    },
    wanted_by={
        "packages": frozenset({"model_package_groups"}),
        "endpoints": frozenset({"endpoints"}),
        "training_jobs": frozenset({"training_jobs"}),
        "processing_jobs": frozenset({"processing_jobs"}),
        "transform_jobs": frozenset({"transform_jobs"}),
        "pipelines": frozenset({"pipelines"}),
        "experiments": frozenset({"experiments"}),
        "trials": frozenset({"experiments"}),
        "feature_groups": frozenset({"feature_groups"}),
        "executions": frozenset({"endpoints"}),
        "alerts": frozenset({"endpoints"}),
        "metrics": frozenset({"metrics"}),
    },
    along={"training_jobs": frozenset({"dataset"})},
    reader=_open_reader,
    receiver=_open_receiver,
    relisted={"monitoring_schedule": frozenset({"executions", "alerts"})},
)
