"""Accounts as the API shows them."""

from __future__ import annotations

from typing import Any

import msgspec

from sandbox.github.document import timestamp
from sandbox.github.model import User
from sandbox.github.objects import node_id

WEB = "https://github.com"


def simple_user(url: str, user: User) -> msgspec.Raw:
    """The schema `simple-user`, encoded once for each account. `url` is the API's root."""
    if user.document is None:
        user.document = msgspec.Raw(msgspec.json.encode(_fields(url, user)))
    return user.document


def _fields(url: str, user: User) -> dict[str, Any]:
    api = f"{url}/users/{user.login}"
    return {
        "login": user.login,
        "id": user.id,
        "node_id": node_id("U", user.id),
        "avatar_url": f"https://avatars.githubusercontent.com/u/{user.id}?v=4",
        "gravatar_id": "",
        "url": api,
        "html_url": f"{WEB}/{user.login}",
        "followers_url": f"{api}/followers",
        "following_url": f"{api}/following{{/other_user}}",
        "gists_url": f"{api}/gists{{/gist_id}}",
        "starred_url": f"{api}/starred{{/owner}}{{/repo}}",
        "subscriptions_url": f"{api}/subscriptions",
        "organizations_url": f"{api}/orgs",
        "repos_url": f"{api}/repos",
        "events_url": f"{api}/events{{/privacy}}",
        "received_events_url": f"{api}/received_events",
        "type": user.kind,
        "user_view_type": "public",
        "site_admin": False,
    }


def public_user(url: str, user: User, *, public_repositories: int) -> dict[str, Any]:
    """The schema `public-user`."""
    return {
        **_fields(url, user),
        "name": user.name,
        "company": None,
        "blog": "",
        "location": None,
        "email": None,
        "hireable": None,
        "bio": None,
        "twitter_username": None,
        "public_repos": public_repositories,
        "public_gists": 0,
        "followers": 0,
        "following": 0,
        "created_at": timestamp(user.created_at),
        "updated_at": timestamp(user.created_at),
    }


def private_user(url: str, user: User, *, public_repositories: int, private_repositories: int) -> dict[str, Any]:
    """The schema `private-user`: what an account sees of itself."""
    return {
        **public_user(url, user, public_repositories=public_repositories),
        "user_view_type": "private",
        "private_gists": 0,
        "total_private_repos": private_repositories,
        "owned_private_repos": private_repositories,
        "disk_usage": 0,
        "collaborators": 0,
        "two_factor_authentication": True,
    }


def organization(url: str, user: User, *, public_repositories: int) -> dict[str, Any]:
    """The schema `organization-full`."""
    api = f"{url}/orgs/{user.login}"
    return {
        "login": user.login,
        "id": user.id,
        "node_id": node_id("O", user.id),
        "url": api,
        "repos_url": f"{api}/repos",
        "events_url": f"{api}/events",
        "hooks_url": f"{api}/hooks",
        "issues_url": f"{api}/issues",
        "members_url": f"{api}/members{{/member}}",
        "public_members_url": f"{api}/public_members{{/member}}",
        "avatar_url": f"https://avatars.githubusercontent.com/u/{user.id}?v=4",
        "description": None,
        "has_organization_projects": True,
        "has_repository_projects": True,
        "public_repos": public_repositories,
        "public_gists": 0,
        "followers": 0,
        "following": 0,
        "html_url": f"{WEB}/{user.login}",
        "type": "Organization",
        "created_at": timestamp(user.created_at),
        "updated_at": timestamp(user.created_at),
        "archived_at": None,
    }
