"""People who were erased on request: known by salted hashes of their names alone, and found in whatever is read later.

A name is one or more words. Of each only its hash, its number of words and one byte of the first word's hash are known; the byte
rules out nearly all words of a text before anything longer is hashed.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any

import msgspec

_WORD = re.compile(r"\w+")
_WIDEST_GAP = 3
"""More characters than these between two words, and they are not read as one name."""

LONGEST = 8
"""Words of the longest name that is looked for."""


class Erased(msgspec.Struct, frozen=True, kw_only=True):
    """One name of a person: what is left of it."""

    digest: bytes
    lead: int
    words: int
    pseudonym: str


def words_of(name: str) -> tuple[str, ...]:
    """The words of a name, so that case, punctuation and the spelling of accents do not matter."""
    return tuple(match[0].casefold() for match in _WORD.finditer(unicodedata.normalize("NFC", name)))


def hashed(name: str, *, salt: bytes, pseudonym: str) -> Erased:
    """What is kept of `name`. Raises `ValueError` where it has no words, or too many."""
    words = words_of(name)
    if not 0 < len(words) <= LONGEST:
        raise ValueError(f"a name has 1 to {LONGEST} words")
    return Erased(digest=_digest(salt, words), lead=_digest(salt, words[:1])[0], words=len(words), pseudonym=pseudonym)


class Pseudonyms:
    """Puts a pseudonym in the place of every name of the `erased`."""

    def __init__(self, salt: bytes, erased: Iterable[Erased]) -> None:
        self._salt = salt
        self._lead = lru_cache(maxsize=65_536)(self._lead_of)
        self._by_digest: dict[bytes, str] = {}
        self._lengths: dict[int, set[int]] = {}
        for one in erased:
            self._by_digest[one.digest] = one.pseudonym
            self._lengths.setdefault(one.lead, set()).add(one.words)

    def text(self, text: str) -> str:
        """`text` with pseudonyms; the very same where it names nobody."""
        normal = text if text.isascii() else unicodedata.normalize("NFC", text)
        words = list(_WORD.finditer(normal))
        parts: list[str] = []
        done, at = 0, 0
        while at < len(words):
            count, pseudonym = self._name_at(words, at)
            if pseudonym is None:
                at += 1
                continue
            parts += [normal[done : words[at].start()], pseudonym]
            done = words[at + count - 1].end()
            at += count
        return "".join([*parts, normal[done:]]) if parts else text

    def value(self, value: Any, keep: Collection[str] = ()) -> Any:
        """Any JSON value with pseudonyms in its texts, but for what stands under the keys `keep`."""
        match value:
            case str():
                return self.text(value)
            case list() | tuple():
                return [self.value(item, keep) for item in value]
            case Mapping():
                return {key: item if key in keep else self.value(item, keep) for key, item in value.items()}
            case _:
                return value

    def _name_at(self, words: Sequence[re.Match[str]], at: int) -> tuple[int, str | None]:
        """The longest name that begins with word `at`: how many words it has, and the pseudonym."""
        lengths = self._lengths.get(self._lead(words[at][0].casefold()), ())
        for count in sorted(lengths, reverse=True):
            some = words[at : at + count]
            if len(some) == count and all(b.start() - a.end() <= _WIDEST_GAP for a, b in pairwise(some)):
                pseudonym = self._by_digest.get(_digest(self._salt, [one[0].casefold() for one in some]))
                if pseudonym is not None:
                    return count, pseudonym
        return 0, None

    def _lead_of(self, word: str) -> int:
        return _digest(self._salt, [word])[0]


def _digest(salt: bytes, words: Sequence[str]) -> bytes:
    return hashlib.blake2b("\0".join(words).encode("utf-8", "surrogatepass"), key=salt, digest_size=16).digest()
