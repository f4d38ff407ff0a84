"""The layer before moto: the operations that moto lacks or does in another way than AWS. All others go on to moto."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec
from moto.core.utils import utcnow
from moto.iam.models import get_account_id_from
from moto.sagemaker.models import SageMakerModelBackend, sagemaker_backends

from mappings.decoding import decode_as
from sandbox.sagemaker.listing import Refused, invalid, listed, page
from sandbox.sagemaker.monitoring import Monitoring
from sandbox.sagemaker.search import Searcher
from sandbox.sagemaker.shapes import service_model, shaped, violations

Environ = dict[str, Any]
Respond = Callable[..., Any]

_SIGNED = re.compile(r"Credential=([^/\s,]+)/\d+/([a-z0-9-]+)/sagemaker/")
SEARCH = "Search"
_MOST_TOLD = 5
_JSON = [("Content-Type", "application/x-amz-json-1.1")]


class Violation(Exception):
    """An answer of ours is not as botocore's model says: a mistake of this stand-in."""


class Front:
    """A WSGI application before another one. `refused` are the accounts and regions where nobody may do anything."""

    def __init__(self, behind: Callable[[Environ, Respond], Iterable[bytes]]) -> None:
        self._behind = behind
        self.refused: set[tuple[str, str]] = set()
        self._monitoring: dict[tuple[str, str], Monitoring] = {}
        self._searcher = Searcher()

    def monitoring(self, account: str, region: str) -> Monitoring:
        return self._monitoring.setdefault((account, region), Monitoring(account, region))

    def __call__(self, environ: Environ, respond: Respond) -> Iterable[bytes]:
        operation = environ.get("HTTP_X_AMZ_TARGET", "").partition("SageMaker.")[2]
        signed = _SIGNED.search(environ.get("HTTP_AUTHORIZATION", ""))
        if signed is None:
            return self._behind(environ, respond)
        account, region = get_account_id_from(signed[1]), signed[2]
        if (account, region) in self.refused:
            environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            return _answer(respond, "400 Bad Request", _denial(account, operation))
        if operation not in (SEARCH, *_OURS, *_OF_MONITORING, *_CHANGING):
            return self._behind(environ, respond)
        backend = sagemaker_backends[account][region]
        if operation in _CHANGING:
            return self._changed(operation, backend, environ, respond)
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        try:
            asked = _request(operation, body)
            if operation == SEARCH:
                answer = self._searcher.search(backend, asked)
            elif operation in _OF_MONITORING:
                answer = _OF_MONITORING[operation](self.monitoring(account, region), backend, asked)
            else:
                answer = _OURS[operation](backend, asked)
            return _answer(respond, "200 OK", _response(operation, answer))
        except Refused as refused:
            return _answer(respond, "400 Bad Request", {"__type": refused.code, "message": refused.message})

    def _changed(self, operation: str, backend: SageMakerModelBackend, environ: Environ, respond: Respond) -> Iterable[bytes]:
        """Lets moto do it, then notes when: moto leaves the time of change as it was."""
        answered = list(self._behind(environ, respond))
        for endpoint in _CHANGING[operation](backend, answered):
            endpoint.last_modified_time = utcnow()
        return answered


def _request(operation: str, body: bytes) -> dict[str, Any]:
    asked: dict[str, Any] = decode_as(body or b"{}", dict[str, Any])
    shape = service_model().operation_model(operation).input_shape
    found = list(violations(shape, asked))
    if found:
        raise invalid(f"{len(found)} validation errors detected: {'; '.join(found)}")
    return asked


def _response(operation: str, answer: Mapping[str, Any]) -> dict[str, Any]:
    shape = service_model().operation_model(operation).output_shape
    document: dict[str, Any] = shaped(shape, dict(answer)) if shape is not None else {}
    found = list(violations(shape, document)) if shape is not None else []
    if found:
        raise Violation(f"{operation}: {'; '.join(found[:_MOST_TOLD])}")
    return document


def _answer(respond: Respond, status: str, document: Mapping[str, Any]) -> Iterable[bytes]:
    body = msgspec.json.encode(document)
    respond(status, [*_JSON, ("Content-Length", str(len(body)))])
    return [body]


def _denial(account: str, operation: str) -> Mapping[str, Any]:
    who, what = f"arn:aws:iam::{account}:user/milepost", f"sagemaker:{operation}"
    why = f"is not authorized to perform: {what} because no identity-based policy allows the {what} action"
    return {"__type": "AccessDeniedException", "message": f"User: {who} {why}"}


def _update_endpoint(backend: SageMakerModelBackend, asked: Mapping[str, Any]) -> Mapping[str, Any]:
    """At once: there are no machines to wait for."""
    endpoint = backend.endpoints.get(asked["EndpointName"])
    if endpoint is None:
        raise invalid(f"Could not find endpoint {asked['EndpointName']!r}.")
    config = backend.endpoint_configs.get(asked["EndpointConfigName"])
    if config is None:
        raise invalid(f"Could not find endpoint configuration {asked['EndpointConfigName']!r}.")
    described = config.response_object
    endpoint.endpoint_config_name = asked["EndpointConfigName"]
    endpoint.production_variants = endpoint._process_production_variants(described["ProductionVariants"])
    endpoint.data_capture_config = described.get("DataCaptureConfig", {})
    endpoint.endpoint_status, endpoint.failure_reason = "InService", None
    endpoint.last_modified_time = utcnow()
    return {"EndpointArn": endpoint.arn}


def _list_feature_groups(backend: SageMakerModelBackend, asked: Mapping[str, Any]) -> Mapping[str, Any]:
    found = listed((group.describe() for group in backend.feature_groups.values()), asked, equal={})
    shown, token = page(found, {**asked, "SortBy": "CreationTime"}, key=lambda one: (one["FeatureGroupName"],))
    return {"FeatureGroupSummaries": shown, "NextToken": token}


def _describe_feature_group(backend: SageMakerModelBackend, asked: Mapping[str, Any]) -> Mapping[str, Any]:
    """By name or ARN, and refused when it is not there: moto ends in a fault of its own."""
    wanted = asked["FeatureGroupName"]
    for group in backend.feature_groups.values():
        if wanted in (group.arn, group.feature_group_name):
            return {**group.describe(), "NextToken": ""}
    raise Refused("ResourceNotFound", f"Feature Group {wanted} does not exist")


def _describe_trial_component(backend: SageMakerModelBackend, asked: Mapping[str, Any]) -> Mapping[str, Any]:
    component = backend.trial_components.get(asked["TrialComponentName"])
    if component is None:
        raise Refused("ResourceNotFound", f"Trial component {asked['TrialComponentName']} does not exist")
    return component.response_object


def _describe_experiment(backend: SageMakerModelBackend, asked: Mapping[str, Any]) -> Mapping[str, Any]:
    experiment = backend.experiments.get(asked["ExperimentName"])
    if experiment is None:
        raise Refused("ResourceNotFound", f"Experiment {asked['ExperimentName']} does not exist")
    return {**experiment.response_object, "ExperimentArn": experiment.arn}


def _with_new_weights(backend: SageMakerModelBackend, answered: list[bytes]) -> Iterable[Any]:
    arn = decode_as(b"".join(answered), dict[str, Any]).get("EndpointArn")
    return [endpoint for endpoint in backend.endpoints.values() if endpoint.arn == arn]


_OURS: Mapping[str, Callable[[SageMakerModelBackend, Mapping[str, Any]], Mapping[str, Any]]] = {
    "UpdateEndpoint": _update_endpoint,
    "ListFeatureGroups": _list_feature_groups,
    "DescribeFeatureGroup": _describe_feature_group,
    "DescribeTrialComponent": _describe_trial_component,
    "DescribeExperiment": _describe_experiment,
}
_OF_MONITORING: Mapping[str, Callable[[Monitoring, SageMakerModelBackend, Mapping[str, Any]], Mapping[str, Any]]] = {
    "CreateMonitoringSchedule": lambda monitoring, backend, asked: monitoring.create_schedule(asked, backend),
    "DescribeMonitoringSchedule": lambda monitoring, _backend, asked: monitoring.describe_schedule(asked),
    "DeleteMonitoringSchedule": lambda monitoring, _backend, asked: monitoring.delete_schedule(asked),
    "ListMonitoringSchedules": lambda monitoring, _backend, asked: monitoring.list_schedules(asked),
    "ListMonitoringExecutions": lambda monitoring, _backend, asked: monitoring.list_executions(asked),
    "ListMonitoringAlerts": lambda monitoring, _backend, asked: monitoring.list_alerts(asked),
    "ListMonitoringAlertHistory": lambda monitoring, _backend, asked: monitoring.list_alert_history(asked),
}
_CHANGING: Mapping[str, Callable[[SageMakerModelBackend, list[bytes]], Iterable[Any]]] = {
    "UpdateEndpointWeightsAndCapacities": _with_new_weights,
}
