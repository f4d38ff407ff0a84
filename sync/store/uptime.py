"""A clock for what others act on after a time: nobody can set it, and it goes on while the machine sleeps."""

from __future__ import annotations

import time

_CLOCK = getattr(
    time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC
)  # on Linux the monotonic clock stands still in a sleep, elsewhere not


def uptime() -> float:
    """Seconds since some moment in the past."""
    return time.clock_gettime(_CLOCK)
