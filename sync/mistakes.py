"""Exceptions that nobody expected: a mistake of ours, or a record that we cannot bear.

They are told by name and place. Their own text is left out: nobody knows what it quotes.
"""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from pathlib import PurePath

from connectors.errors import Cancelled
from sync.store.errors import StoreError
from sync.store.leases import LeaseHeld, LeaseLost

_EXPECTED = (StoreError, Cancelled, LeaseHeld, LeaseLost)


def is_mistake(error: BaseException) -> bool:
    """Whether trying again is likely to end so again: not where the store is away, somebody else is at work, or all is to stop."""
    return isinstance(error, Exception) and not isinstance(error, _EXPECTED)


def named(error: Exception) -> str:
    return f"an unexpected {type(error).__name__}; this is a mistake of Milepost"


def frames(error: Exception) -> Sequence[str]:
    """Where it came from, the innermost call last."""
    calls = traceback.extract_tb(error.__traceback__)
    return [f"{'/'.join(PurePath(call.filename).parts[-3:])}:{call.lineno} in {call.name}" for call in calls]
