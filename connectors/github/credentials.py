"""Who we are to GitHub: a token, or an App's installation whose hourly tokens PyGithub renews."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Mapping
from typing import TYPE_CHECKING

import httpx
import msgspec

from connectors.base import SourceContext
from connectors.errors import AuthError, NotFound, SourceError
from connectors.github.options import API_VERSION, GithubOptions, GithubSecrets

if TYPE_CHECKING:
    from github import Github
    from github.Auth import AppAuth, Auth

TIMEOUT = 30


class Bearer(httpx.Auth):
    """Asks for the token at each request: an installation's changes under way. A refused one is renewed once, if it can be."""

    def __init__(self, token: Callable[[], str], renew: Callable[[], None] | None = None) -> None:
        self._token = token
        self._renew = renew

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = f"Bearer {self._token()}"
        response = yield request
        if response.status_code == 401 and self._renew is not None:
            self._renew()
            request.headers["Authorization"] = f"Bearer {self._token()}"
            yield request


def http_auth(context: SourceContext) -> httpx.Auth:
    """Raises `AuthError` when there are no credentials."""
    token = _token(context)
    if token is not None:
        return Bearer(lambda: token)
    tokens = _InstallationTokens(context)
    return Bearer(tokens.current, tokens.forget)


def app_auth(context: SourceContext) -> httpx.Auth:
    """The App itself, not its installation: for what is asked about the App. Raises `AuthError` when there is none."""
    auth = _app_auth(context)

    def token() -> str:
        from connectors.github.calls import translated

        with translated(context, "App token"):
            return auth.token

    return Bearer(token)


def open_sdk(context: SourceContext, *, write_pause: float = 0) -> Github:
    """PyGithub as the same account: it repeats nothing by itself. Raises `AuthError` when there are no credentials."""
    from github import Github

    from connectors.github.connections import keep_within_limits

    keep_within_limits()
    options: GithubOptions = context.options
    return Github(
        auth=_sdk_auth(context),
        base_url=options.url,
        timeout=TIMEOUT,
        user_agent="milepost",
        per_page=100,
        verify=_authorities(),
        retry=None,
        seconds_between_requests=0,
        seconds_between_writes=write_pause,
        lazy=True,
        api_version=API_VERSION,
    )


class Installation(msgspec.Struct, frozen=True):
    """What an App was given, and by whom."""

    app: str
    account: str
    permissions: Mapping[str, str]


def installation(context: SourceContext) -> Installation | None:
    """The App's installation that we are, None where we sign in with a token. Raises `SourceError`."""
    secrets: GithubSecrets = context.secrets
    if _token(context) is not None or secrets.installation_id is None:
        return None
    from github import GithubIntegration

    from connectors.github.calls import Refused, translated
    from connectors.github.connections import keep_within_limits

    keep_within_limits()
    options: GithubOptions = context.options
    ident = secrets.installation_id
    app = GithubIntegration(
        auth=_app_auth(context), base_url=options.url, timeout=TIMEOUT, verify=_authorities(), retry=None, api_version=API_VERSION
    )
    try:
        with app, translated(context, "installation"):
            context.budget.take(context.stop)
            found = app.get_app_installation(ident).raw_data
            account = found["account"]
            # An enterprise has no login.
            return Installation(found["app_slug"], account.get("login") or account["slug"], found["permissions"])
    except (AuthError, NotFound, Refused) as error:
        raise AuthError(context.name, error.message, fix=_app_fix(context, error)) from error


class _InstallationTokens:
    """PyGithub knows by this machine's clock when a token ends; GitHub may know better."""

    def __init__(self, context: SourceContext) -> None:
        self._context = context
        self._sdk = open_sdk(context)

    def current(self) -> str:
        from connectors.github.calls import Refused, translated

        try:
            with translated(self._context, "installation token"):
                auth = self._sdk.requester.auth
                assert auth is not None
                return auth.token
        except (AuthError, NotFound, Refused) as error:
            raise AuthError(self._context.name, error.message, fix=_app_fix(self._context, error)) from error

    def forget(self) -> None:
        # What was refused is sent once more with a new one.
        self._context.budget.take(self._context.stop)
        self._sdk.close()
        self._sdk = open_sdk(self._context)


def _token(context: SourceContext) -> str | None:
    secrets: GithubSecrets = context.secrets
    return (secrets.token.get_secret_value().strip() or None) if secrets.token is not None else None


def _sdk_auth(context: SourceContext) -> Auth:
    from github.Auth import Token

    secrets: GithubSecrets = context.secrets
    if (token := _token(context)) is not None:
        return Token(token)
    app = _app_auth(context)
    assert secrets.installation_id is not None
    return app.get_installation_auth(secrets.installation_id)


def _app_auth(context: SourceContext) -> AppAuth:
    from github.Auth import AppAuth

    secrets: GithubSecrets = context.secrets
    if not (secrets.app_id and secrets.installation_id and secrets.private_key):
        app = ", ".join(map(context.variable, ("app_id", "installation_id", "private_key")))
        raise AuthError(context.name, "there are no credentials", fix=f"set {context.variable('token')}, or all of {app}")
    return AppAuth(secrets.app_id, secrets.private_key.get_secret_value())


def _app_fix(context: SourceContext, error: SourceError) -> str | None:
    said = error.message.lower()
    if "suspended" in said:
        return "an owner of the account must unsuspend the installation, in its settings under GitHub Apps"
    if "claim" in said:
        return "synchronise this machine's clock (NTP): an App signs with the time"
    if isinstance(error, NotFound):
        return f"check {context.variable('installation_id')}: the App has no such installation"
    if "answered 401" in said:
        return f"check {context.variable('app_id')} and {context.variable('private_key')}: the key must be one of that App's"
    return error.fix


def _authorities() -> str | bool:
    """requests does not know these variables, and the reader's client does."""
    return os.environ.get("SSL_CERT_FILE") or os.environ.get("SSL_CERT_DIR") or True
