"""Listings, page by page. `Link: rel=next` is followed as it is: past 10,000 rows it carries a cursor instead of a page number."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from types import GenericAlias
from typing import Any, TypeVar

import httpx
import msgspec

from connectors.errors import Unavailable
from connectors.http import Client, decode
from mappings import github_records as words
from mappings.decoding import decoder_for
from mappings.github_records import Repository, Row
from mappings.model import Rejected

PER_PAGE = 100

R = TypeVar("R")

_ROWS: msgspec.json.Decoder[Sequence[Row]] = decoder_for(list[msgspec.Raw])


class Page(msgspec.Struct, frozen=True):
    """One answer's records; without an answer, none.

    `next` leads to the page after this one, if there is one; it is relative to the API's address, so that it may be kept.
    """

    source: str
    response: httpx.Response | None
    next: str | None

    @property
    def rows(self) -> Sequence[Row]:
        """The records, undecoded. Raises `Unavailable` when the answer is no JSON array."""
        if self.response is None:
            return ()
        try:
            return words.split_page(self.response.content)
        except (ValueError, RecursionError):
            return decode(self.source, self.response, _ROWS)

    def records(self, kind: str, repository: Repository, decoder: msgspec.json.Decoder[R]) -> tuple[list[R], list[Rejected]]:
        """The records as `decoder` types them, and those that it cannot type. Raises `Unavailable` as `rows` does."""
        if self.response is None:
            return [], []
        try:
            # All at once costs half of one by one, and hardly a page has a record that is none.
            return decoder_for(GenericAlias(list, (decoder.type,))).decode(self.response.content), []
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return read_rows(self.rows, kind, repository, decoder)


class Trail:
    """Where one listing has led so far. Raises `Unavailable` when it leads there again: it would never end."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._seen: set[str] = set()

    def onwards(self, following: str) -> str:
        """The address itself."""
        if following in self._seen:
            path = httpx.URL(following).path
            raise Unavailable(self._source, f"{path} leads to its own pages again and again", fix="run again later")
        self._seen.add(following)
        return following


class Pager:
    """Reads the listings of one source."""

    def __init__(self, source: str, client: Client, base_url: str) -> None:
        self._source = source
        self._client = client
        self._base_url = base_url

    def start(self, url: str, params: Mapping[str, Any], *, empty: Collection[int] = ()) -> Page:
        """The first page of a listing, of 100 rows. The statuses `empty` say that there is nothing to list."""
        response = self._client.get(url, params={**params, "per_page": PER_PAGE}, accept=(200, *empty))
        return self.page(response) if response.status_code == 200 else Page(self._source, None, None)

    def follow(self, following: str) -> Page:
        """The page that another one's `next` leads to."""
        return self.page(self._client.get(following))

    def all(self, url: str, params: Mapping[str, Any]) -> Iterator[Page]:
        page = self.start(url, params)
        trail = self.trail()
        yield page
        while page.next:
            page = self.follow(trail.onwards(page.next))
            yield page

    def trail(self) -> Trail:
        return Trail(self._source)

    def page(self, response: httpx.Response) -> Page:
        return Page(self._source, response, self.next(response))

    def next(self, response: httpx.Response) -> str | None:
        """Where the answer says that it goes on."""
        following = response.links.get("next", {}).get("url")
        return None if following is None else following.removeprefix(self._base_url)


def read_rows(
    rows: Sequence[Row], kind: str, repository: Repository, decoder: msgspec.json.Decoder[R]
) -> tuple[list[R], list[Rejected]]:
    records: list[R] = []
    rejected: list[Rejected] = []
    for row in rows:
        try:
            records.append(words.read_record(decoder, row))
        except msgspec.DecodeError as error:
            rejected.append(words.rejected(kind, repository, row, error))
    return records, rejected
