"""What a user reads when something cannot be done: what is wrong, and the fix. Never a traceback, unless it was asked for."""

from __future__ import annotations

import os
import sys
import traceback
from typing import TYPE_CHECKING

from rich.text import Text

from config.problems import ConfigError, Problem
from connectors.errors import SourceError
from sync.outcome import ExitCode

if TYPE_CHECKING:
    from sync.store.leases import LeaseHeld


class UsageProblem(Exception):
    """Something about how the command was called cannot work. `fix` says what to do instead."""

    def __init__(self, message: str, fix: str) -> None:
        self.message = message
        self.fix = fix
        super().__init__(f"{message}; {fix}")


def explained(error: Exception, *, verbose: int, color: bool) -> ExitCode:
    """Says on standard error what is wrong, and returns the exit code that it stands for."""
    from sync.cli.consoles import Paper
    from sync.cli.layout import show, wrapped
    from sync.logging import without_secrets

    if verbose >= 2:
        sys.stderr.write(without_secrets("".join(traceback.format_exception(error)), os.environ))
    console = Paper(stderr=True, no_color=None if color else True, highlight=False)
    if isinstance(error, ConfigError):
        for problem in error.problems:
            show(console, problem_lines(problem, console.width))
        return ExitCode.USAGE
    code, said, fix = _in_words(error)
    show(console, wrapped(Text.assemble(("error: ", "bold red"), said), console.width, hanging=2))
    if fix:
        show(console, wrapped(f"fix: {fix}", console.width, indent=2, hanging=7))
    return code


def problem_lines(problem: Problem, width: int) -> list[Text]:
    """One finding about the project file or the environment, as compilers tell theirs."""
    from sync.cli.layout import wrapped

    said = Text(str(problem))
    said.highlight_words([f"{problem.level}:"], style="bold red" if problem.level == "error" else "bold yellow")
    return wrapped(said, width, hanging=2)


def _in_words(error: Exception) -> tuple[ExitCode, str, str | None]:
    from sync.savedplan import PlanRefused, PlanUnreadable
    from sync.store.errors import StoreError
    from sync.store.leases import LeaseHeld, LeaseLost

    match error:
        case UsageProblem():
            return ExitCode.USAGE, error.message, error.fix
        case PlanUnreadable():
            return ExitCode.USAGE, str(error), None
        case PlanRefused():
            return ExitCode.REFUSED, str(error), None
        case LeaseHeld():
            return ExitCode.LEASE_HELD, _held(error), "wait for it, or give --wait more time"
        case LeaseLost():
            return ExitCode.ERROR, str(error), None
        case StoreError():
            return ExitCode.ERROR, error.message, error.fix
        case SourceError():
            return ExitCode.ERROR, f"{error.source}: {error.message}", error.fix
        case OSError():
            what = f"{error.filename}: " if error.filename else ""
            return ExitCode.ERROR, f"{what}{error.strerror or error}", None
    return (
        ExitCode.ERROR,
        f"an unexpected {type(error).__name__} stopped the command; this is a mistake of Milepost",
        "run it with -vv and report what it prints",
    )


def _held(error: LeaseHeld) -> str:
    return f"{at_work(error.name, error.holder)}, until {error.until} unless it ends sooner or goes on"


def at_work(lease: str, holder: str) -> str:
    """What the holder of a lease is doing."""
    job, _, rest = lease.partition(":")
    jobs = {
        "pull": f"{rest.partition(':')[0]} is being pulled by run",
        "apply": f"project {rest} is being written by run",
        "retention": "what is old is being dropped by",
    }
    return f"{jobs.get(job, f'{lease} is held by')} {holder}"
