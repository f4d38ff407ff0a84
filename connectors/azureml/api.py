"""Azure Resource Manager as far as Milepost reads a workspace through it: typed pages and single resources.

These are the requests that `azure-ai-ml` makes, of one API version. They go through the one HTTP client instead of `MLClient`,
which loses a whole page to one resource that it cannot read, prints what it could not, knows no deadline, and keeps which cloud it
speaks to in the environment of the process.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import quote

import httpx
import msgspec

from connectors.azureml.credential import SIGN_IN_FIX, TokenAuth
from connectors.azureml.failures import found
from connectors.azureml.listing import Page, pages
from connectors.azureml.options import AzureMLOptions, RegistryOptions
from connectors.azureml.permissions import PROVIDER, needing, reading
from connectors.base import SourceContext
from connectors.http import Client, decode, open_client
from connectors.rates import Budget
from mappings.azureml_names import resource_id
from mappings.decoding import decoder_for

API_VERSION = "2024-10-01"
RESOURCES_API_VERSION = "2021-04-01"
DEPLOYMENT_TYPES = tuple(
    f"Microsoft.MachineLearningServices/workspaces/{kind}Endpoints/deployments" for kind in ("online", "batch")
)

_REMAINING = "x-ms-ratelimit-remaining-subscription-reads"
_NAME = re.compile(r"[^/?#\x00-\x1f%]{1,260}")


class ResourceMark(msgspec.Struct, rename="camel"):
    """When any resource last changed, as Azure Resource Manager itself notes it."""

    id: str
    changed_time: str = ""
    provisioning_state: str = ""


class _Resource(msgspec.Struct):
    id: str


_mark_decoder = decoder_for(ResourceMark)
_raw_decoder = decoder_for(msgspec.Raw)
_resource_decoder = decoder_for(_Resource)


class AzureApi:
    """Reads one workspace, and the registries that the options name. Raises the errors of `connectors.errors`."""

    def __init__(self, context: SourceContext) -> None:
        options: AzureMLOptions = context.options
        self.services = services = options.services()
        self.source = context.name
        self._context = context
        self.workspace = resource_id(options.subscription, options.resource_group, options.workspace)
        self._group = f"/subscriptions/{options.subscription}/resourceGroups/{options.resource_group}"
        self._options = options
        self.auth = TokenAuth(context.name, services.authority, services.resource_manager)
        self._client: Client = open_client(
            context, services.resource_manager, auth=self.auth, budget=_budget, advice=lambda _headers: SIGN_IN_FIX
        )

    def take(self) -> None:
        """Before a request that does not go through this: see `RequestBudget.take`."""
        self._context.budget.take(self._context.stop)

    def close(self) -> None:
        self._client.close()
        self.auth.close()

    def collection(self, *path: str, registry: RegistryOptions | None = None, **query: str) -> Iterator[Page]:
        """The pages of a collection of the workspace or of a registry, such as `models`, `churn`, `versions`."""
        return self._pages(self._address(path, registry), {"api-version": API_VERSION, **query})

    def single(self, *path: str, registry: RegistryOptions | None = None) -> msgspec.Raw | None:
        """One resource; None if Azure says that it is not there, or if these cannot be its names."""
        if not all(_NAME.fullmatch(part) and part not in (".", "..") for part in path):
            return None
        address = self._address(path, registry)
        with needing(reading(address)):
            response = self._client.get(address, params={"api-version": API_VERSION}, accept=(200, 404))
        return decode(self.source, response, _raw_decoder) if response.status_code == 200 else None

    def prove_access(self, registry: RegistryOptions | None = None) -> httpx.Response:
        """Reads the workspace or registry itself. Raises where that cannot be read: then what is not found may only be hidden."""
        address = self._address((), registry)
        with needing(reading(address)):
            response = found(self.source, self._client.get(address, params={"api-version": API_VERSION}, accept=(200, 404)))
        decode(self.source, response, _resource_decoder)
        return response

    def deployment_marks(self) -> Iterator[ResourceMark]:
        """When each deployment of the resource group last changed, in one listing instead of one for each endpoint."""
        query = {
            "api-version": RESOURCES_API_VERSION,
            "$filter": " or ".join(f"resourceType eq '{kind}'" for kind in DEPLOYMENT_TYPES),
            "$expand": "changedTime,provisioningState",
        }
        for page in self._pages(f"{self._group}/resources", query):
            for raw in page.value:
                try:
                    yield _mark_decoder.decode(raw)
                except (msgspec.DecodeError, UnicodeError):
                    continue  # What bears no mark is read again.

    def _pages(self, address: str, query: Mapping[str, str]) -> Iterator[Page]:
        with needing(reading(address)):
            yield from pages(self.source, self._client, address, query)

    def _address(self, path: Sequence[str], registry: RegistryOptions | None) -> str:
        base = self.workspace if registry is None else self._registry(registry)
        return "/".join([base, *(quote(part, safe="") for part in path)])

    def _registry(self, registry: RegistryOptions) -> str:
        subscription = registry.subscription or self._options.subscription
        group = registry.resource_group or self._options.resource_group
        return f"/subscriptions/{subscription}/resourceGroups/{group}/providers/{PROVIDER}/registries/{registry.name}"


def _budget(headers: httpx.Headers) -> Budget | None:
    """The reads that are left to the subscription. Azure does not say of how many."""
    left = headers.get(_REMAINING, "")
    return Budget(remaining=int(left)) if left.isascii() and left.isdigit() and len(left) < 10 else None
