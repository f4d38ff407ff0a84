"""What the Azure Machine Learning stand-in holds, put there as the tests and the demo do."""

from __future__ import annotations

from collections.abc import Mapping

from bench.cloud_size import NAME, CloudSize, made_at
from sandbox.azureml import AzureMLSite, documents
from sandbox.azureml.paging import PAGE

SWEPT = f"swept by pages of {PAGE}: the versions of each name, which no other listing shows, endpoints and when deployments changed"

MONITORED = 20
"""How many endpoints are monitored. Their monitors ran when the first half of the jobs did: of runs so old no steps are read."""

_EXPERIMENT = f"{NAME}-training"
_DATA_VERSIONS = 10


def fill_azureml(site: AzureMLSite, size: CloudSize) -> None:
    monitored = min(MONITORED, size.endpoints)
    for number in range(size.runs):
        _add_job(site, size, number)
        watched, none = divmod(number, size.runs // (2 * MONITORED))
        if not none and watched < monitored:
            at = made_at(number, size.runs)
            site.put(f"jobs/watch-{watched}", documents.monitor_run(_monitor(watched), at), at=at)
    models = [_add_version(site, size, number, *named) for number, named in enumerate(size.version_names())]
    for number in range(_DATA_VERSIONS):
        site.put(f"data/customers/versions/{number + 1}", documents.data_version(f"azureml://datastores/store/paths/{number}"))
    for number in range(size.endpoints):
        at, endpoint = made_at(number, size.endpoints), f"onlineEndpoints/{_endpoint(number)}"
        site.put(endpoint, documents.online_endpoint({"blue": 100}, tags={"environment": "production"}), at=at)
        site.put(f"{endpoint}/deployments/blue", documents.online_deployment(models[size.served_by(number)]), at=at)
    for number in range(monitored):
        target = f"{site.workspace.root}/onlineEndpoints/{_endpoint(number)}/deployments/blue"
        site.put(f"schedules/{_monitor(number)}", documents.monitor(target, {"drift": "DataDrift"}))


def first_floors(size: CloudSize) -> Mapping[str, int]:
    """The fewest requests that can read each stream. Deployments are listed endpoint by endpoint."""
    quiet, jobs = quiet_floors(size), _pages(size.runs + min(MONITORED, size.endpoints))
    return {**quiet, "jobs": jobs, "monitors": 1 + jobs, "endpoints": quiet["endpoints"] + size.endpoints}


def quiet_floors(size: CloudSize) -> Mapping[str, int]:
    """What a pull without news must ask."""
    endpoints = _pages(size.endpoints)
    return {
        "jobs": 1,
        "models": _pages(len(size.models)) + sum(map(_pages, size.models)),
        "data": 1 + _pages(_DATA_VERSIONS),
        # Online endpoints, batch endpoints, of which there is none, and the marks of all deployments.
        "endpoints": endpoints + 1 + endpoints,
        # The schedules and the latest jobs.
        "monitors": 2,
    }


def _add_job(site: AzureMLSite, size: CloudSize, number: int) -> None:
    inputs = {"learning_rate": documents.number(0.05), "max_depth": documents.number(number % 9)}
    job = documents.job(_EXPERIMENT, inputs=inputs, tags={"milepost.issue": size.ticket_of(number)})
    site.put(f"jobs/{_job(number)}", job, at=made_at(number, size.runs))


def _add_version(site: AzureMLSite, size: CloudSize, number: int, model: str, version: int) -> str:
    """Its resource id. Nine of ten are approved."""
    run = size.run_of(number)
    tags = {"approval": "pending" if number % 10 == 0 else "approved"}
    uri = f"azureml://datastores/workspaceblobstore/paths/models/{number}"
    document = documents.model_version(_job(run), tags=tags, uri=uri)
    return site.put(f"models/{model}/versions/{version}", document, at=made_at(run, size.runs))


def _pages(count: int) -> int:
    """As this stand-in cuts them; Azure's own are as long or longer. One that is empty is a page too."""
    return max(1, -(-count // PAGE))


def _job(number: int) -> str:
    return f"{NAME}-{number:05}"


def _endpoint(number: int) -> str:
    return f"{NAME}-{number:03}"


def _monitor(number: int) -> str:
    return f"{_endpoint(number)}-watch"
