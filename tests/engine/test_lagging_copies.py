"""A source that answers from a copy which lags behind: what a delivery tells of is looked at again shortly, and not for ever."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from sync.settling import FIRST_LOOK, LOOKS
from sync.store import inbox
from sync.store.inbox import Kept
from tests.engine.conftest import LONG_AGO, REPO, a_run
from tests.engine.deliveries import deliver, due_projects, hear, hurry, issue, naming, run, statuses, take

if TYPE_CHECKING:
    from tests.engine.conftest import Office

NOW = LONG_AGO + timedelta(days=1)
"""By the source's own clock."""


@pytest.fixture
def shelf(office: Office) -> Office:
    office.only_the_shelf()
    hear(office)
    office.shelf.put(a_run("a", "finished", updated_at=NOW))
    office.pull()
    return office


def kept(office: Office) -> Kept:
    with office.database.read() as tx:
        (row,) = inbox.listing(tx, states=inbox.STATES)
    return row


@pytest.mark.both_databases
def test_what_is_not_shown_yet_is_looked_at_again(shelf: Office) -> None:
    later = NOW + timedelta(seconds=1)
    deliver(shelf, naming(run("a"), at=later))
    taken = take(shelf)
    assert (taken.behind, taken.done, taken.why) == (1, 0, None)
    assert kept(shelf).error == "shelf: it does not show yet what this tells"
    assert take(shelf).total == 0
    shelf.shelf.put(a_run("a", "failed", updated_at=later))
    hurry(shelf)
    assert take(shelf).done == 1
    assert statuses(shelf)["a"] == "failed"
    assert due_projects(shelf) == ["churn"]


def test_what_is_never_shown_is_settled_after_a_few_looks(shelf: Office) -> None:
    """It is but a hint; and somebody may have set the source's clock back."""
    deliver(shelf, naming(run("a"), at=NOW + timedelta(days=1)))
    waits = []
    for _ in range(LOOKS):
        with shelf.database.read() as tx:
            before = shelf.database.now(tx)
        assert take(shelf).behind == 1
        row = kept(shelf)
        assert row.retry_at is not None
        waits.append(round((row.retry_at - before) / FIRST_LOOK))
        hurry(shelf)
    assert waits == [1, 2, 4]
    assert take(shelf).done == 1


def test_what_keeps_others_waiting_is_nothing(shelf: Office) -> None:
    deliver(shelf, naming(run("a"), at=NOW + timedelta(days=1)), naming(run("a"), at=NOW))
    taken = take(shelf)
    assert (taken.behind, taken.done) == (1, 1)
    deliver(shelf, naming(run("a")))
    assert take(shelf).done == 1


@pytest.mark.parametrize(
    "told", [None, NOW - timedelta(hours=1), NOW, NOW + timedelta(milliseconds=900)], ids=["nothing", "older", "same", "second"]
)
def test_what_is_shown_is_settled_at_once(shelf: Office, told: datetime | None) -> None:
    """A source that tells of milliseconds may keep seconds."""
    deliver(shelf, naming(run("a"), at=told))
    assert take(shelf).done == 1


def test_what_a_pull_has_read_from_elsewhere_is_known(shelf: Office) -> None:
    shelf.shelf.put(a_run("a", "failed", updated_at=NOW + timedelta(minutes=1)))
    shelf.pull()
    shelf.shelf.put(a_run("a", "finished", updated_at=NOW))
    deliver(shelf, naming(run("a"), at=NOW + timedelta(minutes=1)))
    assert take(shelf).done == 1
    assert statuses(shelf)["a"] == "failed"


def test_what_is_new_and_not_there_yet_is_looked_at_again(shelf: Office) -> None:
    deliver(shelf, naming(run("new"), at=NOW))
    assert take(shelf).behind == 1
    shelf.shelf.put(a_run("new", "failed", updated_at=NOW))
    hurry(shelf)
    assert take(shelf).done == 1
    assert statuses(shelf)["new"] == "failed"


def test_what_is_gone_is_not_waited_for(shelf: Office) -> None:
    del shelf.shelf.things[run("a")]
    deliver(shelf, naming(run("a"), at=NOW + timedelta(hours=1)))
    assert take(shelf).done == 1


def test_github_tells_when_an_issue_was_changed(office: Office) -> None:
    office.only_github()
    office.github.add_issue(REPO, "A ticket")
    office.sync()
    for moment, done in (("2100-01-01T00:00:00Z", 0), ("2001-01-01T00:00:00Z", 1), ("2100-01-01T00:00:00", 1), ("soon", 1)):
        deliver(office, issue(office, 1, updated_at=moment), source="github", event="issues.edited")
        assert take(office, "github").done == done
