"""Reading the body of a request, which a stranger sends: never more of it than allowed, and never for long."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.requests import Request

LARGEST = 25 * 1024 * 1024
"""GitHub sends nothing larger."""

SMALL = 256 * 1024
"""Hardly any delivery is larger."""

FOR_SMALL, FOR_LARGE = 64 * 1024 * 1024, 128 * 1024 * 1024
"""What all bodies that are coming in may hold together: up to `SMALL` of each, and what is beyond that. So large ones, which
anybody may send, neither use up the memory nor keep the small ones out."""

PATIENCE = 20.0
"""Seconds for the whole body."""


class TooLarge(Exception):
    """The body is longer than `LARGEST`."""


class TooSlow(Exception):
    """The body did not come within `PATIENCE`."""


class NoMemory(Exception):
    """Bodies hold all the memory that they may just now."""


class Reserve:
    """The memory that bodies share. Used by one thread."""

    def __init__(self, small: int = FOR_SMALL, large: int = FOR_LARGE) -> None:
        self._small, self._large = small, large

    def grow(self, before: int, after: int) -> None:
        """A body that held `before` bytes holds `after`, which may be fewer. Raises `NoMemory`, and holds what it did."""
        small = min(after, SMALL) - min(before, SMALL)
        large = after - before - small
        if small > self._small or large > self._large:
            raise NoMemory
        self._small -= small
        self._large -= large


@asynccontextmanager
async def body_of(request: Request, reserve: Reserve) -> AsyncIterator[bytes]:
    """The body, which counts as held until the block ends. Raises `TooLarge`, `TooSlow` and `NoMemory`."""
    if int(request.headers.get("content-length", 0)) > LARGEST:
        raise TooLarge
    chunks: list[bytes] = []
    held = 0
    try:
        try:
            async with asyncio.timeout(PATIENCE):
                async for chunk in request.stream():
                    if held + len(chunk) > LARGEST:
                        raise TooLarge
                    reserve.grow(held, held + len(chunk))
                    held += len(chunk)
                    chunks.append(chunk)
        except TimeoutError:
            raise TooSlow from None
        body = b"".join(chunks)
        chunks.clear()  # else it would be held twice for as long as it is looked at
        yield body
    finally:
        reserve.grow(held, 0)
