"""A scope that was changed in the project file and cannot be listed: what was listed before is neither there nor gone."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from sync.outcome import ExitCode
from sync.store import resting

if TYPE_CHECKING:
    from tests.engine.conftest import Office

MISTAKEN = {"jql": "project = ML AND nobody knows"}


@pytest.fixture
def shown(office: Office) -> tuple[Office, str, str, int, int]:
    """A ticket with an alarm and one with good news, each with a pull request that shows the same."""
    bad, good = office.ticket("bad"), office.ticket("good")
    (_, bad_request), (_, good_request) = office.propose(bad), office.propose(good)
    office.sync()
    assert (office.field(bad), office.field(good)) == ("Bad", "Good")
    assert (office.labels(bad_request), office.labels(good_request)) == ({"ml/bad"}, {"ml/good"})
    return office, bad, good, bad_request, good_request


Shown = tuple["Office", str, str, int, int]


def test_what_is_shown_stays_as_it_is_at_first(shown: Shown) -> None:
    office, *_ = shown
    office.scopes["jira"] = MISTAKEN
    written = office.writes
    for _ in range(2):
        assert office.sync().exit_code is ExitCode.PARTIAL
    assert office.writes == written


def test_good_news_is_taken_back_in_time_and_alarms_stay(shown: Shown) -> None:
    office, bad, good, bad_request, good_request = shown
    office.scopes["jira"] = MISTAKEN
    office.unknown_after = timedelta()
    assert office.sync().exit_code is ExitCode.PARTIAL
    assert (office.field(bad), office.field(good)) == ("Bad", "Unknown")
    assert (office.labels(bad_request), office.labels(good_request)) == ({"ml/bad"}, set())
    office.scopes["jira"] = {"projects": ["ML"]}
    assert office.sync().exit_code is ExitCode.DONE
    assert (office.field(bad), office.field(good)) == ("Bad", "Good")
    assert (office.labels(bad_request), office.labels(good_request)) == ({"ml/bad"}, {"ml/good"})


def test_a_persons_change_is_kept(shown: Shown) -> None:
    office, bad, _, bad_request, _ = shown
    office.github.remove_label("example/churn", bad_request, "ml/bad")
    office.set_field(bad, None)
    office.sync()
    office.scopes["jira"] = MISTAKEN
    office.unknown_after = timedelta()
    office.sync()
    office.scopes["jira"] = {"projects": ["ML"]}
    office.sync()
    assert office.field(bad) is None
    assert office.labels(bad_request) == set()


def test_the_other_source_may_be_the_one(shown: Shown) -> None:
    """A pull request that nobody can list any longer goes on showing what is known of its ticket."""
    office, _, good, bad_request, good_request = shown
    office.scopes["github"] = {"repositories": ["example/churn", "example/gone"]}
    office.unknown_after = timedelta()
    assert office.sync().exit_code is ExitCode.PARTIAL
    assert (office.labels(bad_request), office.labels(good_request)) == ({"ml/bad"}, {"ml/good"})
    office.jira.edit(good, labels=["bad"])
    office.sync()
    assert office.labels(good_request) == {"ml/bad"}


def test_what_was_listed_before_is_remembered_for_as_long_as_it_is_needed(shown: Shown) -> None:
    office, *_ = shown

    def rested_on() -> set[str]:
        with office.database.read() as tx:
            return {one.key.scope_hash for one in resting.load(tx, "churn") if one.key.source == "jira"}

    before = rested_on()
    office.scopes["jira"] = MISTAKEN
    office.sync()
    assert before <= rested_on()
    office.scopes["jira"] = {"jql": "project = ML"}
    office.sync()
    assert len(rested_on()) == 1
    assert rested_on().isdisjoint(before)


def test_a_narrower_scope_lets_go_once_it_was_listed(shown: Shown) -> None:
    office, bad, good, *_ = shown
    office.scopes["jira"] = {"jql": "project = ML AND labels = good"}
    (planned,) = office.plan().projects
    assert planned.plan is not None
    assert planned.plan.changes == ()
    assert office.sync().exit_code is ExitCode.DONE
    assert (office.field(bad), office.field(good)) == (None, "Good")
