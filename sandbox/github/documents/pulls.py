"""Pull requests as the API shows them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from sandbox.github.document import HOLE, Document, Supplier, timestamp
from sandbox.github.documents.issues import association, label_document, milestone_document
from sandbox.github.documents.users import WEB, simple_user
from sandbox.github.model import Issue, Pull
from sandbox.github.objects import node_id
from sandbox.github.site import Repository

EncodedRepository = Callable[[int], bytes]
"""A repository's current document by its id; the id of a deleted one is never asked for."""


def pull_document(url: str, repository: Repository, issue: Issue, encoded: EncodedRepository) -> Document:
    """The schema `pull-request-simple`, as lists have it. Milestone and repositories are holes: they change on their own."""
    pull = _pull(issue)
    return Document(_simple(url, repository, issue, pull), *_suppliers(url, repository, issue, pull, encoded))


def full_pull_document(url: str, repository: Repository, issue: Issue, encoded: EncodedRepository) -> bytes:
    """The schema `pull-request`, as a single read has it."""
    pull = _pull(issue)
    full = {
        **_simple(url, repository, issue, pull),
        "merged": pull.merged_at is not None,
        "mergeable": None if issue.closed_at else True,
        "rebaseable": None if issue.closed_at else True,
        "mergeable_state": "unknown" if issue.closed_at else "clean",
        "merged_by": simple_user(url, pull.merged_by) if pull.merged_by else None,
        "comments": len(issue.comments),
        "review_comments": 0,
        "maintainer_can_modify": False,
        "commits": len(pull.commits),
        "additions": len(pull.commits),
        "deletions": 0,
        "changed_files": len(pull.commits),
    }
    return Document(full, *_suppliers(url, repository, issue, pull, encoded)).render()


def _pull(issue: Issue) -> Pull:
    if issue.pull is None:
        raise ValueError(f"#{issue.number} is no pull request")
    return issue.pull


def _suppliers(url: str, repository: Repository, issue: Issue, pull: Pull, encoded: EncodedRepository) -> list[Supplier]:
    suppliers: list[Supplier] = []
    if milestone := issue.milestone:
        suppliers.append(lambda: msgspec.json.encode(milestone_document(url, repository, milestone)))
    if (head := pull.head_repository) is not None:
        suppliers.append(lambda: encoded(head))
    suppliers.append(lambda: encoded(repository.id))
    return suppliers


def _simple(url: str, repository: Repository, issue: Issue, pull: Pull) -> dict[str, Any]:
    home = f"{url}/repos/{repository.full_name}"
    api, page = f"{home}/pulls/{issue.number}", f"{WEB}/{repository.full_name}/pull/{issue.number}"
    links = {
        "self": api,
        "html": page,
        "issue": f"{home}/issues/{issue.number}",
        "comments": f"{home}/issues/{issue.number}/comments",
        "review_comments": f"{api}/comments",
        "review_comment": f"{home}/pulls/comments{{/number}}",
        "commits": f"{api}/commits",
        "statuses": f"{home}/statuses/{pull.head_sha}",
    }
    # The schema wants a text here, although labels themselves may have no description.
    labels = [{**document, "description": document["description"] or ""} for document in _labels(url, repository, issue)]
    return {
        "url": api,
        "id": pull.id,
        "node_id": node_id("PR", pull.id),
        "html_url": page,
        "diff_url": f"{page}.diff",
        "patch_url": f"{page}.patch",
        "issue_url": links["issue"],
        "number": issue.number,
        "state": issue.state,
        "locked": issue.locked,
        "title": issue.title,
        "user": simple_user(url, issue.author),
        "body": issue.body,
        "created_at": timestamp(issue.created_at),
        "updated_at": timestamp(issue.updated_at),
        "closed_at": timestamp(issue.closed_at),
        "merged_at": timestamp(pull.merged_at),
        "merge_commit_sha": pull.merge_sha,
        "assignee": simple_user(url, issue.assignees[0]) if issue.assignees else None,
        "assignees": [simple_user(url, user) for user in issue.assignees],
        "requested_reviewers": [],
        "requested_teams": [],
        "labels": labels,
        "milestone": HOLE if issue.milestone else None,
        "draft": pull.draft,
        "commits_url": links["commits"],
        "review_comments_url": links["review_comments"],
        "review_comment_url": links["review_comment"],
        "comments_url": links["comments"],
        "statuses_url": links["statuses"],
        "head": {
            "label": f"{pull.head_owner.login}:{pull.branch}",
            "ref": pull.branch,
            "sha": pull.head_sha,
            "user": simple_user(url, pull.head_owner),
            "repo": HOLE if pull.head_repository is not None else None,
        },
        "base": {
            "label": f"{repository.owner.login}:{pull.base}",
            "ref": pull.base,
            "sha": pull.base_sha,
            "user": simple_user(url, repository.owner),
            "repo": HOLE,
        },
        "_links": {name: {"href": href} for name, href in links.items()},
        "author_association": association(repository, issue.author),
        "auto_merge": None,
        "active_lock_reason": issue.lock_reason,
    }


def _labels(url: str, repository: Repository, issue: Issue) -> list[dict[str, Any]]:
    return [label_document(url, repository, label) for label in issue.labels.values()]
