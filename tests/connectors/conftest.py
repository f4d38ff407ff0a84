"""A network of one's own between Milepost and a source, which the environment does not know yet."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.connectors.networks import VARIABLES, TunnelProxy, private_tls


@pytest.fixture
def plain_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable says anything of proxies or certificates."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def certified(plain_network: None, tmp_path: Path) -> tuple[ssl.SSLContext, Path]:
    """A server's side of TLS, and the file by which it is trusted, which nothing names yet."""
    return private_tls(tmp_path)


@pytest.fixture
def tls(certified: tuple[ssl.SSLContext, Path]) -> ssl.SSLContext:
    return certified[0]


@pytest.fixture
def bundle(certified: tuple[ssl.SSLContext, Path]) -> Path:
    return certified[1]


@pytest.fixture
def proxy() -> Iterator[TunnelProxy]:
    with TunnelProxy() as started:
        yield started
