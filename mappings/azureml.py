"""Azure Machine Learning's jobs, models and data assets as entities.

Each record is decoded on its own, so that one that makes no sense is `Rejected` and the others are kept. A job is a run, under
the id that MLflow knows it by as well. Azure Resource Manager tells of a job neither metrics nor when it ended.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec

from mappings.azureml_names import Asset, Site, public
from mappings.azureml_records import (
    DataVersionRecord,
    JobInput,
    JobProperties,
    JobRecord,
    ModelVersionProperties,
    ModelVersionRecord,
    Scalar,
    SystemData,
    Texts,
)
from mappings.decoding import decoder_for
from mappings.model import Dataset, DatasetUse, Entity, ModelVersion, Rejected, Run, RunStatus
from mappings.moments import utc
from mappings.redaction import redacted
from mappings.tags import approval_in, data_as_of

T = TypeVar("T")
R = TypeVar("R")

_STATUSES: Mapping[str, RunStatus] = {
    "notstarted": "scheduled",
    "starting": "scheduled",
    "provisioning": "scheduled",
    "preparing": "scheduled",
    "queued": "scheduled",
    "paused": "scheduled",
    "running": "running",
    "finalizing": "running",
    "cancelrequested": "running",
    "completed": "finished",
    "failed": "failed",
    "canceled": "killed",
}
_COMMIT = ("mlflow.source.git.commit", "azureml.git.commit")
_REPOSITORY = ("mlflow.source.git.repoURL", "azureml.git.repository_uri")
_RUN_IN_ADDRESS = re.compile(r"(?:runs:/|azureml://jobs/|.*/dcid\.)(?P<run>[\w.-]+)(?:/.*)?")
_PRIVATE_ADDRESS = re.compile(r"https?://(?:[^/\s]*@|.*[?&]sig=)", re.IGNORECASE)
_OTHER_ROLES = frozenset({"validation", "val", "test", "evaluation", "eval", "reference", "baseline", "production", "target"})
_LONGEST_ID = 1000


class Records(msgspec.Struct, frozen=True):
    """What became of some records."""

    entities: Sequence[Entity]
    rejected: Sequence[Rejected] = ()


def job_records(site: Site, records: Iterable[msgspec.Raw]) -> Records:
    """The jobs as runs."""
    return Records(*each(records, "run", _job_decoder, lambda record: job(site, record)))


def model_version_records(site: Site, name: str, records: Iterable[msgspec.Raw], registry: str | None = None) -> Records:
    """The versions of the model `name`, of the workspace or of a registry."""

    def translate(record: ModelVersionRecord) -> ModelVersion:
        return _model_version(site, site.asset("models", name, _known("version", record.name), registry), record)

    return Records(*each(records, "model_version", _model_decoder, translate))


def data_version_records(site: Site, name: str, records: Iterable[msgspec.Raw]) -> Records:
    """The versions of the data asset `name`."""

    def translate(record: DataVersionRecord) -> Dataset:
        return _dataset(site, site.asset("data", name, _known("version", record.name)), record)

    return Records(*each(records, "dataset", _data_decoder, translate))


def job(site: Site, record: JobRecord) -> Run:
    """A job as a run."""
    ident, said = _known("job name", record.name), record.properties
    properties, tags = texts(said.properties), texts(said.tags)
    created, _ = times(record.system_data)
    return Run(
        ref=site.ref("run", ident),
        url=_studio(said) or site.page(f"runs/{quote(ident, safe='')}"),
        created_at=created,
        run_id=ident,
        name=said.display_name or None,
        experiment=said.experiment_name or "Default",
        status=_STATUSES.get((said.status or "").lower(), "unknown"),
        params=_params(said),
        tells_metrics=False,
        tags=tags,
        git_commit=_first(properties, _COMMIT) or _first(tags, _COMMIT),
        git_repository=_repository(properties) or _repository(tags),
        datasets=_uses(site, said, tags),
        models=_models(site, said),
        started_at=created,
        framework=tags.get("mlflow.autologging") or None,
        artifacts=tuple(sorted({site.place(one.uri) for one in (said.outputs or {}).values() if one is not None and one.uri})),
    )


def each(
    records: Iterable[msgspec.Raw], kind: str, decoder: msgspec.json.Decoder[T], translate: Callable[[T], R]
) -> tuple[list[R], list[Rejected]]:
    """What `translate` makes of each record, and those that make no sense."""
    translated: list[R] = []
    rejected: list[Rejected] = []
    for raw in records:
        try:
            translated.append(translate(decoder.decode(raw)))
        except (msgspec.DecodeError, UnicodeError, ValueError, OverflowError, RecursionError) as error:
            rejected.append(Rejected(kind=kind, id=_id_of(raw), reason=str(error), payload=redacted(bytes(raw))))
    return translated, rejected


def texts(said: Texts) -> dict[str, str]:
    """Tags or properties by name, in order; what has no value is left out."""
    return {name: _text(value) for name, value in sorted((said or {}).items()) if value is not None}


def times(said: SystemData | None) -> tuple[datetime | None, datetime | None]:
    """When it was made and last changed, in UTC."""
    return (None, None) if said is None else (utc(said.created_at), utc(said.last_modified_at))


def _model_version(site: Site, asset: Asset, record: ModelVersionRecord) -> ModelVersion:
    said = record.properties
    tags, properties = texts(said.tags), texts(said.properties)
    created, changed = times(record.system_data)
    assert asset.ref is not None, "an asset of the workspace or of a registry has a ref"
    run = _source_run(said)
    return ModelVersion(
        ref=asset.ref,
        url=site.page(f"model/{quote(asset.name, safe='')}:{quote(asset.version, safe='')}/details"),
        created_at=created,
        updated_at=changed,
        name=asset.name,
        version=asset.version,
        aliases=(said.stage,) if said.stage else (),
        tags=tags,
        run=site.ref("run", run) if run else None,
        approval=approval_in(tags),
        status="archived" if said.is_archived else (said.provisioning_state or None),
        artifact_uri=site.place(said.model_uri) if said.model_uri else None,
        cloud_id=asset.cloud_id,
        flavors=tuple(sorted(said.flavors or ())),
        git_commit=_first(properties, _COMMIT) or _first(tags, _COMMIT),
        git_repository=_repository(properties) or _repository(tags),
    )


def _dataset(site: Site, asset: Asset, record: DataVersionRecord) -> Dataset:
    said = record.properties
    tags = texts(said.tags)
    created, changed = times(record.system_data)
    assert asset.ref is not None, "an asset of the workspace has a ref"
    return Dataset(
        ref=asset.ref,
        url=site.page(f"data/{quote(asset.name, safe='')}/{quote(asset.version, safe='')}/details"),
        created_at=created,
        updated_at=changed,
        name=asset.name,
        digest=asset.version,
        origin=public(said.data_uri) if said.data_uri else None,
        tags=tags,
        as_of=data_as_of(tags),
    )


def _source_run(said: ModelVersionProperties) -> str | None:
    """The job that made a version: named, or in an address such as `azureml://jobs/<job>/outputs/…` or `runs:/<run>/model`."""
    if said.job_name:
        return said.job_name
    found = _RUN_IN_ADDRESS.fullmatch(said.model_uri or "")
    return found["run"] if found else None


def _params(said: JobProperties) -> dict[str, str]:
    inputs = sorted((said.inputs or {}).items())
    return {name: _text(one.value) for name, one in inputs if one is not None and one.uri is None and one.value is not None}


def _uses(site: Site, said: JobProperties, tags: Mapping[str, str]) -> tuple[DatasetUse, ...]:
    """The data assets among the inputs. What an input is called tells what it is for, as MLflow's context does."""
    found = []
    for name, one in sorted((said.inputs or {}).items()):
        asset = site.asset_at(one.uri, "data") if one is not None and one.uri and not _is_model(one) else None
        if asset is not None and asset.ref is not None:
            found.append(DatasetUse(dataset=asset.ref, context=_role(name), as_of=data_as_of(tags)))
    return tuple(found)


def _is_model(said: JobInput) -> bool:
    return (said.job_input_type or "").lower().endswith("_model")


def _role(name: str) -> str | None:
    """Inputs have free names: those that speak of another use than training say so, the others leave it open."""
    words = re.split(r"[^a-z]+", name.lower())
    return next((word for word in words if word in _OTHER_ROLES), None)


def _models(site: Site, said: JobProperties) -> tuple[str, ...]:
    """The registered models that a job took as input, as `<name>/<version>`."""
    taken = (one.uri for one in (said.inputs or {}).values() if one is not None and one.uri and _is_model(one))
    assets = (site.asset_at(uri, "models") for uri in taken)
    return tuple(sorted({f"{asset.name}/{asset.version}" for asset in assets if asset is not None}))


def _studio(said: JobProperties) -> str | None:
    service = (said.services or {}).get("Studio")
    address = service.endpoint if service is not None else None
    return address if address and address.startswith("https://") else None


def _repository(said: Mapping[str, str]) -> str | None:
    address = _first(said, _REPOSITORY)
    return public(address) if address else None


def _first(said: Mapping[str, str], names: Sequence[str]) -> str | None:
    return next((said[name] for name in names if said.get(name)), None)


def _text(value: Scalar) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    text = value if isinstance(value, str) else format(value, "g") if isinstance(value, float) else str(value)
    return public(text) if _PRIVATE_ADDRESS.match(text) else text


def _known(what: str, text: str) -> str:
    if not text:
        raise ValueError(f"no {what}")
    return text


def _id_of(raw: msgspec.Raw) -> str:
    """As much of an id as a record that could not be read still gives."""
    try:
        record: Any = msgspec.json.decode(raw)
        return str(record.get("id") or record["name"])[:_LONGEST_ID]
    except (msgspec.DecodeError, UnicodeError, RecursionError, AttributeError, TypeError, LookupError):
        return ""


_job_decoder = decoder_for(JobRecord, strict=False)
_model_decoder = decoder_for(ModelVersionRecord, strict=False)
_data_decoder = decoder_for(DataVersionRecord, strict=False)
