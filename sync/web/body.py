"""Reading the body of a request, which a stranger sends: never more of it than allowed, and never for long."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
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


class Share:
    """What one body holds of a reserve, in bytes. `give_way` is called when others have to have it."""

    def __init__(self, give_way: Callable[[], None]) -> None:
        self.held = 0
        self.has_given_way = False
        self._give_way = give_way

    def give_way(self) -> None:
        self.has_given_way = True
        self._give_way()


class Reserve:
    """The memory that bodies share. Used by one thread.

    Where it runs short, that body gives way which has been coming in for longest: a sender of deliveries sends them at once.
    """

    def __init__(self, small: int = FOR_SMALL, large: int = FOR_LARGE) -> None:
        self._small, self._large = small, large
        self._coming: dict[Share, None] = {}

    def begin(self, share: Share) -> None:
        """Its body is coming in from now on."""
        self._coming[share] = None

    def grow(self, share: Share, more: int) -> None:
        """So many more bytes have come. Raises `NoMemory` when no other body could give way for them, and takes none."""
        small, large = _parts(share.held, more)
        while (is_large := large > self._large) or small > self._small:
            longest = next((one for one in self._coming if one.held > (SMALL if is_large else 0)), share)
            if longest is share:
                raise NoMemory
            self.release(longest)
            longest.give_way()
        self._take(share, more)

    def end(self, share: Share) -> None:
        """Its body has come in: it gives way to nobody any more."""
        self._coming.pop(share, None)

    def release(self, share: Share) -> None:
        """Its body is gone."""
        self.end(share)
        self._take(share, -share.held)

    def _take(self, share: Share, more: int) -> None:
        small, large = _parts(share.held, more)
        self._small -= small
        self._large -= large
        share.held += more


def _parts(held: int, more: int) -> tuple[int, int]:
    """How much of a change is of the room for small bodies, and how much of that for large ones."""
    small = min(held + more, SMALL) - min(held, SMALL)
    return small, more - small


@asynccontextmanager
async def body_of(request: Request, reserve: Reserve) -> AsyncIterator[bytes]:
    """The body, which counts as held until the block ends. Raises `TooLarge`, `TooSlow` and `NoMemory`."""
    if int(request.headers.get("content-length", 0)) > LARGEST:
        raise TooLarge
    chunks: list[bytes] = []
    patience = asyncio.timeout(PATIENCE)
    share = Share(lambda: patience.reschedule(0))
    try:
        try:
            async with patience:
                reserve.begin(share)
                async for chunk in request.stream():
                    if share.held + len(chunk) > LARGEST:
                        raise TooLarge
                    reserve.grow(share, len(chunk))
                    chunks.append(chunk)
                reserve.end(share)
        except TimeoutError:
            raise (NoMemory if share.has_given_way else TooSlow) from None
        body = b"".join(chunks)
        chunks.clear()  # else it would be held twice for as long as it is looked at
        yield body
    finally:
        reserve.release(share)
