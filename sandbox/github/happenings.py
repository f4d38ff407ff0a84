"""What happens on the site, as events that webhooks ask for. Without a webhook nothing is looked at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from sandbox.github.hooks import Courier, Hook, Sent, new_guid
from sandbox.github.model import Issue, Label, Milestone, User
from sandbox.github.operations.area import Hub
from sandbox.github.payloads import Events
from sandbox.github.site import Repository


@dataclass(frozen=True, slots=True)
class Shape:
    """What of an issue or pull request is told when it changes."""

    state: str
    texts: tuple[str, str | None]
    labels: dict[str, Label]
    milestone: Milestone | None
    assignees: tuple[User, ...]
    comments: int
    locked: bool
    draft: bool
    head: str | None

    @classmethod
    def of(cls, issue: Issue) -> Shape:
        pull = issue.pull
        return cls(
            state=issue.state,
            texts=(issue.title, issue.body),
            labels=dict(issue.labels),
            milestone=issue.milestone,
            assignees=tuple(issue.assignees),
            comments=len(issue.comments),
            locked=issue.locked,
            draft=pull is not None and pull.draft,
            head=pull.head_sha if pull else None,
        )


class Happenings:
    """Tells every hook that wants it of each event."""

    def __init__(self, hub: Hub, courier: Courier) -> None:
        self.hooks: dict[int, Hook] = {}
        self._hub = hub
        self._courier = courier
        self._events = Events(hub)
        self._shapes: dict[int, Shape] = {}

    def add(self, hook: Hook) -> None:
        """What is there already is no news."""
        if not self.hooks:
            for repository in self._hub.site.repositories.values():
                self._shapes.update((issue.id, Shape.of(issue)) for issue in repository.tracker.issues.values())
        self.hooks[hook.id] = hook
        self._send(hook, "ping", None, {"zen": "Keep it logically awesome.", "hook_id": hook.id}, new_guid(), None)

    def watch(self, repository: Repository) -> None:
        """From its making on."""
        repository.tracker.listener = _Watcher(self, repository)
        self.tell("repository", "created", repository)

    def tell(self, event: str, action: str | None, repository: Repository, **parts: Any) -> None:
        """`parts` is what the payload holds beside the repository and who did it. To be called under the stand-in's lock."""
        guid = new_guid()
        for hook in self._hooks_of(repository):
            if hook.wants(event):
                payload = self._events.payload(action, repository, hook, parts)
                self._send(hook, event, action, payload, guid, repository.id)

    def again(self, hook: Hook, sent: Sent) -> None:
        """A redelivery."""
        self._deliver(hook, sent.event, sent.action, sent.payload, sent.guid, sent.repository, redelivery=True)

    def issue_changed(self, repository: Repository, issue: Issue) -> None:
        if not self.hooks:
            return
        before, now = self._shapes.get(issue.id), Shape.of(issue)
        self._shapes[issue.id] = now
        event = "pull_request" if issue.pull else "issues"
        for action, parts in self._actions(repository, before, now):
            self.tell(event, action, repository, **self._events.of_issue(repository, issue), **parts)
        if before is not None and now.comments > before.comments:
            self.tell("issue_comment", "created", repository, **self._events.of_comment(repository, issue, issue.comments[-1]))

    def issue_left(self, repository: Repository, issue: Issue, action: str, **parts: Any) -> None:
        """Deleted or transferred."""
        if self.hooks:
            self._shapes.pop(issue.id, None)
            self.tell("issues", action, repository, **self._events.of_issue(repository, issue), **parts)

    def issue_transferred(self, repository: Repository, left: Issue, destination: Repository, arrived: Issue) -> None:
        """`left` is the issue as it was."""
        if self.hooks:
            self.issue_left(repository, left, "transferred", changes=self._events.of_transfer(destination, arrived))

    def label_changed(self, repository: Repository, action: str, label: Label, changes: Mapping[str, Any] | None) -> None:
        if self.hooks:
            told = {} if changes is None else {"changes": changes}
            self.tell("label", action, repository, label=self._events.label(repository, label), **told)

    def milestone_changed(self, repository: Repository, action: str, milestone: Milestone) -> None:
        if self.hooks:
            self.tell("milestone", action, repository, milestone=self._events.milestone(repository, milestone))

    def pushed(self, repository: Repository, branch: str, before: str | None, after: str | None) -> None:
        """`before` is None for a new branch, `after` for one that was deleted."""
        if self.hooks and before != after:
            self.tell("push", None, repository, **self._events.of_push(repository, branch, before, after))
            if before is None or after is None:
                created = {"master_branch": repository.default_branch, "description": repository.description} if after else {}
                parts = {"ref": branch, "ref_type": "branch", "pusher_type": "user", **created}
                self.tell("create" if after else "delete", None, repository, **parts)

    def moved(self, repository: Repository, owner_before: User, name_before: str) -> None:
        if owner_before is not repository.owner:
            changes = {"owner": {"from": {owner_before.kind.lower(): self._events.account(owner_before)}}}
            self.tell("repository", "transferred", repository, changes=changes)
        if name_before != repository.name:
            self.tell("repository", "renamed", repository, changes={"repository": {"name": {"from": name_before}}})

    def _actions(self, repository: Repository, before: Shape | None, now: Shape) -> Iterator[tuple[str, dict[str, Any]]]:
        """What an issue's events are called, and what they hold beside it."""
        if before is None:
            yield "opened", {}
            return
        if before.texts != now.texts:
            yield "edited", {"changes": {}}
        for label, action in _compared(before.labels, now.labels):
            yield action, {"label": self._events.label(repository, label)}
        if before.milestone is not now.milestone:
            for milestone, action in ((before.milestone, "demilestoned"), (now.milestone, "milestoned")):
                if milestone is not None:
                    yield action, {"milestone": self._events.milestone(repository, milestone)}
        for user in set(before.assignees) ^ set(now.assignees):
            yield ("assigned" if user in now.assignees else "unassigned"), {"assignee": self._events.account(user)}
        if before.head != now.head:
            yield "synchronize", {"before": before.head, "after": now.head}
        if before.draft and not now.draft:
            yield "ready_for_review", {}
        if now.locked and not before.locked:
            yield "locked", {}
        if before.state != now.state:
            yield ("closed" if now.state == "closed" else "reopened"), {}

    def _hooks_of(self, repository: Repository) -> Sequence[Hook]:
        apps = {app.id for app in self._hub.access.apps.values() if app.account is repository.owner}
        owners = {("repository", repository.id), ("organization", repository.owner.id), *(("integration", app) for app in apps)}
        return [hook for hook in self.hooks.values() if (hook.place, hook.owner) in owners]

    def _send(self, hook: Hook, event: str, action: str | None, payload: dict[str, Any], guid: str, repository: int | None) -> None:
        self._deliver(hook, event, action, msgspec.json.encode(payload), guid, repository, redelivery=False)

    def _deliver(
        self, hook: Hook, event: str, action: str | None, payload: bytes, guid: str, repository: int | None, *, redelivery: bool
    ) -> None:
        sent = Sent(self._hub.site.take_id(), guid, event, action, repository, payload, self._hub.now(), redelivery)
        hook.sent.append(sent)
        self._courier.send(hook, sent)


@dataclass(frozen=True, slots=True)
class _Watcher:
    """One repository's tracker tells by this."""

    happenings: Happenings
    repository: Repository

    def issue_changed(self, issue: Issue) -> None:
        self.happenings.issue_changed(self.repository, issue)

    def label_changed(self, action: str, label: Label, changes: Mapping[str, Any] | None) -> None:
        self.happenings.label_changed(self.repository, action, label, changes)

    def milestone_changed(self, action: str, milestone: Milestone) -> None:
        self.happenings.milestone_changed(self.repository, action, milestone)


def _compared(before: dict[str, Label], now: dict[str, Label]) -> Iterator[tuple[Label, str]]:
    for name in now.keys() - before.keys():
        yield now[name], "labeled"
    for name in before.keys() - now.keys():
        yield before[name], "unlabeled"
