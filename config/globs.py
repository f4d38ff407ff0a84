"""Whether two globs (`*`, `?`, `[…]`) can match the same text, upper and lower case alike."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase

_LONGEST = 200


def is_glob(pattern: str) -> bool:
    return any(mark in pattern for mark in "*?[")


def overlap(one: str, other: str) -> bool:
    """True if some text matches both. A character class counts as any character, so a rare True may be too much."""
    one, other = one.casefold(), other.casefold()
    if one == other:
        return True
    if not is_glob(one):
        return is_glob(other) and fnmatchcase(one, other)
    if not is_glob(other):
        return fnmatchcase(other, one)
    if not _heads_agree(one, other):
        return False
    if len(one) > _LONGEST or len(other) > _LONGEST:
        return True
    return _meet(_parts(one), _parts(other))


def _heads_agree(one: str, other: str) -> bool:
    """Cheap, and mostly decisive: what stands before the first mark."""
    left, right = (re.split(r"[*?\[]", pattern, maxsplit=1)[0] for pattern in (one, other))
    return left.startswith(right) or right.startswith(left)


def _parts(pattern: str) -> list[str]:
    parts: list[str] = []
    position = 0
    while position < len(pattern):
        end = pattern.find("]", position + 2) if pattern[position] == "[" else -1
        parts.append("?" if end > 0 else pattern[position])
        position = end + 1 if end > 0 else position + 1
    return parts


def _meet(one: list[str], other: list[str]) -> bool:
    """Row by row: `reachable[j]` says whether what was read of `one` can equal what the first `j` parts of `other` match."""
    reachable = [True]
    for right in other:
        reachable.append(reachable[-1] and right == "*")
    for left in one:
        row = [reachable[0] and left == "*"]
        for j, right in enumerate(other, 1):
            if "*" in (left, right):
                row.append(reachable[j] or row[j - 1])
            else:
                row.append(reachable[j - 1] and (left == right or "?" in (left, right)))
        reachable = row
    return reachable[-1]
