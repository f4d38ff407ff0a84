"""The HTTP protocol with limits: who opens a connection and sends nothing whole, or no end, does not keep it."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_PATIENCE = 10.0
"""Seconds for a request's line and headers, and for what still comes of a body after its answer was given."""

LARGEST_HEAD = 64 * 1024


class ImpatientProtocol(HttpToolsProtocol):
    """Closes a connection whose request does not come to the end of its headers. What reads a body has limits of its own."""

    _deadline: asyncio.TimerHandle | None = None
    _awaits_head = True
    _head = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as the class above does
        super().connection_made(transport)
        self._set_deadline()

    def data_received(self, data: bytes) -> None:
        if self._awaits_head:
            self._head += len(data)
        super().data_received(data)
        if self._awaits_head and self._head > LARGEST_HEAD:
            self.transport.close()

    def on_message_begin(self) -> None:
        self._awaits_head, self._head = True, 0
        self._set_deadline()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._awaits_head = False
        self._lift_deadline()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._lift_deadline()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        if self.cycle.more_body:  # refused before it was read: the rest is passed over, but not without end
            self._set_deadline()
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._lift_deadline()
        super().connection_lost(exc)

    def _set_deadline(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(HEAD_PATIENCE, self.transport.close)

    def _lift_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
