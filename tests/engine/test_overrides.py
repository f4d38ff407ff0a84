"""What people change by hand: kept where it may be kept, forced back where it may not, and never fought over."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import Integer, type_coerce, update

from sync.outcome import ExitCode
from sync.store import audit, publishing
from sync.store.schema import audit as audit_table
from sync.withdraw import release

if TYPE_CHECKING:
    from sync.results import RunResult
    from tests.engine.conftest import Office

REPO = "example/churn"


def notes(result: RunResult) -> Sequence[tuple[str, str | None]]:
    return [(note.kind, note.key) for run in result.projects if run.plan is not None for note in run.plan.notes]


def held(office: Office) -> Sequence[str]:
    with office.database.read() as tx:
        return [row.kind for row in publishing.held(tx, "churn").values()]


def give_back(office: Office, key: str) -> int:
    return len(release(office.database, "churn", [office.ref(key)], run_id="by-hand"))


def quiet(office: Office) -> RunResult:
    """A sync that must write nothing."""
    written = office.writes
    result = office.sync()
    assert result.exit_code is ExitCode.DONE
    assert office.writes == written
    return result


def test_a_changed_field_is_kept_shown_and_given_back(office: Office) -> None:
    ticket = office.ticket("bad")
    office.sync()
    office.set_field(ticket, "Unknown")
    for _ in range(3):
        assert notes(quiet(office)) == [("override", ticket)]
    assert office.field(ticket) == "Unknown"
    assert held(office) == ["override"]
    assert give_back(office, ticket) == 1
    assert office.sync().exit_code is ExitCode.DONE
    assert office.field(ticket) == "Bad"
    assert held(office) == []
    quiet(office)


def test_a_change_of_a_change_is_kept_and_given_back_as_well(office: Office) -> None:
    ticket = office.ticket("bad")
    office.sync()
    office.set_field(ticket, "Unknown")
    quiet(office)
    office.set_field(ticket, None)
    assert notes(quiet(office)) == [("override", ticket)]
    office.set_field(ticket, "Drift alert")
    office.pull()
    # Released on what was last seen, though no plan has kept that yet.
    assert give_back(office, ticket) == 1
    assert office.sync().exit_code is ExitCode.DONE
    assert office.field(ticket) == "Bad"


def test_an_alarm_that_a_person_took_off_stays_off_until_its_episode_ends(office: Office) -> None:
    number = office.github.add_issue(REPO, "Drift", labels=["bad"])
    office.sync()
    office.github.remove_label(REPO, number, "ml/bad")
    assert notes(quiet(office)) == [("override", f"{REPO}#{number}")]
    assert office.labels(number) == {"bad"}
    office.github.remove_label(REPO, number, "bad")
    assert notes(quiet(office)) == []
    assert held(office) == []
    office.github.add_label(REPO, number, "bad")
    office.sync()
    assert office.labels(number) == {"bad", "ml/bad"}


def test_an_override_that_agrees_is_over(office: Office) -> None:
    ticket = office.ticket("bad")
    office.sync()
    office.set_field(ticket, None)
    quiet(office)
    assert held(office) == ["override"]
    office.set_field(ticket, "Bad")
    assert notes(quiet(office)) == []
    assert held(office) == []
    with office.database.read() as tx:
        assert [entry.kind for entry in audit.read(tx)][-2:] == ["agreed", "adopted"]


def test_a_favourable_status_cannot_be_set_by_hand(office: Office) -> None:
    number = office.github.add_issue(REPO, "Model")
    office.sync()
    office.github.add_label(REPO, number, "ml/good")
    result = office.sync()
    assert office.labels(number) == set()
    (run,) = result.projects
    assert run.plan is not None
    assert [change.forced for change in run.plan.changes] == [True]


def test_after_two_forced_rewrites_within_a_day_a_slot_is_left_alone(office: Office) -> None:
    number = office.github.add_issue(REPO, "Model")
    office.sync()
    for _ in range(2):
        office.github.add_label(REPO, number, "ml/good")
        office.sync()
        assert office.labels(number) == set()
    office.github.add_label(REPO, number, "ml/good")
    for _ in range(2):
        assert notes(quiet(office)) == [("contested", f"{REPO}#{number}")]
    assert office.labels(number) == {"ml/good"}
    assert held(office) == ["contested"]
    with office.database.read() as tx:
        (slot,) = publishing.held(tx, "churn")
    assert release(office.database, "churn", [slot.target], run_id="by-hand") == [slot]
    office.sync()
    assert office.labels(number) == set()
    assert held(office) == []


def test_a_favourable_status_that_a_person_took_off_comes_back(office: Office) -> None:
    number = office.github.add_issue(REPO, "Model", labels=["good"])
    office.sync()
    office.github.remove_label(REPO, number, "ml/good")
    office.sync()
    assert office.labels(number) == {"good", "ml/good"}


def test_a_changed_property_is_written_again(office: Office) -> None:
    ticket = office.ticket("bad")
    office.sync()
    before = office.property(ticket)
    office.jira.set_property(ticket, "milepost.status", {"version": 1, "statuses": []})
    office.jira.edit(ticket, summary="Touched, for a property is no update")
    office.sync()
    assert office.property(ticket) == before


def test_an_equal_value_is_adopted_without_a_write(office: Office) -> None:
    number = office.github.add_issue(REPO, "Drift", labels=["bad", "ml/bad"])
    assert notes(quiet(office)) == []
    assert office.labels(number) == {"bad", "ml/bad"}
    office.github.remove_label(REPO, number, "bad")
    office.sync()
    assert office.labels(number) == set()


def test_a_strangers_value_is_a_conflict_at_every_sync_until_it_is_adopted(office: Office) -> None:
    ticket = office.ticket("bad", fields={"ML Status": "Good"})
    assert office.sync().exit_code is ExitCode.DONE
    for _ in range(2):
        assert notes(quiet(office)) == [("conflict", ticket)]
    assert office.field(ticket) == "Good"
    assert held(office) == ["conflict"]
    assert give_back(office, ticket) == 0
    assert office.sync(adopt=True).exit_code is ExitCode.DONE
    assert office.field(ticket) == "Bad"
    assert held(office) == []
    quiet(office)


def test_a_stranger_who_leaves_ends_the_conflict(office: Office) -> None:
    ticket = office.ticket("bad", fields={"ML Status": "Good"})
    office.sync()
    office.set_field(ticket, None)
    office.sync()
    assert office.field(ticket) == "Bad"
    assert held(office) == []


def test_a_value_set_after_the_first_comparison_is_a_persons(office: Office) -> None:
    ticket = office.ticket()
    office.sync()
    office.set_field(ticket, "Bad")
    assert notes(quiet(office)) == [("override", ticket)]
    assert office.field(ticket) == "Bad"


def test_only_the_released_ticket_is_released(office: Office) -> None:
    one, other = office.ticket("bad"), office.ticket("bad")
    office.sync()
    for ticket in (one, other):
        office.set_field(ticket, None)
    office.sync()
    assert give_back(office, one) == 1
    office.sync()
    assert (office.field(one), office.field(other)) == ("Bad", None)


@pytest.mark.parametrize("how", ["lock_by_workflow", "archive"])
def test_a_ticket_that_cannot_be_edited_is_not_tried_in_every_run(office: Office, how: str) -> None:
    ticket = office.ticket("bad")
    office.pull()
    getattr(office.jira, how)(ticket)
    first = office.apply()
    assert {result.state for result in first.projects[0].applied.results} == {"skipped"}  # type: ignore[union-attr]  # it was applied
    asked = len(office.jira.requests)
    plan = office.apply().projects[0].plan
    assert plan is not None
    assert plan.is_empty
    assert {note.kind for note in plan.notes} == {"skipped"}
    assert len(office.jira.requests) == asked


def test_a_ticket_that_could_not_be_seen_is_tried_again_ever_more_rarely(office: Office) -> None:
    ticket = office.ticket("bad", created=datetime(2026, 1, 5, tzinfo=UTC))
    office.pull()
    office.jira.hide(ticket)
    half_an_hour = timedelta(minutes=30)

    def pass_time(time: timedelta) -> None:
        with office.database.write() as tx:
            micros = int(time / timedelta(microseconds=1))
            tx.execute(update(audit_table).values(at=type_coerce(audit_table.c.at, Integer) - micros))

    def tries() -> int:
        (run,) = office.apply().projects
        assert run.applied is not None
        return len({result.change.slot.kind for result in run.applied.results})

    assert (tries(), tries()) == (2, 0)
    for waits in (1, 2, 4, 8, 8, 8, 8):
        pass_time(waits * half_an_hour - timedelta(minutes=1))
        assert tries() == 0
        pass_time(timedelta(minutes=1))
        assert (tries(), tries()) == (2, 0)
    office.jira.reveal(ticket)
    pass_time(8 * half_an_hour)
    assert tries() == 2
    assert office.field(ticket) == "Bad"


def test_a_ticket_that_changed_since_is_tried_again(office: Office) -> None:
    ticket = office.ticket("bad")
    office.pull()
    office.jira.archive(ticket)
    office.apply()
    office.jira.restore(ticket)
    assert office.sync().exit_code is ExitCode.DONE
    assert office.field(ticket) == "Bad"


def test_a_skip_that_a_clock_dated_ahead_is_tried_again(office: Office) -> None:
    ticket = office.ticket("bad")
    office.sync()
    office.jira.edit(ticket, labels=["good"])
    office.pull()
    office.jira.hide(ticket)
    (run,) = office.apply().projects
    assert run.applied is not None
    assert {result.state for result in run.applied.results} == {"skipped"}
    office.jira.reveal(ticket)
    with office.database.write() as tx:
        ahead = office.database.now(tx) + timedelta(days=200)
        tx.execute(update(audit_table).where(audit_table.c.kind == "skipped").values(at=ahead))
    assert office.apply().exit_code is ExitCode.DONE
    assert office.field(ticket) == "Good"


def test_what_a_person_set_stays_when_its_ticket_leaves_the_scope(office: Office) -> None:
    office.list_all_each_time()
    office.jira.add_project("ELSE", "Elsewhere")
    ticket = office.ticket("bad")
    office.sync()
    office.set_field(ticket, "Data blocked")
    office.sync()
    moved = office.jira.move(ticket, "ELSE")
    assert office.sync().exit_code is ExitCode.DONE
    assert (office.field(moved), office.property(moved)) == ("Data blocked", None)
