"""SageMaker's jobs, pipeline executions, experiments and trial components."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from mappings import sagemaker_records as records
from mappings.model import Dataset, DatasetUse, Entity, Experiment, Ref, Run, RunStatus
from mappings.redaction import without_credentials
from mappings.sagemaker import Site, account_of, finite, moment, resource_of, tags_of

_STATUSES: Mapping[str, RunStatus] = {
    "InProgress": "running",
    "Executing": "running",
    "Stopping": "running",
    "Completed": "finished",
    "Succeeded": "finished",
    "CompletedWithFailures": "failed",
    "Failed": "failed",
    "Stopped": "killed",
}
_CONTEXTS = {"train": "training", "training": "training", "validation": "validation", "val": "validation", "test": "test"}


def training_job(site: Site, job: records.TrainingJob) -> Iterable[Entity]:
    """The run, after the datasets that its channels read."""
    uses = [use for channel in job.input_data_config if (use := _use(site, channel)) is not None]
    yield from (Dataset(ref=use.dataset, name=use.dataset.id, origin=use.dataset.id) for use in uses)
    algorithm = job.algorithm_specification or records.Algorithm()
    made = job.model_artifacts.s3_model_artifacts if job.model_artifacts else None
    yield Run(
        ref=site.ref("run", job.training_job_arn),
        url=site.page(f"jobs/{job.training_job_name}"),
        created_at=moment(job.creation_time),
        updated_at=moment(job.last_modified_time),
        run_id=job.training_job_name,
        name=job.training_job_name,
        experiment=(job.experiment_config.experiment_name if job.experiment_config else None) or "",
        status=_run_status(job.training_job_status),
        params={name: without_credentials(value) for name, value in sorted(job.hyper_parameters.items())},
        metrics={metric.metric_name: finite(metric.value) for metric in job.final_metric_data_list},
        tags=tags_of(job.tags),
        datasets=tuple(sorted(set(uses), key=lambda use: (use.dataset, use.context or ""))),
        started_at=moment(job.training_start_time),
        ended_at=moment(job.training_end_time),
        framework=algorithm.algorithm_name or algorithm.training_image,
        artifacts=(made,) if made else (),
    )


def processing_job(site: Site, job: records.ProcessingJob) -> Iterable[Entity]:
    yield Run(
        ref=site.ref("run", job.processing_job_arn),
        url=site.page(f"processing-jobs/{job.processing_job_name}"),
        created_at=moment(job.creation_time),
        updated_at=moment(job.last_modified_time),
        run_id=job.processing_job_name,
        name=job.processing_job_name,
        experiment="",
        status=_run_status(job.processing_job_status),
        started_at=moment(job.creation_time),
        ended_at=moment(job.processing_end_time),
    )


def transform_job(site: Site, job: records.TransformJob) -> Iterable[Entity]:
    yield Run(
        ref=site.ref("run", job.transform_job_arn),
        url=site.page(f"transform-jobs/{job.transform_job_name}"),
        created_at=moment(job.creation_time),
        updated_at=moment(job.last_modified_time),
        run_id=job.transform_job_name,
        name=job.transform_job_name,
        experiment="",
        status=_run_status(job.transform_job_status),
        started_at=moment(job.creation_time),
        ended_at=moment(job.transform_end_time),
    )


def pipeline_execution(site: Site, execution: records.PipelineExecution) -> Iterable[Entity]:
    """The run. It bears the name of its pipeline as experiment: SageMaker tells no other."""
    status = _run_status(execution.pipeline_execution_status)
    yield Run(
        ref=site.ref("run", execution.pipeline_execution_arn),
        created_at=moment(execution.creation_time),
        updated_at=moment(execution.last_modified_time),
        run_id=resource_of(execution.pipeline_execution_arn).rpartition("/")[2],
        name=execution.pipeline_execution_display_name,
        experiment=resource_of(execution.pipeline_arn).rpartition("/")[2],
        status=status,
        params={
            one.name: without_credentials(one.value) for one in sorted(execution.pipeline_parameters, key=lambda one: one.name)
        },
        started_at=moment(execution.creation_time),
        ended_at=moment(execution.last_modified_time) if status in ("finished", "failed", "killed") else None,
    )


def experiment(site: Site, found: records.Experiment) -> Iterable[Entity]:
    yield Experiment(
        ref=site.ref("experiment", found.experiment_arn),
        created_at=moment(found.creation_time),
        updated_at=moment(found.last_modified_time),
        name=found.experiment_name,
        tags=tags_of(found.tags),
    )


def trial_component(site: Site, component: records.TrialComponent) -> Iterable[Entity]:
    metadata = component.metadata_properties or records.Metadata()
    made = sorted({one.value for one in component.output_artifacts.values() if one.value})
    yield Run(
        ref=site.ref("run", component.trial_component_arn),
        created_at=moment(component.creation_time),
        updated_at=moment(component.last_modified_time),
        run_id=component.trial_component_name,
        name=component.display_name or component.trial_component_name,
        experiment=next((parent.experiment_name for parent in component.parents if parent.experiment_name), ""),
        status=_run_status(component.status.primary_status if component.status else None),
        params={name: _parameter(value) for name, value in sorted(component.parameters.items())},
        metrics={
            metric.metric_name: finite(metric.last) for metric in sorted(component.metrics, key=lambda metric: metric.metric_name)
        },
        tags=tags_of(component.tags),
        git_commit=metadata.commit_id or None,
        git_repository=without_credentials(metadata.repository) if metadata.repository else None,
        started_at=moment(component.start_time),
        ended_at=moment(component.end_time),
        artifacts=tuple(without_credentials(address) for address in made),
        tells_of=_job(site, component),
    )


def _job(site: Site, component: records.TrialComponent) -> Ref | None:
    """The job that SageMaker made a component for by itself, if it is one of the same account and region."""
    arn = component.source.source_arn if component.source is not None else None
    if not arn or account_of(arn) != account_of(component.trial_component_arn):
        return None
    return site.ref("run", arn)


def _run_status(word: str | None) -> RunStatus:
    return _STATUSES.get(word or "", "unknown")


def _use(site: Site, channel: records.Channel) -> DatasetUse | None:
    source = channel.data_source.s3_data_source if channel.data_source else None
    if source is None or not source.s3_uri:
        return None
    return DatasetUse(dataset=Ref(site.source, "dataset", source.s3_uri), context=_CONTEXTS.get(channel.channel_name.lower()))


def _parameter(value: records.ComponentParameter) -> str:
    return without_credentials(value.string_value) if value.string_value is not None else f"{value.number_value or 0:g}"
