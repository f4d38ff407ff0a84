"""boto3 clients for one account and region: AWS's own chain of credentials, and the role that the project file names."""

from __future__ import annotations

import os
from functools import lru_cache
from typing import Any

import boto3  # type: ignore[import-untyped]  # boto3 ships no types
import botocore.session  # type: ignore[import-untyped]  # botocore ships no types
from botocore.config import Config  # type: ignore[import-untyped]  # botocore ships no types
from botocore.credentials import (  # type: ignore[import-untyped]  # botocore ships no types
    AssumeRoleCredentialFetcher,
    CredentialProvider,
    CredentialResolver,
    DeferredRefreshableCredentials,
)
from botocore.exceptions import NoCredentialsError  # type: ignore[import-untyped]  # botocore ships no types
from botocore.loaders import Loader, create_loader  # type: ignore[import-untyped]  # botocore ships no types

from connectors.base import SourceContext
from connectors.sagemaker import transport
from connectors.sagemaker.options import SageMakerOptions
from connectors.sagemaker.retries import ATTEMPTS

ROLE_SESSION = "milepost"
"""The name under which CloudTrail shows what we did with an assumed role."""


class Clients:
    """Makes each service's client when it is first asked for. Not for several threads."""

    def __init__(self, context: SourceContext) -> None:
        self._context = context
        self._options: SageMakerOptions = context.options
        self._made: dict[str, Any] = {}
        self._session: boto3.Session | None = None

    def client(self, service: str) -> Any:
        """A client of `sagemaker`, `s3`, `cloudwatch` or `sts`. Raises botocore's errors."""
        if service not in self._made:
            self._made[service] = self._prepared(self._opened().client(service, **self._settings()))
        return self._made[service]

    def close(self) -> None:
        """Closes the connections. Harmless to repeat."""
        for client in self._made.values():
            client.close()

    def _opened(self) -> boto3.Session:
        if self._session is None:
            core = _core_session(self._options.profile)
            if self._options.role_arn is not None:
                core = self._in_role(core, self._options.role_arn)
            self._session = boto3.Session(botocore_session=core)
        return self._session

    def _in_role(self, chain: Any, role: str) -> Any:
        """A session whose only credentials are those of the role, taken when they are first needed and renewed before they end."""
        named = {"RoleSessionName": ROLE_SESSION}
        if self._options.external_id is not None:
            named["ExternalId"] = self._options.external_id
        core = _core_session(self._options.profile)
        provider = _RoleProvider(chain, self._sts_client, role, named)
        core.register_component("credential_provider", CredentialResolver([provider]))
        return core

    def _sts_client(self, service: str, **credentials: Any) -> Any:
        client = _core_session(self._options.profile).create_client(service, **self._settings(), **credentials)
        return self._prepared(client)

    def _settings(self) -> dict[str, Any]:
        config = Config(
            connect_timeout=transport.CONNECT_TIMEOUT,
            read_timeout=transport.READ_TIMEOUT,
            # `transport.prepare` puts adaptive retries in their place, whose waits a stop ends.
            retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
            user_agent_extra="milepost",
            # Buckets in the path, so that a stand-in on one address can answer for all; AWS takes them so as well.
            s3={"addressing_style": "path"} if self._options.endpoint_url else None,
        )
        settings = {"region_name": self._options.region, "endpoint_url": self._options.endpoint_url, "config": config}
        return {**settings, "verify": _certificates()}

    def _prepared(self, client: Any) -> Any:
        return transport.prepare(client, self._context)


class _RoleProvider(CredentialProvider):  # type: ignore[misc]  # botocore ships no types
    METHOD = "milepost-role"

    def __init__(self, chain: Any, client: Any, role: str, named: dict[str, str]) -> None:
        super().__init__(chain)
        self._chain = chain
        self._client = client
        self._role = role
        self._named = named

    def load(self) -> DeferredRefreshableCredentials:
        return DeferredRefreshableCredentials(refresh_using=self._fetch, method=self.METHOD)

    def _fetch(self) -> Any:
        source = self._chain.get_credentials()
        if source is None:
            raise NoCredentialsError
        return AssumeRoleCredentialFetcher(self._client, source, self._role, extra_args=dict(self._named)).fetch_credentials()


def _certificates() -> str | None:
    """The bundle that our other clients trust, where boto3's own setting names none: of theirs it heeds one variable alone."""
    if os.environ.get("AWS_CA_BUNDLE"):
        return None
    return os.environ.get("SSL_CERT_FILE") or os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")


def _core_session(profile: str | None) -> Any:
    session = botocore.session.Session(profile=profile)
    session.register_component("data_loader", _service_models())
    return session


@lru_cache(maxsize=1)
def _service_models() -> Loader:
    """Shared by all sessions: SageMaker's model alone is megabytes of JSON."""
    return create_loader()
