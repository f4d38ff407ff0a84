"""SageMaker's events as EventBridge delivers them: what of them is kept, and what they name.

What changed is named by its ARN among the resources. An event's details are a copy of the object, such as of a job with its
environment, where passwords stand; none of that is kept, since the object is read again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

import msgspec

from mappings.decoding import decoder_for
from mappings.model import Ref
from mappings.sagemaker import Site, account_of, resource_of

SOURCE = "aws.sagemaker"
MONITORING_SCHEDULE = "monitoring_schedule"
"""The kind of a mention that asks for what monitors found: an event names the schedule, and not its execution."""

Id = Annotated[str, msgspec.Meta(pattern=r"\A[!-~]{1,200}\Z")]


class Detail(msgspec.Struct, frozen=True, rename="pascal", omit_defaults=True):
    """As much of an event's details as is not among the resources. A job that a monitor started names the monitor's schedule."""

    endpoint_name: str | None = None
    monitoring_schedule_arn: str | None = None


class Event(msgspec.Struct, frozen=True, rename={"detail_type": "detail-type"}):
    """As much of an event as is kept."""

    id: Id
    detail_type: str
    source: str
    account: str
    region: str
    resources: Sequence[str] = ()
    detail: Detail = Detail()


class Named(msgspec.Struct, frozen=True):
    """Something that an event names. `endpoint` is what a monitor watches, where the event tells."""

    ref: Ref
    endpoint: str | None = None


class _Type(msgspec.Struct, frozen=True):
    """What one type of event is called here, what the ARN of that which changed begins with, and the kind of entity that it is."""

    event: str
    resource: str
    kind: str


_TYPES: Mapping[str, _Type] = {
    "SageMaker Endpoint State Change": _Type("endpoint.state_change", "endpoint", "deployment"),
    "SageMaker Endpoint Deployment State Change": _Type("endpoint.deployment_state_change", "endpoint", "deployment"),
    "SageMaker Model Package State Change": _Type("model_package.state_change", "model-package", "model_version"),
    "SageMaker Training Job State Change": _Type("training_job.state_change", "training-job", "run"),
    "SageMaker Processing Job State Change": _Type("processing_job.state_change", "processing-job", "run"),
    "SageMaker Transform Job State Change": _Type("transform_job.state_change", "transform-job", "run"),
    "SageMaker Model Building Pipeline Execution Status Change": _Type("pipeline_execution.status_change", "pipeline", "run"),
    "SageMaker Feature Group State Change": _Type("feature_group.state_change", "feature-group", "dataset"),
    "SageMaker Monitoring Schedule State Change": _Type(
        "monitoring_schedule.state_change", "monitoring-schedule", MONITORING_SCHEDULE
    ),
}
OTHER = "other"

event_decoder = decoder_for(Event)


def event_name(event: Event) -> str:
    """One of few, whatever the event says of its type."""
    known = _TYPES.get(event.detail_type)
    return known.event if known is not None else OTHER


def named(site: Site, account: str | None, event: Event) -> Sequence[Named]:
    """What of this account and region the event names; nothing for a type that changes no fact. `account` is None where it is not
    known. Raises `ValueError` for an event that names nothing of SageMaker's at all."""
    known = _TYPES.get(event.detail_type)
    if known is None or event.region != site.region or account not in (None, event.account):
        return []
    arns = [arn for arn in event.resources if account_of(arn)]
    if not arns:
        raise ValueError("nothing of SageMaker's among its resources")
    ours = [arn for arn in arns if _is_ours(site, account, arn) and _is_of(known, resource_of(arn))]
    found = [_monitor(site, arn, event) if known.kind == MONITORING_SCHEDULE else Named(site.ref(known.kind, arn)) for arn in ours]
    schedule = event.detail.monitoring_schedule_arn
    if schedule and _is_ours(site, account, schedule):
        found.append(_monitor(site, schedule, event))
    return list(dict.fromkeys(found))


def _is_ours(site: Site, account: str | None, arn: str) -> bool:
    _, _, _, region, whose = (account_of(arn) or "::::").split(":")
    return region == site.region and account in (None, whose)


def _is_of(known: _Type, resource: str) -> bool:
    """Beside an execution of a pipeline stands the pipeline."""
    return resource.startswith(f"{known.resource}/") and (known.resource != "pipeline" or "/execution/" in resource)


def _monitor(site: Site, arn: str, event: Event) -> Named:
    return Named(Ref(site.source, MONITORING_SCHEDULE, resource_of(arn).partition("/")[2]), event.detail.endpoint_name)
