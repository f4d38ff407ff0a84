"""Pages by the last thing seen: whatever comes or goes meanwhile, nothing that stays is left out or told twice."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Generic, TypeVar

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from mappings.decoding import convert_to, decode_as
from sync.web.problems import Refused

T = TypeVar("T")
R = TypeVar("R")

MOST = 200
_LONGEST = 4_096

Name = Annotated[str, Field(min_length=1, max_length=512, pattern=r"^[^\x00-\x1f\x7f]+$")]
"""A name in a query or a path: what no database holds is none."""

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=2_048, pattern=r"^[^\x00]*$")]
"""A text in a cursor."""

Number = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
"""A row's number in a cursor."""


class Window(BaseModel):
    """Which part of a list is asked for. A filter that is not known is refused, since its list would be another one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    limit: int = Field(50, ge=1, le=MOST, description=f"A whole number from 1 to {MOST}: at most so many items.")
    cursor: str | None = Field(
        None, min_length=1, max_length=_LONGEST, pattern=r"^[A-Za-z0-9_-]+$", description="`next` of the page before this one."
    )


class Page(BaseModel, Generic[T]):
    """A part of a list, and where the next one begins."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    items: list[T]
    next: str | None = Field(description="The cursor of the next page; null on the last one.")


def begin_after(window: Window, list_: str, key: Any) -> Any:
    """The key of the last item that the client has seen of this list. Raises `Refused` for what is no cursor of it."""
    if window.cursor is None:
        return None
    padded = window.cursor + "=" * (-len(window.cursor) % 4)
    try:
        name, last = decode_as(base64.urlsafe_b64decode(padded), tuple[str, Any])
        if name == list_:
            return convert_to(last, key)
    except (ValueError, msgspec.MsgspecError):
        pass
    raise Refused(400, "no such cursor", "the cursor is none of this list", fix="send `next` of the page before, or leave it out")


def page_of(rows: Sequence[R], window: Window, list_: str, key: Callable[[R], Any]) -> tuple[Sequence[R], str | None]:
    """What fits of `rows`, of which one more than asked for was read, and the cursor to go on with."""
    shown = rows[: window.limit]
    if len(rows) <= window.limit:
        return shown, None
    cursor = msgspec.json.encode((list_, key(shown[-1])))
    return shown, base64.urlsafe_b64encode(cursor).rstrip(b"=").decode()
