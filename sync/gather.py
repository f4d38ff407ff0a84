"""Pages are stored several at a time: a transaction, with its few statements, costs as much as storing a hundred records does."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence

from sync.store.rows import PageRows

ENOUGH = 500
"""How many records make a group: more would save little, cost memory, and keep deliveries waiting that others store meanwhile."""

LONGEST = 1.0
"""Seconds of reading that may be lost to a kill, apart from the page under way. They are read again, which is harmless."""


def gathered(
    pages: Iterator[PageRows], stop: threading.Event, *, clock: Callable[[], float] = time.monotonic
) -> Iterator[Sequence[PageRows]]:
    """`pages` in their order, in groups that are never empty: `ENOUGH` records, or what came within `LONGEST`.

    A set `stop` ends a group at once. When `pages` raises, what came before is given first. The last page of a group holds the
    cursor that is true once all of them are stored.
    """
    group: list[PageRows] = []
    began, records = clock(), 0
    try:
        for page in pages:
            group.append(page)
            records += page.received
            if records >= ENOUGH or clock() - began >= LONGEST or stop.is_set():
                yield group
                group, records, began = [], 0, clock()
    except Exception:
        if group:
            yield group
        raise
    if group:
        yield group
