"""The payloads of webhook events, made of the documents that the API shows."""

from __future__ import annotations

from typing import Any

import msgspec

from sandbox.github import history
from sandbox.github.document import timestamp
from sandbox.github.documents.issues import comment_document, issue_document, label_document, milestone_document
from sandbox.github.documents.pulls import full_pull_document
from sandbox.github.documents.users import WEB, organization, simple_user
from sandbox.github.hooks import Hook
from sandbox.github.model import Comment, Commit, Issue, Label, Milestone, User
from sandbox.github.objects import node_id
from sandbox.github.operations.area import Hub
from sandbox.github.site import Repository

NOTHING = "0" * 40
"""The sha of a branch that is not there."""

_IN_AN_ORGANISATION = ("login", "id", "node_id", "url", "repos_url", "events_url", "hooks_url", "issues_url", "members_url")
_MOST_COMMITS = 2048


class Events:
    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def payload(self, action: str | None, repository: Repository, hook: Hook, parts: dict[str, Any]) -> dict[str, Any]:
        """The whole of it. What the repository's owner does is told: the stand-in keeps nobody else's name for this."""
        whole = {
            **({"action": action} if action else {}),
            **parts,
            "repository": self._repository(repository),
            "sender": self.account(repository.owner),
        }
        if repository.owner.kind == "Organization":
            shown = organization(self._hub.url, repository.owner, public_repositories=0)
            kept = (*_IN_AN_ORGANISATION, "public_members_url", "avatar_url", "description")
            whole["organization"] = {name: shown[name] for name in kept}
        if hook.installation is not None:
            whole["installation"] = {"id": hook.installation, "node_id": node_id("MDI", hook.installation)}
        return whole

    def account(self, user: User) -> msgspec.Raw:
        return simple_user(self._hub.url, user)

    def label(self, repository: Repository, label: Label) -> dict[str, Any]:
        return label_document(self._hub.url, repository, label)

    def milestone(self, repository: Repository, milestone: Milestone) -> dict[str, Any]:
        return milestone_document(self._hub.url, repository, milestone)

    def of_issue(self, repository: Repository, issue: Issue) -> dict[str, Any]:
        if issue.pull:
            document = full_pull_document(self._hub.url, repository, issue, self._hub.encoded_repository)
            return {"number": issue.number, "pull_request": msgspec.Raw(document)}
        return {"issue": self._issue(repository, issue)}

    def of_comment(self, repository: Repository, issue: Issue, comment: Comment) -> dict[str, Any]:
        document = comment_document(self._hub.url, repository, issue, comment)
        return {"issue": self._issue(repository, issue), "comment": document}

    def of_transfer(self, repository: Repository, issue: Issue) -> dict[str, Any]:
        """Where an issue went: to `issue` of `repository`."""
        return {"new_issue": self._issue(repository, issue), "new_repository": self._repository(repository)}

    def of_push(self, repository: Repository, branch: str, before: str | None, after: str | None) -> dict[str, Any]:
        commits = repository.code.commits
        base = before or (repository.head if repository.head != after else None)
        if after is None:
            new: list[Commit] = []
        elif base is None or base not in commits:
            new = [commits[sha] for sha in reversed(repository.code.log(after))]
        else:
            new = [commits[sha] for sha in history.compare(commits, base=base, head=after).ahead]
        forced = bool(before and after and before in commits and history.compare(commits, base=before, head=after).behind)
        documents = [self._pushed(repository, commit) for commit in new[-_MOST_COMMITS:]]
        page = f"{WEB}/{repository.full_name}"
        return {
            "ref": f"refs/heads/{branch}",
            "before": before or NOTHING,
            "after": after or NOTHING,
            "created": before is None,
            "deleted": after is None,
            "forced": forced,
            "base_ref": None,
            "compare": f"{page}/compare/{(before or NOTHING)[:12]}...{(after or NOTHING)[:12]}",
            "commits": documents,
            "head_commit": self._pushed(repository, commits[after]) if after else None,
            "pusher": {"name": repository.owner.login, "email": f"{repository.owner.login.lower()}@users.noreply.example.com"},
        }

    def _pushed(self, repository: Repository, commit: Commit) -> dict[str, Any]:
        person = {"name": commit.name, "email": commit.email, **({"username": commit.login} if commit.login else {})}
        return {
            "id": commit.sha,
            "tree_id": commit.tree,
            "distinct": True,
            "message": commit.message,
            "timestamp": timestamp(commit.committed_at),
            "url": f"{WEB}/{repository.full_name}/commit/{commit.sha}",
            "author": person,
            "committer": person,
            "added": [],
            "removed": [],
            "modified": list(commit.files),
        }

    def _issue(self, repository: Repository, issue: Issue) -> msgspec.Raw:
        return msgspec.Raw(issue_document(self._hub.url, repository, issue).render())

    def _repository(self, repository: Repository) -> msgspec.Raw:
        return msgspec.Raw(self._hub.encoded_repository(repository.id))
