"""Azure Machine Learning's model monitors: what each run of a monitor's schedule says of each of its signals.

A schedule starts jobs whose display name is its own and the time of the start. A step that finds a signal beyond its limits puts a
tag on itself; where people are to be told, the job gets one of the signal's name as well. The value is a message that names the
signal and, as JSON in the text, the metrics. So a signal passed only if the job ended well and none of its steps says otherwise.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from mappings.azureml import each, job, times
from mappings.azureml_names import Site
from mappings.azureml_records import JobRecord, MonitorDefinition, ScheduleRecord, Signal
from mappings.decoding import decoder_for
from mappings.model import Observation, ObservationKind, Outcome, Ref, Rejected, Run

BREACHED_TAG = "azureml_modelmonitor_threshold_breached"
BREACHED_SIGNAL_TAG = "azureml.modelmonitor.threshold.breached."
"""With the signal's name behind it."""

_STARTED_BY = re.compile(r"(?P<schedule>.+)-\d{8}T\d{6}Z")
_SIGNAL = re.compile(r"signal '(?P<signal>[^']+)'", re.IGNORECASE)
_METRIC = re.compile(r"\{[^{}]*\}")
_KINDS: Mapping[str, ObservationKind] = {
    "datadrift": "drift",
    "predictiondrift": "drift",
    "dataquality": "data_quality",
    "featureattributiondrift": "explainability",
    "modelperformance": "performance",
    "generationsafetyquality": "performance",
    "generationtokenstatistics": "performance",
}
_MOST_DETAILS = 5
_LONGEST_DETAIL = 300


class Monitor(msgspec.Struct, frozen=True, kw_only=True):
    """A schedule that monitors. `deployment` and `model` are what it watches, as far as they are of this workspace. Its signals are
    those since `changed_at`: nobody tells which ones it had before."""

    name: str
    deployment: Ref | None
    model: Ref | None
    signals: Mapping[str, Signal]
    changed_at: datetime | None = None

    @property
    def subject(self) -> Ref | None:
        return self.deployment or self.model


class Breach(msgspec.Struct, frozen=True):
    """One metric that passed its limit, as the message on the run tells it."""

    group: str | None = None
    metric_name: str | None = None
    metric_value: float | None = None
    threshold_value: float | None = None


def monitors(site: Site, schedules: Iterable[msgspec.Raw]) -> tuple[Sequence[Monitor], Sequence[Rejected]]:
    """The schedules that monitor; those that start other jobs are left out."""
    found, rejected = each(schedules, "observation", _schedule_decoder, lambda record: _monitor(site, record))
    return [one for one in found if one is not None], rejected


def schedule_named_in(display_name: str | None) -> str | None:
    """The schedule that started the job that is displayed so, if one did."""
    found = _STARTED_BY.fullmatch(display_name or "")
    return found["schedule"] if found else None


def monitor_runs(site: Site, jobs: Iterable[msgspec.Raw]) -> tuple[Sequence[Run], Sequence[Rejected]]:
    """The runs, and what makes no sense among them."""
    return each(jobs, "observation", _job_decoder, lambda record: job(site, record))


def has_ended(run: Run) -> bool:
    return run.status not in ("running", "scheduled")


def observations(site: Site, monitor: Monitor, run: Run, steps: Sequence[Mapping[str, str]] | None) -> Sequence[Observation]:
    """What a run of the monitor says of each signal; nothing while it is under way.

    `steps` are the tags of the run's steps, None where they are not known. A run that is older than the monitor as it is now may
    have left out some of its signals, and looked at others that are none of its any more.
    """
    if not has_ended(run) or run.started_at is None:
        return []
    said = _Said([run.tags, *(steps or ())])
    looked = monitor.changed_at is not None and monitor.changed_at <= run.started_at
    otherwise: Outcome = "passed" if looked and run.status == "finished" and steps is not None else "unknown"
    signals = sorted({*monitor.signals, *said.signals}) or [monitor.name]
    return [_observation(site, monitor, signal, run, said, otherwise) for signal in signals]


def _monitor(site: Site, record: ScheduleRecord) -> Monitor | None:
    action = record.properties.action
    if action is None or (action.action_type or "").lower() != "createmonitor":
        return None
    definition = action.monitor_definition or MonitorDefinition()
    target = definition.monitoring_target
    model = site.asset_at(target.model_id, "models") if target is not None and target.model_id else None
    return Monitor(
        name=record.name,
        deployment=site.endpoint_of(target.deployment_id) if target is not None and target.deployment_id else None,
        model=model.ref if model is not None else None,
        signals=definition.signals or {},
        changed_at=max(filter(None, times(record.system_data)), default=None),
    )


class _Said:
    """The messages about breached limits in some tags. One that names no signal is about all of them."""

    def __init__(self, tags: Sequence[Mapping[str, str]]) -> None:
        self._by_signal: dict[str, list[str]] = {}
        for name, message in (pair for some in tags for pair in some.items()):
            if name == BREACHED_TAG:
                named = _SIGNAL.search(message)
                self._by_signal.setdefault(named["signal"] if named else "", []).append(message)
            elif name.startswith(BREACHED_SIGNAL_TAG):
                self._by_signal.setdefault(name.removeprefix(BREACHED_SIGNAL_TAG), []).append(message)

    @property
    def signals(self) -> Collection[str]:
        """Those that some message names."""
        return self._by_signal.keys() - {""}

    def of(self, signal: str) -> Sequence[str]:
        return [*self._by_signal.get(signal, ()), *self._by_signal.get("", ())]


def _observation(site: Site, monitor: Monitor, signal: str, run: Run, said: _Said, otherwise: Outcome) -> Observation:
    messages = said.of(signal)
    breaches = [breach for message in messages for breach in _breaches(message)]
    worst = next((one for one in breaches if one.metric_value is not None), None)
    assert run.started_at is not None, "only a run that started is an observation"
    return Observation(
        ref=site.ref("observation", f"{run.run_id}/{signal}"),
        url=run.url,
        created_at=run.created_at,
        subject=monitor.subject or site.ref("deployment", f"monitor/{monitor.name}"),
        monitor=f"{monitor.name}/{signal}",
        kind=_kind(monitor.signals.get(signal)),
        outcome="failed" if messages else otherwise,
        value=worst.metric_value if worst is not None else None,
        threshold=_limit(worst) if worst is not None else _limits(monitor.signals.get(signal)),
        observed_at=run.started_at,
        detail=_detail(breaches),
    )


def _kind(signal: Signal | None) -> ObservationKind:
    """A custom signal measures what its author likes; like most monitors, it compares production with a reference."""
    said = signal.signal_type if signal is not None else None
    return _KINDS.get((said or "").lower(), "drift")


def _breaches(message: str) -> Sequence[Breach]:
    found = []
    for text in _METRIC.findall(message):
        try:
            breach = _breach_decoder.decode(text)
        except (msgspec.DecodeError, UnicodeError):
            continue
        if breach.metric_value is None or math.isfinite(breach.metric_value):
            found.append(breach)
    return found


def _limit(breach: Breach) -> str | None:
    if breach.threshold_value is None:
        return breach.metric_name
    return f"{breach.metric_name or 'limit'} {breach.threshold_value:g}"


def _limits(signal: Signal | None) -> str | None:
    if signal is None:
        return None
    limits = [*(signal.metric_thresholds or ()), *([signal.metric_threshold] if signal.metric_threshold is not None else ())]
    said = (
        f"{one.metric} {one.threshold.value:g}"
        for one in limits
        if one.metric and one.threshold and one.threshold.value is not None
    )
    return ", ".join(dict.fromkeys(said)) or None


def _detail(breaches: Sequence[Breach]) -> str | None:
    said = list(dict.fromkeys(f"{one.group or 'all'}: {one.metric_name} {_number(one.metric_value)}" for one in breaches))
    more = [f"and {len(said) - _MOST_DETAILS} more"] if len(said) > _MOST_DETAILS else []
    return ", ".join([*said[:_MOST_DETAILS], *more])[:_LONGEST_DETAIL] or None


def _number(value: float | None) -> Any:
    return "unknown" if value is None else format(value, "g")


_schedule_decoder = decoder_for(ScheduleRecord, strict=False)
_job_decoder = decoder_for(JobRecord, strict=False)
_breach_decoder = decoder_for(Breach, strict=False)
