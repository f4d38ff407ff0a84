"""A clock for what others act on after a time: nobody can set it, and it goes on while the machine sleeps."""

from __future__ import annotations

import time

# On Linux, unlike elsewhere, the monotonic clock stands still while the machine sleeps.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def uptime() -> float:
    """Seconds since some moment in the past."""
    return time.clock_gettime(_CLOCK)
