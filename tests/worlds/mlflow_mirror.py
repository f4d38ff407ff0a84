"""A world's models on a real MLflow server, written through its REST API, and read by the real connector."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import httpx
import msgspec

from connectors.base import Connection
from connectors.mlflow import CONNECTION
from connectors.mlflow.options import MlflowOptions
from tests.worlds.facts import Run, Use, Version
from tests.worlds.registry import Registry


class Mirror:
    """Brings the server to what the registry says, under names that no other world uses. Nothing is ever deleted."""

    def __init__(self, url: str, client: httpx.Client, registry: Registry) -> None:
        self.prefix = f"w{uuid.uuid4().hex[:8]}"
        self._url = url
        self._client = client
        self._registry = registry
        self._experiments: dict[str, str] = {}
        self._runs: dict[str, str] = {}
        self._written: dict[str, Run | Version] = {}

    def connection(self) -> Connection:
        here = self._url

        class Here(MlflowOptions):
            url: str = here

        return msgspec.structs.replace(CONNECTION, options=Here)

    def scope(self) -> Mapping[str, Any]:
        return {"experiments": [f"{self.prefix}-*"], "models": [f"{self.prefix}-*"]}

    def update(self) -> None:
        for run in self._registry.runs.values():
            if self._written.get(run.id) != run:
                self._write_run(run)
        # An alias is taken away before another version gets it.
        for version in sorted(self._registry.versions.values(), key=lambda one: bool(one.aliases)):
            if self._written.get(version.id) != version:
                self._write_version(version)

    def _write_run(self, run: Run) -> None:
        if run.id not in self._runs:
            self._runs[run.id] = self._start(run)
        if run.ended_at is not None:
            self._send(
                "POST", "runs/update", run_id=self._runs[run.id], status=run.status.upper(), end_time=_milliseconds(run.ended_at)
            )
        self._written[run.id] = run

    def _start(self, run: Run) -> str:
        if run.experiment not in self._experiments:
            made = self._send("POST", "experiments/create", name=f"{self.prefix}-{run.experiment}")
            self._experiments[run.experiment] = made["experiment_id"]
        tags = {
            "mlflow.source.git.commit": run.sha,
            "milepost.issue": run.declared,
            "milepost.model_version": f"{self.prefix}-{run.watches}" if run.watches else None,
            **(run.checks or {}),
        }
        started = self._send(
            "POST",
            "runs/create",
            experiment_id=self._experiments[run.experiment],
            start_time=_milliseconds(run.started_at),
            tags=_pairs(tags),
        )
        ident = str(started["run"]["info"]["run_id"])
        for name, value in (run.metrics or {}).items():
            number = "NaN" if value is None else value
            self._send("POST", "runs/log-metric", run_id=ident, key=name, value=number, timestamp=_milliseconds(run.started_at))
        if run.uses:
            self._send("POST", "runs/log-inputs", run_id=ident, datasets=[_input(use) for use in run.uses])
        return ident

    def _write_version(self, version: Version) -> None:
        name, number = f"{self.prefix}-{version.name}", version.id.rpartition("/")[2]
        before = self._written.get(version.id)
        if before is None:
            if number == "1":
                self._send("POST", "registered-models/create", name=name)
            made = self._send(
                "POST", "model-versions/create", name=name, source="s3://bucket/model", run_id=self._runs[version.run]
            )
            assert made["model_version"]["version"] == number
        had = before.aliases if isinstance(before, Version) else frozenset[str]()
        for alias in had - version.aliases:
            self._send("DELETE", "registered-models/alias", name=name, alias=alias)
        for alias in version.aliases - had:
            self._send("POST", "registered-models/alias", name=name, alias=alias, version=number)
        if version.approval is not None:
            tag = {"key": "approval", "value": version.approval}
            self._send("POST", "model-versions/set-tag", name=name, version=number, **tag)
        elif isinstance(before, Version) and before.approval is not None:
            self._send("DELETE", "model-versions/delete-tag", name=name, version=number, key="approval")
        self._written[version.id] = version

    def _send(self, method: str, path: str, **body: Any) -> Any:
        answer = self._client.request(method, f"{self._url}/api/2.0/mlflow/{path}", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()


def _input(use: Use) -> Mapping[str, Any]:
    dataset = {"name": use.name, "digest": use.digest, "source_type": "http", "source": '{"url": "https://data.example.com/c"}'}
    as_of = use.as_of.isoformat() if use.as_of is not None else None
    return {"dataset": dataset, "tags": _pairs({"mlflow.data.context": use.context, "milepost.data_as_of": as_of})}


def _pairs(texts: Mapping[str, str | None]) -> list[Mapping[str, str]]:
    return [{"key": key, "value": value} for key, value in texts.items() if value is not None]


def _milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
