"""The shapes of MLflow's records, as its REST API 2.0 answers (server 3.17; older ones leave fields out).

Decode them with `strict=False`: some servers write int64 as strings.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec


class _Record(msgspec.Struct, gc=False, frozen=True):
    pass


class Pair(_Record, frozen=True):
    """A tag or parameter."""

    key: str
    value: str = ""


class Metric(_Record, frozen=True):
    key: str
    value: float | str | None = None
    timestamp: int = 0
    step: int = 0


class RunInfo(_Record, frozen=True):
    """Servers before 1.0 say `run_uuid` only."""

    experiment_id: str | int
    run_id: str = ""
    run_uuid: str = ""
    run_name: str | None = None
    status: str | int | None = None
    start_time: int | None = None
    end_time: int | None = None
    lifecycle_stage: str | None = None


class RunData(_Record, frozen=True):
    metrics: Sequence[Metric] = ()
    params: Sequence[Pair] = ()
    tags: Sequence[Pair] = ()


class DatasetRecord(_Record, frozen=True):
    """`source` is JSON whose shape `source_type` decides."""

    name: str
    digest: str
    source_type: str | None = None
    source: str | None = None


class DatasetInput(_Record, frozen=True):
    dataset: DatasetRecord
    tags: Sequence[Pair] = ()


class ModelInput(_Record, frozen=True):
    model_id: str


class RunInputs(_Record, frozen=True):
    dataset_inputs: Sequence[DatasetInput] = ()
    model_inputs: Sequence[ModelInput] = ()


class RunRecord(_Record, frozen=True):
    info: RunInfo
    data: RunData = RunData()
    inputs: RunInputs = RunInputs()


class ExperimentRecord(_Record, frozen=True):
    experiment_id: str | int
    name: str
    lifecycle_stage: str | None = None
    creation_time: int | None = None
    last_update_time: int | None = None
    tags: Sequence[Pair] = ()


class AliasRecord(_Record, frozen=True):
    alias: str
    version: str | int


class RegisteredModelRecord(_Record, frozen=True):
    name: str
    aliases: Sequence[AliasRecord] = ()


class VersionRecord(_Record, frozen=True):
    """`aliases` is there in the answer about one version only; a search leaves it out."""

    name: str
    version: str | int
    creation_timestamp: int | None = None
    last_updated_timestamp: int | None = None
    source: str | None = None
    run_id: str | None = None
    status: str | None = None
    model_id: str | None = None
    tags: Sequence[Pair] = ()
    aliases: Sequence[str] = ()


class LoggedModelInfo(_Record, frozen=True):
    model_id: str
    source_run_id: str | None = None


class LoggedModelRecord(_Record, frozen=True):
    info: LoggedModelInfo
