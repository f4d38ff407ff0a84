"""The shapes of SageMaker's records, as far as Milepost reads them. Names and meaning: botocore's model of the service.

Times are seconds since 1970, as JSON of AWS writes them. Decode with `strict=False`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec


class Record(msgspec.Struct, gc=False, frozen=True, rename="pascal"):
    """Base of all shapes: SageMaker spells its names in PascalCase."""


class Tag(Record, frozen=True):
    key: str
    value: str = ""


class Metadata(Record, frozen=True):
    """`MetadataProperties`: where something was built, and by what."""

    commit_id: str | None = None
    repository: str | None = None
    generated_by: str | None = None


class S3Source(Record, frozen=True):
    s3_uri: str | None = None


class DataSource(Record, frozen=True):
    """`DataSource` of a channel, `ModelDataSource` of a container."""

    s3_data_source: S3Source | None = None


class Channel(Record, frozen=True):
    channel_name: str = ""
    data_source: DataSource | None = None


class Algorithm(Record, frozen=True):
    training_image: str | None = None
    algorithm_name: str | None = None


class Artifacts(Record, frozen=True):
    s3_model_artifacts: str | None = None


class FinalMetric(Record, frozen=True):
    metric_name: str
    value: float | None = None


class ExperimentConfig(Record, frozen=True):
    experiment_name: str | None = None


class TrainingJob(Record, frozen=True):
    training_job_name: str
    training_job_arn: str
    training_job_status: str | None = None
    hyper_parameters: Mapping[str, str] = {}
    algorithm_specification: Algorithm | None = None
    input_data_config: Sequence[Channel] = ()
    model_artifacts: Artifacts | None = None
    final_metric_data_list: Sequence[FinalMetric] = ()
    experiment_config: ExperimentConfig | None = None
    tags: Sequence[Tag] = ()
    creation_time: float | None = None
    training_start_time: float | None = None
    training_end_time: float | None = None
    last_modified_time: float | None = None


class ProcessingJob(Record, frozen=True):
    processing_job_name: str
    processing_job_arn: str
    processing_job_status: str | None = None
    creation_time: float | None = None
    processing_end_time: float | None = None
    last_modified_time: float | None = None


class TransformJob(Record, frozen=True):
    transform_job_name: str
    transform_job_arn: str
    transform_job_status: str | None = None
    creation_time: float | None = None
    transform_end_time: float | None = None
    last_modified_time: float | None = None


class Parameter(Record, frozen=True):
    name: str
    value: str = ""


class PipelineExecution(Record, frozen=True):
    pipeline_arn: str
    pipeline_execution_arn: str
    pipeline_execution_display_name: str | None = None
    pipeline_execution_status: str | None = None
    pipeline_parameters: Sequence[Parameter] = ()
    creation_time: float | None = None
    last_modified_time: float | None = None


class Experiment(Record, frozen=True):
    experiment_name: str
    experiment_arn: str
    display_name: str | None = None
    tags: Sequence[Tag] = ()
    creation_time: float | None = None
    last_modified_time: float | None = None


class ComponentStatus(Record, frozen=True):
    primary_status: str | None = None


class ComponentParameter(Record, frozen=True):
    string_value: str | None = None
    number_value: float | None = None


class ComponentMetric(Record, frozen=True):
    metric_name: str
    last: float | None = None


class ComponentArtifact(Record, frozen=True):
    value: str = ""


class ComponentSource(Record, frozen=True):
    source_arn: str = ""
    source_type: str | None = None


class Parent(Record, frozen=True):
    experiment_name: str = ""
    trial_name: str = ""


class TrialComponent(Record, frozen=True):
    trial_component_name: str
    trial_component_arn: str
    display_name: str | None = None
    source: ComponentSource | None = None
    status: ComponentStatus | None = None
    parameters: Mapping[str, ComponentParameter] = {}
    metrics: Sequence[ComponentMetric] = ()
    output_artifacts: Mapping[str, ComponentArtifact] = {}
    metadata_properties: Metadata | None = None
    parents: Sequence[Parent] = ()
    tags: Sequence[Tag] = ()
    start_time: float | None = None
    end_time: float | None = None
    creation_time: float | None = None
    last_modified_time: float | None = None


class PackageContainer(Record, frozen=True):
    image: str | None = None
    image_digest: str | None = None
    model_data_url: str | None = None
    model_data_source: DataSource | None = None


class InferenceSpecification(Record, frozen=True):
    containers: Sequence[PackageContainer] = ()


class Card(Record, frozen=True):
    """`ModelCardContent` is a JSON document in a text."""

    model_card_content: str | None = None
    model_card_status: str | None = None


Reports = Mapping[str, Mapping[str, S3Source | None] | None]
"""`ModelMetrics` and `DriftCheckBaselines`: files by what they are of and which kind of file it is."""


class ModelPackage(Record, frozen=True):
    model_package_arn: str
    model_package_name: str | None = None
    model_package_group_name: str | None = None
    model_package_version: int | None = None
    model_package_status: str | None = None
    model_approval_status: str | None = None
    inference_specification: InferenceSpecification | None = None
    source_uri: str | None = None
    metadata_properties: Metadata | None = None
    model_metrics: Reports | None = None
    drift_check_baselines: Reports | None = None
    model_card: Card | None = None
    customer_metadata_properties: Mapping[str, str] = {}
    tags: Sequence[Tag] = ()
    creation_time: float | None = None
    last_modified_time: float | None = None


class S3Storage(Record, frozen=True):
    s3_uri: str | None = None
    resolved_output_s3_uri: str | None = None


class OfflineStore(Record, frozen=True):
    s3_storage_config: S3Storage | None = None


class FeatureGroup(Record, frozen=True):
    feature_group_name: str
    feature_group_arn: str
    offline_store_config: OfflineStore | None = None
    tags: Sequence[Tag] = ()
    creation_time: float | None = None
    last_modified_time: float | None = None


class EndpointSummary(Record, frozen=True):
    endpoint_name: str
    endpoint_arn: str
    endpoint_status: str
    creation_time: float | None = None
    last_modified_time: float | None = None


class DeployedImage(Record, frozen=True):
    """`ResolvedImage` bears the digest."""

    specified_image: str | None = None
    resolved_image: str | None = None


class RunningVariant(Record, frozen=True):
    """A variant as an endpoint runs it."""

    variant_name: str
    deployed_images: Sequence[DeployedImage] = ()
    current_weight: float | None = None


class DataCapture(Record, frozen=True):
    enable_capture: bool = False
    capture_status: str | None = None


class PendingDeployment(Record, frozen=True):
    """What an endpoint is being changed to."""

    endpoint_config_name: str | None = None


class Endpoint(Record, frozen=True):
    endpoint_name: str
    endpoint_arn: str
    endpoint_status: str
    endpoint_config_name: str | None = None
    production_variants: Sequence[RunningVariant] = ()
    shadow_production_variants: Sequence[RunningVariant] = ()
    pending_deployment_summary: PendingDeployment | None = None
    data_capture_config: DataCapture | None = None
    failure_reason: str | None = None
    creation_time: float | None = None
    last_modified_time: float | None = None


class ConfiguredVariant(Record, frozen=True):
    """A variant as an endpoint's configuration describes it."""

    variant_name: str
    model_name: str | None = None
    instance_type: str | None = None
    initial_variant_weight: float | None = None


class EndpointConfig(Record, frozen=True):
    endpoint_config_name: str
    production_variants: Sequence[ConfiguredVariant] = ()
    shadow_production_variants: Sequence[ConfiguredVariant] = ()
    creation_time: float | None = None


class Container(Record, frozen=True):
    image: str | None = None
    model_data_url: str | None = None
    model_data_source: DataSource | None = None
    model_package_name: str | None = None


class Model(Record, frozen=True):
    model_name: str
    model_arn: str
    primary_container: Container | None = None
    containers: Sequence[Container] = ()
    creation_time: float | None = None
