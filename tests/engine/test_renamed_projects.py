"""A project whose key was changed in the project file: it is the same one, and nothing starts anew."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from sandbox.faults import Fault, html_page
from sync.apply import lease_name
from sync.outcome import ExitCode
from sync.store import audit, leases, publishing, verdicts

if TYPE_CHECKING:
    from sync.engine import RunResult
    from tests.engine.conftest import Office


def rename(office: Office, former: str = "churn", key: str = "loyalty") -> None:
    office.projects = {key if one == former else one: said for one, said in office.projects.items()}


def rewrites(office: Office, project: str) -> int:
    with office.database.read() as tx:
        return audit.recent_rewrites(tx, project, office.database.now(tx) - timedelta(days=1))


def kinds(result: RunResult) -> list[str]:
    return [note.kind for run in result.projects if run.plan is not None for note in run.plan.notes]


@pytest.fixture
def shown(office: Office) -> tuple[Office, str]:
    """A ticket that shows an alarm, and was good before."""
    ticket = office.ticket("good")
    office.sync()
    office.jira.edit(ticket, labels=["bad"])
    office.sync()
    assert office.field(ticket) == "Bad"
    return office, ticket


def test_while_a_source_is_away_alarms_stay_and_limits_still_count(shown: tuple[Office, str]) -> None:
    office, ticket = shown
    counted = rewrites(office, "churn")
    assert counted > 0
    rename(office)
    office.jira.faults.append(Fault(html_page(503), path="*/search/*", times=1_000))
    assert office.sync().exit_code is ExitCode.PARTIAL
    assert office.field(ticket) == "Bad"
    assert rewrites(office, "loyalty") == counted
    with office.database.read() as tx:
        assert publishing.projects(tx) == ["loyalty"]
        assert verdicts.load(tx, "churn") == []


def test_since_when_and_what_a_person_changed_stay(shown: tuple[Office, str]) -> None:
    office, ticket = shown
    since = office.property(ticket)["statuses"][0]["since"]
    office.set_field(ticket, None)
    assert kinds(office.sync()) == ["override"]
    rename(office)
    assert kinds(office.sync()) == ["override"]
    assert office.field(ticket) is None
    assert office.property(ticket)["project"] == "loyalty"
    assert office.property(ticket)["statuses"][0]["since"] == since
    office.jira.edit(ticket, labels=[])
    assert kinds(office.sync()) == []


def test_there_and_back_again_writes_the_name_alone(shown: tuple[Office, str]) -> None:
    office, ticket = shown
    for former, key in (("churn", "loyalty"), ("loyalty", "churn")):
        rename(office, former, key)
        written = office.writes
        assert office.sync().exit_code is ExitCode.DONE
        assert office.property(ticket)["project"] == key
        assert office.writes == written + 1


def test_a_plan_knows_it_again_as_well(shown: tuple[Office, str]) -> None:
    office, ticket = shown
    rename(office)
    office.jira.faults.append(Fault(html_page(503), path="*", times=1_000))
    (planned,) = office.plan().projects
    assert planned.plan is not None
    assert [(change.key, change.slot.kind) for change in planned.plan.changes] in ([], [(ticket, "property")])


def test_other_scopes_make_another_project(shown: tuple[Office, str]) -> None:
    office, _ = shown
    rename(office)
    office.jira.add_project("OTHER", "Another project")
    office.scopes["jira"] = {"projects": ["OTHER"]}
    office.sync()
    with office.database.read() as tx:
        assert publishing.projects(tx) == ["churn"]


def test_two_that_are_alike_are_not_taken_for_one_another(office: Office) -> None:
    """The second of them has nothing of its own on what both hold; whose history it was nobody can tell."""
    office.projects["second"] = dict(office.projects["churn"])
    ticket = office.ticket("bad")
    office.sync()
    del office.projects["churn"]
    rename(office, "second", "third")
    office.sync()
    assert office.field(ticket) == "Bad"
    with office.database.read() as tx:
        assert publishing.projects(tx) == ["third"]
        assert rewrites(office, "third") == 0


def test_a_run_at_work_under_the_former_name_is_not_robbed(shown: tuple[Office, str]) -> None:
    office, _ = shown
    rename(office)
    with leases.held(
        office.database,
        lease_name("churn"),
        holder="another run",
        ttl=timedelta(minutes=1),
        wait=timedelta(),
        stop=threading.Event(),
    ):
        office.plan()
        with office.database.read() as tx:
            assert publishing.projects(tx) == ["churn"]
    office.plan()
    with office.database.read() as tx:
        assert publishing.projects(tx) == ["loyalty"]
