"""What a user reads when something cannot be done: what is wrong, and the fix. Never a traceback, unless it was asked for."""

from __future__ import annotations

import json
import sys
import traceback
from datetime import datetime

from config.problems import ConfigError
from connectors.errors import SourceError
from sync.outcome import ExitCode


class UsageProblem(Exception):
    """Something about how the command was called cannot work. `fix` says what to do instead."""

    def __init__(self, message: str, fix: str) -> None:
        self.message = message
        self.fix = fix
        super().__init__(f"{message}; {fix}")


def explained(error: Exception, *, verbose: int) -> ExitCode:
    """Prints the error to standard error and returns the exit code that it stands for."""
    if verbose >= 2:
        traceback.print_exception(error, file=sys.stderr)
    code, lines = _in_words(error)
    sys.stderr.write("".join(f"{line}\n" for line in lines))
    return code


def _in_words(error: Exception) -> tuple[ExitCode, list[str]]:
    from sync.savedplan import PlanRefused
    from sync.store.errors import StoreError
    from sync.store.leases import LeaseHeld

    match error:
        case ConfigError():
            return ExitCode.USAGE, [str(problem) for problem in error.problems]
        case UsageProblem():
            return ExitCode.USAGE, [f"error: {error.message}", f"  fix: {error.fix}"]
        case PlanRefused():
            return ExitCode.REFUSED, [f"error: {error}"]
        case LeaseHeld():
            return ExitCode.LEASE_HELD, [f"error: {_held(error.name, error.holder, error.expires_at)}"]
        case StoreError():
            return ExitCode.ERROR, [f"error: {error.message}", f"  fix: {error.fix}"]
        case SourceError():
            return ExitCode.ERROR, [f"error: {error.source}: {error.message}", *([f"  fix: {error.fix}"] if error.fix else [])]
        case BrokenPipeError():
            return ExitCode.DONE, []
    kind = json.dumps(type(error).__name__)
    return ExitCode.ERROR, [
        f"error: an unexpected {kind} stopped the command; this is a mistake of Milepost",
        "  fix: run it with -vv and report what it prints",
    ]


def _held(name: str, holder: str, expires_at: datetime) -> str:
    return f"{name} is held by run {holder} until {expires_at:%H:%M:%S} UTC; wait for it, or give --wait more time"
