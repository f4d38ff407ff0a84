"""A real MLflow server sends its deliveries to a listener on loopback, as people change its registry; our receiver takes them."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import httpx
import pytest

from connectors.base import Delivery, Mention, ReceiverContext
from connectors.errors import BadSignature
from connectors.mlflow import CONNECTION
from connectors.mlflow.options import MlflowOptions, MlflowScope, MlflowSecrets
from mappings.model import Ref
from sandbox.mlflow.server import RunningServer
from sandbox.server import Entry, Reply, Request, Route, StandIn

SECRET = "example-webhook-secret"
WITHIN = 30.0
EVENTS = [
    *({"entity": entity, "action": "CREATED"} for entity in ("REGISTERED_MODEL", "MODEL_VERSION", "PROMPT", "PROMPT_VERSION")),
    *({"entity": "MODEL_VERSION_TAG", "action": action} for action in ("SET", "DELETED")),
    *({"entity": "MODEL_VERSION_ALIAS", "action": action} for action in ("CREATED", "DELETED")),
]

Ask: TypeAlias = Callable[..., Any]
Hook: TypeAlias = Callable[[str | None], None]


class Listener(StandIn):
    """Keeps what comes; `refuses` is how many deliveries it answers 503 first."""

    refuses = 0

    def routes(self) -> Sequence[Route]:
        return [Route("POST", "/webhooks/mlflow", self._take, writes=False)]

    def _take(self, _request: Request) -> Reply:
        self.refuses -= 1
        return Reply(202 if self.refuses < 0 else 503)

    def wait_for(self, count: int) -> Sequence[Entry]:
        deadline = time.monotonic() + WITHIN
        while len(self.requests) < count:
            assert time.monotonic() < deadline, f"{len(self.requests)} of {count} deliveries came"
            time.sleep(0.02)
        return list(self.requests)


@pytest.fixture
def ask(mlflow_server: RunningServer) -> Iterator[Ask]:
    """Asks the server's REST API, as MLflow's client does: `ask("POST", path, …)`."""
    with httpx.Client(base_url=f"{mlflow_server.url}/api/2.0/mlflow/", trust_env=False, timeout=30.0) as client:

        def asked(method: str, path: str, **body: object) -> Any:
            return client.request(method, path, json=body).raise_for_status().json()

        yield asked


@pytest.fixture
def listener() -> Iterator[Listener]:
    with Listener() as listening:
        yield listening


@pytest.fixture
def hook(ask: Ask, listener: Listener) -> Iterator[Hook]:
    """Makes a webhook for what happens in the registry, with that secret."""
    made = []

    def make(secret: str | None) -> None:
        url = f"{listener.url}/webhooks/mlflow"
        answer = ask("POST", "webhooks", name=f"hook-{uuid.uuid4().hex[:8]}", url=url, events=EVENTS, secret=secret)
        made.append(answer["webhook"]["webhook_id"])

    yield make
    for webhook in made:
        ask("DELETE", f"webhooks/{webhook}")


def taken(entry: Entry) -> tuple[Delivery, Sequence[Mention]]:
    context = ReceiverContext(
        name="mlflow",
        options=MlflowOptions(url="https://mlflow.example.com"),
        secrets=MlflowSecrets.model_validate({"webhook_secret": SECRET}),
    )
    assert CONNECTION.receiver is not None
    receiver = CONNECTION.receiver(context)
    delivery = receiver.verify(entry.headers, entry.body)
    mentions = receiver.parse(delivery)
    assert all(receiver.concerns(mention, MlflowScope(models=(f"{mention.container}*",))) for mention in mentions)
    assert not any(receiver.concerns(mention, MlflowScope(models=("another-*",))) for mention in mentions)
    return delivery, mentions


def test_what_people_do_in_the_registry_is_named(ask: Ask, listener: Listener, hook: Hook) -> None:
    hook(SECRET)
    name = f"churn-{uuid.uuid4().hex[:8]}"
    steps: Sequence[tuple[str, str, dict[str, object]]] = (
        ("POST", "registered-models/create", {}),
        ("POST", "model-versions/create", {"source": "s3://bucket/model", "description": "Ein größeres Modell"}),
        ("POST", "model-versions/set-tag", {"version": "1", "key": "milepost.issue", "value": "CHURN-1"}),
        ("POST", "registered-models/alias", {"version": "1", "alias": "champion"}),
        ("DELETE", "model-versions/delete-tag", {"version": "1", "key": "milepost.issue"}),
        ("DELETE", "registered-models/alias", {"alias": "champion"}),
    )
    for count, (method, path, body) in enumerate(steps, 1):
        ask(method, path, name=name, **body)
        listener.wait_for(count)  # MLflow sends from several threads: in order only one by one

    found = [(delivery.event, [mention.ref for mention in mentions]) for delivery, mentions in map(taken, listener.requests)]

    model, version = Ref("mlflow", "registered_model", name), Ref("mlflow", "model_version", f"{name}/1")
    assert found == [
        ("registered_model.created", []),
        ("model_version.created", [model]),
        ("model_version_tag.set", [version]),
        ("model_version_alias.created", [model]),
        ("model_version_tag.deleted", [version]),
        ("model_version_alias.deleted", [model]),
    ]
    assert len({delivery.id for delivery, _ in map(taken, listener.requests)}) == len(steps)


def test_prompts_of_the_same_registry_name_nothing(ask: Ask, listener: Listener, hook: Hook) -> None:
    hook(SECRET)
    name, mark = f"greeting-{uuid.uuid4().hex[:8]}", {"key": "mlflow.prompt.is_prompt", "value": "true"}
    ask("POST", "registered-models/create", name=name, tags=[mark])
    text = {"key": "mlflow.prompt.text", "value": "Hello {{name}}"}
    ask("POST", "model-versions/create", name=name, source="prompt-template", tags=[mark, text])

    found = {delivery.event: mentions for delivery, mentions in map(taken, listener.wait_for(2))}

    assert found == {"prompt.created": [], "prompt_version.created": []}


def test_what_is_sent_again_is_the_same_delivery(ask: Ask, listener: Listener, hook: Hook) -> None:
    listener.refuses = 1
    hook(SECRET)
    ask("POST", "registered-models/create", name=f"churn-{uuid.uuid4().hex[:8]}")

    first, second = (taken(entry)[0] for entry in listener.wait_for(2))

    assert [entry.status for entry in listener.requests] == [503, 202]
    assert first == second


def test_a_webhook_without_the_secret_is_refused(ask: Ask, listener: Listener, hook: Hook) -> None:
    hook(None)
    hook("another-secret")
    ask("POST", "registered-models/create", name=f"churn-{uuid.uuid4().hex[:8]}")

    for entry in listener.wait_for(2):
        with pytest.raises(BadSignature):
            taken(entry)
