"""Objects that were looked up and do not exist: remembered, so that they are not asked for again and again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, select

from mappings.model import Ref
from sync.store.bulk import chunks
from sync.store.by_ref import by_kind
from sync.store.schema import absent
from sync.store.text import is_storable
from sync.store.upsert import upsert


def remember_missing(tx: Connection, refs: Iterable[Ref], now: datetime) -> None:
    """These do not exist, as of `now`. An entity that is stored later is forgotten here."""
    wanted = sorted({ref for ref in refs if is_storable(ref.id)})
    for chunk in chunks(wanted):
        rows = [{"source": ref.source, "kind": ref.kind, "id": ref.id, "checked_at": now} for ref in chunk]
        upsert(tx, absent, rows, update=("checked_at",))


def known_missing(tx: Connection, refs: Iterable[Ref]) -> dict[Ref, datetime]:
    """Which of `refs` were looked up and did not exist, and when that was last asked."""
    found: dict[Ref, datetime] = {}
    for source, kind, ids in by_kind(refs):
        query = select(absent.c.id, absent.c.checked_at).where(
            absent.c.source == source, absent.c.kind == kind, absent.c.id.in_(ids)
        )
        found.update((Ref(source, kind, ident), checked_at) for ident, checked_at in tx.execute(query))
    return found


def forget(tx: Connection, source: str, kind: str, ids: Sequence[str]) -> None:
    """These exist after all."""
    if tx.execute(_ANY, {"source": source, "kind": kind}).first() is None:
        return
    for chunk in chunks(ids):
        tx.execute(delete(absent).where(absent.c.source == source, absent.c.kind == kind, absent.c.id.in_(chunk)))


# Asked for every page, so it is put together once.
_ANY = select(absent.c.id).where(absent.c.source == bindparam("source"), absent.c.kind == bindparam("kind")).limit(1)
