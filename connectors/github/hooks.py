"""The webhooks that send to us, wherever they were made: of the App, of an organisation or of a repository."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar
from urllib.parse import quote, urlsplit

import msgspec

from connectors.base import SourceContext
from connectors.errors import AuthError, NotFound
from connectors.github.options import GithubOptions
from connectors.github.paging import Pager
from connectors.http import Client, decode
from mappings import github_hooks as words
from mappings.github_records import Repository, Row, read_record

R = TypeVar("R")


class Hook(msgspec.Struct, frozen=True):
    """One webhook. `client` may ask about it at `address`; `place` is what people call that which it belongs to."""

    client: Client
    address: str
    place: str


class Hooks:
    """Finds webhooks that send to `webhook_url`. `hidden` names the repositories whose webhooks the account may not see."""

    def __init__(self, context: SourceContext, client: Client) -> None:
        options: GithubOptions = context.options
        self._source = context.name
        self._client = client
        self._pager = Pager(context.name, client, options.url)
        self._ours = options.webhook_url
        self.hidden: list[str] = []

    def of_app(self, client: Client) -> Sequence[Hook]:
        """The App's own, which `client` asks for as the App itself. 404: it has none."""
        response = client.get("/app/hook/config", accept=(200, 404))
        if response.status_code == 404 or not self._is_ours(decode(self._source, response, words.HOOK_CONFIG)):
            return []
        return [Hook(client, "/app/hook", "the App")]

    def of_owners(self, repositories: Iterable[Repository]) -> Sequence[Hook]:
        """Those of the organisations; and, of repositories whose owner has none, their own."""
        by_owner: dict[str, list[Repository]] = {}
        for repository in repositories:
            by_owner.setdefault(repository.full_name.partition("/")[0], []).append(repository)
        found: list[Hook] = []
        for owner, owned in by_owner.items():
            found += self._listed(f"/orgs/{quote(owner, safe='')}/hooks", owner) or self._of_each(owned)
        return found

    def _of_each(self, repositories: Iterable[Repository]) -> Sequence[Hook]:
        found: list[Hook] = []
        for repository in repositories:
            own = self._listed(f"/repositories/{repository.id}/hooks", repository.full_name)
            if own is None:
                self.hidden.append(repository.full_name)
            found += own or []
        return found

    def _listed(self, address: str, place: str) -> Sequence[Hook] | None:
        """None when the account may not see them. A person has none."""
        try:
            rows = [row for page in self._pager.all(address, {}) for row in page.rows]
        except (AuthError, NotFound):
            return None
        records = [record for row in rows if (record := read_row(words.HOOK, row)) is not None]
        ours = [record for record in records if record.active and self._is_ours(record.config)]
        return [Hook(self._client, f"{address}/{record.id}", place) for record in ours]

    def _is_ours(self, config: words.HookConfig) -> bool:
        return bool(config.url and self._ours) and _address(config.url or "") == _address(self._ours or "")


def read_row(decoder: msgspec.json.Decoder[R], row: Row) -> R | None:
    """None for a row that is no such record: there is nothing to do about it."""
    try:
        return read_record(decoder, row)
    except msgspec.DecodeError:
        return None


def _address(url: str) -> tuple[str, ...] | None:
    """What two spellings of one address have in common."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return parts.scheme.lower(), parts.netloc.lower(), parts.path.rstrip("/"), parts.query
