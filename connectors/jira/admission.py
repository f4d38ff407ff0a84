"""Whether Jira let us in. It says so in several places, and not always by a status.

Facts: Atlassian's "Basic authentication" for the REST API (`X-Seraph-LoginReason`, and `X-Authentication-Denied-Reason` once failed
logins have triggered a CAPTCHA); the gateway's "Unauthorized; scope does not match". Where guests may read, Jira answers wrong
credentials as a guest, with 200, and only the header tells; a single sign-on in front answers with its login page.
"""

from __future__ import annotations

from collections.abc import Collection

import httpx

from connectors.base import SourceContext
from connectors.errors import AuthError
from connectors.http import describe

_REFUSED = (401, 403)
_READS = frozenset({"GET", "HEAD"})


class Admission:
    """Judges the answers of one source."""

    def __init__(self, context: SourceContext) -> None:
        self._source = context.name
        self._credentials_fix = context.credentials_fix() + _also_a_user(context)
        self._token = context.variable("token")

    def judged(self, accept: Collection[int]) -> Collection[int]:
        """The statuses that are judged here."""
        return {*accept, *_REFUSED}

    def checked(self, answer: httpx.Response, accept: Collection[int]) -> httpx.Response:
        """The answer, if Jira let us in and its status is in `accept`. Raises `AuthError` with what a person must do."""
        headers = answer.headers
        what = f"{describe(answer.request)} answered {answer.status_code}"
        reason = headers.get("x-seraph-loginreason", "").upper()
        if "CAPTCHA" in headers.get("x-authentication-denied-reason", "").upper() or "AUTHENTICATION_DENIED" in reason:
            raise self._error(
                f"{what}: after failed logins, Jira wants a CAPTCHA solved",
                "sign in to Jira once in a browser as this account, or let an admin reset its failed logins; then "
                + self._credentials_fix,
            )
        if answer.status_code in _REFUSED and b"scope does not match" in answer.content[:2048]:
            raise self._error(
                f"{what}: the token lacks the scope {_scope_of(answer.request)}",
                f"make a token with the scopes read:jira-work, read:jira-user and, to write, write:jira-work for {self._token}",
            )
        if answer.status_code == 401 or "AUTHENTICATED_FAILED" in reason:
            raise self._error(f"{what}: Jira does not accept the credentials, or they have expired", self._credentials_fix)
        if answer.status_code == 403 and 403 not in accept:
            raise self._error(what, self._credentials_fix)
        if answer.status_code == 200 and headers.get("content-type", "").lower().startswith("text/html"):
            raise self._error(
                f"{what} with a web page instead of JSON, as a login page does",
                f"{self._credentials_fix}; if a single sign-on stands in front, let it pass the REST API; check the source's url",
            )
        return answer

    def _error(self, what: str, fix: str) -> AuthError:
        return AuthError(self._source, what, fix=fix)


def _also_a_user(context: SourceContext) -> str:
    """A token alone is shown as a bearer, which most people's tokens are not."""
    if context.secrets.user is not None:
        return ""
    return f"; an API token of Jira Cloud, or a password, needs {context.variable('user')} too"


def _scope_of(request: httpx.Request) -> str:
    """The scope that Jira asks for this operation."""
    path = request.url.path
    if path.endswith("/myself"):
        return "read:jira-user"
    searches = path.endswith(("/search/jql", "/issue/bulkfetch"))
    return "read:jira-work" if request.method in _READS or searches else "write:jira-work"
