"""The safety check as people meet it: many small runs are one large one, and what is refused writes nothing but what is no
longer known."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import update

from connectors.errors import Unavailable
from sync.outcome import ExitCode
from sync.planning import ROLLING
from sync.store import publishing
from sync.store.audit import recent_rewrites
from sync.store.schema import audit

if TYPE_CHECKING:
    from tests.engine.conftest import Office

REPO = "example/churn"


@pytest.fixture
def office(office: Office) -> Office:
    """GitHub alone: one label is one write."""
    office.projects = {"churn": {"scopes": {"github": {"repositories": [REPO]}}}}
    return office


def issues(office: Office, count: int) -> list[int]:
    return [office.github.add_issue(REPO, f"Drift {number}", labels=["bad"]) for number in range(count)]


def get_well(office: Office, numbers: list[int]) -> None:
    for number in numbers:
        office.github.remove_label(REPO, number, "bad")


def released(office: Office, count: int) -> list[str]:
    """Tickets whose models are in release, which only the shelf knows."""
    office.projects["churn"] = {"scopes": {**office.scopes, "shelf": {"prefix": ""}}, "release": {"alias": "champion"}}
    tickets = [office.ticket() for _ in range(count)]
    for number, ticket in enumerate(tickets):
        sha, pull = office.propose(ticket)
        office.github.merge(REPO, pull, "merge")
        office.train(f"model-{number}", sha)
    return tickets


def lose_the_shelf(office: Office) -> None:
    def down(stop: threading.Event, page: int) -> None:
        raise Unavailable("shelf", "fell over")

    office.shelf.before_page = down
    office.unknown_after = timedelta()


def find_the_shelf(office: Office) -> None:
    office.shelf.before_page = lambda stop, page: None


def test_too_many_additions_at_once_need_a_word(office: Office) -> None:
    office.top["safety"] = {"max_additions": 5}
    numbers = issues(office, 6)
    result = office.sync()
    assert result.exit_code is ExitCode.REFUSED
    assert "--initial" in str(result.projects[0].refused)
    assert result.projects[0].applied is None
    assert office.writes == 0
    assert office.sync(force=True).exit_code is ExitCode.REFUSED
    assert office.plan().exit_code is ExitCode.REFUSED
    assert office.sync(initial=True).exit_code is ExitCode.DONE
    assert all("ml/bad" in office.labels(number) for number in numbers)


def test_many_small_runs_are_one_large_one(office: Office) -> None:
    numbers = issues(office, 30)
    assert office.sync().exit_code is ExitCode.DONE
    for start in (0, 5):
        get_well(office, numbers[start : start + 5])
        assert office.sync().exit_code is ExitCode.DONE
    written = office.writes
    get_well(office, numbers[10:11])
    result = office.sync()
    assert result.exit_code is ExitCode.REFUSED
    assert "11 updates and removals within 24 hours" in str(result.projects[0].refused)
    assert office.writes == written
    assert office.sync(initial=True).exit_code is ExitCode.REFUSED
    with office.database.write() as tx:
        tx.execute(update(audit).values(at=office.database.now(tx) - timedelta(hours=25)))
    assert office.sync().exit_code is ExitCode.DONE
    assert office.writes == written + 1


def test_force_lets_one_run_through(office: Office) -> None:
    numbers = issues(office, 20)
    office.sync()
    get_well(office, numbers)
    assert office.sync().exit_code is ExitCode.REFUSED
    assert office.sync(force=True).exit_code is ExitCode.DONE
    assert all(office.labels(number) == set() for number in numbers)
    assert office.sync().exit_code is ExitCode.DONE


def test_a_refused_project_does_not_hold_up_another(office: Office) -> None:
    office.github.add_repository("example/loan")
    office.projects["loan"] = {"scopes": {"github": {"repositories": ["example/loan"]}}}
    office.top["safety"] = {"max_additions": 2}
    issues(office, 3)
    number = office.github.add_issue("example/loan", "Drift", labels=["bad"])
    result = office.sync()
    assert result.exit_code is ExitCode.REFUSED
    assert [run.refused is None for run in result.projects] == [False, True]
    assert office.labels(number, "example/loan") == {"bad", "ml/bad"}


def test_additions_for_all_projects_of_a_run_count_together(office: Office) -> None:
    office.github.add_repository("example/loan")
    office.projects["loan"] = {"scopes": {"github": {"repositories": ["example/loan"]}}}
    office.top["safety"] = {"max_additions": 4}
    issues(office, 3)
    numbers = [office.github.add_issue("example/loan", "Drift", labels=["bad"]) for _ in range(2)]
    office.pull()
    for result in (office.plan(), office.sync()):
        churn, loan = (run.refused for run in result.projects)
        assert churn is None
        assert "project loan: 5 additions in one run (3 of them for other projects)" in str(loan)
    assert not any("ml/bad" in office.labels(number, "example/loan") for number in numbers)
    assert office.sync().exit_code is ExitCode.DONE
    assert all("ml/bad" in office.labels(number, "example/loan") for number in numbers)


def test_initial_allows_all_projects_of_a_run(office: Office) -> None:
    office.github.add_repository("example/loan")
    office.projects["loan"] = {"scopes": {"github": {"repositories": ["example/loan"]}}}
    office.top["safety"] = {"max_additions": 0}
    issues(office, 3)
    office.github.add_issue("example/loan", "Drift", labels=["bad"])
    assert office.sync(initial=True).exit_code is ExitCode.DONE


def test_what_is_no_longer_known_goes_and_comes_back_however_much_it_is(office: Office) -> None:
    tickets = released(office, 12)
    assert office.sync().exit_code is ExitCode.DONE
    lose_the_shelf(office)
    result = office.sync()
    assert result.exit_code is ExitCode.PARTIAL
    assert result.projects[0].refused is None
    assert {office.field(ticket) for ticket in tickets} == {"Unknown"}
    find_the_shelf(office)
    assert office.sync().exit_code is ExitCode.DONE
    assert {office.field(ticket) for ticket in tickets} == {"Model ready"}
    with office.database.read() as tx:
        assert recent_rewrites(tx, "churn", office.database.now(tx) - ROLLING) == 0


def test_of_a_refused_plan_what_is_no_longer_known_still_goes(office: Office) -> None:
    tickets, numbers = released(office, 1), issues(office, 12)
    assert office.sync().exit_code is ExitCode.DONE
    lose_the_shelf(office)
    get_well(office, numbers)
    assert office.sync().exit_code is ExitCode.REFUSED
    assert {office.field(ticket) for ticket in tickets} == {"Unknown"}
    assert [one["state"] for one in office.property(tickets[0])["statuses"]] == ["unknown"]
    assert all(office.labels(number) == {"ml/bad"} for number in numbers)
    find_the_shelf(office)
    assert office.sync().exit_code is ExitCode.REFUSED
    assert {office.field(ticket) for ticket in tickets} == {"Unknown"}
    assert office.sync(force=True).exit_code is ExitCode.DONE
    assert {office.field(ticket) for ticket in tickets} == {"Model ready"}


def test_what_is_refused_is_not_remembered_either(office: Office) -> None:
    office.top["safety"] = {"max_additions": 0}
    office.github.add_issue(REPO, "Equal already", labels=["bad", "ml/bad"])
    issues(office, 1)
    assert office.sync().exit_code is ExitCode.REFUSED
    with office.database.read() as tx:
        assert publishing.published(tx, "churn") == {}
        assert publishing.settled(tx, "churn") == {}


def test_adoption_and_empty_plans_are_never_refused(office: Office) -> None:
    office.top["safety"] = {"max_additions": 0, "max_changes": 0}
    office.github.add_issue(REPO, "Equal already", labels=["bad", "ml/bad"])
    assert office.sync().exit_code is ExitCode.DONE
    with office.database.read() as tx:
        assert len(publishing.published(tx, "churn")) == 1


def test_what_was_taken_back_does_not_count_against_what_changes_after(office: Office) -> None:
    numbers = issues(office, 12)
    office.sync()
    assert office.unpublish("churn").exit_code is ExitCode.DONE
    assert office.sync().exit_code is ExitCode.DONE
    get_well(office, numbers[:1])
    assert office.sync().exit_code is ExitCode.DONE
    assert office.labels(numbers[0]) == set()
