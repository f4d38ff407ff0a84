"""HTTP/1.1 on one accepted socket: read a request, send a reply. Small and fast, for loopback only."""

from __future__ import annotations

import socket
import struct
from datetime import datetime
from email.utils import format_datetime
from http import HTTPStatus
from io import BufferedReader
from urllib.parse import parse_qs

from sandbox.messages import Reply, Request

MAX_LINE = 64 * 1024
MAX_HEADERS = 200
MAX_BODY = 64 * 1024 * 1024
BODILESS = frozenset({204, 304})


class BadRequest(Exception):
    """What came is no HTTP/1.1 request that a stand-in reads: answer with `status` and close."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


def read_request(reader: BufferedReader) -> Request | None:
    """The next request of a connection, or None when the client has closed it. Raises `BadRequest`."""
    line = _line(reader)
    if not line:
        return None
    parts = line.split(b" ")
    if len(parts) != 3 or not parts[2].startswith(b"HTTP/1."):
        raise BadRequest(400, "malformed request line")
    target = parts[1].decode("latin-1")
    path, _, query = target.partition("?")
    if not path.startswith("/"):
        raise BadRequest(400, "only origin-form targets are served")
    headers = _headers(reader)
    return Request(
        method=parts[0].decode("latin-1").upper(),
        path=path,
        query_lists=parse_qs(query, keep_blank_values=True) if query else {},
        headers=headers,
        body=_body(reader, headers),
    )


def _line(reader: BufferedReader) -> bytes:
    line = reader.readline(MAX_LINE + 1)
    if len(line) > MAX_LINE:
        raise BadRequest(431, "line too long")
    return line.rstrip(b"\r\n")


def _headers(reader: BufferedReader) -> dict[str, str]:
    headers: dict[str, str] = {}
    for _ in range(MAX_HEADERS):
        line = _line(reader)
        if not line:
            return headers
        name, colon, value = line.decode("latin-1").partition(":")
        if not colon or name != name.strip():
            raise BadRequest(400, "malformed header")
        headers[name.lower()] = value.strip()
    raise BadRequest(431, "too many headers")


def _body(reader: BufferedReader, headers: dict[str, str]) -> bytes:
    if "chunked" in headers.get("transfer-encoding", "").lower():
        return _chunked(reader)
    length = headers.get("content-length", "0")
    if not length.isascii() or not length.isdigit():
        raise BadRequest(400, "malformed content-length")
    return _exactly(reader, int(length))


def _chunked(reader: BufferedReader) -> bytes:
    body = bytearray()
    while size := _chunk_size(_line(reader)):
        body += _exactly(reader, size)
        _line(reader)
        if len(body) > MAX_BODY:
            raise BadRequest(413, "body too large")
    while _line(reader):
        pass
    return bytes(body)


def _chunk_size(line: bytes) -> int:
    try:
        return int(line.partition(b";")[0], 16)
    except ValueError as error:
        raise BadRequest(400, "malformed chunk") from error


def _exactly(reader: BufferedReader, size: int) -> bytes:
    if size > MAX_BODY:
        raise BadRequest(413, "body too large")
    body = reader.read(size)
    if len(body) < size:
        raise BadRequest(400, "the body ended early")
    return body


def send_reply(connection: socket.socket, reply: Reply, *, now: datetime, head_only: bool, close: bool) -> None:
    """Sends `reply`; `now` becomes the Date header. `head_only` answers a HEAD request: the headers of the body, without it."""
    body = b"" if reply.status in BODILESS else reply.encoded()
    lines = [f"HTTP/1.1 {reply.status} {_phrase(reply.status)}", f"Date: {format_datetime(now, usegmt=True)}"]
    if reply.status not in BODILESS:
        lines.append(f"Content-Length: {len(body)}")
    if body and not any(name.lower() == "content-type" for name in reply.headers):
        lines.append(f"Content-Type: {reply.content_type}")
    lines += [f"{name}: {value}" for name, value in reply.headers.items()]
    if close:
        lines.append("Connection: close")
    head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")
    if head_only:
        body = b""
    elif reply.truncated:
        body = body[: len(body) // 2]
    connection.sendall(head + body)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


def reset(connection: socket.socket) -> None:
    """Closes so that the client sees a connection reset, not an orderly end."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
