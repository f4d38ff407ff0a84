"""Older servers, as a façade in front of the real one shows them: what they lack is read as none, and the rest as usual.

Facts by which the façade answers, from MLflow's change log and reports of its users:

- 2.3.0 brought aliases of model versions, 2.4.0 data sets of runs (`mlflow.log_input`), 3.0 logged models.
- A path that a server does not know is Flask's page of HTML with status 404, not JSON with `ENDPOINT_NOT_FOUND`, which Databricks
  says; Azure ML's tracking server answers 404 with an empty body.
- Absent fields are left out: protobuf's JSON writes none that are unset.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from typing import Any

import httpx
import msgspec
import pytest

from connectors.base import Batch, Connector, Finding, SourceContext
from connectors.mlflow import CONNECTION
from connectors.mlflow.options import MlflowOptions, MlflowScope, MlflowSecrets
from mappings.change import Owned
from mappings.model import Entity, ModelVersion, Ref, Run
from sandbox.mlflow.server import RunningServer
from sandbox.server import Reply, Request, Route, StandIn

FLASK = Reply(404, b"<!doctype html><title>404 Not Found</title><h1>Not Found</h1>", content_type="text/html; charset=utf-8")
DATABRICKS = Reply(404, {"error_code": "ENDPOINT_NOT_FOUND", "message": "No API found for 'POST /mlflow/logged-models/search'"})
AZURE = Reply(404, b"", content_type="text/plain")

SINCE = {
    (2, 3): {"aliases"},
    (2, 4): {"inputs"},
    (3, 0): {"model_inputs", "model_outputs", "model_id", "outputs"},
}
"""The fields that each version brought."""


class Older(StandIn):
    """The real server as an older one; below a path, as behind a reverse proxy."""

    def __init__(self, url: str, version: str, unknown: Reply) -> None:
        super().__init__()
        self._real = url
        self._version = version
        self._unknown = unknown
        self.number = tuple(int(part) for part in version.split(".")[:2])
        self._lacks = {name for since, names in SINCE.items() if self.number < since for name in names}

    def routes(self) -> Sequence[Route]:
        return [Route(method, "/tracking/{path...}", self._answer, writes=False) for method in ("GET", "POST")]

    def _answer(self, request: Request) -> Reply:
        path = request.path.removeprefix("/tracking/")
        if path == "version":
            return Reply(200, self._version.encode(), content_type="text/html")
        if path.endswith("users/current") or ("logged-models" in path and self.number < (3, 0)):
            return self._unknown
        query = {name: list(values) for name, values in request.query_lists.items()}
        with httpx.Client(trust_env=False, timeout=30) as client:
            sent = {"content-type": "application/json"} if request.body else {}
            answer = client.request(request.method, f"{self._real}/{path}", params=query, content=request.body, headers=sent)
        return Reply(answer.status_code, self._without(msgspec.json.decode(answer.content)))

    def _without(self, document: Any) -> Any:
        match document:
            case dict():
                return {name: self._without(value) for name, value in document.items() if name not in self._lacks}
            case list():
                return [self._without(one) for one in document]
            case _:
                return document


class Meter:
    def request(self, **_: Any) -> None:
        """Not looked at here."""


def open_reader(url: str) -> Connector:
    return CONNECTION.reader(
        SourceContext(
            name="mlflow",
            options=MlflowOptions(url=url),
            secrets=MlflowSecrets(),
            owned=Owned(),
            meter=Meter(),
            stop=threading.Event(),
        )
    )


class Work(msgspec.Struct, frozen=True):
    """A run with data and a version with an alias, and another version that only its logged model leads to a run."""

    scope: MlflowScope
    run: str
    model: str


@pytest.fixture(scope="module")
def work(mlflow_server: RunningServer) -> Work:
    name = f"t{uuid.uuid4().hex[:8]}"

    def post(path: str, **body: Any) -> Any:
        response = httpx.post(f"{mlflow_server.url}/api/2.0/mlflow/{path}", json=body, trust_env=False, timeout=30)
        assert response.status_code == 200, response.text
        return response.json()

    experiment = post("experiments/create", name=f"{name}-a")["experiment_id"]
    run = post("runs/create", experiment_id=experiment, start_time=int(time.time() * 1000))["run"]["info"]["run_id"]
    data = {"name": "customers", "digest": "d1", "source_type": "local", "source": "data.csv"}
    post("runs/log-inputs", run_id=run, datasets=[{"dataset": data}])
    post("runs/update", run_id=run, status="FINISHED", end_time=int(time.time() * 1000))
    model = post("registered-models/create", name=f"{name}-m")["registered_model"]["name"]
    post("model-versions/create", name=model, source="s3://bucket/m", run_id=run)
    post("registered-models/alias", name=model, alias="champion", version="1")
    return Work(MlflowScope(experiments=(f"{name}-*",), models=(f"{name}-*",)), run, model)


@pytest.fixture(params=[("2.2.2", FLASK), ("2.3.2", FLASK), ("2.9.2", FLASK), ("2.22.1", DATABRICKS), ("2.9.2", AZURE)])
def server(mlflow_server: RunningServer, request: pytest.FixtureRequest) -> Iterator[Older]:
    with Older(mlflow_server.url, *request.param) as older:
        yield older


def pulled(reader: Connector, stream: str, scope: MlflowScope) -> tuple[list[Entity], Batch]:
    batches = list(reader.pull(stream, scope, None))
    assert not [rejected for batch in batches for rejected in batch.rejected]
    return [entity for batch in batches for entity in batch.entities], batches[-1]


def warnings_of(reader: Connector, scope: MlflowScope) -> dict[str, Finding]:
    findings = reader.check(scope)
    assert not [finding for finding in findings if finding.level == "error"]
    return {finding.text: finding for finding in findings if finding.level == "warning" and finding.topic == "features"}


def test_every_stream_of_an_older_server_is_read_to_its_end(server: Older, work: Work) -> None:
    reader = open_reader(f"{server.url}/tracking/")
    found = {stream: pulled(reader, stream, work.scope) for stream in CONNECTION.streams}
    ref = Ref("mlflow", "model_version", f"{work.model}/1")
    read = list(reader.read([ref]))
    reader.close()
    assert all(last.complete for _, last in found.values())
    (run,) = [entity for entity in found["runs"][0] if isinstance(entity, Run)]
    (version,) = [entity for entity in found["models"][0] if isinstance(entity, ModelVersion)]
    assert run.run_id == work.run
    assert bool(run.datasets) is (server.number >= (2, 4))
    assert version.run == run.ref
    assert bool(version.aliases) is (server.number >= (2, 3))
    assert [entity.ref for entity in read if isinstance(entity, ModelVersion)] == [ref]


def test_the_check_says_what_it_lacks(server: Older, work: Work) -> None:
    reader = open_reader(f"{server.url}/tracking")
    lacking = warnings_of(reader, work.scope)
    reader.close()
    brought = {"aliases": (2, 3), "data sets": (2, 4), "logged models": (3, 0)}
    told = [what for what in brought if any(f"no {what}" in text for text in lacking)]
    assert told == [what for what, since in brought.items() if server.number < since]
    assert all(finding.fix and finding.fix.startswith("upgrade the server to MLflow") for finding in lacking.values())


def test_today_s_server_lacks_nothing(mlflow_server: RunningServer, work: Work) -> None:
    with Older(mlflow_server.url, "3.17.0", FLASK) as today:
        reader = open_reader(f"{today.url}/tracking")
        assert warnings_of(reader, work.scope) == {}
        reader.close()


def test_a_server_without_a_registry_costs_only_the_models(mlflow_server: RunningServer, work: Work) -> None:
    """As MLflow's own server with `--serve-artifacts` alone, or a tracking API that another product offers."""

    class Unregistered(Older):
        def _answer(self, request: Request) -> Reply:
            return FLASK if "registered-models" in request.path else super()._answer(request)

    with Unregistered(mlflow_server.url, "2.9.2", FLASK) as older:
        reader = open_reader(f"{older.url}/tracking")
        runs, last = pulled(reader, "runs", work.scope)
        findings = [finding for finding in reader.check(work.scope) if finding.level == "error"]
        reader.close()
    assert (len([run for run in runs if isinstance(run, Run)]), last.complete) == (1, True)
    assert [finding.topic for finding in findings] == ["models"]
