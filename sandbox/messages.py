"""What a stand-in's handler takes and gives: one parsed request, one reply."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

JSON = "application/json;charset=UTF-8"


@dataclass(slots=True)
class Request:
    """One HTTP request. `path` is as it was sent (still percent-encoded), `params` are the decoded parts that the route's pattern
    names, `query` holds the last value of each parameter and `query_lists` all of them, header names are in lower case."""

    method: str
    path: str
    query_lists: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: bytes = b""
    params: Mapping[str, str] = field(default_factory=dict)

    @property
    def query(self) -> dict[str, str]:
        return {name: values[-1] for name, values in self.query_lists.items()}

    def json(self) -> Any:
        """The decoded body. Raises `MalformedBody` when it is no JSON."""
        try:
            return msgspec.json.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise MalformedBody(str(error)) from error


@dataclass(slots=True)
class Reply:
    """One HTTP answer. `body` is sent as it is when it is bytes, as JSON when it is any other value, and not at all when None."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = JSON
    truncated: bool = False
    """Announce the whole body, send half of it, close: only faults say so."""
    delay: float = 0.0
    """Seconds between the work and the answer: only faults say so."""

    def encoded(self) -> bytes:
        if self.body is None:
            return b""
        return self.body if isinstance(self.body, bytes) else msgspec.json.encode(self.body)


class MalformedBody(ValueError):
    """The request's body is no JSON."""


class Refusal(Exception):
    """Raised by a handler anywhere in its depth: this reply is the answer."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.status)
        self.reply = reply


class ConnectionDropped(Exception):
    """Raised by a fault: reset the connection instead of answering."""
