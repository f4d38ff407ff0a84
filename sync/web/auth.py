"""Who may ask: the holder of a bearer token with the scope that the request needs. Everything behind a `Guard` needs one."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Send
from starlette.types import Scope as Request

from sync.store import tokens
from sync.store.connect import Database
from sync.store.errors import StoreError
from sync.store.tokens import USED_WITHIN, Scope, Token
from sync.web.problems import Refused, unavailable

log = structlog.get_logger(__name__)

AT_ONCE = 16
"""Requests of the API that are looked into at a time: half as many as there are connections to the store."""

_BEARER = re.compile(r"bearer +([!-~]{1,200})", re.IGNORECASE)
_CHALLENGE = 'Bearer realm="milepost"'
_LOOKS = frozenset({"GET", "HEAD", "OPTIONS"})

SAFE_HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
"""No browser and no proxy keeps an answer, takes it for something else, or shows it inside a page."""


def shown(authorization: str | None) -> str:
    """The text of a token in an `Authorization` header. Raises `Refused` with 401 for what cannot be one: nobody need be asked."""
    said = _BEARER.fullmatch(authorization or "")
    if said is None:
        raise Refused(
            401,
            "a token is needed",
            "the request has no bearer token",
            fix="send Authorization: Bearer with a token that milepost token create has made",
            www_authenticate=_CHALLENGE,
        )
    if tokens.id_of(said[1]) is None:
        raise _wrong()
    return said[1]


def _wrong() -> Refused:
    return Refused(
        401,
        "the token is not valid",
        "nobody made it, it has expired, or it was revoked",
        fix="make another with milepost token create",
        www_authenticate=f'{_CHALLENGE}, error="invalid_token"',
    )


class Authority:
    """Knows the tokens of one store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def admit(self, text: str, needed: Scope | None) -> Token:
        """The token that a text is, with any scope where none is needed. Raises `Refused` with 401 or 403, or 503 while the store
        cannot be asked."""
        try:
            with self._database.read() as tx:
                now = self._database.now(tx)
                found = tokens.recognise(tx, text, now)
        except StoreError:
            raise unavailable("the store does not answer", "try again in a little while") from None
        if found is None:
            raise _wrong()
        if needed is not None and needed not in found.scopes:
            raise Refused(
                403,
                "the token may not do this",
                f"the scope {needed} is needed",
                fix=f"make a token with milepost token create --scope {needed}",
                www_authenticate=f'{_CHALLENGE}, error="insufficient_scope", scope="{needed}"',
            )
        self._note(found, now)
        return found

    def _note(self, token: Token, now: datetime) -> None:
        """That a token was used is worth no failure."""
        if token.used_at is not None and token.used_at > now - USED_WITHIN:
            return
        try:
            with self._database.write() as tx:
                tokens.note_use(tx, token.id, now)
        except StoreError as error:
            log.warning("token.use_not_noted", token=token.id, error=error.message)


def by_method(request: Request) -> Scope | None:
    """To look `read` is needed, else `operate`."""
    return "read" if request["method"] in _LOOKS else "operate"


class Guard:
    """Lets only those requests through to an application that bring a token with the scope that is `needed`: None is any.

    Also what is not there is told to nobody else. No more than `at_once` are inside at a time: whoever asks for much, with a token
    or without, leaves threads and connections to the store for others.
    """

    def __init__(
        self,
        app: ASGIApp,
        authority: Authority,
        *,
        needed: Callable[[Request], Scope | None] = by_method,
        at_once: int = AT_ONCE,
    ) -> None:
        self._app = app
        self._authority = authority
        self._needed = needed
        self._places = at_once

    async def __call__(self, scope: Request, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(SAFE_HEADERS)
            await send(message)

        try:
            text = shown(Headers(scope=scope).get("authorization"))
            async with self._room():
                token = await run_in_threadpool(self._authority.admit, text, self._needed(scope))
                with structlog.contextvars.bound_contextvars(token=token.id):
                    await self._app(scope, receive, send_safely)
        except Refused as refused:
            await refused.response()(scope, receive, send_safely)

    @asynccontextmanager
    async def _room(self) -> AsyncIterator[None]:
        """One of the places inside. Raises `Refused` with 503 when all are taken."""
        if not self._places:
            raise unavailable("too many requests at once", "ask for less at a time")
        self._places -= 1
        try:
            yield
        finally:
            self._places += 1
