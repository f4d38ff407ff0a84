"""Storing deliveries: durable first, then those who take them in are woken."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import structlog

from sync.store import inbox
from sync.store.connect import Database
from sync.store.inbox import Arrival

log = structlog.get_logger(__name__)


def storing(database: Database, wake: Callable[[str], None]) -> Callable[[Sequence[Arrival]], Sequence[bool]]:
    """What commits a group of deliveries, and says of each whether it is new. `wake` is told each source that has new ones."""

    def store(arrivals: Sequence[Arrival]) -> Sequence[bool]:
        with database.write() as tx:
            fresh = inbox.accept(tx, arrivals, database.now(tx))
        for source in {one.source for one, is_new in zip(arrivals, fresh, strict=True) if is_new}:
            _wake(wake, source)
        return fresh

    return store


def _wake(wake: Callable[[str], None], source: str) -> None:
    """Whoever is not woken looks by itself a little later; what is stored must be acknowledged all the same."""
    try:
        wake(source)
    except Exception as error:
        log.warning("intake.not_woken", source=source, error=type(error).__name__)
