"""Reads a workspace: jobs and monitors by when they were made, endpoints by their change, models and data assets as sweeps."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from connectors.azureml.api import AzureApi
from connectors.azureml.assets import pull_data, pull_models
from connectors.azureml.check import check
from connectors.azureml.cursor import EndpointsCursor, JobsCursor, decode_cursor
from connectors.azureml.endpoints import is_in_scope, pull_endpoints
from connectors.azureml.history import RunHistory
from connectors.azureml.jobs import JobHead, follow_jobs
from connectors.azureml.monitors import pull_monitors
from connectors.azureml.options import AzureMLOptions, AzureMLScope
from connectors.azureml.single import DirectReads
from connectors.base import Batch, Finding, Options, SourceContext
from connectors.errors import Cancelled
from connectors.globs import matches
from mappings.azureml import job_records
from mappings.model import Entity, Missing, Ref, Run


class AzureMLReader:
    """One workspace, one thread."""

    def __init__(self, context: SourceContext) -> None:
        options: AzureMLOptions = context.options
        self._options = options
        self._stop = context.stop
        self._api = AzureApi(context)
        self._history = RunHistory(context, self._api)
        self._site = options.site(context.name)

    def check(self, scope: Options) -> Sequence[Finding]:
        assert isinstance(scope, AzureMLScope)
        return check(self._api, self._history, self._site, self._options, scope)

    def pull(self, stream: str, scope: Options, cursor: str | None) -> Iterator[Batch]:
        assert isinstance(scope, AzureMLScope)
        match stream:
            case "jobs":
                return self._jobs(scope, decode_cursor(cursor, JobsCursor) if cursor is not None else None)
            case "models":
                return pull_models(self._api, self._site, scope.models, self._options.registries, self._stop)
            case "data":
                return pull_data(self._api, self._site, scope.data, self._stop)
            case "endpoints":
                known = decode_cursor(cursor, EndpointsCursor) if cursor is not None else None
                return pull_endpoints(self._api, self._site, scope.endpoints, known, self._stop)
            case "monitors":
                done = decode_cursor(cursor, JobsCursor) if cursor is not None else None
                return pull_monitors(self._api, self._history, self._site, scope, done, self._stop)
            case _:
                raise ValueError(f"Azure Machine Learning has no stream {stream!r}")

    def read(self, refs: Sequence[Ref]) -> Sequence[Entity | Missing]:
        reads = DirectReads(self._api, self._history, self._site, self._options.registries)
        answers: list[Entity | Missing] = []
        for ref in (ref for ref in refs if ref.source == self._site.source):
            if self._stop.is_set():
                raise Cancelled
            answers += reads.read(ref)
        return answers

    def outside(self, refs: Sequence[Ref], scope: Options) -> Collection[Ref]:
        """Endpoints, models and data assets by their names, which never change; jobs by the experiment that they are in now."""
        assert isinstance(scope, AzureMLScope)
        left = {ref for ref in refs if _is_named_outside(ref, scope)}
        jobs = [ref for ref in refs if ref.kind == "run"]
        found = (entity for entity in self.read(jobs) if isinstance(entity, Run))
        return left | {run.ref for run in found if not matches(run.experiment, scope.experiments)}

    def close(self) -> None:
        self._history.close()
        self._api.close()

    def _jobs(self, scope: AzureMLScope, cursor: JobsCursor | None) -> Iterator[Batch]:
        if not scope.experiments:
            yield Batch(cursor=JobsCursor().encode(), complete=cursor is None)
            return

        def wanted(head: JobHead) -> bool:
            return head.properties is not None and matches(head.properties.experiment_name or "Default", scope.experiments)

        for page in follow_jobs(self._api, cursor, wanted, self._stop):
            records = job_records(self._site, page.records)
            last = page.cursor is not None
            yield Batch(
                entities=records.entities,
                rejected=records.rejected,
                cursor=page.cursor.encode() if page.cursor is not None else None,
                complete=last and cursor is None,
            )


def _is_named_outside(ref: Ref, scope: AzureMLScope) -> bool:
    parts = ref.id.split("/")
    match ref.kind:
        case "deployment":
            return not is_in_scope(parts[-1], scope.endpoints)
        case "model_version":
            return not matches(parts[-2] if len(parts) > 1 else "", scope.models)
        case "dataset":
            return not matches(parts[0], scope.data)
        case _:
            return False
