"""Direct reads of one object."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import quote

import msgspec

from connectors.errors import NotFound
from connectors.mlflow.api import MlflowApi, Refusal
from mappings.mlflow import Site, experiment_records, logged_models_without_run, run_records, single_version
from mappings.mlflow_records import LoggedModelRecord
from mappings.model import Entity, Missing, Ref

_GONE = "RESOURCE_DOES_NOT_EXIST"


class _RunAnswer(msgspec.Struct):
    run: msgspec.Raw


class _ExperimentAnswer(msgspec.Struct):
    experiment: msgspec.Raw


class _VersionAnswer(msgspec.Struct):
    model_version: msgspec.Raw


class _LoggedModelAnswer(msgspec.Struct):
    model: LoggedModelRecord


def read_one(api: MlflowApi, site: Site, ref: Ref) -> Sequence[Entity | Missing]:
    """The object as it is now, `Missing` if MLflow says that it does not exist or was deleted, nothing if it says something else.

    MLflow refuses what an account may not see with another code than what does not exist, so its word for the latter is proof.
    A dataset cannot be read: MLflow knows it only as the input of runs.
    """
    match ref.kind:
        case "run":
            return _read_run(api, site, ref)
        case "experiment":
            return _read_experiment(api, site, ref)
        case "model_version":
            return _read_version(api, site, ref)
        case _:
            return []


def _read_run(api: MlflowApi, site: Site, ref: Ref) -> Sequence[Entity | Missing]:
    answer = api.single("runs/get", {"run_id": ref.id}, _RunAnswer)
    if isinstance(answer, Refusal):
        return _missing(ref, answer)
    records = run_records(site, [answer.run])
    # What is neither translated nor rejected was left out because it is deleted.
    return _only(ref, records.entities) if records.entities or records.rejected else [Missing(ref=ref)]


def _read_experiment(api: MlflowApi, site: Site, ref: Ref) -> Sequence[Entity | Missing]:
    answer = api.single("experiments/get", {"experiment_id": ref.id}, _ExperimentAnswer)
    if isinstance(answer, Refusal):
        return _missing(ref, answer)
    records = experiment_records(site, [answer.experiment])
    return _only(ref, records.entities) if records.entities or records.rejected else [Missing(ref=ref)]


def _read_version(api: MlflowApi, site: Site, ref: Ref) -> Sequence[Entity | Missing]:
    name, _, version = ref.id.rpartition("/")
    answer = api.single("model-versions/get", {"name": name, "version": version}, _VersionAnswer)
    if isinstance(answer, Refusal):
        return _missing(ref, answer)
    return _only(ref, single_version(site, answer.model_version, _source_runs(api, name, answer.model_version)).entities)


def _source_runs(api: MlflowApi, name: str, version: msgspec.Raw) -> Mapping[str, str]:
    found = {}
    for model_id in logged_models_without_run([version], {name}):
        try:
            answer = api.single(f"logged-models/{quote(model_id, safe='')}", {}, _LoggedModelAnswer)
        except NotFound:
            continue  # a server before 3.0 knows no logged models
        if isinstance(answer, _LoggedModelAnswer) and answer.model.info.source_run_id:
            found[model_id] = answer.model.info.source_run_id
    return found


def _missing(ref: Ref, refusal: Refusal) -> Sequence[Missing]:
    return [Missing(ref=ref)] if refusal.error_code == _GONE else []


def _only(ref: Ref, entities: Sequence[Entity]) -> Sequence[Entity]:
    return [entity for entity in entities if entity.ref == ref]
