"""Projects that hold the same tickets and change places in the file: what is shown and what people set passes on as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sync.cli.render_status import look_at, untold
from sync.outcome import ExitCode
from tests.engine.conftest import FIELD, kinds, notes_of

if TYPE_CHECKING:
    from tests.engine.conftest import Office

REPO = "example/churn"


@pytest.fixture
def office(office: Office) -> Office:
    """Two projects that differ in nothing but their keys."""
    office.projects["second"] = dict(office.projects["churn"])
    return office


def change_places(office: Office) -> None:
    office.projects = dict(reversed(office.projects.items()))


def test_a_project_that_is_put_first_shows_on_what_it_cannot_know_yet(office: Office) -> None:
    ticket = office.ticket("bad")
    office.sync()
    office.projects = {"first": dict(office.projects["churn"]), **office.projects}
    office.lose_jira()
    assert office.sync().exit_code is ExitCode.PARTIAL
    assert office.field(ticket) == "Bad"


def test_overrides_stay_and_end_with_their_episode(office: Office) -> None:
    ticket = office.ticket("bad")
    _, number = office.propose(ticket)
    office.sync()
    office.set_field(ticket, "Drift alert")
    office.github.remove_label(REPO, number, "ml/bad")
    office.sync()
    change_places(office)
    assert kinds(office.sync()) == ["override", "override"]
    written = office.writes
    for _ in range(2):
        assert kinds(office.sync()) == ["override", "override"]
    assert office.writes == written
    assert (office.field(ticket), office.labels(number)) == ("Drift alert", set())
    office.jira.edit(ticket, labels=[])
    assert kinds(office.sync()) == []
    assert (office.field(ticket), office.labels(number)) == (None, set())


def test_an_override_ends_where_its_episode_is_over_by_the_time_it_passes_on(office: Office) -> None:
    ticket = office.ticket("bad")
    office.sync()
    office.set_field(ticket, "Drift alert")
    office.sync()
    change_places(office)
    office.jira.edit(ticket, labels=[])
    for _ in range(2):
        result = office.sync()
    assert notes_of(result) == []
    assert office.field(ticket) is None


def test_a_conflict_stays_until_it_is_adopted(office: Office) -> None:
    ticket = office.ticket("bad")
    office.set_field(ticket, "Drift alert")
    assert kinds(office.sync()) == ["conflict"]
    change_places(office)
    for _ in range(2):
        assert kinds(office.sync()) == ["conflict"]
    assert office.field(ticket) == "Drift alert"
    office.sync(adopt=True)
    assert office.field(ticket) == "Bad"


def test_a_contested_slot_is_left_alone(office: Office) -> None:
    ticket = office.ticket()
    office.sync()
    for _ in range(3):
        office.set_field(ticket, "Good")
        result = office.sync()
    assert kinds(result) == ["contested"]
    change_places(office)
    for _ in range(2):
        assert kinds(office.sync()) == ["contested"]
    assert office.field(ticket) == "Good"


def test_labels_of_their_own_stay_and_go_with_each_project(office: Office) -> None:
    ticket = office.ticket("bad")
    _, number = office.propose(ticket)
    office.projects["second"]["publish"] = {"github": {"prefix": "second/"}}
    office.sync()
    change_places(office)
    office.sync()
    written = office.writes
    assert office.sync().exit_code is ExitCode.DONE
    assert office.writes == written
    assert office.labels(number) == {"ml/bad", "second/bad"}
    office.projects["churn"]["scopes"] = {**office.scopes, "jira": {"jql": "project = ML AND labels = none"}}
    office.sync()
    assert office.labels(number) == {"second/bad"}
    del office.projects["churn"]
    assert notes_of(office.sync()) == []
    assert office.labels(number) == {"second/bad"}


def test_an_alarm_stays_on_a_ticket_that_moves_to_a_project_which_cannot_know_it_yet(office: Office) -> None:
    """It rests on the shelf, which is away."""
    office.judge_by_runs()
    office.list_all_each_time()
    office.jira.add_project("OPS", "Operations")
    office.projects["ops"] = {"scopes": {"jira": {"projects": ["OPS"]}, "shelf": {"prefix": ""}}}
    ticket, *_ = [office.ticket() for _ in range(8)]
    office.tries("r", ticket)
    office.sync()
    assert office.field(ticket) == "Bad"
    moved = office.jira.move(ticket, "OPS")
    office.shelf.lose()
    office.sync()
    assert office.field(moved) == "Bad"
    office.shelf.find()
    assert office.sync().exit_code is ExitCode.DONE
    assert office.field(moved) == "Bad"
    assert office.property(moved)["project"] == "ops"


@pytest.fixture
def before(office: Office) -> Office:
    """A project that knows the tickets alone stands before one that knows their runs as well."""
    office.judge_by_runs()
    office.projects = {"plain": {"scopes": {"jira": {"projects": ["ML"]}}}, "models": {"scopes": office.scopes}}
    return office


def test_an_alert_that_only_a_project_further_down_knows_is_told_to_reach_nobody(before: Office) -> None:
    office = before
    ticket = office.ticket()
    office.tries("r", ticket)
    for _ in range(2):
        (note,) = notes_of(office.sync())
        assert note.text.startswith(f"this alert reaches nobody: a run of it failed; {ticket} shows what a project before it")
        assert (note.kind, note.project, note.key) == ("finding", "models", ticket)
    assert office.field(ticket) is None


def test_an_alert_that_a_project_with_a_mistaken_scope_keeps_from_its_ticket_is_told_to_reach_nobody(office: Office) -> None:
    office.without = {"github", "shelf"}
    office.top["publish"] = {"jira": {"field": FIELD}}
    office.projects = {key: {"scopes": {"jira": {"projects": ["ML"]}}} for key in ("churn", "ops")}
    ticket = office.ticket()
    office.sync()
    office.projects["churn"]["scopes"] = {"jira": {"jql": "project = ML AND nobody knows"}}
    office.jira.edit(ticket, labels=["bad"])
    for _ in range(2):
        assert [(note.project, "reaches nobody" in note.text) for note in notes_of(office.sync())] == [("ops", True)]
    assert office.field(ticket) is None


def test_status_tells_of_an_alert_whose_watch_ticket_shows_what_an_earlier_project_says(before: Office) -> None:
    office = before
    office.top["statuses"] = [{**office.top["statuses"][0], "for": "project", "via": []}]
    ticket = office.ticket()
    office.projects["models"]["watch"] = {"jira": ticket}
    office.tries("r", ticket)
    told = [note.text for note in notes_of(office.sync())]
    assert ["reaches nobody" in text for text in told] == [True]
    workspace = office.workspace()
    _, models = workspace.projects
    assert list(untold(look_at(office.database, models, workspace.projects))) == told
    office.projects = dict(reversed(office.projects.items()))
    assert notes_of(office.sync()) == []
    assert office.field(ticket) == "Bad"
