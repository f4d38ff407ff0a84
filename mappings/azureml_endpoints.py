"""Azure Machine Learning's endpoints with their deployments as entities.

One endpoint is one `Deployment`; each of its deployments is a share of its traffic, also one that gets none. Of a batch endpoint,
the default deployment gets all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Literal, TypeAlias
from urllib.parse import quote

import msgspec

from mappings.azureml import Records, each, texts, times
from mappings.azureml_names import Site
from mappings.azureml_records import DeploymentProperties, DeploymentRecord, EndpointProperties, EndpointRecord, ModelReference
from mappings.decoding import decoder_for
from mappings.model import Deployment, DeploymentState, TrafficShare
from mappings.tags import environment_in

EndpointKind: TypeAlias = Literal["online", "batch"]

ENVIRONMENT_TAGS = ("environment", "env")
"""On an endpoint: where it stands, such as `production`. The first that is set decides."""

_STATES: Mapping[str, DeploymentState] = {
    "creating": "creating",
    "succeeded": "in_service",
    "failed": "failed",
    "updating": "updating",
    "scaling": "updating",
    "deleting": "deleting",
    "canceled": "stopped",
}
_ANSWERING_NOBODY: Sequence[DeploymentState] = ("failed", "deleting", "stopped")
"""The worst first."""
_PAGES: Mapping[EndpointKind, str] = {"online": "endpoints/realtime", "batch": "endpoints/batch"}


def read_endpoint(raw: msgspec.Raw) -> EndpointRecord:
    """Raises what `Records` calls rejected: `msgspec.DecodeError`, `UnicodeError`, `ValueError`."""
    return _endpoint_decoder.decode(raw)


def endpoint_records(site: Site, kind: EndpointKind, endpoint: EndpointRecord, deployments: Iterable[msgspec.Raw]) -> Records:
    """The endpoint with those of its deployments that make sense."""
    records, rejected = each(deployments, "deployment", _deployment_decoder, lambda record: record)
    return Records([_endpoint(site, kind, endpoint, records)], rejected)


def state_of(said: str | None) -> DeploymentState:
    """A provisioning state in our words."""
    return _STATES.get((said or "").lower(), "unknown")


def _endpoint(site: Site, kind: EndpointKind, record: EndpointRecord, deployments: Sequence[DeploymentRecord]) -> Deployment:
    tags = texts(record.tags)
    known = sorted(deployments, key=lambda one: one.name)
    shares = (*(_share(site, record.properties, one) for one in known), *_unknown(record.properties, known))
    created, changed = times(record.system_data)
    return Deployment(
        ref=site.endpoint(kind, record.name),
        url=site.page(f"{_PAGES[kind]}/{quote(record.name, safe='')}/detail"),
        created_at=created,
        updated_at=_latest(changed, *(times(one.system_data)[1] for one in deployments)),
        endpoint=record.name,
        platform="azureml",
        environment=environment_in(tags, ENVIRONMENT_TAGS),
        state=_state(record.properties, shares),
        models=shares,
        instance=", ".join(sorted({found for one in deployments if (found := _instance(one.properties))})) or None,
        tags=tags,
        data_capture=any(map(_captures, deployments)) if deployments and kind == "online" else None,
        reason=_reason(record.properties, deployments),
    )


def _share(site: Site, endpoint: EndpointProperties, record: DeploymentRecord) -> TrafficShare:
    said = record.properties
    address = _model_address(said.model)
    asset = site.asset_at(address, "models") if address else None
    return TrafficShare(
        model=asset.ref if asset is not None else None,
        name=f"{asset.name}/{asset.version}" if asset is not None else record.name,
        share=_percent(endpoint.traffic, record.name) if endpoint.defaults is None else _default(endpoint, record.name),
        mirror=_percent(endpoint.mirror_traffic, record.name),
        state=state_of(said.provisioning_state),
        changed_at=times(record.system_data)[1],
        cloud_id=asset.cloud_id if asset is not None else None,
        artifact_uri=site.place(address) if address and asset is None else None,
        tags=texts(record.tags),
    )


def _unknown(endpoint: EndpointProperties, known: Sequence[DeploymentRecord]) -> Iterator[TrafficShare]:
    """What gets traffic and was not listed, or made no sense: nobody knows what answers there."""
    default = endpoint.defaults.deployment_name if endpoint.defaults is not None else None
    named = (endpoint.traffic or {}) if endpoint.defaults is None else {default: 100.0} if default else {}
    listed = {one.name.lower() for one in known}
    for name in sorted(named):
        share = _percent(named, name)
        if share > 0 and name.lower() not in listed:
            yield TrafficShare(name=name, share=share, state="unknown")


def _model_address(said: str | ModelReference | None) -> str | None:
    return (said.asset_id or said.path) if isinstance(said, ModelReference) else said or None


def _percent(traffic: Mapping[str, float] | None, name: str) -> float:
    """Azure takes names of deployments without regard to case."""
    percents = (value for key, value in (traffic or {}).items() if key.lower() == name.lower())
    return min(max(next(percents, 0.0) / 100, 0.0), 1.0)


def _default(endpoint: EndpointProperties, name: str) -> float:
    default = endpoint.defaults.deployment_name if endpoint.defaults is not None else None
    return 1.0 if (default or "").lower() == name.lower() else 0.0


def _state(said: EndpointProperties, shares: Sequence[TrafficShare]) -> DeploymentState:
    """The endpoint's own, unless nothing that its traffic goes to answers."""
    state = state_of(said.provisioning_state)
    behind = {share.state for share in shares if share.share > 0}
    if state not in ("in_service", "updating") or not behind or not behind <= set(_ANSWERING_NOBODY):
        return state
    return next(one for one in _ANSWERING_NOBODY if one in behind)


def _reason(endpoint: EndpointProperties, deployments: Sequence[DeploymentRecord]) -> str | None:
    failed = sorted(one.name for one in deployments if state_of(one.properties.provisioning_state) == "failed")
    said = [f"deployment {name} failed" for name in failed]
    if state_of(endpoint.provisioning_state) == "failed":
        said.insert(0, "the endpoint failed")
    return "; ".join(said) or None


def _instance(said: DeploymentProperties) -> str | None:
    return said.instance_type or (said.resources.instance_type if said.resources is not None else None)


def _captures(record: DeploymentRecord) -> bool:
    collector = record.properties.data_collector
    collections = (collector.collections or {}).values() if collector is not None else ()
    return any((one.data_collection_mode or "").lower() == "enabled" for one in collections)


def _latest(*moments: datetime | None) -> datetime | None:
    return max((moment for moment in moments if moment is not None), default=None)


_endpoint_decoder = decoder_for(EndpointRecord, strict=False)
_deployment_decoder = decoder_for(DeploymentRecord, strict=False)
