"""The HTTP protocol with limits: who opens a connection and sends nothing whole, or no end, does not keep it."""

from __future__ import annotations

import asyncio
from heapq import nsmallest

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

HEAD_PATIENCE = 10.0
"""Seconds for a request's line and headers, and for what still comes of a body after its answer was given."""

ANSWER_PATIENCE = 30.0
"""Seconds for the sender to read what it asked for."""

LARGEST_HEAD = 64 * 1024

MOST_HEADERS = 100

MOST_AHEAD = 16
"""Requests that may be sent before the answer to the first of them. No source sends any."""

MOST_CONNECTIONS = 1_000
"""Connections that are open at a time. For further ones, those give way for whose senders has been waited longest."""


class Outlandish(Exception):
    """No request of any source is like this. The parser says so to the sender, and hangs up."""


class ImpatientProtocol(HttpToolsProtocol):
    """Closes a connection whose request does not come to the end of its headers. What reads a body has limits of its own."""

    _deadline: asyncio.TimerHandle | None = None
    _unread: asyncio.TimerHandle | None = None
    _parsed_since = 0
    """Bytes that came since there was last a beginning of a request, or a part of its body: they are of one head, or of no use."""
    _awaited_since = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as the class above does
        super().connection_made(transport)
        self._awaited_since = self.loop.time()
        self._set_deadline()
        if len(self.connections) > MOST_CONNECTIONS:
            self._make_room()

    def data_received(self, data: bytes) -> None:
        if self._is_idle:  # else a mere line break would keep it open for ever
            self._set_deadline()
        self._parsed_since += len(data)
        super().data_received(data)
        if self._parsed_since > LARGEST_HEAD:
            self.transport.close()

    def on_message_begin(self) -> None:
        self._parsed_since, self._awaited_since = 0, self.loop.time()
        self._set_deadline()
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        if len(self.headers) >= MOST_HEADERS:
            raise Outlandish
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        # What asks for another protocol would be taken to have no body, and its body for the next request.
        if len(self.pipeline) >= MOST_AHEAD or self.parser.should_upgrade():
            raise Outlandish
        self._lift_deadline()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._parsed_since = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._lift_deadline()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        self._awaited_since = self.loop.time()
        if self.cycle.more_body:  # refused before it was read: the rest is passed over, but not without end
            self._set_deadline()
        super().on_response_complete()

    def pause_writing(self) -> None:
        self._unread = self.loop.call_later(ANSWER_PATIENCE, self.transport.abort)
        super().pause_writing()

    def resume_writing(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self._lift_deadline()
        if self._unread is not None:
            self._unread.cancel()
        super().connection_lost(exc)

    @property
    def _is_idle(self) -> bool:
        """Whether no request is coming in or being answered."""
        cycle: RequestResponseCycle | None = self.cycle  # there is none before the first request
        return cycle is None or (cycle.response_complete and not cycle.more_body)

    @property
    def _is_awaited(self) -> bool:
        """Whether it is for the sender to go on."""
        return self._is_idle or self.cycle.more_body

    def _make_room(self) -> None:
        """For a tenth more at once, as looking for who gives way takes a while."""
        awaited = [one for one in self.connections if isinstance(one, ImpatientProtocol) and one is not self and one._is_awaited]
        for longest in nsmallest(max(1, MOST_CONNECTIONS // 10), awaited, key=lambda one: one._awaited_since):
            self.connections.discard(longest)
            longest.transport.abort()

    def _set_deadline(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(HEAD_PATIENCE, self.transport.close)

    def _lift_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
