"""A tracking server with a certificate of its own authority, also behind a proxy."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from connectors.base import Connector, SourceContext
from connectors.errors import Unavailable
from connectors.mlflow import CONNECTION
from connectors.mlflow.options import MlflowOptions, MlflowScope, MlflowSecrets
from mappings.change import Owned
from sandbox.server import Reply, Route, StandIn
from tests.connectors.networks import TunnelProxy

SCOPE = MlflowScope(experiments=("churn",))


class Tracking(StandIn):
    """One experiment, and nothing else."""

    def routes(self) -> Sequence[Route]:
        found = Reply(200, {"experiments": [{"experiment_id": "1", "name": "churn"}]})
        return [
            Route("GET", "/api/2.0/mlflow/experiments/search", lambda _: found),
            Route("POST", "/api/2.0/mlflow/experiments/search", lambda _: found, writes=False),
            Route("POST", "/api/2.0/mlflow/logged-models/search", lambda _: Reply(200, {}), writes=False),
            Route("GET", "/version", lambda _: Reply(200, b"3.17.0", content_type="text/plain")),
        ]


class Meter:
    def request(self, **_: object) -> None:
        """Not looked at here."""


@pytest.fixture
def server(tls: ssl.SSLContext) -> Iterator[Tracking]:
    with Tracking(tls=tls) as started:
        yield started


def open_reader(server: StandIn) -> Connector:
    return CONNECTION.reader(
        SourceContext(
            name="mlflow",
            options=MlflowOptions(url=server.url),
            secrets=MlflowSecrets(),
            owned=Owned(),
            meter=Meter(),
            stop=threading.Event(),
        )
    )


def test_it_is_trusted_by_one_setting_for_the_reader_and_the_client(
    server: Tracking, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    reader = open_reader(server)
    assert [entity.ref.id for batch in reader.pull("experiments", SCOPE, None) for entity in batch.entities] == ["1"]
    findings = reader.check(SCOPE)
    reader.close()
    assert {finding.level for finding in findings} <= {"ok", "info"}
    assert "client" in {finding.topic for finding in findings if finding.level == "ok"}


def test_without_the_setting_it_says_which(server: Tracking) -> None:
    reader = open_reader(server)
    with pytest.raises(Unavailable, match="SSL_CERT_FILE"):
        list(reader.pull("experiments", SCOPE, None))
    reader.close()


def test_it_is_read_through_a_proxy(server: Tracking, bundle: Path, proxy: TunnelProxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    monkeypatch.setenv("HTTPS_PROXY", f"http://{proxy.address}")
    reader = open_reader(server)
    assert list(reader.pull("experiments", SCOPE, None))[-1].complete
    reader.close()
    assert [head.split(" ")[0] for head in proxy.asked] == ["CONNECT"]
