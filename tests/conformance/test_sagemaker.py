"""SageMaker's connector passes the conformance suite, against moto's server with our layer in front."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from contextlib import closing
from copy import copy
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest
from moto.sagemaker.models import sagemaker_backends

from connectors.base import Options
from connectors.conformance import Asked, ReaderConformance, Source
from connectors.errors import SourceError
from connectors.sagemaker import CONNECTION, transport
from connectors.sagemaker.options import SageMakerOptions, SageMakerScope, SageMakerSecrets
from mappings.model import Ref
from mappings.sagemaker import id_of
from sandbox.sagemaker.server import ACCOUNT, AwsRegion, AwsServer

FIRST = 7
REGION = "eu-central-1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/example"
BY_HAND = 50
"""More training jobs than these are put into moto's own memory."""

TARGETS = {
    "packages": ("SageMaker.Search", "ModelPackage"),
    "endpoints": ("SageMaker.ListEndpoints", None),
    "training_jobs": ("SageMaker.Search", "TrainingJob"),
    "processing_jobs": ("SageMaker.ListProcessingJobs", None),
    "transform_jobs": ("SageMaker.ListTransformJobs", None),
    "pipelines": ("SageMaker.Search", "PipelineExecution"),
    "experiments": ("SageMaker.Search", "Experiment"),
    "trials": ("SageMaker.Search", "ExperimentTrialComponent"),
    "feature_groups": ("SageMaker.Search", "FeatureGroup"),
    "executions": ("SageMaker.ListMonitoringExecutions", None),
    "alerts": ("SageMaker.ListMonitoringAlertHistory", None),
    "metrics": ("GraniteServiceVersion20100801.GetMetricData", None),
}
"""What asks for a page of the stream: the operation, and for searches of what."""


class SageMakerSource(Source):
    connection = CONNECTION
    paged: ClassVar[frozenset[str]] = frozenset(CONNECTION.streams) - {"metrics"}
    page_parameter = "MaxResults"

    def __init__(self, server: AwsServer) -> None:
        self.url = server.url
        self._region: AwsRegion = server.region(REGION)
        self._sagemaker = self._region.client("sagemaker")
        self._name = f"c{uuid.uuid4().hex[:8]}"
        ours = [f"{self._name}*"]
        everything = [name for name in SageMakerScope.model_fields if name != "metrics"]
        metrics = {"latency": {"metric": "ModelLatency", "limit": {"lte": 10}}}
        self.scope = SageMakerScope.model_validate({**dict.fromkeys(everything, ours), "metrics": metrics})
        self._added = 0
        self._prepare()

    def options(self, url: str) -> Options:
        return SageMakerOptions(region=REGION, endpoint_url=url)

    def secrets(self) -> Options:
        return SageMakerSecrets()

    def hasten(self, patch: pytest.MonkeyPatch) -> None:
        patch.setattr(transport, "READ_TIMEOUT", 0.25)
        patch.setattr(transport, "LONGEST_ANSWER", 0.25)

    def refusals(self, stream: str) -> dict[int, type[SourceError] | None]:
        return {}

    def lists(self, stream: str, asked: Asked) -> bool:
        target, resource = TARGETS[stream]
        if asked.headers.get("x-amz-target") != target:
            return False
        return resource is None or (asked.json() or {}).get("Resource") == resource

    def reads(self, asked: Asked) -> bool:
        operation = asked.headers.get("x-amz-target", "").partition(".")[2]
        return (
            super().reads(asked)
            or operation.startswith(("Search", "List", "Describe", "Get"))
            or b"GetCallerIdentity" in asked.body
        )

    def add(self, stream: str, count: int) -> None:
        if stream == "training_jobs" and count > BY_HAND:
            self._copy_training_jobs(count)
            return
        for _ in range(count):
            self._added += 1
            getattr(self, f"_add_to_{stream}")(f"{self._name}-{self._added}")

    def remove(self, ref: Ref) -> bool:
        backend = sagemaker_backends[ACCOUNT][REGION]
        marked, _, name = ref.id.partition("/" if ref.kind == "observation" else ":")
        by_kind: dict[str, dict[str, Any]] = {
            "model_version": backend.model_packages,
            "deployment": backend.endpoints,
            "experiment": backend.experiments,
            "dataset": backend.feature_groups,
        }
        by_mark: dict[str, dict[str, Any]] = {
            "processing-job": backend.processing_jobs,
            "transform-job": backend.transform_jobs,
            "experiment-trial-component": backend.trial_components,
            "pipeline": backend.pipelines[self._name].pipeline_executions,
        }
        if marked == "monitoring-execution":
            return self._region.forget_execution(self._name, int(name.split("/")[1]))
        if marked == "monitoring-alert":
            return self._region.forget_alert(self._name, int(name.split("/")[2]))
        if ref.kind == "observation":
            return False
        if ref.kind == "model_version" and ref.id != id_of(list(backend.model_packages.values())[-1].arn):
            # moto counts a group's packages for the next version: without an older one it would make the newest again.
            return False
        return _drop(by_kind.get(ref.kind) or by_mark.get(marked) or backend.training_jobs, ref)

    # -- what there is ----------------------------------------------------------------------------------------------------------

    def _prepare(self) -> None:
        """What the records hang on, outside the scope where it is of a kind that is listed."""
        self._sagemaker.create_model(
            ModelName=self._name,
            ExecutionRoleArn=ROLE,
            PrimaryContainer={"Image": "example/churn", "ModelDataUrl": "s3://example/m"},
        )
        variant = {"VariantName": "only", "ModelName": self._name, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
        self._sagemaker.create_endpoint_config(EndpointConfigName=self._name, ProductionVariants=[variant])
        self._sagemaker.create_model_package_group(ModelPackageGroupName=self._name)
        self._sagemaker.create_pipeline(
            PipelineName=self._name, PipelineDefinition="{}", RoleArn=ROLE, ClientRequestToken=uuid.uuid4().hex
        )
        self._sagemaker.create_experiment(ExperimentName=self._name)
        self._sagemaker.create_trial(TrialName=self._name, ExperimentName=self._name)
        self._sagemaker.create_endpoint(EndpointName=self._name, EndpointConfigName=self._name)
        cluster = {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 20}
        definition = {
            "MonitoringInputs": [{"EndpointInput": {"EndpointName": self._name, "LocalPath": "/opt/input"}}],
            "MonitoringOutputConfig": {"MonitoringOutputs": [{"S3Output": {"S3Uri": "s3://example", "LocalPath": "/opt/output"}}]},
            "MonitoringResources": {"ClusterConfig": cluster},
            "MonitoringAppSpecification": {"ImageUri": "example/monitor"},
            "RoleArn": ROLE,
        }
        self._sagemaker.create_monitoring_schedule(
            MonitoringScheduleName=self._name,
            MonitoringScheduleConfig={"MonitoringType": "ModelQuality", "MonitoringJobDefinition": definition},
        )

    def _add_to_packages(self, name: str) -> None:
        container = {"Image": "example/churn", "ModelDataUrl": f"s3://example/{name}"}
        self._sagemaker.create_model_package(
            ModelPackageGroupName=self._name,
            InferenceSpecification={
                "Containers": [container],
                "SupportedContentTypes": ["text/csv"],
                "SupportedResponseMIMETypes": ["text/csv"],
            },
            ModelApprovalStatus="PendingManualApproval",
        )

    def _add_to_endpoints(self, name: str) -> None:
        self._sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=self._name)

    def _add_to_training_jobs(self, name: str) -> None:
        self._sagemaker.create_training_job(
            TrainingJobName=name,
            AlgorithmSpecification={"TrainingImage": "example/train", "TrainingInputMode": "File"},
            RoleArn=ROLE,
            OutputDataConfig={"S3OutputPath": "s3://example/out"},
            ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 20},
            StoppingCondition={"MaxRuntimeInSeconds": 60},
        )

    def _copy_training_jobs(self, count: int) -> None:
        jobs = sagemaker_backends[ACCOUNT][REGION].training_jobs
        pattern = next(job for name, job in jobs.items() if name.startswith(self._name))
        for number in range(count):
            job = copy(pattern)
            job.training_job_name = f"{self._name}-many-{self._added}-{number}"
            job.arn = pattern.arn_formatter(job.training_job_name, ACCOUNT, REGION)
            job.creation_time = job.last_modified_time = pattern.creation_time - timedelta(days=30) + timedelta(seconds=number)
            jobs[job.training_job_name] = job
        self._added += 1

    def _add_to_processing_jobs(self, name: str) -> None:
        cluster = {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 20}
        self._sagemaker.create_processing_job(
            ProcessingJobName=name,
            ProcessingResources={"ClusterConfig": cluster},
            AppSpecification={"ImageUri": "example/process"},
            RoleArn=ROLE,
        )

    def _add_to_transform_jobs(self, name: str) -> None:
        data = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://example/in"}}
        self._sagemaker.create_transform_job(
            TransformJobName=name,
            ModelName=self._name,
            TransformInput={"DataSource": data},
            TransformOutput={"S3OutputPath": "s3://example/out"},
            TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
        )

    def _add_to_pipelines(self, name: str) -> None:
        self._sagemaker.start_pipeline_execution(PipelineName=self._name, ClientRequestToken=uuid.uuid4().hex)

    def _add_to_experiments(self, name: str) -> None:
        self._sagemaker.create_experiment(ExperimentName=name)

    def _add_to_trials(self, name: str) -> None:
        self._sagemaker.create_trial_component(TrialComponentName=name)
        self._sagemaker.associate_trial_component(TrialComponentName=name, TrialName=self._name)

    def _add_to_feature_groups(self, name: str) -> None:
        self._sagemaker.create_feature_group(
            FeatureGroupName=name,
            RecordIdentifierFeatureName="id",
            EventTimeFeatureName="at",
            FeatureDefinitions=[{"FeatureName": "id", "FeatureType": "String"}],
            OfflineStoreConfig={"S3StorageConfig": {"S3Uri": "s3://example/features"}},
        )

    def _add_to_executions(self, name: str) -> None:
        self._region.run_monitor(self._name, at=time.time() - 600 + self._added)

    def _add_to_alerts(self, name: str) -> None:
        self._region.alert(self._name, "InAlert" if self._added % 2 else "OK", at=time.time() - 600 + self._added)

    def _add_to_metrics(self, name: str) -> None:
        dimensions = [{"Name": "EndpointName", "Value": name}, {"Name": "VariantName", "Value": "only"}]
        at = datetime.now(UTC) - timedelta(hours=3)
        value = {"MetricName": "ModelLatency", "Dimensions": dimensions, "Value": 12.0, "Timestamp": at}
        with closing(self._region.client("cloudwatch")) as cloudwatch:
            cloudwatch.put_metric_data(Namespace="AWS/SageMaker", MetricData=[value])


def _drop(objects: dict[str, Any], ref: Ref) -> bool:
    """moto keeps each kind by keys of its own, and all with their ARNs."""
    key = next((key for key, one in objects.items() if id_of(one.arn) == ref.id), None)
    return key is not None and objects.pop(key) is not None


@pytest.fixture(scope="class")
def source(aws_server: AwsServer) -> Iterator[Source]:
    made = SageMakerSource(aws_server)
    for stream in CONNECTION.streams:
        made.add(stream, FIRST)
    yield made


class TestReader(ReaderConformance):
    kind = SageMakerSource
    principal = "training_jobs"
