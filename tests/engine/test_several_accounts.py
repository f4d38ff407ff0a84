"""Several accounts and regions of AWS, and several workspaces of Azure's, in one project: each is a source of its own, and what has
the same name or place in two of them is two things."""

from __future__ import annotations

import ssl
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3  # type: ignore[import-untyped]  # boto3 ships no types
import pytest

from mappings.model import Deployment, Link, ModelVersion
from sandbox.azureml import AzureMLSite, documents
from sandbox.azureml.certificate import loopback_tls
from sandbox.azureml.site import GROUP, SUBSCRIPTION
from sandbox.sagemaker.server import ACCOUNT, AwsServer
from sync.outcome import ExitCode
from tests.connectors.aws import Office as Account
from tests.connectors.clouds import AzureML, workspace

if TYPE_CHECKING:
    from tests.engine.conftest import Office

OTHER = "111122223333"
PLACE = "azureml://datastores/workspaceblobstore/paths/models/churn"
"""Every workspace has one."""


@pytest.fixture(scope="module")
def azure_tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, Path]:
    return loopback_tls(tmp_path_factory.mktemp("azure"))


def pulled(office: Office, sources: Mapping[str, Mapping[str, Any]], scope: Mapping[str, Any]) -> tuple[list[Any], list[Link]]:
    """All that is known then of the deployments and versions, and the links between them that count."""
    office.without = {"shelf", "github"}
    office.top = {"publish": {}}
    office.beside = dict(sources)
    office.projects = {"churn": {"scopes": {"jira": {"projects": ["ML"]}, **dict.fromkeys(sources, scope)}}}
    result = office.pull()
    assert result.exit_code is ExitCode.DONE, result.pulled
    graph = result.projects[0].assessment.graph
    found = [one for one in graph.entities.values() if isinstance(one, Deployment | ModelVersion)]
    return found, [link for one in found for link in graph.links_from(one.ref) if link.confidence != "textual"]


def ends(links: Sequence[Link]) -> set[tuple[str, str]]:
    return {(str(link.source), str(link.target)) for link in links}


def test_what_has_the_same_name_in_two_accounts_and_two_regions_is_three_things(office: Office, aws_server: AwsServer) -> None:
    places = {"aws-eu": ("eu-west-1", ACCOUNT), "aws-us": ("us-east-1", ACCOUNT), "aws-other": ("eu-west-1", OTHER)}
    accounts = {name: Account(aws_server, region, account) for name, (region, account) in places.items()}
    name = accounts["aws-eu"].name
    packages = {}
    for source, account in accounts.items():
        account.name = name
        account.sagemaker = as_owner(aws_server, account)
        packages[source] = account.package()
        account.endpoint([packages[source]])
    # Another one that serves what the first account has approved.
    accounts["aws-other"].endpoint([packages["aws-eu"]], suffix="-shared")

    scope = {"endpoints": [f"{name}*"], "model_package_groups": [name]}
    roles = {"aws-other": {"role_arn": f"arn:aws:iam::{OTHER}:role/milepost-reader"}}
    options = {"type": "sagemaker", "endpoint_url": aws_server.url}
    sources = {source: {**options, "region": region, **roles.get(source, {})} for source, (region, _) in places.items()}
    found, links = pulled(office, sources, scope)

    assert {str(one.ref) for one in found} == {
        *(f"{source}:deployment:{name}" for source in places),
        *(f"{source}:model_version:{name}/1" for source in places),
        f"aws-other:deployment:{name}-shared",
    }
    assert {one.cloud_id for one in found if isinstance(one, ModelVersion)} == set(packages.values())
    assert ends(links) == {
        *((f"{source}:deployment:{name}", f"{source}:model_version:{name}/1") for source in places),
        (f"aws-other:deployment:{name}-shared", f"aws-eu:model_version:{name}/1"),
    }


def as_owner(server: AwsServer, account: Account) -> Any:
    """A client in the account itself: the test's own credentials are of the first."""
    region = account.region
    if region.account == ACCOUNT:
        return account.sagemaker
    role = f"arn:aws:iam::{region.account}:role/owner"
    held = region.client("sts").assume_role(RoleArn=role, RoleSessionName="owner")["Credentials"]
    return boto3.client(
        "sagemaker",
        region_name=region.name,
        endpoint_url=server.url,
        aws_access_key_id=held["AccessKeyId"],
        aws_secret_access_key=held["SecretAccessKey"],
        aws_session_token=held["SessionToken"],
    )


def test_what_has_the_same_name_and_place_in_two_workspaces_is_two_things(
    office: Office, azure_tls: tuple[ssl.SSLContext, Path]
) -> None:
    with workspace(azure_tls) as first, AzureMLSite(tls=azure_tls[0], name="churn-prod", access=first.access) as second:
        lab, production = AzureML(first, "azure-lab"), AzureML(second, "azure-prod")
        lab.site.put("jobs/train", documents.job("churn-training"))
        job = first.workspace.get(["jobs", "train"])
        assert job is not None
        job.document["properties"]["outputs"] = {"model": {"jobOutputType": "mlflow_model", "uri": PLACE}}
        for cloud in (lab, production):
            cloud.site.put("models/churn/versions/1", documents.model_version(uri=PLACE))
            cloud.serve({"churn/1": 100})
        # What is deployed by its place alone, and what was registered in the other workspace.
        production.site.put("onlineEndpoints/churn-files", documents.online_endpoint({"a": 100}))
        production.site.put("onlineEndpoints/churn-files/deployments/a", documents.online_deployment(PLACE))
        elsewhere = f"{first.workspace.root}/models/churn/versions/1"
        production.site.put("onlineEndpoints/churn-shared", documents.online_endpoint({"a": 100}))
        production.site.put("onlineEndpoints/churn-shared/deployments/a", documents.online_deployment(elsewhere))
        in_full = (
            f"azureml://subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}/workspaces/{first.name}/{PLACE.partition('//')[2]}"
        )
        lab.site.put("onlineEndpoints/churn-files", documents.online_endpoint({"a": 100}))
        lab.site.put("onlineEndpoints/churn-files/deployments/a", documents.online_deployment(in_full))
        scope = {"endpoints": ["churn-*"], "models": ["churn"], "experiments": ["churn-training"]}
        found, links = pulled(office, {lab.name: lab.source, production.name: production.source}, scope)

    versions = [str(one.ref) for one in found if isinstance(one, ModelVersion)]
    assert sorted(versions) == ["azure-lab:model_version:churn/1", "azure-prod:model_version:churn/1"]
    assert ends(links) == {
        ("azure-lab:deployment:online/churn-prod", "azure-lab:model_version:churn/1"),
        ("azure-lab:deployment:online/churn-files", "azure-lab:model_version:churn/1"),
        ("azure-prod:deployment:online/churn-prod", "azure-prod:model_version:churn/1"),
        ("azure-prod:deployment:online/churn-files", "azure-prod:model_version:churn/1"),
        ("azure-prod:deployment:online/churn-shared", "azure-lab:model_version:churn/1"),
        ("azure-lab:model_version:churn/1", "azure-lab:run:train"),
    }
