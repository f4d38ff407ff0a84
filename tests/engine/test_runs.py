"""Runs as a whole: what is recorded, who may run at a time, what a stop leaves, and what a source in trouble does not hold up."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec
import pytest
from sqlalchemy import select, update

from connectors.base import Options, SourceContext
from connectors.errors import Cancelled
from mappings.model import Ref
from sandbox.faults import Answer, Fault, answers, html_page
from sandbox.messages import ConnectionDropped, Reply, Request
from sync.apply import lease_name
from sync.assess import Assessment, assess
from sync.build import GROUP, ConnectionTypes
from sync.check import check_sources
from sync.outcome import ExitCode
from sync.replay import replay
from sync.safety import Permission
from sync.store import leases, runs, verdicts
from sync.store.leases import LeaseHeld
from sync.store.schema import outbox, stream

if TYPE_CHECKING:
    from tests.engine.conftest import Office

REPO = "example/churn"


def test_a_run_is_recorded_with_its_outcome(office: Office) -> None:
    office.ticket("bad")
    office.sync()
    office.jira.faults.append(Fault(html_page(403), path="*", times=1_000))
    office.sync()
    with office.database.read() as tx:
        latest, first = runs.latest(tx)
    assert (first.command, first.projects, first.outcome, first.exit_code) == ("sync", ("churn",), "done", 0)
    assert first.finished_at is not None
    assert (first.summary["planned"], first.summary["written"], first.summary["failed"]) == (2, 2, 0)
    assert first.summary["records"] > 0
    assert (latest.outcome, latest.exit_code) == ("partial", 3)


def test_a_source_that_was_given_up_is_not_asked_again_for_any_project(office: Office) -> None:
    office.jira.add_project("OTHER", "Another project")
    office.projects["other"] = {"scopes": {"jira": {"projects": ["OTHER"]}}}
    office.ticket("bad")
    office.jira.add_issue("OTHER", "Bad as well", labels=["bad"])
    office.pull()
    office.jira.faults.append(Fault(answers(401, {"message": "no"}), path="*", times=1_000))
    asked = len(office.jira.requests)
    result = office.sync()
    assert result.exit_code is ExitCode.PARTIAL
    assert len(office.jira.requests) - asked == 1
    applied = [one.applied for one in result.projects if one.applied is not None]
    assert [{one.state for one in each.results} for each in applied] == [{"unsent"}, {"unsent"}]
    assert all("401" in (one.why or "") for each in applied for one in each.results)
    office.jira.faults.clear()
    assert office.sync().exit_code is ExitCode.DONE


def test_a_source_that_fails_while_it_is_written_to_is_not_asked_for_the_next_project(office: Office) -> None:
    office.jira.add_project("OTHER", "Another project")
    office.projects["other"] = {"scopes": {"jira": {"projects": ["OTHER"]}}}
    office.ticket("bad")
    office.jira.add_issue("OTHER", "Bad as well", labels=["bad"])
    office.pull()
    office.jira.faults.append(Fault(answers(401, {"message": "no"}), path="*", times=1_000))
    asked = len(office.jira.requests)
    result = office.apply()
    assert result.exit_code is ExitCode.PARTIAL
    assert len(office.jira.requests) - asked == 1
    assert [one.applied.count("unsent") for one in result.projects if one.applied is not None] == [2, 2]


def test_one_run_at_a_time_writes_for_a_project(office: Office) -> None:
    office.ticket("bad")
    office.pull()
    held = leases.acquire(
        office.database,
        lease_name("churn"),
        holder="another-run",
        ttl=timedelta(hours=1),
        wait=timedelta(),
        stop=threading.Event(),
    )
    with pytest.raises(LeaseHeld, match="another-run"):
        office.apply()
    assert not office.plan().projects[0].plan.is_empty  # type: ignore[union-attr]  # a plan needs no lease
    leases.release(office.database, held)
    assert office.apply().exit_code is ExitCode.DONE


def test_a_stop_ends_before_the_next_project(office: Office) -> None:
    office.projects["second"] = {"scopes": {"shelf": {"prefix": ""}}}
    office.pull()
    run = office.run("apply")
    office.stop.set()
    run.apply(Permission())
    result = run.finish()
    assert result.projects == []
    assert result.exit_code is ExitCode.PARTIAL


def test_a_source_left_in_doubt_holds_up_itself_alone(office: Office) -> None:
    ticket = office.ticket("bad")
    number = office.github.add_issue(REPO, "Drift", labels=["bad"])
    office.pull()
    down = Fault(html_page(403), path="*", times=1_000)

    def breaks(request: Request, answer: Answer) -> Reply:
        """The write is made, its answer is lost, and then nothing can be asked any more."""
        answer()
        office.jira.faults.append(down)
        raise ConnectionDropped

    office.jira.faults.append(Fault(breaks, method="PUT"))
    first = office.apply()
    assert first.exit_code is ExitCode.PARTIAL
    assert office.labels(number) == {"bad", "ml/bad"}
    office.github.remove_label(REPO, number, "bad")
    second = office.sync()
    assert second.exit_code is ExitCode.PARTIAL
    assert "jira" in str(second.projects[0].failed)
    assert office.labels(number) == set()
    with office.database.read() as tx:
        states = set(tx.execute(select(outbox.c.state).where(outbox.c.source == "jira")).scalars())
    assert "sending" in states
    office.jira.faults.clear()
    assert office.sync().exit_code is ExitCode.DONE
    assert office.field(ticket) == "Bad"


def test_a_check_tells_every_source_apart(office: Office) -> None:
    office.scopes["shelf"] = {"prefix": ""}
    office.github.revoke_token("sandbox-token")
    office.ticket()
    checked = check_sources(list(office.workspace().sources.values()), stop=threading.Event())
    assert {(one.source, one.type, one.works) for one in checked} == {
        ("jira", "jira", True),
        ("github", "github", False),
        ("shelf", "shelf", True),
    }


@pytest.mark.parametrize(
    ("error", "level", "told"), [(KeyError("x"), "error", "unexpected KeyError"), (Cancelled(), "warning", "stopped")]
)
def test_a_connectors_mistake_in_a_check_is_its_own(
    office: Office, monkeypatch: pytest.MonkeyPatch, error: Exception, level: str, told: str
) -> None:
    office.only_the_shelf()
    source = office.workspace().sources["shelf"]

    def check(self: object, scope: Options) -> None:
        raise error

    def opened(context: SourceContext) -> object:
        reader = source.connection.reader(context)
        monkeypatch.setattr(type(reader), "check", check)
        return reader

    broken = msgspec.structs.replace(source, connection=msgspec.structs.replace(source.connection, reader=opened))
    (checked,) = check_sources([broken], stop=threading.Event())
    (finding,) = checked.findings
    assert finding.level == level
    assert told in finding.text


def test_a_source_without_a_scope_is_told_of(office: Office) -> None:
    (checked,) = check_sources([office.workspace().sources["shelf"]], stop=threading.Event())
    assert [finding.text for finding in checked.findings] == ["no project scopes this source"]
    assert checked.works


def test_a_replay_tells_what_an_edit_of_the_rules_would_change(office: Office) -> None:
    tickets = [office.ticket("bad"), office.ticket("good")]
    office.pull()
    with office.database.read() as tx:
        stored = verdicts.load(tx, "churn")

    def assessed() -> Assessment:
        (project,) = office.workspace().projects
        return assess(office.database, project, stop=threading.Event())

    assert replay(assessed(), stored) == []
    shipped = office.top["statuses"]
    office.top["statuses"] = [
        {**status, "when": {"any": [{"subject": {"label": "good"}}]}} if status["id"] == "bad" else status
        for status in office.top["statuses"]
    ]
    differences = replay(assessed(), stored)
    assert [(one.rule, one.subject, one.before, one.after) for one in differences] == [
        ("bad", tickets[0], True, False),
        ("bad", tickets[1], False, True),
    ]
    assert all(one.applied_before and one.applies_after and one.url for one in differences)
    office.top["statuses"] = [status for status in office.top["statuses"] if status["id"] != "bad"]
    dropped = replay(assessed(), stored)
    assert [(one.rule, one.applies_after) for one in dropped] == [("bad", False), ("bad", False)]
    office.top["statuses"] = [*shipped, {**shipped[0], "id": "fine", "title": "Fine", "label": "fine"}]
    added = replay(assessed(), stored)
    assert [(one.rule, one.applied_before, one.after) for one in added] == [("fine", False, False), ("fine", False, True)]
    with office.database.read() as tx:
        assert verdicts.load(tx, "churn") == stored


def test_projects_are_chosen_in_the_files_order(office: Office) -> None:
    office.projects = {key: {"scopes": {"shelf": {"prefix": key}}} for key in ("b", "a")}
    workspace = office.workspace()
    assert [project.key for project in workspace.chosen(["a", "b"])] == ["b", "a"]
    assert [project.key for project in workspace.chosen([])] == ["b", "a"]
    with pytest.raises(KeyError, match="c"):
        workspace.chosen(["a", "c"])
    (source,) = workspace.sources_of(workspace.chosen(["a"]))
    assert [scope.label for scope in source.scopes] == ["a"]


def test_what_is_ours_decides_which_listing_counts(office: Office) -> None:
    """A label that becomes ours must be stripped from what was read before: everything is listed anew."""
    before = office.workspace().sources["github"].scopes[0].hash
    office.top["fresh_within"] = "5h"
    assert office.workspace().sources["github"].scopes[0].hash == before
    office.top["publish"]["github"] = {"prefix": "ai/"}
    assert office.workspace().sources["github"].scopes[0].hash != before


def test_a_new_status_is_planned_on_what_was_read_before_it(office: Office) -> None:
    """Its label becomes ours, so everything is listed anew; until then what was listed still holds."""
    number = office.github.add_issue(REPO, "Fine", labels=["good"])
    office.sync()
    office.top["statuses"] = [
        *office.top["statuses"],
        {**office.top["statuses"][0], "id": "fine", "title": "Fine", "label": "fine"},
    ]
    plan = office.plan().projects[0].plan
    assert plan is not None
    assert [(change.action, change.slot.name) for change in plan.changes] == [("add", "ml/fine")]
    office.github.faults.append(Fault(html_page(404), path="*", times=1_000))
    assert office.sync().exit_code is ExitCode.PARTIAL
    assert office.labels(number) == {"good", "ml/good"}
    office.github.faults.clear()
    assert office.sync().exit_code is ExitCode.DONE
    assert office.labels(number) == {"good", "ml/good", "ml/fine"}


def test_a_scope_that_the_file_dropped_is_forgotten_after_some_days(office: Office) -> None:
    office.only_the_shelf()
    office.pull()
    office.projects = {"churn": {"scopes": {"shelf": {"prefix": "a"}}}}

    def listings() -> int:
        with office.database.read() as tx:
            return len(tx.execute(select(stream.c.id).where(stream.c.source == "shelf")).all())

    office.pull()
    assert listings() == 2
    with office.database.write() as tx:
        long_ago = office.database.now(tx) - timedelta(days=4)
        tx.execute(update(stream).values(sweep_started_at=long_ago, pulled_at=long_ago))
    office.pull()
    assert listings() == 1


def test_an_entry_point_that_is_no_connection_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    types = ConnectionTypes()
    assert {"jira", "github"} <= set(types)
    monkeypatch.setattr(type(types._points["jira"]), "load", lambda point: object())
    with pytest.raises(TypeError, match=f"{GROUP}:jira is no Connection"):
        types["jira"]
    with pytest.raises(KeyError):
        types["none"]


def test_a_plan_writes_nothing_at_all(office: Office) -> None:
    office.ticket("bad")
    office.pull()

    def rows() -> list[Ref]:
        with office.database.read() as tx:
            return [one.subject for one in verdicts.load(tx, "churn")]

    before, written = rows(), office.writes
    office.ticket("bad")
    office.run("pull").pull()
    assert not office.plan().projects[0].plan.is_empty  # type: ignore[union-attr]  # planned it was
    assert rows() == before
    assert office.writes == written
