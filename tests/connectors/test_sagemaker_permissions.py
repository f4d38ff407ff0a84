"""The documented policy allows exactly what the connector asks for, and the check tells what is missing of it."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import botocore.session  # type: ignore[import-untyped]  # botocore ships no types
import pytest

from connectors.base import Finding
from connectors.conformance.proxy import Answer, Asked, FaultProxy
from connectors.sagemaker import CONNECTION
from connectors.sagemaker.api import ACTIONS
from mappings.model import Missing, Ref
from sandbox.sagemaker.server import ACCOUNT, AwsServer
from tests.connectors.aws import NAME, Office

DOCUMENT = Path(__file__).parents[2] / "docs" / "connectors.md"
WATCH = {"latency": {"metric": "ModelLatency", "limit": {"lte": 10}}}
KINDS_OF_IDS = {
    "model_version": ["gone/1", "gone"],
    "run": [
        "gone",
        "processing-job:gone",
        "transform-job:gone",
        "pipeline:gone:execution:gone",
        "experiment-trial-component:gone",
    ],
    "experiment": ["gone"],
    "dataset": ["gone"],
    "deployment": ["gone"],
    "observation": [
        "monitoring-execution/gone/1795000000000/drift",
        "monitoring-alert/gone/default/1795000000000",
        "metric/a/b/c/1",
    ],
}


@pytest.fixture
def office(aws_server: AwsServer) -> Office:
    return Office(aws_server)


@pytest.fixture
def proxy(aws_server: AwsServer) -> Iterator[FaultProxy]:
    with FaultProxy(aws_server.url) as between:
        yield between


def policy() -> list[dict[str, Any]]:
    """The statements of the policy in the documentation."""
    section = DOCUMENT.read_text(encoding="utf-8").partition("### Permissions in Amazon SageMaker")[2]
    block = re.search(r"```json\n(.*?)```", section, re.DOTALL)
    assert block is not None
    statements: list[dict[str, Any]] = json.loads(block[1])["Statement"]
    return statements


def allowed() -> set[str]:
    actions = (statement["Action"] for statement in policy())
    return {action for listed in actions for action in ([listed] if isinstance(listed, str) else listed)}


def action_of(asked: Asked) -> str:
    """The IAM action of a request, which bears the name of the operation in each of these services."""
    service, _, operation = asked.headers.get("x-amz-target", "").partition(".")
    if operation:
        return f"{'sagemaker' if service == 'SageMaker' else 'cloudwatch'}:{operation}"
    if b"Action=" in asked.body:
        return f"sts:{parse_qs(asked.body.decode())['Action'][0]}"
    return f"s3:{asked.method.title()}Object"


def furnished(office: Office) -> None:
    """Something in each stream that leads to another call."""
    schedule = office.monitor(office.endpoint([office.package()]))
    office.region.run_monitor(schedule, "CompletedWithViolations", [{"feature_name": "age"}])
    office.region.alert(schedule, "InAlert")
    office.sagemaker.create_experiment(ExperimentName=office.name)
    dimensions = [{"Name": "EndpointName", "Value": office.name}, {"Name": "VariantName", "Value": "v0"}]
    at = datetime.now(UTC) - timedelta(hours=3)
    with closing(office.region.client("cloudwatch")) as cloudwatch:
        value = {"MetricName": "ModelLatency", "Dimensions": dimensions, "Value": 1.0, "Timestamp": at}
        cloudwatch.put_metric_data(Namespace="AWS/SageMaker", MetricData=[value])


def test_the_policy_allows_exactly_what_the_connector_asks_for(office: Office, proxy: FaultProxy) -> None:
    furnished(office)
    role = f"arn:aws:iam::{ACCOUNT}:role/milepost-reader"
    scope = office.scope(metrics=WATCH)
    with office.reader(endpoint_url=proxy.url, role_arn=role) as reader:
        for stream in CONNECTION.streams:
            list(reader.pull(stream, scope, None))
        reader.read([Ref(NAME, kind, ident) for kind, idents in KINDS_OF_IDS.items() for ident in idents])
        findings = reader.check(scope)
    asked = {action_of(request) for request in proxy.asked}

    assert not [finding for finding in findings if finding.level == "error"]
    assert asked == set(ACTIONS)
    assert allowed() == set(ACTIONS)


def test_every_action_is_an_operation_of_its_service() -> None:
    session = botocore.session.Session()
    for action in ACTIONS:
        service, _, operation = action.partition(":")
        assert operation in session.get_service_model(service).operation_names, action


def test_the_policy_lets_nobody_write() -> None:
    assert {action.partition(":")[2] for action in allowed() if not re.search(r":(Describe|List|Get|Search)", action)} == {
        "AssumeRole"
    }
    assert {statement["Effect"] for statement in policy()} == {"Allow"}


def test_what_is_gone_is_missing_and_what_is_no_id_is_not_asked_for(office: Office) -> None:
    gone = [Ref(NAME, kind, ident) for kind, idents in KINDS_OF_IDS.items() for ident in idents]
    with office.reader() as reader:
        missing = {answer.ref for answer in reader.read(gone) if isinstance(answer, Missing)}
        office.asked()
        odd = [Ref(NAME, "run", ident) for ident in ("", "a b", "-a", "endpoint/a", "processing-job:", "s3://a")]
        answers = reader.read([*odd, Ref(NAME, "observation", "metric/a/b/c/" + str(int(time.time()))), Ref("other", "run", "a")])

    assert missing == set(gone)
    assert list(answers) == []
    assert office.asked() == 0


class TestCheck:
    def levels(self, findings: Any) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for finding in findings:
            assert isinstance(finding, Finding)
            found.setdefault(finding.topic, set()).add(finding.level)
        return found

    def test_it_says_who_asks_and_that_all_can_be_read(self, office: Office) -> None:
        furnished(office)
        with office.reader() as reader:
            findings = reader.check(office.scope(metrics=WATCH))
        levels = self.levels(findings)

        assert any(ACCOUNT in finding.text for finding in findings if finding.topic == "account")
        assert levels["endpoints"] == {"ok"}
        assert levels["model_package_groups"] == {"ok"}
        assert levels["metrics"] == {"ok"}
        assert {"account", "region", "monitors", "writing"} <= levels.keys()

    @pytest.mark.parametrize(
        "action",
        [
            *("ListEndpoints", "DescribeEndpoint", "ListTags", "ListMonitoringAlertHistory", "Search", "ListMetrics"),
            *("DescribeModelPackage", "DescribeProcessingJob", "DescribeExperiment", "GetMetricData"),
        ],
    )
    def test_a_permission_that_is_missing_is_named_and_the_rest_is_checked(
        self, office: Office, proxy: FaultProxy, action: str
    ) -> None:
        furnished(office)
        denied = json.dumps({"__type": "AccessDeniedException", "message": "User: x is not authorized"}).encode()
        proxy.fault(
            lambda asked: action_of(asked).endswith(f":{action}"),
            lambda _asked, _forward: Answer(400, denied, {"content-type": "application/x-amz-json-1.1"}),
        )
        with office.reader(endpoint_url=proxy.url) as reader:
            findings = reader.check(office.scope(metrics=WATCH))
        errors = [finding for finding in findings if finding.level == "error"]

        assert errors
        assert all(f":{action} " in finding.text and f":{action}, " in (finding.fix or "") for finding in errors)
        assert findings[-1].topic == "writing"

    def test_a_name_that_matches_nothing_is_told_with_the_one_that_was_meant(self, office: Office) -> None:
        office.endpoint([office.package()], suffix="-production")
        scope = office.scope(endpoints=[f"{office.name}-prodution"], model_package_groups=["nothing-like-it"])
        with office.reader() as reader:
            warnings = {one.topic: one for one in reader.check(scope) if one.level == "warning"}

        assert f"{office.name}-production" in (warnings["endpoints"].fix or "")
        assert "nothing-like-it" in warnings["model_package_groups"].text
