"""Taking back: after `unpublish` nothing of ours is left, and nothing of anybody else's is touched."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pytest

from sandbox.faults import Fault, html_page
from sync.outcome import ExitCode
from sync.store import publishing

if TYPE_CHECKING:
    from sync.results import RunResult
    from tests.engine.conftest import Office

REPO = "example/churn"


def unpublish(office: Office, *keys: str, write: bool = True) -> RunResult:
    run = office.run("unpublish")
    run.unpublish(keys or ("churn",), write=write)
    return run.finish()


def planned(office: Office) -> Sequence[str]:
    run = office.run("unpublish")
    run.unpublish(["churn"], write=False)
    return [f"{change.action} {change.key} {change.slot.name}" for one in run.withdrawn for change in one.plan.changes]


def publishers(office: Office) -> list[str]:
    with office.database.read() as tx:
        return publishing.projects(tx)


@pytest.fixture
def published(office: Office) -> tuple[Office, str, int]:
    ticket = office.ticket("bad", "data")
    number = office.github.add_issue(REPO, "Drift", labels=["bad", "ml/someone-elses"])
    assert office.sync().exit_code is ExitCode.DONE
    return office, ticket, number


def test_nothing_of_ours_is_left_and_nothing_else_is_touched(published: tuple[Office, str, int]) -> None:
    office, ticket, number = published
    written = office.writes
    assert planned(office) == [f"remove {REPO}#{number} ml/bad", f"remove {ticket} ML Status", f"remove {ticket} milepost.status"]
    assert office.writes == written
    assert unpublish(office).exit_code is ExitCode.DONE
    assert office.field(ticket) is office.property(ticket) is None
    assert office.labels(number) == {"bad", "ml/someone-elses"}
    assert office.jira.get(ticket)["fields"]["labels"] == ["bad", "data"]
    assert publishers(office) == []
    assert planned(office) == []


def test_a_dropped_project_is_taken_back_too(published: tuple[Office, str, int]) -> None:
    office, ticket, number = published
    office.github.add_repository("example/other")
    office.projects = {"other": {"scopes": {"github": {"repositories": ["example/other"]}}}}
    assert unpublish(office).exit_code is ExitCode.DONE
    assert office.field(ticket) is office.property(ticket) is None
    assert office.labels(number) == {"bad", "ml/someone-elses"}
    assert publishers(office) == []


def test_a_dropped_project_with_names_of_its_own_is_taken_back_too(office: Office) -> None:
    number = office.github.add_issue(REPO, "Drift", labels=["bad"])
    office.projects["churn"]["publish"] = {"github": {"prefix": "churn/"}}
    office.sync()
    assert office.labels(number) == {"bad", "churn/bad"}
    office.github.add_repository("example/other")
    office.projects = {"other": {"scopes": {"github": {"repositories": ["example/other"]}}}}
    assert unpublish(office).exit_code is ExitCode.DONE
    assert office.labels(number) == {"bad"}


def test_what_a_person_changed_stays(published: tuple[Office, str, int]) -> None:
    office, ticket, number = published
    office.set_field(ticket, "Good")
    office.pull()
    assert unpublish(office).exit_code is ExitCode.DONE
    assert office.field(ticket) == "Good"
    assert office.labels(number) == {"bad", "ml/someone-elses"}
    assert publishers(office) == []


def test_what_a_person_changed_unseen_stays(published: tuple[Office, str, int]) -> None:
    office, ticket, _ = published
    office.set_field(ticket, "Good")
    assert unpublish(office).exit_code is ExitCode.PARTIAL
    assert office.field(ticket) == "Good"
    assert publishers(office) == []


def test_what_could_not_be_taken_back_is_taken_back_later(published: tuple[Office, str, int]) -> None:
    office, ticket, number = published
    office.jira.archive(ticket)
    assert unpublish(office).exit_code is ExitCode.DONE
    assert office.labels(number) == {"bad", "ml/someone-elses"}
    assert publishers(office) == ["churn"]
    office.jira.restore(ticket)
    assert unpublish(office).exit_code is ExitCode.DONE
    assert office.field(ticket) is office.property(ticket) is None
    assert publishers(office) == []


def test_a_source_that_fails_leaves_the_others(published: tuple[Office, str, int]) -> None:
    office, ticket, number = published
    office.jira.faults.append(Fault(html_page(403), path="*", times=1_000))
    assert unpublish(office).exit_code is ExitCode.PARTIAL
    assert office.labels(number) == {"bad", "ml/someone-elses"}
    assert office.field(ticket) == "Bad"
    office.jira.faults.clear()
    assert unpublish(office).exit_code is ExitCode.DONE
    assert office.field(ticket) is None
    assert publishers(office) == []


def test_after_taking_back_a_sync_begins_anew(published: tuple[Office, str, int]) -> None:
    office, ticket, number = published
    unpublish(office)
    assert office.sync().exit_code is ExitCode.DONE
    assert office.field(ticket) == "Bad"
    assert office.labels(number) == {"bad", "ml/bad", "ml/someone-elses"}


def test_a_stop_keeps_what_was_not_taken_back(published: tuple[Office, str, int]) -> None:
    office, _, _ = published
    office.stop.set()
    assert unpublish(office).exit_code is ExitCode.PARTIAL
    assert publishers(office) == ["churn"]
