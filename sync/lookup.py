"""Commits that a run or model version names and that no stored commit has: looked up once, and remembered either way.

A run that was started on a branch which was squashed later names a commit that no listing shows; the source still knows to which
change request it belongs.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import closing

import structlog

from connectors.errors import SourceError
from mappings.model import ChangeRequest, Commit, Entity, Missing, Ref
from sync.pull import Gauge, Source
from sync.store import entities
from sync.store.connect import Database

log = structlog.get_logger(__name__)


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

    Returns how many shas were answered for, found or not. A source that fails is asked again next time.
    """
    answered = 0
    for source in sources:
        wanted = list(_unasked(database, source, known, shas))
        if not wanted:
            continue
        try:
            with closing(source.connection.reader(source.context(Gauge(), stop))) as reader:
                answers = reader.read(wanted)
        except SourceError as error:
            log.warning("lookup.failed", source=source.name, error=str(error))
            continue
        with database.write() as tx:
            now = database.now(tx)
            entities.save_direct(tx, [answer for answer in answers if isinstance(answer, Entity)], now=now)
            entities.remember_missing(tx, [answer.ref for answer in answers if isinstance(answer, Missing)], now)
        answered += len(answers)
    return answered


def _unasked(database: Database, source: Source, known: Sequence[Entity], shas: Sequence[str]) -> Iterator[Ref]:
    if not any("commit" in kinds for kinds in source.connection.streams.values()):
        return
    refs = [Ref(source.name, "commit", f"{repository}/{sha}") for repository in repositories_of(known, source.name) for sha in shas]
    with database.read() as tx:
        missing = entities.known_missing(tx, refs)
    yield from (ref for ref in refs if ref not in missing)
