"""Follows a listing of Azure's from page to page, on the host that is asked and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from urllib.parse import unquote, urlsplit

import httpx
import msgspec

from connectors.azureml.failures import found
from connectors.errors import Unavailable
from connectors.http import Client, decode, describe
from connectors.rates import read_http_date
from mappings.decoding import decoder_for


class Page(msgspec.Struct, frozen=True):
    """`answered_at`: by Azure's clock, if it said so."""

    value: list[msgspec.Raw]
    answered_at: datetime | None


class _Answer(msgspec.Struct, rename="camel"):
    """Every listing's answer."""

    value: list[msgspec.Raw]
    next_link: str | None = None


_decoder = decoder_for(_Answer)


def pages(source: str, client: Client, path: str, query: Mapping[str, str]) -> Iterator[Page]:
    """The pages of a listing. Raises `NotFound` for one that is not there, `Unavailable` for one that leads elsewhere, or to its
    own pages again and again."""
    seen: set[int] = set()
    response = found(source, client.get(path, params=query, accept=(200, 404)))
    while True:
        answer = decode(source, response, _decoder)
        yield Page(answer.value, read_http_date(response.headers.get("date")))
        if not answer.next_link:
            return
        following = _following(source, response.request, answer.next_link)
        # Of long listings the addresses themselves would be a lot to keep.
        if hash(following) in seen:
            raise Unavailable(
                source,
                f"{describe(response.request)} gives the same pages again and again",
                fix="check what stands in front of Azure Resource Manager",
            )
        seen.add(hash(following))
        response = found(source, client.get(following, accept=(200, 404)))


def _following(source: str, asked: httpx.Request, link: str) -> str:
    """The next page's address without its host: some regions name their own in it. Only the same listing goes on."""
    try:
        parts = urlsplit(link)
    except ValueError:
        parts = urlsplit("")
    if unquote(parts.path).lower() != asked.url.path.lower():
        raise Unavailable(source, f"{describe(asked)} leads elsewhere for its next page", fix="check the source's cloud")
    return f"{parts.path}?{parts.query}"
