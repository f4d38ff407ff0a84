"""What the shell tells whoever watches: one event a page, so that a face can draw a line for each stream."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Literal, TypeAlias

import msgspec


class StreamEvent(msgspec.Struct, frozen=True, kw_only=True):
    """The standing of one stream of one source's scope. Counts are since the pull began; `total` is None where it is not known."""

    source: str
    stream: str
    scope: str
    state: Literal["waiting", "pulling", "done", "failed"]
    records: int = 0
    pages: int = 0
    changed: int = 0
    rejected: int = 0
    deleted: int = 0
    total: int | None = None
    requests: int = 0
    remaining: int | None = None
    limit: int | None = None
    resets_at: datetime | None = None
    full: bool = False
    seconds: float = 0.0
    error: str | None = None


Report: TypeAlias = Callable[[StreamEvent], None]


def unwatched(_: StreamEvent) -> None:
    """Nobody is watching."""
