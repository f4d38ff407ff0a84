"""Whole syncs with each deployment of Jira: the same plans, the same writes, and what is done about issues that move."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from mappings.model import WorkItem
from sandbox.jira import JiraCloud, JiraDataCenter
from sync.outcome import ExitCode
from sync.store import entities


@pytest.fixture(params=[JiraCloud, JiraDataCenter], ids=["cloud", "data-center"])
def jira(request: pytest.FixtureRequest) -> Iterator[Any]:
    with request.param() as site:
        yield site


def stored(office: Any, key: str) -> WorkItem:
    with office.database.read() as tx:
        (item,) = entities.get(tx, [office.ref(key)])
    assert isinstance(item, WorkItem)
    return item


def test_a_second_sync_writes_nothing(office: Any) -> None:
    good, bad = office.ticket("good"), office.ticket("bad", description="As ML-1 says")
    assert office.sync().exit_code is ExitCode.DONE
    assert (office.field(good), office.field(bad)) == ("Good", "Bad")
    assert office.property(bad)["statuses"]
    written = office.writes
    assert office.sync().exit_code is ExitCode.DONE
    assert office.writes == written


def test_a_changed_label_changes_the_field(office: Any) -> None:
    ticket = office.ticket("good")
    office.sync()
    office.jira.edit(ticket, labels=["bad"])
    office.sync()
    assert office.field(ticket) == "Bad"


def test_a_persons_change_is_found_and_rewritten(office: Any) -> None:
    ticket = office.ticket("good")
    office.sync()
    office.set_field(ticket, "Unknown")
    office.sync()
    assert office.field(ticket) == "Good"


@pytest.mark.parametrize("how", ["lock_by_workflow", "archive"])
def test_what_nobody_can_edit_is_skipped_with_the_reason(office: Any, how: str) -> None:
    ticket, other = office.ticket("good"), office.ticket("good")
    office.pull()
    getattr(office.jira, how)(ticket)
    results = office.apply().projects[0].applied.results
    assert {result.state for result in results} == {"skipped", "done"}
    assert {result.why for result in results if result.state == "skipped"} == {
        f"{ticket} cannot be edited: it is archived, or locked by the status that it is in"
    }
    assert (office.field(ticket), office.field(other)) == (None, "Good")
    written = office.writes
    plan = office.apply().projects[0].plan
    assert {note.kind for note in plan.notes} == {"skipped"}
    assert office.writes == written


def test_a_deleted_ticket_is_buried(office: Any) -> None:
    office.limits = msgspec.structs.replace(office.limits, full_every=timedelta())
    tickets = [office.ticket() for _ in range(6)]
    office.pull()
    gone, kept = office.ref(tickets[0]), office.ref(tickets[1])
    office.jira.delete(tickets[0])
    assert office.pull().exit_code is ExitCode.DONE
    with office.database.read() as tx:
        assert [*entities.buried(tx, [gone, kept])] == [gone]


def test_a_ticket_that_moves_within_the_scope_stays_itself(office: Any) -> None:
    """Its id is the same, and so are its field and its property: they are known under the new key, and nothing is written again."""
    office.jira.add_project("OPS", "Operations")
    office.scopes["jira"]["projects"] = ["ML", "OPS"]
    ticket = office.ticket("good")
    office.sync()
    before, written = stored(office, ticket), office.writes
    moved = office.jira.move(ticket, "OPS")
    office.sync()
    after = stored(office, moved)
    assert (after.ref, after.key, after.container) == (before.ref, moved, "OPS")
    assert office.field(moved) == "Good"
    assert len([one for one in office.jira.writes if one.path.endswith(f"/issue/{before.ref.id}")]) == 1
    rewritten = office.writes
    assert rewritten - written <= 1  # the property names the key
    office.sync()
    assert office.writes == rewritten


def test_a_ticket_that_moves_out_of_the_scope_is_let_go(office: Any) -> None:
    office.limits = msgspec.structs.replace(office.limits, full_every=timedelta())
    office.jira.add_project("OTHER", "Another project")
    ticket = office.ticket("good")
    office.sync()
    moved = office.jira.move(ticket, "OTHER")
    office.sync()
    office.sync()
    assert (office.field(moved), office.property(moved)) == (None, None)
