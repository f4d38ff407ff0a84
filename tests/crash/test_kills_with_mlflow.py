"""The same with a real MLflow server among the sources."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from sandbox.mlflow.server import RunningServer
from tests.crash.plant import MOSTLY_SQLITE, Plant
from tests.crash.test_kills_of_the_process import SYNC, Assassin, Point, outcome

if TYPE_CHECKING:
    from tests.crash.conftest import NewPlant

EXPERIMENT = "parcels"
COMMITS = 70


@pytest.fixture(scope="module")
def trained(mlflow_server: RunningServer) -> RunningServer:
    """Four runs for tickets of the plant, and a version of a model from one of them."""

    def post(path: str, **body: Any) -> Any:
        answer = httpx.post(f"{mlflow_server.url}/api/2.0/mlflow/{path}", json=body, trust_env=False)
        answer.raise_for_status()
        return answer.json()

    experiment = post("experiments/create", name=EXPERIMENT)["experiment_id"]
    for number in range(4):
        tags = [{"key": "milepost.issue", "value": f"OPS-{4 + number % 3}"}]
        run = post("runs/create", experiment_id=experiment, start_time=1_790_000_000_000 + number, tags=tags)["run"]["info"]
        post("runs/log-metric", run_id=run["run_id"], key="val_auc", value=0.9, timestamp=1_790_000_000_000)
        post("runs/update", run_id=run["run_id"], status="FINISHED", end_time=1_790_000_100_000)
    post("registered-models/create", name=EXPERIMENT)
    post("model-versions/create", name=EXPERIMENT, source=f"{run['artifact_uri']}/model", run_id=run["run_id"])
    post("registered-models/alias", name=EXPERIMENT, alias="champion", version="1")
    return mlflow_server


def add_mlflow(plant: Plant, server: RunningServer) -> None:
    plant.add_source("mlflow", {"type": "mlflow", "url": server.url}, {"experiments": [EXPERIMENT], "models": [EXPERIMENT]})


@MOSTLY_SQLITE
def test_killed_at_random_commits(new_plant: NewPlant, database_url: str, trained: RunningServer) -> None:
    luck = random.Random(7)
    with new_plant(database_url) as undisturbed:
        add_mlflow(undisturbed, trained)
        assert undisturbed.office.desk.call("sync").code == 0
        expected = outcome(undisturbed)
    with new_plant(database_url) as plant:
        add_mlflow(plant, trained)
        points = [Point(f"{luck.choice(('before', 'after'))} commit", luck.randint(2, COMMITS)) for _ in range(4)]
        codes = []
        for point in points:
            codes.append(Assassin(plant, point).run().code)
            plant.let_time_pass()
        ended = plant.office.desk.call(*SYNC)
        assert ended.code == 0, (points, ended)
        assert outcome(plant) == expected, points
    assert codes.count(-9) >= 2, (points, codes)
    assert any("model_version" in one for one in expected[2]["entities"])  # type: ignore[index]
