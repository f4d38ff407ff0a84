"""Facts of runs, and of what model versions have from theirs."""

from __future__ import annotations

from collections.abc import Mapping

from mappings.conditions import matches
from mappings.model import ModelVersion, Run
from mappings.tags import said_by
from sync.facts.merges import merged
from sync.view import Fact, Unknown, View


def meets_thresholds(run: Run | None, view: View) -> Fact | Unknown:
    """True only if every metric that the thresholds name is there and within its limits. No thresholds: nothing to miss. What the
    source of the run never tells is not known."""
    if run is None:
        return Fact(False, "has no known run to take metrics from")
    if not view.project.thresholds:
        return Fact(True, "has no thresholds to meet")
    failing: list[str] = []
    passing: list[str] = []
    untold: list[str] = []
    for glob, bound in view.project.thresholds.items():
        named = {name: value for name, value in run.metrics.items() if matches(name, [glob])}
        if not named and not run.tells_metrics:
            untold.append(f"{glob} of run {run.name or run.run_id}, as {run.ref.source} tells no metrics")
        elif not named:
            failing.append(f"has no metric {glob} (limit {bound})")
        for name, value in sorted(named.items()):
            if value is None:
                failing.append(f"has no number for {name} (limit {bound})")
            else:
                (passing if bound.holds(value) else failing).append(f"has {name} {value:.6g} (limit {bound})")
    if untold and not failing:
        return Unknown(tuple(untold))
    limits = ", ".join(f"{glob} {bound}" for glob, bound in view.project.thresholds.items())
    return Fact(not failing, " and ".join(failing or passing), limits)


def made_by(version: ModelVersion, view: View) -> Run | Unknown | None:
    """The run that made a version; None when it is known to have none."""
    run = view.run_of(version)
    if run is not None:
        lacks = view.lacks(run.ref)
        return Unknown(tuple(lacks)) if lacks else run
    tagged = any(said_by(version.tags, view.project.tags.run))
    may_have_one = version.run is not None or version.artifact_uri is not None or tagged
    lacks = view.freshness.absent_proof_lacks(("run",)) if may_have_one else ()
    return Unknown(tuple(lacks)) if lacks else None


RUN_WORDS: Mapping[str, str] = {
    "finished": "finished",
    "failed": "failed",
    "killed": "was stopped",
    "running": "is still running",
    "scheduled": "has not started yet",
}


def run_status(version: ModelVersion, view: View) -> Fact | Unknown:
    run = made_by(version, view)
    if isinstance(run, Unknown):
        return run
    if run is None:
        return Fact(None, "has no known run")
    return Fact(run.status, f"comes from a run that {RUN_WORDS.get(run.status, 'is in no known state')}")


def version_meets(version: ModelVersion, view: View) -> Fact | Unknown:
    run = made_by(version, view)
    return run if isinstance(run, Unknown) else meets_thresholds(run, view)


def version_merged(version: ModelVersion, view: View) -> Fact | Unknown:
    """By its run's commit or by the commit that it names itself."""
    run = made_by(version, view)
    found = merged([version.ref, run.ref] if isinstance(run, Run) else [version.ref], view)
    proven = isinstance(found, Fact) and found.value is True
    return run if isinstance(run, Unknown) and not proven else found
