"""A Jira issue that is moved to another project gets another key and stays the same: what names the old key still finds it."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec
import pytest

from mappings.model import Link, WorkItem
from sync.assess import Assessment, assess
from sync.check import stored_findings
from sync.explain import find_subjects
from sync.outcome import ExitCode

if TYPE_CHECKING:
    from tests.engine.conftest import Office

REPO = "example/churn"


@pytest.fixture
def office(office: Office) -> Office:
    """Both projects are in scope, and everything is listed whole each time."""
    office.jira.add_project("OTHER", "Another project")
    office.scopes["jira"] = {"projects": ["ML", "OTHER"]}
    office.scopes["shelf"] = {"prefix": ""}
    office.projects["churn"]["release"] = {"alias": "champion"}
    office.limits = msgspec.structs.replace(office.limits, full_every=timedelta())
    return office


def released(office: Office) -> str:
    """A ticket whose pull request is merged, and whose model is trained and released."""
    ticket = office.ticket()
    sha, number = office.propose(ticket)
    office.github.merge(REPO, number, "merge")
    office.train("churn-classifier", sha)
    return ticket


def assessed(office: Office) -> Assessment:
    return assess(office.database, office.workspace().projects[0], stop=threading.Event())


def to_ticket(office: Office, ticket: str, kind: str) -> list[Link]:
    """The links to a ticket from things of a kind."""
    return [one for one in assessed(office).graph.links_to(office.ref(ticket)) if one.source.kind == kind]


def assert_settled(office: Office) -> None:
    """Another sync writes nothing."""
    written = office.writes
    assert office.sync().exit_code is ExitCode.DONE
    assert office.writes == written


def test_a_moved_ticket_keeps_its_pull_request_its_run_and_its_status(office: Office) -> None:
    ticket = released(office)
    office.sync()
    assert office.field(ticket) == "Model ready"
    moved = office.jira.move(ticket, "OTHER")
    assert office.sync().exit_code is ExitCode.DONE
    assert moved != ticket
    assert office.field(moved) == "Model ready"
    assert office.property(moved)["statuses"]
    (change,) = {one.source for one in to_ticket(office, moved, "change_request")}
    assert {one.confidence for one in to_ticket(office, moved, "change_request")} == {"exact"}
    assert any(one.because.endswith(f"names {ticket}, which is {moved} now") for one in to_ticket(office, moved, "change_request"))
    graph = assessed(office).graph
    (run,) = {one.source for one in graph.links_to(change) if one.source.kind == "run"}
    assert [one.source.kind for one in graph.links_to(run)] == ["model_version"]
    assert_settled(office)


def test_people_find_a_moved_ticket_by_its_old_key(office: Office) -> None:
    ticket = office.ticket()
    office.pull()
    moved = office.jira.move(ticket, "OTHER")
    office.pull()
    known = assessed(office)
    assert [one.ref for one in find_subjects(known, ticket.lower())] == [office.ref(moved)]
    assert find_subjects(known, ticket) == find_subjects(known, moved)


def test_work_begun_under_the_old_key_is_found_after_the_move(office: Office) -> None:
    ticket = office.ticket()
    office.sync()
    moved = office.jira.move(ticket, "OTHER")
    office.pull()
    sha, number = office.propose(ticket)
    office.github.merge(REPO, number, "merge")
    office.train("churn-classifier", sha)
    office.sync()
    assert office.field(moved) == "Model ready"
    assert_settled(office)


def test_a_ticket_that_is_moved_on_and_back_is_found_by_each_of_its_keys(office: Office) -> None:
    ticket = released(office)
    office.sync()
    there = office.jira.move(ticket, "OTHER")
    office.sync()
    back = office.jira.move(there, "ML")
    office.propose(there)
    office.sync()
    assert office.field(back) == "Model ready"
    changes = to_ticket(office, back, "change_request")
    assert len({one.source for one in changes}) == 2
    assert {one.confidence for one in changes} == {"exact"}
    (item,) = (one for one in assessed(office).graph.of(WorkItem) if one.ref == office.ref(back))
    assert set(item.former_keys) == {ticket, there} - {back}
    assert_settled(office)


def test_a_ticket_that_leaves_the_scope_takes_its_former_key_along_and_brings_it_back(office: Office) -> None:
    office.jira.add_project("AWAY", "Not in scope")
    ticket = released(office)
    office.sync()
    away = office.jira.move(ticket, "AWAY")
    office.sync()
    office.sync()
    assert (office.field(away), office.property(away)) == (None, None)
    assert office.ref(away) not in assessed(office).graph.entities
    back = office.jira.move(away, "OTHER")
    office.sync()
    assert office.field(back) == "Model ready"
    assert_settled(office)


def test_a_declared_link_and_a_tag_find_a_ticket_by_its_old_key(office: Office) -> None:
    tagged, declared = office.ticket(), office.ticket()
    sha = office.github.commit(REPO, "Train", branch="topic")
    office.github.merge(REPO, office.github.open_pull(REPO, "Train", "topic"), "merge")
    version = office.train("churn-classifier", sha)
    office.shelf.put(msgspec.structs.replace(version, tags={"milepost.issue": tagged}))
    other = office.train("loan-scorer", sha)
    link = {"source": f"shelf:model/{other.ref.id}", "relation": "built_from", "target": f"jira:{declared}"}
    office.projects["churn"]["links"] = [link]
    office.sync()
    assert [office.field(one) for one in (tagged, declared)] == ["Model ready", "Model ready"]
    moved = [office.jira.move(one, "OTHER") for one in (tagged, declared)]
    result = office.sync()
    assert result.exit_code is ExitCode.DONE
    assert assessed(office).findings == []
    for one, source in zip(moved, (version, other), strict=True):
        found = to_ticket(office, one, "model_version")
        assert [(link.source, link.confidence) for link in found] == [(source.ref, "declared")]
    assert [office.field(one) for one in moved] == ["Model ready", "Model ready"]
    assert_settled(office)


def test_a_moved_watch_ticket_receives_on_under_the_key_that_the_project_file_names(office: Office) -> None:
    watch = office.ticket()
    office.projects["churn"]["watch"] = {"jira": watch}
    bad = {"id": "bad", "title": "Bad", "kind": "alarm", "rank": 70, "says": "{reason}", "label": "bad"}
    office.top["statuses"] = [bad | {"for": "model_version", "when": {"any": [{"subject": {"released": True}}]}}]
    version = office.train("churn-classifier", "f" * 40)
    office.sync()
    assert office.field(watch) == "Bad"
    moved = office.jira.move(watch, "OTHER")
    assert office.sync().exit_code is ExitCode.DONE
    assert office.field(moved) == "Bad"
    assert_settled(office)
    workspace = office.workspace()
    told = stored_findings(office.database, workspace.projects)
    assert [finding for findings in told.values() for finding in findings if finding.topic == "watch"] == []
    office.shelf.put(msgspec.structs.replace(version, aliases=()))
    office.sync()
    assert office.field(moved) is None
