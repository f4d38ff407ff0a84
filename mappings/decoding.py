"""JSON into structs, for any number of threads.

msgspec works out how a struct is decoded when it is decoded the first time. What another thread decodes into it meanwhile crashes
the process (msgspec 0.22). Here one thread at a time does this, to its end, before anybody gets the decoder.
"""

from __future__ import annotations

import threading
from typing import Any, TypeVar, overload

import msgspec

T = TypeVar("T")


@overload
def decoder_for(shape: type[T], *, strict: bool = True) -> msgspec.json.Decoder[T]: ...
@overload
def decoder_for(shape: Any, *, strict: bool = True) -> msgspec.json.Decoder[Any]: ...
def decoder_for(shape: Any, *, strict: bool = True) -> msgspec.json.Decoder[Any]:
    """The decoder of JSON documents into `shape`; without `strict`, texts count as the numbers that they hold."""
    with _ONE_AT_A_TIME:
        return msgspec.json.Decoder(shape, strict=strict)


def decode_as(document: bytes | str, shape: type[T], *, strict: bool = True) -> T:
    """One document. Raises `msgspec.DecodeError` for what is no such document, and `UnicodeError` for what is no text."""
    return decoder_for(shape, strict=strict).decode(document)


def convert_to(value: Any, shape: type[T]) -> T:
    """What was decoded without a type, typed. Raises `msgspec.ValidationError` where it has another shape."""
    decoder_for(shape)  # so that it is worked out by now
    return msgspec.convert(value, shape)


_ONE_AT_A_TIME = threading.Lock()
