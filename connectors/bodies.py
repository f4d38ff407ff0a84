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


class Undecodable(Exception):
    """The body is not what its encoding says, or in one that was not asked for."""


def read_whole(response: httpx.Response, longest: timedelta) -> httpx.Response:
    """The streamed answer with its body, plain; the stream is closed. Raises what `whole` does, and httpx's errors."""
    try:
        content = whole(response.iter_raw(), response.headers.get("content-encoding"), longest)
    except Undecodable as error:
        raise httpx.DecodingError(str(error), request=response.request) from error
    finally:
        response.close()
    plain = httpx.Response(
        response.status_code,
        headers=[(name, value) for name, value in response.headers.raw if name.lower() not in _OF_THE_TRANSFER],
        content=content,
        request=response.request,
    )
    plain.next_request = response.next_request
    return plain


def whole(chunks: Iterator[bytes], encoding: str | None, longest: timedelta) -> bytes:
    """The body that comes in these chunks, plain. Raises `TooLarge`, `TooSlow` after `longest`, and `Undecodable`.

    A body that drips is never silent for long, so no timeout of a single read would end it.
    """
    return b"".join(_within_time(_within_limit(_plain(chunks, encoding)), longest))


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


def _plain(chunks: Iterator[bytes], encoding: str | None) -> Iterator[bytes]:
    """No chunk is larger than what the limit and one byte more allow, so that the limit is noticed."""
    match (encoding or "identity").strip().lower():
        case "identity" | "":
            yield from chunks
        case "gzip" | "x-gzip":
            yield from _inflated(chunks)
        case _:
            raise Undecodable("an encoding that was not asked for")


def _inflated(chunks: Iterator[bytes]) -> Iterator[bytes]:
    inflater = zlib.decompressobj(_GZIP)
    for chunk in chunks:
        try:
            yield inflater.decompress(chunk, LARGEST_ANSWER + 1)
        except zlib.error as error:
            raise Undecodable("no gzip") from error
