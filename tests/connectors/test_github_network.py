"""Proxies and private certificate authorities: one setting does for reads, for writes and for an App's tokens."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from connectors.base import SourceContext
from connectors.errors import Unavailable
from connectors.github.options import GithubOptions, GithubScope, GithubSecrets
from connectors.github.publisher import GithubPublisher
from connectors.github.reader import GithubReader
from mappings.change import Owned, Slot
from mappings.model import Ref
from sandbox.github import DEFAULT_TOKEN, GitHub
from tests.connectors.networks import TunnelProxy

REPO = "example/churn"
SCOPE = GithubScope(repositories=(REPO,))


class Meter:
    def request(self, **_: object) -> None:
        """Not looked at here."""


@pytest.fixture
def hub(tls: ssl.SSLContext) -> Iterator[GitHub]:
    with GitHub(tls=tls) as started:
        started.add_repository(REPO)
        started.add_issue(REPO, "Churn model")
        yield started


def context_for(hub: GitHub, **secrets: object) -> SourceContext:
    return SourceContext(
        name="github",
        options=GithubOptions(url=hub.url, write_pause=0),
        secrets=GithubSecrets.model_validate(secrets or {"token": DEFAULT_TOKEN}),
        owned=Owned(labels={"ml/model-ready": ("0e8a16", "ready")}),
        meter=Meter(),
        stop=threading.Event(),
    )


def reads(hub: GitHub, **secrets: object) -> bool:
    reader = GithubReader(context_for(hub, **secrets))
    try:
        return len([entity for batch in reader.pull("issues", SCOPE, None) for entity in batch.entities]) == 1
    finally:
        reader.close()


def writes(hub: GitHub, **secrets: object) -> bool:
    """Which goes the way that every write goes."""
    slot = Slot(Ref("github", "work_item", f"{hub.site.find(REPO).id}/1"), "label", "ml/model-ready")
    publisher = GithubPublisher(context_for(hub, **secrets))
    try:
        return publisher.read_slots([slot]) == {slot: None}
    finally:
        publisher.close()


WAYS = pytest.mark.parametrize("goes", [reads, writes])
Goes = Callable[[GitHub], bool]


@WAYS
@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"])
def test_a_private_authority_is_trusted_by_name(
    hub: GitHub, bundle: Path, monkeypatch: pytest.MonkeyPatch, goes: Goes, variable: str
) -> None:
    monkeypatch.setenv(variable, str(bundle))
    assert goes(hub)


def test_an_app_s_tokens_come_from_the_same_server(hub: GitHub, bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()
    app, installation = hub.add_app("milepost", "example", public)
    secrets = {"app_id": str(app), "installation_id": installation, "private_key": private}
    assert reads(hub, **secrets)
    assert writes(hub, **secrets)


@WAYS
def test_an_authority_that_nobody_named_is_told(hub: GitHub, monkeypatch: pytest.MonkeyPatch, goes: Goes) -> None:
    monkeypatch.setattr("connectors.github.calls._FIRST_PAUSE", timedelta(0))
    monkeypatch.setattr("connectors.http._BACKOFF", lambda _state: 0.0)
    with pytest.raises(Unavailable, match="name your CA bundle in SSL_CERT_FILE"):
        goes(hub)
    assert not hub.requests


@WAYS
def test_a_proxy_is_tunnelled_through_and_sees_no_token(
    hub: GitHub, bundle: Path, proxy: TunnelProxy, monkeypatch: pytest.MonkeyPatch, goes: Goes
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    monkeypatch.setenv("HTTPS_PROXY", f"http://ada:letmein@{proxy.address}")
    assert goes(hub)
    assert {head.split(" ")[0] for head in proxy.asked} == {"CONNECT"}
    assert all("proxy-authorization: basic" in head.lower() for head in proxy.asked)
    assert not any(DEFAULT_TOKEN in head for head in proxy.asked)


@WAYS
def test_what_needs_no_proxy_goes_past_it(
    hub: GitHub, bundle: Path, proxy: TunnelProxy, monkeypatch: pytest.MonkeyPatch, goes: Goes
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    monkeypatch.setenv("HTTPS_PROXY", f"http://{proxy.address}")
    monkeypatch.setenv("NO_PROXY", "example.com,127.0.0.1")
    assert goes(hub)
    assert proxy.asked == []


@WAYS
def test_a_proxy_that_refuses_is_an_error_that_does_not_show_its_password(
    hub: GitHub, bundle: Path, proxy: TunnelProxy, monkeypatch: pytest.MonkeyPatch, goes: Goes
) -> None:
    monkeypatch.setattr("connectors.github.calls._FIRST_PAUSE", timedelta(0))
    monkeypatch.setattr("connectors.http._BACKOFF", lambda _state: 0.0)
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    monkeypatch.setenv("HTTPS_PROXY", f"http://ada:letmein@{proxy.address}")
    proxy.refusing = True
    with pytest.raises(Unavailable, match="proxy") as refused:
        goes(hub)
    chain: BaseException | None = refused.value
    while chain is not None:
        assert "letmein" not in str(chain)
        chain = chain.__cause__
    assert not hub.requests
