"""Telling in the log what was refused, without letting strangers fill it."""

from __future__ import annotations

import time

import structlog
from structlog.contextvars import get_contextvars

from connectors.errors import SourceError
from sync.store.errors import StoreError

log = structlog.get_logger(__name__)

PAUSE = 1.0
"""Seconds between two lines about the same kind of refusal of the same source."""


class Refusals:
    """Tells of each kind of refusal of each source at most once in so many seconds, with how many were not told meanwhile."""

    def __init__(self, pause: float = PAUSE) -> None:
        self._pause = pause
        self._told: dict[tuple[str, str], float] = {}
        self._left_out: dict[tuple[str, str], int] = {}

    def tell(self, what: str, status: int, client: str | None, error: Exception | None = None, **about: str) -> None:
        """A warning with the sender's address, what is told `about` it, and what is wrong and its fix where that is known.

        Never with what was sent.
        """
        key, now = (str(get_contextvars().get("source")), what), time.monotonic()
        if now - self._told.get(key, -self._pause) < self._pause:
            self._left_out[key] = self._left_out.get(key, 0) + 1
            return
        self._told[key] = now
        more = self._left_out.pop(key, 0)
        log.warning(what, status=status, client=client, **about, **_in_words(error), **({"left_out": more} if more else {}))


def _in_words(error: Exception | None) -> dict[str, str]:
    if isinstance(error, SourceError | StoreError):
        return {"error": error.message, **({"fix": error.fix} if error.fix else {})}
    return {"error": type(error).__name__} if error is not None else {}
