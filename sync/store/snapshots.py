"""What the store holds of single objects at one moment, to tell later whether it is still so, and what has come of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from operator import itemgetter

import msgspec
from sqlalchemy import Connection, func, select

from mappings.model import AnyEntity, Ref, decode
from sync.store.by_ref import by_kind
from sync.store.schema import entity, membership

DRAWN = 20
"""Of so many objects those are chosen that tell most."""


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """One stored object: its document, what our slots on it hold, and to which of certain streams, by row number, it belongs.

    `changed_at` it was stored, or confirmed by a direct read: what was changed and changed back is not what it was.
    """

    hash: bytes
    doc: bytes
    slots: bytes | None
    container: str
    changed_at: datetime
    deleted_at: datetime | None
    missing_since: datetime | None
    streams: frozenset[int]

    @property
    def entity(self) -> AnyEntity | None:
        """None for a document that another version of Milepost wrote."""
        try:
            return decode(self.doc)
        except msgspec.MsgspecError:
            return None


def take(tx: Connection, refs: Collection[Ref], streams: Collection[int]) -> dict[Ref, Snapshot]:
    """What is stored of `refs`, deleted or not, and to which of `streams` they belong."""
    places = _places(tx, refs, streams)
    found: dict[Ref, Snapshot] = {}
    columns = [entity.c[name] for name in Snapshot.__struct_fields__ if name != "streams"]
    for source, kind, some in by_kind(refs):
        query = select(entity.c.id, *columns).where(entity.c.source == source, entity.c.kind == kind, entity.c.id.in_(some))
        for row in tx.execute(query):
            fields = dict(row._mapping)
            ref = Ref(source, kind, fields.pop("id"))
            found[ref] = Snapshot(**fields, streams=frozenset(places.get(ref, ())))
    return found


def take_locked(tx: Connection, refs: Collection[Ref], streams: Collection[int]) -> dict[Ref, Snapshot]:
    """`take`, where nobody changes what is there before the transaction ends."""
    if tx.dialect.name == "postgresql":  # the whole of SQLite is
        for source, kind, some in by_kind(refs):
            rows = select(entity.c.id).where(entity.c.source == source, entity.c.kind == kind, entity.c.id.in_(some))
            tx.execute(rows.order_by(entity.c.id).with_for_update()).all()
    return take(tx, refs, streams)


def others(tx: Connection, refs: Collection[Ref], streams: Collection[int], limit: int) -> Sequence[Ref]:
    """Some living objects of `streams`, of the same source and kind as one of `refs` and none of them. They are drawn by chance,
    and as few as possible lie in one container, or in one with any of `refs`."""
    found: list[tuple[int, Ref]] = []
    for source, kind, some in by_kind(refs):
        among = (membership.c.stream.in_(list(streams)), membership.c.source == source, membership.c.kind == kind)
        members = select(membership.c.id).where(*among, membership.c.id.not_in(some)).group_by(membership.c.id)
        drawn = tx.execute(members.order_by(func.random()).limit(DRAWN)).scalars()
        same = (entity.c.source == source, entity.c.kind == kind)
        crowded = Counter(set(tx.execute(select(entity.c.container).where(*same, entity.c.id.in_(some))).scalars()))
        living = (entity.c.deleted_at.is_(None), entity.c.missing_since.is_(None), entity.c.id.in_(list(drawn)))
        for ident, container in tx.execute(select(entity.c.id, entity.c.container).where(*same, *living)):
            found.append((crowded[container], Ref(source, kind, ident)))
            crowded[container] += 1
    return [ref for _, ref in sorted(found, key=itemgetter(0))[:limit]]


def is_news(before: Snapshot | None, after: Snapshot | None, *, timeless: bool) -> bool:
    """Whether anything but a time of change is another now; that too, unless `timeless`."""
    if before is None or after is None:
        return before is not after
    if msgspec.structs.replace(before, hash=after.hash, doc=after.doc, changed_at=after.changed_at) != after:
        return True
    if before.hash == after.hash:
        return False
    return not (timeless and _says_the_same(before.entity, after.entity))


def _says_the_same(before: AnyEntity | None, after: AnyEntity | None) -> bool:
    return before is not None and after is not None and msgspec.structs.replace(before, updated_at=after.updated_at) == after


def _places(tx: Connection, refs: Iterable[Ref], streams: Collection[int]) -> Mapping[Ref, set[int]]:
    found: dict[Ref, set[int]] = {}
    for source, kind, some in by_kind(refs):
        among = (membership.c.source == source, membership.c.kind == kind, membership.c.id.in_(some))
        members = select(membership.c.id, membership.c.stream).where(membership.c.stream.in_(list(streams)), *among)
        for ident, stream in tx.execute(members):
            found.setdefault(Ref(source, kind, ident), set()).add(stream)
    return found
