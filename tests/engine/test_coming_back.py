"""A ticket that was proven gone and comes back: what Milepost showed there is its own, and what a person set there is theirs."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from sync import erase as erasing
from sync.cli.render_status import look_at
from sync.outcome import ExitCode
from sync.store import entities, verdicts
from tests.engine.conftest import OPTIONS, kinds, notes_of

if TYPE_CHECKING:
    from tests.engine.conftest import Office

OTHER = "Ops Status"
on_a_file = pytest.mark.parametrize("dialect", ["sqlite"])


@pytest.fixture
def attentive(office: Office) -> Office:
    """Lists everything each time, so that it notices at once what is gone or there again."""
    office.list_all_each_time()
    return office


def hide(office: Office, *keys: str) -> None:
    """The tickets are gone for whoever looks, and Milepost has found so."""
    refs = [office.ref(key) for key in keys]
    for key in keys:
        office.jira.hide(key)
    assert office.sync().exit_code is ExitCode.DONE
    with office.database.read() as tx:
        assert entities.buried(tx, refs) == set(refs)


def test_an_alarm_that_is_over_meanwhile_is_taken_away(attentive: Office) -> None:
    office = attentive
    ticket, *_ = [office.ticket("bad") for _ in range(6)]
    _, request = office.propose(ticket)
    office.sync()
    hide(office, ticket)
    office.jira.reveal(ticket)
    office.jira.edit(ticket, labels=[])
    result = office.sync()
    assert result.exit_code is ExitCode.DONE
    assert notes_of(result) == []
    assert (office.field(ticket), office.property(ticket), office.labels(request)) == (None, None, set())


def test_what_still_holds_is_found_to_be_so_without_a_write(attentive: Office) -> None:
    office = attentive
    ticket, *_ = [office.ticket("bad") for _ in range(6)]
    office.sync()
    since = office.property(ticket)["statuses"][0]["since"]
    hide(office, ticket)
    office.jira.reveal(ticket)
    written = office.writes
    assert office.sync().exit_code is ExitCode.DONE
    assert office.writes == written
    assert office.field(ticket) == "Bad"
    assert office.property(ticket)["statuses"][0]["since"] == since


def test_what_a_person_changed_is_not_told_while_nobody_can_see_the_ticket(attentive: Office) -> None:
    office = attentive
    ticket, *_ = [office.ticket("bad") for _ in range(6)]
    office.sync()
    office.set_field(ticket, None)
    office.sync()

    def told() -> int:
        projects = office.workspace().projects
        return len(look_at(office.database, projects[0], projects).holds)

    assert told() == 1
    hide(office, ticket)
    assert told() == 0
    office.jira.reveal(ticket)
    office.sync()
    assert told() == 1


def test_a_persons_change_is_kept(attentive: Office) -> None:
    office = attentive
    ticket, *_ = [office.ticket("bad") for _ in range(6)]
    office.sync()
    office.set_field(ticket, None)
    office.sync()
    hide(office, ticket)
    office.jira.reveal(ticket)
    for _ in range(2):
        assert kinds(office.sync()) == ["override"]
        assert office.field(ticket) is None


def test_its_episode_closes_and_opens_again(attentive: Office) -> None:
    office = attentive
    ticket, *_ = [office.ticket("bad") for _ in range(6)]
    subject = office.ref(ticket)

    def episodes() -> list[str]:
        with office.database.read() as tx:
            return [one.id for one in verdicts.open_episodes(tx, "churn") if one.subject == subject]

    office.sync()
    before = episodes()
    assert len(before) == 1
    hide(office, ticket)
    assert episodes() == []
    office.sync()
    assert episodes() == []
    office.jira.reveal(ticket)
    office.sync()
    assert episodes() == before


def settled(office: Office) -> bool:
    """Two more syncs tell of nothing and write nothing."""
    written = office.writes
    return all(notes_of(office.sync()) == [] and office.writes == written for _ in range(2))


@on_a_file
@pytest.mark.parametrize(("by_hand", "shown"), [("Drift alert", "Drift alert"), ("Good", "Bad")])
def test_a_change_by_hand_while_it_was_away_is_treated_as_any_other(attentive: Office, by_hand: str, shown: str) -> None:
    """An alarm's is kept; of good news that is not true none is."""
    office = attentive
    ticket, *_ = [office.ticket("bad") for _ in range(6)]
    office.sync()
    hide(office, ticket)
    office.jira.reveal(ticket)
    office.set_field(ticket, by_hand)
    for _ in range(2):
        office.sync()
        assert office.field(ticket) == shown


@on_a_file
def test_an_override_whose_episode_ended_while_it_was_away_is_over(attentive: Office) -> None:
    office = attentive
    ticket, *_ = [office.ticket("bad") for _ in range(6)]
    office.sync()
    office.set_field(ticket, "Drift alert")
    assert kinds(office.sync()) == ["override"]
    hide(office, ticket)
    office.jira.reveal(ticket)
    office.jira.edit(ticket, labels=[])
    office.sync()
    assert office.field(ticket) is None
    assert settled(office)


@on_a_file
def test_since_when_and_an_override_outlive_a_rename_while_it_was_away(attentive: Office) -> None:
    office = attentive
    ticket, *_ = [office.ticket("bad") for _ in range(6)]
    office.sync()
    since = office.property(ticket)["statuses"][0]["since"]
    office.set_field(ticket, None)
    office.sync()
    hide(office, ticket)
    office.rename()
    office.sync()
    office.jira.reveal(ticket)
    assert kinds(office.sync()) == ["override"]
    assert office.property(ticket)["statuses"][0]["since"] == since
    assert office.field(ticket) is None


@on_a_file
def test_an_alarm_that_is_over_meanwhile_is_taken_away_though_the_scope_was_changed_as_well(attentive: Office) -> None:
    office = attentive
    ticket, *_ = [office.ticket("bad") for _ in range(6)]
    office.sync()
    hide(office, ticket)
    office.scopes["jira"] = {"jql": "project = ML"}
    office.sync()
    office.jira.reveal(ticket)
    office.jira.edit(ticket, labels=[])
    office.sync()
    assert (office.field(ticket), office.property(ticket)) == (None, None)
    assert settled(office)


@on_a_file
def test_a_field_that_was_ours_before_is_told_of_when_its_ticket_comes_back(attentive: Office) -> None:
    office = attentive
    office.jira.add_field(OTHER, "select", options=OPTIONS)
    ticket, *_ = [office.ticket("bad") for _ in range(6)]
    office.sync()
    hide(office, ticket)
    office.top["publish"]["jira"] = {"field": OTHER}
    office.sync()
    office.jira.reveal(ticket)
    office.jira.edit(ticket, labels=[])
    assert ticket in [note.key for note in notes_of(office.sync()) if "unpublish takes it back" in note.text]
    assert office.unpublish("churn").exit_code is ExitCode.DONE
    assert (office.field(ticket), office.field(ticket, OTHER)) == (None, None)


@on_a_file
def test_it_may_come_back_in_another_project(attentive: Office) -> None:
    office = attentive
    office.jira.add_project("OPS", "Operations")
    office.projects["ops"] = {"scopes": {"jira": {"projects": ["OPS"]}}}
    ticket, *_ = [office.ticket("bad") for _ in range(6)]
    office.jira.add_issue("OPS", "A ticket", labels=["bad"])
    office.sync()
    hide(office, ticket)
    office.jira.reveal(ticket)
    moved = office.jira.move(ticket, "OPS")
    office.jira.edit(moved, labels=[])
    office.sync()
    assert (office.field(moved), office.property(moved)) == (None, None)
    assert settled(office)


@on_a_file
def test_what_was_taken_back_while_it_was_away_is_taken_away_when_it_is_back(attentive: Office) -> None:
    office = attentive
    ticket, *_ = [office.ticket("bad") for _ in range(6)]
    office.sync()
    hide(office, ticket)
    office.unpublish("churn")
    office.jira.reveal(ticket)
    office.jira.edit(ticket, labels=[])
    office.sync()
    assert (office.field(ticket), office.property(ticket)) == (None, None)
    assert settled(office)


@on_a_file
def test_an_alarm_that_rests_on_a_source_that_is_away_stays(attentive: Office) -> None:
    office = attentive
    office.judge_by_runs()
    ticket, *_ = [office.ticket() for _ in range(6)]
    office.tries("r", ticket)
    office.sync()
    hide(office, ticket)
    office.shelf.lose()
    office.sync()
    office.jira.reveal(ticket)
    for _ in range(2):
        office.sync()
        assert office.field(ticket) == "Bad"


@on_a_file
def test_a_pull_request_shows_nothing_of_a_ticket_while_that_is_away(attentive: Office) -> None:
    office = attentive
    tickets = [office.ticket("bad") for _ in range(6)]
    requests = [office.propose(ticket)[1] for ticket in tickets]
    office.sync()
    assert office.labels(requests[0]) == {"ml/bad"}
    hide(office, tickets[0])
    assert office.labels(requests[0]) == set()
    office.jira.reveal(tickets[0])
    office.sync()
    assert office.labels(requests[0]) == {"ml/bad"}
    assert settled(office)


@on_a_file
def test_a_person_may_be_erased_while_it_is_away(attentive: Office) -> None:
    office = attentive
    office.jira.add_user("Jane Doe")
    ticket, *_ = [office.ticket("bad", assignee="Jane Doe") for _ in range(6)]
    office.sync()
    since = office.property(ticket)["statuses"][0]["since"]
    hide(office, ticket)
    names = erasing.find(office.database, "Jane Doe", reserved=[]).names
    erasing.erase(office.database, names, projects=["churn"], wait=timedelta(), stop=office.stop)
    office.jira.reveal(ticket)
    assert settled(office)
    assert office.field(ticket) == "Bad"
    assert office.property(ticket)["statuses"][0]["since"] == since
