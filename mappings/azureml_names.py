"""What Azure Machine Learning calls things: resource ids and asset addresses in all their spellings, and what we call them.

Resource ids are compared without regard to case, as Azure does; names of models, data assets and jobs are kept as they are written.
"""

from __future__ import annotations

import re
from urllib.parse import quote

import msgspec

from mappings.model import Ref

_WORKSPACE = (
    r"/subscriptions/(?P<subscription>[^/]+)/resourcegroups/(?P<group>[^/]+)"
    r"/providers/microsoft\.machinelearningservices/workspaces/(?P<workspace>[^/]+)"
)
_ASSET = r"/(?P<kind>models|data)/(?P<name>[^/:]+)(?:/versions/|:)(?P<version>[^/:]+)"
_IN_WORKSPACE = re.compile(rf"(?:azureml:)?{_WORKSPACE}{_ASSET}", re.IGNORECASE)
_BY_ADDRESS = re.compile(rf"azureml://(?:locations/[^/]+/)?(?:subscriptions/[^/]+/)?workspaces/[^/]+{_ASSET}", re.IGNORECASE)
_IN_REGISTRY = re.compile(
    rf"(?:azureml:/|/subscriptions/[^/]+/resourcegroups/[^/]+/providers/microsoft\.machinelearningservices)"
    rf"/registries/(?P<registry>[^/]+){_ASSET}",
    re.IGNORECASE,
)
_SHORT = re.compile(r"azureml:(?P<name>[\w.-]+):(?P<version>[\w.-]+)")
_DEPLOYMENT = re.compile(
    rf"(?:azureml:)?{_WORKSPACE}/(?P<kind>online|batch)endpoints/(?P<endpoint>[^/]+)(?:/deployments/[^/]+)?", re.IGNORECASE
)
_SHORT_DEPLOYMENT = re.compile(r"azureml:(?P<endpoint>[A-Za-z0-9-]+)(?::[A-Za-z0-9-]+)?")
_PLACE = re.compile(r"azureml://(?P<place>(?:datastores|jobs)/.+)", re.IGNORECASE)
_PLACE_IN_WORKSPACE = re.compile(
    r"azureml://subscriptions/(?P<subscription>[^/]+)/resourcegroups/(?P<group>[^/]+)/workspaces/(?P<workspace>[^/]+)"
    r"/(?P<place>(?:datastores|jobs)/.+)",
    re.IGNORECASE,
)
_CREDENTIALS = re.compile(r"^[^/\s@\"'<>]{1,512}@")


class Asset(msgspec.Struct, frozen=True):
    """A version of a model or data asset. `ref` is ours, if this workspace or a registry holds it; `cloud_id` is good anywhere."""

    name: str
    version: str
    ref: Ref | None
    cloud_id: str


class Site(msgspec.Struct, frozen=True, kw_only=True):
    """Whose records these are: the source's name in the project file, its workspace, and where people look at it.

    `portal` is the address of the studio without a slash at the end.
    """

    source: str
    subscription: str
    resource_group: str
    workspace: str
    portal: str

    def ref(self, kind: str, ident: str) -> Ref:
        return Ref(self.source, kind, ident)

    def page(self, path: str) -> str:
        """The studio's page for people."""
        return f"{self.portal}/{path}?wsid={quote(self.resource_id, safe='/')}"

    def place(self, address: str) -> str:
        """Where files lie, good anywhere and without credentials. Azure names a place in a workspace in full or for short, and each
        workspace has a `azureml://datastores/workspaceblobstore` of its own."""
        address = public(address.strip())
        if found := _PLACE.fullmatch(address):
            return _in_full(self.subscription, self.resource_group, self.workspace, found["place"])
        if found := _PLACE_IN_WORKSPACE.fullmatch(address):
            return _in_full(found["subscription"], found["group"], found["workspace"], found["place"])
        return address

    @property
    def resource_id(self) -> str:
        return resource_id(self.subscription, self.resource_group, self.workspace)

    def asset(self, kind: str, name: str, version: str, registry: str | None = None) -> Asset:
        """The version of a model (`models`) or data asset (`data`) of the workspace, or of a registry."""
        entity = {"models": "model_version", "data": "dataset"}[kind]
        if registry is not None:
            registry = registry.lower()
            ident = f"registries/{registry}/{name}/{version}"
            return Asset(
                name, version, self.ref(entity, ident), f"azureml://registries/{registry}/{kind}/{name}/versions/{version}"
            )
        cloud_id = f"{self.resource_id.lower()}/{kind}/{name}/versions/{version}"
        return Asset(name, version, self.ref(entity, f"{name}/{version}"), cloud_id)

    def asset_at(self, address: str, kind: str) -> Asset | None:
        """What an id or address of an asset means, None if it is none. One in another workspace has no ref of ours."""
        address = address.strip()
        for pattern in (_IN_WORKSPACE, _BY_ADDRESS, _IN_REGISTRY, _SHORT):
            if found := pattern.fullmatch(address):
                return self._asset(found.groupdict(), kind)
        return None

    def _asset(self, found: dict[str, str | None], kind: str) -> Asset | None:
        name, version = found["name"] or "", found["version"] or ""
        if (found.get("kind") or kind).lower() != kind:
            return None
        elsewhere = [found.get(part) or "" for part in ("subscription", "group", "workspace")]
        if any(elsewhere) and resource_id(*elsewhere).lower() != self.resource_id.lower():
            return Asset(name, version, None, f"{resource_id(*elsewhere).lower()}/{kind}/{name}/versions/{version}")
        return self.asset(kind, name, version, found.get("registry"))

    def endpoint_of(self, deployment: str) -> Ref | None:
        """The endpoint in the id of a deployment or endpoint, as a monitor names its target; None if it is not this workspace's."""
        if found := _DEPLOYMENT.fullmatch(deployment.strip()):
            whose = resource_id(found["subscription"], found["group"], found["workspace"])
            if whose.lower() != self.resource_id.lower():
                return None
            return self.endpoint(found["kind"].lower(), found["endpoint"])
        if found := _SHORT_DEPLOYMENT.fullmatch(deployment.strip()):
            return self.endpoint("online", found["endpoint"])
        return None

    def endpoint(self, kind: str, name: str) -> Ref:
        """`kind` is `online` or `batch`: both may have endpoints of the same name."""
        return self.ref("deployment", f"{kind}/{name.lower()}")


def resource_id(subscription: str, group: str, workspace: str) -> str:
    return (
        f"/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.MachineLearningServices/workspaces/{workspace}"
    )


def _in_full(subscription: str, group: str, workspace: str, place: str) -> str:
    return f"azureml://subscriptions/{subscription}/resourcegroups/{group}/workspaces/{workspace}/".lower() + place


def public(address: str) -> str:
    """An address without credentials and query, where a shared access signature stands."""
    scheme, apart, rest = address.partition("://")
    if not apart:
        return address
    # The container in an abfss address stands where a user would: container@account.
    rest = _CREDENTIALS.sub("", rest) if scheme.lower() in ("http", "https") else rest
    return f"{scheme}://{re.split(r'[?#]', rest, maxsplit=1)[0]}"
