"""Who asks, what they may do, and how much they may still ask."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

from sandbox.github.apps import App
from sandbox.github.model import ROLES, Role, User
from sandbox.github.refusals import DOCS, refusal
from sandbox.github.site import Repository
from sandbox.messages import Refusal

Kind: TypeAlias = Literal["classic", "fine-grained", "app"]
WINDOW = timedelta(hours=1)


@dataclass(slots=True, eq=False)
class Budget:
    """Requests within a fixed window of one hour that starts with the first of them."""

    limit: int
    used: int = 0
    resets_at: datetime | None = None

    def roll(self, now: datetime) -> None:
        if self.resets_at is None or now >= self.resets_at:
            self.used, self.resets_at = 0, now + WINDOW

    @property
    def remaining(self) -> int:
        return max(0, self.limit - self.used)

    @property
    def reset(self) -> int:
        return int(self.resets_at.timestamp()) if self.resets_at else 0

    def document(self) -> dict[str, int | str]:
        """The schema `rate-limit`, with the resource's name as GitHub adds it."""
        return {"limit": self.limit, "used": self.used, "remaining": self.remaining, "reset": self.reset, "resource": "core"}


@dataclass(slots=True, eq=False)
class Token:
    """A credential. `scopes` are those of a classic token; `permissions` (`{"issues": "write", …}`) limit the other kinds.

    `repositories` are the ids that a fine-grained token or an app installation was given, None for all.
    """

    value: str
    user: User
    budget: Budget
    kind: Kind = "classic"
    scopes: tuple[str, ...] = ("repo",)
    permissions: Mapping[str, str] | None = None
    repositories: frozenset[int] | None = None
    expires_at: datetime | None = None

    def may_write_issues(self) -> bool:
        if self.kind == "classic":
            return bool({"repo", "public_repo"} & set(self.scopes))
        return self.permissions is None or "write" in {self.permissions.get("issues"), self.permissions.get("pull_requests")}


@dataclass(slots=True)
class Access:
    """The accounts' roles and the tokens. `everywhere` is an account's role where nothing else is granted."""

    tokens: dict[str, Token] = field(default_factory=dict)
    everywhere: dict[int, Role] = field(default_factory=dict)
    granted: dict[tuple[int, int], Role | None] = field(default_factory=dict)
    apps: dict[int, App] = field(default_factory=dict)
    anonymous: Budget = field(default_factory=lambda: Budget(60))

    def token_of(self, authorization: str | None, now: datetime) -> Token | None:
        """The token that a request's header names, None without one. Raises 401 for an unknown or expired one."""
        if not authorization:
            return None
        scheme, _, value = authorization.partition(" ")
        token = self.tokens.get(value.strip()) if scheme.lower() in {"bearer", "token"} else None
        if token is None or token.user.gone or (token.expires_at and now >= token.expires_at):
            raise refusal(401, "Bad credentials")
        return token

    def budget_of(self, token: Token | None) -> Budget:
        return token.budget if token else self.anonymous

    def role(self, token: Token | None, repository: Repository) -> Role | None:
        """What the token's account may do there, as far as the token lets it; None when it is no collaborator."""
        if token is None or (token.repositories is not None and repository.id not in token.repositories):
            return None
        if token.kind == "classic" and "repo" not in token.scopes and repository.private:
            return None
        if repository.owner is token.user:
            return "admin"
        key = (token.user.id, repository.id)
        return self.granted[key] if key in self.granted else self.everywhere.get(token.user.id)

    def sees(self, token: Token | None, repository: Repository) -> bool:
        return not repository.private or self.role(token, repository) is not None

    def has(self, token: Token | None, repository: Repository, needed: Role) -> bool:
        role = self.role(token, repository)
        return role is not None and ROLES.index(role) >= ROLES.index(needed)


def lacks_permission(token: Token) -> Refusal:
    """What GitHub says to a token that may read, but not do this."""
    match token.kind:
        case "classic":
            return refusal(403, "Must have admin rights to Repository.")
        case "fine-grained":
            return refusal(403, "Resource not accessible by personal access token")
        case "app":
            return refusal(403, "Resource not accessible by integration")


def budget_spent(token: Token | None, request_id: str) -> Refusal:
    """The primary rate limit. The headers say when it ends; there is no Retry-After."""
    who = f"user ID {token.user.id}" if token else "127.0.0.1"
    help_text = f"If you reach out to GitHub Support for help, please include the request ID {request_id}."
    return refusal(403, f"API rate limit exceeded for {who}. {help_text}", docs=f"{DOCS}/overview/rate-limits-for-the-rest-api")
