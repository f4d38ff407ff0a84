"""The shapes of what watches endpoints: SageMaker's monitors with the reports that they write, and CloudWatch's metrics.

Names and meaning: botocore's models of both services, and Model Monitor's `constraint_violations.json`. Decode as
`sagemaker_records`.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from mappings.sagemaker_records import Record


class MonitoringSchedule(Record, frozen=True):
    monitoring_schedule_name: str
    endpoint_name: str | None = None
    monitoring_type: str | None = None


class MonitoringExecution(Record, frozen=True):
    monitoring_schedule_name: str
    scheduled_time: float
    monitoring_execution_status: str
    creation_time: float | None = None
    last_modified_time: float | None = None
    processing_job_arn: str | None = None
    endpoint_name: str | None = None
    monitoring_type: str | None = None
    failure_reason: str | None = None


class AlertChange(Record, frozen=True):
    monitoring_schedule_name: str
    monitoring_alert_name: str
    creation_time: float
    alert_status: str


class Violation(msgspec.Struct, gc=False, frozen=True):
    """One entry of `constraint_violations.json`. Those of data name a feature, the others a metric, with the facet or label that it
    is of."""

    feature_name: str | None = None
    facet: str | None = None
    label: str | None = None
    metric_name: str | None = None
    constraint_check_type: str | None = None
    description: str | None = None


class ViolationsReport(msgspec.Struct, gc=False, frozen=True):
    violations: Sequence[Violation]


class MetricData(Record, frozen=True):
    """One series of `GetMetricData`: the newest first or last, as it was asked for."""

    id: str
    timestamps: Sequence[float] = ()
    values: Sequence[float] = ()


class Dimension(Record, frozen=True):
    name: str
    value: str


class Metric(Record, frozen=True):
    metric_name: str
    dimensions: Sequence[Dimension] = ()
