"""A receiver of webhooks for tests: it keeps what it is sent, and answers as it is told to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any


@dataclass
class Inbox:
    """Header names are in lower case."""

    status: int = 202
    url: str = ""
    deliveries: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    def events(self) -> list[str]:
        """`event.action` of each, but for every `ping`."""
        return [event_of(headers, body) for headers, body in self.deliveries if headers["x-github-event"] != "ping"]

    def payload(self, event: str) -> Any:
        """Of the last delivery of that event."""
        return [json.loads(body) for headers, body in self.deliveries if event_of(headers, body) == event][-1]


def event_of(headers: dict[str, str], body: bytes) -> str:
    action = json.loads(body).get("action")
    return f"{headers['x-github-event']}.{action}" if action else headers["x-github-event"]


@contextmanager
def receiving() -> Iterator[Inbox]:
    """One on loopback."""
    kept = Inbox()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            kept.deliveries.append(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(kept.status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        kept.url = f"http://127.0.0.1:{server.server_port}/webhooks/github"
        try:
            yield kept
        finally:
            server.shutdown()
            thread.join()
