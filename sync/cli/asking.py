"""What people see while sources are checked: a live line for each that has not answered yet, or which are asked."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Lock
from time import monotonic
from typing import Any

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TaskID, TimeElapsedColumn

from sync.check import Asking
from sync.cli.layout import show, wrapped
from sync.cli.progress import field
from sync.cli.style import listed, plural
from sync.source import Source


class Waiting:
    """The lines of those that have not answered yet. Where standard error is no terminal, there are none."""

    def __init__(self, console: Console, sources: Sequence[Source]) -> None:
        self._console = console
        self._lock = Lock()
        self._left = {source.name: Asking(source=source.name) for source in sources}
        self._began = monotonic()
        self._tasks: dict[str, TaskID] = {}
        self._progress = self._drawn()

    def show(self, asking: Asking) -> None:
        """How far one is; may be called from any thread."""
        with self._lock:
            self._left[asking.source] = asking
            self._progress.update(self._tasks[asking.source], **_texts(asking))

    @contextmanager
    def aside(self, source: str) -> Iterator[None]:
        """No line is there while the block shows what this source has answered."""
        self.stop()
        yield
        with self._lock:
            del self._left[source]
            self._progress = self._drawn()

    def stop(self) -> None:
        """Takes the lines away."""
        with self._lock:
            self._progress.stop()

    def _drawn(self) -> Progress:
        """New ones each time: those that were taken away do not know what stands above them now."""
        columns = (SpinnerColumn(), field("source", "bold"), field("asked"), field("requests", "dim"), TimeElapsedColumn())
        progress = Progress(*columns, console=self._console, transient=True, disable=not (sys.stderr.isatty() and self._left))
        self._tasks = {name: progress.add_task("", total=None, **_texts(one)) for name, one in self._left.items()}
        for task in progress.tasks:
            task.start_time = self._began
        progress.start()
        return progress


@contextmanager
def waiting_for(console: Console, sources: Sequence[Source]) -> Iterator[Waiting]:
    """Lines that are gone at the end of the block."""
    if sources and not sys.stderr.isatty():
        names = listed([source.name for source in sources])
        show(console, wrapped(f"asking {names}; what does not answer is tried again for some minutes", console.width))
    waiting = Waiting(console, sources)
    try:
        yield waiting
    finally:
        waiting.stop()


def _texts(asking: Asking) -> dict[str, Any]:
    about = f"is asked for {asking.scope}" if asking.scope is not None else "is asked"
    return {"source": asking.source, "asked": about, "requests": plural(asking.requests, "request")}
