"""Reads MLflow: experiments and the model registry as sweeps, runs by their start.

MLflow keeps no time of change for runs, aliases and tags. So the registry is read whole each time, runs under way until they end,
and the runs behind versions that carry an alias with each sweep of the registry. What else changes in an ended run shows when all
runs are listed again.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from connectors.base import Batch, Finding, Options, SourceContext
from connectors.errors import Cancelled
from connectors.globs import common_start, matches
from connectors.mlflow.api import MlflowApi, check_token
from connectors.mlflow.check import check
from connectors.mlflow.cursor import OVERLAP, RunsCursor, decode_cursor
from connectors.mlflow.options import MlflowScope
from connectors.mlflow.single import read_one
from mappings.mlflow import (
    Records,
    RegisteredModels,
    Site,
    experiment_records,
    logged_models_without_run,
    run_records,
    version_records,
)
from mappings.model import Entity, Experiment, Missing, ModelVersion, Ref, Rejected, Run

_UNDER_WAY = ("running", "scheduled")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class MlflowReader:
    """One tracking server, one thread."""

    def __init__(self, context: SourceContext) -> None:
        self._context = context
        self._stop = context.stop
        self._api = MlflowApi(context)
        self._site = Site(context.name, self._api.url)
        self._listed: dict[str, Records] = {}

    def check(self, scope: Options) -> Sequence[Finding]:
        assert isinstance(scope, MlflowScope)
        return check(self._context, self._api, scope)

    def pull(self, stream: str, scope: Options, cursor: str | None) -> Iterator[Batch]:
        assert isinstance(scope, MlflowScope)
        match stream:
            case "experiments":
                return self._experiments(scope)
            case "runs":
                return self._runs(scope, decode_cursor(cursor) if cursor is not None else None)
            case "models":
                return self._models(scope)
            case _:
                raise ValueError(f"MLflow has no stream {stream!r}")

    def read(self, refs: Sequence[Ref]) -> Sequence[Entity | Missing]:
        answers: list[Entity | Missing] = []
        for ref in (ref for ref in refs if ref.source == self._site.source):
            self._leave_if_stopped()
            answers += read_one(self._api, self._site, ref)
        return answers

    def outside(self, refs: Sequence[Ref], scope: Options) -> Collection[Ref]:
        """Experiments and versions by the names that they have now, runs by their experiments and the aliases in front of them."""
        assert isinstance(scope, MlflowScope)
        versions = [ref for ref in refs if ref.kind == "model_version"]
        left = {ref for ref in versions if not matches(ref.id.rpartition("/")[0], scope.models)}
        experiments, runs = ([ref for ref in refs if ref.kind == kind] for kind in ("experiment", "run"))
        if experiments or runs:
            known = {one.ref.id: one.name for one in _experiments_of(self._list_experiments())}
            left.update(ref for ref in experiments if ref.id in known and not matches(known[ref.id], scope.experiments))
            left.update(self._runs_outside([ref.id for ref in runs], known, scope))
        return left

    def close(self) -> None:
        self._api.close()

    def _experiments(self, scope: MlflowScope) -> Iterator[Batch]:
        records = self._list_experiments()
        # The streams of the same round that follow need this listing too: each may use it once, so none grows old.
        self._listed = {"runs": records, "models": records}
        entities = [entity for entity in _experiments_of(records) if matches(entity.name, scope.experiments)]
        yield Batch(entities=entities, rejected=records.rejected, complete=True, total=len(entities))

    def _runs(self, scope: MlflowScope, cursor: RunsCursor | None) -> Iterator[Batch]:
        known = _experiments_of(self._listing("runs"))
        self._listed.pop("runs", None)
        experiments = [entity for entity in known if matches(entity.name, scope.experiments)]
        ids = [entity.ref.id for entity in experiments]
        state = cursor or RunsCursor()
        if cursor is not None:
            # Created, renamed into the scope or restored since: their runs may have started long ago.
            fresh = [entity.ref.id for entity in experiments if _milliseconds(entity.updated_at) > cursor.experiments_until]
            for records, _ in self._list_runs(fresh, None):
                yield _batch(records, cursor.encode())
        running = dict(state.running)
        # Not the runs that were seen, which may be many: those under way that were not yet.
        unseen = set(running)
        for records, latest in self._list_runs(ids, None if cursor is None else max(0, cursor.since - OVERLAP)):
            unseen -= _note(records, running)
            state = state.remembering(min(latest, _now()), running)
            yield _batch(records, state.encode())
        for records in self._read_again(ids, sorted(unseen)):
            unseen -= _note(records, running)
            yield _batch(records, state.encode())
        # What was not seen any more was deleted, or left the scope.
        running = {run_id: start for run_id, start in running.items() if run_id not in unseen}
        until = max([state.experiments_until, *(_milliseconds(entity.updated_at) for entity in experiments)])
        last = msgspec.structs.replace(state.remembering(0, running), experiments_until=until)
        yield Batch(cursor=last.encode(), complete=cursor is None)

    def _list_runs(self, experiments: Sequence[str], since: int | None) -> Iterator[tuple[Records, int]]:
        """Pages of runs, each with the latest start so far in ms.

        Each page is asked for by the start that the one before reached: pages cut by offset would skip a run when another is
        deleted meanwhile. Only a page that does not advance is continued by its token.
        """
        latest = since or 0
        token: str | None = None
        seen: set[str] = set()
        while experiments:
            self._leave_if_stopped()
            page = self._api.runs(experiments, since=since, token=token)
            records = run_records(self._site, page.runs)
            reached = max([latest, *(_milliseconds(run.started_at) for run in _runs_of(records))])
            yield records, reached
            if not page.next_page_token:
                return
            if reached > latest:
                # A new query: its tokens may be spelt like those of the one before.
                since, token, latest = reached, None, reached
                seen.clear()
                continue
            token = page.next_page_token
            check_token(self._site.source, "runs/search", token, seen)

    def _read_again(self, experiments: Sequence[str], run_ids: Iterable[str]) -> Iterator[Records]:
        if not experiments:
            return
        for page in self._api.runs_by_id(experiments, run_ids):
            self._leave_if_stopped()
            yield run_records(self._site, page.runs)

    def _runs_outside(self, run_ids: Sequence[str], experiments: Mapping[str, str], scope: MlflowScope) -> set[Ref]:
        """Runs of other experiments that no alias of the scope's models leads to. `experiments` are all that there are, by id."""
        found = [run for records in self._read_again(list(experiments), run_ids) for run in _runs_of(records)]
        elsewhere = {run.ref for run in found if not matches(experiments.get(run.experiment, ""), scope.experiments)}
        if not elsewhere or not scope.models:
            return elsewhere
        live: set[str] = set()
        try:
            for records in self._versions(scope):
                if records.rejected:
                    return set()  # an alias that could not be read may lead to any of them
                live.update(_runs_behind_aliases(records))
        finally:
            self._listed.pop("models", None)
        return {ref for ref in elsewhere if ref.id not in live}

    def _models(self, scope: MlflowScope) -> Iterator[Batch]:
        """Versions with their aliases as the registry has them now, then the runs behind those that carry an alias."""
        live: set[str] = set()
        try:
            for records in self._versions(scope) if scope.models else ():
                live.update(_runs_behind_aliases(records))
                yield _batch(records)
            for records in self._read_again(self._all_experiments(), live) if live else ():
                yield _batch(records)
        finally:
            self._listed.pop("models", None)
        yield Batch(complete=True)

    def _versions(self, scope: MlflowScope) -> Iterator[Records]:
        """What of the registered models makes no sense, then the versions of all of them."""
        start = common_start(scope.models)
        models = RegisteredModels(lambda name: matches(name, scope.models))
        for listed in self._api.registered_models(start):
            models.add(listed.registered_models)
        if models.rejected:
            yield Records((), models.rejected)
        for page in self._api.versions(start) if models.aliases or models.rejected else ():
            self._leave_if_stopped()
            unknown = logged_models_without_run(page.model_versions, models.aliases)
            source_runs = self._api.source_runs(self._all_experiments(), unknown) if unknown else {}
            yield version_records(self._site, page.model_versions, models, source_runs)

    def _all_experiments(self) -> Sequence[str]:
        """A search for runs must name the experiments: a version's run may be in any."""
        return [entity.ref.id for entity in _experiments_of(self._listing("models"))]

    def _listing(self, stream: str) -> Records:
        """The experiments as this round's stream `experiments` listed them, else listed now."""
        if stream not in self._listed:
            self._listed[stream] = self._list_experiments()
        return self._listed[stream]

    def _list_experiments(self) -> Records:
        entities: list[Entity] = []
        rejected: list[Rejected] = []
        for page in self._api.experiments():
            self._leave_if_stopped()
            records = experiment_records(self._site, page.experiments)
            entities += records.entities
            rejected += records.rejected
        return Records(entities, rejected)

    def _leave_if_stopped(self) -> None:
        if self._stop.is_set():
            raise Cancelled


def _batch(records: Records, cursor: str | None = None) -> Batch:
    return Batch(entities=records.entities, rejected=records.rejected, cursor=cursor)


def _experiments_of(records: Records) -> Sequence[Experiment]:
    return [entity for entity in records.entities if isinstance(entity, Experiment)]


def _runs_of(records: Records) -> Sequence[Run]:
    return [entity for entity in records.entities if isinstance(entity, Run)]


def _runs_behind_aliases(records: Records) -> set[str]:
    versions = (entity for entity in records.entities if isinstance(entity, ModelVersion))
    return {version.run.id for version in versions if version.aliases and version.run is not None}


def _note(records: Records, running: dict[str, int]) -> set[str]:
    """Brings `running` up to date with these records. The ids of their runs."""
    seen = set()
    for run in _runs_of(records):
        seen.add(run.run_id)
        if run.status in _UNDER_WAY:
            running[run.run_id] = _milliseconds(run.started_at)
        else:
            running.pop(run.run_id, None)
    return seen


def _milliseconds(moment: datetime | None) -> int:
    return 0 if moment is None else (moment - _EPOCH) // timedelta(milliseconds=1)


def _now() -> int:
    return time.time_ns() // 1_000_000
