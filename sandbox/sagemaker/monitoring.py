"""Monitoring schedules, their executions and alerts, none of which moto has."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from moto.sagemaker.models import SageMakerModelBackend

from sandbox.sagemaker.listing import Refused, invalid, listed, page

Objects = dict[str, dict[str, Any]]


class Monitoring:
    """What one account and region has of it. Times are seconds since 1970."""

    def __init__(self, account: str, region: str) -> None:
        self._prefix = f"arn:aws:sagemaker:{region}:{account}:"
        self.schedules: Objects = {}
        self.executions: list[dict[str, Any]] = []
        self.alert_history: list[dict[str, Any]] = []

    def create_schedule(self, asked: Mapping[str, Any], backend: SageMakerModelBackend) -> Mapping[str, Any]:
        name, config = asked["MonitoringScheduleName"], asked["MonitoringScheduleConfig"]
        if name in self.schedules:
            raise Refused("ResourceInUse", f"monitoring schedule {name} already exists")
        endpoint = _endpoint_of(config)
        if endpoint is not None and endpoint not in backend.endpoints:
            raise invalid(f"Could not find endpoint {endpoint!r}")
        now = time.time()
        self.schedules[name] = {
            "MonitoringScheduleName": name,
            "MonitoringScheduleArn": f"{self._prefix}monitoring-schedule/{name}",
            "MonitoringScheduleStatus": "Scheduled",
            "MonitoringType": config.get("MonitoringType", "DataQuality"),
            "MonitoringScheduleConfig": config,
            "CreationTime": now,
            "LastModifiedTime": now,
            **({"EndpointName": endpoint} if endpoint else {}),
        }
        return {"MonitoringScheduleArn": self.schedules[name]["MonitoringScheduleArn"]}

    def describe_schedule(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        return self._schedule(asked["MonitoringScheduleName"])

    def delete_schedule(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        self._schedule(asked["MonitoringScheduleName"])
        del self.schedules[asked["MonitoringScheduleName"]]
        return {}

    def list_schedules(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        equal = {
            "EndpointName": "EndpointName",
            "StatusEquals": "MonitoringScheduleStatus",
            "MonitoringTypeEquals": "MonitoringType",
        }
        found = listed(self.schedules.values(), asked, equal=equal)
        order = {**asked, "SortBy": {"Name": "MonitoringScheduleName"}.get(asked.get("SortBy", ""), "CreationTime")}
        shown, token = page(found, order, key=lambda one: (one["MonitoringScheduleName"],))
        return {"MonitoringScheduleSummaries": shown, "NextToken": token}

    def list_executions(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        equal = {
            "MonitoringScheduleName": "MonitoringScheduleName",
            "EndpointName": "EndpointName",
            "StatusEquals": "MonitoringExecutionStatus",
            "MonitoringTypeEquals": "MonitoringType",
        }
        found = listed(self.executions, asked, equal=equal)
        shown, token = page(found, asked, key=lambda one: (one["MonitoringScheduleName"], one["ScheduledTime"]))
        return {"MonitoringExecutionSummaries": shown, "NextToken": token}

    def list_alert_history(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        equal = {
            "MonitoringScheduleName": "MonitoringScheduleName",
            "MonitoringAlertName": "MonitoringAlertName",
            "StatusEquals": "AlertStatus",
        }
        found = listed(self.alert_history, asked, equal=equal)
        shown, token = page(found, asked, key=lambda one: (one["MonitoringScheduleName"], one["MonitoringAlertName"]))
        return {"MonitoringAlertHistory": shown, "NextToken": token}

    def list_alerts(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        """Each alert as its last change left it."""
        self._schedule(asked["MonitoringScheduleName"])
        changes = [one for one in self.alert_history if one["MonitoringScheduleName"] == asked["MonitoringScheduleName"]]
        last = {one["MonitoringAlertName"]: one for one in sorted(changes, key=lambda one: float(one["CreationTime"]))}
        summaries = [
            {
                "MonitoringAlertName": name,
                "CreationTime": one["CreationTime"],
                "LastModifiedTime": one["CreationTime"],
                "AlertStatus": one["AlertStatus"],
                "DatapointsToAlert": 1,
                "EvaluationPeriod": 1,
                "Actions": {"ModelDashboardIndicator": {"Enabled": True}},
            }
            for name, one in last.items()
        ]
        return {"MonitoringAlertSummaries": summaries}

    def _schedule(self, name: str) -> dict[str, Any]:
        if name not in self.schedules:
            raise Refused("ResourceNotFound", f"monitoring schedule {name} does not exist")
        return self.schedules[name]


def _endpoint_of(config: Mapping[str, Any]) -> str | None:
    definition = config.get("MonitoringJobDefinition", {})
    inputs = definition.get("MonitoringInputs", ())
    named = (one.get("EndpointInput", {}).get("EndpointName") for one in inputs)
    found: str | None = next(filter(None, named), None)
    return found
