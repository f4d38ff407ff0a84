"""Issues, labels, milestones and comments as the API shows them."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import msgspec

from sandbox.github.document import HOLE, Document, timestamp
from sandbox.github.documents.users import WEB, simple_user
from sandbox.github.model import Comment, Issue, Label, Milestone, User
from sandbox.github.objects import node_id
from sandbox.github.site import Repository

REACTIONS = dict.fromkeys(("+1", "-1", "laugh", "hooray", "confused", "heart", "rocket", "eyes"), 0)


def issue_document(url: str, repository: Repository, issue: Issue) -> Document:
    """The schema `issue`. The milestone is a hole: its counts change without the issue."""
    suppliers = []
    if milestone := issue.milestone:
        suppliers.append(lambda: msgspec.json.encode(milestone_document(url, repository, milestone)))
    return Document(_issue(url, repository, issue), *suppliers)


def _issue(url: str, repository: Repository, issue: Issue) -> dict[str, Any]:
    home = f"{url}/repos/{repository.full_name}"
    api = f"{home}/issues/{issue.number}"
    page = f"{WEB}/{repository.full_name}/{'pull' if issue.pull else 'issues'}/{issue.number}"
    document = {
        "url": api,
        "repository_url": home,
        "labels_url": f"{api}/labels{{/name}}",
        "comments_url": f"{api}/comments",
        "events_url": f"{api}/events",
        "html_url": page,
        "id": issue.id,
        "node_id": node_id("PR" if issue.pull else "I", issue.id),
        "number": issue.number,
        "title": issue.title,
        "user": simple_user(url, issue.author),
        "labels": [label_document(url, repository, label) for label in issue.labels.values()],
        "state": issue.state,
        "locked": issue.locked,
        "assignee": simple_user(url, issue.assignees[0]) if issue.assignees else None,
        "assignees": [simple_user(url, user) for user in issue.assignees],
        "milestone": HOLE if issue.milestone else None,
        "comments": len(issue.comments),
        "created_at": timestamp(issue.created_at),
        "updated_at": timestamp(issue.updated_at),
        "closed_at": timestamp(issue.closed_at),
        "author_association": association(repository, issue.author),
        "active_lock_reason": issue.lock_reason,
        "body": issue.body,
        "closed_by": simple_user(url, issue.closed_by) if issue.closed_by else None,
        "reactions": {"url": f"{api}/reactions", "total_count": 0, **REACTIONS},
        "timeline_url": f"{api}/timeline",
        "performed_via_github_app": None,
        "state_reason": issue.state_reason,
    }
    if issue.pull:
        document["draft"] = issue.pull.draft
        document["pull_request"] = {
            "url": f"{home}/pulls/{issue.number}",
            "html_url": page,
            "diff_url": f"{page}.diff",
            "patch_url": f"{page}.patch",
            "merged_at": timestamp(issue.pull.merged_at),
        }
    else:
        document["sub_issues_summary"] = {"total": 0, "completed": 0, "percent_completed": 0}
        document["issue_dependencies_summary"] = {"blocked_by": 0, "total_blocked_by": 0, "blocking": 0, "total_blocking": 0}
    return document


def label_document(url: str, repository: Repository, label: Label) -> dict[str, Any]:
    """The schema `label`."""
    return {
        "id": label.id,
        "node_id": node_id("LA", label.id),
        "url": f"{url}/repos/{repository.full_name}/labels/{quote(label.name)}",
        "name": label.name,
        "color": label.color,
        "default": False,
        "description": label.description,
        "archived_at": None,
        "archived_by": None,
    }


def milestone_document(url: str, repository: Repository, milestone: Milestone) -> dict[str, Any]:
    """The schema `milestone`."""
    api = f"{url}/repos/{repository.full_name}/milestones/{milestone.number}"
    return {
        "url": api,
        "html_url": f"{WEB}/{repository.full_name}/milestone/{milestone.number}",
        "labels_url": f"{api}/labels",
        "id": milestone.id,
        "node_id": node_id("MI", milestone.id),
        "number": milestone.number,
        "title": milestone.title,
        "description": milestone.description,
        "creator": simple_user(url, milestone.creator),
        "open_issues": milestone.open_issues,
        "closed_issues": milestone.closed_issues,
        "state": milestone.state,
        "created_at": timestamp(milestone.created_at),
        "updated_at": timestamp(milestone.updated_at),
        "due_on": timestamp(milestone.due_on),
        "closed_at": timestamp(milestone.closed_at),
    }


def comment_document(url: str, repository: Repository, issue: Issue, comment: Comment) -> dict[str, Any]:
    """The schema `issue-comment`."""
    home = f"{url}/repos/{repository.full_name}"
    page = f"{WEB}/{repository.full_name}/{'pull' if issue.pull else 'issues'}/{issue.number}"
    api = f"{home}/issues/comments/{comment.id}"
    return {
        "url": api,
        "html_url": f"{page}#issuecomment-{comment.id}",
        "issue_url": f"{home}/issues/{issue.number}",
        "id": comment.id,
        "node_id": node_id("IC", comment.id),
        "user": simple_user(url, comment.author),
        "created_at": timestamp(comment.created_at),
        "updated_at": timestamp(comment.updated_at),
        "body": comment.body,
        "author_association": association(repository, comment.author),
        "reactions": {"url": f"{api}/reactions", "total_count": 0, **REACTIONS},
        "performed_via_github_app": None,
    }


def association(repository: Repository, user: User) -> str:
    if user.gone:
        return "NONE"
    return "OWNER" if user is repository.owner else "CONTRIBUTOR"
