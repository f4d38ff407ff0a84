"""Executions of monitors with their violations reports, and the alerts that they raise."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from connectors.globs import matches
from connectors.sagemaker.api import AwsApi
from connectors.sagemaker.feeds import ListFeed
from mappings import sagemaker_monitoring_records as records
from mappings.decoding import decode_as, decoder_for
from mappings.model import Observation
from mappings.sagemaker import Records, Site, each, resource_of
from mappings.sagemaker_monitoring import alert, execution
from mappings.sagemaker_records import Record

REPORT = "constraint_violations.json"

SCHEDULES = ("sagemaker:ListMonitoringSchedules", "MonitoringScheduleSummaries")
"""The action that lists them, and the field that holds them."""

EXECUTIONS = ListFeed(
    action="sagemaker:ListMonitoringExecutions",
    field="MonitoringExecutionSummaries",
    name=("MonitoringScheduleName", "ScheduledTime"),
)
ALERTS = ListFeed(
    action="sagemaker:ListMonitoringAlertHistory",
    field="MonitoringAlertHistory",
    name=("MonitoringScheduleName", "MonitoringAlertName", "CreationTime"),
    by_change="CreationTimeAfter",
)

_S3_FOLDER = re.compile(r"s3://[^/\s]+/\S+")


class _S3Output(Record, frozen=True):
    s3_uri: str | None = None


class _Output(Record, frozen=True):
    s3_output: _S3Output | None = None


class _OutputConfig(Record, frozen=True):
    outputs: Sequence[_Output] = ()


class _Job(Record, frozen=True):
    """What `DescribeProcessingJob` says of where a monitor wrote."""

    processing_output_config: _OutputConfig | None = None


class _Schedule(records.MonitoringSchedule, frozen=True):
    creation_time: float | None = None

    def can_have_raised(self, change: records.AlertChange) -> bool:
        """Not one that is older: an earlier schedule of the same name raised it, which may have watched another endpoint."""
        return change.creation_time >= (self.creation_time or 0)


class Monitors:
    """Translates what monitors say of the endpoints of a scope."""

    def __init__(self, api: AwsApi, site: Site, endpoints: Sequence[str]) -> None:
        self._api = api
        self._site = site
        self._endpoints = endpoints
        self._schedules: dict[str, _Schedule] | None = None

    def executions(self, raw: Sequence[msgspec.Raw]) -> Records:
        return each(raw, "observation", records.MonitoringExecution, self._execution)

    def alerts(self, raw: Sequence[msgspec.Raw]) -> Records:
        return each(raw, "observation", records.AlertChange, self._alert)

    def _execution(self, done: records.MonitoringExecution) -> Iterable[Observation]:
        if not self._is_ours(done.endpoint_name):
            return ()
        return execution(self._site, done, self._violations(done))

    def _alert(self, change: records.AlertChange) -> Iterable[Observation]:
        schedule = self._known_schedules().get(change.monitoring_schedule_name)
        if schedule is None or not schedule.can_have_raised(change) or not self._is_ours(schedule.endpoint_name):
            return ()
        return alert(self._site, change, schedule)

    def _is_ours(self, endpoint: str | None) -> bool:
        return endpoint is not None and matches(endpoint, self._endpoints)

    def _violations(self, done: records.MonitoringExecution) -> Sequence[records.Violation] | None:
        """Those that the report names; None where there is no report that can be read."""
        if done.monitoring_execution_status != "CompletedWithViolations" or not done.processing_job_arn:
            return None
        name = resource_of(done.processing_job_arn).rpartition("/")[2]
        job = self._api.record("sagemaker:DescribeProcessingJob", _Job, ProcessingJobName=name)
        outputs = job.processing_output_config.outputs if job and job.processing_output_config else ()
        for output in outputs:
            folder = output.s3_output.s3_uri if output.s3_output else None
            if folder is None or not _S3_FOLDER.fullmatch(folder):
                continue
            found = self._report(f"{folder.rstrip('/')}/{REPORT}")
            if found is not None:
                return found
        return None

    def _report(self, address: str) -> Sequence[records.Violation] | None:
        content = self._api.file(address)
        if content is None:
            return None
        try:
            return decode_as(content, records.ViolationsReport).violations
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            # A container of somebody's own may write what it likes.
            return None

    def _known_schedules(self) -> dict[str, _Schedule]:
        """Listed when the first alert asks for one: an alert names its schedule, and not the endpoint."""
        if self._schedules is None:
            self._schedules = {}
            decoder = decoder_for(_Schedule, strict=False)
            for page in self._api.pages(*SCHEDULES, **_BY_NAME):
                for one in page.records:
                    schedule = _decoded(decoder, one)
                    if schedule is not None:
                        self._schedules[schedule.monitoring_schedule_name] = schedule
        return self._schedules


_BY_NAME: dict[str, Any] = {"SortBy": "Name", "SortOrder": "Ascending", "MaxResults": 100}


def _decoded(decoder: msgspec.json.Decoder[_Schedule], raw: msgspec.Raw) -> _Schedule | None:
    """What makes no sense is no schedule; its alerts are left out."""
    try:
        return decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
