"""The bodies of answers, decompressed within a limit: a few hundred kilobytes of gzip can hold gigabytes."""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterator
from datetime import timedelta

import httpx

LARGEST_ANSWER = 64 * 1024 * 1024
"""Bytes of one answer's body, decompressed. A full page of any source is a small part of it."""

ENCODINGS = "gzip"
"""What requests accept: the one encoding that all sources know. Another one, or one in another, is not decoded."""

_GZIP = zlib.MAX_WBITS | 16
_OF_THE_TRANSFER = frozenset({b"content-encoding", b"content-length", b"transfer-encoding"})


class TooLarge(Exception):
    """The body is larger than `LARGEST_ANSWER`. Its rest was not read."""


class TooSlow(Exception):
    """The body was still coming when its time was over. Its rest was not read."""


def read_whole(response: httpx.Response, longest: timedelta) -> httpx.Response:
    """The streamed answer with its body, plain; the stream is closed. Raises `TooLarge`, `TooSlow` after `longest`, and httpx's
    errors. A body that drips is never silent for long, so no timeout of a single read would end it."""
    try:
        content = b"".join(_within_time(_within_limit(_plain(response)), longest))
    finally:
        response.close()
    whole = httpx.Response(
        response.status_code,
        headers=[(name, value) for name, value in response.headers.raw if name.lower() not in _OF_THE_TRANSFER],
        content=content,
        request=response.request,
    )
    whole.next_request = response.next_request
    return whole


def _within_limit(chunks: Iterator[bytes]) -> Iterator[bytes]:
    read = 0
    for chunk in chunks:
        read += len(chunk)
        if read > LARGEST_ANSWER:
            raise TooLarge
        yield chunk


def _within_time(chunks: Iterator[bytes], longest: timedelta) -> Iterator[bytes]:
    until = time.monotonic() + longest.total_seconds()
    for chunk in chunks:
        if time.monotonic() > until:
            raise TooSlow
        yield chunk


def _plain(response: httpx.Response) -> Iterator[bytes]:
    """No chunk is larger than what the limit and one byte more allow, so that the limit is noticed."""
    match response.headers.get("content-encoding", "identity").strip().lower():
        case "identity" | "":
            yield from response.iter_raw()
        case "gzip" | "x-gzip":
            yield from _inflated(response)
        case _:
            raise httpx.DecodingError("an encoding that was not asked for", request=response.request)


def _inflated(response: httpx.Response) -> Iterator[bytes]:
    inflater = zlib.decompressobj(_GZIP)
    for chunk in response.iter_raw():
        try:
            yield inflater.decompress(chunk, LARGEST_ANSWER + 1)
        except zlib.error as error:
            raise httpx.DecodingError("no gzip", request=response.request) from error
