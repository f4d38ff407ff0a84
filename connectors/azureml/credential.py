"""Signs requests with tokens of `DefaultAzureCredential`: the environment, a workload or managed identity, or the Azure CLI.

Tokens are kept until shortly before they end, because some of these give a new one, slowly, each time they are asked. The
credential itself tries nothing twice: what may pass counts as a connection that failed, and is tried again where all requests are.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import TYPE_CHECKING

import httpx

from connectors.azureml.clouds import CLOUDS
from connectors.errors import AuthError

if TYPE_CHECKING:
    from azure.core.credentials import AccessToken
    from azure.identity import DefaultAzureCredential

SIGN_IN_FIX = (
    "sign in by a managed or workload identity, by AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET, or by `az login`, as "
    "somebody who has the role in docs/connectors.md"
)
RENEWED_BEFORE = 300.0
"""Seconds before its end from which on a token is not used any more."""

_CONNECT = 10.0
_READ = 30.0


def open_credential(authority: str) -> DefaultAzureCredential:
    """The chain of credentials for one of Azure's clouds. Imports the SDK; asks nothing yet."""
    from azure.identity import DefaultAzureCredential

    # Of a private cloud's sign-in service, the public one that the SDK would ask about it knows nothing.
    private = {} if authority in {cloud.authority for cloud in CLOUDS.values()} else {"disable_instance_discovery": True}
    return DefaultAzureCredential(
        authority=authority,
        retry_total=0,
        connection_timeout=_CONNECT,
        read_timeout=_READ,
        process_timeout=int(_CONNECT),
        **private,
    )


class TokenAuth(httpx.Auth):
    """Puts the bearer token for `audience` on each request. Raises `AuthError` from within the request if there is none."""

    def __init__(self, source: str, authority: str, audience: str) -> None:
        self._source = source
        self._authority = authority
        self._scope = f"{audience}/.default"
        self._credential: DefaultAzureCredential | None = None
        self._token: AccessToken | None = None

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """One request; a refused token is not used again."""
        request.headers["authorization"] = f"Bearer {self._current(request)}"
        response = yield request
        if response.status_code == 401:
            self._token = None

    def close(self) -> None:
        """Harmless to repeat."""
        if self._credential is not None:
            self._credential.close()
            self._credential = None

    def _current(self, request: httpx.Request) -> str:
        if self._token is None or self._token.expires_on - RENEWED_BEFORE < time.time():
            self._token = self._renewed(request)
        return self._token.token

    def _renewed(self, request: httpx.Request) -> AccessToken:
        from azure.core.exceptions import AzureError, ClientAuthenticationError

        if self._credential is None:
            self._credential = open_credential(self._authority)
        try:
            return self._credential.get_token(self._scope)
        except ClientAuthenticationError as error:
            # Not quoted: each credential of the chain tells its own story, some with what it was given.
            raise AuthError(self._source, "no credential of the environment could sign in to Azure", fix=SIGN_IN_FIX) from error
        except (AzureError, OSError) as error:
            raise httpx.ConnectError("the sign-in service did not answer", request=request) from error
