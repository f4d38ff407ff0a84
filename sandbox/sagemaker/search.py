"""`Search`: moto's compares times for equality only, sorts nothing and has no pages."""

from __future__ import annotations

import operator
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from itertools import islice
from typing import Any

from moto.sagemaker.models import SageMakerModelBackend

from sandbox.sagemaker.listing import MOST, Object, invalid, page, place_in, seconds

_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "Equals": operator.eq,
    "NotEquals": operator.ne,
    "GreaterThan": operator.gt,
    "GreaterThanOrEqualTo": operator.ge,
    "LessThan": operator.lt,
    "LessThanOrEqualTo": operator.le,
}


class Candidate(Mapping[str, Any]):
    """An object of moto's as a record of SageMaker's. It is made whole only when it is shown: most are only sifted and sorted."""

    def __init__(self, held: Any, arn_field: str, make: Callable[[Any], Object]) -> None:
        self._held = held
        self._arn_field = arn_field
        self._make = make

    def whole(self) -> Object:
        return {**self._make(self._held), self._arn_field: self._held.arn}

    def __getitem__(self, field: str) -> Any:
        known = vars(self._held)
        name = "arn" if field == self._arn_field else _attribute(field)
        return known[name] if name in known else self.whole()[field]

    def __iter__(self) -> Iterator[str]:
        return iter(self.whole())

    def __len__(self) -> int:
        return len(self.whole())


@lru_cache(maxsize=256)
def _attribute(field: str) -> str:
    """moto's name of a field: `CreationTime` is `creation_time`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", field).lower()


def _training_job(job: Any) -> Object:
    found: Object = job.response_object
    return found


def _package(package: Any) -> Object:
    # moto puts the ARN where a name belongs in the details of the status, which are longer than a name may be.
    return {**package.gen_response_object(), "Tags": package.tags, "ModelPackageStatusDetails": None}


def _execution(execution: Any) -> Object:
    return {**execution.gen_response_object(), "PipelineArn": execution.arn.partition("/execution/")[0]}


def _experiment(experiment: Any) -> Object:
    found: Object = experiment.response_object
    return found


def _feature_group(group: Any) -> Object:
    return {**group.describe(), "Tags": group.tags}


def _component(backend: SageMakerModelBackend) -> Callable[[Any], Object]:
    def whole(component: Any) -> Object:
        name = component.trial_component_name
        parents = [
            {"TrialName": trial.trial_name, "ExperimentName": trial.experiment_name}
            for trial in backend.trials.values()
            if name in trial.trial_components
        ]
        return {**component.response_object, "Parents": parents}

    return whole


def _executions(backend: SageMakerModelBackend) -> Iterable[Any]:
    return (execution for pipeline in backend.pipelines.values() for execution in pipeline.pipeline_executions.values())


_RESOURCES: Mapping[str, tuple[str, str, Callable[[SageMakerModelBackend], Iterable[Any]]]] = {
    "TrainingJob": ("TrainingJob", "TrainingJobArn", lambda backend: backend.training_jobs.values()),
    "ModelPackage": ("ModelPackage", "ModelPackageArn", lambda backend: backend.model_packages.values()),
    "PipelineExecution": ("PipelineExecution", "PipelineExecutionArn", _executions),
    "Experiment": ("Experiment", "ExperimentArn", lambda backend: backend.experiments.values()),
    "ExperimentTrialComponent": ("TrialComponent", "TrialComponentArn", lambda backend: backend.trial_components.values()),
    "FeatureGroup": ("FeatureGroup", "FeatureGroupArn", lambda backend: backend.feature_groups.values()),
}
"""By resource: the field of the result that holds it, the field that names it, and what there is."""


def _maker(backend: SageMakerModelBackend, resource: str) -> Callable[[Any], Object]:
    """What makes a record of an object of the resource."""
    return {
        "TrainingJob": _training_job,
        "ModelPackage": _package,
        "PipelineExecution": _execution,
        "Experiment": _experiment,
        "ExperimentTrialComponent": _component(backend),
        "FeatureGroup": _feature_group,
    }[resource]


class Searcher:
    """Answers searches. It remembers in which order things were made: a listing of very many would sort them for each page."""

    def __init__(self) -> None:
        self._made: dict[tuple[int, str], tuple[tuple[int, int], list[tuple[float, str]], list[Candidate]]] = {}

    def search(self, backend: SageMakerModelBackend, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        resource = asked["Resource"]
        if resource not in _RESOURCES:
            raise invalid(f"this stand-in has no {resource} to search for")
        field, arn, _ = _RESOURCES[resource]
        expression = asked.get("SearchExpression")
        order = {"SortBy": "LastModifiedTime", "SortOrder": "Descending", **asked}
        places, candidates = self._by_creation(backend, resource)
        if (order["SortBy"], order["SortOrder"]) == ("CreationTime", "Ascending"):
            # Those that may follow, and no more of them than it takes to know that there is another page.
            start = bisect_left(places, (_earliest(expression), ""))
            if token := asked.get("NextToken"):
                created, name = place_in(token)
                start = max(start, bisect_right(places, (created, name)))
            candidates = candidates[start:]
            passing = (one for one in candidates if expression is None or _holds(expression, one))
            found = list(islice(passing, int(asked.get("MaxResults") or MOST) + 1))
            order = {name: value for name, value in order.items() if name != "NextToken"}
        else:
            found = [one for one in candidates if expression is None or _holds(expression, one)]
        shown, following = page(found, order, key=lambda one: (one[arn],))
        return {"Results": [{field: one.whole()} for one in shown], "NextToken": following}

    def _by_creation(self, backend: SageMakerModelBackend, resource: str) -> tuple[list[tuple[float, str]], list[Candidate]]:
        _, arn, objects = _RESOURCES[resource]
        held = list(objects(backend))
        # What comes is put at the end, and what goes is missing. What is remembered lives on, so no other takes its id.
        present = (len(held), id(held[-1]) if held else 0)
        known = self._made.get((id(backend), resource))
        if known is None or known[0] != present:
            make = _maker(backend, resource)
            placed = sorted((seconds(one.creation_time), one.arn, number) for number, one in enumerate(held))
            places = [(created, name) for created, name, _ in placed]
            known = (present, places, [Candidate(held[number], arn, make) for _, _, number in placed])
            self._made[id(backend), resource] = known
        return known[1], known[2]


def _earliest(expression: Mapping[str, Any] | None) -> float:
    """Before this nothing passes, by the filters that all must pass."""
    if expression is None or expression.get("Operator") == "Or":
        return 0.0
    after = ("CreationTime", "GreaterThanOrEqualTo")
    times = [one for one in expression.get("Filters", ()) if (one["Name"], one.get("Operator")) == after]
    return max((_time(one["Value"]) for one in times), default=0.0)


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


@lru_cache(maxsize=256)
def _time(text: str) -> float:
    """Only in the one form that is documented."""
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC).timestamp()
    except ValueError:
        raise invalid(f"{text!r} is no date-time of the form YYYY-mm-dd'T'HH:MM:SS") from None
