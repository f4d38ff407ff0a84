"""What the MLflow connector makes of answers that no good server gives, and of options that no good file holds."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from connectors import bodies
from connectors.base import Connector, SourceContext
from connectors.errors import NotFound, SourceError, Unavailable
from connectors.globs import common_start, matches, near
from connectors.mlflow import CONNECTION
from connectors.mlflow.options import MlflowOptions, MlflowScope, MlflowSecrets
from mappings.change import Owned
from mappings.model import Ref, Run
from sandbox.server import Reply, Request, Route, StandIn

SCOPE = MlflowScope(experiments=("churn",), models=("churn",))
EXPERIMENTS = {"experiments": [{"experiment_id": "1", "name": "churn", "last_update_time": "5"}]}
HTML = Reply(404, b"<html>no such page</html>", content_type="text/html")


class Server(StandIn):
    """Answers each path of the API with what a test put there, else as a web server that knows no such page."""

    def __init__(self) -> None:
        super().__init__()
        self.answers: dict[str, Any] = {"experiments/search": EXPERIMENTS}
        self.asked: list[Request] = []

    def routes(self) -> Sequence[Route]:
        return [Route(method, "/{path...}", self._answer, writes=False) for method in ("GET", "POST")]

    def _answer(self, request: Request) -> Reply:
        self.asked.append(request)
        answer = self.answers.get(request.path.removeprefix("/ml/").removeprefix("api/2.0/mlflow/"), HTML)
        if callable(answer):
            answer = answer(request)
        return answer if isinstance(answer, Reply) else Reply(200, answer)


class Meter:
    def request(self, **_: Any) -> None:
        """Not looked at here."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        yield server


@pytest.fixture
def reader(server: Server) -> Iterator[Connector]:
    reader = open_reader(server)
    yield reader
    reader.close()


def open_reader(server: Server, secrets: MlflowSecrets | None = None) -> Connector:
    return CONNECTION.reader(
        SourceContext(
            name="mlflow",
            options=MlflowOptions(url=f"{server.url}/ml/"),
            secrets=secrets or MlflowSecrets(),
            owned=Owned(),
            meter=Meter(),
            stop=threading.Event(),
        )
    )


def run(ident: str, start: int = 1) -> dict[str, Any]:
    return {"info": {"run_id": ident, "experiment_id": "1", "status": "FINISHED", "start_time": start}}


def test_bare_nan_in_an_answer_is_read(server: Server, reader: Connector) -> None:
    server.answers["runs/search"] = (
        b'{"runs": [{"info": {"run_id": "r1", "experiment_id": "1"}, "data": {"metrics": [{"key": "loss", "value": NaN}]}}]}'
    )
    (found,) = [entity for batch in reader.pull("runs", SCOPE, None) for entity in batch.entities]
    assert isinstance(found, Run)
    assert found.metrics == {"loss": None}


def test_a_bad_record_is_quarantined_and_the_pull_goes_on(server: Server, reader: Connector) -> None:
    server.answers["runs/search"] = {"runs": [{"info": {"run_id": "bad"}}, run("good")]}
    batches = list(reader.pull("runs", SCOPE, None))
    assert [entity.ref.id for batch in batches for entity in batch.entities] == ["good"]
    assert [rejected.id for batch in batches for rejected in batch.rejected] == ["bad"]
    assert batches[-1].complete


@pytest.mark.parametrize(("aliases", "left"), [([], {"r9"}), ("none", set())])
def test_a_run_is_outside_only_where_every_alias_could_be_read(
    server: Server, reader: Connector, aliases: Any, left: set[str]
) -> None:
    """An alias of a registered model that makes no sense may lead to any run."""
    other = {"experiment_id": "2", "name": "other", "last_update_time": "5"}
    server.answers["experiments/search"] = {"experiments": [*EXPERIMENTS["experiments"], other]}
    server.answers["runs/search"] = {"runs": [{"info": {**run("r9")["info"], "experiment_id": "2"}}]}
    server.answers["registered-models/search"] = {"registered_models": [{"name": "churn", "aliases": aliases}]}
    server.answers["model-versions/search"] = {}
    assert {ref.id for ref in reader.outside([Ref("mlflow", "run", "r9")], SCOPE)} == left


def test_pages_of_bad_records_are_still_walked(server: Server, reader: Connector) -> None:
    def answer(request: Request) -> Any:
        token = request.json().get("page_token")
        return {"runs": [run("last")]} if token == "2" else {"runs": [{}], "next_page_token": "2" if token else "1"}

    server.answers["runs/search"] = answer
    batches = list(reader.pull("runs", SCOPE, None))
    assert [entity.ref.id for batch in batches for entity in batch.entities] == ["last"]
    assert sum(len(batch.rejected) for batch in batches) == 2


def test_a_server_that_gives_the_same_page_for_ever_is_left(server: Server, reader: Connector) -> None:
    server.answers["experiments/search"] = {**EXPERIMENTS, "next_page_token": "again"}
    with pytest.raises(Unavailable, match=r"same pages? again"):
        list(reader.pull("experiments", SCOPE, None))
    server.answers["experiments/search"] = EXPERIMENTS
    server.answers["runs/search"] = {"runs": [run("r1")], "next_page_token": "again"}
    with pytest.raises(Unavailable, match=r"same pages? again"):
        list(reader.pull("runs", SCOPE, None))


def to_the_client(server: Server, answer: Any) -> None:
    """What the `mlflow` client is to understand: the one search of the check for so few experiments."""
    server.answers["version"] = "3.17.0"
    server.answers["logged-models/search"] = {}
    server.answers["registered-models/search"] = {}
    server.answers["experiments/search"] = lambda request: answer if request.query.get("max_results") == "1" else EXPERIMENTS


def test_the_check_sends_everything_through_the_one_client(server: Server, reader: Connector) -> None:
    to_the_client(server, EXPERIMENTS)
    findings = reader.check(SCOPE)
    assert "client" in {finding.topic for finding in findings if finding.level == "ok"}
    assert {request.headers["user-agent"] for request in server.asked} == {"milepost"}


def test_a_client_that_does_not_understand_the_server_is_a_warning(server: Server, reader: Connector) -> None:
    to_the_client(server, {"experiments": [{"experiment_id": "1", "creation_time": "yesterday"}]})
    (warning,) = [finding for finding in reader.check(SCOPE) if finding.topic == "client"]
    assert warning.level == "warning"
    assert "does not" in warning.text


def test_an_answer_that_is_too_large_for_the_client_is_not_read_to_its_end(
    server: Server, reader: Connector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "LARGEST_ANSWER", 10_000)
    to_the_client(server, {**EXPERIMENTS, "padding": "x" * 20_000})
    (finding,) = [finding for finding in reader.check(SCOPE) if finding.topic == "features"]
    assert finding.level == "error"
    assert "answered more than" in finding.text


def test_a_page_of_another_site_is_no_mlflow(server: Server, reader: Connector) -> None:
    server.answers.clear()
    with pytest.raises(NotFound, match="not as MLflow does") as caught:
        list(reader.pull("experiments", SCOPE, None))
    assert "tracking server" in (caught.value.fix or "")
    with pytest.raises(NotFound):
        reader.read([Ref("mlflow", "run", "r1")])


def test_what_the_server_objects_to_is_told(server: Server, reader: Connector) -> None:
    server.answers["runs/search"] = Reply(400, {"error_code": "INVALID_PARAMETER_VALUE", "message": "no such attribute"})
    with pytest.raises(Unavailable, match="INVALID_PARAMETER_VALUE no such attribute"):
        list(reader.pull("runs", SCOPE, None))


def test_an_object_that_may_not_be_seen_is_not_missing(server: Server, reader: Connector) -> None:
    server.answers["runs/get"] = Reply(403, {"error_code": "PERMISSION_DENIED", "message": "Permission denied"})
    assert reader.read([Ref("mlflow", "run", "r1")]) == []


def test_an_id_with_quotes_never_gets_into_a_filter(server: Server, reader: Connector) -> None:
    evil = "x') OR run_id LIKE ('%"
    server.answers |= {
        "registered-models/search": {"registered_models": [{"name": "churn", "aliases": [{"alias": "live", "version": "1"}]}]},
        "model-versions/search": {
            "model_versions": [
                {"name": "churn", "version": "1", "run_id": evil},
                {"name": "churn", "version": "2", "source": f"models:/{evil.replace(' ', '')}"},
            ]
        },
        "runs/search": {"runs": []},
    }
    batches = list(reader.pull("models", SCOPE, None))
    assert len([entity for batch in batches for entity in batch.entities]) == 2
    assert not [request for request in server.asked if request.method == "POST"]


def test_a_server_before_logged_models_is_read_and_the_check_says_so(server: Server, reader: Connector) -> None:
    server.answers |= {
        "version": b"2.22.0",
        "registered-models/search": {"registered_models": [{"name": "churn"}]},
        "model-versions/search": {"model_versions": [{"name": "churn", "version": 1, "source": "models:/m-1"}]},
    }
    batches = list(reader.pull("models", SCOPE, None))
    assert [entity.ref.id for batch in batches for entity in batch.entities] == ["churn/1"]
    findings = reader.check(SCOPE)
    assert ("ok", "server", f"MLflow 2.22.0 at {server.url}/ml") in [(one.level, one.topic, one.text) for one in findings]
    assert [one.fix for one in findings if one.topic == "features"] == ["upgrade the server to MLflow 3"]


def test_the_check_names_the_account_where_the_server_does(server: Server) -> None:
    server.answers |= {
        "version": b"3.17.2",
        "users/current": {"user": {"id": 1, "username": "ada", "is_admin": True}},
        "registered-models/search": {},
        "logged-models/search": {},
    }
    reader = open_reader(server, MlflowSecrets(user="ada", password=SecretStr("not-a-real-one")))
    findings = reader.check(SCOPE)
    reader.close()
    assert "signed in as ada" in [one.text for one in findings if one.level == "ok"]
    assert any("administrator" in one.text for one in findings)
    assert {request.headers.get("authorization", "")[:6] for request in server.asked} == {"Basic "}


def test_wrong_credentials_are_an_error_of_the_check_and_nothing_more_is_asked(server: Server, reader: Connector) -> None:
    server.answers["version"] = Reply(401, {"error_code": "UNAUTHENTICATED"})
    (finding,) = reader.check(SCOPE)
    assert (finding.level, finding.topic) == ("error", "server")
    assert "MILEPOST_MLFLOW__" in (finding.fix or "")
    assert len(server.asked) == 1


def test_a_clock_that_is_off_is_a_warning(server: Server, reader: Connector) -> None:
    server.answers["version"] = b"3.17.2"
    server.clock = lambda: datetime(2001, 1, 1, tzinfo=UTC)
    warnings = [finding for finding in reader.check(SCOPE) if finding.topic == "clock"]
    assert [finding.level for finding in warnings] == ["warning"]


def test_every_failure_is_one_of_ours(server: Server, reader: Connector) -> None:
    for body in (b"", b"{", b"[]", b'{"runs": 3}', b'{"runs": [1,', b"\xff\xfe", b"[" * 20_000):
        server.answers["runs/search"] = body
        with pytest.raises(SourceError):
            list(reader.pull("runs", SCOPE, None))


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("databricks", "Databricks"),
        ("databricks://profile", "Databricks"),
        ("databricks-uc", "Databricks"),
        ("databricks-uc://profile", "Databricks"),
        ("uc:https://example.databricks.com", "Databricks"),
        ("file:///mlruns", "mlflow server"),
        ("C:\\mlruns", "http or https"),
        ("s3://bucket/mlruns", "http or https"),
        ("sqlite:///mlflow.db", "mlflow server"),
        ("postgresql://db.example.com/mlflow", "mlflow server"),
        ("./mlruns", "mlflow server"),
        ("ftp://mlflow.example.com", "http or https"),
        ("https://", "http or https"),
        ("https://ada:pw@mlflow.example.com", "MILEPOST_"),
        ("https://mlflow.example.com/#/experiments", "end before"),
    ],
)
def test_an_address_that_cannot_be_read_is_refused_with_what_to_write_instead(url: str, told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        MlflowOptions(url=url)


def test_the_address_loses_its_last_slash() -> None:
    assert MlflowOptions(url="https://mlflow.example.com/prefix/").url == "https://mlflow.example.com/prefix"


@pytest.mark.parametrize("secrets", [{"token": "t", "user": "u"}, {"user": "u"}, {"password": "p"}, {"other": "x"}])
def test_half_or_two_ways_to_sign_in_are_refused(secrets: Mapping[str, Any]) -> None:
    with pytest.raises(ValidationError):
        MlflowSecrets(**secrets)


@pytest.mark.parametrize("scope", [{}, {"experiments": [""]}, {"experiments": "churn"}, {"runs": ["x"]}])
def test_a_scope_names_something(scope: Mapping[str, Any]) -> None:
    with pytest.raises(ValidationError):
        MlflowScope(**scope)


@pytest.mark.parametrize(
    ("globs", "start"),
    [
        (("churn-*",), "churn-"),
        (("churn-a", "churn-b*"), "churn-"),
        (("a*", "b*"), ""),
        (("*",), ""),
        (("it's*",), "it"),
        (("100%",), "100"),
    ],
)
def test_what_is_asked_for_starts_as_all_globs_do(globs: tuple[str, ...], start: str) -> None:
    assert common_start(globs) == start


def test_globs_match_whole_names_and_tell_case_apart() -> None:
    assert matches("churn-2026", ("churn-*",))
    assert not matches("Churn-2026", ("churn-*",))
    assert not matches("my-churn", ("churn*",))
    assert near("Chrun", ["churn", "demand"]) == ["churn"]


def test_opening_the_connector_imports_no_sdk() -> None:
    program = (
        "import sys; from connectors.mlflow import CONNECTION; import connectors.mlflow.reader;"
        "raise SystemExit(sorted({'mlflow', 'pandas', 'sklearn'} & set(sys.modules)) or None)"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
