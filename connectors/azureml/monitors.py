"""Reads the monitors of a workspace and what their runs found."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

from connectors.azureml.api import AzureApi
from connectors.azureml.cursor import JobsCursor
from connectors.azureml.endpoints import is_in_scope
from connectors.azureml.jobs import JobHead, follow_jobs
from connectors.azureml.options import AzureMLScope
from connectors.base import Batch
from connectors.globs import matches
from mappings.azureml_monitors import Monitor, monitors, observation_records, schedule_named_in
from mappings.azureml_names import Site
from mappings.model import Rejected


def pull_monitors(
    api: AzureApi, site: Site, scope: AzureMLScope, cursor: JobsCursor | None, stop: threading.Event
) -> Iterator[Batch]:
    """What the runs of the scope's monitors found since `cursor`; from None, all of them. Disabled monitors have history too."""
    if not (scope.monitors or scope.endpoints or scope.models):
        yield Batch(cursor=JobsCursor().encode(), complete=cursor is None)
        return
    found, rejected = read_monitors(api, site)
    watching = {one.name: one for one in found if _is_wanted(one, scope)}
    yield Batch(rejected=rejected)

    def wanted(head: JobHead) -> bool:
        return schedule_named_in(head.properties.display_name) in watching

    for page in follow_jobs(api, cursor, wanted, stop):
        records = observation_records(site, watching, page.records)
        last = page.cursor is not None
        yield Batch(
            entities=records.entities,
            rejected=records.rejected,
            cursor=page.cursor.encode() if page.cursor is not None else None,
            complete=last and cursor is None,
        )


def read_monitors(api: AzureApi, site: Site) -> tuple[Sequence[Monitor], Sequence[Rejected]]:
    """All monitors, enabled or not."""
    return monitors(site, [raw for page in api.collection("schedules", listViewType="All") for raw in page.value])


def _is_wanted(monitor: Monitor, scope: AzureMLScope) -> bool:
    endpoint = monitor.deployment.id.partition("/")[2] if monitor.deployment is not None else None
    model = monitor.model.id.rpartition("/")[0].rpartition("/")[2] if monitor.model is not None else None
    return (
        matches(monitor.name, scope.monitors)
        or (endpoint is not None and is_in_scope(endpoint, scope.endpoints))
        or (model is not None and matches(model, scope.models))
    )
