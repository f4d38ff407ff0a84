"""GitHub Apps and their installations as the API shows them."""

from __future__ import annotations

from typing import Any

from sandbox.github.apps import App
from sandbox.github.document import timestamp
from sandbox.github.documents.users import WEB, simple_user
from sandbox.github.objects import node_id


def app_document(url: str, app: App) -> dict[str, Any]:
    """The schema `integration`."""
    slug = _slug(app)
    return {
        "id": app.id,
        "slug": slug,
        "node_id": node_id("A", app.id),
        "owner": simple_user(url, app.account),
        "name": slug,
        "description": None,
        "external_url": "https://example.com",
        "html_url": f"{WEB}/apps/{slug}",
        "created_at": timestamp(app.created_at),
        "updated_at": timestamp(app.created_at),
        "permissions": dict(app.permissions),
        "events": [],
        "installations_count": 1,
    }


def installation_document(url: str, app: App) -> dict[str, Any]:
    """The schema `installation`."""
    return {
        "id": app.installation,
        "account": simple_user(url, app.account),
        "repository_selection": "all",
        "access_tokens_url": f"{url}/app/installations/{app.installation}/access_tokens",
        "repositories_url": f"{url}/installation/repositories",
        "html_url": f"{WEB}/organizations/{app.account.login}/settings/installations/{app.installation}",
        "app_id": app.id,
        "app_slug": _slug(app),
        "target_id": app.account.id,
        "target_type": app.account.kind,
        "permissions": dict(app.permissions),
        "events": [],
        "created_at": timestamp(app.created_at),
        "updated_at": timestamp(app.created_at),
        "single_file_name": None,
        "suspended_by": simple_user(url, app.account) if app.suspended_at else None,
        "suspended_at": timestamp(app.suspended_at),
    }


def _slug(app: App) -> str:
    return app.bot.login.removesuffix("[bot]")
