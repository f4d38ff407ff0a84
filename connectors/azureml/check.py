"""What `milepost check` says about an Azure Machine Learning source."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import httpx
import msgspec

from connectors.azureml import sdk
from connectors.azureml.api import AzureApi
from connectors.azureml.assets import asset_names
from connectors.azureml.endpoints import KINDS, is_in_scope
from connectors.azureml.history import RunHistory
from connectors.azureml.listing import Page
from connectors.azureml.monitors import read_monitors
from connectors.azureml.options import AzureMLOptions, AzureMLScope
from connectors.base import Finding
from connectors.errors import AuthError, SourceError
from connectors.globs import matches, near
from mappings.azureml import each
from mappings.azureml_names import Site
from mappings.azureml_records import ContainerRecord

PROVIDER = "Microsoft.MachineLearningServices"
_LARGEST_SKEW = timedelta(minutes=1)
_container_decoder = msgspec.json.Decoder(ContainerRecord, strict=False)


class _Workspace(msgspec.Struct):
    location: str | None = None


def check(api: AzureApi, history: RunHistory, site: Site, options: AzureMLOptions, scope: AzureMLScope) -> Sequence[Finding]:
    """Each step stands alone, but nothing more is asked where the workspace cannot be read."""
    reached = _attempt("workspace", "workspaces/read", lambda: _workspace(api, options))
    if any(finding.level == "error" for finding in reached):
        return reached
    findings = [*reached]
    if scope.endpoints:
        findings += _attempt("endpoints", "workspaces/onlineEndpoints/read", lambda: _endpoints(api, scope))
        findings += _attempt("deployments", "workspaces/onlineEndpoints/deployments/read", lambda: _deployments(api, scope))
        findings += _changes(api)
    if scope.models:
        findings += _attempt("models", "workspaces/models/read", lambda: _models(api, options, scope))
    if scope.data:
        findings += _attempt("data", "workspaces/data/read", lambda: _matched("data", scope.data, asset_names(api, "data")[0]))
    if scope.experiments:
        findings += _attempt("jobs", "workspaces/jobs/read", lambda: _jobs(api))
    if scope.monitors or scope.endpoints or scope.models:
        findings += _attempt("monitors", "workspaces/schedules/read", lambda: _monitors(api, history, site, scope))
    findings += _client(options)
    findings.append(Finding(level="info", topic="writing", text="Milepost only reads Azure Machine Learning"))
    return findings


def _attempt(topic: str, action: str, step: Callable[[], Iterator[Finding]]) -> Sequence[Finding]:
    try:
        return list(step())
    except AuthError as error:
        return [Finding(level="error", topic=topic, text=error.message, fix=f"{error.fix}; it needs {PROVIDER}/{action}")]
    except SourceError as error:
        return [Finding(level="error", topic=topic, text=error.message, fix=error.fix)]


def _workspace(api: AzureApi, options: AzureMLOptions) -> Iterator[Finding]:
    response = api.prove_access()
    try:
        location = msgspec.json.decode(response.content, type=_Workspace).location
    except (msgspec.DecodeError, UnicodeError):
        location = None
    place = f" in {location}" if location else ""
    yield Finding(level="ok", topic="workspace", text=f"signed in; {options.workspace}{place} ({options.cloud}) can be read")
    yield from _clock(response)


def _clock(response: httpx.Response) -> Iterator[Finding]:
    try:
        theirs = parsedate_to_datetime(response.headers["date"])
    except (KeyError, ValueError):
        return
    skew = abs(datetime.now(UTC) - (theirs if theirs.tzinfo else theirs.replace(tzinfo=UTC)))
    if skew > _LARGEST_SKEW:
        yield Finding(
            level="warning",
            topic="clock",
            text=f"this clock and Azure's differ by {int(skew.total_seconds())} s",
            fix="synchronise this clock: how fresh facts are is judged by time",
        )
    else:
        yield Finding(level="ok", topic="clock", text="agrees with Azure's")


def _endpoints(api: AzureApi, scope: AzureMLScope) -> Iterator[Finding]:
    names = [name for kind in KINDS for name in _names(api.collection(f"{kind}Endpoints"))]
    globs = [glob.lower() for glob in scope.endpoints]
    yield from _matched("endpoints", globs, [name.lower() for name in names])


def _deployments(api: AzureApi, scope: AzureMLScope) -> Iterator[Finding]:
    """Of one endpoint of each kind: what may be listed for one may be listed for all."""
    for kind in KINDS:
        names = (name for name in _names(api.collection(f"{kind}Endpoints")) if is_in_scope(name, scope.endpoints))
        if (name := next(names, None)) is not None:
            list(api.collection(f"{kind}Endpoints", name, "deployments"))
            yield Finding(level="ok", topic="deployments", text=f"those of {kind} endpoints can be read")


def _changes(api: AzureApi) -> Sequence[Finding]:
    """Not needed, so no error: without it each pull costs a request for each endpoint."""
    try:
        next(iter(api.deployment_marks()), None)
    except SourceError as error:
        lacking = "what changed cannot be listed at once: each pull reads the deployments of every endpoint"
        needed = "the role needs Microsoft.Resources/subscriptions/resourceGroups/resources/read on the resource group"
        return [Finding(level="warning", topic="changes", text=f"{lacking} ({error.message})", fix=needed)]
    return [Finding(level="ok", topic="changes", text="of deployments can be listed at once")]


def _models(api: AzureApi, options: AzureMLOptions, scope: AzureMLScope) -> Iterator[Finding]:
    names = [name for registry in (None, *options.registries) for name in asset_names(api, "models", registry)[0]]
    yield from _matched("models", scope.models, names)
    own = next((name for name in asset_names(api, "models")[0] if matches(name, scope.models)), None)
    if own is not None:
        next(api.collection("models", own, "versions", listViewType="All"))


def _jobs(api: AzureApi) -> Iterator[Finding]:
    next(api.collection("jobs", listViewType="All"))
    yield Finding(level="ok", topic="jobs", text="can be read")


def _monitors(api: AzureApi, history: RunHistory, site: Site, scope: AzureMLScope) -> Iterator[Finding]:
    found, _ = read_monitors(api, site)
    yield Finding(level="ok", topic="monitors", text=f"{len(found)} can be read")
    yield from (one for one in _matched("monitors", scope.monitors, [one.name for one in found]) if one.level != "ok")
    if found and not history.can_be_read():
        text = "the steps of jobs cannot be read: of no monitor it is known that its signals have passed"
        needed = f"the role needs {PROVIDER}/workspaces/experiments/runs/read"
        yield Finding(level="warning", topic="monitors", text=text, fix=needed)
    for one in found:
        if one.subject is None:
            text = f"{one.name} names no deployment or model of this workspace: what it finds concerns nothing that is known"
            yield Finding(level="info", topic="monitors", text=text, fix="name its endpoint_deployment_id or model_id")


def _client(options: AzureMLOptions) -> Sequence[Finding]:
    problem = sdk.client_understands(options)
    if problem is None:
        return [Finding(level="ok", topic="client", text=f"azure-ai-ml {sdk.client_version()} understands the workspace")]
    return [Finding(level="warning", topic="client", text=f"azure-ai-ml {sdk.client_version()} does not: {problem}")]


def _names(pages: Iterator[Page]) -> list[str]:
    raws = [raw for page in pages for raw in page.value]
    return each(raws, "deployment", _container_decoder, lambda record: record.name)[0]


def _matched(topic: str, globs: Sequence[str], names: Sequence[str]) -> Iterator[Finding]:
    found = sum(1 for name in names if matches(name, globs))
    if found:
        yield Finding(level="ok", topic=topic, text=f"{found} of the {len(names)} that may be read match {', '.join(globs)}")
    for glob in globs:
        if not any(matches(name, [glob]) for name in names):
            candidates = near(glob, names)
            hint = f"did you mean {', '.join(candidates)}?" if candidates else "check the name, and what the identity may read"
            yield Finding(level="warning", topic=topic, text=f"{glob!r} matches nothing", fix=hint)
