"""Texts of several lines as each deployment keeps them: Atlassian documents in the cloud, wiki markup in a data center."""

from __future__ import annotations

from typing import Any

import msgspec

MAX_TEXT = 32_767
TOO_LONG = f"The entered text is too long. It exceeds the allowed limit of {MAX_TEXT:,} characters."


class TextError(ValueError):
    """This is no such text; the words are Jira's."""


def document(text: str) -> dict[str, Any]:
    """Plain text as an Atlassian document: one paragraph a line."""
    paragraphs = [
        {"type": "paragraph", "content": [{"type": "text", "text": line}]} if line else {"type": "paragraph"}
        for line in text.split("\n")
    ]
    return {"type": "doc", "version": 1, "content": paragraphs}


def checked_document(raw: Any) -> dict[str, Any]:
    """Raises `TextError`."""
    if not isinstance(raw, dict) or raw.get("type") != "doc" or raw.get("version") != 1 or not isinstance(raw.get("content"), list):
        raise TextError("Operation value must be an Atlassian Document (see the Atlassian Document Format)")
    if len(msgspec.json.encode(raw)) > MAX_TEXT:
        raise TextError(TOO_LONG)
    return raw


def checked_markup(raw: Any) -> str | None:
    """Raises `TextError`."""
    if not isinstance(raw, str):
        raise TextError("Operation value must be a string")
    if len(raw) > MAX_TEXT:
        raise TextError(TOO_LONG)
    return raw or None
