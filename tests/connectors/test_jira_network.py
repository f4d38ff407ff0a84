"""How a Jira site is reached: through the gateway, through a proxy, past a certificate authority of one's own. Reads, what the
library asks, and writes all go the same way."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from connectors.base import Finding, SourceContext
from connectors.errors import AuthError, Unavailable
from connectors.jira import CONNECTION
from connectors.jira.options import GATEWAY, JiraOptions, JiraScope, JiraSecrets
from mappings.change import Change, Owned, Slot
from mappings.model import Ref, WorkItem
from sandbox.faults import Fault, answers
from sandbox.jira import JiraCloud
from sandbox.messages import Reply, Request
from sandbox.server import Route

SITE = "https://example.atlassian.net"
ML = JiraScope(projects=("ML",))
OWNED = Owned(field="ML Status", options=("Drift alert", "Unknown"))
ENVIRONMENT = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


class Counter:
    def request(self, **_budget: Any) -> None:
        pass


class SiteAndGateway(JiraCloud):
    """A site and its place at the gateway on one port. The site refuses scoped tokens and bearers, as Atlassian's do."""

    def routes(self) -> Sequence[Route]:
        own = super().routes()
        root = f"/ex/jira/{self.cloud_id}"
        behind = [Route(one.method, root + one.pattern, one.handler, query=one.query, writes=one.writes) for one in own]
        return [*own, *behind]

    def guard(self, request: Request, route: Route | None) -> Reply | None:
        if request.path.startswith("/ex/jira/") and request.headers.get("authorization") == f"Bearer {self.token}":
            return None
        if not request.path.startswith("/ex/jira/") and request.path != "/_edge/tenant_info":
            return Reply(401, b"Client must be authenticated to access this resource.", content_type="text/plain")
        return super().guard(request, route)


class Proxy:
    """Serves CONNECT: every host leads to `port`. `asked` are the hosts."""

    def __init__(self, port: int) -> None:
        self.asked: list[str] = []
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head:
                head += client.recv(4096)
            self.asked.append(head.split(b" ")[1].decode())
            with socket.create_connection(("127.0.0.1", self._target)) as server:
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                back = threading.Thread(target=_pump, args=(server, client), daemon=True)
                back.start()
                _pump(client, server)
                back.join()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)


def signed(name: str, issuer: tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None, hosts: Sequence[str]) -> Any:
    """A certificate and its key: of an authority, or for hosts."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    signer, signing_key = (subject, key) if issuer is None else (issuer[0].subject, issuer[1])
    now = datetime.now(UTC)
    names = [x509.IPAddress(ipaddress.ip_address(host)) if host[0].isdigit() else x509.DNSName(host) for host in hosts]
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(signer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signing_key.public_key()), critical=False)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(signing_key, hashes.SHA256()), key


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    """The file of a private authority, and what a server with its certificate needs."""
    folder = tmp_path_factory.mktemp("authority")
    issuer = signed("Example authority", None, ())
    certificate, key = signed("Example site", issuer, ("127.0.0.1", GATEWAY, "example.atlassian.net"))
    (folder / "ca.pem").write_bytes(issuer[0].public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "server.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    return folder / "ca.pem", context


@pytest.fixture
def site(authority: tuple[Path, ssl.SSLContext], monkeypatch: pytest.MonkeyPatch) -> Iterator[SiteAndGateway]:
    """Nothing of the machine's own network settings is left, and the authority is trusted."""
    for name in ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority[0]))
    cloud = SiteAndGateway(tls=authority[1])
    cloud.add_project("ML", "Machine learning")
    cloud.add_field("ML Status", "select", options=OWNED.options)
    cloud.add_issue("ML", "Issue")
    with cloud:
        yield cloud


@pytest.fixture
def proxy(site: SiteAndGateway, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """All of https goes through it."""
    running = Proxy(int(site.url.rpartition(":")[2]))
    monkeypatch.setenv("HTTPS_PROXY", running.url)
    yield running
    running.close()


def context(site: SiteAndGateway, *, user: str | None, token: str | None = None, url: str = SITE, **more: Any) -> SourceContext:
    return SourceContext(
        name="jira",
        options=JiraOptions(url=url, **more),
        secrets=JiraSecrets.model_validate({"user": user, "token": token or site.token}),
        owned=OWNED,
        meter=Counter(),
        stop=threading.Event(),
    )


@contextmanager
def opened(asked: SourceContext) -> Iterator[Any]:
    reader = CONNECTION.reader(asked)
    try:
        yield reader
    finally:
        reader.close()


def pulled(asked: SourceContext) -> list[WorkItem]:
    with opened(asked) as reader:
        batches = list(reader.pull("issues", ML, None))
    return [entity for batch in batches for entity in batch.entities if isinstance(entity, WorkItem)]


def checked(asked: SourceContext) -> Sequence[Finding]:
    with opened(asked) as reader:
        return list(reader.check(ML))


def show_drift(asked: SourceContext, site: SiteAndGateway) -> str:
    """Writes the field; what became of it."""
    publish = CONNECTION.publisher
    assert publish is not None
    publisher = publish(asked)
    slot = Slot(Ref("jira", "work_item", str(site.get("ML-1")["id"])), "field", "ML Status")
    change = Change(id="1", project="ml", slot=slot, action="add", before=None, after="Drift alert", key="ML-1", container="ML")
    try:
        (written,) = publisher.write([change])
    finally:
        publisher.close()
    return str(written.state)


# -- the gateway --------------------------------------------------------------------------------------------------------------


def test_a_scoped_token_goes_through_the_gateway(site: SiteAndGateway, proxy: Proxy) -> None:
    asked = context(site, user=site.user, scoped=True)
    (item,) = pulled(asked)
    assert item.url == f"{SITE}/browse/ML-1"
    assert {finding.level for finding in checked(asked)} <= {"ok", "info"}
    assert show_drift(asked, site) == "done"
    assert set(proxy.asked) == {"example.atlassian.net:443", f"{GATEWAY}:443"}
    at_the_site = [entry for entry in site.requests if not entry.path.startswith(f"/ex/jira/{site.cloud_id}/")]
    assert {entry.path for entry in at_the_site} == {"/_edge/tenant_info"}
    assert not any("authorization" in entry.headers for entry in at_the_site)


def test_a_bearer_of_a_cloud_site_goes_there_by_itself(site: SiteAndGateway, proxy: Proxy) -> None:
    assert len(pulled(context(site, user=None, cloud_id=site.cloud_id))) == 1
    assert set(proxy.asked) == {f"{GATEWAY}:443"}
    assert len(pulled(context(site, user=None))) == 1


def test_an_expired_bearer(site: SiteAndGateway, proxy: Proxy) -> None:
    with pytest.raises(AuthError, match="expired") as raised:
        pulled(context(site, user=None, token="long-expired"))
    assert "check MILEPOST_JIRA__TOKEN" in str(raised.value.fix)
    assert "long-expired" not in str(raised.value)
    assert proxy.asked


@pytest.mark.parametrize(
    ("path", "scope"), [("*/myself", "read:jira-user"), ("*/mypermissions", "read:jira-work"), ("*/issue/*", "write:jira-work")]
)
def test_a_missing_scope_is_named(site: SiteAndGateway, proxy: Proxy, path: str, scope: str) -> None:
    refusal = answers(401, {"code": 401, "message": "Unauthorized; scope does not match"})
    site.faults.append(Fault(refusal, path=path, method="PUT" if scope.startswith("write") else "GET", times=99))
    asked = context(site, user=site.user, scoped=True)
    if scope == "write:jira-work":
        with pytest.raises(AuthError, match=scope):
            show_drift(asked, site)
    else:
        assert any(scope in finding.text and finding.level == "error" for finding in checked(asked))
    assert proxy.asked


# -- proxies and certificates -------------------------------------------------------------------------------------------------


def test_reads_the_library_and_writes_go_through_the_proxy(site: SiteAndGateway, proxy: Proxy) -> None:
    asked = context(site, user=None, cloud_id=site.cloud_id)
    for act in (lambda: pulled(asked), lambda: checked(asked), lambda: show_drift(asked, site)):
        before = len(proxy.asked)
        act()
        assert len(proxy.asked) > before
    assert site.get("ML-1")["fields"]["customfield_10050"]["value"] == "Drift alert"


def test_a_host_that_needs_no_proxy(site: SiteAndGateway, proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    url = f"{site.url}/ex/jira/{site.cloud_id}"
    asked = context(site, user=site.user, url=url, deployment="cloud")
    assert len(pulled(asked)) == 1
    assert show_drift(asked, site) == "done"
    assert proxy.asked == []


def test_an_authority_that_is_not_known(site: SiteAndGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    asked = context(site, user=site.user, url=f"{site.url}/ex/jira/{site.cloud_id}", deployment="cloud")
    with pytest.raises(Unavailable, match="SSL_CERT_FILE"):
        pulled(asked)
    assert any("SSL_CERT_FILE" in str(finding.fix) for finding in checked(asked))


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"])
def test_an_authority_of_ones_own(
    site: SiteAndGateway, authority: tuple[Path, ssl.SSLContext], monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    monkeypatch.setenv(variable, str(authority[0]))
    asked = context(site, user=site.user, url=f"{site.url}/ex/jira/{site.cloud_id}", deployment="cloud")
    assert len(pulled(asked)) == 1
    assert {finding.level for finding in checked(asked)} <= {"ok", "info"}
    assert show_drift(asked, site) == "done"
