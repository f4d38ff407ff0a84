"""Who we are to GitHub: a token, or an App's installation whose hourly tokens PyGithub renews."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING

import httpx

from connectors.base import SourceContext
from connectors.errors import AuthError, NotFound
from connectors.github.options import API_VERSION, GithubOptions, GithubSecrets

if TYPE_CHECKING:
    from github.Auth import Auth

TIMEOUT = 30


class Bearer(httpx.Auth):
    """Asks for the token at each request: an installation's changes under way."""

    def __init__(self, token: Callable[[], str]) -> None:
        self._token = token

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = f"Bearer {self._token()}"
        yield request


def http_auth(context: SourceContext) -> httpx.Auth:
    """Raises `AuthError` when there are no credentials."""
    secrets: GithubSecrets = context.secrets
    if secrets.token is not None and (token := secrets.token.get_secret_value().strip()):
        return Bearer(lambda: token)
    return Bearer(_installation_token(context))


def sdk_auth(context: SourceContext) -> Auth:
    """The same for PyGithub. Raises `AuthError` when there are no credentials."""
    from github import Auth

    secrets: GithubSecrets = context.secrets
    if secrets.token is not None and (token := secrets.token.get_secret_value().strip()):
        return Auth.Token(token)
    if not (secrets.app_id and secrets.installation_id and secrets.private_key):
        app = ", ".join(map(context.variable, ("app_id", "installation_id", "private_key")))
        raise AuthError(context.name, "there are no credentials", fix=f"set {context.variable('token')}, or all of {app}")
    return Auth.AppAuth(secrets.app_id, secrets.private_key.get_secret_value()).get_installation_auth(secrets.installation_id)


def _installation_token(context: SourceContext) -> Callable[[], str]:
    auth = sdk_auth(context)
    from github import Github

    from connectors.github.calls import Refused, translated

    options: GithubOptions = context.options
    sdk = Github(
        auth=auth,
        base_url=options.url,
        timeout=TIMEOUT,
        retry=None,
        seconds_between_requests=0,
        seconds_between_writes=0,
        api_version=API_VERSION,
    )

    def token() -> str:
        try:
            with translated(context, "installation token"):
                current = sdk.requester.auth
                assert current is not None
                return current.token
        except (NotFound, Refused) as error:
            raise AuthError(context.name, error.message, fix="check the App's id, its installation and private key") from error

    return token
