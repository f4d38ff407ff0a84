"""What the project file and the environment say about a Jira source."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Literal, TypeAlias
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, model_validator

from connectors.base import Options, PublishOptions, WebhookSecrets
from mappings.change import Badge, Owned

PROPERTY = "milepost.status"
UNKNOWN = "Unknown"
GATEWAY = "api.atlassian.com"
CLOUD_SITES = (".atlassian.net", ".jira.com")

DeploymentName: TypeAlias = Literal["cloud", "data-center"]

_KEY = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,254}")
_QUOTED = re.compile(r"""(["'])(?:\\.|(?!\1)[^\\])*\1""", re.DOTALL)
_ORDER = re.compile(r"\border\s+by\b", re.IGNORECASE)


def _site_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("expected the site's address, such as https://example.atlassian.net")
    if parts.username or parts.password:
        raise ValueError("the address must not hold credentials: use MILEPOST_<SOURCE>__USER and MILEPOST_<SOURCE>__TOKEN")
    if parts.hostname == GATEWAY and not re.fullmatch(r"/ex/jira/[A-Za-z0-9-]+/?", parts.path):
        raise ValueError(f"expected https://{GATEWAY}/ex/jira/<cloud id>; <site>/_edge/tenant_info shows the cloud id")
    return url.rstrip("/")


def _project_key(key: str) -> str:
    if not _KEY.fullmatch(key):
        raise ValueError(f"{key!r} is no project key: expected a letter, then letters, digits or underscores")
    return key.upper()


def _search(jql: str) -> str:
    """The text is put between parentheses, so it must hold together by itself."""
    bare = _QUOTED.sub("_", jql)
    if not bare.strip():
        raise ValueError("empty JQL names every issue of the site: say which, such as project = ML AND component = Model")
    if _ORDER.search(bare):
        raise ValueError("leave out ORDER BY: Milepost reads in an order of its own")
    if '"' in bare or "'" in bare:
        raise ValueError("the JQL has a quotation mark that is not closed")
    depth = 0
    for character in bare:
        depth += (character == "(") - (character == ")")
        if depth < 0:
            break
    if depth:
        raise ValueError("the JQL has a parenthesis without its partner")
    return jql.strip()


class JiraOptions(Options):
    """Which site is read, and what of it."""

    type: Literal["jira"] = Field("jira", description="A source of type jira.")
    url: Annotated[str, AfterValidator(_site_url)] = Field(
        description="The site's address, with the context path where Jira has one.",
        examples=["https://example.atlassian.net", "https://jira.example.com/jira"],
    )
    deployment: DeploymentName | None = Field(
        None, description="cloud or data-center, which stands for Server too; asked where it is not said."
    )
    scoped: bool = Field(
        False, description=f"Whether the account's API token has scopes: Atlassian takes it only at https://{GATEWAY}. Cloud only."
    )
    cloud_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,64}$")] | None = Field(
        None, description="The site's id at the gateway, which the site is asked for where it is needed and not said. Cloud only."
    )
    fields: tuple[str, ...] = Field((), max_length=50, description="Further fields to read, by name or id.")

    @model_validator(mode="after")
    def _is_of_one_deployment(self) -> JiraOptions:
        if self.deployment == "data-center" and (self.scoped or self.cloud_id is not None):
            raise ValueError("scoped and cloud_id are for Jira Cloud: Data Center takes a personal access token")
        return self

    @property
    def is_gateway(self) -> bool:
        return urlsplit(self.url).hostname == GATEWAY

    @property
    def known_deployment(self) -> DeploymentName | None:
        """The deployment, where the project file says it or only Atlassian can be at this address."""
        if self.deployment is not None:
            return self.deployment
        host = urlsplit(self.url).hostname or ""
        return "cloud" if self.is_gateway or self.scoped or self.cloud_id or host.endswith(CLOUD_SITES) else None

    def through_gateway(self, *, is_bearer: bool) -> bool:
        """Whether requests go to the gateway in the site's place: for scoped tokens, and for bearers of a site in the cloud."""
        return self.scoped or self.cloud_id is not None or (is_bearer and self.known_deployment == "cloud")


class JiraSecrets(WebhookSecrets):
    """The account's e-mail address (Cloud) or user name (Data Center), and its API token or password. A token alone is a bearer: a
    personal access token of Data Center, or one of OAuth.

    The webhook's secret may be `user:password`, for a Data Center that signs in instead of signing.
    """

    user: str | None = Field(None, min_length=1, repr=False)
    token: SecretStr = Field(min_length=1)


class JiraScope(Options):
    """Whole projects, or what a search finds. Exactly one of them."""

    projects: tuple[Annotated[str, AfterValidator(_project_key)], ...] = Field(
        (), description="The keys of whole Jira projects; this or jql.", examples=[["CHURN"]]
    )
    jql: Annotated[str, AfterValidator(_search)] | None = Field(
        None,
        max_length=5000,
        description="A search, without ORDER BY; this or projects.",
        examples=["project = ML AND component = Model"],
    )

    @model_validator(mode="after")
    def _names_one(self) -> JiraScope:
        if bool(self.projects) == (self.jql is not None):
            raise ValueError("give either projects: [KEY, …] or jql: …")
        return self

    def may_hold(self, key: str) -> bool:
        """False for an issue of another project, as its key says. What a search finds is not known before it is asked."""
        return not self.projects or key.rpartition("-")[0].upper() in self.projects


class JiraPublish(PublishOptions):
    """How statuses are shown on issues."""

    field: str | None = Field(
        None,
        min_length=1,
        max_length=255,
        description="The field that shows the status, by name or id: a single or multiple select, labels, or text.",
        examples=["ML Status"],
    )
    property: bool = Field(
        True, description=f"Whether all statuses with their evidence go into the issue property {PROPERTY}, for machines."
    )

    def owned(self, badges: Sequence[Badge]) -> Owned:
        options = (*(badge.title for badge in badges), UNKNOWN) if self.field else ()
        return Owned(field=self.field, options=options, property=PROPERTY if self.property else None)
