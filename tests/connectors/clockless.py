"""A clock that nobody waits for."""

from __future__ import annotations

import threading


class Clockless(threading.Event):
    """A stop event whose waits end at once and are written down: retries and pauses are observed, not slept through."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.waits.append(timeout or 0.0)
        return self.is_set()
