"""How things look: one place for signs, colours and plain words."""

from __future__ import annotations

from datetime import datetime, timedelta

from rich import box
from rich.table import Table
from rich.text import Text

from mappings.change import Value

SIGNS = {"add": ("+", "green"), "update": ("~", "yellow"), "remove": ("-", "red")}
KINDS = {"favourable": "green", "alarm": "red", "neutral": "blue"}
NOTES = {"conflict": "red", "override": "magenta", "contested": "magenta", "skipped": "dim", "finding": "yellow"}
STATES = {"on": "●", "unknown": "?", "off": "○"}


def table(*columns: str, title: str | None = None) -> Table:
    """A table with a head line and no frame, that folds long texts instead of cutting them."""
    made = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left", title_style="bold", pad_edge=False, header_style="dim")
    for column in columns:
        right = column.startswith(">")
        made.add_column(column.removeprefix(">"), justify="right" if right else "left", overflow="fold", no_wrap=right)
    return made


def ago(moment: datetime | None, now: datetime) -> str:
    """How long ago, in the largest unit that fits."""
    if moment is None:
        return "never"
    seconds = max(0, int((now - moment).total_seconds()))
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit} ago"
    return "just now"


def shown_value(value: Value) -> str:
    """A slot's value in a few words."""
    match value:
        case None:
            return "nothing"
        case True:
            return "present"
        case list():
            return ", ".join(value)
        case dict():
            ids = [str(one.get("title", "?")) for one in value.get("statuses", ()) if isinstance(one, dict)]
            return f"evidence for {', '.join(ids)}" if ids else "evidence"
    return str(value)


def link(text: str, url: str | None, style: str = "") -> Text:
    """Text that terminals which can will open."""
    return Text(text, style=f"{style} link {url}".strip() if url else style)


def plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def took(duration: timedelta) -> str:
    return f"{duration.total_seconds():.1f} s"
