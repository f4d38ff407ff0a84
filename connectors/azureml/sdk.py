"""The one use of `azure-ai-ml`: whether the client that this installation has understands the workspace.

Milepost's own reads ask for the same resources without it, as `api.py` says why.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import warnings
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

from connectors.azureml.clouds import Cloud
from connectors.azureml.credential import open_credential
from connectors.azureml.options import AzureMLOptions

_CLOUD_VARIABLE = "AZUREML_CURRENT_CLOUD"
_TIMEOUT = 30.0


def client_version() -> str:
    """The version of the installed client. Does not import it."""
    return version("azure-ai-ml")


def client_understands(options: AzureMLOptions) -> str | None:
    """None if the client can read the workspace, else why not: the kind of error alone, since some quote what was sent."""
    with _kept_to_itself():
        from azure.ai.ml import MLClient
        from azure.core.exceptions import AzureError

        services = options.services()
        with open_credential(services.authority) as credential:
            try:
                client = MLClient(
                    credential,
                    options.subscription,
                    options.resource_group,
                    options.workspace,
                    enable_telemetry=False,
                    show_progress=False,
                    retry_total=0,
                    connection_timeout=_TIMEOUT,
                    read_timeout=_TIMEOUT,
                    **_cloud(options, services),
                )
                client.workspaces.get(options.workspace)
            except (AzureError, ValueError, TypeError, AttributeError, KeyError) as error:
                return type(error).__name__
    return None


def _cloud(options: AzureMLOptions, services: Cloud) -> dict[str, Any]:
    """A cloud of its own addresses needs a name of its own: under one that it knows, the client keeps the addresses it had."""
    if options.resource_manager is None and options.authority is None:
        return {"cloud": options.cloud}
    digest = hashlib.blake2b(f"{services.resource_manager} {services.authority}".encode(), digest_size=8).hexdigest()
    metadata = {
        "azure_portal": services.portal,
        "resource_manager": services.resource_manager,
        "active_directory": services.authority,
        "aml_resource_id": services.portal,
        "storage_endpoint": "core.windows.net",
        "registry_discovery_endpoint": services.resource_manager,
    }
    return {"cloud": f"milepost-{digest}", "cloud_metadata": metadata}


@contextlib.contextmanager
def _kept_to_itself() -> Iterator[None]:
    """The client warns of what it rests on, and notes its cloud in the environment of the process, where others would find it."""
    before = os.environ.get(_CLOUD_VARIABLE)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            os.environ.pop(_CLOUD_VARIABLE, None)
            if before is not None:
                os.environ[_CLOUD_VARIABLE] = before
