"""What the operations of every area share: finding the repository, judging the caller, reading parameters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

from sandbox.github.access import Access, Token, lacks_permission
from sandbox.github.document import encoded_list
from sandbox.github.model import Role, User
from sandbox.github.paging import Page, asked, link_header, numbered
from sandbox.github.refusals import CONTENT_TYPE, invalid, moved, not_found, refusal
from sandbox.github.site import Repository, Site
from sandbox.messages import Reply, Request

Operation = tuple[str, str, Callable[[Request], Reply], str]
"""Method, path below the repository (or from the root), handler, and the documented query parameters in one text."""


class Hub(Protocol):
    """What the operations need of the stand-in."""

    site: Site
    access: Access
    page_window: int

    @property
    def url(self) -> str: ...

    def now(self) -> datetime: ...

    def encoded_repository(self, ident: int) -> bytes: ...


class Area:
    """One area's operations. `of_a_repository` are served below `/repos/{owner}/{repo}` and `/repositories/{id}` alike."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub

    def of_a_repository(self) -> Sequence[Operation]:
        return ()

    def from_the_root(self) -> Sequence[Operation]:
        return ()

    def token(self, request: Request) -> Token | None:
        return self.hub.access.token_of(request.headers.get("authorization"), self.hub.now())

    def caller(self, request: Request) -> User:
        """The account that asks. Raises 401 when nobody says who it is."""
        token = self.token(request)
        if token is None:
            raise refusal(401, "Requires authentication")
        return token.user

    def repository(self, request: Request) -> Repository:
        """The repository that the path names, if the caller sees it. Raises 404, or 301 for an old name."""
        token = self.token(request)
        if ident := request.params.get("repository_id"):
            found = self.hub.site.repositories.get(int(ident)) if ident.isascii() and ident.isdigit() and len(ident) < 19 else None
            if found is None or not self.hub.access.sees(token, found):
                raise not_found()
            return found
        name = f"{request.params['owner']}/{request.params['repo']}"
        try:
            found = self.hub.site.find(name)
        except LookupError as error:
            raise not_found() from error
        if not self.hub.access.sees(token, found):
            raise not_found()
        if found.full_name.lower() != name.lower():
            raise moved(self._address_of(request, found))
        return found

    def writable(self, request: Request, needed: Role) -> Repository:
        """The repository, for a change that needs this role. Raises what GitHub answers when it may not be made."""
        token = self.token(request)
        if token is None:
            raise refusal(401, "Requires authentication")
        repository = self.repository(request)
        if repository.archived:
            raise refusal(403, "Repository was archived so is read-only.")
        if not token.may_write_issues() or not self.hub.access.has(token, repository, needed):
            raise lacks_permission(token)
        return repository

    def listed(self, documents: Sequence[bytes], headers: dict[str, str]) -> Reply:
        return Reply(200, encoded_list(documents), headers, CONTENT_TYPE)

    def numbered_page(self, request: Request, path: str, total: int) -> tuple[slice, dict[str, str]]:
        """The part of a list of `total` rows that a request asks for, and its Link header."""
        page: Page = asked(request)
        return slice(page.offset, page.offset + page.size), link_header(self.hub.url + path, request, numbered(total, page))

    def _address_of(self, request: Request, repository: Repository) -> str:
        rest = "/".join(request.path.split("/")[4:])
        query = "&".join(f"{name}={value}" for name, values in request.query_lists.items() for value in values)
        return f"{self.hub.url}/repositories/{repository.id}{'/' + rest if rest else ''}{'?' + query if query else ''}"


def answer(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Reply:
    return Reply(status, body, headers or {}, CONTENT_TYPE)


def moment(request: Request, name: str) -> datetime | None:
    """An ISO 8601 parameter in UTC. Raises 422 when it is there and is none."""
    text = request.query.get(name)
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError as error:
        raise invalid("Search", name, "invalid") from error
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


def choice(request: Request, name: str, default: str, allowed: Sequence[str]) -> str:
    """One of the documented words. Raises 422 for any other."""
    word = request.query.get(name) or default
    if word not in allowed:
        raise invalid("Search", name, "invalid", value=word)
    return word


def fields(request: Request) -> dict[str, Any]:
    """The body as an object. Raises 400 when it is another kind of JSON."""
    body = request.json() if request.body else {}
    if not isinstance(body, dict):
        raise refusal(400, "Body should be a JSON object")
    return body
