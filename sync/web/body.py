"""Reading the body of a request, which a stranger sends: never more of it than allowed, and never for long."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.requests import Request

LARGEST = 25 * 1024 * 1024
"""GitHub sends nothing larger."""

SMALL = 256 * 1024
"""Hardly any delivery is larger. Those that are share the memory of a `Reserve`, so that they are no way to use it all up."""

RESERVE = 256 * 1024 * 1024

PATIENCE = 20.0
"""Seconds for the whole body."""


class TooLarge(Exception):
    """The body is longer than `LARGEST`."""


class TooSlow(Exception):
    """The body did not come within `PATIENCE`."""


class NoMemory(Exception):
    """Too many large bodies are held just now."""


class Reserve:
    """The memory that large bodies share. Used by one thread."""

    def __init__(self, size: int = RESERVE) -> None:
        self._left = size

    def take(self, size: int) -> None:
        """Raises `NoMemory`."""
        if size > self._left:
            raise NoMemory
        self._left -= size

    def give_back(self, size: int) -> None:
        self._left += size


@asynccontextmanager
async def body_of(request: Request, reserve: Reserve) -> AsyncIterator[bytes]:
    """The body, which counts as held until the block ends. Raises `TooLarge`, `TooSlow` and `NoMemory`."""
    if int(request.headers.get("content-length", 0)) > LARGEST:
        raise TooLarge
    chunks: list[bytes] = []
    size = reserved = 0
    try:
        try:
            async with asyncio.timeout(PATIENCE):
                async for chunk in request.stream():
                    size += len(chunk)
                    if size > LARGEST:
                        raise TooLarge
                    if (further := size - SMALL - reserved) > 0:
                        reserve.take(further)
                        reserved += further
                    chunks.append(chunk)
        except TimeoutError:
            raise TooSlow from None
        yield b"".join(chunks)
    finally:
        reserve.give_back(reserved)
