"""Many runs, heavy runs, several servers: pages by token, pages by weight, and no credentials where they do not belong."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from pydantic import SecretStr

from connectors import bodies
from connectors.base import Connector, SourceContext
from connectors.errors import AuthError, Unavailable
from connectors.mlflow import CONNECTION
from connectors.mlflow.options import MlflowOptions, MlflowScope, MlflowSecrets
from mappings.change import Owned
from mappings.model import Run
from sandbox.server import Reply, Request, Route, StandIn

SCOPE = MlflowScope(experiments=("churn",))
EXPERIMENT = {"experiment_id": "1", "name": "churn", "last_update_time": 5}


class Shelf(StandIn):
    """Searches runs as MLflow does: from a start on, by start, with a token that counts the rows before it.

    `token` is the one bearer that is let in, None lets in everybody; `weight` is the length of each run's one parameter.
    """

    def __init__(self, count: int, *, same_start: bool = False, token: str | None = None, weight: int = 0) -> None:
        super().__init__()
        self.keep_answers = False
        self.token = token
        self.pages: list[int] = []
        self.runs = [_run(number, 1 if same_start else number, weight) for number in range(count)]

    def routes(self) -> Sequence[Route]:
        root = "/api/2.0/mlflow"
        return [
            Route("GET", f"{root}/experiments/search", lambda _: Reply(200, {"experiments": [EXPERIMENT]})),
            Route("POST", f"{root}/runs/search", self._search, writes=False),
        ]

    def guard(self, request: Request, route: Route | None) -> Reply | None:
        if self.token is not None and request.headers.get("authorization") != f"Bearer {self.token}":
            return Reply(401, {"error_code": "UNAUTHENTICATED"})
        return None

    def _search(self, request: Request) -> Reply:
        asked = request.json()
        wanted = str(asked.get("filter", ""))
        found = self.runs
        if ">=" in wanted:
            since = int(wanted.rpartition(" ")[2])
            found = [run for run in found if run["info"]["start_time"] >= since]
        elif " IN " in wanted:
            found = [run for run in found if f"'{run['info']['run_id']}'" in wanted]
        begin, size = int(asked.get("page_token", 0)), int(asked["max_results"])
        self.pages.append(size)
        page = found[begin : begin + size]
        more = {"next_page_token": str(begin + size)} if begin + size < len(found) else {}
        return Reply(200, {"runs": page, **more})


def _run(number: int, start: int, weight: int) -> dict[str, Any]:
    info = {"run_id": f"r{number}", "experiment_id": "1", "status": "RUNNING", "start_time": start}
    return {"info": info, "data": {"params": [{"key": "prompt", "value": "x" * weight}]} if weight else {}}


class Meter:
    def request(self, **_: Any) -> None:
        """Not looked at here."""


def open_reader(server: StandIn, name: str = "mlflow", token: str | None = None) -> Connector:
    return CONNECTION.reader(
        SourceContext(
            name=name,
            options=MlflowOptions(url=server.url),
            secrets=MlflowSecrets(token=SecretStr(token)) if token is not None else MlflowSecrets(),
            owned=Owned(),
            meter=Meter(),
            stop=threading.Event(),
        )
    )


def runs_of(reader: Connector, cursor: str | None = None) -> Iterator[Run]:
    for batch in reader.pull("runs", SCOPE, cursor):
        assert not batch.rejected
        yield from (entity for entity in batch.entities if isinstance(entity, Run))


@pytest.mark.parametrize("same_start", [False, True], ids=["one after the other", "all in one millisecond"])
def test_twelve_thousand_runs_are_all_read(same_start: bool) -> None:
    with Shelf(12_000, same_start=same_start) as shelf:
        reader = open_reader(shelf)
        found = {run.run_id for run in runs_of(reader)}
        reader.close()
        assert len(found) == 12_000
        assert len(shelf.pages) <= 16


def test_pages_become_as_long_as_the_weight_of_the_runs_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "LARGEST_ANSWER", 200_000)
    with Shelf(500, weight=6_000) as shelf:
        reader = open_reader(shelf)
        batches = list(reader.pull("runs", SCOPE, None))
        assert {entity.ref.id for batch in batches for entity in batch.entities} == {f"r{number}" for number in range(500)}
        assert batches[-1].complete
        assert min(shelf.pages) == 15
        again = {run.run_id for run in runs_of(reader, batches[-1].cursor)}
        reader.close()
        assert len(again) == 500, "those under way are read again, also by their ids"


def test_one_run_that_is_too_heavy_by_itself_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "LARGEST_ANSWER", 10_000)
    with Shelf(3, weight=20_000) as shelf:
        reader = open_reader(shelf)
        with pytest.raises(Unavailable, match="answered more than"):
            list(runs_of(reader))
        reader.close()
        assert shelf.pages[-1] == 1


def test_a_token_that_ends_in_the_middle_ends_the_pull_with_what_to_check() -> None:
    with Shelf(3_000, token="good") as shelf:
        reader = open_reader(shelf, "ml-flow", "good")
        pages = reader.pull("runs", SCOPE, None)
        first = next(pages)
        shelf.token = "renewed"
        with pytest.raises(AuthError, match="MILEPOST_ML_FLOW__TOKEN") as refused:
            list(pages)
        reader.close()
        assert "good" not in str(refused.value)
        shelf.token = "good"
        later = open_reader(shelf, "ml-flow", "good")
        rest = {run.run_id for run in runs_of(later, first.cursor)}
        later.close()
        assert {entity.ref.id for entity in first.entities} | rest == {f"r{number}" for number in range(3_000)}


def test_two_servers_keep_their_runs_and_their_credentials_apart() -> None:
    with Shelf(3, token="a-token") as one, Shelf(3, token="b-token") as other:
        readers = [open_reader(one, "research", "a-token"), open_reader(other, "production", "b-token")]
        refs = [{run.ref for run in runs_of(reader)} for reader in readers]
        for reader in readers:
            reader.close()
    assert [len(found) for found in refs] == [3, 3]
    assert refs[0].isdisjoint(refs[1]), "the same run ids, of different sources"
    assert {ref.source for found in refs for ref in found} == {"research", "production"}
