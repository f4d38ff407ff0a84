"""Which cloud, whose credentials, and what the SDK may leave behind."""

from __future__ import annotations

import logging
import os
import threading
import warnings
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from connectors.azureml.clouds import CLOUDS
from connectors.azureml.options import AzureMLOptions, AzureMLScope
from connectors.azureml.sdk import client_understands
from connectors.errors import AuthError

if TYPE_CHECKING:
    from tests.connectors.azureml.conftest import Lab

WHERE = {"subscription": "00000000-1111-2222-3333-444444444444", "resource_group": "ml", "workspace": "lab"}


def test_our_clouds_are_those_of_the_sdk() -> None:
    with warnings.catch_warnings():
        # The SDK builds on what other libraries call deprecated.
        warnings.simplefilter("ignore")
        from azure.ai.ml._azure_environments import _environments

    for name, cloud in CLOUDS.items():
        theirs = _environments[name]
        assert cloud.resource_manager == theirs["resource_manager"].strip("/")
        assert cloud.authority == theirs["active_directory"].strip("/")
        assert theirs["registry_discovery_endpoint"].strip("/").endswith(f".{cloud.domain}")


@pytest.mark.parametrize(
    ("cloud", "resource_manager", "portal"),
    [
        ("AzureCloud", "https://management.azure.com", "https://ml.azure.com"),
        ("AzureUSGovernment", "https://management.usgovcloudapi.net", "https://ml.azure.us"),
        ("AzureChinaCloud", "https://management.chinacloudapi.cn", "https://studio.ml.azure.cn"),
    ],
)
def test_a_cloud_is_named_and_its_addresses_follow(cloud: str, resource_manager: str, portal: str) -> None:
    services = AzureMLOptions.model_validate({**WHERE, "cloud": cloud}).services()

    assert (services.resource_manager, services.portal) == (resource_manager, portal)


@pytest.mark.parametrize(
    "wrong",
    [
        {"resource_manager": "http://management.example.com"},
        {"resource_manager": "https://user:pw@management.example.com"},
        {"resource_manager": "https://management.example.com/path"},
        {"resource_manager": "management.example.com"},
        {"authority": "ftp://login.example.com"},
        {"cloud": "AzureGermanCloud"},
        {"subscription": "a/b"},
        {"subscription": "my-subscription"},
        {"subscription": "00000000-1111-2222-3333-444444444444\n"},
        {"registries": [{"name": "shared", "subscription": "my-subscription"}]},
        {"resource_group": "../other"},
        {"workspace": "lab?api-version=1"},
        {"registries": [{"name": "a/b"}]},
        {"key": "secret"},
    ],
)
def test_addresses_and_names_that_lead_elsewhere_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        AzureMLOptions.model_validate({**WHERE, **wrong})


def test_a_scope_names_something() -> None:
    with pytest.raises(ValidationError, match="name endpoints, models, experiments, data, monitors"):
        AzureMLScope()


def test_a_service_principal_signs_in_at_its_own_clouds_service(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = "not-anybodys-secret-42"
    lab.site.access.principals["milepost-app"] = secret
    lab.job("one")
    for name, value in {"AZURE_TENANT_ID": "tenant", "AZURE_CLIENT_ID": "milepost-app", "AZURE_CLIENT_SECRET": secret}.items():
        monkeypatch.setenv(name, value)

    assert lab.pull("jobs", authority=lab.site.url).ids == ["one"]
    assert "/tenant/oauth2/v2.0/token" in [entry.path for entry in lab.site.requests]

    monkeypatch.setenv("AZURE_CLIENT_SECRET", "a-wrong-secret-42")
    with pytest.raises(AuthError) as raised:
        lab.pull("jobs", authority=lab.site.url)
    assert "wrong-secret" not in f"{raised.value} {raised.value.fix}"


def test_the_sdk_leaves_no_cloud_in_the_environment_and_reports_to_nobody(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZUREML_CURRENT_CLOUD", "AzureChinaCloud")

    assert client_understands(lab.options()) is None
    assert os.environ["AZUREML_CURRENT_CLOUD"] == "AzureChinaCloud"
    monkeypatch.delenv("AZUREML_CURRENT_CLOUD")
    assert client_understands(lab.options()) is None
    assert "AZUREML_CURRENT_CLOUD" not in os.environ

    handlers = [
        one
        for name in logging.root.manager.loggerDict
        if name.startswith("azure.ai.ml")
        for one in logging.getLogger(name).handlers
    ]
    assert not [one for one in handlers if "AzureMLSDKLogHandler" in type(one).__name__]
    assert not [one.name for one in threading.enumerate() if "telemetry" in one.name.lower()]


def test_what_the_sdk_cannot_do_is_told_without_what_was_sent(lab: Lab) -> None:
    assert client_understands(lab.options(workspace="no-such-lab")) == "ResourceNotFoundError"
    lab.site.access.denied.add("Microsoft.MachineLearningServices/workspaces/read")
    assert client_understands(lab.options()) == "HttpResponseError"
