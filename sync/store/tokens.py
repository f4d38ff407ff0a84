"""Bearer tokens of the JSON API and the metrics. Only a hash is stored; a token is random, so it needs no salt and no slow hash."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple, TypeAlias

import msgspec
from sqlalchemy import Connection, RowMapping, insert, or_, select, update

from sync.store.documents import encode, read_names
from sync.store.schema import token

Scope: TypeAlias = Literal["read", "operate"]
SCOPES: tuple[Scope, ...] = ("read", "operate")
"""`read` allows to look, `operate` to set work going."""

USED_WITHIN = timedelta(minutes=1)
"""How exactly it is known when a token was used last: not every request costs a write."""

_SHAPE = re.compile(r"mp_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")
_NOBODYS = bytes(32)


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """What may be told of a token. `name` says to people who has it."""

    id: str
    name: str
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    used_at: datetime | None = None

    def is_valid(self, now: datetime) -> bool:
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


class Issued(NamedTuple):
    """A new token, and its text, which cannot be had again."""

    token: Token
    text: str


def issue(tx: Connection, name: str, scopes: Collection[Scope], now: datetime, *, expires_at: datetime | None = None) -> Issued:
    """Makes a token. Raises `ValueError` while another valid one has the same name."""
    if any(one.name == name and one.is_valid(now) for one in every(tx)):
        raise ValueError(f"there is a token named {name!r} already")
    one = Token(
        id=secrets.token_hex(6),
        name=name,
        scopes=tuple(scope for scope in SCOPES if scope in scopes),
        created_at=now,
        expires_at=expires_at,
    )
    text = f"mp_{one.id}_{secrets.token_urlsafe(32)}"
    row = {**msgspec.structs.asdict(one), "scopes": encode(one.scopes), "digest": _digest(text)}
    tx.execute(insert(token).values(row))
    return Issued(one, text)


def recognise(tx: Connection, text: str, now: datetime) -> Token | None:
    """The valid token that `text` is; None for anything else, after the same work."""
    row = tx.execute(select(token).where(token.c.id == (id_of(text) or ""))).mappings().one_or_none()
    same = hmac.compare_digest(row["digest"] if row is not None else _NOBODYS, _digest(text))
    found = _token(row) if row is not None and same else None
    return found if found is not None and found.is_valid(now) else None


def id_of(text: str) -> str | None:
    """The id in what has the shape of a token."""
    shape = _SHAPE.fullmatch(text)
    return shape[1] if shape else None


def note_use(tx: Connection, ident: str, now: datetime) -> None:
    """The token was used just now. Nothing is written where that is known closely enough."""
    stale = or_(token.c.used_at.is_(None), token.c.used_at <= now - USED_WITHIN)
    tx.execute(update(token).where(token.c.id == ident, stale).values(used_at=now))


def revoke(tx: Connection, wanted: str, now: datetime) -> Sequence[Token]:
    """Ends the token with this id, else those with this name, for good. Returns those that were valid until now; raises `KeyError`
    where none was ever called so."""
    all_ = every(tx)
    meant = [one for one in all_ if one.id == wanted] or [one for one in all_ if one.name == wanted]
    if not meant:
        raise KeyError(wanted)
    ended = [one for one in meant if one.revoked_at is None]
    tx.execute(update(token).where(token.c.id.in_([one.id for one in ended])).values(revoked_at=now))
    return [msgspec.structs.replace(one, revoked_at=now) for one in ended if one.is_valid(now)]


def every(tx: Connection) -> list[Token]:
    """All tokens, also those that are over, the oldest first."""
    rows = tx.execute(select(token).order_by(token.c.created_at, token.c.id)).mappings()
    return [_token(row) for row in rows]


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=32, person=b"milepost token").digest()


def _token(row: RowMapping) -> Token:
    fields: dict[str, Any] = {name: row[name] for name in Token.__struct_fields__}
    return Token(**{**fields, "scopes": read_names(row["scopes"])})
