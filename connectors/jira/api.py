"""Jira's REST API, as far as it is read in bulk: typed answers, one function a question. What differs between Jira's deployments is
in `deployment.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypedDict, Unpack
from urllib.parse import quote, urlsplit

import httpx
import msgspec

from connectors.base import SourceContext
from connectors.errors import NotFound, SourceError, Unavailable
from connectors.globs import near
from connectors.http import Client, decode, describe, quotable
from connectors.jira.admission import Admission
from connectors.jira.deployment import Deployment, deployment_named, deployment_of_type
from connectors.jira.gateway import open_jira
from connectors.jira.listed import Listed, listed
from connectors.jira.options import DeploymentName, JiraOptions
from connectors.rates import Budget, read_budget, read_http_date
from mappings.decoding import decoder_for
from mappings.jira_records import FIELD, VERSION, FieldRecord, Payload, VersionRecord

_SERVER_INFO = "/rest/api/2/serverInfo"
"""Both deployments answer it, to anybody who may reach them."""


class Server(msgspec.Struct):
    deploymentType: str | None = None  # noqa: N815 - Jira's spelling, as below
    baseUrl: str | None = None  # noqa: N815


class _Account(msgspec.Struct):
    timeZone: str | None = None  # noqa: N815


class _Permission(msgspec.Struct):
    havePermission: bool = False  # noqa: N815


class _Permissions(msgspec.Struct):
    permissions: dict[str, _Permission]


class _Property(msgspec.Struct):
    value: Any = None


class _Errors(msgspec.Struct):
    errorMessages: list[str] = []  # noqa: N815
    errors: dict[str, Any] = {}


class Asked(TypedDict, total=False):
    """What `Client.request` takes beside method, address and `accept`."""

    params: Mapping[str, Any] | None
    json: Any
    repeatable: bool


class JiraApi:
    """Asks one site. Nothing is sent before the first question. Close it."""

    def __init__(self, context: SourceContext) -> None:
        self.source = context.name
        self.options: JiraOptions = context.options
        self._context = context
        self._admission = Admission(context)
        self._client: Client | None = None
        self._deployment: Deployment | None = None

    def close(self) -> None:
        if self._client is not None:
            self._client.close()

    # -- which Jira ------------------------------------------------------------------------------------------------------------

    @property
    def deployment(self) -> Deployment:
        """As the project file says or the address shows; else Jira is asked, once. Raises `Unavailable` when it does not say."""
        if self._deployment is None:
            known = self.options.known_deployment
            self._deployment = deployment_named(known) if known is not None else self._asked_deployment()
        return self._deployment

    def assume(self, deployment: DeploymentName) -> None:
        """What was found out before need not be asked again. What the project file says goes before it."""
        if self._deployment is None and self.options.known_deployment is None:
            self._deployment = deployment_named(deployment)

    def server(self) -> Server:
        return decode(self.source, self.send("GET", _SERVER_INFO), _SERVER)

    def _asked_deployment(self) -> Deployment:
        said = self.server().deploymentType
        deployment = deployment_of_type(said)
        if deployment is None:
            told = "does not say which deployment it is" if said is None else "calls its deployment something unknown"
            raise Unavailable(
                self.source, f"Jira {told}", fix="check the source's url, or set its deployment to cloud or data-center"
            )
        return deployment

    # -- sending ---------------------------------------------------------------------------------------------------------------

    def send(self, method: str, path: str, accept: Collection[int] = (200,), **asked: Unpack[Asked]) -> httpx.Response:
        """The answer to a request below the site's address. Raises `AuthError` also for what only looks like an answer."""
        if self._client is None:
            self._client = open_jira(self._context)
        answer = self._client.request(method, path, accept={*self._admission.judged(accept), 404}, **asked)
        if answer.status_code == 404 and 404 not in accept:
            raise self._not_found(answer)
        return self._admission.checked(answer, accept)

    def request(self, method: str, path: str, accept: Collection[int] = (200,), **asked: Unpack[Asked]) -> httpx.Response:
        """`send` below the REST API's address."""
        return self.send(method, f"{self._root}{path}", accept, **asked)

    def of_project(self, project: str, path: str, *, params: Mapping[str, Any] | None = None) -> httpx.Response:
        """What there is below a project's address. Raises `NotFound` when it is not there, or hidden."""
        answer = self.request("GET", f"/project/{project}{path}", params=params, accept=(200, 404))
        if answer.status_code == 404:
            raise self._no_project(project, answer) if _own_words(answer) else self._not_found(answer)
        return answer

    def search(self, method: str, path: str, *, params: Mapping[str, Any] | None = None, json: Any = None) -> httpx.Response:
        """Raises `NotFound` with Jira's words when it refuses the query: a project or an issue that is not there, or hidden."""
        answer = self.request(method, path, params=params, json=json, accept=(200, 400), repeatable=True)
        if answer.status_code == 400:
            raise NotFound(self.source, f"Jira refused the search: {error_text(answer)}", fix="check the scope's projects or jql")
        return answer

    def _not_found(self, answer: httpx.Response) -> NotFound:
        """Of what is not there Jira says so in its own words; any other 404 is an address that is not Jira's."""
        what, words = f"{describe(answer.request)} answered 404", _own_words(answer)
        if words:
            return NotFound(self.source, f"{what}: {words}", fix="check that it exists and that the account may see it")
        site = urlsplit(self.options.url)
        cloud_id = " and cloud_id" if self.options.cloud_id is not None else ""
        perhaps = f", perhaps {site.scheme}://{site.netloc} alone" if site.path and not self.options.is_gateway else ""
        return NotFound(
            self.source, f"{what}: there is no Jira at {self.options.url}", fix=f"check the source's url{cloud_id}{perhaps}"
        )

    def _no_project(self, key: str, answer: httpx.Response) -> NotFound:
        what = f"project {key} is not there, or hidden from the account ({describe(answer.request)} answered 404)"
        return NotFound(self.source, what, fix=self.project_fix(key))

    def project_fix(self, key: str) -> str:
        """What to do about a project that cannot be seen, with the keys that may have been meant."""
        try:
            alike = near(key, self.deployment.project_keys(self))
        except SourceError:
            alike = ()
        meant = f": did you mean {' or '.join(alike)}? Else" if alike else ", or"
        return f"correct the scope{meant} let a project admin grant the account Browse Projects in {key}"

    @property
    def _root(self) -> str:
        return f"/rest/api/{self.deployment.version}"

    # -- questions -------------------------------------------------------------------------------------------------------------

    def issue(self, ident: str, fields: Sequence[str], properties: Sequence[str]) -> bytes | None:
        """One issue, or None: it is gone or hidden."""
        params = {"fields": ",".join(fields)}
        if properties:
            # An empty list of properties makes some versions of Jira fail.
            params["properties"] = ",".join(properties)
        answer = self.request("GET", f"/issue/{ident}", params=params, accept=(200, 404, 410))
        return answer.content if answer.status_code == 200 else None

    def versions(self, project: str) -> Listed[VersionRecord]:
        """All versions of a project. Raises `NotFound` when it is not there, or hidden."""
        return listed(self.deployment.versions(self, project), VERSION, "milestone")

    def fields(self) -> Listed[FieldRecord]:
        return listed(decode(self.source, self.request("GET", "/field"), _FIELDS), FIELD, "field")

    def time_zone(self) -> str | None:
        """The account's, None if it hides it."""
        return decode(self.source, self.request("GET", "/myself"), _ACCOUNT).timeZone

    def clock_and_budget(self) -> tuple[datetime | None, Budget | None]:
        """When Jira answered by its own clock, and what the answer said of the rate budget."""
        headers = self.send("GET", _SERVER_INFO).headers
        return read_http_date(headers.get("date")), read_budget(headers)

    def may(self, permission: str, *, project: str | None = None, issue: str | None = None) -> bool:
        """Whether the account has the permission: in the project, on the issue, or with neither globally (or anywhere)."""
        params = dict(self.deployment.permission_asked(permission))
        if project is not None:
            params["projectKey"] = project
        if issue is not None:
            params["issueId"] = issue
        answer = self.request("GET", "/mypermissions", params=params, accept=(200, 400, 404))
        if answer.status_code != 200:
            return False
        found = decode(self.source, answer, _PERMISSIONS).permissions.get(permission)
        return found is not None and found.havePermission

    def property_of(self, ident: str, name: str) -> Any:
        """What the issue's property holds, None where there is none, or no such issue."""
        answer = self.request("GET", _property(ident, name), accept=(200, 404, 410))
        return decode(self.source, answer, _PROPERTY).value if answer.status_code == 200 else None

    # -- writes ----------------------------------------------------------------------------------------------------------------

    def edit(self, ident: str, change: Any) -> httpx.Response:
        """One edit of one issue; an answer that refuses it is the caller's to explain."""
        return self.request("PUT", f"/issue/{ident}", json=change, accept=(200, 204, 400, 403, 404, 409, 410, 422))

    def set_property(self, ident: str, name: str, value: Any) -> httpx.Response:
        return self.request("PUT", _property(ident, name), json=value, accept=(200, 201, 400, 403, 404, 410, 413))

    def delete_property(self, ident: str, name: str) -> httpx.Response:
        return self.request("DELETE", _property(ident, name), accept=(204, 400, 403, 404, 410))


def _property(ident: str, name: str) -> str:
    return f"/issue/{ident}/properties/{quote(name, safe='')}"


def error_text(answer: httpx.Response) -> str:
    """Jira's own words for why it refused, in one short line, and without our credentials where they quote them."""
    return _own_words(answer) or f"HTTP {answer.status_code}"


def _own_words(answer: httpx.Response) -> str:
    """Empty for what has no errors as Jira tells them."""
    try:
        errors = _ERRORS.decode(answer.content)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return ""
    words = [*errors.errorMessages, *(text for text in errors.errors.values() if isinstance(text, str))]
    return quotable(answer.request, " ".join(" ".join(words).split()))[:500]


_FIELDS: msgspec.json.Decoder[Iterable[Payload]] = decoder_for(list[msgspec.Raw])
_ACCOUNT = decoder_for(_Account)
_SERVER = decoder_for(Server)
_PERMISSIONS = decoder_for(_Permissions)
_PROPERTY = decoder_for(_Property)
_ERRORS = decoder_for(_Errors)
