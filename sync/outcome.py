"""Exit codes: what a cron job or a pipeline learns of a run."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum


class ExitCode(IntEnum):
    """The documented exit codes. Each has one meaning over all commands."""

    DONE = 0
    ERROR = 1
    USAGE = 2
    PARTIAL = 3
    CHANGES = 4
    REFUSED = 5
    LEASE_HELD = 6


MEANINGS = {
    ExitCode.DONE: "done",
    ExitCode.ERROR: "an error; nothing more was done",
    ExitCode.USAGE: "wrong usage or configuration",
    ExitCode.PARTIAL: "partial: a source or a change failed, the rest was done",
    ExitCode.CHANGES: "`plan --exit-code` found changes",
    ExitCode.REFUSED: "refused by the safety check",
    ExitCode.LEASE_HELD: "another run holds the lease",
}

_ORDER = (
    ExitCode.USAGE,
    ExitCode.ERROR,
    ExitCode.LEASE_HELD,
    ExitCode.REFUSED,
    ExitCode.PARTIAL,
    ExitCode.CHANGES,
    ExitCode.DONE,
)


def worst(codes: Iterable[ExitCode]) -> ExitCode:
    """The one that counts where several hold."""
    held = set(codes)
    return next((code for code in _ORDER if code in held), ExitCode.DONE)
