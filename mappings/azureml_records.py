"""The shapes of Azure Machine Learning's resources, as Azure Resource Manager answers for API version 2024-10-01.

Everything that an answer may leave out or give as null is optional; values of other types than these make no sense. Decode them
with `strict=False`: some services write numbers as strings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias

import msgspec

Scalar: TypeAlias = str | int | float | bool | None
Texts: TypeAlias = Mapping[str, Scalar] | None


class _Record(msgspec.Struct, gc=False, frozen=True, rename="camel"):
    pass


class SystemData(_Record, frozen=True):
    created_at: datetime | None = None
    last_modified_at: datetime | None = None


class _Resource(_Record, frozen=True):
    """A version's `name` is the version."""

    name: str
    system_data: SystemData | None = None


class ContainerRecord(_Resource, frozen=True):
    """A model or data asset without its versions."""


class ModelReference(_Record, frozen=True):
    """What a batch deployment says of its model. `reference_type`: Id (`asset_id`), DataPath (`path`), OutputPath (`job_id`)."""

    reference_type: str | None = None
    asset_id: str | None = None
    path: str | None = None
    job_id: str | None = None


class BatchDefaults(_Record, frozen=True):
    deployment_name: str | None = None


class EndpointProperties(_Record, frozen=True):
    """Of an online endpoint, `traffic` and `mirror_traffic` are percents by deployment; a batch endpoint has `defaults`."""

    provisioning_state: str | None = None
    traffic: Mapping[str, float] | None = None
    mirror_traffic: Mapping[str, float] | None = None
    defaults: BatchDefaults | None = None


class EndpointRecord(_Resource, frozen=True, kw_only=True):
    tags: Texts = None
    properties: EndpointProperties


class DataCollection(_Record, frozen=True):
    data_collection_mode: str | None = None


class DataCollector(_Record, frozen=True):
    collections: Mapping[str, DataCollection] | None = None


class DeploymentResources(_Record, frozen=True):
    instance_type: str | None = None


class DeploymentProperties(_Record, frozen=True):
    """An online deployment names its model and instance type itself, a batch deployment refers to the one and has `resources`."""

    provisioning_state: str | None = None
    model: str | ModelReference | None = None
    instance_type: str | None = None
    resources: DeploymentResources | None = None
    data_collector: DataCollector | None = None


class DeploymentRecord(_Resource, frozen=True, kw_only=True):
    tags: Texts = None
    properties: DeploymentProperties


class ModelVersionProperties(_Record, frozen=True):
    model_uri: str | None = None
    model_type: str | None = None
    job_name: str | None = None
    stage: str | None = None
    flavors: Mapping[str, Any] | None = None
    tags: Texts = None
    properties: Texts = None
    is_archived: bool | None = None
    provisioning_state: str | None = None


class ModelVersionRecord(_Resource, frozen=True, kw_only=True):
    properties: ModelVersionProperties


class DataVersionProperties(_Record, frozen=True):
    data_type: str | None = None
    data_uri: str | None = None
    tags: Texts = None
    properties: Texts = None
    is_archived: bool | None = None


class DataVersionRecord(_Resource, frozen=True, kw_only=True):
    properties: DataVersionProperties


class JobInput(_Record, frozen=True):
    """`job_input_type` is `literal` (with `value`) or says what kind of data `uri` is."""

    job_input_type: str | None = None
    value: Scalar = None
    uri: str | None = None


class JobOutput(_Record, frozen=True):
    uri: str | None = None


class JobService(_Record, frozen=True):
    endpoint: str | None = None


class JobProperties(_Record, frozen=True):
    job_type: str | None = None
    display_name: str | None = None
    experiment_name: str | None = None
    status: str | None = None
    inputs: Mapping[str, JobInput | None] | None = None
    outputs: Mapping[str, JobOutput | None] | None = None
    services: Mapping[str, JobService | None] | None = None
    tags: Texts = None
    properties: Texts = None


class JobRecord(_Resource, frozen=True, kw_only=True):
    properties: JobProperties


class Threshold(_Record, frozen=True):
    value: float | None = None


class MetricThreshold(_Record, frozen=True):
    metric: str | None = None
    threshold: Threshold | None = None


class Signal(_Record, frozen=True):
    """One of a monitor's signals; a feature attribution signal has one threshold, the others several."""

    signal_type: str | None = None
    metric_thresholds: Sequence[MetricThreshold] | None = None
    metric_threshold: MetricThreshold | None = None


class MonitoringTarget(_Record, frozen=True):
    deployment_id: str | None = None
    model_id: str | None = None
    task_type: str | None = None


class MonitorDefinition(_Record, frozen=True):
    monitoring_target: MonitoringTarget | None = None
    signals: Mapping[str, Signal] | None = None


class ScheduleAction(_Record, frozen=True):
    action_type: str | None = None
    monitor_definition: MonitorDefinition | None = None


class ScheduleProperties(_Record, frozen=True):
    action: ScheduleAction | None = None
    is_enabled: bool | None = None
    tags: Texts = None


class ScheduleRecord(_Resource, frozen=True, kw_only=True):
    properties: ScheduleProperties
