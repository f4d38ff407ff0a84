"""Each stream: what it asks for, and what becomes of the answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec

from connectors.base import Batch
from connectors.globs import matches
from connectors.sagemaker.api import AwsApi
from connectors.sagemaker.cursor import Cursor
from connectors.sagemaker.describing import Describer
from connectors.sagemaker.feeds import follow
from connectors.sagemaker.kinds import (
    EXPERIMENTS,
    FEATURE_GROUPS,
    PACKAGES,
    PIPELINES,
    PROCESSING_JOBS,
    TRAINING_JOBS,
    TRANSFORM_JOBS,
    TRIALS,
    summaries,
)
from connectors.sagemaker.metrics import pull_metrics
from connectors.sagemaker.monitoring import ALERTS, EXECUTIONS, Monitors
from connectors.sagemaker.options import SageMakerScope
from mappings import sagemaker_records as records
from mappings.model import Entity, Rejected
from mappings.sagemaker import Records, Site, each

Pull = Callable[[AwsApi, Site, SageMakerScope, Cursor | None], Iterator[Batch]]


def _endpoints(api: AwsApi, site: Site, scope: SageMakerScope, cursor: Cursor | None) -> Iterator[Batch]:
    """Summaries are listed; those that changed are described."""
    feed = summaries("sagemaker:ListEndpoints", "Endpoints", "Endpoint", scope.endpoints)
    describer = Describer(api, site)
    # As they were listed: pages overlap, and what has changed since the last page is no longer what was described.
    done: set[records.EndpointSummary] = set()

    def described(raw: Sequence[msgspec.Raw]) -> Records:
        rejected: list[Rejected] = []
        entities: list[Entity] = []
        names: list[str] = []

        def wanted(summary: records.EndpointSummary) -> Iterable[Entity]:
            if matches(summary.endpoint_name, scope.endpoints) and summary not in done:
                done.add(summary)
                names.append(summary.endpoint_name)
            return ()

        rejected += each(raw, "deployment", records.EndpointSummary, wanted).rejected
        for name in dict.fromkeys(names):
            found = describer.describe(name)
            if found is not None:
                entities += found.entities
                rejected += found.rejected
        return Records(entities, rejected)

    return follow(api, feed, cursor, described)


def _executions(api: AwsApi, site: Site, scope: SageMakerScope, cursor: Cursor | None) -> Iterator[Batch]:
    return follow(api, EXECUTIONS, cursor, Monitors(api, site, scope.endpoints).executions)


def _alerts(api: AwsApi, site: Site, scope: SageMakerScope, cursor: Cursor | None) -> Iterator[Batch]:
    return follow(api, ALERTS, cursor, Monitors(api, site, scope.endpoints).alerts)


STREAMS: dict[str, tuple[str, Pull]] = {
    "packages": (PACKAGES.wanted, PACKAGES.pull),
    "endpoints": ("endpoints", _endpoints),
    "training_jobs": (TRAINING_JOBS.wanted, TRAINING_JOBS.pull),
    "processing_jobs": (PROCESSING_JOBS.wanted, PROCESSING_JOBS.pull),
    "transform_jobs": (TRANSFORM_JOBS.wanted, TRANSFORM_JOBS.pull),
    "pipelines": (PIPELINES.wanted, PIPELINES.pull),
    "experiments": (EXPERIMENTS.wanted, EXPERIMENTS.pull),
    "trials": (TRIALS.wanted, TRIALS.pull),
    "feature_groups": (FEATURE_GROUPS.wanted, FEATURE_GROUPS.pull),
    "executions": ("endpoints", _executions),
    "alerts": ("endpoints", _alerts),
    "metrics": ("metrics", pull_metrics),
}
"""Each stream with the part of the scope without which there is nothing to read."""
