"""Storing what was read: a page with its cursor, or single objects read directly. Only what differs is written.

A pull and whoever takes in deliveries may store into one stream at the same time. Both read first and store later, so neither may
put what it read earlier in the place of what the other read later: see `save_pages` and `save_members`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, bindparam, update

from connectors.base import Batch
from mappings.change import Reading
from mappings.model import Entity, Ref, Rejected
from sync.store import branches, erased, former_keys, lookups, quarantine
from sync.store.bulk import CHUNK, bulk, chunks, read
from sync.store.columns import to_micros
from sync.store.folding import Stored, Verdict, compare, compare_direct, latest
from sync.store.rows import EntityRow, PageRows, as_rejected, by_target, entity_rows, page_rows
from sync.store.schema import stream
from sync.store.streams import StreamKey, open_stream
from sync.store.text import is_storable

DIRECT = "direct"
"""The stream under which a record that was read directly is quarantined."""


class Saved(msgspec.Struct, frozen=True, kw_only=True):
    """How many objects were `new`, `changed` (or came back), the `same` (or older than what is stored), and `rejected`; how many of
    those that were changed are called something else now, in whatever case."""

    new: int = 0
    changed: int = 0
    same: int = 0
    rejected: int = 0
    renamed: int = 0

    def __add__(self, other: Saved) -> Saved:
        return Saved(
            new=self.new + other.new,
            changed=self.changed + other.changed,
            same=self.same + other.same,
            rejected=self.rejected + other.rejected,
            renamed=self.renamed + other.renamed,
        )


def save_batch(tx: Connection, key: StreamKey, batch: Batch, *, now: datetime, run_id: str) -> Saved:
    """`save_pages` for one page."""
    return save_pages(tx, key, [page_rows(batch, source=key.source)], now=now, run_id=run_id)


def save_pages(
    tx: Connection, key: StreamKey, pages: Sequence[PageRows], *, now: datetime, run_id: str, began: datetime | None = None
) -> Saved:
    """Stores pages that follow each other: entities, our mirrored slots, membership, rejections and the last cursor.

    Within one run, any order, repetition and grouping of pages gives the same entities (see `folding`). An entity that was deleted
    or missing and is seen again is restored. A page without a cursor leaves the one before it as it is. To act on `complete` is up
    to the caller (`streams.finish`), in this transaction or a later one.

    With `began`, when the run began to read this listing, what others stored since then is taken to be as late as the pages: only
    what is newer by its own time takes its place, and what they found to be gone stays so.
    """
    state = open_stream(tx, key)
    since = None if began is None else to_micros(began)
    place = _Place(state.id, key.source, key.stream, state.sweep, run_id, to_micros(now), since)
    saved = Saved()
    rows: list[EntityRow] = []
    changes: dict[str, Any] = {"records": state.records}
    for page in pages:
        for chunk in chunks(page.rows):
            rows += chunk
            if len(rows) >= CHUNK:
                saved += _save(tx, rows, place, now)
                rows = []
        if page.rejected:
            saved += _save(tx, rows, place, now)  # first: what is stored leaves quarantine, and this is to stay there
            rows = []
            quarantine.keep(tx, key.source, key.stream, page.rejected, now)
            _mark_seen(tx, place, page.rejected)
            saved += Saved(rejected=len(page.rejected))
        changes["records"] += page.received
        if page.cursor is not None:
            changes["cursor"] = page.cursor
    saved += _save(tx, rows, place, now)
    tx.execute(_ADVANCE, {"stream_id": state.id, **changes})
    return saved


def save_direct(tx: Connection, entities: Sequence[Entity], slots: Sequence[Reading] | None = None, *, now: datetime) -> Saved:
    """Stores objects that were read one by one: no membership, and at equal times they win.

    `slots` lists all that our slots on these objects hold; None means that they were not read, and leaves their mirror as it is.
    """
    saved, held = Saved(), by_target(slots or ())
    for chunk in chunks(branches.remembered(tx, entities)):
        rows, refused = entity_rows(chunk, held, source=None)
        saved += _save(tx, rows, None, now, mirrored=slots is not None) + Saved(rejected=len(refused))
        for one in refused:
            quarantine.keep(tx, one.ref.source, DIRECT, [as_rejected(one)], now)
    return saved


def save_members(
    tx: Connection, key: StreamKey, entities: Sequence[Entity], slots: Sequence[Reading], *, now: datetime, run_id: str
) -> Saved:
    """Stores objects that were read one by one and belong to a stream that was listed before: they are or become members, seen in
    the present sweep. Its cursor, and what it proves, stay as they are.

    `slots` lists all that our slots on these objects hold. The caller makes sure that nobody has stored another state of them since
    they were asked for (see `snapshots`); one that is older by its own time than what is stored is left.
    """
    state = open_stream(tx, key)
    place = _Place(state.id, key.source, key.stream, state.sweep, run_id, to_micros(now), direct=True)
    saved = Saved()
    for chunk in chunks(branches.as_listed(tx, branches.remembered(tx, entities))):
        rows, refused = entity_rows(chunk, by_target(slots), source=key.source)
        saved += _save(tx, rows, place, now) + Saved(rejected=len(refused))
        quarantine.keep(tx, key.source, DIRECT, [as_rejected(one) for one in refused], now)
    return saved


class _Place(NamedTuple):
    """Where rows belong: they make their entities members of `stream`, seen in this sweep by this run. `direct`: they were read by
    themselves; otherwise the listing that they are of has been read `since` then, where that is known, until `now`."""

    stream: int
    source: str
    name: str
    sweep: int
    run_id: str
    now: int
    since: int | None = None
    direct: bool = False

    def compare(self, row: EntityRow, there: Stored) -> Verdict:
        if self.direct:
            return compare_direct(row, there)
        # Of what is no member yet, another reader may have seen less, as a look-up of a commit does.
        meanwhile = there.sweep is not None and self._is_meanwhile(there.changed_at)
        return compare(row, there, same_run=there.run_id == self.run_id, meanwhile=meanwhile)

    def sees_again(self, there: Stored) -> bool:
        """Whether what was deleted or missing is there after all; not where that was found while the listing was being read."""
        return not self._is_meanwhile(max(there.deleted_at or 0, there.missing_since or 0))

    def _is_meanwhile(self, moment: int) -> bool:
        """A moment to come is none: the clock was ahead when it was stored."""
        return self.since is not None and self.since < moment <= self.now

    def seen_by(self, there: Stored | None, verdict: Verdict) -> str | None:
        """The run that saw the stored document here last. One that read it by itself does not take that of a listing's run away."""
        if there is None or there.sweep is None:
            return self.run_id
        keeps = ("stale", "same") if self.direct else ("stale",)
        return there.run_id if verdict in keeps else self.run_id


def _save(tx: Connection, rows: Sequence[EntityRow], place: _Place | None, now: datetime, *, mirrored: bool = True) -> Saved:
    saved = Saved()
    known = erased.pseudonyms(tx) if rows else None
    if known is not None:
        rows = [erased.of_row(row, known) for row in rows]
    for (source, kind), group in groupby(latest(rows), key=itemgetter(0, 1)):
        saved += _save_group(tx, source, kind, list(group), place, mirrored=mirrored, now=to_micros(now))
    return saved


def _save_group(
    tx: Connection, source: str, kind: str, rows: Sequence[EntityRow], place: _Place | None, *, mirrored: bool, now: int
) -> Saved:
    """Stores rows of one kind, one row an object."""
    stored = _stored(tx, source, kind, [row.id for row in rows], place)
    writes: list[tuple[Any, ...]] = []
    renamed: dict[str, str] = {}
    mirrors: list[tuple[Any, ...]] = []
    back: list[tuple[Any, ...]] = []
    confirmed: list[tuple[Any, ...]] = []
    members: list[tuple[Any, ...]] = []
    new: list[str] = []
    for row in rows:
        there = stored.get(row.id)
        if there is None:
            new.append(row.id)
            verdict: Verdict = "replace"
        else:
            row = row if mirrored else row._replace(slots=there.slots)  # noqa: PLW2901  # the same row, completed
            verdict = compare(row, there, same_run=False) if place is None else place.compare(row, there)
            is_gone = there.deleted_at is not None or there.missing_since is not None
            if is_gone and (place is None or place.sees_again(there)):
                back.append((now, source, kind, row.id))
        if verdict == "replace":
            writes.append((*row, now, there is None and place is None, row.hash if there is None else there.hash))
            if there is not None and there.key != row.key:
                renamed[row.id] = there.key
        elif verdict == "mirror":
            mirrors.append((row.slots, now, source, kind, row.id))
        elif verdict == "same" and place is not None and place.direct:
            confirmed.append((now, source, kind, row.id))
        if place is not None:
            seen_by = place.seen_by(there, verdict)
            if there is None or (there.sweep, there.run_id) != (place.sweep, seen_by):
                members.append((place.stream, source, kind, row.id, place.sweep, seen_by))
    former_keys.remember(tx, source, kind, renamed)
    bulk(tx, _WRITE, writes)
    bulk(tx, _MIRROR, mirrors)
    bulk(tx, _BRING_BACK, back)
    bulk(tx, _CONFIRM, confirmed)
    bulk(tx, _JOIN, members)
    if new:
        lookups.forget(tx, source, kind, new)
    understood = [Ref(source, kind, row.id) for row in rows]
    quarantine.clear(tx, source, (DIRECT,) if place is None else (DIRECT, place.name), understood)
    changed = {write[2] for write in writes} | {one[3] for one in back}
    return Saved(new=len(new), changed=len(changed) - len(new), same=len(rows) - len(changed), renamed=len(renamed))


def _stored(tx: Connection, source: str, kind: str, ids: Sequence[str], place: _Place | None) -> dict[str, Stored]:
    members: dict[str, tuple[int | None, str | None]] = {}
    if place is not None:
        members = {ident: (sweep, run_id) for ident, sweep, run_id in read(tx, _READ_MEMBERS, (place.stream, source, kind), ids)}
    rows = read(tx, _READ, (source, kind), ids)
    return {row[0]: Stored._make((*row[1:], *members.get(row[0], (None, None)))) for row in rows}


def _mark_seen(tx: Connection, place: _Place, rejected: Sequence[Rejected]) -> None:
    """A record that is not understood is there all the same: a member that was rejected is no candidate for deletion."""
    rows = [(place.sweep, place.stream, place.source, one.kind, one.id) for one in rejected if is_storable(one.id)]
    bulk(tx, _SEE, rows)


_ADVANCE = update(stream).where(stream.c.id == bindparam("stream_id"))  # sets what it is executed with
# Two searches by key, and no join: PostgreSQL, before it has counted a table's rows, would join them row by row without the key.
_READ = (
    "SELECT id, hash, updated_at, slots, deleted_at, missing_since, changed_at, key FROM entity "
    "WHERE source = ? AND kind = ? AND id IN (…)"
)
_READ_MEMBERS = "SELECT id, sweep, run_id FROM membership WHERE stream = ? AND source = ? AND kind = ? AND id IN (…)"
_COLUMNS = (*EntityRow._fields, "changed_at", "looked_up")
_WRITE = (
    f"INSERT INTO entity ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))}) "  # noqa: S608  # constant names
    "ON CONFLICT (source, kind, id) DO UPDATE SET key = excluded.key, container = excluded.container, "
    "updated_at = excluded.updated_at, hash = excluded.hash, doc = excluded.doc, slots = excluded.slots, "
    "changed_at = excluded.changed_at, depersonalised_at = NULL "
    # another transaction may have stored a newer one since it was compared with what has this hash
    "WHERE entity.hash = ? OR entity.updated_at IS NULL OR excluded.updated_at IS NULL OR excluded.updated_at > entity.updated_at"
)
_MIRROR = "UPDATE entity SET slots = ?, changed_at = ? WHERE source = ? AND kind = ? AND id = ?"
_BRING_BACK = "UPDATE entity SET deleted_at = NULL, missing_since = NULL, changed_at = ? WHERE source = ? AND kind = ? AND id = ?"
# What was read by itself and found to be as it is stored: a page that a pull had read before may show what was there in between.
_CONFIRM = "UPDATE entity SET changed_at = ? WHERE source = ? AND kind = ? AND id = ?"
_JOIN = (
    "INSERT INTO membership (stream, source, kind, id, sweep, run_id) VALUES (?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (stream, source, kind, id) DO UPDATE SET sweep = excluded.sweep, run_id = excluded.run_id"
)
_SEE = "UPDATE membership SET sweep = ? WHERE stream = ? AND source = ? AND kind = ? AND id = ?"
