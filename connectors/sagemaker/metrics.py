"""CloudWatch metrics of endpoints' variants, as the scope names them: one `GetMetricData` for each 500 series."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from connectors.base import Batch
from connectors.globs import matches
from connectors.sagemaker.api import AwsApi
from connectors.sagemaker.cursor import Cursor
from connectors.sagemaker.options import SageMakerScope, WatchedMetric
from mappings import sagemaker_monitoring_records as records
from mappings.decoding import decoder_for
from mappings.model import Observation
from mappings.sagemaker import Records, Site, each
from mappings.sagemaker_monitoring import Watched, metric_points

SERIES_A_CALL = 500
HISTORY = 7 * 86_400
"""Seconds that a full pull looks back: older values are nobody's news."""
LATE = 1800
"""Seconds before the latest value that are asked for again: CloudWatch lists a new series up to a quarter of an hour late, and one
series' values may come later than another's."""

_DIMENSIONS = ("EndpointName", "VariantName")
_METRIC = decoder_for(records.Metric, strict=False)


class Series(msgspec.Struct, frozen=True):
    """One variant's values of one watched metric."""

    watched: Watched
    metric: WatchedMetric


def pull_metrics(api: AwsApi, site: Site, scope: SageMakerScope, cursor: Cursor | None) -> Iterator[Batch]:
    """The values of every period that has ended."""
    now = int(time.time())
    latest = max(now - HISTORY, min(cursor.since, now) if cursor else 0)
    since = max(now - HISTORY, latest - LATE)
    watched = sorted(scope.metrics.items(), key=lambda item: (item[1].period, item[0]))
    series = [one for name, metric in watched for one in _series(api, name, metric, scope.endpoints)]
    for start in range(0, len(series), SERIES_A_CALL):
        for found in _values(api, site, series[start : start + SERIES_A_CALL], since, now):
            observed = [entity.observed_at for entity in found.entities if isinstance(entity, Observation)]
            latest = max([latest, *(int(at.timestamp()) for at in observed)])
            yield Batch(entities=found.entities, rejected=found.rejected)
    yield Batch(cursor=Cursor(since=min(latest, now)).encode(), complete=cursor is None)


def _series(api: AwsApi, name: str, metric: WatchedMetric, endpoints: Sequence[str]) -> Iterator[Series]:
    """Those that had values in the last two weeks: CloudWatch lists no others."""
    known: set[tuple[str, str]] = set()
    for page in api.pages("cloudwatch:ListMetrics", "Metrics", Namespace=metric.namespace, MetricName=metric.metric):
        for raw in page.records:
            found = _dimensions(raw)
            if tuple(found) != _DIMENSIONS or not matches(found["EndpointName"], endpoints):
                continue
            variant = (found["EndpointName"], found["VariantName"])
            if variant not in known:
                known.add(variant)
                watched = Watched(name=name, endpoint=found["EndpointName"], variant=found["VariantName"], limit=metric.limit)
                yield Series(watched, metric)


def _dimensions(raw: msgspec.Raw) -> Mapping[str, str]:
    try:
        return {one.name: one.value for one in sorted(_METRIC.decode(raw).dimensions, key=lambda one: one.name)}
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return {}


def _values(api: AwsApi, site: Site, series: Sequence[Series], since: int, now: int) -> Iterator[Records]:
    by_id = {f"m{number}": one for number, one in enumerate(series)}
    longest = max(int(one.metric.period.total_seconds()) for one in series)
    # Where a period begins, or CloudWatch would cut the values in another way each time.
    start = max(0, since - longest) // longest * longest

    def ended(data: records.MetricData) -> Iterable[Observation]:
        if data.id not in by_id:
            raise ValueError("a series that was not asked for")
        asked = by_id[data.id]
        period = asked.metric.period.total_seconds()
        points = metric_points(site, asked.watched, data)
        return [one for one in points if one.observed_at.timestamp() + period <= now]

    asked: dict[str, Any] = {
        "MetricDataQueries": [_query(ident, one) for ident, one in by_id.items()],
        "StartTime": datetime.fromtimestamp(start, UTC),
        "EndTime": datetime.fromtimestamp(now, UTC),
        "ScanBy": "TimestampAscending",
    }
    for page in api.pages("cloudwatch:GetMetricData", "MetricDataResults", **asked):
        yield each(page.records, "observation", records.MetricData, ended)


def _query(ident: str, series: Series) -> Mapping[str, Any]:
    watched, metric = series.watched, series.metric
    dimensions = [{"Name": "EndpointName", "Value": watched.endpoint}, {"Name": "VariantName", "Value": watched.variant}]
    named = {"Namespace": metric.namespace, "MetricName": metric.metric, "Dimensions": dimensions}
    period = int(metric.period.total_seconds())
    return {"Id": ident, "MetricStat": {"Metric": named, "Period": period, "Stat": metric.statistic}, "ReturnData": True}
