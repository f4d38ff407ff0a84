"""`Search`: moto's compares times for equality only, sorts nothing and has no pages."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from moto.sagemaker.models import SageMakerModelBackend

from sandbox.sagemaker.listing import Object, invalid, page, seconds

_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "Equals": operator.eq,
    "NotEquals": operator.ne,
    "GreaterThan": operator.gt,
    "GreaterThanOrEqualTo": operator.ge,
    "LessThan": operator.lt,
    "LessThanOrEqualTo": operator.le,
}


def _training_jobs(backend: SageMakerModelBackend) -> Iterable[Object]:
    return (job.response_object for job in backend.training_jobs.values())


def _packages(backend: SageMakerModelBackend) -> Iterable[Object]:
    for package in backend.model_packages.values():
        # moto puts the ARN where a name belongs in the details of the status, which are longer than a name may be.
        yield {**package.gen_response_object(), "Tags": package.tags, "ModelPackageStatusDetails": None}


def _executions(backend: SageMakerModelBackend) -> Iterable[Object]:
    for pipeline in backend.pipelines.values():
        for execution in pipeline.pipeline_executions.values():
            yield {
                **execution.gen_response_object(),
                "PipelineArn": pipeline.arn,
                "PipelineExecutionArn": execution.arn,
            }


def _experiments(backend: SageMakerModelBackend) -> Iterable[Object]:
    for experiment in backend.experiments.values():
        yield {**experiment.response_object, "ExperimentArn": experiment.arn}


def _components(backend: SageMakerModelBackend) -> Iterable[Object]:
    parents: dict[str, list[dict[str, str]]] = {}
    for trial in backend.trials.values():
        for name in trial.trial_components:
            parents.setdefault(name, []).append({"TrialName": trial.trial_name, "ExperimentName": trial.experiment_name})
    for component in backend.trial_components.values():
        yield {**component.response_object, "Parents": parents.get(component.trial_component_name, [])}


def _feature_groups(backend: SageMakerModelBackend) -> Iterable[Object]:
    for group in backend.feature_groups.values():
        yield {**group.describe(), "Tags": group.tags}


_RESOURCES: Mapping[str, tuple[str, str, Callable[[SageMakerModelBackend], Iterable[Object]]]] = {
    "TrainingJob": ("TrainingJob", "TrainingJobArn", _training_jobs),
    "ModelPackage": ("ModelPackage", "ModelPackageArn", _packages),
    "PipelineExecution": ("PipelineExecution", "PipelineExecutionArn", _executions),
    "Experiment": ("Experiment", "ExperimentArn", _experiments),
    "ExperimentTrialComponent": ("TrialComponent", "TrialComponentArn", _components),
    "FeatureGroup": ("FeatureGroup", "FeatureGroupArn", _feature_groups),
}
"""By resource: the field of the result that holds it, the field that names it, and what there is."""


def search(backend: SageMakerModelBackend, asked: Mapping[str, Any]) -> Mapping[str, Any]:
    resource = asked["Resource"]
    if resource not in _RESOURCES:
        raise invalid(f"this stand-in has no {resource} to search for")
    field, arn, objects = _RESOURCES[resource]
    expression = asked.get("SearchExpression")
    found = [one for one in objects(backend) if expression is None or _holds(expression, one)]
    order = {"SortBy": "LastModifiedTime", "SortOrder": "Descending", **asked}
    shown, token = page(found, order, key=lambda one: (one[arn],))
    return {"Results": [{field: one} for one in shown], "NextToken": token}


def _holds(expression: Mapping[str, Any], one: Object) -> bool:
    parts: Sequence[Any] = (*expression.get("Filters", ()), *expression.get("SubExpressions", ()))
    if not parts:
        raise invalid("You must provide at least one subexpression, filter, or nested filter")
    held = (_holds(part, one) if "Name" not in part else _passes(part, one) for part in parts)
    return any(held) if expression.get("Operator", "And") == "Or" else all(held)


def _passes(condition: Mapping[str, str], one: Object) -> bool:
    actual: Any = one.get(condition["Name"])
    wanted: Any = condition.get("Value", "")
    compare = condition.get("Operator", "Equals")
    if compare == "Contains":
        return wanted in str(actual or "")
    if compare in ("Exists", "NotExists"):
        return (actual is not None) == (compare == "Exists")
    if condition["Name"].endswith("Time"):
        if actual is None:
            return False
        actual, wanted = seconds(actual), _time(wanted)
    elif compare not in ("Equals", "NotEquals"):
        raise invalid(f"{compare} is not supported for text properties")
    return _COMPARE[compare](actual, wanted)


def _time(text: str) -> float:
    """Only in the one form that is documented."""
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC).timestamp()
    except ValueError:
        raise invalid(f"{text!r} is no date-time of the form YYYY-mm-dd'T'HH:MM:SS") from None
