"""Every document and text of the store that may name a person, gone through in bounded batches."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Column, Connection, RowMapping, Table, literal, select, tuple_, update

from mappings.decoding import convert_to, decoder_for
from mappings.model import Person
from sync.pseudonyms import Pseudonyms
from sync.store import schema
from sync.store.erased import PROSE, of_document, of_entity, of_payload, of_slots

BATCH = 500
Rewrite = Callable[[Any, Pseudonyms], Any]


def _of_text(text: str, known: Pseudonyms) -> str:
    return known.text(text)


class _Place(NamedTuple):
    table: Table
    columns: Mapping[str, Rewrite]


_PLACES = (
    _Place(schema.entity, {"doc": of_entity, "slots": of_slots}),
    _Place(schema.quarantine, {"reason": _of_text, "payload": of_payload}),
    _Place(schema.inbox, {"body": of_payload, "error": _of_text}),
    _Place(schema.observation, {"doc": of_document}),
    _Place(schema.verdict, {"doc": of_document}),
    _Place(schema.published, {"value": of_document}),
    _Place(schema.override, {"value": of_document}),
    _Place(schema.outbox, {"change": of_document, "why": _of_text}),
    _Place(schema.audit, {"before": of_document, "after": of_document, "evidence": of_document, "reason": _of_text}),
    _Place(schema.run, {"summary": of_document}),
    _Place(schema.stream, {"error": _of_text}),
)

TABLES: Sequence[str] = tuple(place.table.name for place in _PLACES)


class Batch(NamedTuple):
    """One batch of a table: how many rows named somebody, and where the next one begins; None after the last."""

    named: int
    after: tuple[Any, ...] | None


def rewrite(tx: Connection, name: str, known: Pseudonyms, after: tuple[Any, ...] | None) -> Batch:
    """Puts pseudonyms into the rows of a table that follow `after`, as many as fit a batch."""
    place = _place(name)
    rows = _rows(tx, place, after, for_update=True)
    named = 0
    for row in rows:
        values = _changed(place, row, known)
        if values:
            named += 1
            tx.execute(update(place.table).where(*(column == row[column.name] for column in _key(place.table))).values(values))
    return Batch(named, _last(place, rows))


def count(tx: Connection, name: str, known: Pseudonyms) -> int:
    """How many rows of a table `rewrite` would change."""
    place, after, named = _place(name), None, 0
    while True:
        rows = _rows(tx, place, after, for_update=False)
        named += sum(1 for row in rows if _changed(place, row, known))
        after = _last(place, rows)
        if after is None:
            return named


def people(tx: Connection) -> set[Person]:
    """Everybody whom a stored entity names as its assignee or author."""
    found: set[Person] = set()
    for said in _entities(tx):
        for person in (said.get("assignee"), said.get("author")):
            if person:
                found.add(convert_to(person, Person))
    return found


def kept(tx: Connection, known: Pseudonyms) -> dict[str, int]:
    """How many entities name somebody where it identifies things, and so stays: by field."""
    found: dict[str, int] = {}
    for said in _entities(tx):
        for name in said.keys() - PROSE:
            if known.value(said[name]) != said[name] and not (name == "name" and said.get("type") == "run"):
                found[name] = found.get(name, 0) + 1
    return dict(sorted(found.items()))


def _entities(tx: Connection) -> Iterator[dict[str, Any]]:
    place, after = _place("entity"), None
    decoder = decoder_for(dict[str, Any])
    while True:
        rows = _rows(tx, place, after, for_update=False)
        yield from (decoder.decode(row["doc"]) for row in rows)
        after = _last(place, rows)
        if after is None:
            return


def _place(name: str) -> _Place:
    return next(place for place in _PLACES if place.table.name == name)


def _rows(tx: Connection, place: _Place, after: tuple[Any, ...] | None, *, for_update: bool) -> Sequence[RowMapping]:
    key = _key(place.table)
    query = select(place.table).order_by(*key).limit(BATCH)
    if after is not None:
        query = query.where(tuple_(*key) > tuple_(*(literal(value, column.type) for value, column in zip(after, key, strict=True))))
    return tx.execute(query.with_for_update() if for_update else query).mappings().all()


def _last(place: _Place, rows: Sequence[RowMapping]) -> tuple[Any, ...] | None:
    return tuple(rows[-1][column.name] for column in _key(place.table)) if len(rows) == BATCH else None


def _key(table: Table) -> Sequence[Column[Any]]:
    return list(table.primary_key.columns)


def _changed(place: _Place, row: RowMapping, known: Pseudonyms) -> dict[str, Any]:
    """The new values of those columns that name somebody. A document gets the hash that it will have when it is read again, so that
    it does not look changed then; one that lacks something already cannot tell."""
    values = {name: made(row[name], known) for name, made in place.columns.items() if row[name] is not None}
    changed = {name: value for name, value in values.items() if value != row[name]}
    if place.table is schema.entity and "doc" in changed and row["depersonalised_at"] is None:
        changed["hash"] = hashlib.blake2b(changed["doc"], digest_size=16).digest()
    return changed
