"""MLflow's deliveries: which are proven, and what they name."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Sequence
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.base import Delivery, ReceiverContext, WebhookSecrets
from connectors.errors import BadRecord, BadSignature
from connectors.mlflow.options import MlflowOptions, MlflowScope
from connectors.mlflow.receiver import TOLERANCE, MlflowReceiver
from mappings.model import Ref
from tests.mappings.damage import damaged

NEW, OLD = "the-new-example-secret", "the-old-example-secret"
NOW = 1_790_000_000
IDENT = "0a2b6f0e-6d5f-4a86-9a43-1f0d5a4f9a11"

CREATED: dict[str, Any] = {
    "entity": "model_version",
    "action": "created",
    "timestamp": "2026-09-21T14:13:20+00:00",
    "data": {
        "name": "example_model",
        "version": "1",
        "source": "models:/123",
        "run_id": "abcd1234abcd5678",
        "tags": {"example_key": "example_value"},
        "description": "An example model version",
    },
}
BODY = json.dumps(CREATED).encode()

needs_mlflow = pytest.mark.xdist_group("mlflow")


@cache
def examples() -> Sequence[dict[str, Any]]:
    """One of each event that MLflow has, with the data that it documents itself. MLflow is imported by who asks for them alone."""
    from mlflow.entities.webhook import WebhookEvent
    from mlflow.webhooks.types import EVENT_TO_PAYLOAD_CLASS, get_example_payload_for_event

    return [
        {"entity": entity.value, "action": action.value, "timestamp": CREATED["timestamp"], "data": data}
        for entity, action in EVENT_TO_PAYLOAD_CLASS
        for data in [get_example_payload_for_event(WebhookEvent(entity, action))]
    ]


def receiver(present: str | None = NEW, previous: str | None = OLD) -> MlflowReceiver:
    secrets = WebhookSecrets.model_validate({"webhook_secret": present, "webhook_secret_previous": previous})
    return MlflowReceiver(
        ReceiverContext(name="mlflow", options=MlflowOptions(url="https://m.example"), secrets=secrets), lambda: NOW
    )


def headers(body: bytes, secret: str = NEW, ident: str = IDENT, sent: str = str(NOW)) -> dict[str, str]:
    digest = hmac.new(secret.encode(), f"{ident}.{sent}.".encode() + body, hashlib.sha256).digest()
    signature = f"v1,{base64.b64encode(digest).decode()}"
    return {"x-mlflow-signature": signature, "x-mlflow-delivery-id": ident, "x-mlflow-timestamp": sent}


@pytest.mark.parametrize("secret", [NEW, OLD])
@pytest.mark.parametrize("away", [-TOLERANCE, 0, TOLERANCE])
def test_a_delivery_is_proven_by_either_secret_within_five_minutes(secret: str, away: int) -> None:
    delivery = receiver().verify(headers(BODY, secret, sent=str(NOW + away)), BODY)
    assert delivery == Delivery(id=IDENT, event="model_version.created", body=b'{"data":{"name":"example_model"}}')


@pytest.mark.parametrize("away", [-TOLERANCE - 1, TOLERANCE + 1, -NOW])
def test_an_older_or_newer_one_is_refused(away: int) -> None:
    with pytest.raises(BadSignature, match="5 minutes"):
        receiver().verify(headers(BODY, sent=str(NOW + away)), BODY)


_RIGHT = headers(BODY)


@pytest.mark.parametrize(
    "changed",
    [
        headers(BODY, "another"),
        headers(BODY + b" "),
        _RIGHT | {"x-mlflow-delivery-id": "another"},
        _RIGHT | {"x-mlflow-timestamp": str(NOW + 1)},
        _RIGHT | {"x-mlflow-timestamp": "9" * 400},
        _RIGHT | {"x-mlflow-timestamp": "soon"},
        _RIGHT | {"x-mlflow-timestamp": "१७९०००००००"},
        _RIGHT | {"x-mlflow-signature": _RIGHT["x-mlflow-signature"].replace("v1,", "v2,")},
        _RIGHT | {"x-mlflow-signature": _RIGHT["x-mlflow-signature"].removeprefix("v1,")},
        _RIGHT | {"x-mlflow-signature": "v1,"},
        _RIGHT | {"x-mlflow-signature": "v1,ÿ"},
        *({name: value for name, value in _RIGHT.items() if name != left_out} for left_out in _RIGHT),
        {},
    ],
)
def test_nothing_else_is_proven(changed: dict[str, str]) -> None:
    with pytest.raises(BadSignature) as refused:
        receiver().verify(changed, BODY)
    assert NEW not in str(refused.value)
    assert "mlflow" in str(refused.value)


def test_without_a_secret_nothing_is_proven() -> None:
    with pytest.raises(BadSignature, match="MILEPOST_MLFLOW__WEBHOOK_SECRET"):
        receiver(None, None).verify(headers(BODY, ""), BODY)


NAMED = {
    "model_version.created": Ref("mlflow", "registered_model", "example_model"),
    "model_version_alias.created": Ref("mlflow", "registered_model", "example_model"),
    "model_version_alias.deleted": Ref("mlflow", "registered_model", "example_model"),
    "model_version_tag.set": Ref("mlflow", "model_version", "example_model/1"),
    "model_version_tag.deleted": Ref("mlflow", "model_version", "example_model/1"),
}


@needs_mlflow
def test_of_all_events_these_name_something() -> None:
    assert CREATED in examples()
    found = {}
    for example in examples():
        body = json.dumps(example).encode()
        delivery = receiver().verify(headers(body), body)
        for mention in receiver().parse(delivery):
            assert mention.container == "example_model"
            found[delivery.event] = mention.ref
    assert found == NAMED


@pytest.mark.parametrize(
    ("scope", "concerned"),
    [
        (MlflowScope(models=("churn-*",)), True),
        (MlflowScope(models=("fraud", "churn-classifier")), True),
        (MlflowScope(models=("Churn-*",)), False),
        (MlflowScope(experiments=("churn*",)), False),
    ],
)
def test_a_scope_is_concerned_by_the_models_that_it_names(scope: MlflowScope, concerned: bool) -> None:
    data = {"name": "churn-classifier", "alias": "champion", "version": "3"}
    body = json.dumps({"entity": "model_version_alias", "action": "created", "data": data}).encode()
    (mention,) = receiver().parse(receiver().verify(headers(body), body))
    assert receiver().concerns(mention, scope) is concerned


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'"model_version"',
        b'{"entity": "model_version"}',
        b'{"entity": "model_version", "action": "a\\u0000"}',
        b'{"entity": "model_version", "action": "created"}',
        b'{"entity": "model_version", "action": "created", "data": {"name": ""}}',
        b'{"entity": "model_version", "action": "created", "data": {"name": "a\\u0000b"}}',
        b'{"entity": "model_version_tag", "action": "set", "data": {"name": "churn", "version": "latest"}}',
        b'{"entity": "model_version_tag", "action": "set", "data": {"name": "churn"}}',
        b"\xff" + BODY,
        pytest.param(b"[" * 100_000, id="deeply nested"),
    ],
)
def test_what_is_proven_and_makes_no_sense_is_told(body: bytes) -> None:
    with pytest.raises(BadRecord):
        receiver().parse(receiver().verify(headers(body), body))


def test_what_makes_no_sense_is_kept_for_a_person_and_what_names_nothing_is_not() -> None:
    senseless = b'{"entity": "model_version", "action": "created", "data": {"model": "churn"}}'
    assert receiver().verify(headers(senseless), senseless).body == senseless
    prompt = json.dumps({"entity": "prompt", "action": "created", "data": {"name": "greeting", "tags": {"by": "Ada"}}}).encode()
    assert receiver().verify(headers(prompt), prompt).body == b""


@needs_mlflow
@given(damaged(st.deferred(lambda: st.sampled_from(examples()))))
def test_a_damaged_delivery_is_told_or_names_what_can_be_named(document: Any) -> None:
    body = json.dumps(document).encode()
    try:
        mentions = receiver().parse(receiver().verify(headers(body), body))
    except BadRecord:
        return
    assert all(mention.ref.kind in {"registered_model", "model_version"} and mention.container for mention in mentions)


@given(st.dictionaries(st.sampled_from(sorted(_RIGHT)), st.text()), st.binary())
def test_whatever_comes_without_a_proof_is_refused(given_headers: dict[str, str], body: bytes) -> None:
    with pytest.raises(BadSignature):
        receiver().verify(given_headers, body)
