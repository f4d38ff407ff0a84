"""Commits, branches and comparisons as the API shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from sandbox.github.document import Document, timestamp
from sandbox.github.documents.users import WEB, simple_user
from sandbox.github.history import Comparison
from sandbox.github.model import Commit, User
from sandbox.github.objects import node_id, object_name
from sandbox.github.site import Repository

Users = Mapping[str, User]
"""Accounts by lower-case login."""
UNSIGNED = {"verified": False, "reason": "unsigned", "signature": None, "payload": None, "verified_at": None}


def commit_document(url: str, repository: Repository, commit: Commit, users: Users) -> Document:
    """The schema `commit` as lists have it: without `stats` and `files`."""
    return Document(commit_fields(url, repository, commit, users))


def commit_fields(url: str, repository: Repository, commit: Commit, users: Users) -> dict[str, Any]:
    home, page = f"{url}/repos/{repository.full_name}", f"{WEB}/{repository.full_name}/commit"
    account = users.get(commit.login.lower()) if commit.login else None
    # A commit of a deleted account belongs to nobody; git still says who wrote it.
    person = simple_user(url, account) if account and not account.gone else None
    author = {"name": commit.name, "email": commit.email}
    return {
        "sha": commit.sha,
        "node_id": node_id("C", f"{repository.id}:{commit.sha}"),
        "commit": {
            "author": {**author, "date": timestamp(commit.authored_at)},
            "committer": {**author, "date": timestamp(commit.committed_at)},
            "message": commit.message,
            "tree": {"sha": commit.tree, "url": f"{home}/git/trees/{commit.tree}"},
            "url": f"{home}/git/commits/{commit.sha}",
            "comment_count": 0,
            "verification": UNSIGNED,
        },
        "url": f"{home}/commits/{commit.sha}",
        "html_url": f"{page}/{commit.sha}",
        "comments_url": f"{home}/commits/{commit.sha}/comments",
        "author": person,
        "committer": person,
        "parents": [
            {"sha": parent, "url": f"{home}/commits/{parent}", "html_url": f"{page}/{parent}"} for parent in commit.parents
        ],
    }


def full_commit(url: str, repository: Repository, commit: Commit, users: Users) -> dict[str, Any]:
    """The schema `commit` as a single read has it."""
    lines = len(commit.files)
    return {
        **commit_fields(url, repository, commit, users),
        "stats": {"total": lines, "additions": lines, "deletions": 0},
        "files": changed_files(url, repository, [commit]),
    }


def changed_files(url: str, repository: Repository, commits: Sequence[Commit]) -> list[dict[str, Any]]:
    """The schema `diff-entry`, one for each path, as the last commit that changed it left it."""
    last = {path: commit.sha for commit in commits for path in commit.files}
    page = f"{WEB}/{repository.full_name}"
    return [
        {
            "sha": object_name("blob", f"{sha}\0{path}".encode()),
            "filename": path,
            "status": "modified",
            "additions": 1,
            "deletions": 0,
            "changes": 1,
            "blob_url": f"{page}/blob/{sha}/{quote(path)}",
            "raw_url": f"{page}/raw/{sha}/{quote(path)}",
            "contents_url": f"{url}/repos/{repository.full_name}/contents/{quote(path)}?ref={sha}",
            "patch": "@@ -0,0 +1 @@\n+changed",
        }
        for path, sha in last.items()
    ]


def comparison_fields(url: str, repository: Repository, base: str, head: str, difference: Comparison) -> dict[str, Any]:
    """The schema `commit-comparison` without its commits and files."""
    basehead = f"{quote(base)}...{quote(head)}"
    page = f"{WEB}/{repository.full_name}/compare/{basehead}"
    return {
        "url": f"{url}/repos/{repository.full_name}/compare/{basehead}",
        "html_url": page,
        "permalink_url": page,
        "diff_url": f"{page}.diff",
        "patch_url": f"{page}.patch",
        "status": difference.status,
        "ahead_by": len(difference.ahead),
        "behind_by": difference.behind,
        "total_commits": len(difference.ahead),
    }


def branch_document(url: str, repository: Repository, name: str, users: Users) -> dict[str, Any]:
    """The schema `branch-with-protection`; nothing is protected here."""
    api = f"{url}/repos/{repository.full_name}/branches/{quote(name)}"
    commit = repository.code.commits[repository.code.branches[name]]
    return {
        "name": name,
        "commit": commit_fields(url, repository, commit, users),
        "_links": {"self": api, "html": f"{WEB}/{repository.full_name}/tree/{quote(name)}"},
        "protected": False,
        "protection": {"enabled": False, "required_status_checks": {"enforcement_level": "off", "contexts": [], "checks": []}},
        "protection_url": f"{api}/protection",
    }


def short_branch(url: str, repository: Repository, name: str) -> dict[str, Any]:
    """The schema `short-branch`."""
    sha = repository.code.branches[name]
    return {"name": name, "commit": {"sha": sha, "url": f"{url}/repos/{repository.full_name}/commits/{sha}"}, "protected": False}


def ref_document(url: str, repository: Repository, name: str) -> dict[str, Any]:
    """The schema `git-ref` of a branch."""
    home, sha = f"{url}/repos/{repository.full_name}", repository.code.branches[name]
    return {
        "ref": f"refs/heads/{name}",
        "node_id": node_id("REF", f"{repository.id}:refs/heads/{name}"),
        "url": f"{home}/git/refs/heads/{quote(name)}",
        "object": {"sha": sha, "type": "commit", "url": f"{home}/git/commits/{sha}"},
    }
