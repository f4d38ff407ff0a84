"""Whether a model is due for training, by the project's schedule."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from mappings.conditions import format_duration
from mappings.model import ModelVersion, Observation, Run
from sync.facts.training import made_by
from sync.moments import day_in, in_words, is_ahead, later
from sync.view import Fact, Unknown, View


def training_due(version: ModelVersion, view: View) -> Fact | Unknown:
    """Whether its model was trained too long ago, or has drifted too often since. What counts is the last training of the model,
    also when its version does not serve yet."""
    every, drifts = view.project.retrain_every, view.project.retrain_after_drifts
    if every is None and drifts is None:
        return Fact(False, "has no training schedule")
    trained_at = _last_training(version, view)
    if isinstance(trained_at, Unknown):
        return trained_at
    trained = f"was last trained on {day_in(trained_at, view.project.timezone)}"
    if drifts is not None:
        failed = _failed_drifts(version, trained_at, view)
        if len(failed) >= drifts:
            return _unless_trained_since(
                Fact(True, f"{trained} and has drifted {len(failed)} times since", f"{drifts} times"), view
            )
    ends = later(trained_at, every) if every is not None else None
    if every is not None and ends is not None and ends <= view.now:
        return _unless_trained_since(Fact(True, f"{trained}, more than {in_words(every)} ago", format_duration(every)), view)
    lacks = view.freshness.absent_proof_lacks(("observation", "run")) if drifts is not None else ()
    limit = format_duration(every) if every is not None else f"{drifts} times"
    return Unknown(tuple(lacks)) if lacks else Fact(False, trained, limit, ends)


def _last_training(version: ModelVersion, view: View) -> datetime | Unknown:
    times: list[datetime] = []
    for one in view.versions_by_model[version.ref.source, version.name]:
        run = made_by(one, view)
        if isinstance(run, Unknown):
            if one.ref == version.ref:
                return run
            continue
        time = _ended(run) if run is not None else one.created_at
        if time is not None and not is_ahead(time, view.now):
            times.append(time)
    return max(times) if times else Unknown((f"when {version.name} was trained",))


def _ended(run: Run) -> datetime | None:
    return run.ended_at or run.started_at or run.created_at


def _failed_drifts(version: ModelVersion, since: datetime, view: View) -> Sequence[Observation]:
    serving = (
        link.source for link in view.graph.links_to(version.ref) if link.relation == "deploys" and link.confidence != "textual"
    )
    seen = [one for ref in (version.ref, *serving) for one in view.graph.observations_of(ref)]
    return [one for one in seen if one.kind == "drift" and one.outcome == "failed" and since < one.observed_at <= view.now]


def _unless_trained_since(fact: Fact, view: View) -> Fact | Unknown:
    lacks = view.freshness.absent_proof_lacks(("run", "model_version"))
    return Unknown(tuple(lacks)) if lacks else fact
