"""The same work in two clouds: a model is trained, registered, approved and served, as people and the cloud itself do it."""

from __future__ import annotations

import json
import ssl
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from moto.sagemaker.models import sagemaker_backends

from connectors.conformance.faults import refuses
from connectors.conformance.proxy import Answer, Asked, Dropped, FaultProxy
from sandbox.azureml import AzureMLSite, documents
from sandbox.azureml.resources import PROVIDER
from sandbox.azureml.site import GROUP, SUBSCRIPTION
from sandbox.faults import Answer as Answered
from sandbox.faults import Fault, answers, html_page
from sandbox.messages import ConnectionDropped, Reply, Request
from sandbox.sagemaker.server import AwsServer
from tests.connectors.aws import Office

MANY = 1_000_000


class Unhurried(threading.Event):
    """A stop event whose waits end at once, so that what is tried again is tried at once."""

    def wait(self, timeout: float | None = None) -> bool:
        return super().wait(min(timeout, 0.001)) if timeout is not None else super().wait()


class Cloud(ABC):
    """One account or workspace, `name` in the project file. Versions are called `<model>/<number>`."""

    name: str
    endpoint: str
    """The deployment's id."""

    @property
    @abstractmethod
    def source(self) -> Mapping[str, Any]:
        """What the project file says of the source."""

    @property
    @abstractmethod
    def scope(self) -> Mapping[str, Any]:
        """What it says of the project's part of it."""

    @abstractmethod
    def register(self, *, commit: str | None = None, issue: str | None = None) -> str:
        """A version that waits for its approval, made by a finished run."""

    @abstractmethod
    def decide(self, version: str, *, approve: bool) -> None:
        """Somebody approves or rejects it, and nothing else changes."""

    @abstractmethod
    def serve(self, traffic: Mapping[str, int]) -> None:
        """The endpoint, made if it is not there, answers with these versions from now on, by percents."""

    @abstractmethod
    def add_endpoints(self, count: int) -> None:
        """So many more, which serve a version of other work."""

    @abstractmethod
    def shift(self, traffic: Mapping[str, int]) -> None:
        """The endpoint's traffic goes another way; the versions are those that it has."""

    @abstractmethod
    def delete_endpoint(self) -> None: ...

    @abstractmethod
    def delete_version(self, version: str) -> None: ...

    @abstractmethod
    def refuse(self, how: str) -> None:
        """From now on endpoints cannot be listed: `denied`, `broken` (5xx) or `expired` (nobody is known any more)."""

    @abstractmethod
    def vanish(self, *, after: int) -> None:
        """It gives two records a page, and is gone once so many pages of endpoints were given."""

    @abstractmethod
    def come_back(self) -> None:
        """Nothing is in its way any more."""


class SageMaker(Cloud):
    """With boto3, on moto's server."""

    name = "aws"

    def __init__(self, server: AwsServer, proxy: FaultProxy) -> None:
        self.office = Office(server)
        self.endpoint = self.office.name
        self._proxy = proxy
        self._packages: dict[str, str] = {}

    @property
    def source(self) -> Mapping[str, Any]:
        return {"type": "sagemaker", "region": "eu-west-1", "endpoint_url": self._proxy.url}

    @property
    def scope(self) -> Mapping[str, Any]:
        ours = [f"{self.office.name}*"]
        return {"endpoints": ours, "model_package_groups": ours, "training_jobs": ours}

    def register(self, *, commit: str | None = None, issue: str | None = None) -> str:
        number = len(self._packages) + 1
        job = self.office.sagemaker.create_training_job(
            TrainingJobName=f"{self.office.name}-train-{number}",
            AlgorithmSpecification={"TrainingImage": "example/train", "TrainingInputMode": "File"},
            RoleArn=self.office.role,
            OutputDataConfig={"S3OutputPath": "s3://example/out"},
            ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 20},
            StoppingCondition={"MaxRuntimeInSeconds": 60},
        )
        tags = [{"Key": "milepost.issue", "Value": issue}] if issue else []
        made = {"GeneratedBy": job["TrainingJobArn"], **({"CommitId": commit} if commit else {})}
        arn = self.office.package(MetadataProperties=made, Tags=tags)
        version = f"{self.office.name}/{number}"
        self._packages[version] = arn
        return version

    def decide(self, version: str, *, approve: bool) -> None:
        word = "Approved" if approve else "Rejected"
        self.office.sagemaker.update_model_package(ModelPackageArn=self._packages[version], ModelApprovalStatus=word)

    def serve(self, traffic: Mapping[str, int]) -> None:
        packages, weights = [self._packages[version] for version in traffic], [float(one) for one in traffic.values()]
        listed = self.office.sagemaker.list_endpoints(NameContains=self.endpoint)["Endpoints"]
        if any(one["EndpointName"] == self.endpoint for one in listed):
            config = self.office.config(packages, weights)
            self.office.sagemaker.update_endpoint(EndpointName=self.endpoint, EndpointConfigName=config)
        else:
            self.office.endpoint(packages, weights)

    def add_endpoints(self, count: int) -> None:
        other = self._packages[self.register()]
        for number in range(count):
            self.office.endpoint([other], suffix=f"-{number}")

    def shift(self, traffic: Mapping[str, int]) -> None:
        weights = [{"VariantName": f"v{number}", "DesiredWeight": float(one)} for number, one in enumerate(traffic.values())]
        self.office.sagemaker.update_endpoint_weights_and_capacities(
            EndpointName=self.endpoint, DesiredWeightsAndCapacities=weights
        )

    def delete_endpoint(self) -> None:
        self.office.sagemaker.delete_endpoint(EndpointName=self.endpoint)

    def delete_version(self, version: str) -> None:
        """moto cannot."""
        del sagemaker_backends[self.office.region.account][self.office.region.name].model_packages[self._packages.pop(version)]

    def refuse(self, how: str) -> None:
        said = {
            "denied": refused(400, "AccessDeniedException"),
            "broken": refuses(503),
            "expired": refused(400, "ExpiredTokenException"),
        }[how]
        self._proxy.fault(lambda asked: how == "expired" or _operation(asked) == "ListEndpoints", said)

    def vanish(self, *, after: int) -> None:
        self._proxy.reshape = lambda asked: asked.having("MaxResults", 2)
        given = 0

        def is_gone(asked: Asked) -> bool:
            nonlocal given
            given += _operation(asked) == "ListEndpoints"
            return given > after

        def drop(_asked: Asked, _forward: object) -> Answer:
            raise Dropped

        self._proxy.fault(is_gone, drop)

    def come_back(self) -> None:
        self._proxy.heal()
        self._proxy.reshape = lambda asked: asked


class AzureML(Cloud):
    """In a workspace of the stand-in's."""

    endpoint = "online/churn-prod"

    def __init__(self, site: AzureMLSite, name: str = "azure-ml") -> None:
        self.site = site
        self.name = name
        self._versions: dict[str, dict[str, Any]] = {}
        self._served: list[str] = []

    @property
    def source(self) -> Mapping[str, Any]:
        return {
            "type": "azureml",
            "subscription": SUBSCRIPTION,
            "resource_group": GROUP,
            "workspace": self.site.name,
            "resource_manager": self.site.url,
        }

    @property
    def scope(self) -> Mapping[str, Any]:
        return {"endpoints": ["churn-*"], "models": ["churn"], "experiments": ["churn-training"]}

    def register(self, *, commit: str | None = None, issue: str | None = None) -> str:
        number = len(self._versions) + 1
        properties = {"mlflow.source.git.commit": commit} if commit else {}
        self.site.put(f"jobs/train-{number}", documents.job("churn-training", properties=properties))
        tags = {"approval": "pending", **({"milepost.issue": issue} if issue else {})}
        version = f"churn/{number}"
        self._versions[version] = documents.model_version(
            f"train-{number}", tags=tags, uri=f"azureml://datastores/a/paths/{number}"
        )
        self._put(version)
        return version

    def decide(self, version: str, *, approve: bool) -> None:
        self._versions[version]["properties"]["tags"]["approval"] = "approved" if approve else "rejected"
        self._put(version)

    def need_no_approval(self, version: str) -> None:
        del self._versions[version]["properties"]["tags"]["approval"]
        self._put(version)

    def stage(self, version: str, stage: str) -> None:
        """The version comes into another stage, and nothing else changes."""
        self._versions[version]["properties"]["stage"] = stage
        self._put(version)

    def serve(self, traffic: Mapping[str, int]) -> None:
        self._served = list(traffic)
        self.shift(traffic)
        for version in traffic:
            deployment = documents.online_deployment(f"azureml:{version.replace('/', ':')}")
            self.site.put(f"onlineEndpoints/churn-prod/deployments/{_slot(version)}", deployment)

    def add_endpoints(self, count: int) -> None:
        other = self.register()
        for number in range(count):
            self.site.put(f"onlineEndpoints/churn-{number}", documents.online_endpoint({"v": 100}))
            deployment = documents.online_deployment(f"azureml:{other.replace('/', ':')}")
            self.site.put(f"onlineEndpoints/churn-{number}/deployments/v", deployment)

    def shift(self, traffic: Mapping[str, int]) -> None:
        percents = {_slot(version): percent for version, percent in traffic.items()}
        self.site.put("onlineEndpoints/churn-prod", documents.online_endpoint(percents))

    def delete_endpoint(self) -> None:
        assert self.site.delete("onlineEndpoints/churn-prod")

    def delete_version(self, version: str) -> None:
        model, _, number = version.partition("/")
        assert self.site.delete(f"models/{model}/versions/{number}")

    def refuse(self, how: str) -> None:
        match how:
            case "denied":
                self.site.access.denied.add(f"{PROVIDER}/workspaces/onlineEndpoints/read")
            case "broken":
                self.site.faults.append(Fault(html_page(503), path="*/onlineEndpoints", times=MANY))
            case "expired":
                ended = {"error": {"code": "ExpiredAuthenticationToken", "message": "The access token has expired."}}
                self.site.faults.append(Fault(answers(401, ended), path="/subscriptions/*", times=MANY))

    def vanish(self, *, after: int) -> None:
        given = 0

        def effect(request: Request, answer: Answered) -> Reply:
            nonlocal given
            given += request.path.endswith("/onlineEndpoints")
            if given > after:
                raise ConnectionDropped
            request.query_lists = {**request.query_lists, "count": ["2"]}
            return answer()

        self.site.faults.append(Fault(effect, times=MANY))

    def come_back(self) -> None:
        self.site.faults.clear()
        self.site.access.denied.clear()

    def _put(self, version: str) -> None:
        model, _, number = version.partition("/")
        self.site.put(f"models/{model}/versions/{number}", self._versions[version])


def refused(status: int, code: str) -> Any:
    """AWS's answer with this code."""
    body = json.dumps({"__type": code, "message": "User: arn:aws:sts::123456789012:assumed-role/x is not authorized"}).encode()
    return lambda _asked, _forward: Answer(status, body, {"content-type": "application/x-amz-json-1.1"})


@contextmanager
def workspace(tls: tuple[ssl.SSLContext, Path]) -> Iterator[AzureMLSite]:
    """A workspace, and an environment in which Azure's own chain finds a managed identity there and nothing of this machine."""
    context, authority = tls
    with pytest.MonkeyPatch.context() as patch, AzureMLSite(tls=context) as site:
        for name in ("AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_TENANT_ID", "AZUREML_CURRENT_CLOUD"):
            patch.delenv(name, raising=False)
        for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
            patch.setenv(name, str(authority))
        for name, value in site.identity_environment.items():
            patch.setenv(name, value)
        yield site


def _operation(asked: Asked) -> str:
    return asked.headers.get("x-amz-target", "").partition(".")[2]


def _slot(version: str) -> str:
    return f"v{version.rpartition('/')[2]}"


CLOUDS: Sequence[str] = ("sagemaker", "azureml")
