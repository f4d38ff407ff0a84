"""The stand-in itself: Jira Cloud's HTTP face over the site's state."""

from __future__ import annotations

import base64
import hmac
import ssl
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sandbox.jira.bulk_api import BulkApi, run_due
from sandbox.jira.hooked import Hooked
from sandbox.jira.issue_api import IssueApi
from sandbox.jira.project_api import ProjectApi
from sandbox.jira.search_api import SearchApi
from sandbox.jira.webhooks import Webhook
from sandbox.messages import Reply, Request
from sandbox.server import Route, StandIn

ANONYMOUS = frozenset({"/rest/api/2/serverInfo", "/rest/api/3/serverInfo", "/_edge/tenant_info"})
BURST = 350


class JiraCloud(Hooked, StandIn):
    """A stateful Jira Cloud. `Doings` are what people do on it, `State` holds its settings, `StandIn` its log, faults and clock."""

    def __init__(self, *, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        StandIn.__init__(self, port=port, tls=tls)
        Hooked.__init__(self, now=self._now, url=self._site, lock=self.lock)

    def hook(self, url: str, secret: str | None = None) -> Webhook:
        """An admin webhook without a JQL filter, for everything that happens from now on."""
        return self.attach(Webhook(url, secret=secret))

    def stop(self) -> None:
        self.unhook()
        super().stop()

    def routes(self) -> Sequence[Route]:
        areas = (SearchApi(self), IssueApi(self), ProjectApi(self), BulkApi(self))
        return [route for area in areas for route in area.routes()]

    def _now(self) -> datetime:
        return self.clock()

    def _site(self) -> str:
        return self.url

    def guard(self, request: Request, route: Route | None) -> Reply | None:
        run_due(self)
        if route is not None and route.pattern in ANONYMOUS:
            return None
        if hmac.compare_digest(request.headers.get("authorization", "").encode(), self._credentials()):
            return None
        return Reply(
            401,
            b"Client must be authenticated to access this resource.",
            {"WWW-Authenticate": 'OAuth realm="example"', "X-Seraph-LoginReason": "AUTHENTICATED_FAILED"},
            content_type="text/plain;charset=UTF-8",
        )

    def _credentials(self) -> bytes:
        return b"Basic " + base64.b64encode(f"{self.user}:{self.token}".encode())

    def unknown_path(self, request: Request, allowed: Sequence[str]) -> Reply:
        if allowed:
            return Reply(405, {"message": "HTTP 405 Method Not Allowed", "status-code": 405}, {"Allow": ",".join(sorted(allowed))})
        return Reply(404, {"message": f"null for uri: {self.url}{request.path}", "status-code": 404})

    def malformed(self, request: Request, why: str) -> Reply:  # noqa: ARG002 - the hook's signature
        return Reply(400, {"errorMessages": [f"There was an error parsing JSON. Check that your request body is valid: {why}"]})

    def common_headers(self, request: Request, reply: Reply) -> Mapping[str, str]:  # noqa: ARG002 - the hook's signature
        """As seen on the real service; limits are not enforced here, faults do that."""
        reset = (self.clock() + timedelta(minutes=1)).replace(second=0, microsecond=0)
        return {
            "X-AAccountId": self.account.account_id,
            "X-RateLimit-Limit": str(BURST),
            "X-RateLimit-Remaining": str(BURST - 1),
            "X-RateLimit-Reset": reset.strftime("%Y-%m-%dT%H:%MZ"),
            "X-RateLimit-NearLimit": "false",
        }
