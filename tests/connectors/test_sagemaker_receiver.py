"""SageMaker's events as EventBridge sends them: who sent them, and what they name. Payloads are shaped as AWS documents them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.base import Mention, ReceiverContext
from connectors.errors import BadRecord, BadSignature
from connectors.sagemaker import CONNECTION
from connectors.sagemaker.options import SageMakerOptions, SageMakerScope, SageMakerSecrets
from connectors.sagemaker.receiver import SageMakerReceiver
from mappings.model import Ref
from tests.mappings.damage import damaged

SECRET, PREVIOUS = "the-header-secret-now", "the-header-secret-before"
ACCOUNT = "111122223333"
ARN = f"arn:aws:sagemaker:eu-west-1:{ACCOUNT}:"
PROVEN = {"x-milepost-secret": SECRET}
SCOPE = SageMakerScope(endpoints=("Churn-*",), model_package_groups=("churn",), training_jobs=("churn-*",))


def receiver(**options: Any) -> SageMakerReceiver:
    context = ReceiverContext(
        name="aws-eu",
        options=SageMakerOptions.model_validate({"region": "eu-west-1", **options}),
        secrets=SageMakerSecrets.model_validate({"webhook_secret": SECRET, "webhook_secret_previous": PREVIOUS}),
    )
    assert CONNECTION.receiver is not None
    opened = CONNECTION.receiver(context)
    assert isinstance(opened, SageMakerReceiver)
    return opened


def event(detail_type: str, *resources: str, **more: Any) -> dict[str, Any]:
    return {
        "version": "0",
        "id": "d2921b5a-b0ad-cace-a8e3-0f159d018e06",
        "detail-type": detail_type,
        "source": "aws.sagemaker",
        "account": ACCOUNT,
        "time": "2026-10-25T01:52:12Z",
        "region": "eu-west-1",
        "resources": list(resources),
        "detail": {"Tags": {}, "CreationTime": 1592411992203.0},
        **more,
    }


ENDPOINT = event(
    "SageMaker Endpoint State Change",
    ARN + "endpoint/churn-prod",
    detail={
        "EndpointName": "Churn-Prod",
        "EndpointArn": ARN + "endpoint/churn-prod",
        "EndpointConfigName": "churn-prod-7",
        "ProductionVariants": [{"DesiredWeight": 1.0, "DesiredInstanceCount": 1.0}],
        "EndpointStatus": "IN_SERVICE",
        "CreationTime": 1592411992203.0,
        "LastModifiedTime": 1592411994287.0,
        "Tags": {},
    },
)
PACKAGE = event(
    "SageMaker Model Package State Change",
    ARN + "model-package/churn/2",
    detail={
        "ModelPackageGroupName": "churn",
        "ModelPackageVersion": 2,
        "ModelPackageArn": ARN + "model-package/churn/2",
        "CreationTime": "2026-02-24T17:00:14Z",
        "InferenceSpecification": {"Containers": [{"Image": "example/xgboost:1", "ModelDataUrl": "s3://example/model.tar.gz"}]},
        "ModelPackageStatus": "Completed",
        "ModelApprovalStatus": "Rejected",
        "MetadataProperties": {"GeneratedBy": ARN + "pipeline/churn/execution/4r83jejmhorv"},
    },
)
TRANSFORM = event(
    "SageMaker Transform Job State Change",
    ARN + "transform-job/churn-scores",
    detail={
        "TransformJobName": "churn-scores",
        "TransformJobStatus": "Failed",
        "Environment": {"DB_PASSWORD": "canary-5f1c"},
        "Tags": {},
    },
)
PIPELINE = event(
    "SageMaker Model Building Pipeline Execution Status Change",
    ARN + "pipeline/churn",
    ARN + "pipeline/churn/execution/p4jn9xou8a8s",
    detail={"currentPipelineExecutionStatus": "Succeeded", "pipelineArn": ARN + "pipeline/churn"},
)
STEP = event(
    "SageMaker Model Building Pipeline Execution Step Status Change",
    ARN + "pipeline/churn",
    ARN + "pipeline/churn/execution/p4jn9xou8a8s",
    detail={"stepName": "train", "currentStepStatus": "Succeeded"},
)
SCHEDULE = event(
    "SageMaker Monitoring Schedule State Change",
    ARN + "monitoring-schedule/churn-drift",
    detail={"MonitoringScheduleName": "churn-drift", "EndpointName": "Churn-Prod", "MonitoringScheduleStatus": "Scheduled"},
)
MONITOR_JOB = event(
    "SageMaker Processing Job State Change",
    ARN + "processing-job/model-monitoring-202610250152",
    detail={"ProcessingJobStatus": "Completed", "MonitoringScheduleArn": ARN + "monitoring-schedule/churn-drift"},
)
EVENTS = [ENDPOINT, PACKAGE, TRANSFORM, PIPELINE, STEP, SCHEDULE, MONITOR_JOB]


def body(document: Any) -> bytes:
    return json.dumps(document).encode()


def mentions(document: Any, **options: Any) -> list[Mention]:
    opened = receiver(**options)
    return list(opened.parse(opened.verify(PROVEN, body(document))))


def refs(document: Any, **options: Any) -> list[tuple[str, str]]:
    return [(one.ref.kind, one.ref.id) for one in mentions(document, **options)]


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (ENDPOINT, [("deployment", "churn-prod")]),
        (
            event("SageMaker Endpoint Deployment State Change", ARN + "endpoint/churn-prod"),
            [("deployment", "churn-prod")],
        ),
        (PACKAGE, [("model_version", "churn/2")]),
        (event("SageMaker Training Job State Change", ARN + "training-job/churn-7"), [("run", "churn-7")]),
        (TRANSFORM, [("run", "transform-job:churn-scores")]),
        (PIPELINE, [("run", "pipeline:churn:execution:p4jn9xou8a8s")]),
        (event("SageMaker Feature Group State Change", ARN + "feature-group/customers"), [("dataset", "customers")]),
        (SCHEDULE, [("monitoring_schedule", "churn-drift")]),
        (
            MONITOR_JOB,
            [("run", "processing-job:model-monitoring-202610250152"), ("monitoring_schedule", "churn-drift")],
        ),
        (STEP, []),
        (event("SageMaker Endpoint Config State Change", ARN + "endpoint-config/churn-prod-7"), []),
        (event("SageMaker HyperParameter Tuning Job State Change", ARN + "tuningJob/x"), []),
    ],
)
def test_each_type_of_event_names_what_changed(document: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    found = mentions(document)
    assert [(one.ref.kind, one.ref.id) for one in found] == expected
    assert all(one.ref.source == "aws-eu" for one in found)


def test_what_is_named_can_be_read_or_listed() -> None:
    kinds = {kind for document in EVENTS for kind, _ in refs(document)}
    entities = frozenset[str]().union(*CONNECTION.streams.values())
    assert kinds <= entities | CONNECTION.relisted.keys()
    assert frozenset[str]().union(*CONNECTION.relisted.values()) <= CONNECTION.streams.keys()


@pytest.mark.parametrize(
    ("change", "options"),
    [
        ({"region": "us-east-1"}, {}),
        ({"resources": [f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:endpoint/churn-prod"]}, {}),
        ({}, {"role_arn": "arn:aws:iam::444455556666:role/milepost-reader"}),
        (
            {"resources": ["arn:aws:sagemaker:eu-west-1:444455556666:endpoint/churn-prod"]},
            {"role_arn": f"arn:aws:iam::{ACCOUNT}:role/milepost-reader"},
        ),
    ],
)
def test_another_account_or_region_is_not_ours(change: dict[str, Any], options: dict[str, Any]) -> None:
    assert refs({**ENDPOINT, **change}, **options) == []


def test_the_account_of_the_role_is_ours() -> None:
    assert refs(ENDPOINT, role_arn=f"arn:aws:iam::{ACCOUNT}:role/milepost-reader") == [("deployment", "churn-prod")]


def test_a_delivery_is_the_event_with_little_of_what_it_holds() -> None:
    delivery = receiver().verify(PROVEN, body(TRANSFORM))
    assert delivery.id == TRANSFORM["id"]
    assert delivery.event == "transform_job.state_change"
    assert b"canary" not in delivery.body
    assert delivery.reply is None
    assert receiver().verify(PROVEN, body(event("SageMaker Something New"))).event == "other"


@pytest.mark.parametrize(
    "headers",
    [
        PROVEN,
        {"x-milepost-secret": PREVIOUS},
        {"authorization": f"Bearer {SECRET}"},
        {"authorization": f"bearer  {PREVIOUS} "},
        {"x-milepost-secret": SECRET, "authorization": "Basic of-a-proxy"},
    ],
)
def test_either_secret_proves_a_delivery_in_either_header(headers: Mapping[str, str]) -> None:
    assert receiver().verify(headers, body(ENDPOINT)).id == ENDPOINT["id"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-milepost-secret": ""},
        {"x-milepost-secret": SECRET + "x"},
        {"x-milepost-secret": "no", "authorization": f"Bearer {SECRET}"},
        {"authorization": SECRET},
        {"authorization": f"Basic {SECRET}"},
        {"authorization": "Bearer "},
    ],
)
def test_nothing_else_does(headers: Mapping[str, str]) -> None:
    with pytest.raises(BadSignature) as refused:
        receiver().verify(headers, body(ENDPOINT))
    assert SECRET not in str(refused.value)
    assert "MILEPOST_AWS_EU__WEBHOOK_SECRET" in str(refused.value)


def test_without_a_secret_nothing_is_taken() -> None:
    context = ReceiverContext(name="aws-eu", options=SageMakerOptions(region="eu-west-1"), secrets=SageMakerSecrets())
    with pytest.raises(BadSignature, match="is not set or empty, so no delivery can be proven"):
        SageMakerReceiver(context).verify({"x-milepost-secret": ""} | PROVEN, body(ENDPOINT))


@pytest.mark.parametrize(
    "document",
    [
        [ENDPOINT],
        {**ENDPOINT, "source": "aws.ec2"},
        {**ENDPOINT, "id": ""},
        {**ENDPOINT, "id": "with space"},
        {**ENDPOINT, "id": "x" * 201},
        {**ENDPOINT, "id": "x\n"},
        {"Type": "Notification", "MessageId": "1", "Message": json.dumps(ENDPOINT)},
    ],
)
def test_what_is_no_event_of_sagemaker_is_no_delivery(document: Any) -> None:
    with pytest.raises(BadRecord):
        receiver().verify(PROVEN, body(document))


def test_an_event_that_names_nothing_of_sagemakers_makes_no_sense() -> None:
    with pytest.raises(BadRecord, match="nothing of SageMaker's"):
        mentions({**ENDPOINT, "resources": ["arn:aws:s3:::example", "x"]})


def mention(kind: str, ident: str, endpoint: str | None = None) -> Mention:
    return Mention(ref=Ref("aws-eu", kind, ident), container=endpoint)


@pytest.mark.parametrize(
    ("named", "concerned"),
    [
        (mention("deployment", "churn-prod"), True),
        (mention("deployment", "fraud-prod"), False),
        (mention("model_version", "churn/2"), True),
        (mention("model_version", "fraud/2"), False),
        (mention("run", "churn-7"), True),
        (mention("run", "processing-job:churn-7"), False),
        (mention("monitoring_schedule", "churn-drift", "Churn-Prod"), True),
        (mention("monitoring_schedule", "churn-drift"), True),
        (mention("monitoring_schedule", "churn-drift", "fraud-prod"), False),
    ],
)
def test_a_scope_is_concerned_by_the_names_that_it_has(named: Mention, concerned: bool) -> None:
    assert receiver().concerns(named, SCOPE) is concerned


def test_a_scope_without_endpoints_has_no_monitors() -> None:
    assert not receiver().concerns(mention("monitoring_schedule", "churn-drift"), SageMakerScope(training_jobs=("*",)))


@given(damaged(st.sampled_from(EVENTS)) | st.recursive(st.none() | st.text(), lambda inner: st.lists(inner)))
def test_no_document_does_more_than_be_refused(document: Any) -> None:
    opened = receiver()
    try:
        delivery = opened.verify(PROVEN, body(document))
        assert 0 < len(delivery.id) <= 200
        for one in opened.parse(delivery):
            assert "\x00" not in one.ref.id
            opened.concerns(one, SCOPE)
    except BadRecord as refused:
        assert refused.source == "aws-eu"


@given(
    st.binary(max_size=200) | st.sampled_from([b"[" * 100_000, b'{"id":' * 50_000, b'{"id": ' + b"9" * 10_000 + b"}", b"\xff\xfe"])
)
def test_no_bytes_do(content: bytes) -> None:
    with pytest.raises(BadRecord):
        receiver().verify(PROVEN, content)


def test_a_receiver_needs_no_sdk() -> None:
    code = (
        "import sys, connectors.sagemaker.receiver, connectors.azureml.receiver;"
        "print([name for name in sys.modules if name.split('.')[0] in ('boto3', 'botocore', 'azure', 'httpx')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
