"""The GitHub stand-in: the REST API of api.github.com over a pretended site."""

from __future__ import annotations

import ssl
import zlib
from collections.abc import Callable, Mapping, Sequence

import msgspec

from sandbox.github.access import Access, Token, budget_spent
from sandbox.github.document import timestamp
from sandbox.github.documents.repositories import repository
from sandbox.github.happenings import Happenings
from sandbox.github.hooks import Courier
from sandbox.github.model import Role
from sandbox.github.operations.accounts import Accounts
from sandbox.github.operations.apps import Apps
from sandbox.github.operations.area import Area, Operation
from sandbox.github.operations.commits import Commits
from sandbox.github.operations.hooks import Hooks
from sandbox.github.operations.issue_labels import IssueLabels
from sandbox.github.operations.issues import Issues
from sandbox.github.operations.labels import Labels
from sandbox.github.operations.pulls import Pulls
from sandbox.github.people.code import CodeDoings
from sandbox.github.people.hooks import HookDoings
from sandbox.github.people.issues import IssueDoings
from sandbox.github.people.repositories import RepositoryDoings
from sandbox.github.refusals import CONTENT_TYPE, not_found, refusal
from sandbox.github.site import Site
from sandbox.messages import Refusal, Reply, Request
from sandbox.server import Route, StandIn

API_VERSION = "2022-11-28"
DEFAULT_TOKEN = "sandbox-token"  # noqa: S105  # lets callers into a pretended site on loopback, and nowhere else

SIGNED = ("/app", "/orgs/{login}/installation", "/repos/{owner}/{repo}/installation", "/repositories/{repository_id}/installation")
"""What a GitHub App asks by a token that it signed itself, beside every budget."""


class GitHub(RepositoryDoings, IssueDoings, CodeDoings, HookDoings, StandIn):
    """A stateful stand-in of api.github.com (REST, version 2022-11-28).

    `token` is let in as `milepost-bot` with `role` in every repository. `page_window` is how many rows page numbers reach in a list
    of issues or pull requests; beyond, the Link header carries a cursor.
    """

    def __init__(
        self,
        *,
        token: str = DEFAULT_TOKEN,
        role: Role = "write",
        page_window: int = 10_000,
        port: int = 0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.site = Site()
        self.access = Access()
        self.courier = Courier(self.record)
        self.happenings = Happenings(self, self.courier)
        self.page_window = page_window
        self._answered = 0
        self._areas: list[Area] = [
            Accounts(self),
            Issues(self),
            IssueLabels(self),
            Labels(self),
            Pulls(self),
            Commits(self),
            Apps(self),
            Hooks(self, self.happenings),
        ]
        super().__init__(port=port, tls=tls)
        self.add_token(token, role=role)

    def stop(self) -> None:
        self.courier.stop()
        super().stop()

    def routes(self) -> Sequence[Route]:
        found: list[Route] = []
        for area in self._areas:
            for operation in area.of_a_repository():
                found += [self._route("/repos/{owner}/{repo}", operation), self._route("/repositories/{repository_id}", operation)]
            found += [self._route("", operation) for operation in area.from_the_root()]
        return found

    def guard(self, request: Request, route: Route | None) -> None:
        """Who asks, in which version of the API, and whether they may still ask."""
        if not request.headers.get("user-agent"):
            raise Refusal(Reply(403, b"Request forbidden by administrative rules.", content_type="text/html"))
        if request.headers.get("x-github-api-version", API_VERSION) != API_VERSION:
            raise refusal(400, f"The API version is not supported: this stand-in serves {API_VERSION}.")
        if route and route.pattern.startswith(SIGNED):
            return
        token = self._token(request)
        if route is None or route.pattern == "/rate_limit":
            return
        budget = self.access.budget_of(token)
        budget.roll(self.now())
        if budget.remaining == 0:
            raise budget_spent(token, self._request_id(self._answered + 1))
        budget.used += 1

    def unknown_path(self, request: Request, allowed: Sequence[str]) -> Reply:  # noqa: ARG002  # the server's interface
        return not_found().reply

    def malformed(self, request: Request, why: str) -> Reply:  # noqa: ARG002  # the server's interface
        return refusal(400, "Problems parsing JSON").reply

    def common_headers(self, request: Request, reply: Reply) -> Mapping[str, str]:  # noqa: ARG002  # the server's interface
        with self.lock:
            token = self._known(request)
            budget = self.access.budget_of(token)
            budget.roll(self.now())
            self._answered += 1
            headers = {
                "Server": "github.com",
                "X-GitHub-Media-Type": "github.v3; format=json",
                "X-GitHub-Api-Version-Selected": API_VERSION,
                "X-GitHub-Request-Id": self._request_id(self._answered),
                "x-ratelimit-limit": str(budget.limit),
                "x-ratelimit-remaining": str(budget.remaining),
                "x-ratelimit-used": str(budget.used),
                "x-ratelimit-reset": str(budget.reset),
                "x-ratelimit-resource": "core",
            }
            return {**headers, **_about(token)}

    def encoded_repository(self, ident: int) -> bytes:
        """The document that pull requests hold of a repository, encoded once until it changes."""
        found = self.site.repositories[ident]
        if found.document is None:
            found.document = msgspec.json.encode(repository(self.url, found))
        return found.document

    def _route(self, prefix: str, operation: Operation) -> Route:
        method, path, handler, query = operation
        served = self._conditional(handler) if method == "GET" else handler
        return Route(method, prefix + path, served, frozenset(query.split()))

    def _conditional(self, handler: Callable[[Request], Reply]) -> Callable[[Request], Reply]:
        """Gives answers an ETag, and answers 304 to who has this one already; for the authorised that costs no budget."""

        def served(request: Request) -> Reply:
            reply = handler(request)
            if reply.status != 200:
                return reply
            body = reply.encoded()
            token = self._known(request)
            # The same document has another tag under another token, as on GitHub.
            etag = f'W/"{zlib.crc32(token.value.encode() if token else b""):08x}{zlib.crc32(body):08x}{len(body):08x}"'
            headers = {**reply.headers, "ETag": etag, "Cache-Control": "private, max-age=60, s-maxage=60"}
            if etag not in {known.strip() for known in request.headers.get("if-none-match", "").split(",")}:
                return Reply(200, body, headers, CONTENT_TYPE)
            if token:
                token.budget.used = max(0, token.budget.used - 1)
            return Reply(304, None, headers)

        return served

    def _token(self, request: Request) -> Token | None:
        return self.access.token_of(request.headers.get("authorization"), self.now())

    def _known(self, request: Request) -> Token | None:
        try:
            return self._token(request)
        except Refusal:
            return None

    def _request_id(self, number: int) -> str:
        return f"C0DE:{number:06X}:{zlib.crc32(str(number).encode()):08X}"


def _about(token: Token | None) -> dict[str, str]:
    """What GitHub says about the credential itself. Only classic tokens have scopes, and only people's tokens tell their end."""
    if token is None:
        return {}
    about: dict[str, str] = {}
    if token.kind == "classic":
        about |= {"X-OAuth-Scopes": ", ".join(token.scopes), "X-Accepted-OAuth-Scopes": "repo"}
    if token.expires_at and token.kind != "app":
        moment = (timestamp(token.expires_at) or "").replace("T", " ").replace("Z", " UTC")
        about["github-authentication-token-expiration"] = moment
    return about
