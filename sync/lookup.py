"""Commits that a run or model version names and that no listing shows: looked up, and remembered either way.

A run that was started on a branch names a commit that is not on the default one, and may never be. The source knows what its
message says and to which change request it belongs. What was not pushed yet when it was built from, or not proposed, is asked for
again, ever more rarely.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeAlias

import msgspec
import structlog

from connectors.base import Connector
from connectors.errors import AuthError, Cancelled, RateLimited, SourceError, Unavailable
from mappings.change import Reading
from mappings.model import ChangeRequest, Commit, Entity, Missing, Ref
from sync.lineage import LooseEnd, is_address_of
from sync.source import Gauge, Source, guarded, reading
from sync.store import entities, lookups
from sync.store.bulk import chunks
from sync.store.connect import Connection, Database
from sync.store.lookups import LookedUp

log = structlog.get_logger(__name__)

CHUNK = 20
"""Asked for and stored at a time: what was answered before a rate limit or a kill is not asked for again."""

MOST = 1_000
"""Asked for in one run of a source: years of runs from deleted branches must not use up the rate budget. The rest follows in the
next runs, and is unknown until then."""

MOST_FAILED = 3
"""Commits that a source may fail on in one run, each asked for alone. At one more it is taken to be down, and the rest is left."""

SOONEST = timedelta(hours=1)
"""Nothing is asked for again earlier."""

Repositories: TypeAlias = Mapping[tuple[str, str], str]
"""The names of the known repositories, by source and id as the refs of their commits and change requests have it."""


def repositories_in(known: Sequence[Entity]) -> Repositories:
    found = {
        (entity.ref.source, entity.ref.id.partition("/")[0]): entity.repository
        for entity in known
        if isinstance(entity, Commit | ChangeRequest)
    }
    return dict(sorted(found.items()))


class Answers(msgspec.Struct, frozen=True):
    """How many questions were answered, found or not, and what stays open because a source failed on it."""

    answered: int = 0
    failures: Sequence[SourceError] = ()


def look_up(
    database: Database, sources: Sequence[Source], repositories: Repositories, ends: Sequence[LooseEnd], *, stop: threading.Event
) -> Answers:
    """Asks every source that has commits for those of `ends` that are due, and stores what it answers.

    What a source fails on is asked for again next time; it keeps nothing else from being answered.
    """
    # Another order each time, so that the commits that a source always fails on do not always stand before the same others.
    mixed = random.sample(ends, len(ends))
    answered, failures = 0, list[SourceError]()
    for source in sources:
        if any("commit" in kinds for kinds in source.connection.streams.values()):
            with database.read() as tx:
                wanted = list(_due(tx, source.name, repositories, mixed, database.now(tx)))
            answers = _ask(database, source, wanted[:MOST], stop)
            answered += answers.answered
            failures.extend(answers.failures)
    return Answers(answered, tuple(failures))


def nowhere(tx: Connection, repositories: Repositories, ends: Sequence[LooseEnd]) -> frozenset[str]:
    """The shas that were looked up wherever they could be, and found in no place."""
    places = {end.sha: list(_places(end, repositories)) for end in ends}
    asked = lookups.asked(tx, [ref for refs in places.values() for ref in refs])
    absent = {ref for ref, answer in asked.items() if not answer.found}
    return frozenset(sha for sha, refs in places.items() if refs and absent.issuperset(refs))


def _places(end: LooseEnd, repositories: Repositories) -> Iterator[Ref]:
    """The commit in the repositories of its change requests, else in those whose addresses are named, or in all of them."""
    named = [place for place, name in repositories.items() if any(is_address_of(address, name) for address in end.addresses)]
    for source, repository in sorted(end.places) or named or repositories:
        yield Ref(source, "commit", f"{repository}/{end.sha}")


def _due(tx: Connection, source: str, repositories: Repositories, ends: Sequence[LooseEnd], now: datetime) -> Iterator[Ref]:
    """Sha by sha, so that a run that ends early has answered as many shas as it could in full; first what was never asked for."""
    places = [(ref, end.since) for end in ends for ref in _places(end, repositories) if ref.source == source]
    asked = lookups.asked(tx, [ref for ref, _ in places])
    yield from (ref for ref, _ in places if ref not in asked)
    yield from (ref for ref, since in places if ref in asked and _is_due(asked[ref], since, now))


def _is_due(last: LookedUp, since: datetime | None, now: datetime) -> bool:
    """Again once as much time has passed as had when it was last asked for: a dozen questions cover years."""
    age = last.asked_at - since if since is not None else timedelta(days=1)
    return now - last.asked_at >= max(age, SOONEST)


def _ask(database: Database, source: Source, wanted: Sequence[Ref], stop: threading.Event) -> Answers:
    if not wanted or stop.is_set():
        return Answers()
    asking = _Asking(database, source)
    try:
        with reading(source, Gauge(), stop) as reader:
            for chunk in chunks(wanted, CHUNK):
                asking.ask(reader, chunk)
    except SourceError as error:
        asking.fail("no more commits could be looked up", error)
    except Cancelled:
        log.info("lookup.stopped", source=source.name)
    return Answers(asking.answered, tuple(asking.failures))


class _Asking:
    """The questions to one source in one run, and what came of them."""

    def __init__(self, database: Database, source: Source) -> None:
        self._database = database
        self._source = source
        self.answered = 0
        self.failures: list[SourceError] = []

    def ask(self, reader: Connector, refs: Sequence[Ref]) -> None:
        """Stores what is answered for `refs`; one by one where they fail together, since it may be for one of them alone.

        Raises `SourceError` when the source need not be asked for anything else.
        """
        try:
            self._store(self._answers(reader, refs))
        except (AuthError, RateLimited):
            raise
        except SourceError as error:
            if len(refs) > 1:
                for ref in refs:
                    self.ask(reader, [ref])
            elif len(self.failures) == MOST_FAILED:
                raise
            else:
                sha = refs[0].id.rpartition("/")[2]
                self.fail(f"commit {sha[:9]} could not be looked up, and what was built from it may belong to any ticket", error)

    def fail(self, what: str, error: SourceError) -> None:
        """Keeps for people what failed."""
        log.warning("lookup.failed", source=self._source.name, what=what, error=str(error))
        self.failures.append(Unavailable(self._source.name, f"{what}: {error.message}", fix=error.fix))

    def _answers(self, reader: Connector, refs: Sequence[Ref]) -> Sequence[Entity | Missing]:
        with guarded(self._source.name, "looking up commits"):
            return [answer for answer in reader.read(refs) if not isinstance(answer, Reading)]

    def _store(self, answers: Sequence[Entity | Missing]) -> None:
        with self._database.write() as tx:
            now = self._database.now(tx)
            entities.save_direct(tx, [answer for answer in answers if isinstance(answer, Entity)], now=now)
            lookups.remember(tx, [(answer.ref, isinstance(answer, Entity)) for answer in answers], now)
        self.answered += len(answers)
