"""The live lines of a pull, one for each source and stream; nothing at all where standard error is no terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import Any, Literal

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, Task, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Column
from rich.text import Text

from sync.cli.streams import together
from sync.cli.style import plural
from sync.progress import Report, StreamEvent, unwatched
from sync.source import Source

_ROOM_FOR_BARS = 100


@contextmanager
def watching(console: Console, sources: Sequence[Source]) -> Iterator[Report]:
    """A report function that draws; it may be called from any thread."""
    if not sys.stderr.isatty():
        yield unwatched
        return
    with Progress(*_columns(console.width), console=console, transient=True) as progress:
        yield _Lines(progress, sources).show


def _columns(width: int) -> Sequence[ProgressColumn]:
    bar = [BarColumn(bar_width=16)] if width >= _ROOM_FOR_BARS else []
    return [
        _Sign(finished_text=Text("✓", style="green")),
        field("source", "bold"),
        field("stream"),
        *bar,
        field("records", justify="right"),
        field("pages", justify="right"),
        field("budget", "dim", "right"),
        TimeRemainingColumn(compact=True, elapsed_when_finished=True),
    ]


def field(name: str, style: str = "none", justify: Literal["left", "right"] = "left") -> TextColumn:
    """A column of what the tasks call so, as it stands."""
    column = Column(justify=justify, no_wrap=True)
    return TextColumn(f"{{task.fields[{name}]}}", style=style, justify=justify, markup=False, table_column=column)


class _Sign(SpinnerColumn):
    """A spinner that ends in a sign for how it went."""

    def render(self, task: Task) -> RenderableType:
        return Text("✗", style="red") if task.fields["records"] == "failed" else super().render(task)


class _Lines:
    """The lines stand from the beginning, so that nothing jumps; each adds up the scopes of its stream."""

    def __init__(self, progress: Progress, sources: Sequence[Source]) -> None:
        self._progress = progress
        self._lock = Lock()
        self._events: dict[tuple[str, str], dict[str, StreamEvent]] = {}
        self._tasks: dict[tuple[str, str], TaskID] = {}
        for source in sources:
            for stream in source.connection.streams:
                waiting = StreamEvent(source=source.name, stream=stream, scope="", state="waiting")
                key = (source.name, stream)
                self._events[key] = {scope.label: waiting for scope in source.scopes}
                self._tasks[key] = progress.add_task("", start=False, total=None, **figures(waiting))

    def show(self, event: StreamEvent) -> None:
        key = (event.source, event.stream)
        with self._lock:
            self._events[key][event.scope] = event
            task = self._tasks[key]
            self._progress.start_task(task)
            all_scopes = together(list(self._events[key].values()))
            done = all_scopes.state in ("done", "failed")
            total = max(all_scopes.records, 1) if done else all_scopes.total
            completed = total if done else all_scopes.records
            self._progress.update(task, total=total, completed=completed, **figures(all_scopes))


def figures(event: StreamEvent) -> dict[str, Any]:
    """The texts of one line: `1,200 of 5,000 records`, `12 pages`, `4,988 left` of the rate budget."""
    known = event.total is not None and event.state == "pulling"
    counted = f"{event.records:,} of {event.total:,} records" if known else plural(event.records, "record")
    left = "" if event.remaining is None else f"{event.remaining:,} left"
    return {
        "source": event.source,
        "stream": event.stream.replace("_", " "),
        "records": {"failed": "failed", "waiting": "waiting"}.get(event.state, counted),
        "pages": plural(event.pages, "page") if event.pages else "",
        "budget": left,
    }
