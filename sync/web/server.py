"""The HTTP server: uvicorn with our limits, our signals and no words of its own."""

from __future__ import annotations

import logging
import resource
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from sync.web.protocol import MOST_CONNECTIONS, ImpatientProtocol

GRACE = 6
"""Seconds that requests in flight have to end. With what ends after them, the process does within ten."""

KEEP_ALIVE = 75
"""Seconds that an idle connection stays open: longer than proxies keep theirs, so that none sends into one that just closes."""

_BACKLOG = 2_048
_FILES = 65_536


def configuration(app: ASGIApp, **further: Any) -> uvicorn.Config:
    """How every server of ours answers: impatiently, and silently."""
    return uvicorn.Config(
        app,
        http=ImpatientProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,  # addresses may hold what somebody took for a place to put a secret
        server_header=False,
        limit_concurrency=2 * MOST_CONNECTIONS,  # reached only where nearly all are being answered: others are told 503
        timeout_keep_alive=KEEP_ALIVE,
        **further,
    )


class Server(uvicorn.Server):
    """Calls `on_start` once it serves and can be told to end, and `on_stop` when it is; then it leaves the way for what its caller
    has to end after it."""

    def __init__(
        self, app: ASGIApp, *, forwarded_allow_ips: str, on_start: Callable[[], None], on_stop: Callable[[], None]
    ) -> None:
        super().__init__(
            configuration(
                app,
                proxy_headers=True,
                forwarded_allow_ips=forwarded_allow_ips,
                timeout_graceful_shutdown=GRACE,
            )
        )
        # What strangers send wrong is theirs, and they may send much of it.
        logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
        self._on_start = on_start
        self._on_stop = on_stop

    def run_on(self, listening: socket.socket) -> None:
        """Serves until told to end, and then until what is in flight has been answered."""
        self.run(sockets=[listening])

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_start()

    def leave(self) -> None:
        """Ends as if the process had been told to. May be called by any thread."""
        self._on_stop()
        self.should_exit = True

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._on_stop()
        super().handle_exit(sig, frame)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def allow_many_connections() -> None:
    """Lets this process have as many files open as it may. Every slow client is one for a while, and the store needs some too."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES if hard == resource.RLIM_INFINITY else min(hard, _FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there; port 0 takes a free one. Raises `OSError`."""
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    return socket.create_server(address[:2], family=family, backlog=_BACKLOG)


def address_of(listening: socket.socket) -> str:
    """Where it can be reached, as people write it."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
