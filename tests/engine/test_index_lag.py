"""A listing that still shows what was there before our own write is no person's doing."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from mappings.change import Plan
from sync.outcome import ExitCode
from sync.results import RunResult

if TYPE_CHECKING:
    from tests.engine.conftest import Office


def plan_of(result: RunResult) -> Plan:
    plan = result.projects[0].plan
    assert plan is not None
    return plan


def is_quiet(result: RunResult) -> bool:
    plan = plan_of(result)
    return result.exit_code is ExitCode.DONE and not plan.changes and not plan.notes and not plan.memories


@pytest.mark.parametrize("status", ["good", "bad"])
def test_our_own_write_that_search_does_not_see_yet_is_believed(office: Office, status: str) -> None:
    ticket = office.ticket(status)
    office.pull()
    office.jira.lag = math.inf
    office.apply()
    office.pull()
    assert is_quiet(office.plan())
    assert is_quiet(office.sync())
    office.jira.lag = 0
    office.jira.index()
    assert is_quiet(office.sync())
    assert office.field(ticket) == status.capitalize()


def test_what_ends_while_search_lags_is_withdrawn_and_what_opens_again_is_shown(office: Office) -> None:
    ticket = office.ticket("bad")
    office.sync()
    office.jira.edit(ticket, labels=[])
    office.pull()
    office.jira.lag = math.inf
    office.apply()
    assert office.field(ticket) is None
    assert is_quiet(office.apply())
    office.jira.lag = 0
    office.jira.edit(ticket, labels=["bad"])
    office.sync()
    assert office.field(ticket) == "Bad"
    assert is_quiet(office.sync())


def test_a_persons_change_soon_after_our_write_is_seen_at_once_by_what_may_ask(office: Office) -> None:
    ticket = office.ticket("bad")
    office.sync()
    office.set_field(ticket, None)
    result = office.sync()
    assert [note.kind for note in plan_of(result).notes] == ["override"]
    assert office.field(ticket) is None
