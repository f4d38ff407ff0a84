"""The stand-in itself: one workspace, registries beside it, the identity endpoint, and the listing of changes."""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import unquote

from sandbox.azureml.access import IDENTITY_PATH, Access
from sandbox.azureml.paging import page_of
from sandbox.azureml.refusals import error, refuse
from sandbox.azureml.resources import PROVIDER, Resource, Resources, type_of
from sandbox.messages import Reply, Request
from sandbox.server import Route, StandIn

SUBSCRIPTION = "00000000-1111-2222-3333-444444444444"
GROUP = "ml-example"
WORKSPACE = "churn-lab"
LOCATION = "westeurope"
READS_LEFT = 11_999

_ARCHIVABLE = frozenset({"jobs", "models", "data", "versions"})
_PAGED_QUERY = frozenset(
    {"api-version", "$skip", "$top", "count", "listViewType", "$filter", "$expand", "stage", "orderBy", "properties"}
)


class AzureMLSite(StandIn):
    """`workspace` is the state, `name` what it is called; `registry(name)` is that of a registry. `access` holds the tokens and
    what is denied: another workspace for the same identity shares it."""

    def __init__(
        self, *, port: int = 0, tls: ssl.SSLContext | None = None, name: str = WORKSPACE, access: Access | None = None
    ) -> None:
        super().__init__(port=port, tls=tls)
        self.name = name
        self.access = access or Access()
        self.group = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}"
        self.workspace = Resources(f"{self.group}/providers/{PROVIDER}/workspaces/{name}")
        self._registries: dict[str, Resources] = {}
        self._steps: dict[str, dict[str, dict[str, str]]] = {}
        self._reads_left = READS_LEFT

    @property
    def identity_environment(self) -> dict[str, str]:
        """What a platform with a managed identity puts into the environment of a process."""
        return {"IDENTITY_ENDPOINT": f"{self.url}{IDENTITY_PATH}", "IDENTITY_HEADER": self.access.header}

    def registry(self, name: str) -> Resources:
        """The registry of that name, made if it is not there."""
        root = f"{self.group}/providers/{PROVIDER}/registries/{name}"
        return self._registries.setdefault(name.lower(), Resources(root))

    def put(self, path: str, document: dict[str, Any], *, at: datetime | None = None, registry: str | None = None) -> str:
        """Makes or replaces the resource at a path such as `models/churn/versions/3`. Its resource id."""
        with self.lock:
            owner = self.registry(registry) if registry is not None else self.workspace
            resource, _ = owner.put(path.split("/"), document, at or self.clock())
            return owner.resource_id(resource)

    def delete(self, path: str) -> bool:
        with self.lock:
            return self.workspace.delete(path.split("/"))

    def add_step(self, job: str, name: str, tags: Mapping[str, str] = {}) -> None:
        """A step of a job, or of another step, in the run history."""
        with self.lock:
            self._steps.setdefault(job, {})[name] = dict(tags)

    # -- operations ------------------------------------------------------------------------------------------------------

    def routes(self) -> Sequence[Route]:
        base = "/subscriptions/{subscription}/{resourceGroups}/{group}"
        owned = f"{base}/providers/{{provider}}/{{owner}}/{{own}}"
        return [
            Route("GET", IDENTITY_PATH, lambda request: self.access.issue(request, self.clock())),
            Route("GET", "/{tenant}/v2.0/.well-known/openid-configuration", self._sign_in_service),
            Route("POST", "/{tenant}/oauth2/v2.0/token", lambda request: self.access.sign_in(request, self.clock()), writes=False),
            Route("GET", "/discovery", lambda _request: Reply(200, {"api": self.url, "history": self.url})),
            Route("GET", f"/history/v1.0{base}/providers/{{provider}}/workspaces/{{own}}/runs/{{run}}/children", self._children),
            Route("GET", f"{base}/resources", self._changes),
            Route("GET", owned, self._owner),
            Route("GET", f"{owned}/{{path...}}", self._read, query=_PAGED_QUERY),
            Route("PUT", f"{owned}/{{path...}}", self._write),
            Route("PATCH", f"{owned}/{{path...}}", self._write),
            Route("DELETE", f"{owned}/{{path...}}", self._remove),
        ]

    def guard(self, request: Request, route: Route | None) -> Reply | None:
        if request.path in (IDENTITY_PATH, "/discovery") or "tenant" in request.params:
            return None
        if refused := self.access.refusal(request, self.clock()):
            return refused
        if "api-version" not in request.query:
            return error(400, "MissingApiVersionParameter", "The api-version query parameter (?api-version=) is required.")
        asked = request.params if route is not None else {}
        if asked and (asked["subscription"].lower(), asked["group"].lower()) != (SUBSCRIPTION, GROUP):
            return error(404, "ResourceGroupNotFound", f"Resource group '{asked['group']}' could not be found.")
        return None

    def unknown_path(self, request: Request, allowed: Sequence[str]) -> Reply:  # noqa: ARG002 - a hook
        return error(405 if allowed else 404, "InvalidResourceType", "The resource type could not be found.")

    def common_headers(self, request: Request, reply: Reply) -> dict[str, str]:  # noqa: ARG002 - a hook
        self._reads_left -= 1
        return {"x-ms-ratelimit-remaining-subscription-reads": str(max(self._reads_left, 0)), "x-ms-request-id": "0" * 32}

    def _sign_in_service(self, request: Request) -> Reply:
        """What a client learns of the tenant's sign-in service before it signs in."""
        root = f"{self.url}/{request.params['tenant']}"
        endpoints = {
            name: f"{root}/oauth2/v2.0/{name.removesuffix('_endpoint')}" for name in ("token_endpoint", "authorization_endpoint")
        }
        return Reply(200, {"issuer": f"{root}/v2.0", **endpoints})

    def _owner(self, request: Request) -> Reply:
        found = self._whose(request)
        name = found.root.rpartition("/")[2]
        kind = request.params["owner"]
        document = {
            "id": found.root,
            "name": name,
            "type": f"{PROVIDER}/{kind}",
            "location": LOCATION,
            "tags": {},
            "identity": {"type": "SystemAssigned"},
            "properties": {
                "friendlyName": name,
                "workspaceId": "5555",
                "discoveryUrl": f"{self.url}/discovery",
                "provisioningState": "Succeeded",
                "publicNetworkAccess": "Enabled",
                "storageAccount": f"{self.group}/providers/Microsoft.Storage/storageAccounts/mlexample",
            },
        }
        return Reply(200, document)

    def _changes(self, request: Request) -> Reply:
        """Azure Resource Manager's own listing: tracked resources only, so deployments are there and models are not."""
        prefix = f"{PROVIDER}/workspaces/".lower()
        kinds = [kind.lower() for kind in re.findall(r"resourceType eq '([^']+)'", request.query.get("$filter", ""))]
        wanted = [kind.removeprefix(prefix).split("/") for kind in kinds if kind.startswith(prefix)]
        found = sorted((one for kind in wanted for one in self.workspace.of_type(kind)), key=lambda one: one.serial)
        page, following = page_of(found, "resources", request, self.url)
        return Reply(200, {"value": [self._marked(one) for one in page], **({"nextLink": following} if following else {})})

    def _marked(self, one: Resource) -> dict[str, Any]:
        return {
            "id": self.workspace.resource_id(one),
            "name": "/".join([self.name, *one.path[1::2]]),
            "type": type_of("workspaces", one.path),
            "location": LOCATION,
            "createdTime": _moment(one.made),
            "changedTime": _moment(one.changed),
            "provisioningState": one.properties.get("provisioningState", "Succeeded"),
        }

    def _children(self, request: Request) -> Reply:
        """The run history's own listing. It knows what Azure Resource Manager's does not: the steps of a job."""
        run = request.params["run"]
        known = run in self._steps or any(run in steps for steps in self._steps.values())
        if not known and self.workspace.get(["jobs", run]) is None:
            raise refuse(404, "UserError", f"Run {run} was not found")
        found = [
            {"runId": name, "parentRunId": run, "status": "Completed", "runType": "azureml.StepRun", "tags": tags, "properties": {}}
            for name, tags in self._steps.get(run, {}).items()
        ]
        return Reply(200, {"value": found, "continuationToken": None, "nextLink": None})

    def _read(self, request: Request) -> Reply:
        owner, path = self._whose(request), _path(request)
        if len(path) % 2 == 0:
            found = owner.get(path)
            if found is None:
                raise _not_found(path)
            return Reply(200, self._document(owner, request.params["owner"], found))
        if len(path) > 1 and owner.get(path[:-1]) is None:
            raise _not_found(path[:-1])
        members = owner.collection(path)
        page, following = page_of(members, path[-1], request, self.url, lambda one: _is_viewed(one, path[-1], request))
        documents = [self._document(owner, request.params["owner"], one) for one in page]
        return Reply(200, {"value": documents, "nextLink": following})

    def _write(self, request: Request) -> Reply:
        owner, path, body = self._whose(request), _path(request), request.json()
        if not isinstance(body, dict) or len(path) % 2:
            raise refuse(400, "BadRequest", "a resource is expected")
        before = owner.get(path)
        if request.method == "PATCH":
            if before is None:
                raise _not_found(path)
            body = {**before.document, **body, "properties": {**before.properties, **body.get("properties", {})}}
        if "provisioningState" not in body.get("properties", {}) and path[0].lower().endswith("endpoints"):
            body = {**body, "properties": {**body.get("properties", {}), "provisioningState": "Succeeded"}}
        resource, is_new = owner.put(path, body, self.clock())
        return Reply(201 if is_new else 200, self._document(owner, request.params["owner"], resource))

    def _remove(self, request: Request) -> Reply:
        return Reply(200 if self._whose(request).delete(_path(request)) else 204)

    # -- what is shown -----------------------------------------------------------------------------------------------------

    def _whose(self, request: Request) -> Resources:
        own, name = request.params["owner"].lower(), request.params["own"].lower()
        if request.params["provider"].lower() == PROVIDER.lower():
            if own == "workspaces" and name == self.name.lower():
                return self.workspace
            if own == "registries" and name in self._registries:
                return self._registries[name]
        raise refuse(404, "ResourceNotFound", f"The Resource '{PROVIDER}/{own}/{name}' was not found.")

    def _document(self, owner: Resources, kind: str, one: Resource) -> dict[str, Any]:
        return {
            **one.document,
            "id": owner.resource_id(one),
            "name": one.name,
            "type": type_of(kind, one.path),
            "systemData": {
                "createdAt": _moment(one.made),
                "createdBy": "Ada Example",
                "createdByType": "User",
                "lastModifiedAt": _moment(one.changed),
                "lastModifiedBy": "Ada Example",
                "lastModifiedByType": "User",
            },
        }


def _path(request: Request) -> list[str]:
    return [unquote(part) for part in request.params["path"].split("/")]


def _is_viewed(one: Resource, collection: str, request: Request) -> bool:
    view = request.query.get("listViewType", "EnabledOnly" if collection == "schedules" else "ActiveOnly")
    if collection == "schedules":
        enabled = bool(one.properties.get("isEnabled", True))
        return {"EnabledOnly": enabled, "DisabledOnly": not enabled}.get(view, True)
    archived = bool(one.properties.get("isArchived")) if collection in _ARCHIVABLE else False
    return {"ActiveOnly": not archived, "ArchivedOnly": archived}.get(view, True)


def _not_found(path: Sequence[str]) -> Exception:
    return refuse(404, "UserError", f"{path[-2] if len(path) > 1 else 'resource'} '{path[-1]}' does not exist in this workspace.")


def _moment(moment: datetime) -> str:
    """With seven digits of a second, as .NET writes it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f") + "0+00:00"
