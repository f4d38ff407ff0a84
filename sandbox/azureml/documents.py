"""What authors give for each kind of resource: the documents that the stand-in keeps, in the shapes of API version 2024-10-01."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

BREACHED_TAG = "azureml_modelmonitor_threshold_breached"


def job(
    experiment: str,
    *,
    status: str = "Completed",
    display_name: str | None = None,
    inputs: Mapping[str, Any] | None = None,
    tags: Mapping[str, str] | None = None,
    properties: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """A command job."""
    return {
        "properties": {
            "jobType": "Command",
            "displayName": display_name,
            "experimentName": experiment,
            "status": status,
            "command": "python train.py",
            "environmentId": "azureml:sklearn-1.5:3",
            "computeId": None,
            "inputs": dict(inputs or {}),
            "outputs": {},
            "services": {},
            "tags": dict(tags or {}),
            "properties": dict(properties or {}),
            "isArchived": False,
        }
    }


def number(value: float) -> dict[str, Any]:
    """A literal input of a job."""
    return {"jobInputType": "literal", "value": str(value)}


def data_input(address: str) -> dict[str, Any]:
    """A data asset as a job's input."""
    return {"jobInputType": "uri_folder", "uri": address, "mode": "ReadOnlyMount"}


def model_version(
    job_name: str | None = None,
    *,
    stage: str | None = None,
    tags: Mapping[str, str] | None = None,
    uri: str = "azureml://datastores/workspaceblobstore/paths/models/churn",
) -> dict[str, Any]:
    """A registered model's version that MLflow can load."""
    return {
        "properties": {
            "modelType": "mlflow_model",
            "modelUri": uri,
            "jobName": job_name,
            "stage": stage,
            "flavors": {"python_function": {"data": {"loader_module": "mlflow.sklearn"}}, "sklearn": {"data": {}}},
            "tags": dict(tags or {}),
            "properties": {},
            "isArchived": False,
            "isAnonymous": False,
            "provisioningState": "Succeeded",
        }
    }


def data_version(uri: str, *, tags: Mapping[str, str] | None = None) -> dict[str, Any]:
    """A data asset's version."""
    return {
        "properties": {
            "dataType": "uri_folder",
            "dataUri": uri,
            "tags": dict(tags or {}),
            "properties": {},
            "isArchived": False,
            "isAnonymous": False,
        }
    }


def online_endpoint(
    traffic: Mapping[str, int] | None = None,
    *,
    mirror: Mapping[str, int] | None = None,
    state: str = "Succeeded",
    tags: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """A managed online endpoint."""
    return {
        "location": "westeurope",
        "kind": "Managed",
        "tags": dict(tags or {}),
        "identity": {"type": "SystemAssigned"},
        "properties": {
            "authMode": "AADToken",
            "traffic": dict(traffic or {}),
            "mirrorTraffic": dict(mirror or {}),
            "provisioningState": state,
            "publicNetworkAccess": "Enabled",
            "scoringUri": "https://example.westeurope.inference.ml.azure.com/score",
            "properties": {},
        },
    }


def online_deployment(
    model: str, *, state: str = "Succeeded", captures: bool = False, tags: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """A managed deployment of a model, given by its resource id or as `azureml:name:version`."""
    mode = "Enabled" if captures else "Disabled"
    return {
        "location": "westeurope",
        "kind": "Managed",
        "tags": dict(tags or {}),
        "sku": {"name": "Default", "capacity": 1},
        "properties": {
            "endpointComputeType": "Managed",
            "model": model,
            "instanceType": "Standard_DS3_v2",
            "provisioningState": state,
            "scaleSettings": {"scaleType": "Default"},
            "dataCollector": {"collections": {"model_inputs": {"dataCollectionMode": mode}}},
            "properties": {},
        },
    }


def batch_endpoint(default: str | None = None, *, state: str = "Succeeded") -> dict[str, Any]:
    """A batch endpoint with its default deployment."""
    return {
        "location": "westeurope",
        "tags": {},
        "properties": {
            "authMode": "AADToken",
            "defaults": {"deploymentName": default},
            "provisioningState": state,
            "scoringUri": "https://example.westeurope.inference.ml.azure.com/jobs",
            "properties": {},
        },
    }


def batch_deployment(model: str, *, state: str = "Succeeded") -> dict[str, Any]:
    """A batch deployment that names its model by resource id."""
    return {
        "location": "westeurope",
        "tags": {},
        "properties": {
            "model": {"referenceType": "Id", "assetId": model},
            "compute": "/subscriptions/0/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w/computes/cpu",
            "resources": {"instanceType": "Standard_DS3_v2", "instanceCount": 1},
            "provisioningState": state,
            "miniBatchSize": 10,
            "maxConcurrencyPerInstance": 1,
            "errorThreshold": -1,
            "outputAction": "AppendRow",
            "outputFileName": "predictions.csv",
            "loggingLevel": "Info",
            "retrySettings": {"maxRetries": 3, "timeout": "PT30S"},
            "properties": {},
        },
    }


def monitor(target: str, signals: Mapping[str, str], *, enabled: bool = True) -> dict[str, Any]:
    """A monitor of a deployment; `signals` are types such as `DataDrift` by name."""
    return {
        "properties": {
            "displayName": None,
            "isEnabled": enabled,
            "provisioningState": "Succeeded",
            "tags": {},
            "properties": {},
            "trigger": {
                "triggerType": "Recurrence",
                "frequency": "Day",
                "interval": 1,
                "timeZone": "UTC",
                "schedule": {"hours": [3], "minutes": [15]},
            },
            "action": {
                "actionType": "CreateMonitor",
                "monitorDefinition": {
                    "computeConfiguration": {
                        "computeType": "ServerlessSpark",
                        "instanceType": "Standard_E4s_v3",
                        "runtimeVersion": "3.4",
                        "computeIdentity": {"computeIdentityType": "AmlToken"},
                    },
                    "monitoringTarget": {"taskType": "Classification", "deploymentId": target},
                    "signals": {name: signal(kind) for name, kind in signals.items()},
                },
            },
        }
    }


def signal(kind: str) -> dict[str, Any]:
    """One of a monitor's signals, with a limit for numerical features."""
    metric = {"DataQuality": "NullValueRate"}.get(kind, "NormalizedWassersteinDistance")
    data = {
        "inputDataType": "Rolling",
        "jobInputType": "MLTable",
        "uri": "azureml:captured:1",
        "windowSize": "P1D",
        "windowOffset": "P0D",
    }
    threshold = {"dataType": "Numerical", "metric": metric, "threshold": {"value": 0.1}}
    return {
        "signalType": kind,
        "productionData": {**data, "dataContext": "model_inputs"},
        "referenceData": {**data, "dataContext": "training", "windowSize": "P7D", "windowOffset": "P1D"},
        "metricThresholds": [threshold],
        "notificationTypes": [],
        "properties": {},
    }


def monitor_run(
    schedule: str,
    started: datetime,
    *,
    status: str = "Completed",
    breached: str | None = None,
    feature: str = "tenure_months",
    distance: float = 0.31,
) -> dict[str, Any]:
    """A job that a monitor's schedule started. `breached` is the signal that passed its limits, by the `distance` of a feature."""
    tags = {BREACHED_TAG: breach_message(breached, feature, distance)} if breached else {}
    made = job(schedule, status=status, display_name=f"{schedule}-{started:%Y%m%dT%H%M%SZ}", tags=tags)
    made["properties"] |= {"jobType": "Pipeline", "jobs": {}, "settings": {}}
    return made


def breach_message(signal_name: str, feature: str = "tenure_months", distance: float = 0.31) -> str:
    """What Azure's monitor writes for people."""
    measured = f'"group":"{feature}","metric_value":{distance:.6g}'
    metric = f'{{{measured},"metric_name":"NormalizedWassersteinDistance","threshold_value":0.1}}'
    return (
        f"The signal '{signal_name}' has failed due to one or more features violating metric thresholds.\n"
        f"The feature names and their corresponding computed metric values violating the threshold are \n['{metric}']\n"
    )
