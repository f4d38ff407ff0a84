"""What the project file and the environment say about an Azure Machine Learning workspace."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from connectors.azureml.clouds import CLOUDS, Cloud
from connectors.base import Options, WebhookSecrets
from connectors.shapes import Shaped
from mappings.azureml_names import Site

_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def _service_address(url: str) -> str:
    """`url` without a slash at the end. Raises `ValueError` saying what to write instead."""
    parts = urlsplit(url)
    if not parts.hostname or parts.scheme not in ("https", "http"):
        raise ValueError("expected an https address such as https://management.azure.com")
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise ValueError("expected an https address: tokens do not travel unencrypted")
    if "@" in parts.netloc or parts.query or parts.fragment or parts.path.strip("/"):
        raise ValueError("the address is the host alone, without user, path or query")
    return url.rstrip("/")


Address = Annotated[str, AfterValidator(_service_address)]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,254}$")]
Subscription = Annotated[
    str,
    Shaped(
        pattern=r"^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$",
        wanted="the subscription's id, such as 00000000-0000-0000-0000-000000000000, which `az account list` shows beside its name",
    ),
]
ResourceGroup = Annotated[str, StringConstraints(pattern=r"^[\w.()-]{1,90}$")]


class RegistryOptions(Options):
    """A registry that shares models among workspaces."""

    name: Name = Field(description="The registry's name.")
    subscription: Subscription | None = Field(None, description="The registry's subscription; by default the workspace's.")
    resource_group: ResourceGroup | None = Field(None, description="The registry's resource group; by default the workspace's.")


class AzureMLOptions(Options):
    """Which workspace, and in which of Azure's clouds. Several workspaces are several sources."""

    subscription: Subscription = Field(
        description="The id of the workspace's subscription.", examples=["00000000-0000-0000-0000-000000000000"]
    )
    resource_group: ResourceGroup = Field(description="The workspace's resource group.", examples=["ml-production"])
    workspace: Name = Field(description="The workspace's name.", examples=["churn"])
    registries: tuple[RegistryOptions, ...] = Field((), description="Registries whose models are read like the workspace's own.")
    cloud: Literal["AzureCloud", "AzureUSGovernment", "AzureChinaCloud"] = Field(
        "AzureCloud", description="The cloud that the workspace is in."
    )
    resource_manager: Address | None = Field(
        None,
        description="Where Azure Resource Manager is, if it is not where the cloud has it.",
        examples=["https://management.azure.com"],
    )
    authority: Address | None = Field(
        None,
        description="Where accounts sign in, if it is not where the cloud has it.",
        examples=["https://login.microsoftonline.com"],
    )

    def services(self) -> Cloud:
        """Where the services are: as the cloud has them, or as these options say."""
        cloud = CLOUDS[self.cloud]
        return Cloud(self.resource_manager or cloud.resource_manager, self.authority or cloud.authority, cloud.portal, cloud.domain)

    def site(self, source: str) -> Site:
        """The workspace as the source of that name."""
        return Site(
            source=source,
            subscription=self.subscription,
            resource_group=self.resource_group,
            workspace=self.workspace,
            portal=self.services().portal,
        )


class AzureMLSecrets(WebhookSecrets):
    """What Event Grid sends along. Credentials are those that `DefaultAzureCredential` finds."""


Globs = tuple[Annotated[str, Field(min_length=1)], ...]


class AzureMLScope(Options):
    """What belongs to a project: names, in which `*`, `?` and `[…]` match as in file names, upper and lower case told apart."""

    endpoints: Globs = Field((), description="Names of online and batch endpoints; * and ? match.", examples=[["churn-*"]])
    models: Globs = Field((), description="Names of registered models; * and ? match.", examples=[["churn-classifier"]])
    experiments: Globs = Field((), description="Names of experiments whose jobs are read; * and ? match.", examples=[["churn*"]])
    data: Globs = Field((), description="Names of data assets; * and ? match.", examples=[["churn-*"]])
    monitors: Globs = Field(
        (), description="Names of monitors; those of the endpoints and models are read in any case.", examples=[["churn-*"]]
    )

    @model_validator(mode="after")
    def _names_something(self) -> AzureMLScope:
        if not (self.endpoints or self.models or self.experiments or self.data or self.monitors):
            raise ValueError("name endpoints, models, experiments, data, monitors or several of them")
        return self
