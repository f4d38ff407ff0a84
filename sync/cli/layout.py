"""Lines of text: columns and hanging indents. Nothing is cut, and nothing is filled with blanks to the right.

What a remote system says may hold anything: control characters, which a terminal would obey, are made visible here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import zip_longest
from typing import TypeAlias

from rich.console import Console
from rich.text import Text

Cell: TypeAlias = str | Text

NARROWEST = 28
"""No text is folded to less than this, however deep its indent."""

READABLE = 40
"""A last column with less room than this goes on lines of its own, unless all of it fits."""

_GAP = "  "
_BIDI_CONTROLS = (*range(0x202A, 0x202F), *range(0x2066, 0x206A))
_VISIBLE = dict.fromkeys((*range(32), 127, *range(128, 160), 8232, 8233), " ") | dict.fromkeys(_BIDI_CONTROLS, "�")


def clean(cell: Cell) -> Text:
    """The cell as one line that no terminal takes for a command. Styles stay where they were."""
    text = Text(cell) if isinstance(cell, str) else cell.copy()
    text.plain = text.plain.translate(_VISIBLE)
    return text


def wrapped(cell: Cell, width: int, *, indent: int = 0, hanging: int | None = None) -> list[Text]:
    """The text folded at blanks to `width` with `indent`; all lines but the first have the `hanging` indent where it is given."""
    later = indent if hanging is None else hanging
    room = max(width - max(indent, later), NARROWEST)
    text = clean(cell)
    lines = []
    for number, line in enumerate([text] if text.cell_len <= room else text.wrap(Console(width=room), room)):
        line.rstrip()
        lines.append(Text(" " * (later if number else indent)) + line)
    return lines


def columns(
    rows: Iterable[Sequence[Cell]], width: int, *, heads: Sequence[str] = (), indent: int = 0, like: Sequence[int] = ()
) -> list[Text]:
    """Rows under their heads; a head that starts with `>` puts its column to the right.

    The last column takes the room that is left and folds. `like` gives widths that the other columns have at least.
    """
    table = [[clean(cell) for cell in row] for row in rows]
    right = [head.startswith(">") for head in heads]
    if heads:
        table.insert(0, [Text(head.removeprefix(">").upper(), style="dim") for head in heads])
    sizes = [max(size, least) for size, least in zip_longest(widths(table), like, fillvalue=0)][: len(table[0]) - 1 if table else 0]
    taken = indent + sum(size + len(_GAP) for size in sizes)
    below = width - taken < READABLE and any(row[-1].cell_len > width - taken for row in table)
    lines: list[Text] = []
    for row in table:
        start = Text(" " * indent)
        for number, (cell, size) in enumerate(zip(row, sizes, strict=False)):
            space = " " * (size - cell.cell_len)
            start += Text.assemble(space, cell, _GAP) if number < len(right) and right[number] else Text.assemble(cell, space, _GAP)
        lines.extend(_below(start, row[-1], width) if below else _beside(start, row[-1], width))
    return lines


def widths(rows: Iterable[Sequence[Cell]]) -> list[int]:
    """How wide each column but the last must be."""
    cells = [[clean(cell).cell_len for cell in row[:-1]] for row in rows]
    return [max(column) for column in zip(*cells, strict=True)]


def _beside(start: Text, last: Text, width: int) -> list[Text]:
    taken = start.cell_len
    if last.plain.strip():
        first, *more = wrapped(last, width, indent=taken)
        return [start + first[taken:], *more]
    start.rstrip()
    return [start]


def _below(start: Text, last: Text, width: int) -> list[Text]:
    """A row of nothing but its last cell takes no empty line."""
    start.rstrip()
    texts = wrapped(last, width, indent=4) if last.plain.strip() else []
    return [*([start] if start.plain or not texts else []), *texts]


def heading(title: str, width: int) -> Text:
    """A line that parts one topic from the next."""
    return Text.assemble(("── ", "dim"), (title, "bold"), (" " + "─" * max(2, min(width, 100) - len(title) - 4), "dim"))


def show(console: Console, lines: Iterable[Text]) -> None:
    """Writes the lines as they are: what is too long for a terminal, such as an address, is left to the terminal to fold."""
    for line in lines:
        console.print(line, soft_wrap=True)
