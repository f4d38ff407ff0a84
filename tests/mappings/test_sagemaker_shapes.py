"""SageMaker's translation against botocore's model of the service: what the model allows is understood, and what it does not is
set aside record by record."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mappings import sagemaker_monitoring_records as watching
from mappings import sagemaker_records as records
from mappings.model import Entity, decode, encode
from mappings.sagemaker import Site, each
from mappings.sagemaker_endpoints import Behind, endpoint
from mappings.sagemaker_monitoring import alert, execution
from mappings.sagemaker_registry import feature_group, model_package
from mappings.sagemaker_runs import experiment, pipeline_execution, processing_job, training_job, transform_job, trial_component
from sandbox.sagemaker.shapes import service_model
from tests.mappings.damage import damaged

SITE = Site("aws", "eu-west-1")
FEW = settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
ARNS = ("model-package/churn/3", "training-job/churn-7", "endpoint/churn-prod", "pipeline/churn/execution/a1", "experiment/churn")


class _Endpoint(records.Record, frozen=True):
    """All that is read to make one deployment."""

    endpoint: records.Endpoint
    config: records.EndpointConfig
    model: records.Model
    tags: list[records.Tag]


def _deployed(site: Site, found: _Endpoint) -> Iterable[Entity]:
    config, model = found.config, found.model
    names = [one.model_name for one in (*config.production_variants, *config.shadow_production_variants) if one.model_name]
    models = dict.fromkeys(names, model)
    yield endpoint(
        site, found.endpoint, Behind(config=config, models=models, model_tags=dict.fromkeys(names, found.tags), tags=found.tags)
    )


def _alerted(site: Site, change: watching.AlertChange) -> Iterable[Entity]:
    schedule = watching.MonitoringSchedule(monitoring_schedule_name=change.monitoring_schedule_name, endpoint_name="churn-prod")
    return alert(site, change, schedule)


READ: Mapping[str, tuple[type[Any], Any]] = {
    "ModelPackage": (records.ModelPackage, model_package),
    "TrainingJob": (records.TrainingJob, training_job),
    "ProcessingJobSummary": (records.ProcessingJob, processing_job),
    "TransformJobSummary": (records.TransformJob, transform_job),
    "PipelineExecution": (records.PipelineExecution, pipeline_execution),
    "Experiment": (records.Experiment, experiment),
    "TrialComponent": (records.TrialComponent, trial_component),
    "FeatureGroup": (records.FeatureGroup, feature_group),
    "MonitoringExecutionSummary": (watching.MonitoringExecution, lambda site, done: execution(site, done, None)),
    "MonitoringAlertHistorySummary": (watching.AlertChange, _alerted),
    "": (_Endpoint, _deployed),
}
"""What is decoded as what, and translated by what. The one without a name is put together of several answers."""

SILENT = frozenset({"MonitoringExecutionSummary"})
"""Of what is still under way, or watches no endpoint, there is nothing to say yet."""


@cache
def documents_of(name: str) -> st.SearchStrategy[dict[str, Any]]:
    shapes = service_model().shape_for
    if name:
        return _structure(shapes(name), READ[name][0])
    described = {
        "Endpoint": _structure(shapes("DescribeEndpointOutput"), records.Endpoint),
        "Config": _structure(shapes("DescribeEndpointConfigOutput"), records.EndpointConfig),
        "Model": _structure(shapes("DescribeModelOutput"), records.Model),
        "Tags": st.lists(_structure(shapes("Tag"), records.Tag), max_size=2),
    }
    return st.fixed_dictionaries(described)


def _structure(shape: Any, struct: type[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """As much of a structure as is read. What the service always gives, or what a record is nothing without, is there."""
    needed: dict[str, st.SearchStrategy[Any]] = {}
    others: dict[str, st.SearchStrategy[Any]] = {}
    for field in msgspec.structs.fields(struct):
        assert field.encode_name in shape.members, f"{shape.name} has no {field.encode_name}"
        member = _member(shape.members[field.encode_name], field.type, field.encode_name)
        always = field.required or field.encode_name in shape.required_members
        (needed if always else others)[field.encode_name] = member
    return st.fixed_dictionaries(needed, optional=others)


def _member(shape: Any, kind: Any, name: str) -> st.SearchStrategy[Any]:
    match shape.type_name:
        case "structure":
            struct = _within(kind, msgspec.Struct)
            if typing.get_origin(_present(kind)) in (Mapping, typing.get_origin(Mapping[str, str])):
                value = typing.get_args(_present(kind))[1]
                members = {key: _member(inner, value, key) for key, inner in shape.members.items()}
                return st.fixed_dictionaries({}, optional=members)
            return _structure(shape, struct)
        case "list":
            return st.lists(_member(shape.member, kind, name), max_size=2)
        case "map":
            return st.dictionaries(st.text(max_size=6), _member(shape.value, kind, name), max_size=2)
        case "string" if shape.enum:
            return st.sampled_from(shape.enum)
        case "string" if name.endswith("Arn"):
            return st.sampled_from([f"arn:aws:sagemaker:eu-west-1:123456789012:{resource}" for resource in ARNS])
        case "string":
            least, most = shape.metadata.get("min", 0), min(shape.metadata.get("max", 12), 12)
            return st.text(min_size=least, max_size=max(least, most))
        case "timestamp":
            return st.floats(0, 4_000_000_000)
        case "boolean":
            return st.booleans()
        case "integer" | "long":
            return st.integers(max(shape.metadata.get("min", -(2**31)), -(2**31)), 2**31 - 1)
        case _:
            return st.floats(-1e6, 1e6, width=32)


def _present(kind: Any) -> Any:
    """A type without its None."""
    if isinstance(kind, types.UnionType) or typing.get_origin(kind) is typing.Union:
        return next(one for one in typing.get_args(kind) if one is not type(None))
    return kind


def _within(kind: Any, wanted: type[Any]) -> type[Any]:
    """The first type of that sort in another one."""
    if isinstance(kind, type) and issubclass(kind, wanted):
        return kind
    return next((found for one in typing.get_args(kind) if (found := _within(one, wanted)) is not type(None)), type(None))


def translated(name: str, document: Any) -> Any:
    shape, translate = READ[name]
    return each([msgspec.Raw(msgspec.json.encode(document))], "any", shape, lambda record: translate(SITE, record))


@pytest.mark.parametrize("name", READ)
@given(data=st.data())
@FEW
def test_what_the_service_may_say_is_understood(name: str, data: st.DataObject) -> None:
    found = translated(name, data.draw(documents_of(name)))

    assert not found.rejected, found.rejected[0].reason
    assert found.entities or name in SILENT
    for entity in found.entities:
        assert decode(encode(entity)) == entity


@pytest.mark.parametrize("name", READ)
@given(data=st.data())
@FEW
def test_what_it_may_not_say_is_understood_or_set_aside(name: str, data: st.DataObject) -> None:
    found = translated(name, data.draw(damaged(documents_of(name))))

    assert found.entities or found.rejected or name in SILENT
    for one in found.rejected:
        assert one.reason
    for entity in found.entities:
        assert decode(encode(entity)) == entity
