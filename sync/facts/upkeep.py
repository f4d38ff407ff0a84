"""Whether a model is due for training, by the project's schedule."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from mappings.conditions import format_duration
from mappings.model import ModelVersion, Observation, Ref, Run
from sync.facts.serving import serving_links
from sync.facts.training import made_by
from sync.moments import day_in, in_words, is_ahead, later
from sync.view import Fact, Unknown, View, model_of


def training_due(version: ModelVersion, view: View) -> Fact | Unknown:
    """Whether its model was trained too long ago, or has drifted too often since. What counts is the last training of the model,
    also when its version does not serve yet.

    What was not read could only be a later training: it may make a model due no longer, and never due.
    """
    every, drifts = view.project.retrain_every, view.project.retrain_after_drifts
    if every is None and drifts is None:
        return Fact(False, "has no training schedule")
    trained_at, lacks = _last_training(version, view)
    lacks = [*lacks, *view.freshness.absent_proof_lacks(("run", "model_version"))]
    if trained_at is None:
        return Unknown(tuple(lacks) or (f"when {version.name} was trained",))
    trained = f"was last trained on {day_in(trained_at, view.project.timezone)}"
    ends = later(trained_at, every) if every is not None else None
    if every is not None and ends is not None and ends <= view.now:
        return _unless(lacks, Fact(True, f"{trained}, more than {in_words(every)} ago", format_duration(every)))
    if drifts is None:
        return Fact(False, trained, format_duration(every) if every is not None else None, ends)
    limit = f"{drifts} time{'' if drifts == 1 else 's'}"
    failed, unsure = _failed_drifts(version, trained_at, view)
    if failed >= drifts:
        return _unless(lacks, Fact(True, f"{trained} and has drifted {failed} time{'' if failed == 1 else 's'} since", limit))
    unread = view.freshness.absent_proof_lacks(("observation", "run", "deployment"))
    return _unless([*unsure, *unread], Fact(False, trained, limit, ends))


def _last_training(version: ModelVersion, view: View) -> tuple[datetime | None, Sequence[str]]:
    """When its model was surely trained last, and what is lacking to know of every training; worked out once for all versions."""
    model = model_of(version)
    return view.once(("last training", model), lambda: _last_of(view.versions_by_model[model], view))


def _last_of(versions: Sequence[ModelVersion], view: View) -> tuple[datetime | None, Sequence[str]]:
    """A training that did not come to its end, or whose result was rejected, does not count."""
    times: list[datetime] = []
    lacks: list[str] = []
    for one in versions:
        run = made_by(one, view)
        if one.approval == "rejected" or (isinstance(run, Run) and run.status in _UNFINISHED):
            continue
        doubts = [*view.lacks(one.ref), *(run.missing if isinstance(run, Unknown) else ())]
        if isinstance(run, Run) and run.status == "unknown":
            doubts.append(f"whether run {run.run_id} finished")
        time = _ended(run) if isinstance(run, Run) else one.created_at
        if doubts:
            lacks.extend(doubts)
        elif time is not None and not is_ahead(time, view.now):
            times.append(time)
    return max(times, default=None), list(dict.fromkeys(lacks))


_UNFINISHED = frozenset({"failed", "killed", "running", "scheduled"})


def _ended(run: Run) -> datetime | None:
    return run.ended_at or run.started_at or run.created_at


def _failed_drifts(version: ModelVersion, since: datetime, view: View) -> tuple[int, Sequence[str]]:
    """How many failed results of drift monitors are sure, and what the others lack to be. An alarm tells of results that its
    monitor found, and counts where these are not known."""
    watched = {version.ref: view.lacks(version.ref)} | {
        link.source: view.deploys_lacks(link) for link in serving_links(version, view)
    }
    seen = [one for ref in watched for one in view.graph.observations_of(ref)]
    failed = [one for one in seen if one.kind == "drift" and one.outcome == "failed" and since < one.observed_at <= view.now]
    doubts = [[*watched[one.subject], *view.lacks(one.ref)] for one in failed]
    found = Counter((_monitor_of(one), one.lasting) for one, lacks in zip(failed, doubts, strict=True) if not lacks)
    count = sum(max(found[monitor, False], found[monitor, True]) for monitor in {monitor for monitor, _ in found})
    return count, list(dict.fromkeys(lack for lacks in doubts for lack in lacks))


def _monitor_of(observation: Observation) -> tuple[Ref, str, str]:
    """What one monitor's results and alarms have in common: they are called by it, and after a slash by what they are of."""
    return observation.subject, observation.ref.source, observation.monitor.partition("/")[0]


def _unless(lacks: Sequence[str], fact: Fact) -> Fact | Unknown:
    return Unknown(tuple(dict.fromkeys(lacks))) if lacks else fact
