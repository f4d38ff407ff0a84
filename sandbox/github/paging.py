"""Pages: which rows a request asks for, and the Link header that leads to the others."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

import msgspec

from mappings.decoding import decode_as
from sandbox.github.order import Row, page_after, page_at
from sandbox.github.refusals import page_too_far, refusal
from sandbox.messages import Request

MAX_PER_PAGE = 100


@dataclass(frozen=True, slots=True)
class Page:
    """What a request asks for: page `number` of `size` rows, or those after a cursor."""

    number: int
    size: int
    after: Row | None = None

    @property
    def offset(self) -> int:
        return (self.number - 1) * self.size


def asked(request: Request) -> Page:
    """Numbers out of range are moved into it, and what is no number counts as absent, as GitHub does."""
    query = request.query
    size = min(_number(query.get("per_page"), 30), MAX_PER_PAGE)
    return Page(_number(query.get("page"), 1), size, _row(query["after"]) if "after" in query else None)


def rows_of(rows: list[Row], page: Page, *, descending: bool, window: int) -> tuple[list[Row], dict[str, str]]:
    """The page's rows and, by relation, the parameters that lead on.

    Pages reach as far as `page × per_page < window`; beyond that only cursors lead. Raises 422 for a page beyond.
    """
    if page.after:
        chosen = page_after(rows, page.after, page.size + 1, descending=descending)
        return chosen[: page.size], _onward(chosen, page)
    if page.number * page.size >= window and page.number > 1:
        raise page_too_far()
    chosen = page_at(rows, page.offset, page.size + 1, descending=descending)
    if (page.number + 1) * page.size >= window:
        return chosen[: page.size], _onward(chosen, page)
    relations = numbered(len(rows), page)
    if -(-len(rows) // page.size) * page.size >= window:
        relations.pop("last", None)
    return chosen[: page.size], relations


def numbered(total: int, page: Page) -> dict[str, str]:
    """The relations of a list that is short enough for page numbers."""
    last = -(-total // page.size)
    relations: dict[str, int] = {}
    if page.number > 1:
        relations |= {"prev": min(page.number - 1, max(last, 1)), "first": 1}
    if page.number < last:
        relations |= {"next": page.number + 1, "last": last}
    return {relation: f"page={number}" for relation, number in relations.items()}


def link_header(path: str, request: Request, relations: Mapping[str, str]) -> dict[str, str]:
    """The Link header, or none. `path` is the absolute address of the list; the request's own filters are kept."""
    kept = [(name, value) for name, values in request.query_lists.items() for value in values if name not in {"page", "after"}]
    base = urlencode(kept)
    parts = [f'<{path}?{base}{"&" if base else ""}{more}>; rel="{relation}"' for relation, more in relations.items()]
    return {"Link": ", ".join(parts)} if parts else {}


def _onward(chosen: list[Row], page: Page) -> dict[str, str]:
    return {"next": urlencode({"after": _cursor(chosen[page.size - 1])})} if len(chosen) > page.size else {}


def _cursor(row: Row) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(row)).decode()


def _row(cursor: str) -> Row:
    try:
        return decode_as(base64.urlsafe_b64decode(cursor), tuple[int, int])
    except (ValueError, msgspec.DecodeError) as error:
        raise refusal(422, "The cursor is invalid") from error


def _number(text: str | None, default: int) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 12 and int(text) > 0 else default
