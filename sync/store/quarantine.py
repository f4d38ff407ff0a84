"""Records that could not be translated or stored: kept with their payload until the record is stored after all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec
from sqlalchemy import Connection, bindparam, delete, select, tuple_

from mappings.model import Ref, Rejected
from sync.pseudonyms import Pseudonyms
from sync.store import erased
from sync.store.bulk import chunks
from sync.store.schema import quarantine
from sync.store.text import printable
from sync.store.upsert import upsert

PAYLOAD_LIMIT = 65_536


class Quarantined(msgspec.Struct, frozen=True, kw_only=True):
    """One record that is not understood. `payload` is what the source sent, cut to 64 KiB."""

    source: str
    stream: str
    kind: str
    id: str
    reason: str
    payload: bytes
    first_seen: datetime
    last_seen: datetime


def keep(tx: Connection, source: str, stream: str, rejected: Iterable[Rejected], now: datetime) -> None:
    """Remembers rejected records, once each."""
    known = erased.pseudonyms(tx)
    rows = {(one.kind, one.id): _row(source, stream, one, now, known) for one in rejected}
    for chunk in chunks(list(rows.values())):
        upsert(tx, quarantine, chunk, update=("reason", "payload", "last_seen"))


def entries(tx: Connection, *, source: str | None = None, limit: int = 1_000) -> list[Quarantined]:
    """What is in quarantine, the latest first."""
    query = select(quarantine).order_by(quarantine.c.last_seen.desc(), *quarantine.primary_key.columns).limit(limit)
    if source is not None:
        query = query.where(quarantine.c.source == source)
    return [Quarantined(**row._mapping) for row in tx.execute(query)]


def unsettled(tx: Connection, sources: Iterable[str]) -> dict[tuple[str, str], set[Ref]]:
    """What is in quarantine of these sources, by source and stream."""
    found: dict[tuple[str, str], set[Ref]] = {}
    query = select(quarantine.c.source, quarantine.c.stream, quarantine.c.kind, quarantine.c.id)
    for source, name, kind, ident in tx.execute(query.where(quarantine.c.source.in_(sorted(set(sources))))):
        found.setdefault((source, name), set()).add(Ref(source, kind, ident))
    return found


def forget_unseen(tx: Connection, source: str, name: str, before: datetime) -> int:
    """Lets go of a stream's records that were last seen before `before`: since then every scope was listed whole without them.

    Returns how many there were.
    """
    return tx.execute(_FORGET, {"source": source, "stream": name, "before": before}).rowcount


def clear(tx: Connection, source: str, streams: Sequence[str], refs: Sequence[Ref]) -> int:
    """Lets go of the records of these streams that are stored now. Returns how many there were."""
    if tx.execute(_ANY, {"source": source, "streams": streams}).first() is None:
        return 0
    mine = (quarantine.c.source == source) & quarantine.c.stream.in_(streams)
    cleared = 0
    for chunk in chunks(refs):
        among = tuple_(quarantine.c.kind, quarantine.c.id).in_([(ref.kind, ref.id) for ref in chunk])
        cleared += tx.execute(delete(quarantine).where(mine, among)).rowcount
    return cleared


def _row(source: str, stream: str, one: Rejected, now: datetime, known: Pseudonyms | None) -> dict[str, object]:
    reason, payload = one.reason, one.payload[:PAYLOAD_LIMIT]
    if known is not None:
        reason, payload = known.text(reason), erased.of_payload(payload, known)
    return {
        "source": source,
        "stream": stream,
        "kind": printable(one.kind, 100),
        "id": printable(one.id, 512),
        "reason": printable(reason, 2_000),
        "payload": payload,
        "first_seen": now,
        "last_seen": now,
    }


# Asked for every page or pull, so they are put together once.
_ANY = (
    select(quarantine.c.id)
    .where(quarantine.c.source == bindparam("source"), quarantine.c.stream.in_(bindparam("streams", expanding=True)))
    .limit(1)
)
_FORGET = delete(quarantine).where(
    quarantine.c.source == bindparam("source"),
    quarantine.c.stream == bindparam("stream"),
    quarantine.c.last_seen < bindparam("before"),
)
