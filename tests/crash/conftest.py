"""Plants to break, on either database. Milepost runs there as a process of its own, as a person or a cron job runs it."""

from __future__ import annotations

import shutil
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeAlias

import pytest

from connectors.conformance.proxy import FaultProxy
from sandbox.azureml.certificate import loopback_tls
from sandbox.github import GitHub
from sandbox.jira import JiraCloud
from sandbox.sagemaker.server import AwsServer
from tests.connectors.clouds import AzureML, Cloud, SageMaker, workspace
from tests.crash.plant import Plant, found

NewPlant: TypeAlias = Callable[[str], AbstractContextManager[Plant]]


@pytest.fixture
def new_plant(tmp_path_factory: pytest.TempPathFactory) -> NewPlant:
    """Opens a plant on a database. All plants of one test are alike, to the second."""
    at = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)

    @contextmanager
    def opened(url: str) -> Iterator[Plant]:
        with JiraCloud() as jira, GitHub() as github:
            yield found(jira, github, tmp_path_factory.mktemp("plant"), url, at)

    return opened


@pytest.fixture(scope="session")
def azure_tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, Path]:
    return loopback_tls(tmp_path_factory.mktemp("azure"))


@pytest.fixture
def clouds(aws_server: AwsServer, azure_tls: tuple[ssl.SSLContext, Path]) -> Iterator[Sequence[Cloud]]:
    """One of each, with nothing in them yet."""
    with FaultProxy(aws_server.url, most=10_000) as proxy, workspace(azure_tls) as site:
        yield SageMaker(aws_server, proxy), AzureML(site)


@pytest.fixture
def plant(new_plant: NewPlant, database_url: str) -> Iterator[Plant]:
    with new_plant(database_url) as opened:
        yield opened


@pytest.fixture
def plant_on_file(new_plant: NewPlant, sqlite_template: Path, tmp_path: Path) -> Iterator[Plant]:
    """A plant on SQLite alone, for what only files suffer."""
    path = tmp_path / "store" / "milepost.db"
    path.parent.mkdir()
    shutil.copyfile(sqlite_template, path)
    with new_plant(f"sqlite:///{path}") as opened:
        yield opened
