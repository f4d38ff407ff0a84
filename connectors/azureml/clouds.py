"""Where the services of each Azure cloud are, under the names that the Azure CLI and `azure-ai-ml` give the clouds."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec


class Cloud(msgspec.Struct, frozen=True):
    """Addresses without a slash at the end: Azure Resource Manager, the sign-in service, the studio that people use. `domain` is
    where each region has its services for workspaces."""

    resource_manager: str
    authority: str
    portal: str
    domain: str


CLOUDS: Mapping[str, Cloud] = {
    "AzureCloud": Cloud(
        "https://management.azure.com", "https://login.microsoftonline.com", "https://ml.azure.com", "api.azureml.ms"
    ),
    "AzureUSGovernment": Cloud(
        "https://management.usgovcloudapi.net", "https://login.microsoftonline.us", "https://ml.azure.us", "api.ml.azure.us"
    ),
    "AzureChinaCloud": Cloud(
        "https://management.chinacloudapi.cn", "https://login.chinacloudapi.cn", "https://studio.ml.azure.cn", "api.ml.azure.cn"
    ),
}
