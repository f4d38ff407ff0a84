"""Entities out of the store: what is alive, as it was last read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from operator import attrgetter
from typing import Any

import msgspec
from sqlalchemy import Connection, Select, and_, exists, literal, or_, select, tuple_

from mappings.model import AnyEntity, Ref, decode
from sync.store.bulk import CHUNK
from sync.store.by_ref import by_kind
from sync.store.errors import unreadable
from sync.store.rows import folded
from sync.store.schema import entity, membership
from sync.store.streams import StreamKey, ids
from sync.store.text import printable

_DOCUMENT = (entity.c.source, entity.c.kind, entity.c.id, entity.c.doc)


def load(tx: Connection, memberships: Sequence[StreamKey]) -> list[AnyEntity]:
    """The live entities of these streams' scopes, each once, sorted by ref. Those that may be gone (`missing`) are among them."""
    members = select(membership.c.source, membership.c.kind, membership.c.id).where(membership.c.stream.in_(ids(tx, memberships)))
    query = _living().where(tuple_(entity.c.source, entity.c.kind, entity.c.id).in_(members))
    return sorted(_decoded(tx, query), key=attrgetter("ref"))  # the database would sort the documents along


def get(tx: Connection, refs: Iterable[Ref]) -> list[AnyEntity]:
    """Those of `refs` that are stored and alive, sorted by ref, whatever scope they are in."""
    found: list[AnyEntity] = []
    for source, kind, some in by_kind(refs):
        query = _living().where(entity.c.source == source, entity.c.kind == kind, entity.c.id.in_(some))
        found.extend(_decoded(tx, query.order_by(entity.c.id)))
    return found


def find(tx: Connection, text: str) -> list[AnyEntity]:
    """What a person means by `text`: a key in any case (`ml-42`, `owner/name#7`, a sha, `model/version`) or a ref.

    Several objects may have one key; they are sorted by ref.
    """
    meant = entity.c.key == folded(text)
    try:
        ref = Ref.parse(printable(text, 2_048))
    except ValueError:
        pass
    else:
        meant = or_(meant, and_(entity.c.source == ref.source, entity.c.kind == ref.kind, entity.c.id == ref.id))
    return list(_decoded(tx, _living().where(meant).order_by(entity.c.source, entity.c.kind, entity.c.id)))


def page(
    tx: Connection,
    kind: str,
    memberships: Sequence[StreamKey],
    *,
    after: tuple[str, str] | None = None,
    source: str | None = None,
    key: str | None = None,
    limit: int = 100,
) -> list[AnyEntity]:
    """At most `limit` live entities of one kind of these streams' scopes, by source and id, those behind `after`."""
    listed = exists().where(
        membership.c.stream.in_(ids(tx, memberships)),
        membership.c.source == entity.c.source,
        membership.c.kind == entity.c.kind,
        membership.c.id == entity.c.id,
    )
    query = _living().where(entity.c.kind == kind, listed).order_by(entity.c.source, entity.c.id).limit(limit)
    if after is not None:
        query = query.where(tuple_(entity.c.source, entity.c.id) > tuple_(*map(literal, after)))
    if source is not None:
        query = query.where(entity.c.source == source)
    if key is not None:
        query = query.where(entity.c.key == folded(key))
    return list(_decoded(tx, query))


def looked_up_commits(tx: Connection, repositories: Iterable[tuple[str, str]]) -> list[AnyEntity]:
    """The commits of these (source, repository id) that were first read directly, and so may be in no listing."""
    found: list[AnyEntity] = []
    for source, repository in sorted(set(repositories)):
        query = _living().where(
            entity.c.looked_up,
            entity.c.source == source,
            entity.c.kind == "commit",
            entity.c.id >= f"{repository}/",
            entity.c.id < f"{repository}0",  # "0" follows "/"
        )
        found.extend(_decoded(tx, query.order_by(entity.c.id)))
    return found


def _living() -> Select[Any]:
    return select(*_DOCUMENT).where(entity.c.deleted_at.is_(None))


def _decoded(tx: Connection, query: Select[Any]) -> Iterator[AnyEntity]:
    with tx.execute(query.execution_options(yield_per=CHUNK)) as rows:
        for source, kind, ident, doc in rows:
            try:
                yield decode(doc)
            except msgspec.MsgspecError as error:
                raise unreadable(f"{source}:{kind}:{ident}", error) from error
