"""MLflow's connector passes the conformance suite, against a real tracking server."""

from __future__ import annotations

import sqlite3
import time
import uuid
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import httpx
import pytest

from connectors.base import Options
from connectors.conformance import Asked, ReaderConformance, Source
from connectors.conformance.desk import NAME, Desk
from connectors.conformance.faults import says_instead, with_records
from connectors.mlflow import CONNECTION
from connectors.mlflow.options import MlflowScope, MlflowSecrets
from mappings.model import Ref
from sandbox.mlflow.server import RunningServer

FIRST = 7
HOUR = 3_600_000
LONG_AGO = 1_767_225_600_000
BY_HAND = 50
"""More runs than these are put into the server's database."""


class MlflowSource(Source):
    connection = CONNECTION
    paged = frozenset(CONNECTION.streams)
    page_parameter = "max_results"

    def __init__(self, server: RunningServer, client: httpx.Client) -> None:
        self.url = server.url
        self._store = server.folder / "mlflow.db"
        self._client = client
        self._name = f"c{uuid.uuid4().hex[:8]}"
        self.scope = MlflowScope(experiments=(f"{self._name}-*",), models=(f"{self._name}-*",))
        self._home = str(self._post("experiments/create", name=f"{self._name}-home")["experiment_id"])
        self._model = str(self._post("registered-models/create", name=f"{self._name}-model")["registered_model"]["name"])
        self._added = 0

    def secrets(self) -> Options:
        return MlflowSecrets.model_validate({"token": "not-a-real-token-of-anybody"})

    def add(self, stream: str, count: int) -> None:
        if stream == "runs" and count > BY_HAND:
            self._insert_runs(count)
            return
        for _ in range(count):
            self._added += 1
            match stream:
                case "experiments":
                    self._post("experiments/create", name=f"{self._name}-{self._added}")
                case "runs":
                    run = self._post("runs/create", experiment_id=self._home, start_time=self._moment())["run"]["info"]["run_id"]
                    self._post("runs/update", run_id=run, status="FINISHED", end_time=self._moment())
                case "models":
                    self._post("model-versions/create", name=self._model, source="s3://bucket/model")

    def add_model(self) -> str:
        """A registered model with one version. Its name."""
        name = f"{self._name}-{uuid.uuid4().hex[:8]}"
        self._post("registered-models/create", name=name)
        self._post("model-versions/create", name=name, source="s3://bucket/model")
        return name

    def _moment(self) -> int:
        """The first few lie apart, further than a pull overlaps with the one before."""
        return LONG_AGO + 2 * HOUR * self._added if self._added <= FIRST * len(CONNECTION.streams) else int(time.time() * 1000)

    def _insert_runs(self, count: int) -> None:
        columns = "run_uuid, start_time, end_time, experiment_id, name, status, lifecycle_stage, artifact_uri, source_type, user_id"
        same = (self._home, "run", "FINISHED", "active", "s3://bucket", "UNKNOWN", "ada")
        rows = [(uuid.uuid4().hex, LONG_AGO + n, LONG_AGO + n, *same) for n in range(count)]
        with closing(sqlite3.connect(self._store, timeout=30)) as store, store:
            store.executemany(f"INSERT INTO runs ({columns}) VALUES ({', '.join('?' * len(rows[0]))})", rows)

    def remove(self, ref: Ref) -> bool:
        match ref.kind:
            case "run":
                self._post("runs/delete", run_id=ref.id)
            case "experiment":
                if ref.id == self._home:
                    return False
                self._post("experiments/delete", experiment_id=ref.id)
            case "model_version":
                name, _, version = ref.id.rpartition("/")
                self._request("DELETE", "model-versions/delete", name=name, version=version)
            case _:
                return False
        return True

    def lists(self, stream: str, asked: Asked) -> bool:
        return asked.path.endswith({"models": "/model-versions/search"}.get(stream, f"/{stream}/search"))

    def reads(self, asked: Asked) -> bool:
        return super().reads(asked) or asked.path.endswith("/search")

    def _post(self, path: str, **body: Any) -> Any:
        return self._request("POST", path, **body)

    def _request(self, method: str, path: str, **body: Any) -> Any:
        response = self._client.request(method, f"{self.url}/api/2.0/mlflow/{path}", json=body)
        assert response.status_code == 200, response.text
        return response.json()


@pytest.fixture(scope="class")
def source(mlflow_server: RunningServer) -> Iterator[Source]:
    with httpx.Client(timeout=30, trust_env=False) as client:
        made = MlflowSource(mlflow_server, client)
        for stream in CONNECTION.streams:
            made.add(stream, FIRST)
        yield made


class TestReader(ReaderConformance):
    kind = MlflowSource
    principal = "runs"

    def test_a_registered_model_that_makes_no_sense_costs_no_other(self, desk: Desk, source: MlflowSource) -> None:
        """Of its own versions it is not known which are released: they are set aside, and stay as they were."""
        everything = desk.all_of("models")
        other = source.add_model()

        def spoil(records: list[Any]) -> list[Any]:
            return [{**record, "aliases": [[]]} if record["name"] != other else record for record in records]

        desk.proxy.fault(
            lambda asked: asked.path.endswith("/registered-models/search"), says_instead(lambda page: with_records(page, spoil))
        )
        pulled = desk.pull("models")
        assert pulled.error is None
        assert pulled.complete
        assert pulled.refs == {Ref(NAME, "model_version", f"{other}/1")}
        set_aside = {rejected.id for batch in pulled.batches for rejected in batch.rejected if rejected.kind == "model_version"}
        assert set_aside == {ref.id for ref in everything}
