"""Events of Azure Machine Learning as Event Grid posts them. The payloads are shaped as Microsoft documents them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.azureml import CONNECTION
from connectors.azureml.options import AzureMLOptions, AzureMLScope, AzureMLSecrets
from connectors.azureml.receiver import AzureMLReceiver
from connectors.base import Mention, ReceiverContext
from connectors.errors import BadRecord, BadSignature
from mappings.model import Ref
from tests.mappings.damage import damaged

SECRET, PREVIOUS = "the-header-secret-now", "the-header-secret-before"
SUBSCRIPTION = "11111111-2222-3333-4444-555555555555"
WORKSPACE = (
    f"/subscriptions/{SUBSCRIPTION}/resourceGroups/ml-production/providers/Microsoft.MachineLearningServices/workspaces/churn"
)
PROVEN = {"x-milepost-secret": SECRET}
EXPERIMENT = "0fa9dfaa-cba3-4fa7-b590-23e48548f5c1"
RUN = "AutoML_ad912b2d-6467-4f32-a616-dbe4af6dd8fc_5"
SCOPE = AzureMLScope(models=("churn*",), experiments=("churn-training",), endpoints=("churn-*",))


def receiver() -> AzureMLReceiver:
    options = {"subscription": SUBSCRIPTION.upper(), "resource_group": "ML-Production", "workspace": "Churn"}
    context = ReceiverContext(
        name="azure-ml",
        options=AzureMLOptions.model_validate(options),
        secrets=AzureMLSecrets.model_validate({"webhook_secret": SECRET, "webhook_secret_previous": PREVIOUS}),
    )
    assert CONNECTION.receiver is not None
    opened = CONNECTION.receiver(context)
    assert isinstance(opened, AzureMLReceiver)
    return opened


def grid_event(kind: str, subject: str, data: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "topic": WORKSPACE,
        "subject": subject,
        "eventType": f"Microsoft.MachineLearningServices.{kind}",
        "eventTime": "2026-06-26T18:41:00.9584103Z",
        "id": "831e1650-001e-001b-66ab-eeb76e069631",
        "data": data,
        "dataVersion": "",
        "metadataVersion": "1",
        **more,
    }


def cloud_event(document: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "source": document["topic"],
        "subject": document["subject"],
        "type": document["eventType"],
        "time": document["eventTime"],
        "id": document["id"],
        "data": document["data"],
        "specversion": "1.0",
    }


REGISTERED = grid_event(
    "ModelRegistered",
    "models/churn-classifier:20",
    {"ModelName": "churn-classifier", "ModelVersion": 20, "ModelTags": {"token": "canary-5f1c"}, "ModelProperties": {}},
)
DEPLOYED = grid_event(
    "ModelDeployed",
    "endpoints/churn-service",
    {"ServiceName": "churn-service", "ServiceComputeType": "ACI", "ModelIds": "churn:1,churn:2", "ServiceTags": {}},
)
COMPLETED = grid_event(
    "RunCompleted",
    f"experiments/{EXPERIMENT}/runs/{RUN}",
    {"ExperimentId": EXPERIMENT, "ExperimentName": "churn-training", "RunId": RUN, "RunType": None, "RunTags": {}},
)
CHANGED = grid_event(
    "RunStatusChanged",
    f"experiments/{EXPERIMENT}/runs/{RUN}",
    {"experimentId": EXPERIMENT, "experimentName": "churn-training", "runId": RUN, "runStatus": "Running", "runTags": {}},
)
FAILED = grid_event("RunStatusChanged", CHANGED["subject"], {**CHANGED["data"], "runStatus": "Failed"})
EVENTS = [REGISTERED, DEPLOYED, COMPLETED, CHANGED, FAILED]
VALIDATION = {
    "id": "2d1781af-3a4c-4d7c-bd0c-e34b19da4e66",
    "topic": WORKSPACE,
    "subject": "",
    "data": {"validationCode": "512d38b6-c7b8-40c8-89fe-f46f9e9622b6", "validationUrl": "https://example.com/validate"},
    "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent",
    "eventTime": "2026-01-25T22:12:19.4556811Z",
    "metadataVersion": "1",
    "dataVersion": "1",
}


def body(document: Any) -> bytes:
    return json.dumps(document).encode()


def mentions(document: Any) -> list[Mention]:
    return list(receiver().parse(receiver().verify(PROVEN, body(document))))


def refs(document: Any) -> list[tuple[str, str]]:
    return [(one.ref.kind, one.ref.id) for one in mentions(document)]


@pytest.mark.parametrize("spelt", [lambda one: [one], lambda one: [cloud_event(one)], cloud_event])
@pytest.mark.parametrize(
    ("document", "expected", "name"),
    [
        (REGISTERED, [("model_version", "churn-classifier/20")], "model.registered"),
        (DEPLOYED, [("endpoint", "churn-service")], "model.deployed"),
        (COMPLETED, [("experiment", EXPERIMENT), ("monitor", EXPERIMENT)], "run.completed"),
        (CHANGED, [("experiment", EXPERIMENT)], "run.status_changed"),
        (FAILED, [("experiment", EXPERIMENT), ("monitor", EXPERIMENT)], "run.status_changed"),
    ],
)
def test_each_type_of_event_names_what_changed_in_both_schemas(
    spelt: Any, document: dict[str, Any], expected: list[tuple[str, str]], name: str
) -> None:
    delivery = receiver().verify(PROVEN, body(spelt(document)))
    assert (delivery.id, delivery.event, delivery.reply) == (document["id"], name, None)
    assert refs(spelt(document)) == expected


@pytest.mark.parametrize("document", [REGISTERED, DEPLOYED, CHANGED])
def test_the_subject_tells_what_the_data_does_not(document: dict[str, Any]) -> None:
    assert refs([{**document, "data": None}]) == refs([document])


def test_what_is_named_can_be_read_or_listed() -> None:
    kinds = {kind for kind, _ in refs(EVENTS)}
    assert kinds == {"model_version"} | CONNECTION.relisted.keys()
    assert frozenset[str]().union(*CONNECTION.relisted.values()) <= CONNECTION.streams.keys()


@pytest.mark.parametrize(
    "elsewhere",
    [
        WORKSPACE + "-old",
        WORKSPACE.replace(SUBSCRIPTION, SUBSCRIPTION.replace("1", "9")),
        WORKSPACE.replace("ml-production", "ml-test"),
        "/subscriptions/" + SUBSCRIPTION,
    ],
)
def test_another_workspace_is_not_ours(elsewhere: str) -> None:
    assert refs([{**REGISTERED, "topic": elsewhere}, COMPLETED]) == refs([COMPLETED])


def test_azure_has_no_case() -> None:
    assert refs([{**REGISTERED, "topic": WORKSPACE.upper() + "/"}]) == [("model_version", "churn-classifier/20")]


def test_several_events_are_one_delivery_with_one_id_in_any_order() -> None:
    several = [{**document, "id": f"event-{number}"} for number, document in enumerate(EVENTS)]
    delivery = receiver().verify(PROVEN, body(several))
    assert delivery.event == "several"
    assert delivery.id == receiver().verify(PROVEN, body(several[::-1])).id
    assert delivery.id != receiver().verify(PROVEN, body(several[1:])).id
    assert len(receiver().parse(delivery)) == 4, "what two events name is named once"


def test_little_of_what_an_event_holds_is_kept() -> None:
    assert b"canary" not in receiver().verify(PROVEN, body([REGISTERED])).body


def test_the_handshake_gives_the_code_back() -> None:
    delivery = receiver().verify({**PROVEN, "aeg-event-type": "SubscriptionValidation"}, body([VALIDATION]))
    assert delivery.event == "subscription.validation"
    assert json.loads(delivery.reply or b"") == {"validationResponse": "512d38b6-c7b8-40c8-89fe-f46f9e9622b6"}
    assert receiver().parse(delivery) == []


def test_the_handshake_needs_the_secret() -> None:
    with pytest.raises(BadSignature):
        receiver().verify({"aeg-event-type": "SubscriptionValidation"}, body([VALIDATION]))


@pytest.mark.parametrize("secret", [SECRET, PREVIOUS])
def test_either_secret_proves_a_delivery(secret: str) -> None:
    assert receiver().verify({"x-milepost-secret": secret}, body([REGISTERED])).id == REGISTERED["id"]


@pytest.mark.parametrize("headers", [{}, {"x-milepost-secret": "another"}, {"authorization": "Bearer another"}])
def test_nothing_else_does(headers: Mapping[str, str]) -> None:
    with pytest.raises(BadSignature):
        receiver().verify(headers, body([REGISTERED]))


@pytest.mark.parametrize(
    "document",
    [
        [],
        {},
        [[REGISTERED]],
        [{**REGISTERED, "id": "two words"}],
        [{**REGISTERED, "eventType": None}],
        [{**REGISTERED, "topic": ""}],
        [{**VALIDATION, "data": {}}],
        [{**VALIDATION, "data": "code"}],
        [VALIDATION, REGISTERED],
    ],
)
def test_what_is_no_event_is_no_delivery(document: Any) -> None:
    with pytest.raises(BadRecord):
        receiver().verify(PROVEN, body(document))


@pytest.mark.parametrize(
    "document",
    [
        {**REGISTERED, "subject": "", "data": {"ModelName": "churn"}},
        {**REGISTERED, "subject": "", "data": {"ModelName": "a/b", "ModelVersion": 1}},
        {**REGISTERED, "subject": "", "data": {"ModelName": "churn", "ModelVersion": 10**4000}},
        {**DEPLOYED, "subject": "elsewhere", "data": {}},
        {**CHANGED, "subject": "runs/x", "data": {"runId": RUN}},
    ],
)
def test_an_event_without_the_name_makes_no_sense(document: dict[str, Any]) -> None:
    with pytest.raises(BadRecord, match="azure-ml"):
        mentions([document])


def mention(kind: str, ident: str, container: str | None = None) -> Mention:
    return Mention(ref=Ref("azure-ml", kind, ident), container=container)


@pytest.mark.parametrize(
    ("named", "scope", "concerned"),
    [
        (mention("model_version", "churn-classifier/20", "churn-classifier"), SCOPE, True),
        (mention("model_version", "fraud/1", "fraud"), SCOPE, False),
        (mention("experiment", EXPERIMENT, "churn-training"), SCOPE, True),
        (mention("experiment", EXPERIMENT, "fraud-training"), SCOPE, False),
        (mention("experiment", EXPERIMENT), SCOPE, True),
        (mention("experiment", EXPERIMENT), AzureMLScope(models=("*",)), False),
        (mention("monitor", EXPERIMENT), SCOPE, True),
        (mention("monitor", EXPERIMENT), AzureMLScope(data=("*",)), False),
        (mention("endpoint", "churn-service"), SCOPE, True),
        (mention("endpoint", "churn-service"), AzureMLScope(data=("*",)), False),
    ],
)
def test_a_scope_is_concerned_by_what_it_names(named: Mention, scope: AzureMLScope, concerned: bool) -> None:
    assert receiver().concerns(named, scope) is concerned


_DOCUMENTS = st.sampled_from([*EVENTS, VALIDATION, *map(cloud_event, EVENTS)])


@given(damaged(st.lists(_DOCUMENTS, min_size=1, max_size=3)) | damaged(_DOCUMENTS))
def test_no_document_does_more_than_be_refused(document: Any) -> None:
    opened = receiver()
    try:
        delivery = opened.verify(PROVEN, body(document))
        assert 0 < len(delivery.id) <= 200
        for one in opened.parse(delivery):
            assert "\x00" not in one.ref.id
            opened.concerns(one, SCOPE)
    except BadRecord as refused:
        assert refused.source == "azure-ml"


@given(
    st.binary(max_size=200) | st.sampled_from([b"[" * 100_000, b'[{"data":' * 50_000, b'[{"id": ' + b"9" * 10_000 + b"}]", b"\xff"])
)
def test_no_bytes_do(content: bytes) -> None:
    with pytest.raises(BadRecord):
        receiver().verify(PROVEN, content)
