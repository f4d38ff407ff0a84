"""Who am I, what may I still ask, and which repositories are there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from sandbox.github.access import lacks_permission
from sandbox.github.documents.repositories import full_repository, seen_by
from sandbox.github.documents.users import organization, private_user, public_user
from sandbox.github.model import User
from sandbox.github.operations.area import Area, Operation, answer, choice
from sandbox.github.refusals import not_found
from sandbox.github.site import Repository
from sandbox.messages import Reply, Request

PAGED = "per_page page"
SORTS = {
    "created": lambda it: (it.created_at, it.id),
    "updated": lambda it: (it.updated_at, it.id),
    "pushed": lambda it: (it.pushed_at, it.id),
    "full_name": lambda it: it.full_name.lower(),
}


class Accounts(Area):
    def of_a_repository(self) -> Sequence[Operation]:
        return [("GET", "", self.get_repository, "")]

    def from_the_root(self) -> Sequence[Operation]:
        listed = f"type sort direction {PAGED}"
        return [
            ("GET", "/user", self.myself, ""),
            ("GET", "/user/repos", self.my_repositories, f"visibility affiliation since before {listed}"),
            ("GET", "/users/{login}", self.get_user, ""),
            ("GET", "/users/{login}/repos", self.user_repositories, listed),
            ("GET", "/orgs/{login}", self.get_organization, ""),
            ("GET", "/orgs/{login}/repos", self.organization_repositories, listed),
            ("GET", "/rate_limit", self.rate_limit, ""),
            ("GET", "/meta", self.meta, ""),
        ]

    def get_repository(self, request: Request) -> Reply:
        found = self.repository(request)
        parent = self.hub.site.repositories.get(found.forked_from) if found.forked_from else None
        return answer(full_repository(self.hub.url, found, self.hub.access.role(self.token(request), found), parent))

    def myself(self, request: Request) -> Reply:
        user = self._person(request)
        owned = [repository for repository in self._all() if repository.owner is user]
        private = sum(repository.private for repository in owned)
        return answer(private_user(self.hub.url, user, public_repositories=len(owned) - private, private_repositories=private))

    def get_user(self, request: Request) -> Reply:
        user = self._account(request)
        return answer(public_user(self.hub.url, user, public_repositories=len(self._public(user))))

    def get_organization(self, request: Request) -> Reply:
        user = self._account(request)
        if user.kind != "Organization":
            raise not_found()
        return answer(organization(self.hub.url, user, public_repositories=len(self._public(user))))

    def my_repositories(self, request: Request) -> Reply:
        self._person(request)
        token = self.token(request)
        mine = (repository for repository in self._all() if self.hub.access.role(token, repository))
        return self._listed(request, "/user/repos", mine, "full_name")

    def user_repositories(self, request: Request) -> Reply:
        user = self._account(request)
        return self._listed(request, f"/users/{user.login}/repos", self._public(user), "full_name")

    def organization_repositories(self, request: Request) -> Reply:
        user, token = self._account(request), self.token(request)
        if user.kind != "Organization":
            raise not_found()
        visible = (it for it in self._all() if it.owner is user and self.hub.access.sees(token, it))
        return self._listed(request, f"/orgs/{user.login}/repos", visible, "created")

    def rate_limit(self, request: Request) -> Reply:
        budget = self.hub.access.budget_of(self.token(request))
        search = {"limit": 30, "used": 0, "remaining": 30, "reset": budget.reset, "resource": "search"}
        graphql = {"limit": 5000, "used": 0, "remaining": 5000, "reset": budget.reset, "resource": "graphql"}
        core = budget.document()
        return answer({"resources": {"core": core, "search": search, "graphql": graphql}, "rate": core})

    def meta(self, request: Request) -> Reply:  # noqa: ARG002  # an operation's signature
        """An Enterprise Server would tell its `installed_version` here."""
        return answer({"verifiable_password_authentication": False})

    def _person(self, request: Request) -> User:
        """The account that asks. An app's installation is nobody: GitHub refuses it here."""
        user, token = self.caller(request), self.token(request)
        if token and token.kind == "app":
            raise lacks_permission(token)
        return user

    def _account(self, request: Request) -> User:
        user = self.hub.site.users.get(request.params["login"].lower())
        if user is None or user.gone:
            raise not_found()
        return user

    def _all(self) -> Iterable[Repository]:
        return self.hub.site.repositories.values()

    def _public(self, user: User) -> list[Repository]:
        return [repository for repository in self._all() if repository.owner is user and not repository.private]

    def _listed(self, request: Request, path: str, repositories: Iterable[Repository], default_sort: str) -> Reply:
        sort = choice(request, "sort", default_sort, tuple(SORTS))
        descending = choice(request, "direction", "asc" if sort == "full_name" else "desc", ("asc", "desc")) == "desc"
        kind = choice(request, "type", "all", ("all", "owner", "public", "private", "forks", "sources", "member"))
        rows = sorted((it for it in repositories if _is_kind(it, kind)), key=SORTS[sort], reverse=descending)
        part, headers = self.numbered_page(request, path, len(rows))
        token = self.token(request)
        documents = [msgspec.json.encode(seen_by(self.hub.url, it, self.hub.access.role(token, it))) for it in rows[part]]
        return self.listed(documents, headers)


def _is_kind(repository: Repository, kind: str) -> bool:
    match kind:
        case "public" | "private":
            return repository.private == (kind == "private")
        case "forks" | "sources":
            return (repository.forked_from is not None) == (kind == "forks")
        case _:
            return True
