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
from sync import jobs
from sync.outcome import ExitCode
from sync.results import RunResult
from sync.store import streams
from sync.store.streams import StreamKey
from tests.engine.conftest import REPO
from tests.engine.deliveries import deliver, due_projects, due_streams, follow, take, waiting

if TYPE_CHECKING:
    from tests.engine.conftest import NewOffice, Office


@pytest.fixture
def hub(office: Office) -> Office:
    """GitHub alone, with an issue that is good and one that is not, which nobody has touched for a day, and a new one."""
    office.only_github()
    now, office.github.clock = office.github.clock, lambda: datetime.now(UTC) - timedelta(days=1)
    office.github.add_issue(REPO, "A ticket", labels=["good"])
    office.github.add_issue(REPO, "Another")
    office.sync(initial=True)
    office.github.clock = now
    office.github.add_issue(REPO, "A new ticket")
    office.sync()
    assert (office.labels(1), office.labels(2)) == ({"good", "ml/good"}, set())
    return office


def edited(hub: Office, name: str, changes: Mapping[str, object]) -> bytes:
    """The body of GitHub's delivery, as far as it is read."""
    site = hub.github.site.find(REPO)
    repository = {"id": site.id, "full_name": REPO, "default_branch": "main"}
    label = {"id": site.tracker.labels[name].id}
    return msgspec.json.encode({"action": "edited", "changes": changes, "label": label, "repository": repository})


def listed_whole(result: RunResult) -> Mapping[str, bool]:
    return {event.stream: event.full for event in result.pulled["github"].events}


ALWAYS = {"labels": True, "milestones": True, "commits": False}


def test_a_renamed_label_is_not_on_its_issues_any_more(hub: Office) -> None:
    hub.github.rename_label(REPO, "good", "fine")

    assert listed_whole(hub.sync()) == {**ALWAYS, "issues": True, "change_requests": True}
    assert hub.labels(1) == {"fine"}
    assert listed_whole(hub.sync()) == {**ALWAYS, "issues": False, "change_requests": False}


def test_a_label_may_become_one_that_counts(hub: Office) -> None:
    hub.github.add_label(REPO, 3, "fine")
    hub.sync()
    hub.github.delete_label(REPO, "good")
    hub.github.rename_label(REPO, "fine", "good")

    hub.sync()

    assert (hub.labels(1), hub.labels(3)) == (set(), {"good", "ml/good"})


def test_a_deleted_label_is_not_on_its_issues_any_more(hub: Office) -> None:
    hub.github.delete_label(REPO, "good")

    assert listed_whole(hub.sync(force=True)) == {**ALWAYS, "issues": True, "change_requests": True}
    assert hub.labels(1) == set()
    assert listed_whole(hub.sync()) == {**ALWAYS, "issues": False, "change_requests": False}


def test_a_label_that_only_looks_different_lists_nothing_anew(hub: Office) -> None:
    hub.github.define_label(REPO, "good", color="00ff00")
    hub.github.add_issue(REPO, "One more", labels=["new"])

    assert listed_whole(hub.sync()) == {**ALWAYS, "issues": False, "change_requests": False}


def test_it_is_not_forgotten_when_the_pull_ends_before_the_issues(hub: Office) -> None:
    hub.github.rename_label(REPO, "good", "fine")
    refused = answers(403, {"message": "Resource not accessible by personal access token"})
    hub.github.faults.append(Fault(refused, path="*/issues", times=1_000))
    assert hub.sync().exit_code is ExitCode.PARTIAL
    hub.github.faults.clear()
    assert hub.labels(1) == {"fine", "ml/good"}

    hub.sync()

    assert hub.labels(1) == {"fine"}


def test_a_delivery_of_a_renamed_label_lists_the_issues_anew(hub: Office) -> None:
    hub.github.rename_label(REPO, "good", "fine")
    deliver(hub, edited(hub, "fine", {"name": {"from": "good"}}), source="github", event="label.edited")

    assert take(hub, "github").done == 1
    assert (due_streams(hub), due_projects(hub)) == (["change_requests", "issues", "labels"], [])
    jobs.relist(hub.workspace(), "github", stop=hub.stop)
    follow(hub)

    assert hub.labels(1) == {"fine"}


def test_a_delivery_of_a_label_that_only_looks_different_asks_for_nothing(hub: Office) -> None:
    deliver(hub, edited(hub, "good", {"color": {"from": "ededed"}}), source="github", event="label.edited")

    taken = take(hub, "github")

    assert (taken.requests, waiting(hub, "github"), due_streams(hub), due_projects(hub)) == (0, [], [], [])


def test_a_renamed_label_that_its_listing_missed_is_noticed_all_the_same(hub: Office) -> None:
    hub.github.rename_label(REPO, "good", "fine")
    hub.github.faults.append(Fault(answers(200, []), path="*/labels", times=1))

    hub.sync()

    assert hub.labels(1) == {"fine"}


def test_every_scope_that_has_its_issues_lists_them_anew(hub: Office) -> None:
    hub.github.add_repository("example/loyalty")
    hub.projects["loyalty"] = {"scopes": {"github": {"repositories": [REPO, "example/loyalty"]}}}
    hub.sync("loyalty", initial=True)
    hub.github.rename_label(REPO, "good", "fine")

    assert listed_whole(hub.sync("churn"))["issues"]
    assert listed_whole(hub.pull("loyalty"))["issues"]
    assert not listed_whole(hub.pull("loyalty"))["issues"]


def test_a_first_listing_comes_to_its_end_whatever_is_renamed(new_office: NewOffice) -> None:
    with new_office() as office:
        office.only_github()
        office.github.add_issue(REPO, "A ticket", labels=["good"])
        refused = answers(403, {"message": "Resource not accessible by personal access token"})
        office.github.faults.append(Fault(refused, path="*/issues", times=1_000))
        office.pull()
        with office.database.read() as tx:
            (begun,) = (one for one in streams.states(tx, issue_streams(office)))
        office.github.rename_label(REPO, "good", "fine")
        office.pull()
        with office.database.read() as tx:
            (still,) = (one for one in streams.states(tx, issue_streams(office)))

        assert begun.sweep_started_at is not None
        assert still.sweep_started_at is not None


def issue_streams(office: Office) -> list[StreamKey]:
    source = office.workspace().sources["github"]
    return [source.key("issues", scope) for scope in source.scopes]
