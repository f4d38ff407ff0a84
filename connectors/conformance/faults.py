"""What can go wrong between a connector and its server, as effects for the proxy."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import msgspec

from connectors.conformance.proxy import Answer, Asked, Dropped, Effect, Forward

_JSON = {"content-type": "application/json"}
_PAGE = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body><h1>Sign in to go on</h1></body></html>"


def refuses(status: int, *, headers: Mapping[str, str] | None = None, quoting: Sequence[str] = ()) -> Effect:
    """This status, in words that quote what the client sent: a source may, and it must not reach an error message."""

    def effect(asked: Asked, _forward: Forward) -> Answer:
        said = " ".join(["refused:", asked.headers.get("authorization", ""), *quoting])
        document = {"message": said, "error_code": said, "errorMessages": [said], "errors": {"field": said}, "error": said}
        return Answer(status, msgspec.json.encode(document), {**_JSON, **(headers or {})})

    return effect


def in_seconds(seconds: float) -> Mapping[str, str]:
    """`Retry-After` as a number."""
    return {"retry-after": f"{seconds:g}"}


def as_a_date(wait: timedelta) -> Mapping[str, str]:
    """`Retry-After` as an HTTP date."""
    return {"retry-after": format_datetime(datetime.now(UTC) + wait, usegmt=True)}


def resets(_asked: Asked, _forward: Forward) -> Answer:
    """The connection is reset before anything is done."""
    raise Dropped


def loses_answer(_asked: Asked, forward: Forward) -> Answer:
    """The server does what was asked, then the connection is reset: the client cannot know."""
    forward()
    raise Dropped


def is_cut(_asked: Asked, forward: Forward) -> Answer:
    """Half of the body, then the end."""
    return replace(forward(), delivery="cut")


def drips(_asked: Asked, _forward: Forward) -> Answer:
    """The head at once, then a byte now and then, for ever: no single read takes long."""
    return Answer(delivery="drip")


def is_silent(_asked: Asked, _forward: Forward) -> Answer:
    """The connection is open and nothing comes."""
    return Answer(delivery="silence")


def shows_a_web_page(status: int) -> Effect:
    """What a login page (200) or a gateway (502) in front of the server says."""
    return lambda _asked, _forward: Answer(status, _PAGE, {"content-type": "text/html; charset=utf-8"})


def says(body: bytes, content_type: str = "application/json") -> Effect:
    """This instead of the answer, with status 200."""
    return lambda _asked, _forward: Answer(200, body, {"content-type": content_type})


def is_labelled(content_type: str) -> Effect:
    """The real answer under another content type."""

    def effect(_asked: Asked, forward: Forward) -> Answer:
        answer = forward()
        return replace(answer, headers={**answer.headers, "content-type": content_type})

    return effect


def says_instead(change: Callable[[Any], Any]) -> Effect:
    """The real answer with its document changed."""

    def effect(_asked: Asked, forward: Forward) -> Answer:
        answer = forward()
        return answer.saying(change(answer.json())) if answer.status == 200 else answer

    return effect


def records_in(document: Any) -> list[Any] | None:
    """The list of records of a page: the document itself, or the one list of objects in it. None: there is none."""
    if isinstance(document, list):
        return document
    lists = [value for value in document.values() if isinstance(value, list)] if isinstance(document, dict) else []
    of_objects = [entries for entries in lists if entries and isinstance(entries[0], dict)]
    return next(iter(of_objects or lists), None)


def with_records(document: Any, change: Callable[[list[Any]], Any]) -> Any:
    """The page with `change` made to its list of records; a page without one stays as it is."""
    records = records_in(document)
    if records is None:
        return document
    if records is document:
        return change(records)
    return {name: change(records) if value is records else value for name, value in document.items()}
