"""Direct reads of one object, and what an object's id alone tells of a scope."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from connectors.errors import Unavailable
from connectors.globs import matches
from connectors.sagemaker.api import AwsApi
from connectors.sagemaker.describing import Describer
from connectors.sagemaker.metrics import HISTORY
from connectors.sagemaker.monitoring import Monitors
from connectors.sagemaker.options import SageMakerScope
from connectors.sagemaker.streams import EXPERIMENTS, FEATURE_GROUPS, PACKAGES, PIPELINES, TRAINING_JOBS, TRIALS, Searched
from mappings import sagemaker_records as records
from mappings.model import Entity, Missing, Ref
from mappings.sagemaker import Records, Site, each
from mappings.sagemaker_runs import processing_job, transform_job

_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,255})"
_ACCOUNT = re.compile(r"arn:([\w-]+):\w+::(\d{12}):.+", re.ASCII)
_EVERYTHING = ("*",)


class _Kind(msgspec.Struct, frozen=True, kw_only=True):
    """How one kind of id is looked at. `resource` is what its ARN has before it. `describe` and `parameter` prove that it is gone;
    `by_arn`: the parameter takes the ARN."""

    kind: str
    pattern: str
    describe: str
    parameter: str
    resource: str = ""
    by_arn: bool = False
    searched: Searched | None = None
    scope: str | None = None
    """The part of the scope that its name is held against."""


_KINDS: Sequence[_Kind] = (
    _Kind(
        kind="model_version",
        resource="model-package/",
        pattern=rf"({_NAME})(?:/\d{{1,9}})?",
        describe="sagemaker:DescribeModelPackage",
        parameter="ModelPackageName",
        by_arn=True,
        searched=PACKAGES,
        scope="model_package_groups",
    ),
    _Kind(
        kind="run",
        resource="training-job/",
        pattern=rf"({_NAME})",
        describe="sagemaker:DescribeTrainingJob",
        parameter="TrainingJobName",
        searched=TRAINING_JOBS,
        scope="training_jobs",
    ),
    _Kind(
        kind="run",
        pattern=rf"processing-job:({_NAME})",
        describe="sagemaker:DescribeProcessingJob",
        parameter="ProcessingJobName",
        scope="processing_jobs",
    ),
    _Kind(
        kind="run",
        pattern=rf"transform-job:({_NAME})",
        describe="sagemaker:DescribeTransformJob",
        parameter="TransformJobName",
        scope="transform_jobs",
    ),
    _Kind(
        kind="run",
        pattern=rf"pipeline:({_NAME}):execution:[A-Za-z0-9]{{1,64}}",
        describe="sagemaker:DescribePipelineExecution",
        parameter="PipelineExecutionArn",
        by_arn=True,
        searched=PIPELINES,
        scope="pipelines",
    ),
    # Which experiment a trial component belongs to, its id does not tell.
    _Kind(
        kind="run",
        pattern=rf"experiment-trial-component:({_NAME})",
        describe="sagemaker:DescribeTrialComponent",
        parameter="TrialComponentName",
        searched=TRIALS,
    ),
    _Kind(
        kind="experiment",
        resource="experiment/",
        pattern=rf"({_NAME})",
        describe="sagemaker:DescribeExperiment",
        parameter="ExperimentName",
        searched=EXPERIMENTS,
        scope="experiments",
    ),
    _Kind(
        kind="dataset",
        resource="feature-group/",
        pattern=rf"({_NAME})",
        describe="sagemaker:DescribeFeatureGroup",
        parameter="FeatureGroupName",
        by_arn=True,
        searched=FEATURE_GROUPS,
        scope="feature_groups",
    ),
    _Kind(
        kind="deployment",
        resource="endpoint/",
        pattern=rf"({_NAME})",
        describe="sagemaker:DescribeEndpoint",
        parameter="EndpointName",
        scope="endpoints",
    ),
)
_EXECUTION = re.compile(rf"monitoring-execution/({_NAME})/(\d{{1,14}})/\w{{1,20}}", re.ASCII)
_ALERT = re.compile(rf"monitoring-alert/({_NAME})/({_NAME})/(\d{{1,14}})", re.ASCII)
_METRIC = re.compile(r"metric/[^/]+/[^/]+/[^/]+/(\d{1,11})", re.ASCII)


def is_outside(ref: Ref, scope: SageMakerScope) -> bool:
    """ARNs bear the names of packages and feature groups in lower case."""
    found = _kind_of(ref)
    if found is None or found[0].scope is None:
        return False
    kind, name = found
    globs: Sequence[str] = getattr(scope, kind.scope or "")
    return not matches(name, globs) and not matches(name.lower(), [glob.lower() for glob in globs])


class SingleReader:
    """Reads objects by their refs. What SageMaker says does not exist is `Missing`: what one may not see, it refuses instead."""

    def __init__(self, api: AwsApi, site: Site) -> None:
        self._api = api
        self._site = site
        self._prefix: str | None = None

    def read(self, ref: Ref) -> Sequence[Entity | Missing]:
        if ref.kind == "observation":
            return self._observation(ref)
        found = _kind_of(ref)
        if found is None:
            return []
        kind, name = found
        if kind.kind == "deployment":
            described = Describer(self._api, self._site).describe(name)
            return [Missing(ref=ref)] if described is None else _only(ref, described)
        if kind.searched is not None:
            listed = self._searched(kind.searched, ref, self._arn(kind, ref))
            if listed:
                return listed
        raw = self._description(kind, name, ref)
        if raw is None:
            return [Missing(ref=ref)]
        return _only(ref, self._job(kind, raw))

    def require_description(self, ref: Ref) -> None:
        """Raises what keeps the object from being described: then nothing of its kind is ever known to be gone."""
        found = _kind_of(ref)
        if found is not None:
            self._description(*found, ref)

    def _description(self, kind: _Kind, name: str, ref: Ref) -> msgspec.Raw | None:
        return self._api.described(kind.describe, **{kind.parameter: self._arn(kind, ref) if kind.by_arn else name})

    def _searched(self, searched: Searched, ref: Ref, arn: str) -> Sequence[Entity | Missing]:
        expression = {"Filters": [{"Name": searched.arn, "Operator": "Equals", "Value": arn}]}
        page = self._api.page("sagemaker:Search", "Results", Resource=searched.resource, SearchExpression=expression, MaxResults=1)
        return _only(ref, searched.records(self._site, page.records, _EVERYTHING))

    def _job(self, kind: _Kind, raw: msgspec.Raw) -> Records:
        """Of the others a description lacks the tags: that they are there is all that it tells."""
        match kind.parameter:
            case "ProcessingJobName":
                return each([raw], "run", records.ProcessingJob, lambda job: processing_job(self._site, job))
            case "TransformJobName":
                return each([raw], "run", records.TransformJob, lambda job: transform_job(self._site, job))
            case _:
                return Records()

    def _observation(self, ref: Ref) -> Sequence[Entity | Missing]:
        monitors = Monitors(self._api, self._site, _EVERYTHING)
        if match := _EXECUTION.fullmatch(ref.id):
            asked = {"MonitoringScheduleName": match[1], **_around("ScheduledTime", int(match[2]))}
            action, field = "sagemaker:ListMonitoringExecutions", "MonitoringExecutionSummaries"
            return self._listed(ref, action, field, asked, monitors.executions)
        if match := _ALERT.fullmatch(ref.id):
            asked = {"MonitoringScheduleName": match[1], "MonitoringAlertName": match[2], **_around("CreationTime", int(match[3]))}
            action, field = "sagemaker:ListMonitoringAlertHistory", "MonitoringAlertHistory"
            return self._listed(ref, action, field, asked, monitors.alerts)
        if match := _METRIC.fullmatch(ref.id):
            # What is too old to be read again is no part of the stream any more.
            return [Missing(ref=ref)] if int(match[1]) < time.time() - HISTORY else []
        return []

    def _listed(
        self,
        ref: Ref,
        action: str,
        field: str,
        asked: Mapping[str, Any],
        translate: Callable[[Sequence[msgspec.Raw]], Records],
    ) -> Sequence[Entity | Missing]:
        """Missing where a whole listing does not have it. What was listed and makes no sense is there all the same."""
        found: list[Entity | Missing] = []
        there = False
        for page in self._api.pages(action, field, MaxResults=100, **asked):
            there = there or bool(page.records)
            found += _only(ref, translate(page.records))
        return found or ([] if there else [Missing(ref=ref)])

    def _arn(self, kind: _Kind, ref: Ref) -> str:
        if self._prefix is None:
            match = _ACCOUNT.fullmatch(self._api.caller())
            if match is None:
                # Under another account's ARN everything would look as if it were gone.
                what = "sts:GetCallerIdentity (POST /) does not tell the account"
                raise Unavailable(self._site.source, what, fix="check endpoint_url, and what stands in front of AWS")
            self._prefix = f"arn:{match[1]}:sagemaker:{self._site.region}:{match[2]}:"
        return f"{self._prefix}{kind.resource}{ref.id}" if kind.resource else self._prefix + ref.id.replace(":", "/")


def _kind_of(ref: Ref) -> tuple[_Kind, str] | None:
    """What the id is of, and the name in it."""
    for kind in _KINDS:
        if kind.kind == ref.kind and (match := re.fullmatch(kind.pattern, ref.id, re.ASCII)):
            return kind, match[1]
    return None


def _around(field: str, milliseconds: int) -> Mapping[str, datetime]:
    seconds = milliseconds // 1000
    return {
        f"{field}After": datetime.fromtimestamp(max(0, seconds - 1), UTC),
        f"{field}Before": datetime.fromtimestamp(seconds + 2, UTC),
    }


def _only(ref: Ref, found: Records) -> list[Entity | Missing]:
    return [entity for entity in found.entities if entity.ref == ref]
