"""A project whose key was changed in the project file: it is the same one, and nothing starts anew."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec
import pytest

from sandbox.faults import Fault, out_of_service
from sync.apply import lease_name
from sync.engine import Run
from sync.outcome import ExitCode
from sync.store import audit, leases, publishing, resting, verdicts
from sync.store.leases import LeaseHeld
from tests.engine.conftest import FIELD, OPTIONS, kinds

if TYPE_CHECKING:
    from sync.store.leases import Lease
    from tests.engine.conftest import Office

pytestmark = pytest.mark.both_databases

on_a_file = pytest.mark.parametrize("dialect", ["sqlite"])
on_the_server = pytest.mark.parametrize("dialect", ["postgresql"])


def rewrites(office: Office, project: str) -> int:
    with office.database.read() as tx:
        return audit.recent_rewrites(tx, project, office.database.now(tx) - timedelta(days=1))


def at_work_for(office: Office, project: str) -> AbstractContextManager[Lease]:
    """Another run has the project's lease."""
    minute, stop = timedelta(minutes=1), threading.Event()
    return leases.held(office.database, lease_name(project), holder="another run", ttl=minute, wait=timedelta(), stop=stop)


def remembered(office: Office) -> tuple[list[str], list[str]]:
    """For which projects something is published, and which rest on anything."""
    with office.database.read() as tx:
        return publishing.projects(tx), list(resting.by_project(tx))


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
    office.rename()
    office.jira.faults.append(Fault(out_of_service(), path="*/search/*", times=1_000))
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
    office.rename()
    assert kinds(office.sync()) == ["override"]
    assert office.field(ticket) is None
    assert office.property(ticket)["project"] == "loyalty"
    assert office.property(ticket)["statuses"][0]["since"] == since
    office.jira.edit(ticket, labels=[])
    assert kinds(office.sync()) == []


def test_there_and_back_again_writes_the_name_alone(shown: tuple[Office, str]) -> None:
    office, ticket = shown
    for former, key in (("churn", "loyalty"), ("loyalty", "churn")):
        office.rename(former, key)
        written = office.writes
        assert office.sync().exit_code is ExitCode.DONE
        assert office.property(ticket)["project"] == key
        assert office.writes == written + 1


def test_a_plan_knows_it_again_as_well(shown: tuple[Office, str]) -> None:
    office, ticket = shown
    office.rename()
    office.jira.faults.append(Fault(out_of_service(), path="*", times=1_000))
    (planned,) = office.plan().projects
    assert planned.plan is not None
    assert [(change.key, change.slot.kind) for change in planned.plan.changes] in ([], [(ticket, "property")])


def test_other_scopes_make_another_project(shown: tuple[Office, str]) -> None:
    office, _ = shown
    office.rename()
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
    office.rename("second", "third")
    office.sync()
    assert office.field(ticket) == "Bad"
    with office.database.read() as tx:
        assert publishing.projects(tx) == ["third"]
        assert rewrites(office, "third") == 0


def test_a_plan_knows_the_project_and_leaves_its_memory_where_it_is(shown: tuple[Office, str]) -> None:
    office, ticket = shown
    office.rename()
    (planned,) = office.plan().projects
    assert planned.plan is not None
    assert [(change.key, change.slot.kind) for change in planned.plan.changes] == [(ticket, "property")]
    (standing,) = [one for one in planned.assessment.standings if one.truth]
    assert standing.episode is not None
    with office.database.read() as tx:
        assert publishing.projects(tx) == ["churn"]
        assert standing.episode in {one.id for one in verdicts.open_episodes(tx, "churn")}


@on_a_file
@pytest.mark.parametrize("away", [False, True])
def test_a_sync_waits_for_the_run_at_work_under_the_former_name(shown: tuple[Office, str], away: bool) -> None:
    office, ticket = shown
    office.rename()
    if away:
        office.lose_jira()
    with at_work_for(office, "churn"), pytest.raises(LeaseHeld):
        office.sync()
    assert office.field(ticket) == "Bad"
    office.sync()
    assert office.field(ticket) == "Bad"
    assert remembered(office) == (["loyalty"], ["loyalty"])


@on_the_server
def test_runs_that_know_it_again_at_once_lose_nothing(shown: tuple[Office, str]) -> None:
    office, ticket = shown
    with office.database.read() as tx:
        before = verdicts.load(tx, "churn")
    assert before
    office.rename()
    patient = msgspec.structs.replace(office.workspace(), wait=timedelta(minutes=1))
    runs = [Run(patient, patient.projects, "pull", stop=office.stop) for _ in range(3)]
    all_there = threading.Barrier(len(runs))

    def judge(run: Run) -> None:
        all_there.wait(timeout=60)
        run.judge()

    with ThreadPoolExecutor(len(runs)) as pool:
        list(pool.map(judge, runs))
    with office.database.read() as tx:
        after = verdicts.load(tx, "loyalty")
        assert verdicts.load(tx, "churn") == []
    assert {(one.rule, one.subject, one.truth, one.since) for one in after if one.subject == office.ref(ticket)} == {
        (one.rule, one.subject, one.truth, one.since) for one in before if one.subject == office.ref(ticket)
    }
    assert remembered(office) == (["loyalty"], ["loyalty"])


@on_a_file
def test_a_scope_that_was_never_listed_does_not_make_it_another_one(office: Office) -> None:
    office.scopes["github"] = {"repositories": ["example/gone"]}
    ticket = office.ticket("bad")
    office.sync()
    office.rename()
    office.lose_jira()
    office.sync()
    assert office.field(ticket) == "Bad"
    assert remembered(office)[0] == ["loyalty"]


@on_a_file
def test_another_prefix_and_field_in_the_same_edit_do_not_make_it_another_one(shown: tuple[Office, str]) -> None:
    office, ticket = shown
    since = office.property(ticket)["statuses"][0]["since"]
    office.rename()
    office.jira.add_field("Risk Status", "select", options=OPTIONS)
    office.top["publish"] = {"jira": {"field": "Risk Status"}, "github": {"prefix": "new/"}}
    office.sync()
    assert office.field(ticket, "Risk Status") == "Bad"
    assert office.property(ticket)["statuses"][0]["since"] == since
    assert remembered(office) == (["loyalty"], ["loyalty"])


@on_a_file
def test_a_key_whose_project_was_taken_back_before_is_free(office: Office) -> None:
    office.jira.add_project("OPS", "Operations")
    office.jira.add_issue("OPS", "A ticket", labels=["bad"])
    ticket = office.ticket("bad")
    office.projects["loyalty"] = {"scopes": {"jira": {"projects": ["OPS"]}}}
    office.sync()
    del office.projects["loyalty"]
    assert office.unpublish("loyalty").exit_code is ExitCode.DONE
    office.sync()
    office.rename()
    office.lose_jira()
    office.sync()
    assert office.field(ticket) == "Bad"
    assert remembered(office)[0] == ["loyalty"]


@on_a_file
def test_an_alarm_of_the_project_itself_goes_on_and_ends_under_the_new_key(office: Office) -> None:
    office.judge_by_runs()
    office.top["statuses"] = [{**office.top["statuses"][0], "for": "project", "via": []}]
    ticket = office.ticket()
    office.projects["churn"]["watch"] = {"jira": ticket}
    office.tries("r", ticket)
    office.sync()
    assert office.field(ticket) == "Bad"
    office.shelf.lose()
    office.rename()
    for _ in range(2):
        office.sync()
        assert office.field(ticket) == "Bad"
    office.shelf.find()
    office.tries("r", ticket, "finished")
    office.sync()
    assert office.field(ticket) is None
    with office.database.read() as tx:
        assert verdicts.open_episodes(tx, "loyalty") == verdicts.open_episodes(tx, "churn") == []


@on_a_file
def test_two_that_swap_their_keys_while_their_source_is_away_show_their_alarms_on(office: Office) -> None:
    office.jira.add_project("OPS", "Operations")
    office.without = {"github", "shelf"}
    office.top["publish"] = {"jira": {"field": FIELD}}
    ml, ops = ({"scopes": {"jira": {"projects": [project]}}} for project in ("ML", "OPS"))
    office.projects = {"one": ml, "two": ops}
    tickets = [office.ticket("bad"), office.jira.add_issue("OPS", "A ticket", labels=["bad"])]
    office.sync()
    office.projects = {"two": ml, "one": ops}
    office.lose_jira()
    office.sync()
    assert [office.field(ticket) for ticket in tickets] == ["Bad", "Bad"]
