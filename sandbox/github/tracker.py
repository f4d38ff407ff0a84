"""One repository's issue side: issues and pull requests with their numbers, orders, labels and milestones."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Protocol

from sandbox.github.model import Issue, Label, Milestone, User
from sandbox.github.order import Ordered, Row

SORTS = {"created": "created", "updated": "updated", "comments": "comments", "popularity": "comments", "long-running": "created"}
"""The `sort` words of the issue and the pull request lists, and the order that answers each."""

KEPT_SELECTIONS = 32


class Listener(Protocol):
    """Is told of every change, once it is made."""

    def issue_changed(self, issue: Issue) -> None: ...

    def label_changed(self, action: str, label: Label, changes: Mapping[str, Any] | None) -> None: ...

    def milestone_changed(self, action: str, milestone: Milestone) -> None: ...


class Tracker:
    """Every change goes through `touch`, so that the orders and the encoded documents are never behind."""

    def __init__(self) -> None:
        self.listener: Listener | None = None
        self.issues: dict[int, Issue] = {}
        self.labels: dict[str, Label] = {}
        self.milestones: dict[int, Milestone] = {}
        self.deleted: set[int] = set()
        self.moved: dict[int, tuple[int, int]] = {}
        self.open_count = 0
        self._next_number = 1
        self._orders = {"created": Ordered(), "updated": Ordered(), "comments": Ordered()}
        self._pull_orders = {"created": Ordered(), "updated": Ordered(), "comments": Ordered()}
        self._selections: dict[object, list[Row]] = {}

    def take_number(self) -> int:
        self._next_number += 1
        return self._next_number - 1

    def insert(self, issue: Issue) -> None:
        self.issues[issue.number] = issue
        self.open_count += issue.closed_at is None
        self._count(issue.milestone, issue.state, 1)
        self._place(issue)

    def remove(self, number: int) -> Issue:
        issue = self.issues.pop(number)
        self.open_count -= issue.closed_at is None
        self._count(issue.milestone, issue.state, -1)
        for order in self._orders_of(issue):
            order.remove(number)
        self._selections.clear()
        return issue

    def touch(self, issue: Issue, at: datetime) -> None:
        """Says that the issue changed at `at`; times never run backwards for one issue."""
        issue.updated_at = max(issue.updated_at, at)
        issue.forget_documents()
        self._place(issue)

    def close(self, issue: Issue, *, by: User, at: datetime, reason: str | None) -> None:
        if issue.closed_at is not None:
            return
        self._count(issue.milestone, "open", -1)
        self._count(issue.milestone, "closed", 1)
        self.open_count -= 1
        issue.closed_at, issue.closed_by, issue.state_reason = at, by, reason
        self.touch(issue, at)

    def reopen(self, issue: Issue, at: datetime) -> None:
        if issue.closed_at is None:
            return
        self._count(issue.milestone, "closed", -1)
        self._count(issue.milestone, "open", 1)
        self.open_count += 1
        issue.closed_at, issue.closed_by, issue.state_reason = None, None, None if issue.pull else "reopened"
        self.touch(issue, at)

    def plan_for(self, issue: Issue, milestone: Milestone | None, at: datetime) -> None:
        if issue.milestone is milestone:
            return
        self._count(issue.milestone, issue.state, -1)
        self._count(milestone, issue.state, 1)
        issue.milestone = milestone
        self.touch(issue, at)

    def put_label(self, issue: Issue, label: Label, at: datetime) -> None:
        """Adding a label that is there already changes nothing, not even the time."""
        if label.name.lower() not in issue.labels:
            issue.labels[label.name.lower()] = label
            self.touch(issue, at)

    def drop_label(self, issue: Issue, name: str, at: datetime) -> bool:
        """False when the issue does not carry it."""
        if issue.labels.pop(name.lower(), None) is None:
            return False
        self.touch(issue, at)
        return True

    def rename_label(self, label: Label, new_name: str) -> None:
        """Issues show the new name, but do not count as updated."""
        former, old, new = label.name, label.name.lower(), new_name.lower()
        del self.labels[old]
        label.name = new_name
        self.labels[new] = label
        for issue in self.carrying(label):
            issue.labels = {new if key == old else key: value for key, value in issue.labels.items()}
        self.redraw(label, {"name": {"from": former}} if former != new_name else {})

    def redraw(self, label: Label, changes: Mapping[str, Any]) -> None:
        """The label looks different from now on, wherever it is. `changes` is what the webhook tells of it."""
        for issue in self.carrying(label):
            issue.forget_documents()
        self._selections.clear()
        self._told_of_label("edited", label, changes)

    def delete_label(self, label: Label) -> None:
        """Takes it off every issue; those do not count as updated."""
        del self.labels[label.name.lower()]
        for issue in self.carrying(label):
            del issue.labels[label.name.lower()]
            issue.forget_documents()
        self._selections.clear()
        self._told_of_label("deleted", label)

    def define_label(self, label: Label) -> None:
        """A new one."""
        self.labels[label.name.lower()] = label
        self._told_of_label("created", label)

    def plan_milestone(self, milestone: Milestone) -> None:
        """A new one."""
        self.milestones[milestone.number] = milestone
        if self.listener:
            self.listener.milestone_changed("created", milestone)

    def close_milestone(self, milestone: Milestone, at: datetime) -> None:
        milestone.closed_at = milestone.updated_at = at
        if self.listener:
            self.listener.milestone_changed("closed", milestone)

    def carrying(self, label: Label) -> list[Issue]:
        return [issue for issue in self.issues.values() if label in issue.labels.values()]

    def pulls(self) -> Iterator[Issue]:
        return (issue for issue in self.issues.values() if issue.pull)

    def forget_documents(self) -> None:
        for issue in self.issues.values():
            issue.forget_documents()

    def rows(self, sort: str, *, pulls: bool, since: datetime | None = None) -> list[Row]:
        """The list in ascending order; `since` (inclusive) looks at the update time, whatever the sort."""
        order = self._chosen(pulls)[SORTS[sort]]
        if since is None:
            return order.rows
        key = int(since.timestamp())
        if sort == "updated":
            return order.since(key)
        return self.selected((sort, pulls, key), order.rows, lambda issue: int(issue.updated_at.timestamp()) >= key)

    def selected(self, question: object, rows: Iterable[Row], keep: Callable[[Issue], bool]) -> list[Row]:
        """The rows whose issues `keep` accepts; the same question is answered again for free until something changes."""
        if question not in self._selections:
            if len(self._selections) >= KEPT_SELECTIONS:
                self._selections.clear()
            self._selections[question] = [row for row in rows if keep(self.issues[row[1]])]
        return self._selections[question]

    def _chosen(self, pulls: bool) -> Mapping[str, Ordered]:
        return self._pull_orders if pulls else self._orders

    def _orders_of(self, issue: Issue) -> Iterator[Ordered]:
        yield from self._orders.values()
        if issue.pull:
            yield from self._pull_orders.values()

    def _place(self, issue: Issue) -> None:
        keys = {
            "created": int(issue.created_at.timestamp()),
            "updated": int(issue.updated_at.timestamp()),
            "comments": len(issue.comments),
        }
        for orders in (self._orders, self._pull_orders) if issue.pull else (self._orders,):
            for name, key in keys.items():
                orders[name].place(issue.number, key)
        if self._selections:
            self._selections.clear()
        if self.listener:
            self.listener.issue_changed(issue)

    def _told_of_label(self, action: str, label: Label, changes: Mapping[str, Any] | None = None) -> None:
        if self.listener:
            self.listener.label_changed(action, label, changes)

    def _count(self, milestone: Milestone | None, state: str, change: int) -> None:
        if milestone is None:
            return
        if state == "open":
            milestone.open_issues += change
        else:
            milestone.closed_issues += change
