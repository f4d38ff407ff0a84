"""A small HTTP proxy on loopback that stands between a connector and its server, and can make things go wrong on the way.

It knows no vendor. Addresses of the server in answers (headers and text) become the proxy's, so that a `next` or `self` does not
lead past it.
"""

from __future__ import annotations

import http.client
import socket
import struct
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Literal, Self, TypeAlias
from urllib.parse import parse_qsl, urlencode, urlsplit

import msgspec

MOST_REQUESTS = 400
"""After so many requests a test's connector is taken to be in an endless loop."""

_DRIP = 0.02
_PATIENCE = 30.0
_OF_THE_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "date", "server"})
_MAX_BODY = 64 * 2**20


@dataclass(frozen=True, slots=True)
class Asked:
    """One request of the connector. Names of headers are in lower case."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def json(self) -> Any:
        """The body, None where it is no JSON."""
        try:
            return msgspec.json.decode(self.body)
        except (msgspec.DecodeError, UnicodeError):
            return None

    def having(self, name: str, value: int) -> Asked:
        """The same with `value` for the parameter `name`, in the query or the JSON body, wherever it was given."""
        pairs = parse_qsl(self.query, keep_blank_values=True)
        query = urlencode([(key, str(value) if key == name else old) for key, old in pairs]) if pairs else self.query
        document = self.json()
        given = isinstance(document, dict) and name in document
        body = msgspec.json.encode({**document, name: value}) if given else self.body
        return replace(self, query=query, body=body)


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer. `delivery`: whole; cut off in the middle; a byte now and then, for ever; not at all, and the connection open."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=lambda: {"content-type": "application/json"})
    delivery: Literal["whole", "cut", "drip", "silence"] = "whole"

    def json(self) -> Any:
        return msgspec.json.decode(self.body)

    def saying(self, document: Any) -> Answer:
        """The same answer with another document in it."""
        return replace(self, body=msgspec.json.encode(document))


class Dropped(Exception):
    """Raised by an effect: the connection is reset instead of an answer."""


Forward: TypeAlias = Callable[[], Answer]
Effect: TypeAlias = Callable[[Asked, Forward], Answer]
"""Takes the request and the way to the real answer: the server sees the request only when that is called."""

Matches: TypeAlias = Callable[[Asked], bool]


@dataclass(slots=True)
class Fault:
    """`effect` meets the requests that match: the first `after` of them pass, then `times` are met; None: all that follow."""

    matches: Matches
    effect: Effect
    times: int | None = None
    after: int = 0

    def takes(self, asked: Asked) -> bool:
        if self.times == 0 or not self.matches(asked):
            return False
        if self.after > 0:
            self.after -= 1
            return False
        if self.times is not None:
            self.times -= 1
        return True


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Tells of mistakes, not of clients that leave: a connector closes its connections as it likes."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class FaultProxy:
    """Use as a context manager. `asked` is the log of requests as the connector sent them, `on_limit` is called when they are more
    than `most`; from then on each is dropped."""

    def __init__(self, upstream: str, *, most: int = MOST_REQUESTS) -> None:
        parts = urlsplit(upstream)
        if parts.scheme != "http" or parts.port is None:
            raise ValueError(
                f"{upstream}: the suite's server must be at an http address with a port, such as http://127.0.0.1:8080"
            )
        self.asked: list[Asked] = []
        self.faults: list[Fault] = []
        self.reshape: Callable[[Asked], Asked] = lambda asked: asked
        self.on_limit: Callable[[], None] = lambda: None
        self.exceeded = False
        self._most = most
        self._host, self._port, self._path = parts.hostname or "", parts.port, parts.path
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _handler_of(self))
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._ours = f"127.0.0.1:{self._server.server_address[1]}"
        self._theirs = f"{self._host}:{self._port}"

    @property
    def url(self) -> str:
        """Where the connector is to be sent instead of the server."""
        return f"http://{self._ours}{self._path}"

    def fault(self, matches: Matches, effect: Effect, *, times: int | None = None, after: int = 0) -> None:
        """Adds a fault. Of several that match, the first that still takes requests meets one."""
        with self._lock:
            self.faults.append(Fault(matches, effect, times, after))

    def heal(self) -> None:
        """Takes all faults away and forgets the log."""
        with self._lock:
            self.faults.clear()
            self.asked.clear()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def answer(self, asked: Asked) -> Answer:
        """What becomes of one request. Raises `Dropped`."""
        with self._lock:
            self.asked.append(asked)
            if len(self.asked) > self._most:
                self.exceeded = True
            effect = next((fault.effect for fault in self.faults if fault.takes(asked)), None)
        if self.exceeded:
            self.on_limit()
            raise Dropped
        return effect(asked, lambda: self._forwarded(asked)) if effect else self._forwarded(asked)

    def _forwarded(self, asked: Asked) -> Answer:
        sent = self.reshape(asked)
        connection = http.client.HTTPConnection(self._host, self._port, timeout=_PATIENCE)
        try:
            target = sent.path + (f"?{sent.query}" if sent.query else "")
            headers = {
                name: value for name, value in sent.headers.items() if name not in ("host", "accept-encoding", "content-length")
            }
            connection.request(sent.method, target, sent.body or None, {**headers, "Accept-Encoding": "identity"})
            response = connection.getresponse()
            body = response.read()
        finally:
            connection.close()
        kept = {name.lower(): self._as_ours(value) for name, value in response.getheaders() if name.lower() not in _OF_THE_HOP}
        return Answer(response.status, self._as_ours(body.decode("latin-1")).encode("latin-1"), kept)

    def _as_ours(self, text: str) -> str:
        return text.replace(self._theirs, self._ours)

    def deliver(self, handler: BaseHTTPRequestHandler, answer: Answer) -> None:
        if answer.delivery == "silence":
            self._closing.wait(_PATIENCE)
            handler.close_connection = True
            return
        length = 10**6 if answer.delivery == "drip" else len(answer.body)
        handler.send_response(answer.status)
        for name, value in answer.headers.items():
            handler.send_header(name, value)
        if answer.status not in (204, 304):
            handler.send_header("content-length", str(length))
        handler.end_headers()
        body = b"" if handler.command == "HEAD" else answer.body
        match answer.delivery:
            case "whole":
                handler.wfile.write(body)
            case "cut":
                handler.wfile.write(body[: len(body) // 2])
                handler.close_connection = True
            case _:
                self._drip(handler)

    def _drip(self, handler: BaseHTTPRequestHandler) -> None:
        """Ends when the client goes away."""
        handler.close_connection = True
        while not self._closing.wait(_DRIP):
            handler.wfile.write(b" ")
            handler.wfile.flush()


def _handler_of(proxy: FaultProxy) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def handle_any(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            parts = urlsplit(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked = Asked(self.command, parts.path, parts.query, headers, self.rfile.read(min(length, _MAX_BODY)))
            # An OSError: the client has gone, as it does when it stops waiting.
            with suppress(OSError):
                try:
                    proxy.deliver(self, proxy.answer(asked))
                    self.wfile.flush()
                except Dropped:
                    self._reset()

        do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = handle_any  # noqa: N815 - the names asked for

        def _reset(self) -> None:
            """So that the client sees a connection reset, not an orderly end."""
            self.close_connection = True
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()

        def version_string(self) -> str:
            return "proxy"

        def finish(self) -> None:
            with suppress(OSError, ValueError):
                super().finish()

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing: `FaultProxy.asked` is the log."""

    return Handler
