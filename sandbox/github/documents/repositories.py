"""Repositories as the API shows them."""

from __future__ import annotations

from typing import Any

from sandbox.github.document import timestamp
from sandbox.github.documents.users import WEB, simple_user
from sandbox.github.model import ROLES, Role
from sandbox.github.objects import node_id
from sandbox.github.site import Repository

LINKS = {
    "archive_url": "{archive_format}{/ref}",
    "assignees_url": "assignees{/user}",
    "blobs_url": "git/blobs{/sha}",
    "branches_url": "branches{/branch}",
    "collaborators_url": "collaborators{/collaborator}",
    "comments_url": "comments{/number}",
    "commits_url": "commits{/sha}",
    "compare_url": "compare/{base}...{head}",
    "contents_url": "contents/{+path}",
    "contributors_url": "contributors",
    "deployments_url": "deployments",
    "downloads_url": "downloads",
    "events_url": "events",
    "forks_url": "forks",
    "git_commits_url": "git/commits{/sha}",
    "git_refs_url": "git/refs{/sha}",
    "git_tags_url": "git/tags{/sha}",
    "hooks_url": "hooks",
    "issue_comment_url": "issues/comments{/number}",
    "issue_events_url": "issues/events{/number}",
    "issues_url": "issues{/number}",
    "keys_url": "keys{/key_id}",
    "labels_url": "labels{/name}",
    "languages_url": "languages",
    "merges_url": "merges",
    "milestones_url": "milestones{/number}",
    "notifications_url": "notifications{?since,all,participating}",
    "pulls_url": "pulls{/number}",
    "releases_url": "releases{/id}",
    "stargazers_url": "stargazers",
    "statuses_url": "statuses/{sha}",
    "subscribers_url": "subscribers",
    "subscription_url": "subscription",
    "tags_url": "tags",
    "teams_url": "teams",
    "trees_url": "git/trees{/sha}",
}


def repository(url: str, it: Repository) -> dict[str, Any]:
    """The schemas `repository` and `minimal-repository`, without what depends on who asks."""
    api, page = f"{url}/repos/{it.full_name}", f"{WEB}/{it.full_name}"
    return {
        "id": it.id,
        "node_id": node_id("R", it.id),
        "name": it.name,
        "full_name": it.full_name,
        "private": it.private,
        "owner": simple_user(url, it.owner),
        "html_url": page,
        "description": it.description,
        "fork": it.forked_from is not None,
        "url": api,
        **{name: f"{api}/{path}" for name, path in LINKS.items()},
        "created_at": timestamp(it.created_at),
        "updated_at": timestamp(it.updated_at),
        "pushed_at": timestamp(it.pushed_at),
        "git_url": f"git://github.com/{it.full_name}.git",
        "ssh_url": f"git@github.com:{it.full_name}.git",
        "clone_url": f"{page}.git",
        "svn_url": page,
        "mirror_url": None,
        "homepage": None,
        "size": len(it.code.commits),
        "stargazers_count": 0,
        "watchers_count": 0,
        "language": "Python",
        "has_issues": it.has_issues,
        "has_projects": True,
        "has_downloads": True,
        "has_wiki": True,
        "has_pages": False,
        "has_discussions": False,
        "forks_count": 0,
        "archived": it.archived,
        "disabled": False,
        "open_issues_count": it.tracker.open_count,
        "license": None,
        "allow_forking": True,
        "is_template": False,
        "web_commit_signoff_required": False,
        "topics": [],
        "visibility": "private" if it.private else "public",
        "forks": 0,
        "open_issues": it.tracker.open_count,
        "watchers": 0,
        "default_branch": it.default_branch,
    }


def seen_by(url: str, it: Repository, role: Role | None) -> dict[str, Any]:
    """The schema `repository` as an account with this role sees it; None reads a public one without being asked who it is."""
    return {**repository(url, it), **({"permissions": permissions(role)} if role else {})}


def full_repository(url: str, it: Repository, role: Role | None, parent: Repository | None) -> dict[str, Any]:
    """The schema `full-repository`. `parent` is what it is a fork of."""
    owner = {"organization": simple_user(url, it.owner)} if it.owner.kind == "Organization" else {}
    origin = {"parent": repository(url, parent), "source": repository(url, parent)} if parent else {}
    return {**seen_by(url, it, role), "network_count": 0, "subscribers_count": 0, **owner, **origin}


def permissions(role: Role) -> dict[str, bool]:
    held = ROLES.index(role)
    words = {"pull": "read", "triage": "triage", "push": "write", "maintain": "maintain", "admin": "admin"}
    return {word: ROLES.index(level) <= held for word, level in words.items()}
