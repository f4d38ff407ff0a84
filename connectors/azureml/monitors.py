"""Reads the monitors of a workspace and what their runs found."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from connectors.azureml.api import AzureApi
from connectors.azureml.cursor import JobsCursor
from connectors.azureml.endpoints import is_in_scope
from connectors.azureml.history import RunHistory
from connectors.azureml.jobs import JobHead, follow_jobs
from connectors.azureml.options import AzureMLScope
from connectors.base import Batch
from connectors.globs import matches
from mappings.azureml_monitors import Monitor, has_ended, monitor_runs, monitors, observations, schedule_named_in
from mappings.azureml_names import Site
from mappings.model import Observation, Rejected, Run

STEPS_WITHIN = timedelta(days=45)
"""Of older runs the steps are not read again when everything is listed: what they found is past, and asking costs many requests."""


def pull_monitors(
    api: AzureApi, history: RunHistory, site: Site, scope: AzureMLScope, cursor: JobsCursor | None, stop: threading.Event
) -> Iterator[Batch]:
    """What the runs of the scope's monitors found since `cursor`; from None, all of them. Disabled monitors have history too."""
    if not (scope.monitors or scope.endpoints or scope.models):
        yield Batch(cursor=JobsCursor().encode(), complete=cursor is None)
        return
    found, rejected = read_monitors(api, site)
    watching = {one.name: one for one in found if _is_wanted(one, scope)}
    judged = cursor.ended if cursor is not None else {}
    yield Batch(rejected=rejected)
    if not watching:
        # Then the jobs need not be looked through for what they started.
        yield Batch(cursor=(cursor or JobsCursor()).encode(), complete=cursor is None)
        return

    def wanted(head: JobHead) -> bool:
        named = schedule_named_in(head.properties.display_name) if head.properties is not None else None
        return named in watching and head.name not in judged

    for page in follow_jobs(api, cursor, wanted, stop):
        runs, unreadable = monitor_runs(site, page.records)
        yield Batch(
            entities=[one for run in runs for one in judge(site, history, watching, run)],
            rejected=unreadable,
            cursor=page.cursor.encode() if page.cursor is not None else None,
            complete=page.cursor is not None and cursor is None,
        )


def judge(site: Site, history: RunHistory, watching: Mapping[str, Monitor], run: Run) -> Sequence[Observation]:
    """What one run says of each signal of its monitor."""
    monitor = watching.get(schedule_named_in(run.name) or "")
    if monitor is None or not has_ended(run):
        return []
    recent = run.started_at is not None and run.started_at >= datetime.now(UTC) - STEPS_WITHIN
    return observations(site, monitor, run, history.steps(run.run_id) if recent else None)


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
