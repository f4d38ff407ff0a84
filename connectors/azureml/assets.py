"""Reads the versions of models and data assets. A listing without a name shows no versions and no tags: each name is asked for."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import Literal

import msgspec

from connectors.azureml.api import AzureApi
from connectors.azureml.options import RegistryOptions
from connectors.base import Batch
from connectors.errors import Cancelled, NotFound
from connectors.globs import matches
from mappings.azureml import data_version_records, each, model_version_records
from mappings.azureml_names import Site
from mappings.azureml_records import ContainerRecord
from mappings.decoding import decoder_for
from mappings.model import Rejected

_container_decoder = decoder_for(ContainerRecord, strict=False)


def pull_models(
    api: AzureApi, site: Site, globs: Sequence[str], registries: Sequence[RegistryOptions], stop: threading.Event
) -> Iterator[Batch]:
    """Every version of the scope's models, archived ones as well, of the workspace and of the registries."""
    for registry in (None, *registries) if globs else ():
        names, rejected = asset_names(api, "models", registry)
        yield Batch(rejected=rejected)
        for name in (name for name in names if matches(name, globs)):
            for page in _versions(api, "models", name, registry, stop):
                records = model_version_records(site, name, page, registry.name if registry is not None else None)
                yield Batch(entities=records.entities, rejected=records.rejected)
    yield Batch(complete=True)


def pull_data(api: AzureApi, site: Site, globs: Sequence[str], stop: threading.Event) -> Iterator[Batch]:
    """Every version of the scope's data assets, archived ones as well."""
    names, rejected = asset_names(api, "data") if globs else ([], [])
    yield Batch(rejected=rejected)
    for name in (name for name in names if matches(name, globs)):
        for page in _versions(api, "data", name, None, stop):
            records = data_version_records(site, name, page)
            yield Batch(entities=records.entities, rejected=records.rejected)
    yield Batch(complete=True)


def asset_names(
    api: AzureApi, kind: Literal["models", "data"], registry: RegistryOptions | None = None
) -> tuple[Sequence[str], Sequence[Rejected]]:
    """The names of all models or data assets, and what is listed among them and has none."""
    entity = {"models": "model_version", "data": "dataset"}[kind]
    raws = [raw for page in api.collection(kind, registry=registry, listViewType="All") for raw in page.value]
    records, rejected = each(raws, entity, _container_decoder, lambda record: record.name)
    return list(dict.fromkeys(records)), rejected


def _versions(
    api: AzureApi, kind: str, name: str, registry: RegistryOptions | None, stop: threading.Event
) -> Iterator[Sequence[msgspec.Raw]]:
    try:
        for page in api.collection(kind, name, "versions", registry=registry, listViewType="All"):
            if stop.is_set():
                raise Cancelled
            yield page.value
    except NotFound:
        # Deleted since it was listed, unless it is still there: then something else is wrong.
        if api.single(kind, name, registry=registry) is not None:
            raise
