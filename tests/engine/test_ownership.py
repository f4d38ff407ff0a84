"""Who owns a slot, and what becomes of values whose owner, scope or name has changed: nothing is left behind, nothing flaps."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from mappings.model import Ref
from sandbox.faults import Fault, html_page
from sync.outcome import ExitCode
from sync.ownership import Ownership
from sync.store import publishing

if TYPE_CHECKING:
    from sync.results import RunResult
    from tests.engine.conftest import Office

REPO, OTHER = "example/churn", "example/loan"


def over(*repositories: str, **more: Any) -> dict[str, Any]:
    """A project over these repositories."""
    return {"scopes": {"github": {"repositories": list(repositories)}}, **more}


def publishers(office: Office) -> set[str]:
    """The projects that anything is remembered for."""
    with office.database.read() as tx:
        return set(publishing.projects(tx))


def remembered(office: Office, project: str) -> dict[tuple[str, str], Any]:
    with office.database.read() as tx:
        return {(slot.target.id, slot.name): row.value for slot, row in publishing.published(tx, project).items()}


@pytest.fixture
def shared(office: Office) -> Office:
    """Two projects over one repository, of which the second has another one to itself."""
    office.github.add_repository(OTHER)
    office.projects = {"first": over(REPO), "second": over(REPO, OTHER)}
    office.limits = msgspec.structs.replace(office.limits, full_every=timedelta())
    return office


def changes(office: Office, project: str) -> Sequence[str]:
    (run,) = office.plan(project).projects
    assert run.plan is not None
    return [f"{change.action} {change.key} {change.slot.name}" for change in run.plan.changes]


def notes(result: RunResult) -> Sequence[str]:
    return [note.text for run in result.projects if run.plan is not None for note in run.plan.notes]


def unpublish(office: Office) -> RunResult:
    run = office.run("unpublish")
    run.unpublish(["churn"], write=True)
    return run.finish()


def test_the_first_project_of_the_file_owns_what_two_share(shared: Office) -> None:
    both = shared.github.add_issue(REPO, "Both", labels=["bad"])
    own = shared.github.add_issue(OTHER, "Second's own", labels=["bad"])
    shared.pull()
    assert changes(shared, "second") == [f"add {OTHER}#{own} ml/bad"]
    assert shared.sync().exit_code is ExitCode.DONE
    assert shared.labels(both) == {"bad", "ml/bad"}
    assert len(remembered(shared, "first")) == len(remembered(shared, "second")) == 1


def test_a_target_is_the_firsts_even_before_it_shows_anything_there(shared: Office) -> None:
    number = shared.github.add_issue(REPO, "Both")
    shared.sync()
    shared.github.add_label(REPO, number, "bad")
    shared.pull()
    assert changes(shared, "second") == []


def test_projects_with_labels_of_their_own_do_not_share_slots(shared: Office) -> None:
    shared.projects["second"]["publish"] = {"github": {"prefix": "second/"}}
    number = shared.github.add_issue(REPO, "Both", labels=["bad"])
    shared.sync()
    assert shared.labels(number) == {"bad", "ml/bad", "second/bad"}
    written = shared.writes
    assert shared.sync().exit_code is ExitCode.DONE
    assert shared.writes == written


def test_labels_that_differ_by_case_alone_are_one_slot(shared: Office) -> None:
    bad = next(one for one in shared.top["statuses"] if one["id"] == "bad")
    shared.top["statuses"] = [*shared.top["statuses"], {**bad, "id": "x-bad", "title": "Bad in x", "label": "x/bad"}]
    shared.projects["first"]["publish"] = {"github": {"prefix": "ml/x/"}}
    shared.github.add_issue(REPO, "Both", labels=["bad"])
    shared.sync("first")
    with shared.database.read() as tx:
        shown = {slot.target for slot in publishing.published(tx, "first")}
    assert len(shown) == 1
    for prefix, owned in (("ML/", shown), ("other/", set())):
        shared.projects["second"]["publish"] = {"github": {"prefix": prefix}}
        first, second = shared.workspace().projects
        with shared.database.read() as tx:
            taken = Ownership(second, [first, second]).taken(tx, shown)
        assert {ref for one in taken for ref in one.targets} == owned


def test_the_first_takes_over_what_the_second_had_written(shared: Office) -> None:
    same = shared.github.add_issue(REPO, "Stays as it is", labels=["bad"])
    changed = shared.github.add_issue(REPO, "Changes", labels=["bad"])
    shared.sync("second")
    assert shared.labels(same) == shared.labels(changed) == {"bad", "ml/bad"}
    shared.github.remove_label(REPO, changed, "bad")
    shared.github.add_label(REPO, changed, "good")
    written = shared.writes
    result = shared.sync("first")
    assert result.exit_code is ExitCode.DONE
    assert result.projects[0].plan is not None
    assert [note.kind for note in result.projects[0].plan.notes] == []
    assert shared.labels(same) == {"bad", "ml/bad"}
    assert shared.labels(changed) == {"good", "ml/good"}
    # One label off, one label defined and put on.
    assert shared.writes - written == 3
    assert publishers(shared) == {"first"}
    assert shared.sync().exit_code is ExitCode.DONE
    assert shared.writes - written == 3


def test_another_order_of_the_projects_writes_nothing(shared: Office) -> None:
    shared.github.add_issue(REPO, "Both", labels=["bad"])
    shared.sync()
    written = shared.writes
    shared.projects = dict(reversed(shared.projects.items()))
    assert shared.sync().exit_code is ExitCode.DONE
    assert publishers(shared) == {"second"}
    assert shared.writes == written


def test_an_override_passes_to_the_new_owner(shared: Office) -> None:
    number = shared.github.add_issue(REPO, "Both", labels=["bad"])
    shared.sync()
    shared.github.remove_label(REPO, number, "ml/bad")
    shared.sync()
    shared.projects = dict(reversed(shared.projects.items()))
    for _ in range(2):
        assert notes(shared.sync()) == ["a person removed the label; kept until released"]
    assert shared.labels(number) == {"bad"}
    with shared.database.read() as tx:
        assert len(publishing.held(tx, "second")) == 1
        assert publishing.held(tx, "first") == {}


def test_a_narrowed_scope_hands_its_targets_on_without_a_write(shared: Office) -> None:
    shared.projects = {"first": over(REPO, OTHER), "second": over(REPO)}
    number = shared.github.add_issue(REPO, "Both", labels=["bad"])
    shared.sync()
    written = shared.writes
    shared.projects["first"] = over(OTHER)
    assert shared.sync().exit_code is ExitCode.DONE
    assert shared.labels(number) == {"bad", "ml/bad"}
    assert shared.writes == written
    assert publishers(shared) == {"second"}


def test_a_dropped_project_is_succeeded_by_the_next(shared: Office) -> None:
    number = shared.github.add_issue(REPO, "Both", labels=["bad"])
    shared.sync()
    written = shared.writes
    del shared.projects["first"]
    shared.github.remove_label(REPO, number, "bad")
    assert shared.sync().exit_code is ExitCode.DONE
    assert shared.labels(number) == set()
    assert shared.writes - written == 1
    assert publishers(shared) == {"second"}


def test_what_left_every_scope_loses_our_values(office: Office) -> None:
    office.jira.add_project("OTHER", "Another project")
    ticket = office.ticket("bad")
    office.limits = msgspec.structs.replace(office.limits, full_every=timedelta())
    office.sync()
    assert office.field(ticket) == "Bad"
    moved = office.jira.move(ticket, "OTHER")
    office.pull()
    assert changes(office, "churn") == [f"remove {moved} ML Status", f"remove {moved} milepost.status"]
    assert office.sync().exit_code is ExitCode.DONE
    assert office.field(moved) is None
    assert office.property(moved) is None
    assert remembered(office, "churn") == {}


def test_what_was_deleted_is_left_quietly(office: Office) -> None:
    tickets = [office.ticket("bad") for _ in range(6)]
    office.limits = msgspec.structs.replace(office.limits, full_every=timedelta())
    office.sync()
    written = office.writes
    office.jira.delete(tickets[0])
    office.pull()
    assert changes(office, "churn") == []
    assert office.sync().exit_code is ExitCode.DONE
    assert office.writes == written
    (planned,) = office.plan().projects
    assert planned.plan is not None
    assert planned.plan.published == 5


@pytest.mark.parametrize("change", ["scope", "translation"])
def test_a_scope_that_was_not_listed_yet_loses_nothing(office: Office, change: str) -> None:
    ticket = office.ticket("bad")
    office.jira.add_project("OTHER", "Another project")
    office.sync()
    written = office.writes
    office.scopes["jira"] = {"projects": ["ML", "OTHER"]}
    office.jira.faults.append(Fault(html_page(403), path="*", times=1_000))
    assert office.sync().exit_code is ExitCode.PARTIAL
    assert changes(office, "churn") == []
    office.jira.faults.clear()
    assert office.sync().exit_code is ExitCode.DONE
    assert office.field(ticket) == "Bad"
    assert office.writes == written


def test_labels_under_a_former_prefix_are_told_of_and_can_be_taken_back(office: Office) -> None:
    number = office.github.add_issue(REPO, "Drift", labels=["bad"])
    office.sync()
    office.top["publish"]["github"] = {"prefix": "ai/"}
    for _ in range(2):
        result = office.sync()
        assert result.exit_code is ExitCode.DONE
        assert ["unpublish takes it back" in note for note in notes(result)] == [True]
    assert office.labels(number) == {"bad", "ml/bad", "ai/bad"}
    assert unpublish(office).exit_code is ExitCode.DONE
    assert office.labels(number) == {"bad"}
    assert remembered(office, "churn") == {}


def test_a_former_field_is_told_of_and_can_be_emptied(office: Office) -> None:
    office.jira.add_field("AI Status", "select", options=("Good", "Bad", "Unknown"))
    ticket = office.ticket("bad")
    office.sync()
    office.top["publish"]["jira"] = {"field": "AI Status"}
    result = office.sync()
    assert ["unpublish takes it back" in note for note in notes(result)] == [True]
    assert office.field(ticket) == office.field(ticket, "AI Status") == "Bad"
    assert unpublish(office).exit_code is ExitCode.DONE
    assert office.field(ticket) is office.field(ticket, "AI Status") is office.property(ticket) is None


def test_what_a_person_changed_in_a_former_slot_is_theirs(office: Office) -> None:
    office.jira.add_field("AI Status", "select", options=("Good", "Bad", "Unknown"))
    ticket = office.ticket("bad")
    office.sync()
    office.set_field(ticket, "Good")
    office.top["publish"]["jira"] = {"field": "AI Status"}
    office.sync()
    unpublish(office)
    assert office.field(ticket) == "Good"
    assert office.field(ticket, "AI Status") is None


def test_the_label_of_a_dropped_status_can_be_taken_back(office: Office) -> None:
    number = office.github.add_issue(REPO, "Drift", labels=["bad", "good"])
    office.sync()
    assert office.labels(number) == {"bad", "good", "ml/bad", "ml/good"}
    office.top["statuses"] = [status for status in office.top["statuses"] if status["id"] == "good"]
    assert office.sync().exit_code is ExitCode.DONE
    assert office.labels(number) == {"bad", "good", "ml/bad", "ml/good"}
    unpublish(office)
    assert office.labels(number) == {"bad", "good"}


def test_a_project_that_publishes_no_longer_leaves_its_values_to_be_taken_back(office: Office) -> None:
    ticket = office.ticket("bad")
    number = office.github.add_issue(REPO, "Drift", labels=["bad"])
    office.sync()
    office.projects["churn"]["publish"] = {"jira": False}
    result = office.sync()
    assert result.exit_code is ExitCode.DONE
    assert ["unpublish takes it back" in note for note in notes(result)] == [True, True]
    assert office.field(ticket) == "Bad"
    unpublish(office)
    assert office.field(ticket) is office.property(ticket) is None
    assert office.labels(number) == {"bad"}


def test_a_source_that_the_file_no_longer_has_is_told_of(office: Office) -> None:
    office.ticket("bad")
    office.sync()
    office.without = {"jira"}
    del office.scopes["jira"], office.top["publish"]["jira"]
    result = office.sync()
    assert result.exit_code is ExitCode.DONE
    (run,) = result.projects
    assert run.plan is not None
    (note,) = run.plan.notes
    assert note.kind == "finding"
    assert "still shown on jira" in note.text


def test_refs_of_sources_are_kept_apart(shared: Office) -> None:
    """The same id in two sources is two objects."""
    shared.github.add_issue(REPO, "Both", labels=["bad"])
    shared.sync()
    with shared.database.read() as tx:
        (slot,) = publishing.published(tx, "first")
        there = publishing.published_by_others(tx, "second", [slot.target, Ref("elsewhere", "work_item", slot.target.id)])
    assert list(there) == [slot]
