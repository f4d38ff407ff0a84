"""What is old enough to be dropped, a batch at a time. Nothing goes that an open slot, hold or intent still needs."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

import msgspec
from sqlalchemy import ColumnElement, Connection, Table, and_, delete, exists, func, not_, select, tuple_, update

from mappings.model import decode, encode
from sync.personal import depersonalised
from sync.store.documents import SLOT_COLUMNS
from sync.store.schema import (
    audit,
    entity,
    episode,
    former_key,
    inbox,
    membership,
    observation,
    outbox,
    override,
    published,
    quarantine,
    run,
)

BATCH = 1_000

_UNFINISHED = ("planned", "sending")
_HOLDS = ("override", "contested", "conflict", "adopted")


def audit_entries(tx: Connection, before: datetime) -> int:
    """Drops entries, but for those that tell why a slot shows what it shows, or is left alone."""
    tells = exists().where(_same_slot(published), published.c.run_id == audit.c.run_id)
    holds = and_(audit.c.kind.in_(_HOLDS), exists().where(_same_slot(override)))
    return _drop(tx, audit, audit.c.at < before, not_(tells), not_(holds))


def run_records(tx: Connection, before: datetime) -> int:
    """Drops runs, but for those that wrote what is shown or have begun to write."""
    wrote = exists().where(published.c.run_id == run.c.id)
    writes = exists().where(outbox.c.run_id == run.c.id, outbox.c.state.in_(_UNFINISHED))
    return _drop(tx, run, run.c.started_at < before, not_(wrote), not_(writes))


def closed_episodes(tx: Connection, before: datetime) -> int:
    """Drops episodes that closed before then and that nothing shown or held refers to."""
    shown = exists().where(published.c.episode == episode.c.id)
    holds = exists().where(override.c.episode == episode.c.id)
    return _drop(tx, episode, episode.c.closed_at < before, not_(shown), not_(holds))


def old_observations(tx: Connection, before: datetime) -> int:
    """Drops what was observed before then."""
    return _drop(tx, observation, observation.c.observed_at < before)


def finished_intents(tx: Connection, before: datetime) -> int:
    """Drops what was settled before then."""
    return _drop(tx, outbox, outbox.c.finished_at < before, outbox.c.state.not_in(_UNFINISHED))


def tombstones(tx: Connection, before: datetime) -> int:
    """Drops what was proven gone before then, with what we remember to have shown on it, unless a write may be on its way there."""
    place = and_(outbox.c.source == entity.c.source, outbox.c.state.in_(_UNFINISHED))
    key = list(entity.primary_key.columns)
    query = select(*key).where(entity.c.deleted_at < before, not_(exists().where(place))).order_by(*key).limit(BATCH)
    refs = [tuple(row) for row in tx.execute(query)]
    if refs:
        for shown in (published, override):
            tx.execute(delete(shown).where(tuple_(shown.c.source, shown.c.target_kind, shown.c.target_id).in_(refs)))
        for table in (membership, former_key):
            tx.execute(delete(table).where(tuple_(table.c.source, table.c.kind, table.c.id).in_(refs)))
        tx.execute(delete(entity).where(tuple_(*key).in_(refs), entity.c.deleted_at.is_not(None)))
    return len(refs)


def settled_deliveries(tx: Connection, before: datetime) -> int:
    """Drops deliveries that were settled before then: one that is sent again would be new."""
    return _drop(tx, inbox, inbox.c.state.in_(("done", "dropped")), inbox.c.finished_at < before)


def dead_deliveries(tx: Connection, before: datetime) -> int:
    """Drops deliveries that nobody looked after since they were put aside before then."""
    return _drop(tx, inbox, inbox.c.state == "dead", inbox.c.finished_at < before)


def unclaimed_deliveries(tx: Connection, sources: Collection[str], before: datetime) -> int:
    """Drops deliveries that have waited since before then for a source that is none of `sources`."""
    return _drop(tx, inbox, inbox.c.state == "waiting", inbox.c.received_at < before, inbox.c.source.not_in(sorted(sources)))


def quarantined_payloads(tx: Connection, before: datetime) -> int:
    """Empties the payloads of records that were last seen before then; that they are not understood stays known."""
    key = list(quarantine.primary_key.columns)
    old = select(*key).where(quarantine.c.last_seen < before, func.length(quarantine.c.payload) > 0).limit(BATCH)
    return tx.execute(update(quarantine).where(tuple_(*key).in_(old)).values(payload=b"")).rowcount


def personal_data(tx: Connection, before: datetime, now: datetime) -> int:
    """Takes out of documents what concerns people, where nothing has changed since `before`. The hash stays that of the whole
    document, so that what is read again and is the same stays as it is here."""
    touched = func.coalesce(entity.c.updated_at, entity.c.changed_at)
    key = list(entity.primary_key.columns)
    query = select(*key, entity.c.doc).where(entity.c.depersonalised_at.is_(None), touched < before).order_by(*key).limit(BATCH)
    rows = tx.execute(query.with_for_update()).all()
    for row in rows:
        same = and_(entity.c.source == row.source, entity.c.kind == row.kind, entity.c.id == row.id)
        tx.execute(update(entity).where(same).values(doc=_without_people(row.doc), depersonalised_at=now))
    return len(rows)


def _without_people(doc: bytes) -> bytes:
    """A document of another version of Milepost is left as it is: every other command tells of it."""
    try:
        return encode(depersonalised(decode(doc)))
    except msgspec.MsgspecError:
        return doc


def _drop(tx: Connection, table: Table, *which: ColumnElement[bool]) -> int:
    key = list(table.primary_key.columns)
    return tx.execute(delete(table).where(tuple_(*key).in_(select(*key).where(*which).limit(BATCH)))).rowcount


def _same_slot(table: Table) -> ColumnElement[bool]:
    return and_(*(table.c[name] == audit.c[name] for name in SLOT_COLUMNS))
