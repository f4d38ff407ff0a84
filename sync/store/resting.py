"""The listings that each project rests on: what was listed whole of its scopes, until they were listed whole as they are now."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, delete, select

from sync.store.schema import rests_on, stream
from sync.store.streams import StreamKey, ids
from sync.store.upsert import upsert

_KEY = tuple(stream.c[name] for name in StreamKey.__struct_fields__)


def load(tx: Connection, project: str) -> list[StreamKey]:
    """What a project rests on, sorted."""
    query = select(*_KEY).join(rests_on, rests_on.c.stream == stream.c.id).where(rests_on.c.project == project)
    return sorted(StreamKey(**row._mapping) for row in tx.execute(query))


def by_project(tx: Connection) -> dict[str, list[StreamKey]]:
    """What every project rests on, also those that the project file no longer has."""
    found: dict[str, list[StreamKey]] = {}
    for project, *key in tx.execute(select(rests_on.c.project, *_KEY).join(stream, rests_on.c.stream == stream.c.id)):
        found.setdefault(project, []).append(StreamKey(**dict(zip(StreamKey.__struct_fields__, key, strict=True))))
    return found


def save(tx: Connection, project: str, keys: Iterable[StreamKey]) -> None:
    """Replaces what a project rests on; of `keys` those that were ever opened count."""
    wanted = set(ids(tx, keys))
    stored = set(tx.execute(select(rests_on.c.stream).where(rests_on.c.project == project)).scalars())
    upsert(tx, rests_on, [{"project": project, "stream": one} for one in sorted(wanted - stored)], update=())
    tx.execute(delete(rests_on).where(rests_on.c.project == project, rests_on.c.stream.in_(stored - wanted)))
