"""A ticket that was proven gone and comes back: what Milepost showed there is its own, and what a person set there is theirs."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec
import pytest

from sync.outcome import ExitCode
from sync.store import entities, verdicts

if TYPE_CHECKING:
    from tests.engine.conftest import Office


@pytest.fixture
def attentive(office: Office) -> Office:
    """Lists everything each time, so that it notices at once what is gone or there again."""
    office.limits = msgspec.structs.replace(office.limits, full_every=timedelta())
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
    assert [note for run in result.projects if run.plan is not None for note in run.plan.notes] == []
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


def test_a_persons_change_is_kept(attentive: Office) -> None:
    office = attentive
    ticket, *_ = [office.ticket("bad") for _ in range(6)]
    office.sync()
    office.set_field(ticket, None)
    office.sync()
    hide(office, ticket)
    office.jira.reveal(ticket)
    for _ in range(2):
        result = office.sync()
        kinds = [note.kind for run in result.projects if run.plan is not None for note in run.plan.notes]
        assert kinds == ["override"]
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
