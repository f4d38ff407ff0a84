"""Labels that are renamed or deleted in a GitHub repository: no issue's time of change tells of it, and yet the next pull knows.

The statuses depend on a ticket's labels alone: `good` shows `ml/good`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
import pytest

from sandbox.faults import Fault, answers
from sandbox.github.model import Label
from sync import jobs
from sync.outcome import ExitCode
from sync.results import RunResult
from tests.engine.conftest import REPO
from tests.engine.deliveries import deliver, due_projects, due_streams, follow, take

if TYPE_CHECKING:
    from tests.engine.conftest import Office


@pytest.fixture
def hub(office: Office) -> Office:
    """GitHub alone, with an issue that is good and one that is not, which nobody has touched for a day, and a new one."""
    office.without = {"jira", "shelf"}
    office.projects = {"churn": {"scopes": {"github": {"repositories": [REPO]}}}}
    office.top["publish"] = {"github": {"prefix": "ml/"}}
    now, office.github.clock = office.github.clock, lambda: datetime.now(UTC) - timedelta(days=1)
    office.github.add_issue(REPO, "A ticket", labels=["good"])
    office.github.add_issue(REPO, "Another")
    office.sync(initial=True)
    office.github.clock = now
    office.github.add_issue(REPO, "A new ticket")
    office.sync()
    assert (office.labels(1), office.labels(2)) == ({"good", "ml/good"}, set())
    return office


def label(hub: Office, name: str) -> Label:
    return hub.github.site.find(REPO).tracker.labels[name]


def rename(hub: Office, name: str, new: str) -> None:
    hub.github.site.find(REPO).tracker.rename_label(label(hub, name), new)


def delete(hub: Office, name: str) -> None:
    hub.github.site.find(REPO).tracker.delete_label(label(hub, name))


def listed_whole(result: RunResult) -> Mapping[str, bool]:
    return {event.stream: event.full for event in result.pulled["github"].events}


ALWAYS = {"labels": True, "milestones": True, "commits": False}


def test_a_renamed_label_is_not_on_its_issues_any_more(hub: Office) -> None:
    rename(hub, "good", "fine")

    assert listed_whole(hub.sync()) == {**ALWAYS, "issues": True, "change_requests": True}
    assert hub.labels(1) == {"fine"}
    assert listed_whole(hub.sync()) == {**ALWAYS, "issues": False, "change_requests": False}


def test_a_label_may_become_one_that_counts(hub: Office) -> None:
    hub.github.add_label(REPO, 3, "fine")
    hub.sync()
    delete(hub, "good")
    rename(hub, "fine", "good")

    hub.sync()

    assert (hub.labels(1), hub.labels(3)) == (set(), {"good", "ml/good"})


def test_a_deleted_label_is_not_on_its_issues_any_more(hub: Office) -> None:
    delete(hub, "good")

    assert listed_whole(hub.sync(force=True)) == {**ALWAYS, "issues": True, "change_requests": True}
    assert hub.labels(1) == set()
    assert listed_whole(hub.sync()) == {**ALWAYS, "issues": False, "change_requests": False}


def test_a_label_that_only_looks_different_lists_nothing_anew(hub: Office) -> None:
    label(hub, "good").color = "00ff00"
    hub.github.site.find(REPO).tracker.redraw(label(hub, "good"))
    hub.github.add_issue(REPO, "One more", labels=["new"])

    assert listed_whole(hub.sync()) == {**ALWAYS, "issues": False, "change_requests": False}


def test_it_is_not_forgotten_when_the_pull_ends_before_the_issues(hub: Office) -> None:
    rename(hub, "good", "fine")
    refused = answers(403, {"message": "Resource not accessible by personal access token"})
    hub.github.faults.append(Fault(refused, path="*/issues", times=1_000))
    assert hub.sync().exit_code is ExitCode.PARTIAL
    hub.github.faults.clear()
    assert hub.labels(1) == {"fine", "ml/good"}

    hub.sync()

    assert hub.labels(1) == {"fine"}


def test_a_delivery_of_a_renamed_label_lists_the_issues_anew(hub: Office) -> None:
    rename(hub, "good", "fine")
    repository = {"id": hub.github.site.find(REPO).id, "full_name": REPO, "default_branch": "main"}
    told = {"action": "edited", "label": {"id": label(hub, "fine").id}, "repository": repository}
    deliver(hub, msgspec.json.encode(told), source="github", event="label.edited")

    assert take(hub, "github").done == 1
    assert (due_streams(hub), due_projects(hub)) == (["change_requests", "issues", "labels"], [])
    jobs.relist(hub.workspace(), "github", stop=hub.stop)
    follow(hub)

    assert hub.labels(1) == {"fine"}
