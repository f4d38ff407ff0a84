"""A field that lacks the option of what it should show: what is not true any longer does not stay there meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sync.outcome import ExitCode

if TYPE_CHECKING:
    from sync.results import RunResult
    from tests.engine.conftest import Office

SCANTY = "Scanty status"


@pytest.fixture
def scanty(office: Office) -> Office:
    """Its field can say good things only."""
    office.jira.add_field(SCANTY, "select", options=("Good",))
    office.without = {"github", "shelf"}
    office.scopes.pop("github")
    office.top["publish"] = {"jira": {"field": SCANTY}}
    return office


def failures(result: RunResult) -> list[str]:
    return [one.why or "" for run in result.projects if run.applied for one in run.applied.results if one.state == "failed"]


def test_a_good_status_goes_although_the_alarm_has_no_option(scanty: Office) -> None:
    ticket = scanty.ticket("good")
    assert scanty.sync().exit_code is ExitCode.DONE
    assert scanty.field(ticket, SCANTY) == "Good"
    scanty.jira.edit(ticket, labels=["bad"])
    result = scanty.sync()
    assert result.exit_code is ExitCode.PARTIAL
    (why,) = failures(result)
    assert 'lacks the option "Bad"' in why
    assert "taken away" in why
    assert scanty.field(ticket, SCANTY) is None


def test_the_admin_is_told_in_each_run_and_nothing_is_written_twice(scanty: Office) -> None:
    ticket = scanty.ticket("good")
    scanty.sync()
    scanty.jira.edit(ticket, labels=["bad"])
    scanty.sync()
    written = scanty.writes
    for _ in range(3):
        result = scanty.sync()
        assert result.exit_code is ExitCode.PARTIAL
        assert ['lacks the option "Bad"' in why for why in failures(result)] == [True]
    assert scanty.writes == written
    assert scanty.field(ticket, SCANTY) is None


def test_the_alarm_is_shown_once_its_option_exists(scanty: Office) -> None:
    ticket = scanty.ticket("good")
    scanty.sync()
    scanty.jira.edit(ticket, labels=["bad"])
    scanty.sync()
    scanty.jira.add_option(SCANTY, "Bad")
    assert scanty.sync().exit_code is ExitCode.DONE
    assert scanty.field(ticket, SCANTY) == "Bad"
    written = scanty.writes
    assert scanty.sync().exit_code is ExitCode.DONE
    assert scanty.writes == written


def test_the_good_status_comes_back_when_it_is_true_again(scanty: Office) -> None:
    ticket = scanty.ticket("good")
    scanty.sync()
    scanty.jira.edit(ticket, labels=["bad"])
    scanty.sync()
    scanty.jira.edit(ticket, labels=["good"])
    assert scanty.sync().exit_code is ExitCode.DONE
    assert scanty.field(ticket, SCANTY) == "Good"


def test_a_good_status_set_by_hand_over_the_emptied_field_goes_too(scanty: Office) -> None:
    ticket = scanty.ticket("good")
    scanty.sync()
    scanty.jira.edit(ticket, labels=["bad"])
    scanty.sync()
    scanty.set_field(ticket, "Good", SCANTY)
    assert scanty.sync().exit_code is ExitCode.PARTIAL
    assert scanty.field(ticket, SCANTY) is None
