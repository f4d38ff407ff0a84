"""Who may do what: tokens that a managed identity gets and that end, and actions that its role lacks."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl

from sandbox.azureml.refusals import error
from sandbox.azureml.resources import PROVIDER
from sandbox.messages import Reply, Request

IDENTITY_PATH = "/msi/token"
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass
class Access:
    """`header` is what the platform gives to the process, and the process shows for a token. `lifetime` is how long that lasts.
    `principals` are the secrets of service principals by their client ids."""

    header: str = field(default_factory=lambda: secrets.token_hex(16))
    lifetime: timedelta = timedelta(hours=24)
    denied: set[str] = field(default_factory=set)
    principals: dict[str, str] = field(default_factory=dict)
    _tokens: dict[str, datetime] = field(default_factory=dict)

    def issue(self, request: Request, now: datetime) -> Reply:
        """A token as App Service's identity endpoint gives it."""
        if request.headers.get("x-identity-header") != self.header:
            return Reply(401, {"statusCode": 401, "message": "the identity header is wrong"})
        token, ends = self._new(now)
        resource = request.query.get("resource", "")
        return Reply(
            200,
            {"access_token": token, "expires_on": str(int(ends.timestamp())), "resource": resource, "token_type": "Bearer"},
        )

    def sign_in(self, request: Request, now: datetime) -> Reply:
        """A token as the sign-in service gives it to a service principal."""
        form = dict(parse_qsl(request.body.decode()))
        if self.principals.get(form.get("client_id", "")) != form.get("client_secret"):
            said = {"error": "invalid_client", "error_description": "AADSTS7000215: Invalid client secret provided."}
            return Reply(401, said)
        token, ends = self._new(now)
        return Reply(200, {"token_type": "Bearer", "expires_in": int((ends - now).total_seconds()), "access_token": token})

    def _new(self, now: datetime) -> tuple[str, datetime]:
        token, ends = f"eyJ0eXAi.{secrets.token_urlsafe(24)}.{secrets.token_urlsafe(24)}", now + self.lifetime
        self._tokens[token] = ends
        return token, ends

    def expire(self) -> None:
        """Ends every token before its time, as when an identity's access is revoked."""
        self._tokens = dict.fromkeys(self._tokens, _LONG_AGO)

    def refusal(self, request: Request, now: datetime) -> Reply | None:
        """Why a request is not let in: no token, one that nobody issued, one that has ended, an action that the role lacks."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            return _unauthorized("AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing.")
        ends = self._tokens.get(token)
        if ends is None:
            return _unauthorized("InvalidAuthenticationToken", "The access token is invalid.")
        if ends <= now:
            return _unauthorized(
                "ExpiredAuthenticationToken", f"The access token expiry UTC time '{ends}' is earlier than current."
            )
        action = action_of(request.method, request.path)
        if action in self.denied:
            message = f"The client 'milepost' does not have authorization to perform action '{action}' over scope '{request.path}'."
            return error(403, "AuthorizationFailed", message)
        return None


def action_of(method: str, path: str) -> str:
    """The action that a role must hold for a request: resource types without names, and what is done."""
    doing = {"GET": "read", "HEAD": "read", "DELETE": "delete"}.get(method, "write")
    parts = [part for part in path.split("/") if part]
    lowered = [part.lower() for part in parts]
    if "providers" not in lowered:
        return "/".join(["Microsoft.Resources", *parts[::2], doing])
    if lowered[0] == "history":
        return f"{PROVIDER}/workspaces/experiments/runs/{doing}"
    own = parts[lowered.index("providers") + 2 :]
    return "/".join([PROVIDER, *own[::2], doing])


def _unauthorized(code: str, message: str) -> Reply:
    challenge = 'Bearer authorization_uri="https://login.microsoftonline.com/", error="invalid_token"'
    return error(401, code, message, {"WWW-Authenticate": challenge})
