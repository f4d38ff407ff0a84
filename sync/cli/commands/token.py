"""`milepost token create`, `token list` and `token revoke`"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from config.problems import nearest, quoted
from sync.cli.errors import UsageProblem
from sync.cli.layout import columns
from sync.cli.options import Globals
from sync.cli.session import Session, duration
from sync.cli.style import ago
from sync.moments import later
from sync.outcome import ExitCode
from sync.store import tokens
from sync.store.tokens import SCOPES, Scope, Token

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,62}")


def run(globals_: Globals, command: str, *, token: str = "", scopes: Sequence[str] = (), expires: str | None = None) -> ExitCode:
    """Makes a token, lists all, or ends one."""
    session = Session(globals_)
    match command:
        case "create":
            return _create(session, token, scopes, expires)
        case "revoke":
            return _revoke(session, token)
    return _list(session)


def _create(session: Session, name: str, scopes: Sequence[str], expires: str | None) -> ExitCode:
    """Shows the token, this once."""
    if _NAME.fullmatch(name) is None:
        what = f"{quoted(name)} is no name for a token"
        raise UsageProblem(what, "use at most 63 letters, digits, blanks, dots, dashes and underscores, such as ci-dashboard")
    lasting = _lasting(expires)
    allowed = _scopes(scopes)
    with session.store() as database, database.write() as tx:
        now = database.now(tx)
        try:
            one, text = tokens.issue(tx, name, allowed, now, expires_at=None if lasting is None else later(now, lasting))
        except ValueError as error:
            raise UsageProblem(str(error), f"use another name, or end that one: milepost token revoke {name!r}") from None
    if session.wants_json:
        session.answer({**_document(one, now), "token": text})
    else:
        until = f", until {one.expires_at:%Y-%m-%d %H:%M} UTC" if one.expires_at is not None else ""
        session.show(text, "", f"Token {one.id} named {one.name} may {' and '.join(one.scopes)}{until}. It is not shown again.")
    return ExitCode.DONE


def _list(session: Session) -> ExitCode:
    """All tokens, without what only their holders know."""
    with session.store() as database, database.read() as tx:
        now, every = database.now(tx), tokens.every(tx)
    if session.wants_json:
        session.answer({"tokens": [_document(one, now) for one in every]})
    elif not every:
        session.show("There is no token: milepost token create makes one.")
    else:
        rows = [(one.id, one.name, ", ".join(one.scopes), _standing(one, now), ago(one.used_at, now)) for one in every]
        session.show_all(columns(rows, session.width, heads=("id", "name", "may", "state", "last used")))
    return ExitCode.DONE


def _revoke(session: Session, wanted: str) -> ExitCode:
    """At once and for good. Who pastes the whole token means it, and does not want to read it again."""
    wanted = tokens.id_of(wanted) or wanted
    with session.store() as database, database.write() as tx:
        now = database.now(tx)
        try:
            ended = tokens.revoke(tx, wanted, now)
        except KeyError:
            known = {word for one in tokens.every(tx) if one.is_valid(now) for word in (one.id, one.name)}
            raise UsageProblem(f"there is no token {quoted(wanted)}", _meant(wanted, known)) from None
    if session.wants_json:
        session.answer({"revoked": [_document(one, now) for one in ended]})
    elif ended:
        session.show(*(f"Token {one.id} named {one.name} is revoked." for one in ended))
    else:
        session.show(f"Token {wanted} was over already.")
    return ExitCode.DONE


def _meant(wanted: str, known: Iterable[str]) -> str:
    near = nearest(wanted, known)
    return f"did you mean {near}? milepost token list shows them" if near else "milepost token list shows them"


def _lasting(expires: str | None) -> timedelta | None:
    if expires is None:
        return None
    lasting = duration("--expires", expires)
    if not lasting:
        raise UsageProblem("--expires: a token that is over at once is of no use", "write it as --expires 90d, or leave it out")
    return lasting


def _scopes(said: Sequence[str]) -> Sequence[Scope]:
    return [scope for scope in SCOPES if scope in said] or [SCOPES[0]]


def _standing(one: Token, now: datetime) -> str:
    if one.revoked_at is not None:
        return f"revoked {ago(one.revoked_at, now)}"
    if one.expires_at is None:
        return "valid"
    if one.is_valid(now):
        return f"valid until {one.expires_at:%Y-%m-%d %H:%M} UTC"
    return f"expired {ago(one.expires_at, now)}"


def _document(one: Token, now: datetime) -> dict[str, Any]:
    return {
        "id": one.id,
        "name": one.name,
        "scopes": one.scopes,
        "valid": one.is_valid(now),
        "created_at": one.created_at,
        "expires_at": one.expires_at,
        "revoked_at": one.revoked_at,
        "used_at": one.used_at,
    }
