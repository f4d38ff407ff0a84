"""How the documents are read: by headings, table rows, code spans and code blocks, and by nothing cleverer."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

Rows = Sequence[Sequence[str]]

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def documents() -> Mapping[str, str]:
    """The text of every document, by its path from the top."""
    paths = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    return {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in paths}


@pytest.fixture(scope="session")
def sections(documents: Mapping[str, str]) -> Callable[[str], Mapping[str, str]]:
    """What stands under each heading of a document, down to the next heading of any level."""

    def read(name: str) -> Mapping[str, str]:
        parts = re.split(r"^#{1,4} (.+)$", documents[name], flags=re.MULTILINE)
        return dict(zip(parts[1::2], parts[2::2], strict=True))

    return read


@pytest.fixture(scope="session")
def rows() -> Callable[[str], Rows]:
    """The cells of every table row in a text, without heads."""

    def read(text: str) -> Rows:
        lines = [line.strip() for line in text.splitlines()]
        found: list[list[str]] = []
        for number, line in enumerate(lines):
            is_rule = re.fullmatch(r"\|[-|]+\|", line) is not None
            is_head = number + 1 < len(lines) and re.fullmatch(r"\|[-|]+\|", lines[number + 1]) is not None
            if line.startswith("|") and not is_rule and not is_head:
                found.append([cell.strip() for cell in line.strip("|").split(" | ")])
        return found

    return read


@pytest.fixture(scope="session")
def spans() -> Callable[[str], Sequence[str]]:
    """The code spans of a text, in their order; code blocks are none."""

    def read(text: str) -> Sequence[str]:
        return re.findall(r"`([^`\n]+)`", re.sub(r"^ *```.*?^ *```$", "", text, flags=re.MULTILINE | re.DOTALL))

    return read


@pytest.fixture(scope="session")
def blocks() -> Callable[[str, str], Sequence[str]]:
    """The code blocks of one language in a text."""

    def read(text: str, language: str) -> Sequence[str]:
        return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)

    return read
