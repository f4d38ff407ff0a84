"""MLflow's records as entities. Shapes: the answers of MLflow's REST API 2.0, as server 3.17 gives them.

Each record is decoded on its own, so that one that makes no sense is `Rejected` and the others are kept. Reading is lenient where
servers differ: int64 as numbers or strings, NaN bare or as text, absent lists. A run's `experiment` is the experiment's id: names
change. `mlflow.log-model.history` is left out of the tags: a log of kilobytes that repeats what other records say.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec

from mappings.decoding import decoder_for
from mappings.mlflow_records import (
    DatasetInput,
    DatasetRecord,
    ExperimentRecord,
    RegisteredModelRecord,
    RunRecord,
    VersionRecord,
)
from mappings.mlflow_values import EPOCH, ended, framework, git_repository, metrics, moment, origin, status, texts
from mappings.model import Dataset, DatasetUse, Entity, Experiment, ModelVersion, Ref, Rejected, Run
from mappings.redaction import redacted, without_credentials
from mappings.tags import approval_in, data_as_of

T = TypeVar("T")
R = TypeVar("R")

_LONGEST_ID = 1000
_LOGGED_MODEL = re.compile(r"models:/([^/\s]+)")


class Site(msgspec.Struct, frozen=True):
    """Whose records these are: the source's name in the project file, and its address without a slash at the end."""

    source: str
    url: str

    def ref(self, kind: str, ident: str) -> Ref:
        return Ref(self.source, kind, ident)


class Records(msgspec.Struct, frozen=True):
    """What became of one page."""

    entities: Sequence[Entity]
    rejected: Sequence[Rejected]


class RegisteredModels:
    """The wanted ones of a listing: `aliases` has those of each by version, `rejected` those that made no sense, and what has no
    name that can be read."""

    def __init__(self, is_wanted: Callable[[str], bool]) -> None:
        self.aliases: dict[str, Mapping[str, Sequence[str]]] = {}
        self.rejected: list[Rejected] = []
        self._is_wanted = is_wanted

    def add(self, records: Iterable[msgspec.Raw]) -> None:
        """A page of the listing."""
        models, rejected = _each(records, "registered_model", _model_decoder, lambda record: record)
        self.aliases.update({model.name: _aliases_by_version(model) for model in models if self._is_wanted(model.name)})
        self.rejected += [one for one in rejected if not one.id or self._is_wanted(one.id)]

    def has_lost(self, name: str) -> bool:
        """Whether the model of that name is wanted and may be one of those that made no sense."""
        return name not in self.aliases and self._is_wanted(name) and any(one.id in ("", name) for one in self.rejected)


def standard_json(content: bytes) -> bytes:
    """The same document with bare NaN and Infinity as texts, which JSON has no other word for. What is no JSON stays as it is."""
    try:
        return msgspec.json.encode(json.loads(content, parse_constant=str))
    except (ValueError, RecursionError):
        return content


def run_records(site: Site, records: Iterable[msgspec.Raw]) -> Records:
    """The runs, each after the datasets that it used. A deleted run is left out."""
    seen: set[Ref] = set()
    entities: list[Entity] = []
    runs, rejected = _each(records, "run", _run_decoder, lambda record: None if is_deleted(record) else _run(site, record))
    for run, datasets in runs:
        entities += [dataset for dataset in datasets if dataset.ref not in seen]
        seen.update(dataset.ref for dataset in datasets)
        entities.append(run)
    return Records(entities, rejected)


def experiment_records(site: Site, records: Iterable[msgspec.Raw]) -> Records:
    """The experiments. A deleted one is left out."""
    return Records(
        *_each(records, "experiment", _experiment_decoder, lambda record: None if _deleted(record) else _experiment(site, record))
    )


def version_records(
    site: Site, records: Iterable[msgspec.Raw], models: RegisteredModels, source_runs: Mapping[str, str]
) -> Records:
    """The versions of these models; others are left out. Where a model made no sense, its versions are rejected: without aliases
    they would say that none is released.

    `source_runs` maps a logged model to the run that made it.
    """

    def translate(record: VersionRecord) -> ModelVersion | None:
        if models.has_lost(record.name):
            raise ValueError("its registered model makes no sense: its aliases are not known")
        aliases = models.aliases.get(record.name)
        return None if aliases is None else _version(site, record, aliases.get(str(record.version), ()), source_runs)

    return Records(*_each(records, "model_version", _version_decoder, translate))


def single_version(site: Site, record: msgspec.Raw, source_runs: Mapping[str, str]) -> Records:
    """The one version that a direct read answers with, its aliases included."""
    return Records(
        *_each([record], "model_version", _version_decoder, lambda version: _version(site, version, version.aliases, source_runs))
    )


def logged_model_of(record: VersionRecord) -> str | None:
    """The id of the logged model that the version was registered from: named, or in a source like `models:/m-0123`."""
    if record.model_id:
        return record.model_id
    match = _LOGGED_MODEL.fullmatch(record.source or "")
    return match[1] if match else None


def logged_models_without_run(records: Iterable[msgspec.Raw], names: Container[str]) -> set[str]:
    """The logged models that must be asked for to know which run made these versions of the models `names`."""
    versions, _ = _each(records, "model_version", _version_decoder, lambda record: record)
    return {model for version in versions if version.name in names and not version.run_id and (model := logged_model_of(version))}


def is_deleted(record: RunRecord) -> bool:
    return record.info.lifecycle_stage == "deleted"


def _dataset_id(record: DatasetRecord) -> str:
    return f"{record.name}@{record.digest}"


def _run(site: Site, record: RunRecord) -> tuple[Run, Sequence[Dataset]]:
    """Without `updated_at`: MLflow notes none for runs, and neither start nor end tells which of two readings is newer (a run that
    is resumed loses its end)."""
    info = record.info
    run_id = _known("run id", info.run_id or info.run_uuid)
    experiment = _known("experiment id", str(info.experiment_id))
    tags = texts(record.data.tags)
    uses = [_use(site, used, tags) for used in record.inputs.dataset_inputs]
    run = Run(
        ref=site.ref("run", run_id),
        url=f"{site.url}/#/experiments/{quote(experiment, safe='')}/runs/{quote(run_id, safe='')}",
        created_at=moment(info.start_time),
        run_id=run_id,
        name=info.run_name or tags.get("mlflow.runName"),
        experiment=experiment,
        status=status(info.status),
        params=texts(record.data.params),
        metrics=metrics(record.data.metrics),
        tags=tags,
        git_commit=tags.get("mlflow.source.git.commit") or None,
        git_repository=git_repository(tags),
        datasets=tuple(sorted(set(uses), key=lambda use: (use.dataset, use.context or "", use.as_of or EPOCH))),
        models=tuple(sorted({used.model_id for used in record.inputs.model_inputs})),
        started_at=moment(info.start_time),
        ended_at=ended(info),
        framework=framework(tags),
    )
    return run, [_dataset(site, used.dataset) for used in record.inputs.dataset_inputs]


def _use(site: Site, used: DatasetInput, run_tags: Mapping[str, str]) -> DatasetUse:
    tags = texts(used.tags)
    return DatasetUse(
        dataset=site.ref("dataset", _dataset_id(used.dataset)),
        context=tags.get("mlflow.data.context") or None,
        as_of=data_as_of(tags) or data_as_of(run_tags),
    )


def _dataset(site: Site, record: DatasetRecord) -> Dataset:
    """Of name, digest and source alone: every run that used the data must give the same dataset."""
    return Dataset(
        ref=site.ref("dataset", _dataset_id(record)),
        name=_known("dataset name", record.name),
        digest=_known("dataset digest", record.digest),
        origin=origin(record),
    )


def _experiment(site: Site, record: ExperimentRecord) -> Experiment:
    ident = _known("experiment id", str(record.experiment_id))
    return Experiment(
        ref=site.ref("experiment", ident),
        url=f"{site.url}/#/experiments/{quote(ident, safe='')}",
        created_at=moment(record.creation_time),
        updated_at=moment(record.last_update_time),
        name=record.name,
        tags=texts(record.tags),
    )


def _version(site: Site, record: VersionRecord, aliases: Iterable[str], source_runs: Mapping[str, str]) -> ModelVersion:
    name = _known("model name", record.name)
    version = _known("version", str(record.version))
    tags = texts(record.tags)
    model_id = logged_model_of(record)
    run_id = record.run_id or source_runs.get(model_id or "")
    return ModelVersion(
        ref=site.ref("model_version", f"{name}/{version}"),
        url=f"{site.url}/#/models/{quote(name, safe='')}/versions/{quote(version, safe='')}",
        created_at=moment(record.creation_timestamp),
        updated_at=moment(record.last_updated_timestamp),
        name=name,
        version=version,
        aliases=tuple(sorted(set(aliases))),
        tags=tags,
        run=site.ref("run", run_id) if run_id else None,
        model_id=model_id,
        approval=approval_in(tags),
        status=record.status or None,
        artifact_uri=without_credentials(record.source) if record.source else None,
    )


def _aliases_by_version(model: RegisteredModelRecord) -> Mapping[str, Sequence[str]]:
    """The model's aliases by version."""
    found: dict[str, list[str]] = {}
    for one in model.aliases:
        found.setdefault(str(one.version), []).append(one.alias)
    return found


def _each(
    records: Iterable[msgspec.Raw], kind: str, decoder: msgspec.json.Decoder[T], translate: Callable[[T], R | None]
) -> tuple[list[R], list[Rejected]]:
    translated: list[R] = []
    rejected: list[Rejected] = []
    for raw in records:
        try:
            entity = translate(decoder.decode(raw))
        except (msgspec.DecodeError, UnicodeError, ValueError, OverflowError, RecursionError) as error:
            rejected.append(Rejected(kind=kind, id=_id_of(raw, kind), reason=str(error), payload=redacted(bytes(raw))))
        else:
            if entity is not None:
                translated.append(entity)
    return translated, rejected


def _id_of(raw: msgspec.Raw, kind: str) -> str:
    """As much of an id as a record that could not be read still gives."""
    try:
        record: Any = msgspec.json.decode(raw)
        match kind:
            case "run":
                parts = [record["info"].get("run_id") or record["info"]["run_uuid"]]
            case "experiment":
                parts = [record["experiment_id"]]
            case "registered_model":
                parts = [record["name"] if isinstance(record["name"], str) else ""]
            case _:
                parts = [record["name"], record["version"]]
    except (msgspec.DecodeError, UnicodeError, RecursionError, AttributeError, TypeError, LookupError):
        return ""
    return "/".join(str(part) for part in parts)[:_LONGEST_ID]


def _known(what: str, text: str) -> str:
    if not text:
        raise ValueError(f"no {what}")
    return text


def _deleted(record: ExperimentRecord) -> bool:
    return record.lifecycle_stage == "deleted"


_run_decoder = decoder_for(RunRecord, strict=False)
_experiment_decoder = decoder_for(ExperimentRecord, strict=False)
_model_decoder = decoder_for(RegisteredModelRecord, strict=False)
_version_decoder = decoder_for(VersionRecord, strict=False)
