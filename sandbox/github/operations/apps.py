"""What a GitHub App asks as itself (by a signed token) and as its installation."""

from __future__ import annotations

from collections.abc import Sequence

from sandbox.github.access import Budget, Token
from sandbox.github.apps import TOKEN_LIFE, App, signer
from sandbox.github.document import timestamp
from sandbox.github.documents.apps import app_document, installation_document
from sandbox.github.documents.repositories import seen_by
from sandbox.github.operations.area import Area, Operation, answer
from sandbox.github.refusals import not_found, refusal
from sandbox.messages import Reply, Request

HOURLY_LIMIT = 5000


class Apps(Area):
    def from_the_root(self) -> Sequence[Operation]:
        return [
            ("GET", "/app", self.get_app, ""),
            ("GET", "/app/installations/{installation}", self.get_installation, ""),
            ("POST", "/app/installations/{installation}/access_tokens", self.make_token, ""),
            ("GET", "/orgs/{login}/installation", self.of_organization, ""),
            ("GET", "/installation/repositories", self.repositories, "per_page page"),
        ]

    def of_a_repository(self) -> Sequence[Operation]:
        return [("GET", "/installation", self.of_repository, "")]

    def get_app(self, request: Request) -> Reply:
        return answer(app_document(self.hub.url, self._signer(request)))

    def get_installation(self, request: Request) -> Reply:
        return answer(installation_document(self.hub.url, self._installed(request)))

    def of_organization(self, request: Request) -> Reply:
        app = self._signer(request)
        if app.account.login.lower() != request.params["login"].lower():
            raise not_found()
        return answer(installation_document(self.hub.url, app))

    def of_repository(self, request: Request) -> Reply:
        app = self._signer(request)
        name = f"{request.params.get('owner')}/{request.params.get('repo')}".lower()
        if not any(it.owner is app.account and it.full_name.lower() == name for it in self.hub.site.repositories.values()):
            raise not_found()
        return answer(installation_document(self.hub.url, app))

    def make_token(self, request: Request) -> Reply:
        """A new installation token for an hour. It covers the repositories that the account has now."""
        app, now = self._installed(request), self.hub.now()
        if app.suspended_at:
            raise refusal(403, "This installation has been suspended")
        owned = frozenset(it.id for it in self.hub.site.repositories.values() if it.owner is app.account)
        token = Token(
            value=f"sandbox-installation-{app.installation}-{self.hub.site.take_id()}",
            user=app.bot,
            budget=Budget(HOURLY_LIMIT),
            kind="app",
            permissions=app.permissions,
            repositories=owned,
            expires_at=now + TOKEN_LIFE,
        )
        self.hub.access.tokens[token.value] = token
        made = {"token": token.value, "expires_at": timestamp(token.expires_at), "permissions": dict(app.permissions)}
        return answer({**made, "repository_selection": "all"}, 201)

    def repositories(self, request: Request) -> Reply:
        self.caller(request)
        token = self.token(request)
        if token is None or token.kind != "app":
            raise refusal(403, "You must authenticate with an installation access token in order to list repositories.")
        access = self.hub.access
        mine = [it for it in self.hub.site.repositories.values() if access.role(token, it)]
        part, headers = self.numbered_page(request, "/installation/repositories", len(mine))
        documents = [seen_by(self.hub.url, it, access.role(token, it)) for it in mine[part]]
        return answer({"total_count": len(mine), "repository_selection": "all", "repositories": documents}, headers=headers)

    def _signer(self, request: Request) -> App:
        return signer(self.hub.access.apps, request.headers.get("authorization"), self.hub.now())

    def _installed(self, request: Request) -> App:
        app = self._signer(request)
        if request.params["installation"] != str(app.installation):
            raise not_found()
        return app
