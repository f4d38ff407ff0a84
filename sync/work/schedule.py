"""When a schedule asks for something: at which moment last, and whether that is still to be done.

What was missed is made up once, whatever was missed of it. Each schedule is shifted by a part of a minute of its own, always the
same, so that not everything begins at once.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

from croniter import croniter  # type: ignore[import-untyped]  # the library has no types

SPREAD = timedelta(seconds=60)


def moment_to_do(name: str, cron: str, done: datetime | None, now: datetime) -> datetime | None:
    """The last moment before `now` that `cron` names in five fields, in UTC, unless it or a later one is done with: `done` is the
    last that is. The first one is always to be done.

    A moment that lies ahead was noted by a clock that was ahead, and counts as none.
    """
    last: datetime = croniter(cron, now - offset(name)).get_prev(datetime)
    return None if done is not None and last <= done <= now else last


def offset(name: str) -> timedelta:
    """By how much a schedule is shifted: less than `SPREAD`, always the same for one name."""
    share = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=4).digest(), "big") / (1 << 32)
    return share * SPREAD
