"""Azure Machine Learning's connector passes the conformance suite, against the stand-in, signed in by `DefaultAzureCredential`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from connectors.azureml import CONNECTION
from connectors.azureml.options import AzureMLOptions, AzureMLScope, AzureMLSecrets
from connectors.base import Options
from connectors.conformance import Asked, ReaderConformance, Source
from mappings.model import Ref
from sandbox.azureml import AzureMLSite, documents
from sandbox.azureml.site import GROUP, SUBSCRIPTION, WORKSPACE

FIRST = 7
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
MONITOR = "churn-watch"


class AzureMLSource(Source):
    connection = CONNECTION
    paged = frozenset(CONNECTION.streams)

    def __init__(self, site: AzureMLSite) -> None:
        self.url = site.url
        self.scope = AzureMLScope(
            endpoints=("churn-*",), models=("churn",), experiments=("churn*",), data=("customers",), monitors=(MONITOR,)
        )
        self._site = site
        self._added = 0
        site.put(f"schedules/{MONITOR}", documents.monitor("azureml:churn-1:blue", {"drift": "DataDrift"}))

    def options(self, url: str) -> Options:
        return AzureMLOptions(subscription=SUBSCRIPTION, resource_group=GROUP, workspace=WORKSPACE, resource_manager=url)

    def secrets(self) -> Options:
        return AzureMLSecrets()

    def add(self, stream: str, count: int) -> None:
        for _ in range(count):
            self._added += 1
            number, at = self._added, self._moment()
            match stream:
                case "jobs":
                    self._site.put(f"jobs/train-{number}", documents.job("churn-training"), at=at)
                case "monitors":
                    self._site.put(f"jobs/watch-{number}", documents.monitor_run(MONITOR, at), at=at)
                case "models":
                    self._site.put(f"models/churn/versions/{number}", documents.model_version(), at=at)
                case "data":
                    self._site.put(f"data/customers/versions/{number}", documents.data_version("azureml://data/customers"), at=at)
                case "endpoints":
                    self._site.put(f"onlineEndpoints/churn-{number}", documents.online_endpoint({"blue": 100}), at=at)
                    deployment = documents.online_deployment("azureml:churn:1")
                    self._site.put(f"onlineEndpoints/churn-{number}/deployments/blue", deployment, at=at)

    def _moment(self) -> datetime:
        """The first few lie apart, further than a pull overlaps with the one before."""
        early = self._added <= FIRST * len(CONNECTION.streams)
        return LONG_AGO + timedelta(hours=2 * self._added) if early else datetime.now(UTC)

    def remove(self, ref: Ref) -> bool:
        name, _, version = ref.id.partition("/")
        path = {
            "run": f"jobs/{ref.id}",
            "observation": f"jobs/{name}",
            "model_version": f"models/{name}/versions/{version}",
            "dataset": f"data/{name}/versions/{version}",
            "deployment": f"{name}Endpoints/{version}",
        }[ref.kind]
        return self._site.delete(path)

    def lists(self, stream: str, asked: Asked) -> bool:
        endings = {
            "jobs": "/jobs",
            "monitors": "/jobs",
            "models": "/models/churn/versions",
            "data": "/data/customers/versions",
            "endpoints": "/onlineEndpoints",
        }
        return asked.path.endswith(endings[stream])

    def in_small_pages(self, asked: Asked, size: int = 2) -> Asked:
        """Not every listing has a parameter for it: Azure decides. The stand-in takes `$top` on all."""
        return asked if "top=" in asked.query else replace(asked, query=f"{asked.query}&%24top={size}")


@pytest.fixture(scope="class")
def source() -> Iterator[Source]:
    with AzureMLSite() as site, pytest.MonkeyPatch.context() as patch:
        site.keep_answers = False
        for name, value in site.identity_environment.items():
            patch.setenv(name, value)
        made = AzureMLSource(site)
        for stream in CONNECTION.streams:
            made.add(stream, FIRST)
        yield made


class TestReader(ReaderConformance):
    kind = AzureMLSource
    principal = "jobs"
    many = 20_000
