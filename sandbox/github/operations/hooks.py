"""Webhooks of repositories, organizations and apps: listed, and their deliveries sent again."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import msgspec

from sandbox.github.access import lacks_permission
from sandbox.github.apps import signer
from sandbox.github.documents.hooks import config_document, delivery_document, full_delivery_document, hook_document
from sandbox.github.happenings import Happenings
from sandbox.github.hooks import Hook, Place, Sent
from sandbox.github.model import User
from sandbox.github.operations.area import Area, Hub, Operation, answer, choice
from sandbox.github.paging import asked, link_header
from sandbox.github.refusals import not_found, refusal
from sandbox.github.site import Repository
from sandbox.messages import Reply, Request

_LISTED = "per_page cursor status"
_CURSOR = re.compile(r"v1_([0-9]{1,18})")


class Hooks(Area):
    """For who administers a repository or organization; an app sees its own by its own signature."""

    def __init__(self, hub: Hub, happenings: Happenings) -> None:
        super().__init__(hub)
        self._happenings = happenings

    def of_a_repository(self) -> Sequence[Operation]:
        return [("GET", "/hooks", self.of_repository, "per_page page"), *_deliveries("/hooks/{hook}", self, self._of_repository)]

    def from_the_root(self) -> Sequence[Operation]:
        return [
            ("GET", "/orgs/{login}/hooks", self.of_organization, "per_page page"),
            *_deliveries("/orgs/{login}/hooks/{hook}", self, self._of_organization),
            ("GET", "/app/hook/config", self.config, ""),
            *_deliveries("/app/hook", self, self._of_app),
        ]

    def of_repository(self, request: Request) -> Reply:
        repository = self._administered(request)
        return self._listed(request, f"/repositories/{repository.id}/hooks", "repository", repository.id)

    def of_organization(self, request: Request) -> Reply:
        account = self._governed(request)
        return self._listed(request, f"/orgs/{account.login}/hooks", "organization", account.id)

    def config(self, request: Request) -> Reply:
        return answer(config_document(self._of_app(request)))

    def list_deliveries(self, request: Request, hook: Hook) -> Reply:
        """Newest first; the cursor names the first of a page."""
        status = choice(request, "status", "all", ("all", "success", "failure"))
        rows = [sent for sent in reversed(hook.sent) if sent.status != "pending" and _is_kind(sent, status)]
        if text := request.query.get("cursor"):
            cursor = _CURSOR.fullmatch(text)
            if cursor is None:
                raise refusal(422, "The cursor is invalid")
            rows = [sent for sent in rows if sent.id <= int(cursor[1])]
        size = asked(request).size
        relations = {"next": f"cursor=v1_{rows[size].id}"} if len(rows) > size else {}
        documents = [msgspec.json.encode(delivery_document(hook, sent)) for sent in rows[:size]]
        return self.listed(documents, _without_cursor(self.hub.url, request, relations))

    def get_delivery(self, request: Request, hook: Hook) -> Reply:
        return answer(full_delivery_document(hook, _sent(request, hook)))

    def attempt(self, request: Request, hook: Hook) -> Reply:
        self._happenings.again(hook, _sent(request, hook))
        return answer({}, 202)

    def _listed(self, request: Request, path: str, place: Place, owner: int) -> Reply:
        hooks = [hook for hook in self._happenings.hooks.values() if (hook.place, hook.owner) == (place, owner)]
        part, headers = self.numbered_page(request, path, len(hooks))
        documents = [msgspec.json.encode(hook_document(f"{self.hub.url}{path}/{hook.id}", hook)) for hook in hooks[part]]
        return self.listed(documents, headers)

    def _of_repository(self, request: Request) -> Hook:
        return self._hook(request, "repository", self._administered(request).id)

    def _of_organization(self, request: Request) -> Hook:
        return self._hook(request, "organization", self._governed(request).id)

    def _of_app(self, request: Request) -> Hook:
        app = signer(self.hub.access.apps, request.headers.get("authorization"), self.hub.now())
        found = [hook for hook in self._happenings.hooks.values() if (hook.place, hook.owner) == ("integration", app.id)]
        if not found:
            raise not_found()
        return found[0]

    def _hook(self, request: Request, place: Place, owner: int) -> Hook:
        text = request.params["hook"]
        hook = self._happenings.hooks.get(int(text)) if text.isascii() and text.isdigit() and len(text) < 19 else None
        if hook is None or (hook.place, hook.owner) != (place, owner):
            raise not_found()
        return hook

    def _administered(self, request: Request) -> Repository:
        """The repository, for its admins. An app and a fine-grained token need the permission instead."""
        repository, token = self.repository(request), self.token(request)
        if token is None or (token.kind == "classic" and not self.hub.access.has(token, repository, "admin")):
            raise not_found()
        if token.kind != "classic" and (token.permissions or {}).get("repository_hooks") not in ("read", "write"):
            raise lacks_permission(token)
        return repository

    def _governed(self, request: Request) -> User:
        """The organization, for its owners: who may govern its hooks by the scope or the permission for that."""
        account, token = self.hub.site.users.get(request.params["login"].lower()), self.token(request)
        if account is None or account.kind != "Organization" or token is None:
            raise not_found()
        if token.kind == "classic" and "admin:org_hook" not in token.scopes:
            raise not_found()
        if token.kind != "classic" and (token.permissions or {}).get("organization_hooks") not in ("read", "write"):
            raise lacks_permission(token)
        return account


def _deliveries(prefix: str, area: Hooks, found: Callable[[Request], Hook]) -> Sequence[Operation]:
    """The operations on one hook's deliveries."""
    return [
        ("GET", f"{prefix}/deliveries", lambda request: area.list_deliveries(request, found(request)), _LISTED),
        ("GET", f"{prefix}/deliveries/{{delivery}}", lambda request: area.get_delivery(request, found(request)), ""),
        ("POST", f"{prefix}/deliveries/{{delivery}}/attempts", lambda request: area.attempt(request, found(request)), ""),
    ]


def _sent(request: Request, hook: Hook) -> Sent:
    text = request.params["delivery"]
    found = [sent for sent in hook.sent if str(sent.id) == text]
    if not found:
        raise not_found()
    return found[0]


def _is_kind(sent: Sent, status: str) -> bool:
    match status:
        case "success":
            return 200 <= sent.status_code < 400
        case "failure":
            return 400 <= sent.status_code < 600
        case _:
            return True


def _without_cursor(url: str, request: Request, relations: dict[str, str]) -> dict[str, str]:
    """The Link header of a page, whose own cursor the next one does not keep."""
    kept = {name: values for name, values in request.query_lists.items() if name != "cursor"}
    onward = Request(request.method, request.path, kept, request.headers)
    return link_header(url + request.path, onward, relations)
