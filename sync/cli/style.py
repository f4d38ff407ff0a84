"""How things look: one place for signs, colours and plain words."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from rich.style import Style
from rich.text import Text

from mappings.change import Action, Slot, Value
from sync.names import place

SIGNS: dict[Action, tuple[str, str]] = {"add": ("+", "green"), "update": ("~", "yellow"), "remove": ("-", "red")}
KINDS = {"favourable": "green", "alarm": "red", "neutral": "blue"}
NOTES = {"conflict": "red", "override": "magenta", "contested": "magenta", "skipped": "dim", "finding": "yellow"}
NOT_PUBLISHED = "nothing is published: the project file has no publish for this project"
STATES = {"on": "●", "unknown": "?", "off": "○"}


def ago(moment: datetime | None, now: datetime) -> str:
    """How long ago, in the largest unit that fits."""
    if moment is None:
        return "never"
    seconds = max(0, int((now - moment).total_seconds()))
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit} ago"
    return "just now"


def change_words(action: Action | None, slot: Slot, before: Value, after: Value) -> str:
    """`field ML Status: Model ready → Drift alert`, without the side that is empty."""
    if slot.kind == "label":
        return place(slot)
    if slot.kind == "property" and before is not None and after is not None:
        return f"{place(slot)}: {_or_news(shown_value(before), shown_value(after))}"
    match action:
        case "add":
            return f"{place(slot)}: {shown_value(after)}"
        case "remove":
            return f"{place(slot)}: {shown_value(before)}"
    return f"{place(slot)}: {shown_value(before)} → {shown_value(after)}"


def _or_news(before: str, after: str) -> str:
    """A property may keep its statuses while their evidence changes."""
    return f"{before}, newer" if before == after else f"{before} → {after}"


def shown_value(value: Value) -> str:
    """A slot's value in a few words."""
    match value:
        case None:
            return "nothing"
        case True:
            return "present"
        case False:
            return "absent"
        case list():
            return ", ".join(value) or "nothing"
        case dict():
            said = value.get("statuses")
            titles = [str(one.get("title", "?")) for one in said if isinstance(one, dict)] if isinstance(said, list) else []
            return f"evidence of {', '.join(titles)}" if titles else "evidence"
    return value


def held_value(slot: Slot, value: Value) -> str:
    """What a slot holds: a label is there or is not."""
    if slot.kind == "label":
        return "not there" if value is None else "there"
    return shown_value(value)


def link(text: str, url: str | None, style: str = "") -> Text:
    """Text that terminals which can will open. Only plain web addresses are handed to a terminal."""
    found = Style.parse(style)
    if url is not None and url.startswith(("https://", "http://")) and url.isascii() and url.isprintable() and " " not in url:
        found += Style(link=url)
    return Text(text, style=found)


def plural(count: int, noun: str, several: str | None = None) -> str:
    """`1 record`, `2 records`; `several` is for nouns that take more than an s."""
    return f"{count:,} {noun if count == 1 else several or f'{noun}s'}"


def listed(words: Sequence[str]) -> str:
    """`jira`, `jira and mlflow`, `github, jira and mlflow`"""
    return f"{', '.join(words[:-1])} and {words[-1]}" if len(words) > 1 else "".join(words)


def distinct_reasons(reasons: Sequence[str]) -> list[str]:
    """Each sentence once: a property's reason strings together what the field and labels beside it say one by one."""
    told: list[str] = []
    for reason in sorted(filter(None, dict.fromkeys(reasons)), key=len):
        rest = reason
        for known in told:
            rest = rest.replace(known, "\0")
        told.extend(piece for part in rest.split("\0") if (piece := part.strip("; ")) and piece not in told)
    return sorted(told, key=lambda one: next(number for number, reason in enumerate(reasons) if one in reason))
