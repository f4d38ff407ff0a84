"""GitHub's deliveries, taken in and followed: how little is asked, what our own writes cause, that two installations come to rest.

The office's own statuses depend on a ticket's labels alone: `good` shows `ml/good`, `bad` shows `ml/bad`.
"""

from __future__ import annotations

import copy
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mappings.model import Commit, Ref
from sandbox.faults import Answer, Fault, answers
from sandbox.messages import Reply, Request
from sync.outcome import ExitCode
from sync.store import entities, lookups
from sync.store.connect import open_database
from tests.engine.conftest import REPO
from tests.engine.deliveries import deliver, due_projects, due_streams, follow, hurry, issue, pull_request, push, take

if TYPE_CHECKING:
    from tests.engine.conftest import Office


@pytest.fixture
def hub(office: Office) -> Office:
    """GitHub alone, where the project has one issue that is good."""
    office.only_github()
    office.github.add_issue(REPO, "A ticket", labels=["good"])
    office.sync(initial=True)
    assert office.labels(1) == {"good", "ml/good"}
    return office


@pytest.fixture
def beside(hub: Office, tmp_path: Path, sqlite_template: Path) -> Iterator[Office]:
    """Another installation on the same GitHub, with a store of its own, that has seen nothing yet."""
    folder = tmp_path / "beside"
    folder.mkdir()
    shutil.copyfile(sqlite_template, folder / "milepost.db")
    other = copy.copy(hub)
    with closing(open_database(f"sqlite:///{folder / 'milepost.db'}")) as database:
        other.database, other.path, other._file = database, folder / "milepost.yaml", None
        other.top = copy.deepcopy(hub.top)
        yield other


def event(hub: Office, number: int = 1) -> None:
    """GitHub tells of an issue."""
    deliver(hub, issue(hub, number), source="github", event="issues.edited")


def settle(*offices: Office, rounds: int = 12) -> int:
    """Every installation hears of each issue again and again, until none has anything to do. How many rounds that took."""
    for number in range(rounds):
        for office in offices:
            event(office)
            take(office, "github")
        if not any(follow(office) for office in offices):
            return number
    raise AssertionError(f"not at rest after {rounds} rounds")


def test_a_burst_of_events_on_one_pull_request_reads_it_once(hub: Office) -> None:
    _, number = hub.propose("ML-1")
    hub.sync()
    before = len(hub.github.requests)
    deliver(hub, *[pull_request(hub, number)] * 500, source="github", event="pull_request.synchronize")
    taken = take(hub, "github")
    asked = [entry.path for entry in hub.github.requests[before:]]
    assert (taken.done, taken.read) == (500, 1)
    assert [path for path in asked if path.endswith(f"/pulls/{number}")] == asked
    assert len(asked) == taken.requests == 1


def test_an_issue_that_github_refuses_keeps_no_other_waiting(hub: Office) -> None:
    """As where an address is not on an allow list; with a wrong token every answer is a refusal."""
    hub.github.add_issue(REPO, "Another", labels=["good"])
    hub.sync()
    hub.github.faults.append(Fault(answers(403, {"message": "Forbidden"}), path="*/issues/1", times=1_000))
    deliver(hub, issue(hub, 1), issue(hub, 2), source="github", event="issues.edited")
    taken = take(hub, "github")
    assert (taken.done, taken.failed, taken.why) == (1, 1, None)
    hurry(hub)
    taken = take(hub, "github")
    assert (taken.failed, taken.postponed) == (1, 0)
    hub.github.faults.append(Fault(answers(401, {"message": "Bad credentials"}), times=1_000))
    hurry(hub)
    taken = take(hub, "github")
    assert (taken.failed, taken.postponed) == (0, 1)


def test_an_event_leads_to_a_status_without_any_listing(hub: Office) -> None:
    before = len(hub.github.requests)
    hub.github.add_label(REPO, 1, "bad")
    event(hub)
    assert take(hub, "github").projects == ["churn"]
    assert [one.key for one in follow(hub)] == ["churn"]
    assert hub.labels(1) == {"good", "bad", "ml/good", "ml/bad"}
    assert not [entry.path for entry in hub.github.requests[before:] if entry.path.endswith(("/issues", "/pulls", "/commits"))]


def test_a_new_issue_comes_into_the_scope(hub: Office) -> None:
    number = hub.github.add_issue(REPO, "Another", labels=["bad"])
    event(hub, number)
    assert take(hub, "github").projects == ["churn"]
    follow(hub)
    assert hub.labels(number) == {"bad", "ml/bad"}


def test_what_is_new_in_a_repository_of_another_name_by_now_comes_into_the_scope(hub: Office) -> None:
    """The project file still has the name that it had, by which GitHub finds it."""
    hub.github.rename(REPO, "loyalty")
    number = hub.github.add_issue("example/loyalty", "Another", labels=["bad"])
    deliver(hub, issue(hub, number, "example/loyalty"), source="github", event="issues.opened")
    deliver(hub, push(hub, "1" * 40, "main", "example/loyalty"), source="github", event="push")
    taken = take(hub, "github")
    assert (taken.done, taken.projects, taken.streams) == (2, ["churn"], ["commits"])
    follow(hub)
    assert hub.labels(number, "example/loyalty") == {"bad", "ml/bad"}


def test_what_is_new_in_a_repository_that_no_pattern_names_any_more_stays_outside(hub: Office) -> None:
    hub.projects = {"churn": {"scopes": {"github": {"repositories": ["example/ch*"]}}}}
    hub.sync(initial=True)
    hub.github.rename(REPO, "loyalty")
    number = hub.github.add_issue("example/loyalty", "Another", labels=["bad"])
    deliver(hub, issue(hub, number, "example/loyalty"), source="github", event="issues.opened")
    assert take(hub, "github").projects == []
    assert follow(hub) == []
    assert hub.labels(number, "example/loyalty") == {"bad"}


def test_our_own_writes_are_no_news(hub: Office) -> None:
    """Though the issue was updated by them."""
    event(hub)
    taken = take(hub, "github")
    assert (taken.done, taken.projects) == (1, [])
    hub.github.comment(REPO, 1, "Looks fine")
    event(hub)
    assert take(hub, "github").projects == []


def test_what_a_person_does_to_our_label_is_news(hub: Office) -> None:
    hub.github.remove_label(REPO, 1, "ml/good")
    event(hub)
    assert take(hub, "github").projects == ["churn"]
    follow(hub)
    assert hub.labels(1) == {"good", "ml/good"}


def test_what_a_person_does_to_our_label_stays_due_until_it_could_be_looked_at(hub: Office) -> None:
    """We wrote it a moment ago: that it is gone may come from before that."""
    hub.github.remove_label(REPO, 1, "ml/good")
    event(hub)
    assert take(hub, "github").projects == ["churn"]
    hub.github.faults.append(Fault(answers(401, {"message": "Bad credentials"}), times=1_000))
    assert hub.apply().exit_code is ExitCode.PARTIAL
    assert (due_projects(hub), hub.labels(1)) == (["churn"], {"good"})
    assert hub.sync().exit_code is ExitCode.PARTIAL
    assert (due_projects(hub), hub.labels(1)) == (["churn"], {"good"})
    hub.github.faults.clear()
    assert hub.sync().exit_code is ExitCode.DONE
    assert (due_projects(hub), hub.labels(1)) == ([], {"good", "ml/good"})


def test_what_a_person_does_to_our_label_before_our_write_is_noted_is_found(hub: Office) -> None:
    """It was taken in by then, when the store held the same as after it: no news, had nothing been under way."""

    def taken_away(_: Request, answer: Answer) -> Reply:
        reply = answer()
        hub.github.remove_label(REPO, number, "ml/good")
        event(hub, number)
        assert take(hub, "github").projects == []
        return reply

    number = hub.github.add_issue(REPO, "Another", labels=["good"])
    hub.github.faults.append(Fault(taken_away, method="POST", path=f"*/issues/{number}/labels"))
    event(hub, number)
    assert take(hub, "github").projects == ["churn"]
    follow(hub)
    assert hub.labels(number) == {"good"}
    assert [one.key for one in follow(hub)] == ["churn"]
    assert hub.labels(number) == {"good", "ml/good"}
    assert follow(hub) == []


def test_what_a_pull_by_hand_has_brought_is_followed_though_its_delivery_is_no_news(hub: Office) -> None:
    hub.github.add_label(REPO, 1, "bad")
    hub.pull()
    event(hub)
    assert take(hub, "github").projects == []
    assert [one.key for one in follow(hub)] == ["churn"]
    assert hub.labels(1) == {"good", "bad", "ml/good", "ml/bad"}


def test_a_sync_by_hand_leaves_due_what_it_did_not_follow(hub: Office) -> None:
    hub.projects["loyalty"] = hub.projects["churn"]
    hub.sync()
    assert due_projects(hub) == []
    hub.sync("loyalty")
    assert due_projects(hub) == ["churn"]
    hub.sync()
    assert due_projects(hub) == []


def test_a_push_to_the_default_branch_is_left_to_its_listing(hub: Office) -> None:
    sha = hub.github.commit(REPO, "Train")
    deliver(hub, push(hub, sha, "main"), source="github", event="push")
    taken = take(hub, "github")
    assert (taken.requests, taken.streams, taken.projects) == (0, ["commits"], [])
    assert due_streams(hub) == ["commits"]


def test_a_commit_that_is_read_by_itself_stays_on_the_default_branch(hub: Office) -> None:
    """No answer about a single commit tells that it is on it."""
    sha = hub.github.commit(REPO, "Train")
    hub.sync()
    deliver(hub, push(hub, sha, "feature"), source="github", event="push")
    assert take(hub, "github").read == 1
    with hub.database.read() as tx:
        (stored,) = entities.get(tx, [Ref("github", "commit", f"{hub.github.site.find(REPO).id}/{sha}")])
    assert isinstance(stored, Commit)
    assert stored.on_default_branch


def test_a_commit_that_nobody_names_is_not_read(hub: Office) -> None:
    sha = hub.github.commit(REPO, "Try", branch="feature")
    before = len(hub.github.requests)
    deliver(hub, push(hub, sha, "feature"), source="github", event="push")
    assert take(hub, "github").dropped == 1
    assert len(hub.github.requests) == before


def test_an_issue_that_is_transferred_out_of_the_scope_is_missing_there(hub: Office) -> None:
    hub.github.add_repository("example/other")
    hub.github.transfer_issue(REPO, 1, "example/other")
    event(hub)
    assert take(hub, "github").projects == ["churn"]


def test_two_installations_with_prefixes_of_their_own_come_to_rest(hub: Office, beside: Office) -> None:
    beside.top["publish"] = {"github": {"prefix": "ai/"}}
    beside.sync(initial=True)
    assert hub.labels(1) == {"good", "ml/good", "ai/good"}
    hub.github.add_label(REPO, 1, "bad")
    before = hub.writes
    assert settle(hub, beside) <= 3
    assert hub.labels(1) == {"good", "bad", "ml/good", "ml/bad", "ai/good", "ai/bad"}
    assert hub.writes - before <= 4  # each defines its label and adds it
    assert settle(hub, beside) == 0


def test_two_installations_with_the_same_prefix_come_to_rest(hub: Office, beside: Office) -> None:
    """They want the same, so the second adopts what the first has written."""
    before = hub.writes
    beside.sync(initial=True)
    assert hub.writes == before
    hub.github.add_label(REPO, 1, "bad")
    assert settle(hub, beside) <= 3
    assert hub.labels(1) == {"good", "bad", "ml/good", "ml/bad"}
    assert hub.writes - before <= 2
    hub.github.remove_label(REPO, 1, "good")
    settle(hub, beside)
    assert hub.labels(1) == {"bad", "ml/bad"}
    assert settle(hub, beside) == 0


def test_two_installations_that_disagree_about_one_label_come_to_rest(hub: Office, beside: Office) -> None:
    """One says that it is good, the other that nothing is: whoever is rewritten again and again leaves the label alone."""
    statuses = copy.deepcopy(hub.top["statuses"])
    statuses[0]["when"] = {"any": [{"subject": {"label": "never"}}]}
    beside.top["statuses"] = statuses
    beside.sync(initial=True)
    before = hub.writes
    hub.github.remove_label(REPO, 1, "ml/good")
    settle(hub, beside, rounds=20)
    assert hub.writes - before <= 8
    quiet = hub.writes
    assert settle(hub, beside) == 0
    assert hub.writes == quiet


def test_a_commit_that_was_looked_up_in_vain_is_known_once_it_is_pushed(hub: Office) -> None:
    """It is in no listing, and what was built from it belongs to the ticket that it names."""
    sha = hub.github.commit(REPO, "ML-1 Train", branch="feature")
    ref = Ref("github", "commit", f"{hub.github.site.find(REPO).id}/{sha}")
    with hub.database.write() as tx:
        lookups.remember(tx, [(ref, False)], hub.database.now(tx))
    deliver(hub, push(hub, sha, "feature"), source="github", event="push")
    taken = take(hub, "github")
    assert (taken.read, taken.projects) == (1, ["churn"])
    with hub.database.read() as tx:
        assert [one.ref for one in entities.get(tx, [ref])] == [ref]
        source = hub.workspace().sources["github"]
        assert entities.members_among(tx, source.keys(source.scopes[0]), [ref]) == set()
