"""Azure ML's translation against the contract of Azure Resource Manager, from which the SDK's own models are generated: what the
contract allows is understood, and what it does not is set aside record by record."""

from __future__ import annotations

import enum
import types
import typing
import warnings
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mappings import azureml_records as records
from mappings.azureml import Records, data_version_records, each, job_records, model_version_records
from mappings.azureml_endpoints import endpoint_records, read_endpoint
from mappings.azureml_monitors import monitor_runs, monitors, observations
from mappings.azureml_names import Site
from mappings.model import decode, encode
from tests.mappings.damage import damaged

SITE = Site(
    source="azure-ml",
    subscription="00000000-1111-2222-3333-444444444444",
    resource_group="ml-example",
    workspace="churn-lab",
    portal="https://ml.azure.com",
)
FEW = settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
NAMES = st.text("abc-12", min_size=1, max_size=8)
MOMENT = st.integers(0, 4_000_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC).isoformat())


class Read(NamedTuple):
    """What the contract calls a resource, and as what it is decoded."""

    resource: str
    struct: type[Any]


READ: Mapping[str, Read] = {
    "job": Read("JobBase", records.JobRecord),
    "model": Read("ModelVersion", records.ModelVersionRecord),
    "data": Read("DataVersionBase", records.DataVersionRecord),
    "online endpoint": Read("OnlineEndpoint", records.EndpointRecord),
    "batch endpoint": Read("BatchEndpoint", records.EndpointRecord),
    "online deployment": Read("OnlineDeployment", records.DeploymentRecord),
    "batch deployment": Read("BatchDeployment", records.DeploymentRecord),
    "schedule": Read("Schedule", records.ScheduleRecord),
}
ELSEWHERE: Mapping[str, frozenset[str]] = {
    "EndpointProperties": frozenset({"traffic", "mirrorTraffic", "defaults"}),
    "DeploymentProperties": frozenset({"instanceType", "resources", "dataCollector"}),
    "JobProperties": frozenset({"inputs", "outputs"}),
    "ModelReference": frozenset({"assetId", "path", "jobId"}),
    "JobInput": frozenset({"value", "uri"}),
    "JobOutput": frozenset({"uri"}),
    "ScheduleAction": frozenset({"monitorDefinition"}),
    "Signal": frozenset({"metricThresholds", "metricThreshold"}),
}
"""Fields that only some of the kinds have which are read by one shape."""


@cache
def contract() -> dict[str, Any]:
    with warnings.catch_warnings():
        # The SDK builds on what other libraries call deprecated.
        warnings.simplefilter("ignore")
        from azure.ai.ml._restclient.arm_ml_service import models
    return {**vars(models._models), **vars(models), "_models": models}


def fields_of(model: Any) -> Mapping[str, Any]:
    """The type of each field by the name that it has on the wire."""
    hints = typing.get_type_hints(model, contract())
    named = model.__new__(model)._attr_to_rest_field  # the names are known once there was an instance
    return {field._rest_name: hints[name] for name, field in named.items()}


def kinds_of(model: type[Any]) -> list[type[Any]]:
    """The concrete kinds of a model that has several, else itself."""
    mapping: Mapping[Any, type[Any]] = model.__dict__.get("__mapping__", {})
    return sorted({kind for one in mapping.values() for kind in kinds_of(one)}, key=lambda kind: kind.__name__) or [model]


@cache
def resources(name: str) -> st.SearchStrategy[dict[str, Any]]:
    return _structure(contract()[READ[name].resource], READ[name].struct)


def _structure(model: type[Any], struct: type[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """As much of any kind of it as is read. What it always has, or what a record is nothing without, is there."""
    kinds = kinds_of(model)
    missing = {field.encode_name for field in msgspec.structs.fields(struct)}.difference(*[fields_of(kind) for kind in kinds])
    assert not missing - ELSEWHERE.get(struct.__name__, frozenset()), f"{model.__name__} has no {sorted(missing)}"
    return st.one_of([_kind(kind, struct) for kind in kinds])


def _kind(model: type[Any], struct: type[Any]) -> st.SearchStrategy[dict[str, Any]]:
    needed: dict[str, Any] = {}
    others: dict[str, Any] = {}
    known = fields_of(model)
    for field in msgspec.structs.fields(struct):
        if field.encode_name in known:
            hint = known[field.encode_name]
            value = NAMES if field.encode_name == "name" else _value(hint, field.type)
            (needed if field.required or not _is_optional(hint) else others)[field.encode_name] = value
    return st.fixed_dictionaries(needed, optional=others)


def _value(hint: Any, kind: Any) -> st.SearchStrategy[Any]:
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return st.one_of([_value(one, kind) for one in inner])
    if origin is dict:
        return st.dictionaries(st.text(max_size=6), _value(inner[1], kind), max_size=2)
    if origin is list:
        return st.lists(_value(inner[0], kind), max_size=2)
    if origin is typing.Literal:
        return st.sampled_from([one.value if isinstance(one, enum.Enum) else one for one in inner])
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return st.sampled_from([one.value for one in hint])
    if isinstance(hint, type) and hasattr(hint, "_deserialize"):
        structs = _structs_in(kind)
        return _structure(hint, structs[0]) if structs else st.just({})
    plain: Mapping[Any, st.SearchStrategy[Any]] = {
        str: st.text(max_size=8),
        bool: st.booleans(),
        int: st.integers(0, 100),
        datetime: MOMENT,
        type(None): st.none(),
    }
    return plain.get(hint, st.floats(0, 100))


def _structs_in(kind: Any) -> list[type[Any]]:
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return [kind]
    return [struct for one in typing.get_args(kind) for struct in _structs_in(one)]


def _is_optional(hint: Any) -> bool:
    return type(None) in typing.get_args(hint)


def translated(name: str, document: Any) -> Records:
    raws = [msgspec.Raw(msgspec.json.encode(document))]
    match name:
        case "job":
            return job_records(SITE, raws)
        case "model":
            return model_version_records(SITE, "churn", raws)
        case "data":
            return data_version_records(SITE, "customers", raws)
        case "online endpoint" | "batch endpoint":
            kind: Any = name.partition(" ")[0]
            read, rejected = each(raws, "deployment", msgspec.json.Decoder(msgspec.Raw), read_endpoint)
            return Records([entity for one in read for entity in endpoint_records(SITE, kind, one, []).entities], rejected)
        case "online deployment":
            return endpoint_records(SITE, "online", read_endpoint(ENDPOINT), raws)
        case "batch deployment":
            return endpoint_records(SITE, "batch", read_endpoint(ENDPOINT), raws)
    watching, unreadable = monitors(SITE, raws)
    runs, _ = monitor_runs(SITE, [RUN])
    return Records([one for monitor in watching for one in observations(SITE, monitor, runs[0], [])], unreadable)


ENDPOINT = msgspec.Raw(b'{"name": "churn-prod", "properties": {"traffic": {"a": 100}}}')
RUN = msgspec.Raw(
    b'{"name": "monday", "properties": {"status": "Completed", "displayName": "watch-20261116T030000Z"}, '
    b'"systemData": {"createdAt": "2026-11-16T03:00:00Z"}}'
)


@pytest.mark.parametrize("name", READ)
@given(data=st.data())
@FEW
def test_what_the_contract_allows_is_understood(name: str, data: st.DataObject) -> None:
    found = translated(name, data.draw(resources(name)))

    assert not found.rejected, found.rejected[0].reason
    assert found.entities or name == "schedule"
    for entity in found.entities:
        assert decode(encode(entity)) == entity


@pytest.mark.parametrize("name", READ)
@given(data=st.data())
@FEW
def test_what_it_does_not_allow_is_understood_or_set_aside(name: str, data: st.DataObject) -> None:
    found = translated(name, data.draw(damaged(resources(name))))

    assert found.entities or found.rejected or name == "schedule"
    for one in found.rejected:
        assert one.reason
    for entity in found.entities:
        assert decode(encode(entity)) == entity
