"""Text that both databases accept: PostgreSQL refuses NUL, and neither takes half a surrogate pair."""

from __future__ import annotations


def printable(text: str, limit: int) -> str:
    """`text` without what no database stores, cut to `limit` characters: for what people read, never for identifiers."""
    if text.isascii() and "\0" not in text:
        return text[:limit]
    return text[:limit].replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")


def is_storable(text: str, *, limit: int = 1_024) -> bool:
    """Whether `text` can identify something: not empty, short enough for an index (`limit` bytes), and valid in both databases."""
    if text.isascii():
        return 0 < len(text) <= limit and "\0" not in text
    try:
        return len(text.encode("utf-8")) <= limit and "\0" not in text
    except UnicodeEncodeError:
        return False
