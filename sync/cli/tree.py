"""A tree of texts with guides. Addresses are never folded, so that they can be copied."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec
from rich.text import Text

from sync.cli.layout import clean, wrapped


class Branch(msgspec.Struct, frozen=True, kw_only=True):
    """One object: its name, what is to be said of it, its address, and what hangs on it."""

    head: Text
    notes: Sequence[Text] = ()
    url: str | None = None
    children: Sequence[Branch] = ()


def tree_lines(branch: Branch, width: int) -> Iterator[Text]:
    """The branch and everything below it."""
    yield from _lines(branch, Text(), Text(), width)


def _lines(branch: Branch, first: Text, later: Text, width: int) -> Iterator[Text]:
    trunk = Text("│  " if branch.children else "   ", style="dim") if first.plain or branch.children else Text()
    room = width - later.cell_len - trunk.cell_len
    texts = [*wrapped(branch.head, room, hanging=2), *(line for note in branch.notes for line in wrapped(note, room))]
    if branch.url is not None:
        texts.append(clean(Text(branch.url, style="blue dim")))
    for number, text in enumerate(texts):
        yield (later + trunk if number else first) + text
    for number, child in enumerate(branch.children):
        last = number == len(branch.children) - 1
        yield from _lines(
            child, later + Text("└─ " if last else "├─ ", style="dim"), later + Text("   " if last else "│  ", style="dim"), width
        )
