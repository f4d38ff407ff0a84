"""Commits that a run or model version names and that no stored commit has: looked up once, and remembered either way.

A run that was started on a branch which was squashed later names a commit that no listing shows; the source still knows to which
change request it belongs.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

import structlog

from connectors.base import Connector
from connectors.errors import Cancelled, SourceError
from mappings.model import ChangeRequest, Commit, Entity, Missing, Ref
from sync.source import Gauge, Source, guarded, reading
from sync.store import entities
from sync.store.bulk import chunks
from sync.store.connect import Database

log = structlog.get_logger(__name__)

CHUNK = 20
"""Asked for and stored at a time: what was answered before a rate limit or a kill is not asked for again."""

MOST = 1_000
"""Asked for in one run of a source: years of runs from deleted branches must not use up the rate budget. The rest follows in the
next runs, and is unknown until then."""


def repositories_of(known: Sequence[Entity], source: str) -> Sequence[str]:
    """The ids of the repositories of one source, as the refs of its commits and change requests have them."""
    found = {
        entity.ref.id.partition("/")[0]
        for entity in known
        if entity.ref.source == source and isinstance(entity, Commit | ChangeRequest)
    }
    return sorted(found)


def look_up(
    database: Database, sources: Sequence[Source], known: Sequence[Entity], shas: Sequence[str], *, stop: threading.Event
) -> int:
    """Asks every source that has commits for `shas`, in each of its repositories, and stores what it answers.

    Returns how many questions were answered, found or not. A source that fails is asked again next time.
    """
    return sum(_ask(database, source, _unasked(database, source, known, shas)[:MOST], stop) for source in sources)


def _ask(database: Database, source: Source, wanted: Sequence[Ref], stop: threading.Event) -> int:
    answered = 0
    if not wanted or stop.is_set():
        return answered
    try:
        with reading(source, Gauge(), stop) as reader:
            for chunk in chunks(wanted, CHUNK):
                answered += _ask_chunk(database, source, reader, chunk)
    except SourceError as error:
        log.warning("lookup.failed", source=source.name, error=str(error))
    except Cancelled:
        log.info("lookup.stopped", source=source.name)
    return answered


def _ask_chunk(database: Database, source: Source, reader: Connector, refs: Sequence[Ref]) -> int:
    with guarded(source.name, "looking up commits"):
        answers = list(reader.read(refs))
    with database.write() as tx:
        now = database.now(tx)
        entities.save_direct(tx, [answer for answer in answers if isinstance(answer, Entity)], now=now)
        entities.remember_missing(tx, [answer.ref for answer in answers if isinstance(answer, Missing)], now)
    return len(answers)


def _unasked(database: Database, source: Source, known: Sequence[Entity], shas: Sequence[str]) -> Sequence[Ref]:
    """Sha by sha, so that a run that ends early has answered as many shas as it could in full."""
    if not any("commit" in kinds for kinds in source.connection.streams.values()):
        return []
    repositories = repositories_of(known, source.name)
    refs = [Ref(source.name, "commit", f"{repository}/{sha}") for sha in shas for repository in repositories]
    with database.read() as tx:
        missing = entities.known_missing(tx, refs)
        found = {one.ref for one in entities.get(tx, refs)}
    return [ref for ref in refs if ref not in missing and ref not in found]
