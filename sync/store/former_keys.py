"""The keys that work items bore before. An issue that is moved stays itself under a new key, and what was written before the move
goes on naming the old one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from sqlalchemy import Connection, exists, select

from mappings.model import AnyEntity, Ref, WorkItem
from sync.store.bulk import bulk
from sync.store.schema import entity, former_key

KIND = "work_item"


def remember(tx: Connection, source: str, kind: str, keys: Mapping[str, str]) -> None:
    """What had these keys, by id, is about to have others: these are remembered. Of kinds other than work items nothing is."""
    if kind == KIND:
        bulk(tx, _REMEMBER, sorted((source, kind, ident, key) for ident, key in keys.items()))


def filled_in(tx: Connection, entities: Sequence[AnyEntity]) -> list[AnyEntity]:
    """`entities`, where each work item has its former keys, upper-cased, but for those that an item of its source bears now."""
    sources = {one.ref.source for one in entities if isinstance(one, WorkItem)}
    bearer = exists().where(
        entity.c.source == former_key.c.source, entity.c.kind == former_key.c.kind, entity.c.key == former_key.c.key
    )
    query = select(former_key).where(former_key.c.source.in_(sources), ~bearer).order_by(*former_key.primary_key.columns)
    keys: dict[Ref, list[str]] = {}
    for source, kind, ident, key in tx.execute(query):
        keys.setdefault(Ref(source, kind, ident), []).append(key.upper())
    return [_with(one, keys[one.ref]) if one.ref in keys else one for one in entities]


def _with(one: AnyEntity, keys: Sequence[str]) -> AnyEntity:
    return msgspec.structs.replace(one, former_keys=tuple(keys)) if isinstance(one, WorkItem) else one


_REMEMBER = "INSERT INTO former_key (source, kind, id, key) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"
