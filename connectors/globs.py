"""Names and the patterns of a scope."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase

_LITERAL = re.compile(r"[A-Za-z0-9 ._-]*")


def matches(name: str, globs: Sequence[str]) -> bool:
    return any(fnmatchcase(name, glob) for glob in globs)


def common_start(globs: Sequence[str]) -> str:
    """What every name that one of `globs` matches starts with: letters, digits and `. _ -` and space only."""
    starts = [found[0] for glob in globs if (found := _LITERAL.match(glob))]
    return os.path.commonprefix(starts)  # noqa: RUF071 - character by character is what is meant


def near(glob: str, names: Sequence[str]) -> Sequence[str]:
    """Up to three names that were perhaps meant."""
    by_lower = {name.lower(): name for name in names}
    wanted = glob.lower().strip("*?")
    holding = [name for lower, name in sorted(by_lower.items()) if wanted and wanted in lower]
    similar = [by_lower[lower] for lower in get_close_matches(wanted, sorted(by_lower), n=3, cutoff=0.5)]
    return list(dict.fromkeys(similar + holding))[:3]
