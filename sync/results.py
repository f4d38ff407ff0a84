"""What a run comes to: what was pulled, planned, applied and taken back, as the exit code and the run's record tell it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

import msgspec

from mappings.change import Plan, additions
from sync.apply import Applied
from sync.assess import Assessment
from sync.outcome import ExitCode
from sync.pull import Pulled


class ProjectRun(msgspec.Struct, frozen=True, kw_only=True):
    """One project's part of a run. `refused` says why its plan was too large, `failed` why it or a source had to be left alone.

    Of a refused plan only what takes back what is no longer known is applied, if there is such.
    """

    assessment: Assessment
    plan: Plan | None = None
    refused: str | None = None
    applied: Applied | None = None
    failed: str | None = None

    @property
    def added(self) -> int:
        """The additions that were made, or that would be where the plan is only made."""
        if self.applied is not None:
            return additions(result.change for result in self.applied.results if result.state == "done")
        return additions(self.plan.changes) if self.plan is not None and self.refused is None else 0


class Withdrawn(msgspec.Struct, frozen=True, kw_only=True):
    """What was or would be taken back of one project. `failed` says why something could not even be tried."""

    plan: Plan
    applied: Applied | None = None
    failed: str | None = None


class RunResult(msgspec.Struct, frozen=True, kw_only=True):
    """A finished run. `notices` are for people to look at, and no failures."""

    id: str
    command: str
    started_at: datetime
    finished_at: datetime
    exit_code: ExitCode
    pulled: Mapping[str, Pulled]
    projects: Sequence[ProjectRun]
    notices: Sequence[str] = ()

    @property
    def seconds(self) -> float:
        return (self.finished_at - self.started_at).total_seconds()


def codes(pulled: Iterable[Pulled], parts: Iterable[ProjectRun | Withdrawn]) -> Iterator[ExitCode]:
    """The exit codes that what was done asks for, none where all went well."""
    for one in pulled:
        if one.failed:
            yield ExitCode.PARTIAL
        if any(finding.safety for finding in one.findings):
            yield ExitCode.REFUSED
    for part in parts:
        if isinstance(part, ProjectRun) and part.refused is not None:
            yield ExitCode.REFUSED
        if part.failed is not None or (part.applied is not None and part.applied.is_partial):
            yield ExitCode.PARTIAL


def summary(pulled: Iterable[Pulled], parts: Sequence[ProjectRun | Withdrawn]) -> dict[str, object]:
    """How much was read, planned and written, for the run's record."""
    events = [event for one in pulled for event in one.events]
    plans = [part.plan for part in parts if part.plan is not None]
    applied = [part.applied for part in parts if part.applied is not None]
    return {
        "records": sum(event.records for event in events),
        "requests": sum(event.requests for event in events),
        "rejected": sum(event.rejected for event in events),
        "planned": sum(len(plan.changes) for plan in plans),
        "written": sum(one.count("done") for one in applied),
        "failed": sum(one.count("failed") + one.count("unsent") for one in applied),
        "conflicts": sum(one.count("conflict") for one in applied),
    }
