"""A scope that was changed in the project file and cannot be listed: what was listed before is neither there nor gone."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from sandbox.faults import Fault, answers, out_of_service
from sync.outcome import ExitCode
from sync.store import resting

if TYPE_CHECKING:
    import threading

    from tests.engine.conftest import Office

MISTAKEN = {"jql": "project = ML AND nobody knows"}
on_a_file = pytest.mark.parametrize("dialect", ["sqlite"])


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


@on_a_file
@pytest.mark.parametrize("status", [401, 403])
def test_a_scope_that_may_not_be_listed_leaves_everything_as_it_is(shown: Shown, status: int) -> None:
    office, *_ = shown
    office.scopes["jira"] = {"jql": "project = ML"}
    office.jira.faults.append(Fault(answers(status, {"errorMessages": ["no"]}), path="*/search/*", times=1_000))
    written = office.writes
    assert office.sync().exit_code is ExitCode.PARTIAL
    assert office.writes == written


@on_a_file
def test_one_stream_that_fails_takes_nothing_away(shown: Shown) -> None:
    """The tickets are listed, the fields are not."""
    office, *_ = shown
    office.scopes["jira"] = {"jql": "project = ML"}
    fields = Fault(out_of_service(), path="*/field*", times=1_000)
    office.jira.faults.append(fields)
    written = office.writes
    assert office.sync().exit_code is ExitCode.PARTIAL
    assert fields.times < 1_000
    office.jira.faults.clear()
    assert office.sync().exit_code is ExitCode.DONE
    assert office.writes == written


@on_a_file
def test_mistake_upon_mistake_loses_nothing(shown: Shown) -> None:
    office, *_ = shown
    written = office.writes
    for mistake in ("nobody knows", "somebody knows", "everybody knows"):
        office.scopes["jira"] = {"jql": f"project = ML AND {mistake}"}
        assert office.sync().exit_code is ExitCode.PARTIAL
    office.scopes["jira"] = {"projects": ["ML"]}
    assert office.sync().exit_code is ExitCode.DONE
    assert office.writes == written


@on_a_file
def test_what_a_narrower_scope_let_go_comes_back_with_the_wider_one(shown: Shown) -> None:
    office, bad, good, *_ = shown
    for jql, expected in (("project = ML AND labels = good", (None, "Good")), ("project = ML", ("Bad", "Good"))):
        office.scopes["jira"] = {"jql": jql}
        assert office.sync().exit_code is ExitCode.DONE
        assert (office.field(bad), office.field(good)) == expected


@on_a_file
def test_a_listing_that_was_stopped_half_way_loses_nothing(office: Office) -> None:
    office.judge_by_runs()
    tickets = [office.ticket() for _ in range(4)]
    for number, ticket in enumerate(tickets):
        office.tries(f"r{number}", ticket)
    office.sync()
    assert {office.field(ticket) for ticket in tickets} == {"Bad"}
    office.scopes["shelf"] = {"prefix": "r"}
    written = office.writes

    def stop_half_way(stop: threading.Event, page: int) -> None:
        if page == 1:
            stop.set()

    office.shelf.before_page = stop_half_way
    office.sync()
    office.stop.clear()
    office.shelf.find()
    (planned,) = office.plan().projects
    assert planned.plan is not None
    assert planned.plan.is_empty
    office.apply()
    assert office.sync().exit_code is ExitCode.DONE
    assert office.writes == written


@on_a_file
def test_a_watch_ticket_that_the_changed_scope_may_hold_or_not_shows_its_alarm_on(office: Office) -> None:
    office.judge_by_runs()
    office.top["statuses"] = [{**office.top["statuses"][0], "for": "project", "via": []}]
    ticket = office.ticket()
    office.projects["churn"]["watch"] = {"jira": ticket}
    office.tries("r", ticket)
    office.sync()
    assert office.field(ticket) == "Bad"
    office.scopes.update({"jira": MISTAKEN, "shelf": {"prefix": "other"}})
    office.shelf.lose()
    office.unknown_after = timedelta()
    for _ in range(2):
        office.sync()
        assert office.field(ticket) == "Bad"
    office.shelf.find()
    office.sync()
    assert office.field(ticket) is None
