"""A stand-in of Azure Machine Learning over TLS, a reader on it, and the unmodified SDK beside them."""

from __future__ import annotations

import ssl
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.azureml import CONNECTION
from connectors.azureml.options import AzureMLOptions, AzureMLScope, AzureMLSecrets
from connectors.azureml.reader import AzureMLReader
from connectors.base import Batch, SourceContext
from mappings.change import Owned
from mappings.model import Entity, Rejected
from sandbox.azureml import AzureMLSite, documents
from sandbox.azureml.certificate import loopback_tls
from sandbox.azureml.site import GROUP, SUBSCRIPTION, WORKSPACE
from tests.connectors.clockless import Clockless

SCOPE = AzureMLScope(endpoints=("churn-*",), models=("churn",), experiments=("churn-training",), data=("customers",))
HOUR = timedelta(hours=1)


class Meter:
    def __init__(self) -> None:
        self.requests = 0

    def request(self, **_: Any) -> None:
        self.requests += 1


@dataclass
class Pull:
    batches: list[Batch]
    requests: int

    @property
    def entities(self) -> list[Entity]:
        return [entity for batch in self.batches for entity in batch.entities]

    @property
    def rejected(self) -> list[Rejected]:
        return [one for batch in self.batches for one in batch.rejected]

    @property
    def ids(self) -> list[str]:
        return sorted(entity.ref.id for entity in self.entities)

    @property
    def cursor(self) -> str | None:
        return self.batches[-1].cursor

    @property
    def complete(self) -> bool:
        return self.batches[-1].complete


@dataclass
class Lab:
    """A workspace and people who use it."""

    site: AzureMLSite
    meter: Meter = field(default_factory=Meter)
    stop: Clockless = field(default_factory=Clockless)
    started: datetime = field(default_factory=lambda: datetime.now(UTC))

    def options(self, **more: Any) -> AzureMLOptions:
        where = {"subscription": SUBSCRIPTION, "resource_group": GROUP, "workspace": WORKSPACE, "resource_manager": self.site.url}
        return AzureMLOptions.model_validate({**where, **more})

    def reader(self, **more: Any) -> AzureMLReader:
        context = SourceContext(
            name="azure-ml",
            options=self.options(**more),
            secrets=AzureMLSecrets(),
            owned=Owned(),
            meter=self.meter,
            stop=self.stop,
        )
        opened = CONNECTION.reader(context)
        assert isinstance(opened, AzureMLReader)
        return opened

    def pull(self, stream: str, cursor: str | None = None, *, scope: AzureMLScope = SCOPE, **more: Any) -> Pull:
        """A pull by a new reader, as every run of the engine makes it."""
        before = self.meter.requests
        with closing(self.reader(**more)) as reader:
            batches = list(reader.pull(stream, scope, cursor))
        return Pull(batches, self.meter.requests - before)

    def asked(self, *, since: int = 0) -> list[str]:
        """The paths behind the workspace that were asked for, in order."""
        base = self.site.workspace.root
        return [
            entry.path.removeprefix(base) for entry in self.site.requests[since:] if entry.path.startswith(("/subscr", "/hist"))
        ]

    # -- people's doings ---------------------------------------------------------------------------------------------------

    def job(self, name: str, *, hours_ago: float = 5, **said: Any) -> None:
        self.site.put(f"jobs/{name}", documents.job("churn-training", **said), at=self.started - hours_ago * HOUR)

    def model(self, version: int, job: str | None = None, **said: Any) -> str:
        return self.site.put(f"models/churn/versions/{version}", documents.model_version(job, **said))

    def endpoint(self, name: str, traffic: dict[str, int], models: Sequence[str], **said: Any) -> None:
        self.site.put(f"onlineEndpoints/{name}", documents.online_endpoint(traffic, **said))
        for deployment, model in zip(traffic, models, strict=True):
            self.site.put(f"onlineEndpoints/{name}/deployments/{deployment}", documents.online_deployment(model))

    def monitor(self, name: str = "churn-watch", **signals: str) -> None:
        target = f"{self.site.workspace.root}/onlineEndpoints/churn-prod/deployments/blue"
        long_ago = self.started - 100 * 24 * HOUR
        self.site.put(f"schedules/{name}", documents.monitor(target, signals or {"drift": "DataDrift"}), at=long_ago)

    def monitor_run(self, name: str, *, hours_ago: float = 5, schedule: str = "churn-watch", **said: Any) -> None:
        at = self.started - hours_ago * HOUR
        self.site.put(f"jobs/{name}", documents.monitor_run(schedule, at, **said), at=at)


@pytest.fixture(scope="session")
def azure_tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, Path]:
    return loopback_tls(tmp_path_factory.mktemp("azure"))


@pytest.fixture
def lab(azure_tls: tuple[ssl.SSLContext, Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    """A workspace that is empty; the process has a managed identity there, and trusts its certificate."""
    tls, authority = azure_tls
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority))
    for name in ("AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_TENANT_ID", "AZUREML_CURRENT_CLOUD"):
        monkeypatch.delenv(name, raising=False)
    with AzureMLSite(tls=tls) as site:
        for name, value in site.identity_environment.items():
            monkeypatch.setenv(name, value)
        yield Lab(site)


@pytest.fixture
def ml_client(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Any]:
    """The unmodified client of `azure-ai-ml`, signed in as the reader is."""

    def opened() -> Any:
        with warnings.catch_warnings():
            # The SDK builds on what other libraries call deprecated.
            warnings.simplefilter("ignore")
            from azure.ai.ml import MLClient
        from azure.identity import DefaultAzureCredential

        url = lab.site.url
        metadata = {
            "azure_portal": url,
            "resource_manager": url,
            "active_directory": url,
            "aml_resource_id": url,
            "storage_endpoint": "core.windows.net",
            "registry_discovery_endpoint": url,
        }
        # Under a cloud's name that it knows already, the client would keep the addresses of another test.
        cloud: dict[str, Any] = {"cloud": f"lab-{url.rpartition(':')[2]}", "cloud_metadata": metadata}
        monkeypatch.setenv("AZUREML_CURRENT_CLOUD", "AzureCloud")
        credential = DefaultAzureCredential(retry_total=0)
        return MLClient(
            credential, SUBSCRIPTION, GROUP, WORKSPACE, enable_telemetry=False, show_progress=False, retry_total=0, **cloud
        )

    return opened
