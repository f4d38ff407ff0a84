"""Direct reads of one object."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from connectors.errors import Unavailable
from connectors.sagemaker.api import AwsApi
from connectors.sagemaker.describing import Describer
from connectors.sagemaker.feeds import ListFeed
from connectors.sagemaker.identity import NAME, Identity, identify
from connectors.sagemaker.kinds import (
    EXPERIMENTS,
    FEATURE_GROUPS,
    PACKAGES,
    PIPELINES,
    PROCESSING_JOBS,
    TRAINING_JOBS,
    TRANSFORM_JOBS,
    TRIALS,
    Listed,
    Searched,
)
from connectors.sagemaker.metrics import HISTORY
from connectors.sagemaker.monitoring import ALERTS, EXECUTIONS, Monitors
from mappings.model import Entity, Missing, Ref
from mappings.sagemaker import Records, Site

_ACCOUNT = re.compile(r"arn:([\w-]+):\w+::(\d{12}):.+", re.ASCII)
_EVERYTHING = ("*",)

_SEARCHED: Mapping[str, Searched] = {
    "ModelPackageName": PACKAGES,
    "TrainingJobName": TRAINING_JOBS,
    "PipelineExecutionArn": PIPELINES,
    "TrialComponentName": TRIALS,
    "ExperimentName": EXPERIMENTS,
    "FeatureGroupName": FEATURE_GROUPS,
}
"""What `Search` gives whole, by the parameter that names it. The others are described."""

_LISTED: Mapping[str, Listed] = {"ProcessingJobName": PROCESSING_JOBS, "TransformJobName": TRANSFORM_JOBS}
"""What a description tells as much of as a listing does, by the parameter that names it."""

_EXECUTION = re.compile(rf"monitoring-execution/({NAME})/(\d{{1,14}})/\w{{1,20}}", re.ASCII)
_ALERT = re.compile(rf"monitoring-alert/({NAME})/({NAME})/(\d{{1,14}})", re.ASCII)
_METRIC = re.compile(r"metric/[^/]+/[^/]+/[^/]+/(\d{1,11})", re.ASCII)


class SingleReader:
    """Reads objects by their refs. What SageMaker says does not exist is `Missing`: what one may not see, it refuses instead."""

    def __init__(self, api: AwsApi, site: Site) -> None:
        self._api = api
        self._site = site
        self._prefix: str | None = None

    def read(self, ref: Ref) -> Sequence[Entity | Missing]:
        if ref.kind == "observation":
            return self._observation(ref)
        found = identify(ref)
        if found is None:
            return []
        kind, name = found
        if kind.kind == "deployment":
            described = Describer(self._api, self._site).describe(name)
            return [Missing(ref=ref)] if described is None else _only(ref, described)
        searched = _SEARCHED.get(kind.parameter)
        if searched is not None:
            answered = self._searched(searched, ref, self._arn(kind, ref))
            if answered:
                return answered
        raw = self._description(kind, name, ref)
        if raw is None:
            return [Missing(ref=ref)]
        listed = _LISTED.get(kind.parameter)
        # Of the others a description lacks the tags: that they are there is all that it tells.
        return _only(ref, listed.records(self._site, [raw], _EVERYTHING)) if listed is not None else []

    def require_description(self, ref: Ref) -> None:
        """Raises what keeps the object from being described: then nothing of its kind is ever known to be gone."""
        found = identify(ref)
        if found is not None:
            self._description(*found, ref)

    def _description(self, kind: Identity, name: str, ref: Ref) -> msgspec.Raw | None:
        return self._api.described(kind.describe, **{kind.parameter: self._arn(kind, ref) if kind.by_arn else name})

    def _searched(self, searched: Searched, ref: Ref, arn: str) -> Sequence[Entity | Missing]:
        expression = {"Filters": [{"Name": searched.arn, "Operator": "Equals", "Value": arn}]}
        page = self._api.page("sagemaker:Search", "Results", Resource=searched.resource, SearchExpression=expression, MaxResults=1)
        return _only(ref, searched.records(self._site, page.records, _EVERYTHING))

    def _observation(self, ref: Ref) -> Sequence[Entity | Missing]:
        monitors = Monitors(self._api, self._site, _EVERYTHING)
        if match := _EXECUTION.fullmatch(ref.id):
            asked = {"MonitoringScheduleName": match[1], **_around("ScheduledTime", int(match[2]))}
            return self._listed(ref, EXECUTIONS, asked, monitors.executions)
        if match := _ALERT.fullmatch(ref.id):
            asked = {"MonitoringScheduleName": match[1], "MonitoringAlertName": match[2], **_around("CreationTime", int(match[3]))}
            return self._listed(ref, ALERTS, asked, monitors.alerts)
        if match := _METRIC.fullmatch(ref.id):
            # What is too old to be read again is no part of the stream any more.
            return [Missing(ref=ref)] if int(match[1]) < time.time() - HISTORY else []
        return []

    def _listed(
        self, ref: Ref, feed: ListFeed, asked: Mapping[str, Any], translate: Callable[[Sequence[msgspec.Raw]], Records]
    ) -> Sequence[Entity | Missing]:
        """Missing where a whole listing does not have it. What was listed and makes no sense is there all the same."""
        found: list[Entity | Missing] = []
        there = False
        for page in self._api.pages(feed.action, feed.field, MaxResults=100, **asked):
            there = there or bool(page.records)
            found += _only(ref, translate(page.records))
        return found or ([] if there else [Missing(ref=ref)])

    def _arn(self, kind: Identity, ref: Ref) -> str:
        if self._prefix is None:
            match = _ACCOUNT.fullmatch(self._api.caller())
            if match is None:
                # Under another account's ARN everything would look as if it were gone.
                what = "sts:GetCallerIdentity (POST /) does not tell the account"
                raise Unavailable(self._site.source, what, fix="check endpoint_url, and what stands in front of AWS")
            self._prefix = f"arn:{match[1]}:sagemaker:{self._site.region}:{match[2]}:"
        return f"{self._prefix}{kind.resource}{ref.id}" if kind.resource else self._prefix + ref.id.replace(":", "/")


def _around(field: str, milliseconds: int) -> Mapping[str, datetime]:
    seconds = milliseconds // 1000
    return {
        f"{field}After": datetime.fromtimestamp(max(0, seconds - 1), UTC),
        f"{field}Before": datetime.fromtimestamp(seconds + 2, UTC),
    }


def _only(ref: Ref, found: Records) -> list[Entity | Missing]:
    return [entity for entity in found.entities if entity.ref == ref]
