"""What monitors reported, kept for each project as history: hysteresis is a fold over it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import msgspec
from sqlalchemy import Connection, select

from mappings.decoding import decoder_for
from mappings.model import Observation, encode
from sync.store.bulk import bulk
from sync.store.columns import to_micros
from sync.store.errors import unreadable
from sync.store.schema import observation
from sync.store.text import is_storable

_IDENTITY_LIMIT = 2_400  # bytes; what PostgreSQL takes into an index
_decoder = decoder_for(Observation)


def append(tx: Connection, project: str, observations: Iterable[Observation], now: datetime) -> None:
    """Adds what is not there yet. What was judged once stays as it was judged, though its source or our limits change; only an
    `unknown` outcome is replaced by what it turned out to be. One whose names no database can hold is passed over.
    """
    rows: dict[tuple[str, str, str], tuple[object, ...]] = {}
    for one in observations:
        identity = (str(one.subject), one.monitor, str(one.ref))
        if is_storable("".join(identity), limit=_IDENTITY_LIMIT):
            rows[identity] = (project, *identity, encode(one), to_micros(one.observed_at), one.outcome, to_micros(now))
    bulk(tx, _APPEND, [rows[identity] for identity in sorted(rows)])


def history(tx: Connection, project: str, since: datetime) -> list[Observation]:
    """What was observed since then, the oldest first."""
    query = (
        select(observation.c.doc)
        .where(observation.c.project == project, observation.c.observed_at >= since)
        .order_by(observation.c.observed_at, observation.c.subject, observation.c.monitor, observation.c.ref)
    )
    try:
        return [_decoder.decode(doc) for doc in tx.execute(query).scalars()]
    except msgspec.MsgspecError as error:
        raise unreadable(f"the observations of project {project}", error) from error


_APPEND = (
    "INSERT INTO observation (project, subject, monitor, ref, doc, observed_at, outcome, first_seen) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (project, subject, monitor, ref) DO UPDATE "
    "SET doc = excluded.doc, observed_at = excluded.observed_at, outcome = excluded.outcome "
    "WHERE observation.outcome = 'unknown' AND observation.doc <> excluded.doc"
)
