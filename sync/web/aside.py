"""Answering a few questions beside other work, from a thread of its own, until that work ends."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp

from sync.web.server import configuration

_GRACE = 1
"""Seconds that questions in flight have to be answered when the work has ended."""


@contextmanager
def answering(app: ASGIApp, listening: socket.socket) -> Iterator[None]:
    """Answers what comes in on a socket as long as the block lasts."""
    server = uvicorn.Server(configuration(app, timeout_graceful_shutdown=_GRACE))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, name="answering", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(2 * _GRACE)
