"""Who belongs to a stream's scope, and who may have left it or gone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec
from sqlalchemy import ColumnElement, Connection, and_, delete, exists, func, select, tuple_, update

from mappings.model import Ref
from sync.store.by_ref import by_kind
from sync.store.schema import entity, membership, stream
from sync.store.streams import IS_NAMED, StreamKey, ids, is_stream


def count_members(tx: Connection, key: StreamKey) -> int:
    """The live entities of the stream's scope."""
    query = select(func.count()).select_from(membership).join(entity, _same()).where(_in(key), entity.c.deleted_at.is_(None))
    return tx.execute(query).scalar_one()


def seen_before_sweep(tx: Connection, key: StreamKey) -> list[Ref]:
    """The live members that the present sweep has not seen, sorted: candidates for deletion once it proved a full listing."""
    return sorted(Ref(*row) for row in tx.execute(_UNSEEN, msgspec.structs.asdict(key)))


def is_all_seen(tx: Connection, key: StreamKey) -> bool:
    """Whether the present sweep has seen every live member."""
    return tx.execute(_ANY_UNSEEN, msgspec.structs.asdict(key)).first() is None


def containers(tx: Connection, refs: Iterable[Ref]) -> dict[Ref, str]:
    """What contains each of `refs`, as it is stored; "" where nothing does."""
    found: dict[Ref, str] = {}
    for source, kind, some in by_kind(refs):
        query = select(entity.c.id, entity.c.container).where(_among(source, kind, some))
        found.update((Ref(source, kind, ident), container) for ident, container in tx.execute(query))
    return found


def changed_between(tx: Connection, refs: Iterable[Ref], after: datetime, until: datetime) -> set[Ref]:
    """Those of `refs` that somebody stored, confirmed or found gone in that time."""
    found: set[Ref] = set()
    for source, kind, some in by_kind(refs):
        changed = and_(entity.c.changed_at > after, entity.c.changed_at <= until)
        query = select(entity.c.id).where(_among(source, kind, some), changed)
        found.update(Ref(source, kind, ident) for ident in tx.execute(query).scalars())
    return found


def listed_containers(tx: Connection, key: StreamKey) -> set[str]:
    """The containers of what the present sweep has seen."""
    query = (
        select(entity.c.container)
        .distinct()
        .select_from(membership)
        .join(stream, stream.c.id == membership.c.stream)
        .join(entity, _same())
        .where(is_stream(key), membership.c.sweep == stream.c.sweep)
    )
    return set(tx.execute(query).scalars())


def in_other_streams(tx: Connection, key: StreamKey, refs: Iterable[Ref]) -> set[Ref]:
    """Those of `refs` that other streams of the same scope have listed."""
    return _members_where(tx, and_(stream.c.stream != key.stream, stream.c.scope_hash == key.scope_hash), key, refs)


def listed_in_other_scopes(tx: Connection, key: StreamKey, refs: Iterable[Ref]) -> set[Ref]:
    """Those of `refs` that the same stream has listed for other scopes."""
    return _members_where(tx, and_(stream.c.stream == key.stream, stream.c.scope_hash != key.scope_hash), key, refs)


def _members_where(tx: Connection, others: ColumnElement[bool], key: StreamKey, refs: Iterable[Ref]) -> set[Ref]:
    rooms = select(stream.c.id).where(others, stream.c.source == key.source, stream.c.mapping_version == key.mapping_version)
    found: set[Ref] = set()
    for source, kind, some in by_kind(refs):
        query = select(membership.c.id).where(
            membership.c.stream.in_(rooms), membership.c.source == source, membership.c.kind == kind, membership.c.id.in_(some)
        )
        found.update(Ref(source, kind, ident) for ident in tx.execute(query).scalars())
    return found


def members_among(tx: Connection, keys: Iterable[StreamKey], refs: Iterable[Ref]) -> set[Ref]:
    """Those of `refs` that belong to one of these streams' scopes."""
    streams = ids(tx, keys)
    found: set[Ref] = set()
    if not streams:
        return found
    for source, kind, some in by_kind(refs):
        query = select(membership.c.id).where(
            membership.c.stream.in_(streams), membership.c.source == source, membership.c.kind == kind, membership.c.id.in_(some)
        )
        found.update(Ref(source, kind, ident) for ident in tx.execute(query).scalars())
    return found


def streams_within(tx: Connection, source: str, kinds: Iterable[str], streams: Iterable[int], beginning: str) -> set[int]:
    """Those of `streams`, by row number, that have a member of these kinds whose id begins so."""
    behind = beginning[:-1] + chr(ord(beginning[-1]) + 1)
    member = exists().where(
        membership.c.stream == stream.c.id,
        membership.c.source == source,
        membership.c.kind.in_(sorted(kinds)),
        membership.c.id >= beginning,
        membership.c.id < behind,
    )
    return set(tx.execute(select(stream.c.id).where(stream.c.id.in_(sorted(streams)), member)).scalars())


def buried(tx: Connection, refs: Iterable[Ref]) -> set[Ref]:
    """Those of `refs` that are proven gone."""
    found: set[Ref] = set()
    for source, kind, some in by_kind(refs):
        query = select(entity.c.id).where(_among(source, kind, some), entity.c.deleted_at.is_not(None))
        found.update(Ref(source, kind, ident) for ident in tx.execute(query).scalars())
    return found


def leave_scope(tx: Connection, key: StreamKey, refs: Iterable[Ref]) -> None:
    """These exist, but no longer in this stream's scope."""
    for source, kind, some in by_kind(refs):
        tx.execute(
            delete(membership).where(_in(key), membership.c.source == source, membership.c.kind == kind, membership.c.id.in_(some))
        )


def tombstone(tx: Connection, refs: Iterable[Ref], now: datetime) -> None:
    """These are proven gone. They keep their last document; being seen again, or `restore`, brings them back."""
    for source, kind, some in by_kind(refs):
        gone = and_(_among(source, kind, some), entity.c.deleted_at.is_(None))
        tx.execute(update(entity).where(gone).values(deleted_at=now, changed_at=now))


def restore(tx: Connection, refs: Iterable[Ref], now: datetime) -> None:
    """Undoes `tombstone` and `mark_missing`."""
    for source, kind, some in by_kind(refs):
        tx.execute(update(entity).where(_among(source, kind, some)).values(deleted_at=None, missing_since=None, changed_at=now))


def mark_missing(tx: Connection, refs: Iterable[Ref], now: datetime) -> None:
    """A delivery or an answer says that these are gone, without proof: what rests on them is unknown until a listing shows."""
    for source, kind, some in by_kind(refs):
        news = and_(_among(source, kind, some), entity.c.missing_since.is_(None))
        tx.execute(update(entity).where(news).values(missing_since=now, changed_at=now))


def missing(tx: Connection, keys: Sequence[StreamKey]) -> dict[Ref, datetime]:
    """The members of these scopes that were marked missing, and since when."""
    members = select(membership.c.source, membership.c.kind, membership.c.id).where(membership.c.stream.in_(ids(tx, keys)))
    query = select(entity.c.source, entity.c.kind, entity.c.id, entity.c.missing_since).where(
        entity.c.missing_since.is_not(None),
        entity.c.deleted_at.is_(None),
        tuple_(entity.c.source, entity.c.kind, entity.c.id).in_(members),
    )
    return {Ref(source, kind, ident): since for source, kind, ident, since in tx.execute(query)}


def _same() -> ColumnElement[bool]:
    return and_(membership.c.source == entity.c.source, membership.c.kind == entity.c.kind, membership.c.id == entity.c.id)


def _in(key: StreamKey) -> ColumnElement[bool]:
    return membership.c.stream == select(stream.c.id).where(is_stream(key)).scalar_subquery()


def _among(source: str, kind: str, some: Sequence[str]) -> ColumnElement[bool]:
    return and_(entity.c.source == source, entity.c.kind == kind, entity.c.id.in_(some))


# Asked for every pull, so they are put together once.
_UNSEEN = (
    select(membership.c.source, membership.c.kind, membership.c.id)
    .join(stream, stream.c.id == membership.c.stream)
    .join(entity, _same())
    .where(IS_NAMED, membership.c.sweep < stream.c.sweep, entity.c.deleted_at.is_(None))
)
_ANY_UNSEEN = _UNSEEN.limit(1)
