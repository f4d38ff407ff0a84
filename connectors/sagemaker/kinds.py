"""The kinds of objects that SageMaker gives whole: where each is listed, and what becomes of its records."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import msgspec

from connectors.base import Batch
from connectors.globs import common_start, matches
from connectors.sagemaker.api import AwsApi
from connectors.sagemaker.cursor import Cursor
from connectors.sagemaker.feeds import Feed, ListFeed, SearchFeed, follow
from connectors.sagemaker.options import SageMakerScope
from mappings import sagemaker_records as records
from mappings.model import Entity
from mappings.sagemaker import Records, Site, each
from mappings.sagemaker_registry import feature_group, model_package
from mappings.sagemaker_runs import experiment, pipeline_execution, processing_job, training_job, transform_job, trial_component

_PART_OF_A_NAME = re.compile(r"[A-Za-z0-9-]+")


class _Kind(msgspec.Struct, frozen=True, kw_only=True):
    """`wanted` is the part of the scope whose patterns the name of an object is held against, once `spelt` as that is. `inside` is
    the field that holds a record where answers wrap it."""

    kind: str
    shape: type[Any]
    translate: Callable[[Site, Any], Iterable[Entity]]
    named: Callable[[Any], str | None]
    wanted: str
    spelt: Callable[[str], str] = str
    inside: str | None = None

    def records(self, site: Site, raw: Sequence[msgspec.Raw], globs: Sequence[str]) -> Records:
        """What is made of those of the records whose names `globs` match."""
        wanted_names = [self.spelt(glob) for glob in globs]

        def wanted(record: Any) -> Iterable[Entity]:
            # A record without the name stands for something else than what was asked for.
            return self.translate(site, record) if matches(self.named(record) or "", wanted_names) else ()

        return each(raw, self.kind, self.shape, wanted, inside=self.inside)


class Searched(_Kind, frozen=True, kw_only=True):
    """A kind that `Search` gives whole. `arn` is the field that names one, `narrowing` the field by which the service itself can
    leave out most others."""

    resource: str
    inside: str
    arn: str
    narrowing: str | None = None

    def pull(self, api: AwsApi, site: Site, scope: SageMakerScope, cursor: Cursor | None) -> Iterator[Batch]:
        globs: Sequence[str] = getattr(scope, self.wanted)
        start = _start_of_names(globs)
        narrowed = {"Name": self.narrowing, "Operator": "Contains", "Value": start} if self.narrowing and start else None
        feed = SearchFeed(resource=self.resource, field=self.inside, name=(self.arn,), narrowed=narrowed)
        return follow(api, feed, cursor, lambda raw: self.records(site, raw, globs))

    def names(self, raw: Sequence[msgspec.Raw]) -> Sequence[str]:
        """What the records are called, as the scope's patterns see it."""
        found: list[str] = []

        def note(record: Any) -> Iterable[Entity]:
            found.extend(filter(None, [self.named(record)]))
            return ()

        each(raw, self.kind, self.shape, note, inside=self.inside)
        return found


class Listed(_Kind, frozen=True, kw_only=True):
    """A kind of which the summaries in a listing of its own say all that is told. `what` is AWS's word for it."""

    what: str

    @property
    def action(self) -> str:
        return f"sagemaker:List{self.what}s"

    @property
    def field(self) -> str:
        return f"{self.what}Summaries"

    def pull(self, api: AwsApi, site: Site, scope: SageMakerScope, cursor: Cursor | None) -> Iterator[Batch]:
        globs: Sequence[str] = getattr(scope, self.wanted)
        feed = summaries(self.action, self.field, self.what, globs)
        return follow(api, feed, cursor, lambda raw: self.records(site, raw, globs))


def summaries(action: str, field: str, what: str, globs: Sequence[str]) -> Feed:
    """By name and state: another state is news, whatever is said of the time of change."""
    start = _start_of_names(globs)
    narrowed = {"NameContains": start} if start else {}
    return ListFeed(action=action, field=field, name=(f"{what}Arn", f"{what}Status"), narrowed=narrowed)


def _start_of_names(globs: Sequence[str]) -> str:
    """What all wanted names begin with, as far as AWS takes it for a part of a name."""
    start = _PART_OF_A_NAME.match(common_start(globs))
    return start[0] if start else ""


PACKAGES = Searched(
    resource="ModelPackage",
    inside="ModelPackage",
    arn="ModelPackageArn",
    kind="model_version",
    shape=records.ModelPackage,
    translate=model_package,
    named=lambda package: package.model_package_group_name or package.model_package_name,
    wanted="model_package_groups",
)
TRAINING_JOBS = Searched(
    resource="TrainingJob",
    inside="TrainingJob",
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
    inside="PipelineExecution",
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
    inside="Experiment",
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
    inside="TrialComponent",
    arn="TrialComponentArn",
    kind="run",
    shape=records.TrialComponent,
    translate=trial_component,
    named=lambda component: next((one.experiment_name for one in component.parents if one.experiment_name), None),
    wanted="experiments",
)
FEATURE_GROUPS = Searched(
    resource="FeatureGroup",
    inside="FeatureGroup",
    arn="FeatureGroupArn",
    kind="dataset",
    shape=records.FeatureGroup,
    translate=feature_group,
    named=lambda group: group.feature_group_name,
    wanted="feature_groups",
    narrowing="FeatureGroupName",
)

SEARCHED: Sequence[Searched] = (PACKAGES, TRAINING_JOBS, PIPELINES, EXPERIMENTS, TRIALS, FEATURE_GROUPS)

PROCESSING_JOBS = Listed(
    what="ProcessingJob",
    kind="run",
    shape=records.ProcessingJob,
    translate=processing_job,
    named=lambda job: job.processing_job_name,
    wanted="processing_jobs",
)
TRANSFORM_JOBS = Listed(
    what="TransformJob",
    kind="run",
    shape=records.TransformJob,
    translate=transform_job,
    named=lambda job: job.transform_job_name,
    wanted="transform_jobs",
)

LISTED: Sequence[Listed] = (PROCESSING_JOBS, TRANSFORM_JOBS)
