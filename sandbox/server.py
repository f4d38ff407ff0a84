"""The HTTP core of all stand-ins: a threaded loopback server, routing, the request log, faults, latency and the clock."""

from __future__ import annotations

import re
import socket
import ssl
import threading
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote

import msgspec

from sandbox import faults as faulty
from sandbox.faults import Fault
from sandbox.messages import ConnectionDropped, MalformedBody, Refusal, Reply, Request
from sandbox.wire import BadRequest, read_request, reset, send_reply

__all__ = ["Entry", "Fault", "Handler", "Refusal", "Reply", "Request", "Route", "StandIn"]

Handler = Callable[[Request], Reply]
SECRET_HEADERS = frozenset({"authorization", "cookie", "private-token", "proxy-authorization"})


@dataclass(frozen=True)
class Route:
    """One operation. `{name}` in the pattern is one path segment, `{name...}` the rest of the path; literal segments win.

    `query` names the documented parameters: others are noted in the log. None notes nothing. A reading POST says `writes=False`.
    """

    method: str
    pattern: str
    handler: Handler
    query: frozenset[str] | None = None
    writes: bool | None = None

    @property
    def changes_state(self) -> bool:
        return self.method not in {"GET", "HEAD"} if self.writes is None else self.writes

    @property
    def rank(self) -> tuple[int, ...]:
        return tuple(1 + part.endswith("...}") if part.startswith("{") else 0 for part in self.pattern.split("/"))

    def compiled(self) -> re.Pattern[str]:
        parts = re.split(r"\{(\w+)(\.\.\.)?\}", self.pattern)
        text = re.escape(parts[0])
        for name, rest, literal in zip(parts[1::3], parts[2::3], parts[3::3], strict=True):
            text += f"(?P<{name}>{'.+' if rest else '[^/]+'})" + re.escape(literal)
        return re.compile(text + "/?")


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the request log. `status` is what the client saw (0: the connection was reset), `wrote` whether state may have
    changed, `pattern` the route that served it, `faulted` whether a fault met it. The values of secret headers are redacted."""

    method: str
    path: str
    pattern: str | None
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: bytes
    status: int
    answer: bytes
    wrote: bool
    unknown_query: tuple[str, ...] = ()
    content_type: str = ""
    faulted: bool = False

    def json(self) -> Any:
        return msgspec.json.decode(self.body) if self.body else None

    def answer_json(self) -> Any:
        return msgspec.json.decode(self.answer) if self.answer else None


class StandIn(ABC):
    """A stateful HTTP stand-in on a free loopback port. Use as a context manager, or `start()` and `stop()`.

    Handlers run one at a time under `lock`; worlds and tests that touch state from other threads take the same lock.
    `latency` (seconds) is slept before each request, `clock` gives every timestamp, `faults` are met in order. `keep_answers` off
    leaves answers out of the log, for long runs. A handler that crashes answers 500 and makes leaving the context raise.
    """

    def __init__(self, *, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self.latency = 0.0
        self.clock: Callable[[], datetime] = lambda: datetime.now(UTC)
        self.requests: list[Entry] = []
        self.faults: list[Fault] = []
        self.crashes: list[Exception] = []
        self.keep_answers = True
        self.lock = threading.RLock()
        self._port = port
        self._tls = tls
        self._stopping = threading.Event()
        self._listener: socket.socket | None = None
        self._acceptor: threading.Thread | None = None
        self._connections: dict[threading.Thread, socket.socket] = {}
        self._routes: list[tuple[Route, re.Pattern[str]]] = []

    @abstractmethod
    def routes(self) -> Sequence[Route]:
        """The operations that this stand-in serves."""

    def guard(self, request: Request, route: Route | None) -> Reply | None:  # noqa: ARG002 - a hook: subclasses look at these
        """Asked under the lock before a handler, also for unknown paths: a reply keeps the request out."""
        return None

    def unknown_path(self, request: Request, allowed: Sequence[str]) -> Reply:  # noqa: ARG002 - a hook
        """The vendor's answer where nothing is; `allowed` are the methods that the path does serve."""
        return Reply(405 if allowed else 404, {"message": "Method Not Allowed" if allowed else "Not Found"})

    def malformed(self, request: Request, why: str) -> Reply:  # noqa: ARG002 - a hook
        """The vendor's answer to a body that is no JSON."""
        return Reply(400, {"message": why})

    def common_headers(self, request: Request, reply: Reply) -> Mapping[str, str]:  # noqa: ARG002 - a hook
        """Headers of every answer; those of the reply itself win."""
        return {}

    # -- life ----------------------------------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self._port}"

    @property
    def writes(self) -> list[Entry]:
        """The requests that may have changed state, in order."""
        with self.lock:
            return [entry for entry in self.requests if entry.wrote]

    def start(self) -> Self:
        listener = socket.create_server(("127.0.0.1", self._port), backlog=256)
        self._port = listener.getsockname()[1]
        self._stopping.clear()
        self._routes = [(route, route.compiled()) for route in sorted(self.routes(), key=lambda route: route.rank)]
        self._listener = listener
        self._acceptor = threading.Thread(target=self._accept, args=(listener,), name=f"{type(self).__name__} accepts", daemon=True)
        self._acceptor.start()
        return self

    def stop(self) -> None:
        """Closes every socket and waits for every thread. Harmless when not started."""
        listener, acceptor = self._listener, self._acceptor
        if listener is None or acceptor is None:
            return
        self._stopping.set()
        # A blocked accept() is woken portably only by a connection.
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", self._port), timeout=1).close()
        acceptor.join()
        listener.close()
        with self.lock:
            connections = dict(self._connections)
        for thread, connection in connections.items():
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            thread.join(timeout=10)
        self._listener = self._acceptor = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()
        if kind is None and self.crashes:
            raise self.crashes[0]

    # -- connections ---------------------------------------------------------------------------------------------------

    def _accept(self, listener: socket.socket) -> None:
        while True:
            connection, _ = listener.accept()
            if self._stopping.is_set():
                connection.close()
                return
            thread = threading.Thread(target=self._converse, args=(connection,), name=f"{type(self).__name__} serves", daemon=True)
            with self.lock:
                self._connections[thread] = connection
            thread.start()

    def _converse(self, connection: socket.socket) -> None:
        # An OSError means that the client has gone, or that we are stopping.
        with connection, suppress(OSError):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._secured(connection) as channel, channel.makefile("rb") as reader:
                while not self._stopping.is_set() and self._exchange(channel, reader):
                    pass
        with self.lock:
            self._connections.pop(threading.current_thread(), None)

    def _secured(self, connection: socket.socket) -> socket.socket:
        if self._tls is None:
            return connection
        channel = self._tls.wrap_socket(connection, server_side=True)
        with self.lock:
            self._connections[threading.current_thread()] = channel
        return channel

    def _exchange(self, channel: socket.socket, reader: Any) -> bool:
        """One request and its answer. False when the connection ends with it."""
        try:
            request = read_request(reader)
        except BadRequest as error:
            send_reply(channel, Reply(error.status, {"message": str(error)}), now=self.clock(), head_only=False, close=True)
            return False
        if request is None:
            return False
        try:
            reply = self._answer(request)
        except ConnectionDropped:
            reset(channel)
            return False
        close = reply.truncated or request.headers.get("connection", "").lower() == "close"
        send_reply(channel, reply, now=self.clock(), head_only=request.method == "HEAD", close=close)
        return not close

    # -- requests ------------------------------------------------------------------------------------------------------

    def _answer(self, request: Request) -> Reply:
        self._pause(self.latency)
        route, allowed = self._find(request)
        handled: list[Reply] = []

        def answer() -> Reply:
            reply = self._handle(request, route, allowed)
            handled.append(reply)
            return reply

        with self.lock:
            fault = faulty.take(self.faults, request)
        reply: Reply | None = None
        try:
            reply = fault.effect(request, answer) if fault else answer()
            reply.body = reply.encoded()
            reply.headers = {**self.common_headers(request, reply), **reply.headers}
            self._pause(reply.delay)
            return reply
        finally:
            wrote = bool(route and route.changes_state and handled and handled[0].status < 300)
            self._log(request, route, reply, wrote=wrote, faulted=fault is not None)

    def _pause(self, seconds: float) -> None:
        """Sleeps, but not beyond `stop()`."""
        if seconds > 0:
            self._stopping.wait(seconds)

    def _find(self, request: Request) -> tuple[Route | None, list[str]]:
        method = "GET" if request.method == "HEAD" else request.method
        allowed: list[str] = []
        for route, pattern in self._routes:
            if found := pattern.fullmatch(request.path):
                if route.method == method:
                    request.params = {name: unquote(value) for name, value in found.groupdict().items()}
                    return route, []
                allowed.append(route.method)
        return None, allowed

    def _handle(self, request: Request, route: Route | None, allowed: list[str]) -> Reply:
        with self.lock:
            try:
                if kept_out := self.guard(request, route):
                    return kept_out
                return route.handler(request) if route else self.unknown_path(request, allowed)
            except Refusal as refusal:
                return refusal.reply
            except MalformedBody as error:
                return self.malformed(request, str(error))
            except Exception as error:
                self.crashes.append(error)
                return Reply(500, traceback.format_exc().encode(), content_type="text/plain; charset=utf-8")

    def _log(self, request: Request, route: Route | None, reply: Reply | None, *, wrote: bool, faulted: bool) -> None:
        documented = route.query if route else None
        entry = Entry(
            method=request.method,
            path=request.path,
            pattern=route.pattern if route else None,
            query=request.query_lists,
            headers={name: _redacted(name, value) for name, value in request.headers.items()},
            body=request.body,
            status=reply.status if reply else 0,
            answer=reply.encoded() if reply and self.keep_answers else b"",
            wrote=wrote,
            content_type=reply.content_type if reply else "",
            faulted=faulted,
            unknown_query=() if documented is None else tuple(sorted(set(request.query_lists) - documented)),
        )
        with self.lock:
            self.requests.append(entry)


def _redacted(name: str, value: str) -> str:
    """The scheme stays, so that a test can see that credentials were sent, and which kind."""
    if name not in SECRET_HEADERS:
        return value
    scheme, space, _ = value.partition(" ")
    return f"{scheme} ***" if space else "***"
