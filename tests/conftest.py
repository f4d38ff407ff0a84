"""What tests of several folders share."""

from __future__ import annotations

import os
from collections.abc import Iterator

import httpx
import pytest

from sandbox.mlflow.server import RunningServer, start


@pytest.fixture(scope="session")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """One real MLflow server, as it takes seconds to start: tests use names of their own. At the end nothing of it may be left."""
    with start(tmp_path_factory.mktemp("mlflow")) as server:
        yield server
    with pytest.raises(ProcessLookupError):
        os.killpg(server.group, 0)
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{server.url}/health", trust_env=False)
