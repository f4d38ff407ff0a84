"""Direct reads of one object. That Azure finds nothing proves that it is gone only while the workspace or registry can be read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import cast

import msgspec

from connectors.azureml.api import AzureApi
from connectors.azureml.endpoints import KINDS, read_deployments
from connectors.azureml.history import RunHistory
from connectors.azureml.monitors import judge
from connectors.azureml.options import RegistryOptions
from mappings.azureml import data_version_records, job_records, model_version_records
from mappings.azureml_endpoints import EndpointKind, read_endpoint
from mappings.azureml_monitors import monitors, schedule_named_in
from mappings.azureml_names import Site
from mappings.model import Entity, Missing, Ref, Run


class DirectReads:
    """Those of one `read`: what proves that nothing is hidden is asked once."""

    def __init__(self, api: AzureApi, history: RunHistory, site: Site, registries: Sequence[RegistryOptions]) -> None:
        self._api = api
        self._history = history
        self._site = site
        self._registries = {registry.name.lower(): registry for registry in registries}
        self._proven: set[str] = set()
        self._by_kind: Mapping[str, Callable[[Ref], Sequence[Entity | Missing]]] = {
            "run": self._run,
            "model_version": self._model_version,
            "dataset": self._dataset,
            "deployment": self._deployment,
            "observation": self._observation,
        }

    def read(self, ref: Ref) -> Sequence[Entity | Missing]:
        """The object as it is now, `Missing` if it is proven gone, nothing if it cannot be told. Raises what the requests do."""
        one = self._by_kind.get(ref.kind)
        return one(ref) if one is not None else []

    def _run(self, ref: Ref) -> Sequence[Entity | Missing]:
        raw = self._api.single("jobs", ref.id)
        return self._only(ref, job_records(self._site, [raw]).entities) if raw is not None else self._gone(ref)

    def _model_version(self, ref: Ref) -> Sequence[Entity | Missing]:
        parts = ref.id.split("/")
        registry = self._registries.get(parts[1]) if len(parts) == 4 and parts[0] == "registries" else None
        if len(parts) != 2 and registry is None:
            return []
        name, version = parts[-2:]
        raw = self._api.single("models", name, "versions", version, registry=registry)
        if raw is None:
            return self._gone(ref, registry)
        records = model_version_records(self._site, name, [raw], registry.name if registry is not None else None)
        return self._only(ref, records.entities)

    def _dataset(self, ref: Ref) -> Sequence[Entity | Missing]:
        name, apart, version = ref.id.partition("/")
        if not apart:
            return []
        raw = self._api.single("data", name, "versions", version)
        return self._only(ref, data_version_records(self._site, name, [raw]).entities) if raw is not None else self._gone(ref)

    def _deployment(self, ref: Ref) -> Sequence[Entity | Missing]:
        kind, apart, name = ref.id.partition("/")
        if kind not in KINDS or not apart:
            return []
        raw = self._api.single(f"{kind}Endpoints", name)
        if raw is None:
            return self._gone(ref)
        try:
            endpoint = read_endpoint(raw)
        except (msgspec.DecodeError, UnicodeError, ValueError):
            return []
        return self._only(ref, read_deployments(self._api, self._site, cast(EndpointKind, kind), endpoint).entities)

    def _observation(self, ref: Ref) -> Sequence[Entity | Missing]:
        """What a monitor found is gone with the run or the monitor itself, or when the signal is none of its own any more."""
        name, apart, _ = ref.id.partition("/")
        raw = self._api.single("jobs", name) if apart else None
        if raw is None:
            return self._gone(ref) if apart else []
        runs = [one for one in job_records(self._site, [raw]).entities if isinstance(one, Run)]
        schedule = schedule_named_in(runs[0].name) if runs else None
        if schedule is None:
            return []
        raw_schedule = self._api.single("schedules", schedule)
        if raw_schedule is None:
            return self._gone(ref)
        found, rejected = monitors(self._site, [raw_schedule])
        said = judge(self._site, self._history, {one.name: one for one in found}, runs[0])
        return self._only(ref, said) or ([] if rejected else self._gone(ref))

    def _only(self, ref: Ref, entities: Sequence[Entity]) -> Sequence[Entity]:
        return [entity for entity in entities if entity.ref == ref]

    def _gone(self, ref: Ref, registry: RegistryOptions | None = None) -> Sequence[Missing]:
        whose = registry.name if registry is not None else ""
        if whose not in self._proven:
            self._api.prove_access(registry)
            self._proven.add(whose)
        return [Missing(ref=ref)]
