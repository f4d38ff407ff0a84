"""The reader against a real tracking server: what it sees, what it costs, what it survives."""

from __future__ import annotations

import sqlite3
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from connectors.base import Batch, SourceContext
from connectors.errors import Cancelled
from connectors.mlflow import CONNECTION, api, cursor
from connectors.mlflow import reader as reading
from connectors.mlflow.options import MlflowOptions, MlflowScope, MlflowSecrets
from connectors.mlflow.reader import MlflowReader
from mappings.change import Owned, Reading
from mappings.model import Dataset, Entity, Experiment, Missing, ModelVersion, Ref, Run
from sandbox.mlflow.server import RunningServer

HOUR = 3_600_000


class Meter:
    def __init__(self) -> None:
        self.requests = 0

    def request(self, **_: Any) -> None:
        self.requests += 1


class Team:
    """People who use the server: writes through MLflow's REST API, under names that no other test uses."""

    def __init__(self, url: str, client: httpx.Client) -> None:
        self.name = f"t{uuid.uuid4().hex[:8]}"
        self.scope = MlflowScope(experiments=(f"{self.name}-*",), models=(f"{self.name}-*",))
        self._root = f"{url}/api/2.0/mlflow/"
        self._client = client

    def post(self, path: str, **body: Any) -> Any:
        response = self._client.post(self._root + path, json=body)
        assert response.status_code == 200, response.text
        return response.json()

    def experiment(self, name: str = "a") -> str:
        return str(self.post("experiments/create", name=f"{self.name}-{name}")["experiment_id"])

    def run(
        self, experiment: str, *, start: int | None = None, status: str = "FINISHED", tags: dict[str, str] | None = None
    ) -> str:
        start = int(time.time() * 1000) if start is None else start
        written = [{"key": key, "value": value} for key, value in (tags or {}).items()]
        run_id = str(self.post("runs/create", experiment_id=experiment, start_time=start, tags=written)["run"]["info"]["run_id"])
        if status != "RUNNING":
            self.end(run_id, status)
        return run_id

    def end(self, run_id: str, status: str = "FINISHED") -> None:
        self.post("runs/update", run_id=run_id, status=status, end_time=int(time.time() * 1000))

    def model(self, name: str = "m") -> str:
        return str(self.post("registered-models/create", name=f"{self.name}-{name}")["registered_model"]["name"])

    def version(self, name: str, **fields: Any) -> str:
        return str(self.post("model-versions/create", name=name, **fields)["model_version"]["version"])


class Desk:
    """A reader, and the meter that counts its requests."""

    def __init__(self, url: str) -> None:
        self.meter = Meter()
        self.stop = threading.Event()
        self.reader = CONNECTION.reader(
            SourceContext(
                name="mlflow",
                options=MlflowOptions(url=url),
                secrets=MlflowSecrets(),
                owned=Owned(),
                meter=self.meter,
                stop=self.stop,
            )
        )

    def pull(self, stream: str, scope: MlflowScope, since: str | None = None) -> list[Batch]:
        self.meter.requests = 0
        return list(self.reader.pull(stream, scope, since))


@pytest.fixture
def team(mlflow_server: RunningServer) -> Iterator[Team]:
    with httpx.Client(timeout=30, trust_env=False) as client:
        yield Team(mlflow_server.url, client)


@pytest.fixture
def desk(mlflow_server: RunningServer) -> Iterator[Desk]:
    desk = Desk(mlflow_server.url)
    yield desk
    desk.reader.close()


def entities(batches: list[Batch]) -> list[Entity]:
    return [entity for batch in batches for entity in batch.entities]


def run_ids(batches: list[Batch]) -> list[str]:
    return [entity.run_id for entity in entities(batches) if isinstance(entity, Run)]


def versions(batches: list[Batch]) -> dict[str, ModelVersion]:
    return {entity.version: entity for entity in entities(batches) if isinstance(entity, ModelVersion)}


def test_the_first_pull_is_a_proven_full_listing(team: Team, desk: Desk) -> None:
    experiment = team.experiment()
    first, second = team.run(experiment, start=1000), team.run(experiment, start=2000)
    dataset = {"name": "d", "digest": "x1", "source_type": "http", "source": '{"url": "https://data.example.com/d.csv"}'}
    tags = [{"key": "mlflow.data.context", "value": "training"}]
    team.post("runs/log-inputs", run_id=first, datasets=[{"dataset": dataset, "tags": tags}])
    batches = desk.pull("runs", team.scope)
    assert [batch.complete for batch in batches] == [False, True]
    assert run_ids(batches) == [first, second]
    used = [entity for entity in entities(batches) if isinstance(entity, Dataset)]
    assert [(entity.ref.id, entity.origin) for entity in used] == [("d@x1", "https://data.example.com/d.csv")]
    assert [use.context for entity in entities(batches) if isinstance(entity, Run) for use in entity.datasets] == ["training"]


def test_only_what_the_globs_name_is_read(team: Team, desk: Desk) -> None:
    wanted, other = team.experiment("wanted"), team.experiment("other")
    run, _ = team.run(wanted), team.run(other)
    scope = MlflowScope(experiments=(f"{team.name}-want*",))
    found = desk.pull("experiments", scope)
    assert [(entity.ref.id, entity.name) for entity in entities(found) if isinstance(entity, Experiment)] == [
        (wanted, f"{team.name}-wanted")
    ]
    assert found[-1].complete
    assert run_ids(desk.pull("runs", scope)) == [run]
    (nothing,) = desk.pull("models", scope)
    assert (nothing.entities, nothing.complete, desk.meter.requests) == ((), True, 0)


def test_a_pull_without_news_costs_one_request_a_stream(team: Team, desk: Desk) -> None:
    experiment = team.experiment()
    run = team.run(experiment, start=1000)
    name = team.model()
    team.version(name, source="s3://bucket/m", run_id=run)
    desk.pull("experiments", team.scope)
    since = desk.pull("runs", team.scope)[-1].cursor
    assert desk.pull("experiments", team.scope)[-1].complete
    assert desk.meter.requests == 1
    again = desk.pull("runs", team.scope, since)
    assert desk.meter.requests == 1
    assert again[-1].cursor == since
    desk.pull("models", team.scope)
    assert desk.meter.requests == 2, "the registered models, and their versions"
    team.post("registered-models/alias", name=name, alias="champion", version="1")
    desk.pull("experiments", team.scope)
    assert run_ids(desk.pull("models", team.scope)) == [run]
    assert desk.meter.requests == 3, "and the runs behind aliases"


@pytest.mark.parametrize("same_start", [False, True])
def test_a_listing_that_was_killed_goes_on_where_it_was(
    same_start: bool, team: Team, desk: Desk, mlflow_server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "RUNS_A_PAGE", 2)
    monkeypatch.setattr(reading, "OVERLAP", 0)
    experiment = team.experiment()
    expected = [team.run(experiment, start=1000 if same_start else 1000 + number) for number in range(7)]
    stream = desk.reader.pull("runs", team.scope, None)
    seen = [next(stream), next(stream)]
    assert len(run_ids(seen)) < len(expected)
    other = Desk(mlflow_server.url)
    resumed = other.pull("runs", team.scope, seen[-1].cursor)
    other.reader.close()
    assert set(run_ids(seen)) | set(run_ids(resumed)) == set(expected)
    assert not any(batch.complete for batch in resumed), "only a pull from nothing proves a full listing"


def test_a_run_that_is_deleted_meanwhile_hides_no_other(team: Team, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "RUNS_A_PAGE", 2)
    experiment = team.experiment()
    expected = [team.run(experiment, start=1000 + number) for number in range(6)]
    stream = desk.reader.pull("runs", team.scope, None)
    seen = [next(stream)]
    team.post("runs/delete", run_id=expected[0])
    team.post("runs/delete", run_id=expected[1])
    seen += list(stream)
    assert set(run_ids(seen)) == set(expected)
    assert seen[-1].complete


def test_new_runs_show_with_the_next_pull(team: Team, desk: Desk) -> None:
    experiment = team.experiment()
    team.run(experiment, start=1000)
    since = desk.pull("runs", team.scope)[-1].cursor
    late = team.run(experiment, start=1000 + HOUR * 50)
    batches = desk.pull("runs", team.scope, since)
    assert late in run_ids(batches)
    assert not batches[-1].complete


def test_a_run_under_way_is_read_until_it_ends(team: Team, desk: Desk) -> None:
    experiment = team.experiment()
    now = int(time.time() * 1000)
    slow = team.run(experiment, start=now - 100 * HOUR, status="RUNNING")
    team.run(experiment, start=now)
    first = desk.pull("runs", team.scope)
    team.post("runs/log-metric", run_id=slow, key="loss", value=0.5, timestamp=now, step=1)
    team.end(slow, "FAILED")
    second = desk.pull("runs", team.scope, first[-1].cursor)
    (read,) = [entity for entity in entities(second) if isinstance(entity, Run) and entity.run_id == slow]
    assert (read.status, read.metrics) == ("failed", {"loss": 0.5})
    third = desk.pull("runs", team.scope, second[-1].cursor)
    assert slow not in run_ids(third), "an ended run is not read for ever"


def test_a_run_that_vanished_under_way_is_forgotten(team: Team, desk: Desk) -> None:
    experiment = team.experiment()
    now = int(time.time() * 1000)
    gone = team.run(experiment, start=now - 100 * HOUR, status="RUNNING")
    team.run(experiment, start=now)
    first = desk.pull("runs", team.scope)
    assert gone in (first[-1].cursor or "")
    team.post("runs/delete", run_id=gone)
    second = desk.pull("runs", team.scope, first[-1].cursor)
    assert gone not in run_ids(second)
    assert gone not in (second[-1].cursor or "")


def test_the_memory_of_runs_under_way_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cursor, "MOST_REMEMBERED", 2)
    remembered = cursor.RunsCursor().remembering(5, {"old": 1, "new": 3, "middle": 2})
    assert remembered.running == {"new": 3, "middle": 2}


def test_a_start_in_the_future_hides_no_later_run(team: Team, desk: Desk) -> None:
    experiment = team.experiment()
    now = int(time.time() * 1000)
    team.run(experiment, start=now + 10_000 * HOUR)
    since = desk.pull("runs", team.scope)[-1].cursor
    late = team.run(experiment, start=now + 1)
    assert late in run_ids(desk.pull("runs", team.scope, since))


def test_an_experiment_that_comes_into_the_scope_brings_its_old_runs(team: Team, desk: Desk) -> None:
    experiment = team.experiment()
    team.run(experiment)
    since = desk.pull("runs", team.scope)[-1].cursor
    moved = team.post("experiments/create", name=f"elsewhere-{team.name}")["experiment_id"]
    old = team.run(moved, start=1000)
    team.post("experiments/update", experiment_id=moved, new_name=f"{team.name}-moved")
    batches = desk.pull("runs", team.scope, since)
    assert old in run_ids(batches)
    assert old not in run_ids(desk.pull("runs", team.scope, batches[-1].cursor))


def test_a_cursor_of_another_time_means_everything(team: Team, desk: Desk) -> None:
    run = team.run(team.experiment(), start=1000)
    assert run_ids(desk.pull("runs", team.scope, "not a cursor")) == [run]


def test_deleted_runs_and_experiments_are_not_listed_and_read_as_missing(team: Team, desk: Desk) -> None:
    experiment, doomed = team.experiment("a"), team.experiment("b")
    kept, deleted, lost = team.run(experiment), team.run(experiment), team.run(doomed)
    team.post("runs/delete", run_id=deleted)
    team.post("experiments/delete", experiment_id=doomed)
    assert run_ids(desk.pull("runs", team.scope)) == [kept]
    assert [entity.ref.id for entity in entities(desk.pull("experiments", team.scope))] == [experiment]
    refs = [Ref("mlflow", "run", ident) for ident in (kept, deleted, lost, "0" * 32)]
    refs += [Ref("mlflow", "experiment", ident) for ident in (experiment, doomed, "999999999")]
    answers = desk.reader.read(refs)
    assert [type(answer).__name__ for answer in answers] == [
        "Run",
        "Missing",
        "Missing",
        "Missing",
        "Experiment",
        "Missing",
        "Missing",
    ]
    assert [answer.ref for answer in answers if not isinstance(answer, Reading)] == refs
    team.post("runs/restore", run_id=deleted)
    assert [answer.ref.id for answer in desk.reader.read([refs[1]]) if isinstance(answer, Run)] == [deleted]


def test_the_sweep_sees_aliases_and_tags_that_bump_no_time(team: Team, desk: Desk) -> None:
    run = team.run(team.experiment())
    name = team.model()
    for _ in range(2):
        team.version(name, source="s3://bucket/m", run_id=run)
    team.post("registered-models/alias", name=name, alias="champion", version="1")
    before = versions(desk.pull("models", team.scope))
    assert {number: found.aliases for number, found in before.items()} == {"1": ("champion",), "2": ()}
    team.post("registered-models/alias", name=name, alias="champion", version="2")
    team.post("model-versions/set-tag", name=name, version="2", key="approval", value="approved")
    batches = desk.pull("models", team.scope)
    after = versions(batches)
    assert {number: found.aliases for number, found in after.items()} == {"1": (), "2": ("champion",)}
    assert (after["2"].approval, after["2"].updated_at) == ("approved", before["2"].updated_at)
    assert batches[-1].complete
    assert desk.reader.read([after["2"].ref]) == [after["2"]], "a direct read says the same"


def test_what_changes_in_the_run_behind_an_alias_is_seen_wherever_it_is(team: Team, desk: Desk) -> None:
    run = team.run(team.post("experiments/create", name=f"elsewhere-{team.name}")["experiment_id"])
    name = team.model()
    team.version(name, source="s3://bucket/m", run_id=run)
    team.post("registered-models/alias", name=name, alias="champion", version="1")
    team.post("runs/set-tag", run_id=run, key="milepost.issue", value="ML-7")
    (behind,) = [entity for entity in entities(desk.pull("models", team.scope)) if isinstance(entity, Run)]
    assert (behind.run_id, behind.tags["milepost.issue"]) == (run, "ML-7")


def test_a_version_without_run_is_linked_through_its_logged_model(team: Team, desk: Desk, mlflow_server: RunningServer) -> None:
    experiment = team.experiment()
    run = team.run(experiment)
    made = team.post("logged-models", experiment_id=experiment, name="model", source_run_id=run)["model"]["info"]["model_id"]
    name = team.model()
    team.version(name, source=f"models:/{made}", model_id=made)
    team.version(name, source="s3://bucket/m")
    # This server notes the run of the logged model itself; earlier ones left such versions without run.
    with closing(sqlite3.connect(mlflow_server.folder / "mlflow.db", timeout=30)) as store, store:
        store.execute("UPDATE model_versions SET run_id = NULL WHERE name = ?", (name,))
    found = versions(desk.pull("models", team.scope))
    assert (found["1"].run, found["1"].model_id) == (Ref("mlflow", "run", run), made)
    assert found["2"].run is None
    assert desk.meter.requests == 4, "models, versions, experiments, and all logged models at once"
    assert desk.reader.read([found["1"].ref, found["2"].ref]) == [found["1"], found["2"]]


def test_prompts_are_no_models(team: Team, desk: Desk) -> None:
    name = f"{team.name}-prompt"
    team.post("registered-models/create", name=name, tags=[{"key": "mlflow.prompt.is_prompt", "value": "true"}])
    team.version(name, source="prompt-template", tags=[{"key": "mlflow.prompt.is_prompt", "value": "true"}])
    assert entities(desk.pull("models", team.scope)) == []


def test_a_deleted_version_and_what_cannot_be_read(team: Team, desk: Desk) -> None:
    name = team.model()
    team.version(name, source="s3://bucket/m")
    httpx.request(
        "DELETE", f"{team._root}model-versions/delete", json={"name": name, "version": "1"}, trust_env=False
    ).raise_for_status()
    gone = Ref("mlflow", "model_version", f"{name}/1")
    assert desk.reader.read([gone, Ref("mlflow", "dataset", "d@x1"), Ref("mlflow", "model_version", "x/y")]) == [Missing(ref=gone)]


def test_experiments_and_versions_are_outside_by_the_names_that_they_have_now(team: Team, desk: Desk) -> None:
    kept, renamed = team.experiment("kept"), team.experiment("renamed")
    runs = [Ref("mlflow", "run", team.run(experiment)) for experiment in (kept, renamed)]
    team.post("experiments/update", experiment_id=renamed, new_name=f"elsewhere-{team.name}")
    experiments = [Ref("mlflow", "experiment", ident) for ident in (kept, renamed)]
    mine, other = (Ref("mlflow", "model_version", f"{name}/1") for name in (f"{team.name}-m", "other-m"))
    unknown = [Ref("mlflow", "experiment", "999999"), Ref("mlflow", "run", "0" * 32), Ref("mlflow", "dataset", "d@x1")]
    asked = [*experiments, *runs, mine, other, *unknown]
    assert set(desk.reader.outside(asked, team.scope)) == {experiments[1], runs[1], other}


def test_a_run_elsewhere_belongs_while_an_alias_of_the_scope_leads_to_it(team: Team, desk: Desk) -> None:
    elsewhere = team.post("experiments/create", name=f"elsewhere-{team.name}")["experiment_id"]
    live, plain, shared = (Ref("mlflow", "run", team.run(elsewhere)) for _ in range(3))
    name = team.model()
    for run in (live, plain):
        team.version(name, source="s3://bucket/m", run_id=run.id)
    other = team.post("registered-models/create", name=f"other-{team.name}")["registered_model"]["name"]
    team.version(other, source="s3://bucket/m", run_id=shared.id)
    team.post("registered-models/alias", name=name, alias="champion", version="1")
    team.post("registered-models/alias", name=other, alias="champion", version="1")
    listed = {entity.ref for entity in entities(desk.pull("models", team.scope)) if isinstance(entity, Run)}
    asked = [live, plain, shared]
    assert set(desk.reader.outside(asked, team.scope)) == set(asked) - listed == {plain, shared}
    team.post("registered-models/alias", name=name, alias="champion", version="2")
    assert set(desk.reader.outside(asked, team.scope)) == {live, shared}
    without_models = MlflowScope(experiments=team.scope.experiments)
    assert set(desk.reader.outside(asked, without_models)) == set(asked)


def test_a_run_that_an_alias_leads_to_through_its_logged_model_belongs(
    team: Team, desk: Desk, mlflow_server: RunningServer
) -> None:
    elsewhere = team.post("experiments/create", name=f"elsewhere-{team.name}")["experiment_id"]
    run = Ref("mlflow", "run", team.run(elsewhere))
    made = team.post("logged-models", experiment_id=elsewhere, name="model", source_run_id=run.id)["model"]["info"]["model_id"]
    name = team.model()
    team.version(name, source=f"models:/{made}", model_id=made)
    team.post("registered-models/alias", name=name, alias="champion", version="1")
    with closing(sqlite3.connect(mlflow_server.folder / "mlflow.db", timeout=30)) as store, store:
        store.execute("UPDATE model_versions SET run_id = NULL WHERE name = ?", (name,))
    assert list(desk.reader.outside([run], team.scope)) == []
    team.post("runs/set-tag", run_id=run.id, key="milepost.issue", value="ML-7")
    assert list(desk.reader.outside([run], MlflowScope(models=(f"{team.name}-other",)))) == [run]


def test_what_is_outside_costs_a_few_requests_however_much_is_asked_for(team: Team, desk: Desk) -> None:
    elsewhere = team.post("experiments/create", name=f"elsewhere-{team.name}")["experiment_id"]
    runs = [Ref("mlflow", "run", team.run(elsewhere, status="RUNNING")) for _ in range(30)]
    team.version(team.model(), source="s3://bucket/m", run_id=runs[0].id)
    desk.meter.requests = 0
    assert set(desk.reader.outside(runs, team.scope)) == set(runs)
    assert desk.meter.requests == 4, "the experiments, the runs, the models, their versions"
    desk.meter.requests = 0
    assert list(desk.reader.outside([Ref("mlflow", "model_version", f"{team.name}-m/1")], team.scope)) == []
    assert desk.meter.requests == 0


def test_a_stopped_reader_leaves(team: Team, desk: Desk) -> None:
    team.run(team.experiment())
    desk.stop.set()
    for stream in CONNECTION.streams:
        with pytest.raises(Cancelled):
            desk.pull(stream, team.scope)
    with pytest.raises(Cancelled):
        desk.reader.read([Ref("mlflow", "run", "0" * 32)])


def test_an_unknown_stream_is_refused(desk: Desk, team: Team) -> None:
    with pytest.raises(ValueError, match="no stream 'traces'"):
        desk.pull("traces", team.scope)


def test_the_check_says_what_is_there_and_what_was_perhaps_meant(team: Team, desk: Desk) -> None:
    team.experiment("churn")
    team.model("churn-classifier")
    scope = MlflowScope(experiments=(f"{team.name}-churn", f"{team.name}-chrun"), models=(f"{team.name}-churn-*", f"{team.name}-x"))
    findings = desk.reader.check(scope)
    assert not [finding for finding in findings if finding.level == "error"]
    assert {finding.topic for finding in findings if finding.level == "ok"} >= {
        "server",
        "clock",
        "experiments",
        "models",
        "client",
    }
    warnings = {finding.text: finding.fix for finding in findings if finding.level == "warning"}
    assert f"{team.name}-churn" in (warnings.pop(f"'{team.name}-chrun' matches nothing") or "")
    assert warnings.keys() == {f"'{team.name}-x' matches nothing"}


def test_the_token_goes_nowhere_but_to_the_server(mlflow_server: RunningServer, team: Team) -> None:
    context = SourceContext(
        name="mlflow",
        options=MlflowOptions(url=mlflow_server.url),
        secrets=MlflowSecrets(token=SecretStr("not-a-real-token")),
        owned=Owned(),
        meter=Meter(),
        stop=threading.Event(),
    )
    reader = MlflowReader(context)
    findings = reader.check(team.scope)
    reader.close()
    assert "not-a-real-token" not in repr(findings) + repr(context)
    assert any("with a token" in finding.text for finding in findings)
