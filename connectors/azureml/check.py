"""What `milepost check` says about an Azure Machine Learning source."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

import msgspec

from connectors.azureml import sdk
from connectors.azureml.api import AzureApi
from connectors.azureml.endpoints import KINDS
from connectors.azureml.history import RunHistory
from connectors.azureml.monitors import read_monitors
from connectors.azureml.options import AzureMLOptions, AzureMLScope, RegistryOptions
from connectors.azureml.permissions import RUN_HISTORY
from connectors.base import Finding
from connectors.checks import attempted, compare_clocks, matched
from connectors.errors import SourceError
from connectors.globs import matches
from connectors.rates import read_http_date
from mappings.azureml import each
from mappings.azureml_names import Site
from mappings.azureml_records import ContainerRecord
from mappings.decoding import decode_as, decoder_for

_matched = partial(matched, unlike_all="check the name, and what the identity may read")
_container_decoder = decoder_for(ContainerRecord, strict=False)


class _Workspace(msgspec.Struct):
    location: str | None = None


class _Place(NamedTuple):
    """A collection of named things, each with a collection `parts` below it."""

    collection: str
    parts: str
    registry: RegistryOptions | None = None


def check(api: AzureApi, history: RunHistory, site: Site, options: AzureMLOptions, scope: AzureMLScope) -> Sequence[Finding]:
    """Each step stands alone, but nothing more is asked where the workspace cannot be read."""
    findings = list(attempted("workspace", lambda: _workspace(api, options)))
    if any(finding.level == "error" for finding in findings):
        return findings
    if scope.endpoints:
        places = [_Place(f"{kind}Endpoints", "deployments") for kind in KINDS]
        findings += _named(api, "endpoints", places, [glob.lower() for glob in scope.endpoints], str.lower)
        findings += _changes(api)
    if scope.models:
        registries = [_Place("models", "versions", registry) for registry in (None, *options.registries)]
        findings += _named(api, "models", registries, scope.models, str)
    if scope.data:
        findings += _named(api, "data", [_Place("data", "versions")], scope.data, str)
    if scope.experiments:
        findings += attempted("jobs", lambda: _jobs(api))
    if scope.monitors or scope.endpoints or scope.models:
        findings += attempted("monitors", lambda: _monitors(api, history, site, scope))
    findings += _client(api, options)
    findings.append(Finding(level="info", topic="writing", text="Milepost only reads Azure Machine Learning"))
    return findings


def _workspace(api: AzureApi, options: AzureMLOptions) -> Iterator[Finding]:
    response = api.prove_access()
    try:
        location = decode_as(response.content, _Workspace).location
    except (msgspec.DecodeError, UnicodeError):
        location = None
    place = f" in {location}" if location else ""
    yield Finding(level="ok", topic="workspace", text=f"signed in; {options.workspace}{place} ({options.cloud}) can be read")
    yield from compare_clocks(read_http_date(response.headers.get("date")), "Azure's")


def _named(
    api: AzureApi, topic: str, places: Sequence[_Place], globs: Sequence[str], spelt: Callable[[str], str]
) -> Sequence[Finding]:
    """Whether the names can be listed, and below one of them what it has: what may be read of one may be read of all."""
    names: list[str] = []
    findings: list[Finding] = []
    for place in places:
        try:
            own = [spelt(name) for name in _names(api, place)]
            if one := next((name for name in own if matches(name, globs)), None):
                next(api.collection(place.collection, one, place.parts, registry=place.registry))
            names += own
        except SourceError as error:
            findings.append(Finding(level="error", topic=topic, text=error.message, fix=error.fix))
    return findings or list(_matched(topic, globs, names))


def _names(api: AzureApi, place: _Place) -> list[str]:
    raws = [raw for page in api.collection(place.collection, registry=place.registry) for raw in page.value]
    return each(raws, place.collection, _container_decoder, lambda record: record.name)[0]


def _changes(api: AzureApi) -> Sequence[Finding]:
    """Not needed, so no error: without it each pull costs a request for each endpoint."""
    try:
        next(iter(api.deployment_marks()), None)
    except SourceError as error:
        lacking = "what changed cannot be listed at once: each pull reads the deployments of every endpoint"
        return [Finding(level="warning", topic="changes", text=f"{lacking} ({error.message})", fix=error.fix)]
    return [Finding(level="ok", topic="changes", text="of deployments can be listed at once")]


def _jobs(api: AzureApi) -> Iterator[Finding]:
    next(api.collection("jobs", listViewType="All"))
    yield Finding(level="ok", topic="jobs", text="can be read")


def _monitors(api: AzureApi, history: RunHistory, site: Site, scope: AzureMLScope) -> Iterator[Finding]:
    found, _ = read_monitors(api, site)
    yield Finding(level="ok", topic="monitors", text=f"{len(found)} can be read")
    told = _matched("monitors", scope.monitors, [one.name for one in found])
    yield from (one for one in told if one.level != "ok")
    if found and not history.can_be_read():
        text = "the steps of jobs cannot be read: of no monitor it is known that its signals have passed"
        yield Finding(level="warning", topic="monitors", text=text, fix=f"the role needs {RUN_HISTORY}")
    for one in found:
        if one.subject is None:
            text = f"{one.name} names no deployment or model of this workspace: what it finds concerns nothing that is known"
            yield Finding(level="info", topic="monitors", text=text, fix="name its endpoint_deployment_id or model_id")


def _client(api: AzureApi, options: AzureMLOptions) -> Sequence[Finding]:
    api.take()
    problem = sdk.client_understands(options)
    if problem is None:
        return [Finding(level="ok", topic="client", text=f"azure-ai-ml {sdk.client_version()} understands the workspace")]
    return [Finding(level="warning", topic="client", text=f"azure-ai-ml {sdk.client_version()} does not: {problem}")]
