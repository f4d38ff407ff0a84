"""What we wrote ourselves a moment ago, read once more: a listing may still answer with what was there before."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

import msgspec
import structlog

from connectors.errors import SourceError
from mappings.change import Slot, Value
from sync.ownership import reaching
from sync.source import Source, guarded, publishing_on
from sync.store import due, entities, publishing
from sync.store.bulk import chunks
from sync.store.connect import Connection, Database
from sync.store.publishing import Published

log = structlog.get_logger(__name__)

SETTLING = timedelta(minutes=15)
"""So long after our own write another value in a listing may be the one from before it."""

MOST = 500
"""So many slots are read again at most; of the others our own word counts until their listing has settled."""

CHUNK = 50


def doubtful(rows: Iterable[Published], mirrored: Mapping[Slot, Value], now: datetime) -> dict[Slot, Value]:
    """The slots that we wrote lately and that were listed with another value since, with what we wrote."""
    return {row.slot: row.value for row in rows if now - row.written_at < SETTLING and mirrored.get(row.slot) != row.value}


class Reread(msgspec.Struct, frozen=True, kw_only=True):
    """What doubtful slots were `found` to hold, and by source, why those of one could not be read."""

    found: Mapping[Slot, Value] = {}
    away: Mapping[str, str] = {}


def read_again(database: Database, project: str, sources: Mapping[str, Source], *, stop: threading.Event) -> Reread:
    """What the doubtful slots of a project hold now; their mirror holds the same from now on. Raises `Cancelled`."""
    with database.read() as tx:
        since = database.now(tx)
        slots = sorted(_doubtful_of(tx, project, sources, since))[:MOST]
    found: dict[Slot, Value] = {}
    away: dict[str, str] = {}
    for name in sorted({slot.target.source for slot in slots}):
        try:
            found.update(_read(sources[name], [slot for slot in slots if slot.target.source == name], stop))
        except SourceError as error:
            if sources[name].away is None:
                log.warning("reread.source_failed", source=name, error=str(error))
            away[name] = str(error)
    if found:
        with database.write() as tx:
            mirror(tx, project, found, since=since, now=database.now(tx))
    return Reread(found=found, away=away)


def mirror(tx: Connection, project: str, values: Mapping[Slot, Value], *, since: datetime, now: datetime) -> None:
    """These slots of a project were found or made to be so after `since`. Where another has told otherwise meanwhile, that stays,
    and the project is due: what we wrote lately is read again then."""
    if not entities.update_slots(tx, values, since):
        due.mark(tx, [project], now)


def _doubtful_of(tx: Connection, project: str, sources: Mapping[str, Source], now: datetime) -> Iterable[Slot]:
    rows = [row for slot, row in publishing.published(tx, project).items() if slot.target.source in sources]
    lately = [row for row in rows if now - row.written_at < SETTLING]
    return doubtful(lately, entities.slots_of(tx, {row.slot.target for row in lately}), now)


def _read(source: Source, slots: Iterable[Slot], stop: threading.Event) -> Mapping[Slot, Value]:
    found: dict[Slot, Value] = {}
    for reached, some in reaching(source, slots):
        with publishing_on(reached, stop) as publisher:
            for chunk in chunks(sorted(some), CHUNK):
                with guarded(source.name, "reading what was written lately"):
                    found.update(publisher.read_slots(chunk))
    return found
