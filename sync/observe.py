"""Observations that a project's naming finds in runs and model versions: metrics and tags that speak of data quality, drift,
performance or bias.

A monitoring run names the model version that it watched by the tag `milepost.model_version` (`<name>/<version>`), or by the logged
model that it took as input. A quality check speaks of the datasets that are its run's inputs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

import msgspec

from mappings.conditions import Bound, matches
from mappings.model import Entity, ModelVersion, Observation, ObservationKind, Outcome, Ref, Run
from mappings.moments import utc
from mappings.tags import OWN, TagNames, said_by
from sync.makers import makers
from sync.moments import is_ahead
from sync.project import Baseline, ProjectView

TIME_TAG = "milepost.observed_at"

_PASSED = frozenset({"passed", "pass", "ok", "true", "1", "success", "green"})
_FAILED = frozenset({"failed", "fail", "error", "false", "0", "red", "violated"})


def observe(
    entities: Iterable[Entity], project: ProjectView, history: Iterable[Observation], *, now: datetime
) -> Sequence[Observation]:
    """Every observation that the entities show, in a stable order.

    A tag of a model version bears no time of its own: it counts as observed at `milepost.observed_at`, else when its value was
    first seen, which `history` (the stored observations) remembers, else at `now`. A time that lies ahead is nobody's observation:
    it would outdate every later result until its day came.
    """
    known = list(entities)
    runs = {entity.ref: entity for entity in known if isinstance(entity, Run)}
    past = sorted((one for one in history if not is_ahead(one.observed_at, now)), key=lambda one: (one.observed_at, one.ref))
    newest = {(one.subject, one.monitor, one.kind): one for one in past}
    versions = [entity for entity in known if isinstance(entity, ModelVersion)]
    subjects = _Subjects(versions)
    trainings = _trainings(versions, runs, project.tags) if project.baselines else {}
    found: list[Observation] = []
    for run in runs.values():
        found.extend(_of_run(run, project, subjects, trainings, now))
    for version in versions:
        found.extend(_of_version(version, project, newest, trainings, now))
    # A place may show the same thing twice, as a metric and as a tag: the metric, which comes first, counts.
    unique = {one.ref: one for one in reversed(found)}
    return [unique[ref] for ref in sorted(unique)]


def still_named(one: Observation, project: ProjectView) -> bool:
    """Whether the project's naming would still find an observation, of a source where only the naming finds any."""
    limits = {"drift": project.drift, "performance": {**project.performance, **project.baselines}, "bias": project.bias}
    if one.kind == "data_quality":
        return _is_quality(one.monitor, project)
    return any(matches(one.monitor, [glob]) for glob in limits.get(one.kind, ()))


class _Subjects:
    """Which model versions a run speaks of."""

    def __init__(self, versions: Sequence[ModelVersion]) -> None:
        self._by_name = {(version.ref.source, f"{version.name}/{version.version}"): version for version in versions}
        self._by_model: dict[tuple[str, str], list[ModelVersion]] = {}
        self._by_run: dict[Ref, list[ModelVersion]] = {}
        for version in versions:
            if version.model_id:
                self._by_model.setdefault((version.ref.source, version.model_id), []).append(version)
            if version.run:
                self._by_run.setdefault(version.run, []).append(version)

    def of(self, run: Run) -> Sequence[ModelVersion]:
        named = [text.removeprefix("models:/") for _, text in said_by(run.tags, OWN["model_version"])]
        if named:
            subjects = (self._by_name.get((run.ref.source, one)) for one in dict.fromkeys(named))
            return [subject for subject in subjects if subject is not None]
        taken = [version for model in run.models for version in self._by_model.get((run.ref.source, model), ())]
        return taken or self._by_run.get(run.ref, [])


def _trainings(versions: Sequence[ModelVersion], runs: Mapping[Ref, Run], names: TagNames) -> Mapping[Ref, Sequence[Run]]:
    """By version, the records of the run that made it, where it is known for certain which one did."""
    made = makers(versions, runs.values(), names)
    return {version: [runs[one.run] for one in found if one.sure] for version, found in made.items()}


def _of_run(
    run: Run, project: ProjectView, subjects: _Subjects, trainings: Mapping[Ref, Sequence[Run]], now: datetime
) -> Iterator[Observation]:
    at = run.ended_at or run.started_at or run.created_at
    if at is None or is_ahead(at, now):
        return
    for name, value in sorted(run.metrics.items()):
        if _is_quality(name, project):
            bound = _limits(name, project.quality) or _limits(name, project.thresholds)
            outcome = _by_bound(value, bound) if bound is not None else _by_word("" if value is None else f"{value:g}")
            for use in run.datasets:
                yield _observation(run, use.dataset, name, "data_quality", outcome, value, str(bound) if bound else None, at)
    for name, text in sorted(run.tags.items()):
        if _is_quality(name, project):
            bound = _limits(name, project.quality)
            outcome = _by_word(text) if bound is None else _by_bound(_number(text), bound)
            for use in run.datasets:
                yield _observation(run, use.dataset, name, "data_quality", outcome, text, str(bound) if bound else None, at)
    measured = {**{name: _number(text) for name, text in run.tags.items()}, **run.metrics}
    for version in subjects.of(run):
        for name, value in sorted(measured.items()):
            for kind, limit in _watched(name, version, project, trainings):
                yield _observation(run, version.ref, name, kind, _by_limit(value, limit), value, _said(limit), at)


def _of_version(
    version: ModelVersion,
    project: ProjectView,
    newest: Mapping[tuple[Ref, str, ObservationKind], Observation],
    trainings: Mapping[Ref, Sequence[Run]],
    now: datetime,
) -> Iterator[Observation]:
    named = _time(next((text for _, text in said_by(version.tags, frozenset({TIME_TAG}))), None), now)
    for name, text in sorted(version.tags.items()):
        number = _number(text)
        for kind, limit in _watched(name, version, project, trainings):
            before = newest.get((version.ref, name, kind))
            unchanged = before is not None and before.value == number and before.threshold == _said(limit)
            at = named or (before.observed_at if before is not None and unchanged else now)
            yield _observation(version, version.ref, name, kind, _by_limit(number, limit), number, _said(limit), at, again=True)


class _Relative(msgspec.Struct, frozen=True):
    """A baseline for one version: `trained` is what its training run had, None where nobody knows."""

    baseline: Baseline
    trained: float | None

    @property
    def bound(self) -> Bound | None:
        if self.trained is None:
            return None
        if self.baseline.better == "higher":
            return Bound(gte=self.trained - self.baseline.tolerance)
        return Bound(lte=self.trained + self.baseline.tolerance)


def _watched(
    name: str, version: ModelVersion, project: ProjectView, trainings: Mapping[Ref, Sequence[Run]]
) -> Iterator[tuple[ObservationKind, Bound | _Relative]]:
    """What a metric or tag of this name says of a version that is watched, each with its limit."""
    limits: Sequence[tuple[ObservationKind, Mapping[str, Bound]]] = (
        ("drift", project.drift),
        ("performance", project.performance),
        ("bias", project.bias),
    )
    for kind, bounds in limits:
        bound = _limits(name, bounds)
        if bound is not None:
            yield kind, bound
        elif kind == "performance":
            for baseline in [one for glob, one in project.baselines.items() if matches(name, [glob])][:1]:
                measured = (run.metrics.get(baseline.metric) for run in trainings.get(version.ref, ()))
                yield kind, _Relative(baseline, next((one for one in measured if one is not None), None))


def _by_limit(value: float | None, limit: Bound | _Relative) -> Outcome:
    bound = limit.bound if isinstance(limit, _Relative) else limit
    return "unknown" if bound is None else _by_bound(value, bound)


def _said(limit: Bound | _Relative) -> str:
    if isinstance(limit, Bound):
        return str(limit)
    baseline = limit.baseline
    if limit.bound is None:
        return f"{baseline.metric} of its training, which is not known"
    return f"{limit.bound} ({baseline.metric} {limit.trained:.6g} at training, tolerance {baseline.tolerance:g})"


def _observation(
    seen_in: Run | ModelVersion,
    subject: Ref,
    monitor: str,
    kind: ObservationKind,
    outcome: Outcome,
    value: float | str | None,
    threshold: str | None,
    at: datetime,
    *,
    again: bool = False,
) -> Observation:
    """`again`: the same place shows a series of values, so the time belongs to the observation's identity."""
    what = [kind] if kind in ("performance", "bias") else []
    ident = "/".join([seen_in.ref.id, monitor, subject.id, *what, *([at.isoformat()] if again else [])])
    return Observation(
        ref=Ref(seen_in.ref.source, "observation", ident),
        url=seen_in.url,
        created_at=at,
        updated_at=at,
        subject=subject,
        monitor=monitor,
        kind=kind,
        outcome=outcome,
        value=value,
        threshold=threshold,
        observed_at=at,
    )


def _is_quality(name: str, project: ProjectView) -> bool:
    return matches(name, tuple(project.quality))


def _limits(name: str, limits: Mapping[str, Bound | None] | Mapping[str, Bound]) -> Bound | None:
    """The first limit, in the project file's order, whose glob matches."""
    return next((bound for glob, bound in limits.items() if matches(name, [glob])), None)


def _by_bound(value: float | None, bound: Bound) -> Outcome:
    if value is None:
        return "unknown"
    return "passed" if bound.holds(value) else "failed"


def _by_word(text: str) -> Outcome:
    word = text.strip().casefold()
    if word in _PASSED:
        return "passed"
    return "failed" if word in _FAILED else "unknown"


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if number - number == 0 else None


def _time(text: str | None, now: datetime) -> datetime | None:
    if text is None:
        return None
    try:
        time = utc(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        return None
    return None if is_ahead(time, now) else time
