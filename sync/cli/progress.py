"""The live lines of a pull, one for each source and stream; nothing at all where standard error is no terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeRemainingColumn

from sync.progress import Report, StreamEvent, unwatched


@contextmanager
def watching(console: Console) -> Iterator[Report]:
    """A report function that draws; it may be called from any thread."""
    if not console.is_terminal:
        yield unwatched
        return
    progress = Progress(
        SpinnerColumn(finished_text="[green]✓[/]"),
        TextColumn("{task.fields[source]}", style="bold", table_column=None),
        TextColumn("{task.fields[stream]}"),
        BarColumn(bar_width=16),
        TextColumn("{task.fields[figures]}", style="dim"),
        TimeRemainingColumn(compact=True),
        console=console,
        transient=True,
    )
    with progress:
        yield _Lines(progress).show


class _Lines:
    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[tuple[str, str, str], TaskID] = {}
        self._lock = Lock()

    def show(self, event: StreamEvent) -> None:
        key = (event.source, event.stream, event.scope)
        with self._lock:
            if key not in self._tasks:
                self._tasks[key] = self._progress.add_task("", total=None, source=event.source, stream=event.stream, figures="")
            done = event.state in ("done", "failed")
            total = max(event.records, 1) if done else event.total
            self._progress.update(self._tasks[key], total=total, completed=total if done else event.records, figures=figures(event))


def figures(event: StreamEvent) -> str:
    """`1,200 records · 12 pages · 4,988 of 5,000 left`, or the failure."""
    if event.state == "failed":
        return "failed"
    parts = [f"{event.records:,} records", f"{event.pages:,} pages"]
    if event.remaining is not None:
        parts.append(f"{event.remaining:,} left" if event.limit is None else f"{event.remaining:,} of {event.limit:,} left")
    return " · ".join(parts)
