"""What no client library would send: the answer blames the sender, tells nothing of the server, and is never a failure of ours."""

from __future__ import annotations

import gzip
import re
import socket
from urllib.parse import urlsplit

import pytest

from tests.web.serving import Served
from tests.web.signing import github_headers, issue_payload

BODY = issue_payload(1)
EMPTY = b"Host: a\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


def signed(*lines: bytes, body: bytes = BODY, version: bytes = b"1.1", length: bytes | None = None) -> bytes:
    headers = {**github_headers(body, "wire-1"), "host": "a", "connection": "close"}
    said = b"".join(f"{name}: {value}\r\n".encode() for name, value in headers.items())
    size = b"Content-Length: %b\r\n" % (length or str(len(body)).encode())
    return b"POST /webhooks/github HTTP/%b\r\n%b%b%b\r\n%b" % (version, said, size, b"".join(lines), body)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (signed(version=b"1.0"), {200, 202}),
        (signed(b"Expect: 200-maybe\r\n"), {200, 202}),
        (signed(b'X-Forwarded-For: [::1, "><script>\r\n'), {200, 202}),
        (signed(length=b"-5"), {400}),
        (signed(length=b"9" * 40), {400}),
        (signed(length=b"18446744073709551615"), {413}),
        (signed(b"Content-Length: 3\r\n"), {400}),
        (signed(b"Transfer-Encoding: chunked\r\n"), {400}),
        (signed(b"X-Hub-Signature-256: sha256=\xc3\xbc\xff\r\n"), {401}),
        (signed(b"X-Hub-Signature-256: sha256=00\r\n"), {401}),
        (signed(b"X-GitHub-Delivery: " + b"a" * 5_000 + b"\r\n"), {400}),
        (signed(b"X-GitHub-Delivery: \xff\xfe\r\n"), {400}),
        (signed(b"X-A: a\x00b\r\n"), {400}),
        (signed(b"a: b\r\n" * 10_000), {400}),
        (signed(b"Content-Encoding: gzip\r\n", body=gzip.compress(b"0" * 20_000_000, mtime=0)), {400}),
        (b"POST /webhooks/git%0d%0aSet-Cookie:%20a=b HTTP/1.1\r\n" + EMPTY, {404}),
        (b"POST /webhooks/%00%ff%fe HTTP/1.1\r\n" + EMPTY, {404}),
        (b"POST /webhooks/\xff\xfe HTTP/1.1\r\n" + EMPTY, {400}),
        (b"POST /webhooks/../healthz HTTP/1.1\r\n" + EMPTY, {404}),
        (b"HEAD /webhooks/github HTTP/1.1\r\n" + EMPTY, {405}),
        (b"TRACE /webhooks/github HTTP/1.1\r\n" + EMPTY, {405}),
        (b"OPTIONS * HTTP/1.1\r\n" + EMPTY, {404}),
        (b"CONNECT a:1 HTTP/1.1\r\n" + EMPTY, {400}),
        (b"GET http://a:99999/ HTTP/1.1\r\n" + EMPTY, {400}),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {400}),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", {400}),
        *((b"GET /%b HTTP/1.1\r\n" % path + EMPTY, {404}) for path in (b"docs", b"redoc", b"openapi.json", b"metrics/")),
        *((b"GET /%b HTTP/1.1\r\n" % path + EMPTY, {401}) for path in (b"metrics", b"api/v1", b"api/v1/", b"api/v1/openapi.json")),
    ],
    ids=lambda value: repr(value.partition(b"\r\n")[0][:40]) if isinstance(value, bytes) else None,  # the same in every process
)
def test_whatever_is_sent_is_answered_and_told_nothing(served: Served, sent: bytes, status: set[int]) -> None:
    where = urlsplit(served.address)
    with socket.create_connection((where.hostname, where.port)) as connection:
        connection.settimeout(60)
        connection.sendall(sent)
        answer = connection.recv(65_536)
    head = answer.partition(b"\r\n\r\n")[0].lower()
    said = re.match(rb"HTTP/1\.1 (\d{3}) ", answer)

    assert said is not None
    assert int(said[1]) in status
    assert not {b"server:", b"x-powered-by:", b"set-cookie:"} & {line.split(b" ")[0] for line in head.split(b"\r\n")}
    assert not re.search(rb"(?i)uvicorn|starlette|fastapi|python|traceback|sqlite|postgres", answer)
    assert served.process.poll() is None
