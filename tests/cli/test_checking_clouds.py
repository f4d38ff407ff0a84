"""`milepost check` on both clouds: who signs in, where, what may be read, and what to grant when something may not."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from connectors.conformance.proxy import Answer, FaultProxy
from sandbox.azureml.certificate import loopback_tls
from sandbox.azureml.resources import PROVIDER
from sandbox.azureml.site import WORKSPACE
from sandbox.sagemaker.server import ACCOUNT, AwsServer
from tests.cli.process import Desk
from tests.connectors.clouds import AzureML, SageMaker, refused, workspace

ROLE = f"arn:aws:iam::{ACCOUNT}:role/milepost-reader"


class Clouds:
    """Both clouds in one project file, with something of each kind in them."""

    def __init__(self, folder: Path, aws: SageMaker, proxy: FaultProxy, azure: AzureML) -> None:
        self.desk = Desk(folder)
        self.proxy = proxy
        self.azure = azure
        sources = {aws.name: {**aws.source, "role_arn": ROLE}, azure.name: azure.source}
        scopes = {aws.name: aws.scope, azure.name: azure.scope}
        self.desk.config.write_text(json.dumps({"sources": sources, "projects": {"churn": {"scopes": scopes}}}), encoding="utf-8")
        for cloud in (aws, azure):
            cloud.serve({cloud.register(): 100})

    def deny(self, operation: str) -> None:
        """SageMaker refuses it."""
        self.proxy.fault(
            lambda asked: asked.headers.get("x-amz-target", "").endswith(f".{operation}"), refused(400, "AccessDeniedException")
        )

    def trust_nobody(self) -> None:
        """The role may not be assumed; the security token service speaks XML."""
        body = b"<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>"
        self.proxy.fault(
            lambda asked: b"Action=AssumeRole&" in asked.body,
            lambda _asked, _forward: Answer(403, body, {"content-type": "text/xml"}),
        )

    def told(self, *arguments: str) -> tuple[int, dict[str, list[Any]]]:
        ended = self.desk.call("check", "-o", "json", *arguments)
        return ended.code, {one["source"]: one["findings"] for one in ended.json()["sources"]}


@pytest.fixture(scope="module")
def azure_tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, Path]:
    return loopback_tls(tmp_path_factory.mktemp("azure"))


@pytest.fixture
def clouds(aws_server: AwsServer, azure_tls: tuple[ssl.SSLContext, Path], tmp_path: Path) -> Iterator[Clouds]:
    with FaultProxy(aws_server.url) as proxy, workspace(azure_tls) as site:
        yield Clouds(tmp_path, SageMaker(aws_server, proxy), proxy, AzureML(site))


def errors(findings: Sequence[Any]) -> list[Any]:
    return [one for one in findings if one["level"] == "error"]


def test_it_says_who_signs_in_where_and_what_may_be_read(clouds: Clouds) -> None:
    ended = clouds.desk.run("check", "-o", "json")
    said = {one["source"]: {finding["topic"]: finding["text"] for finding in one["findings"]} for one in ended.json()["sources"]}
    aws, azure = said["aws"], said["azure-ml"]

    assert (ended.code, "Traceback" in ended.err) == (0, False), ended
    assert "assumed-role/milepost-reader" in aws["account"]
    assert aws["region"] == "eu-west-1"
    assert {"endpoints", "model_package_groups", "training_jobs", "monitors"} <= aws.keys()
    assert f"signed in; {WORKSPACE} in westeurope" in azure["workspace"]
    assert {"endpoints", "changes", "models", "jobs", "monitors", "client"} <= azure.keys()
    assert "Milepost only reads" in aws["writing"]
    assert "Milepost only reads" in azure["writing"]


def test_what_is_missing_is_named_with_what_to_grant(clouds: Clouds) -> None:
    """Both at once; what else may be read is checked all the same."""
    clouds.deny("DescribeTrainingJob")
    action = f"{PROVIDER}/workspaces/models/versions/read"
    clouds.azure.site.access.denied.add(action)
    code, said = clouds.told()
    (aws,), (azure,) = errors(said["aws"]), errors(said["azure-ml"])

    assert code == 3
    assert (aws["topic"], azure["topic"]) == ("training_jobs", "models")
    assert "allow sagemaker:DescribeTrainingJob" in aws["fix"]
    assert action in azure["fix"]
    assert {one["topic"] for one in said["aws"]} >= {"endpoints", "model_package_groups", "writing"}
    assert {one["topic"] for one in said["azure-ml"]} >= {"endpoints", "jobs", "writing"}


def test_who_is_let_in_nowhere_learns_how_to_sign_in(clouds: Clouds, monkeypatch: pytest.MonkeyPatch) -> None:
    clouds.trust_nobody()
    monkeypatch.setenv("IDENTITY_HEADER", "wrong")
    monkeypatch.setenv("PATH", "")
    code, said = clouds.told()
    (aws, *others), (azure, *_) = said["aws"], said["azure-ml"]

    assert code == 3
    assert (aws["level"], azure["level"]) == ("error", "error")
    assert [one["topic"] for one in others] == ["webhooks"]
    assert "allow sts:AssumeRole" in aws["fix"]
    assert "az login" in azure["fix"]
