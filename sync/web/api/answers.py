"""Answers that a client need not read again while nothing has changed."""

from __future__ import annotations

import hashlib

from fastapi import Request, Response
from pydantic import BaseModel


def answer(request: Request, document: BaseModel) -> Response:
    """The document, or 304 where the client has it already. The tag is of what it says, so it is weak: the bytes may differ."""
    body = document.model_dump_json().encode()
    tag = f'W/"{hashlib.blake2b(body, digest_size=16).hexdigest()}"'
    if _has(request.headers.get("if-none-match"), tag):
        return Response(status_code=304, headers={"etag": tag})
    return Response(body, headers={"etag": tag}, media_type="application/json")


def _has(known: str | None, tag: str) -> bool:
    if known is None:
        return False
    return any(one.strip() in ("*", tag, tag.removeprefix("W/")) for one in known.split(","))
