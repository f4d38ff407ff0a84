"""What only the registry leads to, on a real MLflow: it leaves when no alias leads to it, and nothing of it stays unknown."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from connectors.mlflow import CONNECTION
from connectors.mlflow.options import MlflowOptions, MlflowScope, MlflowSecrets
from mappings.change import Owned
from sandbox.mlflow.server import RunningServer
from sync.pull import PullLimits, Scope, Source, pull_all
from sync.store import entities
from sync.store.connect import Database


class Laboratory:
    """A team's models, whose runs are in an experiment that is not in the project's scope; and the pulls of that scope."""

    def __init__(self, database: Database, url: str, client: httpx.Client) -> None:
        self.database = database
        self.name = f"t{uuid.uuid4().hex[:8]}"
        self._root = f"{url}/api/2.0/mlflow/"
        self._client = client
        scope = Scope(
            options=MlflowScope(experiments=(f"{self.name}-mine",), models=(f"{self.name}-*",)), hash="a.b", label="churn"
        )
        self.source = Source(
            name="mlflow",
            connection=CONNECTION,
            options=MlflowOptions(url=url),
            secrets=MlflowSecrets,
            owned=Owned(),
            scopes=(scope,),
        )
        self.elsewhere = self.experiment("elsewhere")

    def post(self, path: str, **body: Any) -> Any:
        response = self._client.post(self._root + path, json=body)
        assert response.status_code == 200, response.text
        return response.json()

    def experiment(self, name: str) -> str:
        return str(self.post("experiments/create", name=f"{self.name}-{name}")["experiment_id"])

    def model(self) -> str:
        return str(self.post("registered-models/create", name=f"{self.name}-model")["registered_model"]["name"])

    def train(self, model: str, version: int, experiment: str | None = None) -> str:
        """A run with a data set of its own, and the version registered from it."""
        started = int(time.time() * 1000)
        run = self.post("runs/create", experiment_id=experiment or self.elsewhere, start_time=started)["run"]["info"]["run_id"]
        self.post("runs/update", run_id=run, status="FINISHED", end_time=started)
        data = {"name": f"data-{version}", "digest": f"d{version}", "source_type": "local", "source": "data.csv"}
        self.post("runs/log-inputs", run_id=run, datasets=[{"dataset": data}])
        self.post("model-versions/create", name=model, source="s3://bucket/m", run_id=run)
        return str(run)

    def serve(self, model: str, version: int) -> None:
        self.post("registered-models/alias", name=model, alias="champion", version=str(version))

    def pull(self) -> None:
        pulled = pull_all(
            self.database,
            [self.source],
            PullLimits(full_every=timedelta(), max_deletes=0.9, wait=timedelta()),
            run_id=uuid.uuid4().hex,
            report=lambda event: None,
            stop=threading.Event(),
        )
        assert list(pulled["mlflow"].findings) == []

    def members(self, kind: str) -> set[str]:
        with self.database.read() as tx:
            loaded = entities.load(tx, self.source.keys(self.source.scopes[0]))
        return {one.ref.id for one in loaded if one.ref.kind == kind}

    def missing(self) -> set[str]:
        with self.database.read() as tx:
            return {str(ref) for ref in entities.missing(tx, self.source.keys(self.source.scopes[0]))}


@pytest.fixture
def laboratory(database: Database, mlflow_server: RunningServer) -> Iterator[Laboratory]:
    with httpx.Client(timeout=30, trust_env=False) as client:
        yield Laboratory(database, mlflow_server.url, client)


def test_a_run_elsewhere_leaves_with_its_data_when_another_version_is_served(laboratory: Laboratory) -> None:
    model = laboratory.model()
    old, new = laboratory.train(model, 1), laboratory.train(model, 2)
    laboratory.serve(model, 1)
    laboratory.pull()
    assert (laboratory.members("run"), laboratory.members("dataset")) == ({old}, {"data-1@d1"})
    laboratory.serve(model, 2)
    laboratory.pull()
    assert (laboratory.members("run"), laboratory.members("dataset")) == ({new}, {"data-2@d2"})
    assert laboratory.members("model_version") == {f"{model}/1", f"{model}/2"}
    assert laboratory.missing() == set()


def test_a_renamed_experiment_leaves_with_its_runs_and_their_data(laboratory: Laboratory) -> None:
    mine = laboratory.experiment("mine")
    run = laboratory.train(laboratory.model(), 1, mine)
    laboratory.pull()
    assert (laboratory.members("experiment"), laboratory.members("run")) == ({mine}, {run})
    laboratory.post("experiments/update", experiment_id=mine, new_name=f"{laboratory.name}-theirs")
    laboratory.pull()
    assert [laboratory.members(kind) for kind in ("experiment", "run", "dataset")] == [set(), set(), set()]
    assert laboratory.missing() == set()


def test_a_renamed_model_leaves_nothing_of_its_old_name(laboratory: Laboratory) -> None:
    model = laboratory.model()
    run = laboratory.train(model, 1)
    laboratory.serve(model, 1)
    laboratory.pull()
    laboratory.post("registered-models/rename", name=model, new_name=f"{model}-2")
    laboratory.pull()
    assert (laboratory.members("model_version"), laboratory.members("run")) == ({f"{model}-2/1"}, {run})
    assert laboratory.missing() == set()
    laboratory.post("registered-models/rename", name=f"{model}-2", new_name=f"theirs-{model}")
    laboratory.pull()
    assert [laboratory.members(kind) for kind in ("model_version", "run", "dataset")] == [set(), set(), set()]
    assert laboratory.missing() == set()
