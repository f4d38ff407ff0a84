"""AWS's stand-in on a free loopback port, in a thread of this process, and what people and machines do there."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

import boto3  # type: ignore[import-untyped]  # boto3 ships no types
import msgspec
from botocore.config import Config  # type: ignore[import-untyped]  # botocore ships no types
from moto.core.utils import utcnow
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from moto.sagemaker.models import sagemaker_backends
from werkzeug.serving import BaseWSGIServer, make_server

from sandbox.sagemaker.front import Front

ACCOUNT = "123456789012"
"""Whose everything is that is done with the credentials of `environment`."""


class AwsServer:
    """Use as a context manager. `url` is the address of every service. moto's state belongs to the process: two servers share it,
    so use a region of your own."""

    def __init__(self) -> None:
        self._front = Front(DomainDispatcherApplication(create_backend_app))
        self._server: BaseWSGIServer = make_server("127.0.0.1", 0, self._front, threaded=True, request_handler=_Quiet)
        host, port = self._server.server_address[:2]
        self.url = f"http://{host!s}:{port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def stop(self) -> None:
        """Ends the server. Harmless to repeat, or when it was never started."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()

    def region(self, name: str, account: str = ACCOUNT) -> AwsRegion:
        return AwsRegion(self.url, self._front, account, name)


class _Quiet(MotoRequestHandler):
    def log_request(self, *_args: Any, **_more: Any) -> None:
        """Nothing: the tests and the demo have their own output."""


class AwsRegion:
    """What happens in one account and region. What AWS's users do goes through boto3; what AWS itself does is done here."""

    def __init__(self, url: str, front: Front, account: str, name: str) -> None:
        self.url = url
        self.account = account
        self.name = name
        self._front = front
        self._monitoring = front.monitoring(account, name)
        self._backend = sagemaker_backends[account][name]

    def client(self, service: str) -> Any:
        """A boto3 client of the region's owner. Close it."""
        return boto3.client(
            service,
            region_name=self.name,
            endpoint_url=self.url,
            aws_access_key_id="testing-key-id",
            aws_secret_access_key="testing-not-a-secret",  # noqa: S106 - the stand-in lets in whoever comes
            config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}, proxies={}),
        )

    def turn(self, endpoint: str, status: str, reason: str | None = None) -> None:
        """The endpoint comes into this state, such as `Failed`, `Updating` or `RollingBack`."""
        found = self._backend.endpoints[endpoint]
        found.endpoint_status = status
        found.failure_reason = reason  # type: ignore[assignment]  # moto has None there at first
        found.last_modified_time = utcnow()

    def end_training(self, job: str, metrics: Mapping[str, float], *, at: datetime | None = None) -> None:
        """A training job has ended: AWS read these metrics from its log. `at` is when, if not just now."""
        found = self._backend.training_jobs[job]
        moment = found.creation_time if at is None else _as_moto_has_it(at)
        found.creation_time = found.training_start_time = found.training_end_time = found.last_modified_time = moment
        found.final_metric_data_list = [
            {"MetricName": name, "Value": value, "Timestamp": moment} for name, value in sorted(metrics.items())
        ]

    def date_package(self, arn: str, at: datetime) -> None:
        """The model package was registered then, and not just now."""
        self._backend.model_packages[arn].creation_time = _as_moto_has_it(at)

    def refuse(self) -> None:
        """SageMaker's operations are allowed to nobody from now on, as when the policy of a role was narrowed."""
        self._front.refused.add((self.account, self.name))

    def admit(self) -> None:
        """They are allowed again."""
        self._front.refused.discard((self.account, self.name))

    def run_monitor(
        self,
        schedule: str,
        status: str = "Completed",
        violations: list[dict[str, str]] | None = None,
        *,
        at: float | None = None,
        bucket: str = "monitoring",
    ) -> None:
        """The schedule's monitor has run. `violations` are written to a report in the bucket, as Model Monitor does."""
        described = self._monitoring.schedules[schedule]
        scheduled = time.time() if at is None else at
        job = f"{schedule}-{round(scheduled * 1000)}"
        folder = f"s3://{bucket}/{schedule}/{job}"
        with_report = violations is not None
        with closing(self.client("sagemaker")) as sagemaker:
            created = sagemaker.create_processing_job(
                ProcessingJobName=job,
                ProcessingResources={"ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 20}},
                AppSpecification={"ImageUri": "example/model-monitor"},
                RoleArn=f"arn:aws:iam::{self.account}:role/monitor",
                ProcessingOutputConfig={
                    "Outputs": [
                        {
                            "OutputName": "result",
                            "S3Output": {"S3Uri": folder, "LocalPath": "/opt/output", "S3UploadMode": "Continuous"},
                        }
                    ]
                },
            )
        if with_report:
            self.put(bucket, f"{schedule}/{job}/constraint_violations.json", msgspec.json.encode({"violations": violations}))
        self._monitoring.executions.append(
            {
                "MonitoringScheduleName": schedule,
                "ScheduledTime": scheduled,
                "CreationTime": scheduled,
                "LastModifiedTime": scheduled,
                "MonitoringExecutionStatus": status,
                "ProcessingJobArn": created["ProcessingJobArn"],
                "MonitoringType": described["MonitoringType"],
                **({"EndpointName": described["EndpointName"]} if "EndpointName" in described else {}),
            }
        )

    def alert(self, schedule: str, status: str, *, name: str = "default", at: float | None = None) -> None:
        """The schedule's alert changes to `InAlert` or `OK`. `at` a time that lies back, the schedule was there by then."""
        changed = time.time() if at is None else at
        described = self._monitoring.schedules[schedule]
        described["CreationTime"] = min(described["CreationTime"], changed)
        self._monitoring.alert_history.append(
            {
                "MonitoringScheduleName": schedule,
                "MonitoringAlertName": name,
                "CreationTime": changed,
                "AlertStatus": status,
            }
        )

    def forget_execution(self, schedule: str, scheduled: int) -> bool:
        """AWS drops an old execution. `scheduled` in milliseconds."""
        return _drop(self._monitoring.executions, schedule, "ScheduledTime", scheduled)

    def forget_alert(self, schedule: str, changed: int) -> bool:
        """AWS drops an old change of an alert. `changed` in milliseconds."""
        return _drop(self._monitoring.alert_history, schedule, "CreationTime", changed)

    def put(self, bucket: str, key: str, content: bytes) -> None:
        """Writes an object, in a bucket that is made when it is not there."""
        with closing(self.client("s3")) as s3:
            if bucket not in {one["Name"] for one in s3.list_buckets()["Buckets"]}:
                s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": self.name})
            s3.put_object(Bucket=bucket, Key=key, Body=content)


def _as_moto_has_it(moment: datetime) -> datetime:
    """UTC, and silent about it."""
    return moment.astimezone(UTC).replace(tzinfo=None)


def _drop(objects: list[dict[str, Any]], schedule: str, field: str, milliseconds: int) -> bool:
    kept = [one for one in objects if one["MonitoringScheduleName"] != schedule or round(one[field] * 1000) != milliseconds]
    dropped = len(kept) < len(objects)
    objects[:] = kept
    return dropped
