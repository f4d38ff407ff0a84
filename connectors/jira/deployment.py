"""The deployments of Jira, and all that differs between them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from connectors.jira.cloud import Cloud
from connectors.jira.data_center import DataCenter
from connectors.jira.options import DeploymentName, JiraScope
from connectors.jira.pages import Query, SearchPage
from mappings.jira_records import Payload

if TYPE_CHECKING:
    from connectors.jira.api import JiraApi


class Deployment(Protocol):
    """What differs. `version` is that of the REST API. Every search raises `NotFound` with Jira's words when it is refused."""

    @property
    def name(self) -> DeploymentName: ...
    @property
    def title(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def edits_in_bulk(self) -> bool: ...

    def pages(self, api: JiraApi, query: Query, since: datetime | None) -> Iterator[SearchPage]:
        """Everything in scope that was updated at `since` or later, in the order of the last update, to a proven end. What changes
        meanwhile comes again; nothing is left out."""
        ...

    def first_page(self, api: JiraApi, jql: str, fields: Sequence[str]) -> SearchPage: ...

    def fetch(self, api: JiraApi, idents: Sequence[str], fields: Sequence[str], properties: Sequence[str]) -> Sequence[Payload]:
        """Those of up to 100 issues that can be read at once. What is missing from the answer may still be there."""
        ...

    def outside(self, api: JiraApi, scope: JiraScope, idents: Sequence[str]) -> set[str]:
        """Those of the issues, which are there, that the scope certainly does not hold."""
        ...

    def versions(self, api: JiraApi, project: str) -> Sequence[Payload]:
        """All versions of a project, undecoded. Raises `NotFound` when it is not there, or hidden."""
        ...

    def project_keys(self, api: JiraApi) -> Sequence[str]:
        """Keys of projects that the account sees, as many as one request shows; none where they could be too many for one."""
        ...

    def permission_asked(self, permission: str) -> Mapping[str, str]:
        """The parameters that name the permission asked about."""
        ...

    def rich_text(self, text: str) -> Any:
        """The text as the value of a field of several lines."""
        ...


CLOUD: Deployment = Cloud()
DATA_CENTER: Deployment = DataCenter()

_BY_NAME: Mapping[DeploymentName, Deployment] = {"cloud": CLOUD, "data-center": DATA_CENTER}
_BY_TYPE: Mapping[str | None, Deployment] = {"Cloud": CLOUD, "Server": DATA_CENTER}


def deployment_named(name: DeploymentName) -> Deployment:
    return _BY_NAME[name]


def deployment_of_type(answer: str | None) -> Deployment | None:
    """The deployment that `/serverInfo` calls so; None for what it does not say, or says oddly."""
    return _BY_TYPE.get(answer)
