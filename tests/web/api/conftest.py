"""A small world in the store and the API over it, asked in this process. No source is ever opened: the API needs none."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from httpx import ASGITransport, AsyncClient, Response
from starlette.applications import Starlette

from config.project import ProjectFile
from connectors.base import Batch
from mappings.change import Change, Slot
from mappings.model import Entity, Person, Ref, WorkItem
from sync.build import ConnectionTypes, build_workspace, read_project_file
from sync.derive import Standing
from sync.evidence import Evidence
from sync.pull import PullLimits
from sync.store import audit, entities, inbox, runs, streams, tokens, verdicts
from sync.store.connect import Database
from sync.store.inbox import Arrival
from sync.store.tokens import Scope
from sync.truth import Truth
from sync.web.api.app import PLACE, build_api
from sync.web.app import build_app
from sync.web.auth import Authority
from sync.workspace import Workspace

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
EMAIL = "canary-person-11c0@example.com"
BODY = b'{"said": "canary-body-6d1f"}'

FILE = """
sources:
  jira: {type: jira, url: "https://example.atlassian.net"}
  github: {type: github}
projects:
  churn:
    name: Churn prediction
    risk_class: limited
    scopes:
      jira: {projects: [CHURN]}
      github: {repositories: ["example/churn"]}
  fraud:
    scopes:
      jira: {projects: [FRAUD]}
publish: {jira: {field: "ML Status"}}
"""


class World:
    """The store with what a few projects left there. Tickets are numbered; each of CHURN's has two verdicts."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.database: Database = workspace.database
        self.woken = 0
        self._run = ""

    def wake(self) -> None:
        self.woken += 1

    def put(self, project: str, *things: Entity) -> None:
        """Things that were listed for a project."""
        (scoped,) = self.workspace.chosen([project])
        with self.database.write() as tx:
            for source, scope in scoped.scopes:
                some = [one for one in things if one.ref.source == source.name]
                kinds = {one.ref.kind for one in some}
                stream = next(name for name, provided in source.connection.streams.items() if kinds <= provided)
                key = source.key(stream, scope)
                streams.begin_sweep(tx, key, NOON)
                entities.save_batch(tx, key, Batch(entities=some, complete=True), now=NOON, run_id="run")
                streams.finish(tx, key, complete=True, now=NOON)

    def judge(self, project: str, standings: Sequence[Standing]) -> None:
        with self.database.write() as tx:
            verdicts.save(tx, project, standings, [])

    def run(self, command: str = "sync", *, done: bool = True, summary: Mapping[str, Any] | None = None) -> str:
        with self.database.write() as tx:
            ident = runs.start(tx, command, ["churn"], self.database.now(tx))
            if done:
                runs.finish(tx, ident, outcome="done", exit_code=0, summary=summary or {"written": 1}, now=self.database.now(tx))
        return ident

    def wrote(
        self,
        key: str,
        *,
        minutes: int = 0,
        project: str = "churn",
        kind: audit.Kind = "write",
        evidence: tuple[dict[str, Any], ...] = ({"ref": "mlflow:run:r1", "fact": "val_auc"},),
    ) -> None:
        change = Change(
            id="c1",
            project=project,
            slot=Slot(Ref("jira", "work_item", key), "field", "ML Status"),
            action="add",
            before=None,
            after="Model ready",
            key=key,
            container="CHURN",
            rules=("model-ready",),
            reason="its model is ready",
            evidence=evidence,
        )
        with self.database.write() as tx:
            audit.append(tx, audit.of_change(change, kind=kind, run_id="run-1", at=NOON + timedelta(minutes=minutes)))

    def receive(self, count: int, *, source: str = "github", dead: bool = False) -> list[int]:
        """So many deliveries; returns their ids."""
        with self.database.write() as tx:
            before = {one.id for one in inbox.listing(tx, states=inbox.STATES, limit=1_000)}
            news = [Arrival(source=source, delivery=f"d{len(before) + number}", event="push", body=BODY) for number in range(count)]
            inbox.accept(tx, news, NOON)
            ids = sorted({one.id for one in inbox.listing(tx, states=inbox.STATES, limit=1_000)} - before)
            for one in ids if dead else ():
                inbox.fail(tx, one, "it makes no sense", None, NOON)
        return ids

    def token(self, *scopes: Scope, name: str = "tester", expires_in: timedelta | None = None) -> str:
        with self.database.write() as tx:
            now = self.database.now(tx)
            expires_at = None if expires_in is None else now + expires_in
            return tokens.issue(tx, name, scopes or ("read", "operate"), now, expires_at=expires_at).text


def ticket(number: int, project: str = "CHURN", **more: Any) -> WorkItem:
    said: dict[str, Any] = {
        "ref": Ref("jira", "work_item", f"{project}-{number:04}"),
        "key": f"{project}-{number}",
        "url": f"https://example.atlassian.net/browse/{project}-{number}",
        "title": f"Ticket {number}",
        "item_type": "Task",
        "container": project,
        "status": "In Progress",
        "status_category": "in_progress",
        "labels": ("data",),
        "assignee": Person(id="a1", name=EMAIL),
        "body": f"Ask {EMAIL}",
        "updated_at": NOON,
    }
    return WorkItem(**{**said, **more})


def standing(rule: str, subject: Ref, truth: Truth = True, **more: Any) -> Standing:
    said: dict[str, Any] = {
        "rule": rule,
        "subject": subject,
        "truth": truth,
        "known": truth,
        "since": NOON,
        "opened_at": NOON if truth else None,
        "rule_version": "v1",
        "says": "it is ready",
        "evidence": (
            Evidence(ref=Ref("mlflow", "run", "r:1"), name="run r", fact="val_auc", value=0.91, threshold=">= 0.85", holds=True),
        ),
        "missing": () if truth is not None else ("github/pull_requests (the last read failed)", "a result of psi"),
    }
    return Standing(**{**said, **more})


@pytest.fixture(scope="session")
def project_file(tmp_path_factory: pytest.TempPathFactory) -> tuple[ProjectFile, ConnectionTypes]:
    path = tmp_path_factory.mktemp("file") / "milepost.yaml"
    path.write_text(FILE, encoding="utf-8")
    types = ConnectionTypes()
    return read_project_file(path, types), types


@pytest.fixture
def workspace(database: Database, project_file: tuple[ProjectFile, ConnectionTypes]) -> Workspace:
    return build_workspace(*project_file, {}, database, limits=PullLimits(), wait=timedelta())


@pytest.fixture
def world(workspace: Workspace) -> World:
    world = World(workspace)
    tickets = [ticket(number) for number in range(1, 6)]
    world.put("churn", *tickets)
    world.put("fraud", ticket(1, "FRAUD"))
    truths: Sequence[Truth] = (True, False, None, True, False)
    world.judge(
        "churn",
        [
            standing(rule, one.ref, truth)
            for rule in ("data-blocked", "model-ready")
            for one, truth in zip(tickets, truths, strict=True)
        ],
    )
    world.judge("fraud", [standing("model-ready", Ref("jira", "work_item", "FRAUD-0001"))])
    return world


@pytest.fixture
def app(world: World) -> Starlette:
    """As `milepost serve` mounts it."""
    return build_app([], {PLACE: build_api(world.workspace, Authority(world.database), wake=world.wake)})


Ask = Callable[..., Response]


@pytest.fixture
def ask(app: Starlette, world: World) -> Iterator[Ask]:
    """Asks for a path of the API with a token that may do everything, or with another, or with None."""
    every = world.token()
    with asyncio.Runner() as runner:
        client = AsyncClient(transport=ASGITransport(app, raise_app_exceptions=False), base_url="http://milepost.example")

        def asked(path: str, method: str = "GET", *, token: str | None = every, headers: Mapping[str, str] = {}) -> Response:
            said = {"authorization": f"Bearer {token}"} if token is not None else {}
            return runner.run(client.request(method, PLACE + path, headers={**said, **headers}))

        yield asked
        runner.run(client.aclose())
