"""What `milepost check` says about a GitHub source: who, which repositories, which rights, how much budget, which clock."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import httpx
import msgspec

from connectors.base import Finding, SourceContext
from connectors.checks import attempted, compare_clocks
from connectors.errors import AuthError
from connectors.github.credentials import Installation, installation
from connectors.github.options import API_VERSION, GithubOptions, GithubScope, is_glob, matches
from connectors.github.repositories import MISSING_FIX, Repositories, Resolved
from connectors.http import Client, decode
from connectors.rates import read_budget, read_http_date
from mappings.decoding import decoder_for
from mappings.github_records import Repository, User
from mappings.moments import utc

_ACCESS = {"read": 1, "write": 2, "admin": 3}
_TO_READ = {"metadata": "read", "contents": "read", "issues": "read", "pull_requests": "read"}
_TO_WRITE = {"issues": "write", "pull_requests": "write"}


class _Meta(msgspec.Struct):
    installed_version: str | None = None


_USER = decoder_for(User)
_META = decoder_for(_Meta)


class Health:
    def __init__(self, context: SourceContext, client: Client, repositories: Repositories) -> None:
        self._context = context
        self._client = client
        self._repositories = repositories

    def check(self, scope: GithubScope) -> Sequence[Finding]:
        """Never raises what a finding can say."""
        return list(attempted("access", lambda: self._findings(scope)))

    def _findings(self, scope: GithubScope) -> Iterator[Finding]:
        yield from self._transport()
        # 404: an Enterprise Server without rate limits.
        response = self._client.get("/rate_limit", accept=(200, 400, 404))
        if response.status_code == 400:
            text = f"{self._options.url} does not serve version {API_VERSION} of the API"
            yield Finding(level="error", topic="access", text=text, fix="look for a newer Milepost")
            return
        yield from self._server()
        yield from self._identity()
        yield from _token(response)
        yield from _budget(response)
        yield from compare_clocks(read_http_date(response.headers.get("date")), "GitHub's")
        resolved = self._repositories.resolve(scope)
        yield from _unresolved(scope, resolved)
        for repository in resolved.found:
            yield from self._repository(repository)

    @property
    def _options(self) -> GithubOptions:
        options: GithubOptions = self._context.options
        return options

    def _transport(self) -> Iterator[Finding]:
        url = httpx.URL(self._options.url)
        if url.scheme == "http" and url.host not in ("127.0.0.1", "::1", "localhost"):
            yield Finding(
                level="warning",
                topic="access",
                text=f"{self._options.url} is not encrypted: the token can be read",
                fix="use https",
            )

    def _server(self) -> Iterator[Finding]:
        """Only an Enterprise Server has a version. One that is too old to tell it, or keeps it to itself, is no finding."""
        response = self._client.get("/meta", accept=(200, 404))
        version = decode(self._context.name, response, _META).installed_version if response.status_code == 200 else None
        if version:
            yield Finding(level="ok", topic="server", text=f"GitHub Enterprise Server {version[:40]} at {self._options.url}")

    def _identity(self) -> Iterator[Finding]:
        given = installation(self._context)
        if given is not None:
            text = f"signed in as the App {given.app}, installed on {given.account}; its tokens are renewed each hour"
            yield Finding(level="ok", topic="identity", text=text)
            yield from _permissions(given, writing=bool(self._context.owned.labels))
            return
        try:
            user = decode(self._context.name, self._client.get("/user"), _USER)
        except AuthError:
            # A token that was made for an App's installation has no user; that it is valid has just been seen.
            yield Finding(level="info", topic="identity", text="the token belongs to no user: an App's installation")
            return
        yield Finding(level="ok", topic="identity", text=f"signed in as {user.login}")

    def _repository(self, repository: Repository) -> Iterator[Finding]:
        name = repository.full_name
        yield Finding(level="ok", topic="read", text=f"{name} is readable")
        if not self._context.owned.labels:
            return
        rights = repository.permissions
        if repository.archived:
            yield Finding(
                level="warning", topic="write", text=f"{name} is archived: nothing can be written", fix="unarchive or exclude it"
            )
        elif self._context.secrets.is_app:
            return  # The installation's permissions, which were judged already, hold for all that it was given.
        elif rights is None:
            yield Finding(level="info", topic="write", text=f"{name}: GitHub does not say whether labels may be written")
        elif any(rights.get(right) for right in ("push", "maintain", "admin")):
            yield Finding(level="ok", topic="write", text=f"{name}: labels may be created and set")
        elif rights.get("triage"):
            yield Finding(
                level="warning",
                topic="write",
                text=f"{name}: labels may be set, but not created",
                fix="grant the write role, or create them",
            )
        else:
            yield Finding(
                level="error",
                topic="write",
                text=f"{name}: labels may not be written",
                fix="grant the account the write role there",
            )


def _permissions(given: Installation, *, writing: bool) -> Iterator[Finding]:
    """Whether the installation was given what reading takes, and writing labels where there are any."""
    needed = {**_TO_READ, **(_TO_WRITE if writing else {})}
    lacking = [name for name, access in needed.items() if _ACCESS.get(given.permissions.get(name, ""), 0) < _ACCESS[access]]
    if not lacking:
        named = ", ".join(f"{_title(name)}: {given.permissions[name]}" for name in needed)
        yield Finding(level="ok", topic="token", text=f"the installation's permissions: {named}")
    for name in lacking:
        yield Finding(
            level="error",
            topic="token",
            text=f"the installation lacks {_title(name)}: {needed[name]}",
            fix=f"grant it under the App's permissions; an owner of {given.account} must then approve it",
        )


def _title(permission: str) -> str:
    return permission.replace("_", " ").capitalize()


def _token(response: httpx.Response) -> Iterator[Finding]:
    """Only classic tokens have scopes: of fine-grained ones and Apps there is no such header. An App's tell no end either."""
    scopes: Any = response.headers.get("x-oauth-scopes")
    if scopes is not None:
        granted = [scope.strip() for scope in scopes.split(",") if scope.strip()]
        if "repo" in granted:
            yield Finding(level="ok", topic="token", text=f"the token's scopes: {', '.join(granted)}")
        else:
            yield Finding(
                level="warning",
                topic="token",
                text=f"the token's scopes: {', '.join(granted) or 'none'}: private repositories cannot be read or written",
                fix="grant the scope repo, or use a fine-grained token",
            )
    if expires := _moment(response.headers.get("github-authentication-token-expiration")):
        days = (expires - datetime.now(UTC)).days
        yield Finding(
            level="warning" if days < 14 else "ok",
            topic="token",
            text=f"the token expires on {expires:%Y-%m-%d %H:%M} UTC, in {days} days",
            fix="renew it" if days < 14 else None,
        )


def _budget(response: httpx.Response) -> Iterator[Finding]:
    budget = read_budget(response.headers)
    if budget is None or budget.remaining is None or budget.limit is None:
        yield Finding(level="info", topic="rate limit", text="GitHub names none")
        return
    reset = f", new ones at {budget.resets_at:%H:%M} UTC" if budget.resets_at else ""
    scarce = budget.remaining * 10 < budget.limit
    yield Finding(
        level="warning" if scarce else "ok",
        topic="rate limit",
        text=f"{budget.remaining} of {budget.limit} requests left{reset}",
        fix="run less often, or use a GitHub App" if scarce else None,
    )


def _unresolved(scope: GithubScope, resolved: Resolved) -> Iterator[Finding]:
    for name, why in resolved.missing.items():
        yield Finding(level="error", topic="read", text=f"{name}: {why}", fix=MISSING_FIX)
    for pattern in scope.repositories:
        if pattern in resolved.missing or not is_glob(pattern):
            continue
        if not any(matches(name, pattern) for name in (*resolved.missing, *(one.full_name for one in resolved.found))):
            yield Finding(level="warning", topic="read", text=f"{pattern} matches no repository", fix="check the pattern")


def _moment(text: str | None) -> datetime | None:
    """`2026-12-31 23:59:59 UTC` or `… +0200`, as GitHub writes a token's end."""
    if not text:
        return None
    for form in ("%Y-%m-%d %H:%M:%S %z", "%Y-%m-%d %H:%M:%S UTC"):
        try:
            moment = datetime.strptime(text, form)  # noqa: DTZ007 - the zone is in the text, or is UTC by its form
        except ValueError:
            continue
        return utc(moment)
    return None
