"""The thin seam behind which the job engine is. What is due stands in the store's tables: the engine only wakes and schedules.

A job is a name and what it is about. It may be run any number of times, by anybody, at any moment: what it finds to do in the store
it does, and it does nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Literal, Protocol, TypeAlias

import msgspec

Kind: TypeAlias = Literal["take-in", "relist", "reconcile", "follow", "retain"]


class Job(msgspec.Struct, frozen=True, order=True):
    """What to do, and about which source or project; of a scheduled one also for which moment."""

    kind: Kind
    subject: str = ""
    moment: datetime | None = None

    @property
    def key(self) -> str:
        """Of jobs with the same key, one waits or runs at a time."""
        return f"{self.kind}:{self.subject}"

    def __str__(self) -> str:
        return self.key if self.moment is None else f"{self.key}@{self.moment:%Y-%m-%dT%H:%MZ}"


Work: TypeAlias = Callable[[Job], None]
"""Does a job, in the thread that calls it."""


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """A job that the engine has: `executor` runs it, or did when it died; None while it waits."""

    job: Job
    executor: str | None


class JobEngine(Protocol):
    """Runs jobs on whichever worker has room. None of it raises when the engine's database is away: the sweeper asks again."""

    def submit(self, job: Job) -> bool:
        """The job runs soon. False where the same one waits or runs, or nobody can tell."""
        ...

    def schedule(self, job: Job) -> bool:
        """The same for what a schedule asks for: it never keeps waiting what was submitted."""
        ...

    def recover(self, executor: str) -> int:
        """Gives what a dead worker had begun to the others. Returns how many jobs.

        Of this worker itself, which lives: what it was given and does not run, since the answer got lost; the second time that it
        is found so.
        """
        ...

    def status(self) -> Sequence[Held]:
        """The jobs that wait or run."""
        ...

    def run_once(self, job: Job) -> None:
        """Runs a job here and now, whatever waits."""
        ...

    def forget(self) -> int:
        """Drops a batch of what ended long ago. Returns how many jobs."""
        ...
