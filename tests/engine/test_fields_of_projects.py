"""Two projects on one Jira source, each with a field of its own: each shows its statuses there, and touches the other's nowhere."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec
import pytest

from mappings.model import WorkItem
from sync.check import check_sources
from sync.outcome import ExitCode
from sync.store import entities
from tests.engine.conftest import FIELD, OPTIONS

if TYPE_CHECKING:
    from sync.results import RunResult
    from tests.engine.conftest import Office

OTHER = "Ops Status"


@pytest.fixture
def two(office: Office) -> tuple[Office, str, str]:
    """A ticket of each project, both bad, before the first sync."""
    office.jira.add_project("OPS", "Operations")
    office.jira.add_field(OTHER, "select", options=OPTIONS)
    office.without = {"github", "shelf"}
    office.top["publish"] = {"jira": {"field": FIELD}}
    office.projects = {
        "churn": {"scopes": {"jira": {"projects": ["ML"]}}},
        "ops": {"scopes": {"jira": {"projects": ["OPS"]}}, "publish": {"jira": {"field": OTHER}}},
    }
    return office, office.ticket("bad"), office.jira.add_issue("OPS", "A ticket", labels=["bad"])


def fields(office: Office, key: str) -> tuple[str | None, str | None]:
    return office.field(key), office.field(key, OTHER)


def test_each_shows_its_statuses_in_its_own_field_and_a_second_sync_writes_nothing(two: tuple[Office, str, str]) -> None:
    office, churn, ops = two
    assert office.sync().exit_code is ExitCode.DONE
    assert (fields(office, churn), fields(office, ops)) == (("Bad", None), (None, "Bad"))
    written = office.writes
    assert office.sync().exit_code is ExitCode.DONE
    assert all(run.plan is not None and run.plan.is_empty for run in office.plan().projects)
    assert office.writes == written


def test_what_each_shows_follows_its_own_tickets(two: tuple[Office, str, str]) -> None:
    office, churn, ops = two
    office.sync()
    office.jira.edit(ops, labels=["good"])
    office.jira.edit(churn, labels=[])
    office.sync()
    assert (fields(office, churn), fields(office, ops)) == ((None, None), (None, "Good"))


def test_both_fields_are_ours_and_no_news_wherever_they_are_read(two: tuple[Office, str, str]) -> None:
    office, churn, ops = two
    office.sync()
    office.pull()
    with office.database.read() as tx:
        items = [item for item in entities.get(tx, [office.ref(churn), office.ref(ops)]) if isinstance(item, WorkItem)]
    assert len(items) == 2
    assert all(FIELD not in item.fields and OTHER not in item.fields for item in items)


def test_a_person_s_change_of_the_overriding_field_is_kept(two: tuple[Office, str, str]) -> None:
    office, _, ops = two
    office.sync()
    office.set_field(ops, "Drift alert", OTHER)
    run = office.sync()
    notes = [note.kind for one in run.projects if one.plan is not None for note in one.plan.notes if note.key == ops]
    assert notes == ["override"]
    assert fields(office, ops) == (None, "Drift alert")


def test_what_another_put_in_the_other_project_s_field_is_left_alone(two: tuple[Office, str, str]) -> None:
    office, churn, _ = two
    office.set_field(churn, "Good", OTHER)
    assert office.sync().exit_code is ExitCode.DONE
    assert fields(office, churn) == ("Bad", "Good")


def test_projects_that_swap_their_fields_are_told_of_the_former_ones_which_can_be_taken_back(two: tuple[Office, str, str]) -> None:
    office, churn, ops = two
    office.sync()
    office.projects["churn"]["publish"] = {"jira": {"field": OTHER}}
    office.projects["ops"]["publish"] = {"jira": {"field": FIELD}}
    run = office.sync()
    notes = [note for one in run.projects if one.plan is not None for note in one.plan.notes]
    assert [(note.kind, note.slot and note.slot.name) for note in notes] == [("skipped", FIELD), ("skipped", OTHER)]
    assert (fields(office, churn), fields(office, ops)) == (("Bad", "Bad"), ("Bad", "Bad"))
    back = office.run("unpublish")
    back.unpublish(["churn", "ops"], write=True)
    assert back.finish().exit_code is ExitCode.DONE
    assert (fields(office, churn), fields(office, ops)) == ((None, None), (None, None))


def test_one_project_is_taken_back_without_the_other(two: tuple[Office, str, str]) -> None:
    office, churn, ops = two
    office.sync()
    run = office.run("unpublish")
    run.unpublish(["ops"], write=True)
    assert run.finish().exit_code is ExitCode.DONE
    assert (fields(office, churn), fields(office, ops)) == (("Bad", None), (None, None))


def test_check_asks_each_scope_for_the_field_of_its_own_projects(two: tuple[Office, str, str]) -> None:
    office, _, _ = two
    office.projects["ops"]["publish"] = {"jira": {"field": "Not There"}}
    (checked,) = check_sources(list(office.workspace().sources.values()), stop=threading.Event())
    about = [(one.level, one.scope, FIELD in one.text, "Not There" in one.text) for one in checked.findings if one.topic == "field"]
    assert about == [("ok", "churn", True, False), ("error", "ops", False, True)]


@pytest.fixture
def overlapping(two: tuple[Office, str, str]) -> tuple[Office, str, str]:
    """The second project holds the first one's tickets as well, and shows its statuses on them in its own field."""
    office, churn, ops = two
    office.limits = msgspec.structs.replace(office.limits, full_every=timedelta())
    office.projects["ops"]["scopes"] = {"jira": {"projects": ["OPS", "ML"]}}
    office.sync()
    assert fields(office, churn) == ("Bad", "Bad")
    return office, churn, ops


def notes_of(run: RunResult) -> list[tuple[str, str]]:
    return [(note.kind, note.text) for one in run.projects if one.plan is not None for note in one.plan.notes]


def test_of_a_ticket_that_two_hold_each_keeps_its_own_field(overlapping: tuple[Office, str, str]) -> None:
    office, churn, _ = overlapping
    for label, shown in (("good", "Good"), ("bad", "Bad")):
        office.jira.edit(churn, labels=[label])
        assert notes_of(office.sync()) == []
        assert fields(office, churn) == (shown, shown)
        assert office.property(churn)["project"] == "churn"


def test_another_order_changes_whose_the_property_is_and_no_field(overlapping: tuple[Office, str, str]) -> None:
    office, churn, _ = overlapping
    office.projects = dict(reversed(office.projects.items()))
    for label, shown in (("good", "Good"), ("bad", "Bad")):
        office.jira.edit(churn, labels=[label])
        assert notes_of(office.sync()) == []
        assert fields(office, churn) == (shown, shown)
        assert office.property(churn)["project"] == "ops"


def test_a_ticket_that_is_moved_to_the_other_project_shows_there_what_it_showed_here(two: tuple[Office, str, str]) -> None:
    office, churn, ops = two
    office.limits = msgspec.structs.replace(office.limits, full_every=timedelta())
    office.sync()
    moved, back = office.jira.move(churn, "OPS"), office.jira.move(ops, "ML")
    for _ in range(2):
        result = office.sync()
        assert result.exit_code is ExitCode.DONE
        assert notes_of(result) == []
    assert (fields(office, moved), fields(office, back)) == ((None, "Bad"), ("Bad", None))
    assert (office.property(moved)["project"], office.property(back)["project"]) == ("ops", "churn")
    written = office.writes
    office.sync()
    assert office.writes == written


@pytest.fixture
def alike(two: tuple[Office, str, str]) -> tuple[Office, str]:
    """Both projects hold the same tickets, one of which is bad."""
    office, churn, _ = two
    office.projects["ops"]["scopes"] = office.projects["churn"]["scopes"]
    office.sync()
    assert fields(office, churn) == ("Bad", "Bad")
    return office, churn


def test_two_that_hold_the_same_may_swap_their_fields_without_a_write(alike: tuple[Office, str]) -> None:
    office, ticket = alike
    office.projects["churn"]["publish"] = {"jira": {"field": OTHER}}
    office.projects["ops"]["publish"] = {"jira": {"field": FIELD}}
    written = office.writes
    for _ in range(2):
        assert notes_of(office.sync()) == []
    assert office.writes == written
    office.jira.edit(ticket, labels=["good"])
    assert notes_of(office.sync()) == []
    assert fields(office, ticket) == ("Good", "Good")


def test_where_the_first_no_longer_looks_its_field_is_emptied_and_the_property_passed_on(alike: tuple[Office, str]) -> None:
    office, ticket = alike
    kept = office.ticket("bad", "keep")
    office.sync()
    office.projects["churn"]["scopes"] = {"jira": {"jql": "project = ML AND labels = keep"}}
    for _ in range(2):
        result = office.sync()
    assert notes_of(result) == []
    assert (fields(office, ticket), fields(office, kept)) == ((None, "Bad"), ("Bad", "Bad"))
    assert (office.property(ticket)["project"], office.property(kept)["project"]) == ("ops", "churn")
    written = office.writes
    office.sync()
    assert office.writes == written


def test_the_field_of_a_project_that_the_file_no_longer_has_is_told_of(alike: tuple[Office, str]) -> None:
    office, ticket = alike
    del office.projects["churn"]
    office.jira.edit(ticket, labels=["good"])
    for _ in range(2):
        assert ["unpublish --project churn takes them back" in text for _, text in notes_of(office.sync())] == [True]
    assert fields(office, ticket) == ("Bad", "Good")


def test_two_files_on_one_store_leave_nothing_behind_of_what_is_over(two: tuple[Office, str, str]) -> None:
    office, ticket, _ = two
    scopes = office.projects["churn"]["scopes"]
    one = {"churn": {"scopes": scopes}}
    other = {"report": {"scopes": scopes, "publish": {"jira": {"field": OTHER}}}}
    for office.projects in (one, other, one):
        office.sync()
    assert fields(office, ticket) == ("Bad", "Bad")
    office.jira.edit(ticket, labels=[])
    for office.projects in (other, one):
        office.sync()
    assert fields(office, ticket) == (None, None)


def test_a_ticket_that_is_moved_there_and_back_shows_what_it_showed_at_first(two: tuple[Office, str, str]) -> None:
    office, churn, _ = two
    office.list_all_each_time()
    office.sync()
    moved = office.jira.move(churn, "OPS")
    office.sync()
    assert fields(office, moved) == (None, "Bad")
    back = office.jira.move(moved, "ML")
    for _ in range(2):
        result = office.sync()
    assert notes_of(result) == []
    assert fields(office, back) == ("Bad", None)


def test_what_people_set_in_either_field_of_a_ticket_stays_when_it_is_moved(two: tuple[Office, str, str]) -> None:
    office, churn, _ = two
    office.list_all_each_time()
    office.sync()
    office.set_field(churn, "Data blocked")
    office.set_field(churn, "Drift alert", OTHER)
    office.sync()
    moved = office.jira.move(churn, "OPS")
    for _ in range(2):
        assert [kind for kind, _ in notes_of(office.sync())] == ["override"]
        assert fields(office, moved) == ("Data blocked", "Drift alert")
