"""What was looked up by its ref: remembered with the answer, so that nobody is asked again and again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec
from sqlalchemy import Connection, bindparam, delete, select

from mappings.model import Ref
from sync.store.bulk import chunks
from sync.store.by_ref import by_kind
from sync.store.schema import looked_up
from sync.store.text import is_storable
from sync.store.upsert import upsert


class LookedUp(msgspec.Struct, frozen=True):
    """When an object was last asked for, and whether it was there."""

    asked_at: datetime
    found: bool


def remember(tx: Connection, answers: Iterable[tuple[Ref, bool]], now: datetime) -> None:
    """These were asked for at `now`, and found or not. One that was not there is forgotten here once it is stored after all."""
    wanted = {ref: found for ref, found in answers if is_storable(ref.id)}
    for chunk in chunks(sorted(wanted)):
        rows = [{"source": ref.source, "kind": ref.kind, "id": ref.id, "asked_at": now, "found": wanted[ref]} for ref in chunk]
        upsert(tx, looked_up, rows, update=("asked_at", "found"))


def asked(tx: Connection, refs: Iterable[Ref]) -> dict[Ref, LookedUp]:
    """Those of `refs` that were looked up, with the last answer."""
    answers: dict[Ref, LookedUp] = {}
    for source, kind, ids in by_kind(refs):
        query = select(looked_up.c.id, looked_up.c.asked_at, looked_up.c.found).where(
            looked_up.c.source == source, looked_up.c.kind == kind, looked_up.c.id.in_(ids)
        )
        answers.update((Ref(source, kind, ident), LookedUp(asked_at, found)) for ident, asked_at, found in tx.execute(query))
    return answers


def forget(tx: Connection, source: str, kind: str, ids: Sequence[str]) -> None:
    """These are stored now: whether they exist is no question any more."""
    if tx.execute(_ANY, {"source": source, "kind": kind}).first() is None:
        return
    for chunk in chunks(ids):
        tx.execute(delete(looked_up).where(looked_up.c.source == source, looked_up.c.kind == kind, looked_up.c.id.in_(chunk)))


# Asked for every page, so it is put together once.
_ANY = select(looked_up.c.id).where(looked_up.c.source == bindparam("source"), looked_up.c.kind == bindparam("kind")).limit(1)
