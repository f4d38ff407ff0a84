"""Where requests go, and with which credentials.

Facts: Atlassian's "Manage API tokens": a token with scopes is taken only at `https://api.atlassian.com/ex/jira/{cloudId}`, as a
bearer token of OAuth is, and `/_edge/tenant_info` of the site shows the cloud id. "Using personal access tokens": Data Center takes
one as bearer.
"""

from __future__ import annotations

import re
from collections.abc import Generator

import httpx
import msgspec

from connectors.base import SourceContext
from connectors.errors import Unavailable
from connectors.http import Client, decode, open_client
from connectors.jira.options import GATEWAY, JiraOptions, JiraSecrets
from mappings.decoding import decoder_for

_CLOUD_ID = re.compile(r"[A-Za-z0-9-]{1,64}")


class _Tenant(msgspec.Struct):
    cloudId: str  # noqa: N815 - Jira's spelling


class Bearer(httpx.Auth):
    """A token that names its account itself."""

    def __init__(self, token: str) -> None:
        self._header = f"Bearer {token}"

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = self._header
        yield request


def open_jira(context: SourceContext) -> Client:
    """A client for the site, or for its place behind the gateway. Raises `Unavailable` when the site does not tell its cloud id."""
    secrets: JiraSecrets = context.secrets
    token = secrets.token.get_secret_value()
    auth = Bearer(token) if secrets.user is None else httpx.BasicAuth(secrets.user, token)
    return open_client(context, _address(context), auth=auth)


def _address(context: SourceContext) -> str:
    options: JiraOptions = context.options
    if options.is_gateway or not options.through_gateway(is_bearer=context.secrets.user is None):
        return options.url
    return f"https://{GATEWAY}/ex/jira/{options.cloud_id or _asked_cloud_id(context)}"


def _asked_cloud_id(context: SourceContext) -> str:
    """Asked without credentials: the site would refuse these."""
    client = open_client(context, context.options.url)
    try:
        cloud_id = decode(context.name, client.get("/_edge/tenant_info"), _TENANT).cloudId
    finally:
        client.close()
    if not _CLOUD_ID.fullmatch(cloud_id):
        raise Unavailable(context.name, "the site shows a cloud id that is none", fix="set the source's cloud_id")
    return cloud_id


_TENANT = decoder_for(_Tenant)
