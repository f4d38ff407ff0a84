"""What a proven listing no longer has: asked for one by one, and buried only if it is proven gone.

Absence alone proves nothing: a search index lags, a permission is lost, a ticket moves to another project.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import datetime

import msgspec

from connectors.base import Connector
from connectors.errors import Cancelled
from mappings.model import Entity, Missing, Ref
from sync.source import guarded
from sync.store import entities, leases, streams
from sync.store.bulk import chunks
from sync.store.connect import Database
from sync.store.leases import Lease
from sync.store.streams import StreamKey

READ_CHUNK = 100


class Deletions(msgspec.Struct, frozen=True, kw_only=True):
    """How many objects were buried, or in `refused` why none was."""

    buried: int = 0
    refused: str | None = None


class _Answers(msgspec.Struct, kw_only=True):
    """What direct reads said of the candidates. `unsure` were not answered for: hidden, perhaps."""

    gone: list[Ref] = []
    there: list[Entity] = []
    unsure: list[Ref] = []
    all_asked: bool = True


def confirm_deletions(
    database: Database, reader: Connector, key: StreamKey, lease: Lease, *, share: float, force: bool, stop: threading.Event
) -> Deletions:
    """Settles what the listing that was just proven has not shown.

    - Gone, and not more than `share` of the scope (or with `force`): buried.
    - Still there: leaves the scope, unless it changed since the listing began and may have slipped through it.
    - Not answered for, or gone while too many are: kept, and what rests on it is unknown until it is seen again.

    Raises `SourceError`, `Cancelled`, `LeaseLost`.
    """
    with database.read() as tx:
        candidates = entities.seen_before_sweep(tx, key)
        members = entities.count_members(tx, key)
        (state,) = streams.states(tx, [key])
    if not candidates:
        return Deletions()
    most = members if force else most_deletes(share, members)
    answers = _ask(reader, key, candidates, most, stop)
    too_many = len(answers.gone) > most
    with database.write() as tx:
        leases.verify(tx, lease)
        now = database.now(tx)
        entities.save_direct(tx, answers.there, now=now)
        entities.leave_scope(tx, key, [one.ref for one in answers.there if _is_older(one, state.sweep_started_at)])
        entities.mark_missing(tx, [*answers.unsure, *(answers.gone if too_many else ())], now)
        if not too_many:
            entities.tombstone(tx, answers.gone, now)
    if not too_many:
        return Deletions(buried=len(answers.gone))
    count = f"{len(answers.gone):,}" if answers.all_asked else f"at least {len(answers.gone):,}"
    return Deletions(refused=f"{count} of {members:,} objects are gone, more than safety.max_deletes = {share:.0%}; all were kept")


def most_deletes(share: float, members: int) -> int:
    """How many of a scope's members may go at once: its share rounded down, but one of them, unless none may."""
    return max(1, int(share * members)) if share > 0 else 0


def _ask(reader: Connector, key: StreamKey, candidates: Sequence[Ref], most: int, stop: threading.Event) -> _Answers:
    """Asks until all are answered for, or it is clear that too many are gone."""
    found = _Answers()
    for chunk in chunks(candidates, READ_CHUNK):
        if stop.is_set():
            raise Cancelled
        if len(found.gone) > most:
            found.all_asked = False
            return found
        with guarded(key.source, f"reading what is left of {key.stream}"):
            answers = reader.read(chunk)
        wanted = set(chunk)
        for answer in answers:
            if answer.ref not in wanted:
                continue  # a connector may say more than it was asked; of what it was not asked, nothing follows
            wanted.discard(answer.ref)
            if isinstance(answer, Missing):
                found.gone.append(answer.ref)
            else:
                found.there.append(answer)
        found.unsure.extend(sorted(wanted))
    return found


def _is_older(entity: Entity, began: datetime | None) -> bool:
    return entity.updated_at is None or began is None or entity.updated_at < began
