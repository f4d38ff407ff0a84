"""What a project showed rests on what was listed before, however the project file was changed since: until the scope that it has
now was read, nothing is taken for over, and nothing appears that was true once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import update

from sync.engine import IDLE
from sync.outcome import ExitCode
from sync.store.schema import stream
from tests.engine.conftest import FIELD, OPTIONS, notes_of

if TYPE_CHECKING:
    from tests.engine.conftest import Office

OTHER, THIRD = "Ops Status", "Risk Status"
MISTAKEN = {"jql": "project = ML AND nobody knows"}


def long_after(office: Office) -> None:
    """Every listing was read longer ago than an idle one is remembered."""
    times = (stream.c.pulled_at, stream.c.complete_at, stream.c.failed_at, stream.c.sweep_started_at)
    with office.database.write() as tx:
        then = office.database.now(tx) - IDLE - timedelta(days=1)
        for time in times:
            tx.execute(update(stream).where(time.is_not(None)).values({time: then}))


def leave_jira_out(office: Office) -> None:
    del office.scopes["jira"], office.top["publish"]["jira"]
    office.without = {"jira"}


def put_jira_back(office: Office, scope: Mapping[str, object]) -> None:
    office.scopes["jira"], office.top["publish"]["jira"] = scope, {"field": FIELD}
    office.without = set()


@pytest.fixture
def edited_since(office: Office) -> tuple[Office, str]:
    """An office whose scope was listed, then written otherwise, and a ticket with an alarm that came after that."""
    office.ticket("good")
    office.sync()
    office.scopes["jira"] = {"jql": "project = ML"}
    office.sync()
    late = office.ticket("bad")
    office.sync()
    assert office.field(late) == "Bad"
    return office, late


def test_a_scope_edited_back_to_one_that_was_listed_before_a_ticket_came_loses_no_alarm(edited_since: tuple[Office, str]) -> None:
    office, late = edited_since
    office.scopes["jira"] = {"projects": ["ML"]}
    (planned,) = office.plan().projects
    assert planned.plan is not None
    assert planned.plan.is_empty
    office.lose_jira()
    assert office.sync().exit_code is ExitCode.PARTIAL
    assert office.field(late) == "Bad"


def test_a_scope_edited_back_loses_no_change_by_hand(edited_since: tuple[Office, str]) -> None:
    office, late = edited_since
    office.set_field(late, "Drift alert")
    office.sync()
    office.scopes["jira"] = {"projects": ["ML"]}
    office.lose_jira()
    office.sync()
    assert office.field(late) == "Drift alert"


def test_a_scope_edited_back_brings_no_good_news_of_before(office: Office) -> None:
    office.judge_by_runs()
    office.top["statuses"] = [
        {**office.top["statuses"][0], "kind": "favourable", "title": "Good", "when": {"all": [{"run": {"status": "finished"}}]}}
    ]
    del office.top["statuses"][0]["override"]
    ticket = office.ticket()
    office.tries("r1", ticket, "finished")
    office.sync()
    assert office.field(ticket) == "Good"
    office.scopes["shelf"] = {"prefix": "r"}
    office.tries("r2", ticket)
    office.sync()
    assert office.field(ticket) is None
    office.scopes["shelf"] = {"prefix": ""}
    office.apply()
    assert office.field(ticket) is None


def test_a_scope_that_another_project_has_had_before_a_ticket_came_loses_no_alarm(office: Office) -> None:
    office.without = {"github", "shelf"}
    office.top["publish"] = {"jira": {"field": FIELD}}
    office.jira.add_project("OPS", "Operations")
    office.projects = {
        "churn": {"scopes": {"jira": {"projects": ["ML"]}}},
        "ops": {"scopes": {"jira": {"projects": ["OPS", "ML"]}}},
    }
    office.sync()
    late = office.ticket("bad")
    office.sync("churn")
    assert office.field(late) == "Bad"
    office.projects["churn"] = dict(office.projects["ops"])
    office.lose_jira()
    office.sync("churn")
    assert office.field(late) == "Bad"


def test_a_source_that_is_left_out_and_put_back_with_a_mistake_shows_alarms_on_and_no_good_news(office: Office) -> None:
    bad, good = office.ticket("bad"), office.ticket("good")
    office.sync()
    leave_jira_out(office)
    office.sync()
    assert office.field(bad) == "Bad"
    put_jira_back(office, MISTAKEN)
    office.unknown_after = timedelta()
    office.sync()
    assert (office.field(bad), office.field(good)) == ("Bad", None)


def test_a_source_that_is_left_out_and_put_back_while_it_is_away_shows_alarms_on(office: Office) -> None:
    ticket = office.ticket("bad")
    office.sync()
    leave_jira_out(office)
    office.sync()
    put_jira_back(office, {"projects": ["ML"]})
    office.lose_jira()
    office.sync()
    assert office.field(ticket) == "Bad"


def test_what_was_listed_before_a_mistake_is_kept_however_long_it_lasts(office: Office) -> None:
    ticket = office.ticket("bad")
    office.sync()
    office.scopes["jira"] = MISTAKEN
    office.sync()
    long_after(office)
    for _ in range(2):
        office.sync()
    assert office.field(ticket) == "Bad"


def test_another_project_file_on_the_same_store_forgets_nothing_that_this_one_shows(office: Office) -> None:
    ticket = office.ticket("bad")
    office.sync()
    office.scopes["jira"] = MISTAKEN
    office.sync()
    long_after(office)
    office.jira.add_project("OPS", "Operations")
    mine, office.projects = office.projects, {"ops": {"scopes": {"jira": {"projects": ["OPS"]}}}}
    office.sync()
    office.projects = mine
    office.sync()
    assert office.field(ticket) == "Bad"


@pytest.mark.parametrize("time", ["soon", "long after"])
def test_a_project_that_is_left_out_and_put_back_while_a_source_is_away_shows_its_alarms_on(office: Office, time: str) -> None:
    ticket = office.ticket("bad")
    office.jira.add_project("OPS", "Operations")
    other = {"ops": {"scopes": {"jira": {"projects": ["OPS"]}, "github": {"repositories": ["example/churn"]}}}}
    mine, office.projects = office.projects, {**office.projects, **other}
    office.sync()
    office.projects = other
    if time == "long after":
        long_after(office)
    office.sync()
    assert office.field(ticket) == "Bad"
    office.projects = {**mine, **other}
    office.lose_jira()
    office.sync()
    assert office.field(ticket) == "Bad"


def test_another_project_with_another_field_lets_nothing_go_that_this_one_rests_on(office: Office) -> None:
    office.without = {"github", "shelf"}
    for name in (OTHER, THIRD):
        office.jira.add_field(name, "select", options=OPTIONS)
    office.top["publish"] = {"jira": {"field": FIELD}}
    office.projects = {
        "churn": {"scopes": {"jira": {"projects": ["ML"]}}},
        "ops": {"scopes": {"jira": {"projects": ["ML"]}}, "publish": {"jira": {"field": OTHER}}},
    }
    ticket = office.ticket("bad")
    office.sync()
    office.projects["churn"]["scopes"] = {"jira": MISTAKEN}
    office.sync()
    office.projects["ops"]["publish"] = {"jira": {"field": THIRD}}
    office.sync()
    assert (office.field(ticket), office.field(ticket, THIRD)) == ("Bad", "Bad")


def test_another_version_of_a_connector_lets_nothing_go_that_a_project_rests_on(office: Office) -> None:
    """The listings of that version begin anew, and only the other project's scope can be read by then."""
    office.judge_by_runs()
    office.jira.add_project("OPS", "Operations")
    office.projects["ops"] = {"scopes": {"jira": {"projects": ["OPS"]}, "shelf": {"prefix": ""}}}
    ticket = office.ticket()
    office.tries("r", ticket)
    office.sync()
    office.scopes["shelf"] = {"prefix": "other"}
    office.shelf.lose()
    office.sync()
    assert office.field(ticket) == "Bad"
    office.connection = office.shelf.connection(version=office.connection.version + 1)
    office.shelf.find()
    office.sync("ops")
    office.shelf.lose()
    office.sync("churn")
    assert office.field(ticket) == "Bad"


def test_a_project_that_is_renamed_in_the_middle_of_a_mistake_is_told_of(office: Office) -> None:
    """It rested on another scope than the file has now, so nobody can tell that it is the same."""
    good = office.ticket("good")
    office.sync()
    office.scopes["jira"] = MISTAKEN
    office.sync()
    office.rename()
    assert "unpublish --project churn takes them back" in " ".join(note.text for note in notes_of(office.sync()))
    assert office.unpublish("churn").exit_code is ExitCode.DONE
    assert office.field(good) is None
