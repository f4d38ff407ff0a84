"""What the SageMaker stand-in holds.

Objects are made in moto's backend, by the methods that its own request handlers call: 27,000 requests through boto3 would take many
minutes and say nothing about Milepost. They get the times at which they would have been made: moto knows none but the present. What
is measured reads them through the same server and the same front as the tests and the demo.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import datetime
from typing import Any

from moto.sagemaker.models import SageMakerModelBackend, sagemaker_backends

from bench.cloud_size import NAME, CloudSize, made_at
from sandbox.sagemaker.server import ACCOUNT, AwsRegion

PAGE = 100
"""The most that SageMaker gives at once."""

SWEPT = "nothing is swept: what changed is asked for, approvals as well (a metric, none of which is named here, costs two)"

MONITORED = 20
_CANARIES = 10
"""How many endpoints are monitored; of how many one tries another version."""

_ROLE = f"arn:aws:iam::{ACCOUNT}:role/example"
_CLUSTER = {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 20}
_QUIET = (
    *("packages", "endpoints", "training_jobs", "processing_jobs", "transform_jobs", "pipelines"),
    *("experiments", "trials", "feature_groups", "executions", "alerts"),
)
"""Every stream but metrics, which cost by name and by series: the bench names none."""


def fill_sagemaker(region: AwsRegion, size: CloudSize) -> None:
    backend: SageMakerModelBackend = sagemaker_backends[region.account][region.name]
    for number in range(size.runs):
        _add_training_job(backend, size, number)
    packages = [_add_package(backend, size, number, *named) for number, named in enumerate(size.version_names())]
    for number in range(size.endpoints):
        _add_endpoint(backend, size, number, [packages[one] for one in _served(size, number)])
    for number in range(min(MONITORED, size.endpoints)):
        _monitor(backend, region, size, number)


def first_floors(size: CloudSize) -> Mapping[str, int]:
    """The fewest requests that can read each stream. An endpoint and its tags, a configuration, a model and its tags: SageMaker
    tells each of these by itself."""
    models = sum(len(_served(size, number)) for number in range(size.endpoints))
    return {
        **quiet_floors(),
        "packages": -(-size.versions // PAGE),
        "training_jobs": -(-size.runs // PAGE),
        "endpoints": -(-size.endpoints // PAGE) + 3 * size.endpoints + 2 * models,
        # The schedules say which endpoint an alert is about.
        "alerts": 2,
    }


def quiet_floors() -> Mapping[str, int]:
    """What a pull without news must ask."""
    return dict.fromkeys(_QUIET, 1)


def _served(size: CloudSize, endpoint: int) -> Sequence[int]:
    """The numbers of the versions that an endpoint serves."""
    version = size.served_by(endpoint)
    return (version, version + 1) if endpoint % _CANARIES == 0 else (version,)


def _add_training_job(backend: SageMakerModelBackend, size: CloudSize, number: int) -> None:
    job: Any = backend.create_training_job(
        training_job_name=_job(number),
        hyper_parameters={"max_depth": str(number % 9), "learning_rate": "0.05", "n_estimators": str(100 + number % 400)},
        algorithm_specification={"TrainingImage": "example/churn:1", "TrainingInputMode": "File"},
        role_arn=_ROLE,
        input_data_config=[
            {
                "ChannelName": "train",
                "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://example/customers/{number % 50}"}},
            }
        ],
        output_data_config={"S3OutputPath": "s3://example/models"},
        resource_config={"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 20},
        vpc_config=None,  # type: ignore[arg-type]  # as moto's handler gives it for what was not said
        stopping_condition={"MaxRuntimeInSeconds": 3600},
        tags=[{"Key": "milepost.issue", "Value": size.ticket_of(number)}],
        enable_network_isolation=False,
        enable_inter_container_traffic_encryption=False,
        enable_managed_spot_training=False,
        checkpoint_config=None,  # type: ignore[arg-type]  # likewise
        debug_hook_config=None,  # type: ignore[arg-type]  # likewise
        debug_rule_configurations=None,  # type: ignore[arg-type]  # likewise
        tensor_board_output_config=None,  # type: ignore[arg-type]  # likewise
        experiment_config=None,  # type: ignore[arg-type]  # likewise
    )
    at = made_at(number, size.runs)
    _date(job, at)
    job.training_start_time = job.training_end_time = at
    job.secondary_status_transitions[0] |= {"StartTime": at, "EndTime": at}
    job.final_metric_data_list = [{"MetricName": "val_auc", "Value": 0.8 + number % 10 / 100, "Timestamp": at}]


def _add_package(backend: SageMakerModelBackend, size: CloudSize, number: int, group: str, version: int) -> str:
    """Its ARN. Nine of ten are approved."""
    run = size.run_of(number)
    if version == 1:
        backend.create_model_package_group(model_package_group_name=group, model_package_group_description="Who may leave")
    container = {"Image": "example/churn:1", "ModelDataUrl": f"s3://example/models/{_job(run)}/output/model.tar.gz"}
    unsaid: dict[str, Any] = dict.fromkeys(
        (
            *("model_package_name", "model_package_description", "validation_specification", "source_algorithm_specification"),
            *("metadata_properties", "model_metrics", "client_token", "drift_check_baselines", "domain", "task"),
            *("sample_payload_url", "additional_inference_specifications"),
        )
    )
    arn: str = backend.create_model_package(
        **unsaid,
        model_package_group_name=group,
        inference_specification={
            "Containers": [container],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"],
        },
        certify_for_marketplace=False,
        tags=[],
        model_approval_status="PendingManualApproval" if number % 10 == 0 else "Approved",
        customer_metadata_properties={"owner": "ada-example"},
    )
    _date(backend.model_packages[arn], made_at(run, size.runs))
    return arn


def _add_endpoint(backend: SageMakerModelBackend, size: CloudSize, number: int, packages: Sequence[str]) -> None:
    name, at, variants = _endpoint(number), made_at(number, size.endpoints), []
    for place, package in enumerate(packages):
        model = f"{name}-{place}"
        made = backend.create_model(
            model_name=model,
            execution_role_arn=_ROLE,
            primary_container={"ModelPackageName": package},
            vpc_config=None,
            containers=None,
            tags=None,
        )
        _date(made, at)
        variants.append(
            {
                "VariantName": f"v{place}",
                "ModelName": model,
                "InitialVariantWeight": 1.0 if place else 9.0,
                "InitialInstanceCount": 1,
                "InstanceType": "ml.m5.large",
            }
        )
    config = backend.create_endpoint_config(
        endpoint_config_name=name,
        production_variants=variants,
        data_capture_config={},
        async_inference_config={},
        tags=[],
        kms_key_id=None,  # type: ignore[arg-type]  # as moto's handler gives it for what was not said
    )
    tags = [{"Key": "environment", "Value": "production"}]
    _date(config, at)
    _date(backend.create_endpoint(name, name, tags), at)


def _monitor(backend: SageMakerModelBackend, region: AwsRegion, size: CloudSize, number: int) -> None:
    """It found nothing, then its alert came and went."""
    endpoint, made = _endpoint(number), made_at(number, size.endpoints)
    definition = {
        "MonitoringInputs": [{"EndpointInput": {"EndpointName": endpoint, "LocalPath": "/opt/input"}}],
        "MonitoringOutputConfig": {"MonitoringOutputs": [{"S3Output": {"S3Uri": "s3://example", "LocalPath": "/opt/output"}}]},
        "MonitoringResources": {"ClusterConfig": _CLUSTER},
        "MonitoringAppSpecification": {"ImageUri": "example/monitor"},
        "RoleArn": _ROLE,
    }
    config = {"MonitoringType": "ModelQuality", "MonitoringJobDefinition": definition}
    with closing(region.client("sagemaker")) as sagemaker:
        sagemaker.create_monitoring_schedule(MonitoringScheduleName=endpoint, MonitoringScheduleConfig=config)
    at = made.timestamp()
    region.run_monitor(endpoint, at=at)
    for job in (job for job in backend.processing_jobs.values() if job.processing_job_name.startswith(f"{endpoint}-")):
        _date(job, made)
    region.alert(endpoint, "InAlert", at=at)
    region.alert(endpoint, "OK", at=at + 3600)


def _date(made: Any, at: datetime) -> None:
    """moto keeps times without their zone."""
    made.creation_time = made.last_modified_time = at.replace(tzinfo=None)


def _job(number: int) -> str:
    return f"{NAME}-{number:05}"


def _endpoint(number: int) -> str:
    return f"{NAME}-{number:03}"
