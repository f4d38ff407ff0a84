"""What a team does on SageMaker: train, register, deploy and watch. All of it goes through boto3."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sandbox.mlflow.fitting import Fitted, packed
from sandbox.sagemaker.server import AwsRegion
from sandbox.world.cast import Work

IMAGE = "123456789012.dkr.ecr.example.com/sklearn:1"
PRODUCTION = ({"Key": "environment", "Value": "production"},)

_JOB = {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 20}
_VARIANT = {"InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}


class Studio:
    """One team's work in a region, as a context manager that keeps a client open."""

    def __init__(self, region: AwsRegion, team: str) -> None:
        self.region = region
        self._bucket = f"example-{team}"
        self._role = f"arn:aws:iam::{region.account}:role/{team}"
        self._sagemaker: Any = region.client("sagemaker")
        self._groups: set[str] = set()

    def __enter__(self) -> Studio:
        return self

    def __exit__(self, *_error: object) -> None:
        self._sagemaker.close()

    def train(self, job: str, work: Work, fitted: Fitted, *, at: datetime | None = None) -> str:
        """A training job that made the fitted model from the work's last commit, and its files. The job's ARN."""
        table, output = f"data/{fitted.data.csv.name}", "models"
        source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{self._bucket}/{table}", "S3DataDistributionType": "FullyReplicated"}
        self.region.put(self._bucket, table, fitted.data.csv.read_bytes())
        arn: str = self._sagemaker.create_training_job(
            TrainingJobName=job,
            AlgorithmSpecification={"TrainingImage": IMAGE, "TrainingInputMode": "File"},
            RoleArn=self._role,
            InputDataConfig=[{"ChannelName": "train", "DataSource": {"S3DataSource": source}}],
            OutputDataConfig={"S3OutputPath": f"s3://{self._bucket}/{output}"},
            ResourceConfig=_JOB,
            StoppingCondition={"MaxRuntimeInSeconds": 3600},
            Tags=[{"Key": "git_sha", "Value": work.head}],
        )["TrainingJobArn"]
        self.region.put(self._bucket, f"{output}/{job}/output/model.tar.gz", packed(fitted.model))
        self.region.end_training(job, fitted.metrics, at=at)
        return arn

    def register(self, group: str, job: str, *, approved: bool = True) -> str:
        """The group's next model package, from a training job's files. Its ARN."""
        if group not in self._groups:
            self._sagemaker.create_model_package_group(ModelPackageGroupName=group)
            self._groups.add(group)
        container = {"Image": IMAGE, "ModelDataUrl": f"s3://{self._bucket}/models/{job.rpartition('/')[2]}/output/model.tar.gz"}
        arn: str = self._sagemaker.create_model_package(
            ModelPackageGroupName=group,
            InferenceSpecification={
                "Containers": [container],
                "SupportedContentTypes": ["text/csv"],
                "SupportedResponseMIMETypes": ["text/csv"],
            },
            ModelApprovalStatus="Approved" if approved else "PendingManualApproval",
            MetadataProperties={"GeneratedBy": job},
        )["ModelPackageArn"]
        return arn

    def deploy(self, endpoint: str, served: Sequence[Mapping[str, Any]], weights: Sequence[float] = (1.0,), **model: Any) -> None:
        """An endpoint in production, with a variant for each container. `model` is more that its models are made with."""
        variants = []
        for number, (container, weight) in enumerate(zip(served, weights, strict=True)):
            name = f"{endpoint}-{number}"
            self._sagemaker.create_model(ModelName=name, ExecutionRoleArn=self._role, PrimaryContainer=dict(container), **model)
            variants.append({"VariantName": f"v{number}", "ModelName": name, "InitialVariantWeight": weight, **_VARIANT})
        self._sagemaker.create_endpoint_config(EndpointConfigName=f"{endpoint}-1", ProductionVariants=variants)
        self._sagemaker.create_endpoint(EndpointName=endpoint, EndpointConfigName=f"{endpoint}-1", Tags=list(PRODUCTION))

    def watch(self, endpoint: str, kind: str, violations: Sequence[dict[str, str]]) -> None:
        """A daily monitor of the endpoint that has just run, and what it found. A finding raises the monitor's alert."""
        schedule = f"{endpoint}-{kind.lower()}"
        definition = {
            "MonitoringInputs": [{"EndpointInput": {"EndpointName": endpoint, "LocalPath": "/opt/input"}}],
            "MonitoringOutputConfig": {
                "MonitoringOutputs": [{"S3Output": {"S3Uri": f"s3://{self._bucket}/monitors", "LocalPath": "/opt/output"}}]
            },
            "MonitoringResources": {"ClusterConfig": _JOB},
            "MonitoringAppSpecification": {"ImageUri": IMAGE},
            "RoleArn": self._role,
        }
        self._sagemaker.create_monitoring_schedule(
            MonitoringScheduleName=schedule,
            MonitoringScheduleConfig={
                "ScheduleConfig": {"ScheduleExpression": "cron(0 3 ? * * *)"},
                "MonitoringType": kind,
                "MonitoringJobDefinition": definition,
            },
        )
        status = "CompletedWithViolations" if violations else "Completed"
        self.region.run_monitor(schedule, status, list(violations), bucket=self._bucket)
        self.region.alert(schedule, "InAlert" if violations else "OK")
