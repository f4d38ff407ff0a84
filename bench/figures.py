"""One figure: what it should be, what it is; and the table of all of them."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """`measured` and `target` share a unit, which `unit` shows; no target: only reported. `note` says what they are of."""

    name: str
    target: float | None
    measured: float
    unit: str = ""
    note: str = ""

    @property
    def is_met(self) -> bool:
        return self.target is None or self.measured <= self.target


def show(console: Console, figures: Iterable[Figure]) -> None:
    """Each figure with what it was computed from."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("figure")
    table.add_column("target", justify="right", no_wrap=True)
    table.add_column("measured", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for figure in figures:
        verdict = Text("ok", style="green") if figure.is_met else Text("missed", style="bold red")
        name = Text.assemble(figure.name, "\n", (figure.note, "dim"))
        target = "" if figure.target is None else f"≤ {_number(figure.target)}{figure.unit}"
        table.add_row(name, target, f"{_number(figure.measured)}{figure.unit}", verdict)
    console.print(table)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:,.3g}" if value < 10 else f"{value:,.1f}"
