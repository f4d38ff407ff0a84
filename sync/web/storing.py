"""Storing deliveries: durable first, then those who take them in are woken."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import structlog

from sync.hints import read_hints
from sync.metering import Outcome
from sync.source import Source
from sync.store import inbox
from sync.store.connect import Connection, Database
from sync.store.inbox import Arrival, Waiting

log = structlog.get_logger(__name__)


class Candidate(NamedTuple):
    """A delivery that is to be stored: in any case if it surely `matters`, else only if a scope holds what it names."""

    arrival: Arrival
    matters: bool


def storing(
    database: Database, sources: Mapping[str, Source], wake: Callable[[str], None]
) -> Callable[[Sequence[Candidate]], Sequence[Outcome]]:
    """What commits a group of deliveries, and says what became of each: it is `accepted`, a `duplicate`, or `uninteresting`.

    `wake` is told each source that has new ones.
    """

    def store(candidates: Sequence[Candidate]) -> Sequence[Outcome]:
        wanted = _those_that_matter(database, sources, candidates)
        arrivals = [candidates[number].arrival for number in wanted]
        outcomes: list[Outcome] = ["uninteresting"] * len(candidates)
        if not arrivals:
            return outcomes
        with database.write() as tx:
            fresh = inbox.accept(tx, arrivals, database.now(tx))
        for number, is_new in zip(wanted, fresh, strict=True):
            outcomes[number] = "accepted" if is_new else "duplicate"
        for source in {one.source for one, is_new in zip(arrivals, fresh, strict=True) if is_new}:
            _wake(wake, source)
        return outcomes

    return store


def _those_that_matter(database: Database, sources: Mapping[str, Source], candidates: Sequence[Candidate]) -> Sequence[int]:
    """The numbers of the deliveries that matter: whoever takes deliveries in would drop the others."""
    doubtful: dict[str, dict[int, Arrival]] = {}
    for number, (arrival, matters) in enumerate(candidates):
        if not matters:
            doubtful.setdefault(arrival.source, {})[number] = arrival
    if not doubtful:
        return range(len(candidates))
    dropped: set[int] = set()
    with database.read() as tx:
        now = database.now(tx)
        for source, arrivals in doubtful.items():
            dropped |= arrivals.keys() - _recognised(tx, sources[source], arrivals, now)
    return [number for number in range(len(candidates)) if number not in dropped]


def _recognised(tx: Connection, source: Source, arrivals: Mapping[int, Arrival], now: datetime) -> Collection[int]:
    """By the names in it, no scope has these: some may hold what they name all the same, as when a repository was renamed or an
    issue moved. That is found out as it would be when they were taken in; what cannot be made out is kept."""
    rows = [
        Waiting(
            id=number,
            source=one.source,
            delivery=one.delivery,
            event=one.event,
            body=one.body,
            received_at=now,
            tries=0,
            trace=one.trace,
        )
        for number, one in arrivals.items()
    ]
    hints = read_hints(tx, source, rows)
    return {*hints.matter, *hints.failed}


def _wake(wake: Callable[[str], None], source: str) -> None:
    """Whoever is not woken looks by itself a little later; what is stored must be acknowledged all the same."""
    try:
        wake(source)
    except Exception as error:
        log.warning("intake.not_woken", source=source, error=type(error).__name__)
