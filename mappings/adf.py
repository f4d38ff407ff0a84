"""Atlassian Document Format, the rich text of Jira Cloud's REST API version 3, to plain text and back.

Source: Atlassian's "Document structure": nodes `doc`, `paragraph`, `text`, `hardBreak`, `mention`, `emoji`, `inlineCard`, `date`.
Unknown nodes are walked through for the text inside them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

_INLINE = frozenset({"text", "hardBreak", "mention", "emoji", "inlineCard", "date", "status", "placeholder", "inlineExtension"})
_END_OF_LINE = object()
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def is_document(value: object) -> bool:
    return isinstance(value, dict) and value.get("type") == "doc"


def to_text(document: Mapping[str, Any]) -> str:
    """The document's text, a line a block. Never raises: a node of an unexpected shape has no text."""
    pieces: list[str] = []
    _walk(document.get("content"), pieces)
    return "".join(pieces).strip("\n")


def from_text(text: str) -> dict[str, Any]:
    """A document of one paragraph a line. The inverse of `to_text` for text without empty lines at its ends."""
    lines = text.split("\n")
    content = [{"type": "paragraph", "content": [{"type": "text", "text": line}] if line else []} for line in lines]
    return {"type": "doc", "version": 1, "content": content}


def _walk(nodes: object, pieces: list[str]) -> None:
    """Appends the text of `nodes`. Iterative: how deep a stranger's document nests must not matter."""
    pending: list[Iterator[Any]] = [iter(nodes)] if isinstance(nodes, list) else []
    while pending:
        for node in pending[-1]:
            if not isinstance(node, dict):
                if node is _END_OF_LINE:
                    pieces.append("\n")
                continue
            kind = node.get("type")
            if kind in _INLINE:
                pieces.append(_inline(kind, node))
                continue
            content = node.get("content")
            if not isinstance(content, list) or not content:
                if kind == "paragraph":
                    pieces.append("\n")
                continue
            if (line := _line(content)) is not None:
                pieces.append(line)
                continue
            pending.append(iter([*content, _END_OF_LINE] if _is_inline(content[0]) else content))
            break
        else:
            pending.pop()


def _line(content: list[Any]) -> str | None:
    """The common case, told apart because bodies are read by the thousand: a block of nothing but text, None for any other."""
    texts: list[str] = []
    for node in content:
        if not isinstance(node, dict) or node.get("type") != "text":
            return None
        text = node.get("text")
        if isinstance(text, str):
            texts.append(text)
    return "".join(texts) + "\n"


def _is_inline(node: object) -> bool:
    """Whether a block that begins so is a line, rather than blocks that end their own lines."""
    return not isinstance(node, dict) or node.get("type") in _INLINE


def _inline(kind: str, node: Mapping[str, Any]) -> str:
    if kind == "text":
        text = node.get("text")
        return text if isinstance(text, str) else ""
    if kind == "hardBreak":
        return "\n"
    attributes = node.get("attrs")
    if not isinstance(attributes, dict):
        return ""
    if kind == "date":
        return _date(attributes.get("timestamp"))
    for name in ("text", "url", "shortName"):
        if isinstance(text := attributes.get(name), str) and text:
            return text
    return ""


def _date(timestamp: object) -> str:
    """Milliseconds since 1970 as text, to an ISO date."""
    try:
        return (_EPOCH + timedelta(milliseconds=int(str(timestamp)))).date().isoformat()
    except (ValueError, OverflowError):
        return ""
