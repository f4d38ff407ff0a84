"""What SageMaker Model Monitor and CloudWatch say of endpoints, as observations.

A data quality monitor judges two things: whether the data is sound, and whether it still looks like the baseline. The violations
report tells them apart (`baseline_drift_check` is drift), so each of its executions makes one observation of each.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from mappings import sagemaker_monitoring_records as records
from mappings.conditions import Bound
from mappings.model import Observation, ObservationKind, Outcome, Ref
from mappings.sagemaker import Site, finite, moment

DRIFT_CHECK = "baseline_drift_check"

_KINDS: Mapping[str, Sequence[ObservationKind]] = {
    "DataQuality": ("drift", "data_quality"),
    "ModelQuality": ("performance",),
    "ModelBias": ("bias",),
    "ModelExplainability": ("explainability",),
}
_UNDER_WAY = frozenset({"Pending", "InProgress", "Stopping"})
_MOST_NAMED = 5


def endpoint_ref(site: Site, name: str) -> Ref:
    return Ref(site.source, "deployment", name)


def kinds_of(monitoring_type: str | None) -> Sequence[ObservationKind]:
    """What a monitor of this type judges. A schedule without a type is of the first that there was, for the quality of data."""
    return _KINDS.get(monitoring_type or "DataQuality", ())


def execution(
    site: Site, done: records.MonitoringExecution, violations: Sequence[records.Violation] | None
) -> Iterator[Observation]:
    """Nothing while it is under way, or when it watches no endpoint.

    `violations` is None where no report could be read: that there were some is known all the same, as it is of an empty report.
    """
    if done.monitoring_execution_status in _UNDER_WAY or not done.endpoint_name:
        return
    at = moment(done.scheduled_time)
    judged = moment(done.creation_time) or at
    assert at is not None and judged is not None
    kinds = kinds_of(done.monitoring_type)
    for kind in kinds:
        found = None if not violations else [one for one in violations if len(kinds) == 1 or _is_of(kind, one)]
        outcome = _outcome(done.monitoring_execution_status, found)
        yield Observation(
            ref=Ref(site.source, "observation", f"{execution_id(done)}/{kind}"),
            url=site.page(f"endpoints/{done.endpoint_name}"),
            created_at=judged,
            updated_at=moment(done.last_modified_time),
            subject=endpoint_ref(site, done.endpoint_name),
            monitor=done.monitoring_schedule_name if len(kinds) == 1 else f"{done.monitoring_schedule_name}/{kind}",
            kind=kind,
            outcome=outcome,
            value=float(len(found)) if found is not None and outcome != "unknown" else None,
            threshold="no violations",
            observed_at=judged,
            detail=_named(found) if outcome == "failed" else done.failure_reason or None,
        )


def execution_id(done: records.MonitoringExecution) -> str:
    """A schedule starts one execution at a time."""
    return f"monitoring-execution/{done.monitoring_schedule_name}/{round(done.scheduled_time * 1000)}"


def alert(site: Site, change: records.AlertChange, schedule: records.MonitoringSchedule | None) -> Iterator[Observation]:
    """An alert that began or ended. Nothing where the schedule is gone, or watches no endpoint."""
    at = moment(change.creation_time)
    if schedule is None or not schedule.endpoint_name or at is None:
        return
    for kind in kinds_of(schedule.monitoring_type)[:1]:
        yield Observation(
            ref=Ref(site.source, "observation", alert_id(change)),
            url=site.page(f"endpoints/{schedule.endpoint_name}"),
            created_at=at,
            updated_at=at,
            subject=endpoint_ref(site, schedule.endpoint_name),
            monitor=f"{change.monitoring_schedule_name}/{change.monitoring_alert_name}",
            kind=kind,
            outcome={"InAlert": "failed", "OK": "passed"}.get(change.alert_status, "unknown"),  # type: ignore[arg-type]  # three words
            value=change.alert_status,
            threshold="OK",
            observed_at=at,
            lasting=True,
        )


def alert_id(change: records.AlertChange) -> str:
    at = round(change.creation_time * 1000)
    return f"monitoring-alert/{change.monitoring_schedule_name}/{change.monitoring_alert_name}/{at}"


class Watched(msgspec.Struct, frozen=True, kw_only=True):
    """One series of a metric that the project file names: `name` is the file's word for it."""

    name: str
    endpoint: str
    variant: str
    limit: Bound


def metric_points(site: Site, watched: Watched, data: records.MetricData) -> Iterator[Observation]:
    for seconds, value in zip(data.timestamps, data.values, strict=False):
        at = moment(seconds)
        number = finite(value)
        if at is None or number is None:
            continue
        yield Observation(
            ref=Ref(site.source, "observation", f"metric/{watched.name}/{watched.endpoint}/{watched.variant}/{round(seconds)}"),
            url=site.page(f"endpoints/{watched.endpoint}"),
            created_at=at,
            updated_at=at,
            subject=endpoint_ref(site, watched.endpoint),
            monitor=f"cloudwatch/{watched.name}/{watched.variant}",
            kind="performance",
            outcome="passed" if watched.limit.holds(number) else "failed",
            value=number,
            threshold=str(watched.limit),
            observed_at=at,
        )


def _is_of(kind: ObservationKind, violation: records.Violation) -> bool:
    return (violation.constraint_check_type == DRIFT_CHECK) == (kind == "drift")


def _outcome(status: str, found: Sequence[records.Violation] | None) -> Outcome:
    if status == "Completed":
        return "passed"
    if status != "CompletedWithViolations":
        return "unknown"
    return "failed" if found is None or found else "passed"


def _named(found: Iterable[records.Violation] | None) -> str:
    if found is None:
        return "the violations report could not be read"
    said = Counter(_words(one) for one in found)
    shown = [f"{words} ({count} times)" if count > 1 else words for words, count in list(said.items())[:_MOST_NAMED]]
    more = len(said) - len(shown)
    return "; ".join(shown) + (f"; and {more} more" if more > 0 else "")


def _words(violation: records.Violation) -> str:
    about = (violation.feature_name or violation.facet or violation.label, violation.metric_name)
    named = " ".join(word[:100] for word in about if word) or "unnamed"
    return f"{named}: {violation.constraint_check_type[:100]}" if violation.constraint_check_type else named
