"""The one clock of a world: the stand-ins tell its time, and so does the database unless its own clock is wrong."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

TICK = timedelta(milliseconds=1)


class Clock:
    """Moves on by a tick whenever it is looked at, so that no two things happen at once, and otherwise only when it is told to."""

    def __init__(self, start: datetime) -> None:
        self._now = start
        self.astray = timedelta()
        """How far the database's clock is ahead of the time."""
        self._lock = threading.Lock()

    def __call__(self) -> datetime:
        with self._lock:
            self._now += TICK
            return self._now

    def of_database(self) -> datetime:
        return self() + self.astray

    def advance(self, span: timedelta) -> None:
        """On by `span`, to a whole second: what happens then does not depend on how often the clock was looked at."""
        with self._lock:
            self._now = (self._now + span).replace(microsecond=0) + timedelta(seconds=1)
