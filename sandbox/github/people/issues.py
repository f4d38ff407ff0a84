"""Issues, labels, milestones and comments: written, labelled, closed, deleted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Literal

from sandbox.github.model import Comment, Issue, Milestone
from sandbox.github.people.world import World

EDITABLE = frozenset({"title", "body"})


class IssueDoings(World):
    """Numbers are those of issues and pull requests alike, unless a name says `issue` of what only issues can do."""

    def add_issue(
        self,
        repo: str,
        title: str,
        *,
        body: str | None = None,
        labels: Sequence[str] = (),
        author: str | None = None,
        assignees: Sequence[str] = (),
        milestone: int | None = None,
        at: datetime | None = None,
    ) -> int:
        """A new issue's number. Labels that the repository lacks are made. The author defaults to the owner."""
        with self.lock:
            repository, now = self.site.find(repo), self.now(at)
            issue = Issue(
                id=self.site.take_id(),
                number=repository.tracker.take_number(),
                title=title,
                author=self._author(repository, author, now),
                created_at=now,
                updated_at=now,
                body=body,
                labels={name.lower(): self.site.label(repository, name) for name in labels},
                assignees=[self.site.user(login, now) for login in assignees],
                milestone=repository.tracker.milestones[milestone] if milestone else None,
            )
            repository.tracker.insert(issue)
            repository.recount()
            return issue.number

    def edit_issue(self, repo: str, number: int, *, at: datetime | None = None, **changes: Any) -> None:
        """Changes `title` or `body`."""
        if unknown := set(changes) - EDITABLE:
            raise TypeError(f"an issue's {', '.join(sorted(unknown))} cannot be edited this way")
        with self.lock:
            repository, issue = self._issue(repo, number)
            for name, value in changes.items():
                setattr(issue, name, value)
            repository.tracker.touch(issue, self.now(at))

    def assign(self, repo: str, number: int, *logins: str, at: datetime | None = None) -> None:
        """Exactly these accounts are assigned from now on."""
        with self.lock:
            repository, issue = self._issue(repo, number)
            issue.assignees = [self.site.user(login, self.now(at)) for login in logins]
            repository.tracker.touch(issue, self.now(at))

    def close_issue(
        self,
        repo: str,
        number: int,
        *,
        reason: Literal["completed", "not_planned", "duplicate"] = "completed",
        by: str | None = None,
        at: datetime | None = None,
    ) -> None:
        with self.lock:
            repository, issue = self._issue(repo, number)
            now = self.now(at)
            repository.tracker.close(issue, by=self._author(repository, by, now), at=now, reason=reason)
            repository.recount()

    def reopen_issue(self, repo: str, number: int, *, at: datetime | None = None) -> None:
        with self.lock:
            repository, issue = self._issue(repo, number)
            repository.tracker.reopen(issue, self.now(at))
            repository.recount()

    def delete_issue(self, repo: str, number: int) -> None:
        """Gone for good: reading it says 410."""
        with self.lock:
            repository, issue = self._issue(repo, number)
            repository.tracker.remove(number)
            repository.tracker.deleted.add(number)
            repository.recount()
            self.happenings.issue_left(repository, issue, "deleted")

    def transfer_issue(self, repo: str, number: int, target: str, *, at: datetime | None = None) -> int:
        """Its new number in the target repository, which the old address redirects to. It gets a new id, too."""
        with self.lock:
            repository, _ = self._issue(repo, number)
            destination, now = self.site.find(target), self.now(at)
            issue = repository.tracker.remove(number)
            left = replace(issue, document=None)
            issue.id, issue.number = self.site.take_id(), destination.tracker.take_number()
            issue.labels = {key: self.site.label(destination, label.name) for key, label in issue.labels.items()}
            issue.milestone = None
            destination.tracker.insert(issue)
            destination.tracker.touch(issue, now)
            repository.tracker.moved[number] = (destination.id, issue.number)
            repository.recount()
            destination.recount()
            self.happenings.issue_transferred(repository, left, destination, issue)
            return issue.number

    def lock_issue(self, repo: str, number: int, *, reason: str | None = None, at: datetime | None = None) -> None:
        """Only those who may write can comment from now on."""
        with self.lock:
            repository, issue = self._issue(repo, number)
            issue.locked, issue.lock_reason = True, reason
            repository.tracker.touch(issue, self.now(at))

    def add_label(self, repo: str, number: int, name: str, *, at: datetime | None = None) -> None:
        with self.lock:
            repository, issue = self._issue(repo, number)
            repository.tracker.put_label(issue, self.site.label(repository, name), self.now(at))

    def remove_label(self, repo: str, number: int, name: str, *, at: datetime | None = None) -> None:
        with self.lock:
            repository, issue = self._issue(repo, number)
            if not repository.tracker.drop_label(issue, name, self.now(at)):
                raise LookupError(f"{repo}#{number} has no label {name}")

    def define_label(self, repo: str, name: str, *, color: str = "ededed", description: str | None = None) -> int:
        """A label's id. One that exists gets this colour and description."""
        with self.lock:
            repository = self.site.find(repo)
            label = self.site.label(repository, name)
            changes = {"color": {"from": label.color}, "description": {"from": label.description or ""}}
            label.color, label.description = color, description
            repository.tracker.redraw(label, changes)
            return label.id

    def rename_label(self, repo: str, name: str, new_name: str) -> None:
        """Everywhere; the issues do not count as updated."""
        with self.lock:
            tracker = self.site.find(repo).tracker
            tracker.rename_label(tracker.labels[name.lower()], new_name)

    def delete_label(self, repo: str, name: str) -> None:
        """From the repository and every issue; the issues do not count as updated."""
        with self.lock:
            tracker = self.site.find(repo).tracker
            tracker.delete_label(tracker.labels[name.lower()])

    def add_milestone(
        self, repo: str, title: str, *, due_on: datetime | None = None, description: str | None = None, at: datetime | None = None
    ) -> int:
        """A new milestone's number."""
        with self.lock:
            repository, now = self.site.find(repo), self.now(at)
            number = len(repository.tracker.milestones) + 1
            due = self.now(due_on) if due_on else None
            repository.tracker.plan_milestone(
                Milestone(self.site.take_id(), number, title, repository.owner, now, now, description, due)
            )
            return number

    def close_milestone(self, repo: str, number: int, *, at: datetime | None = None) -> None:
        with self.lock:
            tracker = self.site.find(repo).tracker
            tracker.close_milestone(tracker.milestones[number], self.now(at))

    def plan_for(self, repo: str, number: int, milestone: int | None, *, at: datetime | None = None) -> None:
        """Puts an issue into a milestone, or into none."""
        with self.lock:
            repository, issue = self._issue(repo, number)
            repository.tracker.plan_for(issue, repository.tracker.milestones[milestone] if milestone else None, self.now(at))

    def comment(self, repo: str, number: int, body: str, *, author: str | None = None, at: datetime | None = None) -> int:
        """A new comment's id."""
        with self.lock:
            repository, issue = self._issue(repo, number)
            now = self.now(at)
            comment = Comment(self.site.take_id(), body, self._author(repository, author, now), now, now)
            issue.comments.append(comment)
            repository.tracker.touch(issue, now)
            return comment.id

    def labels_of(self, repo: str, number: int) -> list[str]:
        """The names on an issue now, for tests to look at."""
        with self.lock:
            return [label.name for label in self._issue(repo, number)[1].labels.values()]
