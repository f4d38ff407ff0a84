"""The people who were erased on request, and the rule that none of their names is stored again.

`save` is the only way in. Everything that stores what a source says asks `pseudonyms` in its own transaction; where nobody was
erased, that is one empty table to look at.
"""

from __future__ import annotations

import hashlib
import secrets
import string
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, cast

import msgspec
from sqlalchemy import Connection, select, text

from mappings.change import Value
from sync.pseudonyms import Erased, Pseudonyms, hashed
from sync.store.rows import EntityRow
from sync.store.schema import erased
from sync.store.upsert import upsert

PREFIX = "erased-"

PROSE = frozenset(
    ("title", "body", "message", "assignee", "author", "owners", "fields", "tags", "params", "branch", "artifact_uri", "origin")
)
"""Where a document may name people. What else there is identifies things: links and scopes rest on it."""

IDENTIFYING = frozenset(
    ("ref", "subject", "target", "url", "key", "container", "project", "slot", "id", "name", "type", "kind", "action")
) | {"rule", "rules", "rule_version", "episode", "fact"}
"""What is never changed in the other documents, for the same reason."""


def salt_of(tx: Connection) -> bytes:
    """The store's salt: a new one until somebody was erased."""
    known = tx.execute(select(erased.c.salt).limit(1)).scalar_one_or_none()
    return secrets.token_bytes(32) if known is None else bytes(known)


def pseudonyms(tx: Connection) -> Pseudonyms | None:
    """Everybody who was erased, or None."""
    rows = tx.execute(_ALL).all()
    return Pseudonyms(rows[0].salt, [_erased(row) for row in rows]) if rows else None


def pseudonym_of(tx: Connection, names: Iterable[str]) -> str:
    """The pseudonym of a person with one of these names: the one that they have, or a new one."""
    salt = salt_of(tx)
    digests = [hashed(name, salt=salt, pseudonym="").digest for name in names]
    known = tx.execute(select(erased.c.pseudonym).where(erased.c.digest.in_(digests)).order_by(erased.c.erased_at).limit(1))
    # Letters alone: with a digit behind its hyphen it would look like an issue key.
    return known.scalar_one_or_none() or PREFIX + "".join(secrets.choice(string.ascii_lowercase) for _ in range(12))


def save(tx: Connection, salt: bytes, names: Sequence[Erased], now: datetime) -> None:
    """From now on none of `names` is stored. Waits for those who read this table before, and may be storing one."""
    if tx.dialect.name == "postgresql":
        tx.execute(text("LOCK TABLE erased IN ACCESS EXCLUSIVE MODE"))
    rows = [{**msgspec.structs.asdict(one), "salt": salt, "erased_at": now} for one in names]
    upsert(tx, erased, rows, update=())


def of_row(row: EntityRow, known: Pseudonyms) -> EntityRow:
    """The row with pseudonyms, as it would be had the source said so; the very same where it names nobody."""
    doc, slots = of_entity(row.doc, known), None if row.slots is None else of_slots(row.slots, known)
    digest = row.hash if doc == row.doc else hashlib.blake2b(doc, digest_size=16).digest()
    return row._replace(doc=doc, hash=digest, slots=slots)


def of_entity(doc: bytes, known: Pseudonyms) -> bytes:
    """An entity's document with pseudonyms."""
    said: dict[str, Any] = _json.decode(doc)
    prose = PROSE | {"name"} if said.get("type") == "run" else PROSE
    changed = {key: _person(said[key], known.value(said[key])) for key in said.keys() & prose}
    if all(said[key] == value for key, value in changed.items()):
        return doc
    return _encoder.encode({**said, **changed})


def _person(before: Any, after: Any) -> Any:
    """Whoever has a pseudonym for an id has no other name."""
    is_erased = isinstance(before, dict) and before.keys() <= {"id", "name"} and before.get("id") != after.get("id")
    return {"id": after["id"], "name": after["id"]} if is_erased else after


def of_slots(doc: bytes, known: Pseudonyms) -> bytes:
    """The mirror of our slots with pseudonyms in what they hold."""
    held = _json.decode(doc)
    return _unless_same(doc, held, [[kind, name, known.value(value, IDENTIFYING)] for kind, name, value in held])


def of_document(doc: bytes, known: Pseudonyms) -> bytes:
    """Any other document of ours with pseudonyms."""
    said = _json.decode(doc)
    return _unless_same(doc, said, known.value(said, IDENTIFYING))


def of_payload(payload: bytes, known: Pseudonyms) -> bytes:
    """What a source sent. A payload that is no whole JSON may hide a name behind escapes, so nothing of it is kept."""
    try:
        said = _json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return b""
    return _unless_same(payload, said, known.value(said))


def of_value(tx: Connection, value: Value) -> Value:
    """What one of our slots holds, or what is said about it, as it may be stored."""
    known = None if value is None or isinstance(value, bool) else pseudonyms(tx)
    return value if known is None else cast("Value", known.value(value, IDENTIFYING))


def of_text(tx: Connection, text: str) -> str:
    """What a source said about something, as it may be stored."""
    known = pseudonyms(tx)
    return text if known is None else known.text(text)


def _unless_same(doc: bytes, said: Any, changed: Any) -> bytes:
    return doc if changed == said else _encoder.encode(changed)


def _erased(row: Any) -> Erased:
    return Erased(digest=bytes(row.digest), lead=row.lead, words=row.words, pseudonym=row.pseudonym)


_json = msgspec.json.Decoder()
_encoder = msgspec.json.Encoder(order="deterministic")
# Asked for every page, so it is put together once.
_ALL = select(erased.c.digest, erased.c.salt, erased.c.lead, erased.c.words, erased.c.pseudonym)
