"""A stateful stand-in of Jira Data Center's REST API v2: the same site as the cloud's, with another face.

Shapes: Atlassian's "Jira REST API reference" of Data Center 9 and 10; the headers are those of its "Basic authentication" and
"Improving instance stability with rate limiting".
"""

from __future__ import annotations

import base64
import hmac
import ssl
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar

from sandbox.jira.catalogue import PERMISSIONS
from sandbox.jira.documents import AVATARS, Documents
from sandbox.jira.doings import Doings
from sandbox.jira.happenings import DataCenterHappenings, Happenings
from sandbox.jira.hooked import Hooked
from sandbox.jira.issue_api import IssueApi
from sandbox.jira.model import Field, IssueType, Project, User
from sandbox.jira.offset_search import OffsetSearch
from sandbox.jira.project_api import ProjectApi
from sandbox.jira.rich_text import checked_markup
from sandbox.jira.webhooks import Webhook
from sandbox.messages import Reply, Request
from sandbox.server import Route, StandIn

CLOUD_ROOT = "/rest/api/3"
ROOT = "/rest/api/2"
REPLACED = frozenset(
    {f"{CLOUD_ROOT}/{path}" for path in ("project/search", "project/{projectIdOrKey}/version", "mypermissions", "serverInfo")}
    | {f"{ROOT}/serverInfo", "/_edge/tenant_info"}
)
"""The cloud's operations that are not served, or not in that way."""
RATE_LIMIT, RATE_INTERVAL = 300, timedelta(seconds=60)
MOST_FAILED_LOGINS = 3


class DataCenterDocuments(Documents):
    """User names and keys in the place of account ids; what the cloud alone has is not there."""

    def __init__(self, state: Doings) -> None:
        super().__init__(state)
        self._system["archiveddate"] = lambda issue: self.time(issue.updated) if issue.archived else None

    def user_document(self, ident: str) -> dict[str, Any]:
        user = self.state.users[ident]
        name = login_of(user)
        return {
            "self": f"{self.api}/user?username={name}",
            "name": name,
            "key": user.account_id,
            "emailAddress": f"{name}@example.com",
            "avatarUrls": {f"{size}x{size}": f"{AVATARS}/{name}/{size}" for size in (48, 24, 16, 32)},
            "displayName": user.name,
            "active": user.active,
            "timeZone": self.state.time_zone or self.state.server_time_zone,
        }

    def issue_type(self, entry: IssueType) -> dict[str, Any]:
        return {name: value for name, value in super().issue_type(entry).items() if name != "hierarchyLevel"}

    def project(self, project: Project) -> dict[str, Any]:
        return {name: value for name, value in super().project(project).items() if name != "simplified"}


class JiraDataCenter(Hooked, StandIn):
    """Settings beside those of `State`: `access_token` is the account's personal access token, `largest_page` what `maxResults` is
    silently cut to, `result_window` how far a search reaches, `guests_may_read` whether wrong credentials are those of a guest.

    `user` and `token` are a user name and its password; after three wrong ones Jira wants a CAPTCHA, until `solve_captcha`.
    """

    api = ROOT
    happenings: ClassVar[type[Happenings]] = DataCenterHappenings

    def __init__(self, *, context_path: str = "", port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        StandIn.__init__(self, port=port, tls=tls)
        self.context_path = context_path
        Hooked.__init__(self, now=self._now, url=self._site, lock=self.lock)
        self.user, self.token = "milepost.bot", "example-password"
        self.access_token = "example-access-token"  # noqa: S105 - the stand-in's own, known to every test
        self.largest_page = 1000
        self.result_window = 10_000
        self.guests_may_read = False
        self.failed_logins = 0
        self.account = User("JIRAUSER10000", "Milepost Bot")
        self.users = {self.account.account_id: self.account}
        del self.fields["statuscategorychangedate"]
        self.fields["archiveddate"] = Field(id="archiveddate", name="Archived", type="datetime", orderable=False)

    @property
    def address(self) -> str:
        """The site's, with its context path."""
        return self._site()

    def hook(self, url: str, secret: str | None = None, credentials: tuple[str, str] | None = None) -> Webhook:
        """Signs if it has a secret, signs in if it has credentials (user, password). It names no delivery and sends each once."""
        return self.attach(Webhook(url, secret=secret, credentials=credentials, names_deliveries=False, retries=0))

    def stop(self) -> None:
        self.unhook()
        super().stop()

    def solve_captcha(self) -> None:
        with self.lock:
            self.failed_logins = 0

    def add_user(self, name: str) -> str:
        with self.lock:
            user = User(f"JIRAUSER{10_000 + len(self.users)}", name)
            self.users[user.account_id] = user
            return user.account_id

    # -- how a data center writes things down ----------------------------------------------------------------------------

    def documents(self) -> Documents:
        return DataCenterDocuments(self)

    def rich_text(self, text: str) -> Any:
        return text

    def checked_text(self, raw: Any) -> Any:
        return checked_markup(raw)

    def user_named(self, raw: Mapping[str, Any]) -> str | None:
        return next((ident for ident, user in self.users.items() if raw.get("name") == login_of(user)), None)

    # -- operations ------------------------------------------------------------------------------------------------------

    def routes(self) -> Sequence[Route]:
        shared = [route for area in (IssueApi(self), ProjectApi(self)) for route in area.routes() if route.pattern not in REPLACED]
        own = [
            *OffsetSearch(self, lambda: (self.largest_page, self.result_window)).routes(),
            Route("GET", f"{ROOT}/serverInfo", self._server, query=frozenset({"doHealthCheck"})),
            Route(
                "GET",
                f"{ROOT}/mypermissions",
                self._my_permissions,
                query=frozenset({"projectKey", "projectId", "issueKey", "issueId"}),
            ),
        ]
        return [self._placed(route) for route in (*shared, *own)]

    def _placed(self, route: Route) -> Route:
        pattern = self.context_path + route.pattern.replace(CLOUD_ROOT, ROOT, 1)
        return Route(route.method, pattern, route.handler, query=route.query, writes=route.writes)

    def _my_permissions(self, request: Request) -> Reply:
        """All of them, whatever is asked."""
        return ProjectApi(self).permissions_of(request, [*PERMISSIONS])

    def _server(self, _request: Request) -> Reply:
        return Reply(
            200,
            {
                "baseUrl": self.address,
                "version": "9.12.15",
                "versionNumbers": [9, 12, 15],
                "deploymentType": "Server",
                "buildNumber": 9_120_015,
                "buildDate": "2026-01-05T00:00:00.000+0000",
                "databaseBuildNumber": 9_120_015,
                "serverTime": self.documents().time(self.now()),
                "scmInfo": "0000000000000000000000000000000000000000",
                "serverTitle": "Jira",
            },
        )

    # -- who asks --------------------------------------------------------------------------------------------------------

    def guard(self, request: Request, route: Route | None) -> Reply | None:
        if self._knows(request.headers.get("authorization", "")):
            return None
        if self.failed_logins >= MOST_FAILED_LOGINS:
            denied = f"CAPTCHA_CHALLENGE; login-url={self.address}/login.jsp"
            return _page(403, {"X-Authentication-Denied-Reason": denied, "X-Seraph-LoginReason": "AUTHENTICATION_DENIED"})
        self.failed_logins += request.headers.get("authorization", "").startswith("Basic ")
        if route is not None and (route.pattern.endswith("/serverInfo") or (self.guests_may_read and not route.changes_state)):
            return None
        return _page(401, {"WWW-Authenticate": 'OAuth realm="example"', "X-Seraph-LoginReason": "AUTHENTICATED_FAILED"})

    def _knows(self, shown: str) -> bool:
        if hmac.compare_digest(shown.encode(), f"Bearer {self.access_token}".encode()):
            return True
        basic = base64.b64encode(f"{self.user}:{self.token}".encode()).decode()
        return self.failed_logins < MOST_FAILED_LOGINS and hmac.compare_digest(shown.encode(), f"Basic {basic}".encode())

    def common_headers(self, request: Request, reply: Reply) -> Mapping[str, str]:  # noqa: ARG002 - the hook's signature
        known = self._knows(request.headers.get("authorization", ""))
        return {
            "X-AREQUESTID": f"540x{len(self.requests)}x1",
            "X-AUSERNAME": self.user if known else "anonymous",
            "X-Seraph-LoginReason": "OK" if known else "AUTHENTICATED_FAILED",
            "X-RateLimit-Limit": str(RATE_LIMIT),
            "X-RateLimit-Remaining": str(RATE_LIMIT - 1),
            "X-RateLimit-Interval-Seconds": str(int(RATE_INTERVAL.total_seconds())),
            "X-RateLimit-FillRate": str(RATE_LIMIT),
            "Retry-After": "0",
        }

    def unknown_path(self, request: Request, allowed: Sequence[str]) -> Reply:
        if allowed:
            return Reply(405, headers={"Allow": ",".join(sorted(allowed))})
        return Reply(404, {"message": f"null for uri: {self.url}{request.path}", "status-code": 404})

    def malformed(self, request: Request, why: str) -> Reply:  # noqa: ARG002 - the hook's signature
        return Reply(400, {"errorMessages": [f"Unexpected character in the request: {why}"]})

    def _now(self) -> datetime:
        return self.clock()

    def _site(self) -> str:
        return self.url + self.context_path


def login_of(user: User) -> str:
    return ".".join(user.name.casefold().split())


def _page(status: int, headers: Mapping[str, str]) -> Reply:
    body = f"<html><head><title>Unauthorized ({status})</title></head><body>Basic Authentication Failure</body></html>"
    return Reply(status, body.encode(), headers, content_type="text/html;charset=UTF-8")
