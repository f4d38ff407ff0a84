"""Each stream: what it asks for, and what becomes of the answers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import msgspec

from connectors.base import Batch
from connectors.globs import common_start, matches
from connectors.sagemaker.api import AwsApi
from connectors.sagemaker.cursor import Cursor
from connectors.sagemaker.describing import Describer
from connectors.sagemaker.feeds import Feed, ListFeed, SearchFeed, follow
from connectors.sagemaker.metrics import pull_metrics
from connectors.sagemaker.monitoring import Monitors
from connectors.sagemaker.options import SageMakerScope
from mappings import sagemaker_records as records
from mappings.model import Entity, Rejected
from mappings.sagemaker import Records, Site, each
from mappings.sagemaker_registry import feature_group, model_package
from mappings.sagemaker_runs import experiment, pipeline_execution, processing_job, training_job, transform_job, trial_component

_PART_OF_A_NAME = re.compile(r"[A-Za-z0-9-]+")

Pull = Callable[[AwsApi, Site, SageMakerScope, Cursor | None], Iterator[Batch]]


class Searched(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of object that `Search` gives whole. `arn` is the field that names one, `named` what the scope's patterns are held
    against once `spelt` as the name is, `narrowing` the field by which the service itself can leave out most others."""

    resource: str
    field: str
    arn: str
    kind: str
    shape: type[Any]
    translate: Callable[[Site, Any], Iterable[Entity]]
    named: Callable[[Any], str | None]
    wanted: str
    narrowing: str | None = None
    spelt: Callable[[str], str] = str

    def pull(self, api: AwsApi, site: Site, scope: SageMakerScope, cursor: Cursor | None) -> Iterator[Batch]:
        globs: Sequence[str] = getattr(scope, self.wanted)
        start = _start_of_names(globs)
        narrowed = {"Name": self.narrowing, "Operator": "Contains", "Value": start} if self.narrowing and start else None
        feed = SearchFeed(resource=self.resource, field=self.field, name=(self.arn,), narrowed=narrowed)
        return follow(api, feed, cursor, lambda raw: self.records(site, raw, globs))

    def records(self, site: Site, raw: Sequence[msgspec.Raw], globs: Sequence[str]) -> Records:
        wanted_names = [self.spelt(glob) for glob in globs]

        def wanted(record: Any) -> Iterable[Entity]:
            # A record without the name stands for something else than what was asked for.
            return self.translate(site, record) if matches(self.named(record) or "", wanted_names) else ()

        return each(raw, self.kind, self.shape, wanted, inside=self.field)

    def names(self, raw: Sequence[msgspec.Raw]) -> Sequence[str]:
        """What the records are called, as the scope's patterns see it."""
        found: list[str] = []

        def note(record: Any) -> Iterable[Entity]:
            found.extend(filter(None, [self.named(record)]))
            return ()

        each(raw, self.kind, self.shape, note, inside=self.field)
        return found


PACKAGES = Searched(
    resource="ModelPackage",
    field="ModelPackage",
    arn="ModelPackageArn",
    kind="model_version",
    shape=records.ModelPackage,
    translate=model_package,
    named=lambda package: package.model_package_group_name or package.model_package_name,
    wanted="model_package_groups",
)
TRAINING_JOBS = Searched(
    resource="TrainingJob",
    field="TrainingJob",
    arn="TrainingJobArn",
    kind="run",
    shape=records.TrainingJob,
    translate=training_job,
    named=lambda job: job.training_job_name,
    wanted="training_jobs",
    narrowing="TrainingJobName",
)
PIPELINES = Searched(
    resource="PipelineExecution",
    field="PipelineExecution",
    arn="PipelineExecutionArn",
    kind="run",
    shape=records.PipelineExecution,
    translate=pipeline_execution,
    # An execution names its pipeline by ARN alone, which bears the name in lower case.
    named=lambda execution: execution.pipeline_arn.rpartition("/")[2].lower(),
    spelt=str.lower,
    wanted="pipelines",
)
EXPERIMENTS = Searched(
    resource="Experiment",
    field="Experiment",
    arn="ExperimentArn",
    kind="experiment",
    shape=records.Experiment,
    translate=experiment,
    named=lambda found: found.experiment_name,
    wanted="experiments",
    narrowing="ExperimentName",
)
TRIALS = Searched(
    resource="ExperimentTrialComponent",
    field="TrialComponent",
    arn="TrialComponentArn",
    kind="run",
    shape=records.TrialComponent,
    translate=trial_component,
    named=lambda component: next((one.experiment_name for one in component.parents if one.experiment_name), None),
    wanted="experiments",
)
FEATURE_GROUPS = Searched(
    resource="FeatureGroup",
    field="FeatureGroup",
    arn="FeatureGroupArn",
    kind="dataset",
    shape=records.FeatureGroup,
    translate=feature_group,
    named=lambda group: group.feature_group_name,
    wanted="feature_groups",
    narrowing="FeatureGroupName",
)


def _processing_jobs(api: AwsApi, site: Site, scope: SageMakerScope, cursor: Cursor | None) -> Iterator[Batch]:
    feed = _summaries("sagemaker:ListProcessingJobs", "ProcessingJobSummaries", "ProcessingJob", scope.processing_jobs)

    def wanted(job: records.ProcessingJob) -> Iterable[Entity]:
        return processing_job(site, job) if matches(job.processing_job_name, scope.processing_jobs) else ()

    return follow(api, feed, cursor, lambda raw: each(raw, "run", records.ProcessingJob, wanted))


def _transform_jobs(api: AwsApi, site: Site, scope: SageMakerScope, cursor: Cursor | None) -> Iterator[Batch]:
    feed = _summaries("sagemaker:ListTransformJobs", "TransformJobSummaries", "TransformJob", scope.transform_jobs)

    def wanted(job: records.TransformJob) -> Iterable[Entity]:
        return transform_job(site, job) if matches(job.transform_job_name, scope.transform_jobs) else ()

    return follow(api, feed, cursor, lambda raw: each(raw, "run", records.TransformJob, wanted))


def _endpoints(api: AwsApi, site: Site, scope: SageMakerScope, cursor: Cursor | None) -> Iterator[Batch]:
    """Summaries are listed; those that changed are described."""
    feed = _summaries("sagemaker:ListEndpoints", "Endpoints", "Endpoint", scope.endpoints)
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
    feed = ListFeed(
        action="sagemaker:ListMonitoringExecutions",
        field="MonitoringExecutionSummaries",
        name=("MonitoringScheduleName", "ScheduledTime"),
    )
    return follow(api, feed, cursor, Monitors(api, site, scope.endpoints).executions)


def _alerts(api: AwsApi, site: Site, scope: SageMakerScope, cursor: Cursor | None) -> Iterator[Batch]:
    feed = ListFeed(
        action="sagemaker:ListMonitoringAlertHistory",
        field="MonitoringAlertHistory",
        name=("MonitoringScheduleName", "MonitoringAlertName", "CreationTime"),
        by_change="CreationTimeAfter",
    )
    return follow(api, feed, cursor, Monitors(api, site, scope.endpoints).alerts)


def _summaries(action: str, field: str, what: str, globs: Sequence[str]) -> Feed:
    """By name and state: another state is news, whatever is said of the time of change."""
    start = _start_of_names(globs)
    narrowed = {"NameContains": start} if start else {}
    return ListFeed(action=action, field=field, name=(f"{what}Arn", f"{what}Status"), narrowed=narrowed)


def _start_of_names(globs: Sequence[str]) -> str:
    """What all wanted names begin with, as far as AWS takes it for a part of a name."""
    start = _PART_OF_A_NAME.match(common_start(globs))
    return start[0] if start else ""


SEARCHED: Sequence[Searched] = (PACKAGES, TRAINING_JOBS, PIPELINES, EXPERIMENTS, TRIALS, FEATURE_GROUPS)

STREAMS: dict[str, tuple[str, Pull]] = {
    "packages": ("model_package_groups", PACKAGES.pull),
    "endpoints": ("endpoints", _endpoints),
    "training_jobs": ("training_jobs", TRAINING_JOBS.pull),
    "processing_jobs": ("processing_jobs", _processing_jobs),
    "transform_jobs": ("transform_jobs", _transform_jobs),
    "pipelines": ("pipelines", PIPELINES.pull),
    "experiments": ("experiments", EXPERIMENTS.pull),
    "trials": ("experiments", TRIALS.pull),
    "feature_groups": ("feature_groups", FEATURE_GROUPS.pull),
    "executions": ("endpoints", _executions),
    "alerts": ("endpoints", _alerts),
    "metrics": ("metrics", pull_metrics),
}
"""Each stream with the part of the scope without which there is nothing to read."""
