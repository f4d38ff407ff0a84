"""A link to PostgreSQL that can go silent: connections stay open, and nothing passes in either direction."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import make_url

_CHUNK = 65536


class Link:
    """Passes on what arrives at `url` until it is silent. What it swallowed then, nobody ever gets."""

    def __init__(self, url: str) -> None:
        self._far = make_url(url)
        self._near = socket.create_server(("127.0.0.1", 0))
        self._passes = threading.Event()
        self._passes.set()
        self._lock = threading.Lock()
        self._clients: list[socket.socket] = []
        self._servers: list[socket.socket] = []
        self._threads: list[threading.Thread] = []

    @property
    def url(self) -> str:
        """The address of the same database, over this link."""
        near = self._far.set(host="127.0.0.1", port=self._near.getsockname()[1], query={})
        return near.render_as_string(hide_password=False)

    def go_silent(self) -> None:
        self._passes.clear()

    def tell_the_server(self) -> None:
        """As when its kernel has noticed that nobody is at the other end: its sessions end. The clients hear nothing."""
        with self._lock:
            _shut(self._servers)

    def come_back(self) -> None:
        """Connections of before are reset, new ones are served."""
        with self._lock:
            _shut(self._clients)
        self._passes.set()

    def serve(self) -> None:
        """Until `close`."""
        while True:
            try:
                client, _ = self._near.accept()
            except OSError:
                return
            with self._lock:
                self._clients.append(client)
            if not self._passes.is_set():
                continue
            server = self._connect()
            with self._lock:
                self._servers.append(server)
            for source, target in ((client, server), (server, client)):
                thread = threading.Thread(target=self._pass_on, args=(source, target), name="link")
                self._threads.append(thread)
                thread.start()

    def close(self) -> None:
        self._near.shutdown(socket.SHUT_RDWR)
        self._near.close()
        with self._lock:
            both = [*self._clients, *self._servers]
            _shut(both)
        for thread in self._threads:
            thread.join()
        for one in both:
            one.close()

    def _connect(self) -> socket.socket:
        folder = self._far.query.get("host")
        if isinstance(folder, str):
            server = socket.socket(socket.AF_UNIX)
            server.connect(f"{folder}/.s.PGSQL.{self._far.port or 5432}")
            return server
        return socket.create_connection((self._far.host or "127.0.0.1", self._far.port or 5432))

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(_CHUNK):
                if self._passes.is_set():
                    target.sendall(data)
        if self._passes.is_set():
            _shut([target])


def _shut(sockets: list[socket.socket]) -> None:
    for one in sockets:
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)


@contextmanager
def link(url: str) -> Iterator[Link]:
    one = Link(url)
    thread = threading.Thread(target=one.serve, name="link")
    thread.start()
    try:
        yield one
    finally:
        one.close()
        thread.join()
