"""Webhook deliveries that did not reach us: GitHub keeps them for three days, and sends one again only when it is asked to.

A second line only: what a delivery would have told is found by the next pull as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta

import httpx

from connectors.base import Finding, Options, SourceContext
from connectors.errors import AuthError, Cancelled, NotFound
from connectors.github.advice import advice
from connectors.github.credentials import app_auth, http_auth
from connectors.github.hooks import Hook, Hooks, read_row
from connectors.github.options import API_VERSION, GithubOptions, GithubScope, GithubSecrets
from connectors.github.paging import Pager
from connectors.github.repositories import Repositories
from connectors.http import Client, open_client
from mappings.github_hooks import DELIVERY, Attempt, to_ask_for
from mappings.github_records import Repository

KEPT_FOR = timedelta(days=3)
"""Older deliveries cannot be asked for."""

MOST = 100
"""Asked for in one run; those that will be too old first come first."""

MOST_PAGES = 30
"""Of one webhook's deliveries, with a hundred on each, the newest first."""

TOPIC = "webhooks"

_NOT_ASKED = "failed webhook deliveries are not asked for again: the account may not manage webhooks"
_GRANT = "grant it Webhooks: read and write, or take webhook_url out of the project file"
_HEADERS = {"accept": "application/vnd.github+json", "x-github-api-version": API_VERSION}


def redeliver(context: SourceContext, scopes: Sequence[Options]) -> Sequence[Finding]:
    """Asks GitHub for the failed deliveries to `webhook_url`, and does nothing where no such address is given.

    The App's own webhook is looked at, if it leads there; else those of the owners of the scopes' repositories, and of the
    repositories. What the account may not see or ask for is a finding. Raises `SourceError`, `Cancelled`.
    """
    options: GithubOptions = context.options
    if options.webhook_url is None:
        return []
    secrets: GithubSecrets = context.secrets
    with closing(_client(context, http_auth(context))) as client:
        repositories = _repositories(context, client, scopes)
        hooks = Hooks(context, client)
        if not secrets.is_app:
            return list(_Redelivery(context, repositories).findings(hooks.of_owners(repositories), hooks.hidden))
        with closing(_client(context, app_auth(context))) as app:
            found = hooks.of_app(app) or hooks.of_owners(repositories)
            return list(_Redelivery(context, repositories).findings(found, hooks.hidden))


def _client(context: SourceContext, auth: httpx.Auth) -> Client:
    return open_client(context, context.options.url, auth=auth, headers=_HEADERS, advice=advice)


def _repositories(context: SourceContext, client: Client, scopes: Sequence[Options]) -> Sequence[Repository]:
    pager = Pager(context.name, client, context.options.url)
    known = Repositories(context.name, client, pager, is_app=context.secrets.is_app)
    found: dict[int, Repository] = {}
    for scope in scopes:
        assert isinstance(scope, GithubScope)
        found.update((repository.id, repository) for repository in known.resolve(scope).found)
    return list(found.values())


class _Redelivery:
    """One run: at most `MOST` deliveries are asked for, of all webhooks together."""

    def __init__(self, context: SourceContext, repositories: Sequence[Repository]) -> None:
        self._context = context
        self._repositories = {repository.id for repository in repositories}
        self._now = datetime.now(UTC)
        self._left = MOST

    def findings(self, hooks: Sequence[Hook], hidden: Sequence[str]) -> Iterator[Finding]:
        """What came of it. `hidden` names the places whose webhooks could not be seen."""
        for place in hidden:
            yield Finding(level="info", topic=TOPIC, text=_NOT_ASKED, fix=_GRANT, place=place)
        if not hooks and not hidden:
            text = f"no webhook sends to {self._context.options.webhook_url}"
            yield Finding(
                level="info", topic=TOPIC, text=text, fix="make one in GitHub, or correct webhook_url in the project file"
            )
        for hook in hooks:
            yield from self._of_hook(hook)

    def _of_hook(self, hook: Hook) -> Iterator[Finding]:
        asked = 0
        try:
            for attempt in to_ask_for(self._attempts(hook), self._now)[: self._left]:
                self._left -= 1
                asked += self._ask(hook, attempt)
        except (AuthError, NotFound):
            yield Finding(level="info", topic=TOPIC, text=_NOT_ASKED, fix=_GRANT, place=hook.place)
        if asked:
            text = f"GitHub was asked to send {asked} failed webhook deliveries again"
            yield Finding(level="ok", topic=TOPIC, text=text, place=hook.place)

    def _attempts(self, hook: Hook) -> Iterator[Attempt]:
        """Those that concern us and that GitHub still has."""
        pages = Pager(self._context.name, hook.client, self._context.options.url).all(f"{hook.address}/deliveries", {})
        for _, page in zip(range(MOST_PAGES), pages, strict=False):
            attempts = [attempt for row in page.rows if (attempt := read_row(DELIVERY, row)) is not None]
            kept = [attempt for attempt in attempts if self._now - attempt.delivered_at < KEPT_FOR]
            yield from filter(self._concerns_us, kept)
            if len(kept) < len(attempts):
                return

    def _concerns_us(self, attempt: Attempt) -> bool:
        """An App may be installed elsewhere too, and an organisation have repositories that nobody reads."""
        secrets: GithubSecrets = self._context.secrets
        elsewhere = secrets.is_app and attempt.installation_id not in (None, secrets.installation_id)
        return not elsewhere and (attempt.repository_id is None or attempt.repository_id in self._repositories)

    def _ask(self, hook: Hook, attempt: Attempt) -> bool:
        """Whether GitHub will send it again; it refuses what it has forgotten."""
        path = f"{hook.address}/deliveries/{attempt.id}/attempts"
        answer = hook.client.request("POST", path, accept=(202, 400, 410, 422), repeatable=False)
        if self._context.stop.wait(self._context.options.write_pause):
            raise Cancelled
        return answer.status_code == 202
