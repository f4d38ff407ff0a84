"""The safety check as people meet it: many small runs are one large one, and what is refused writes nothing at all."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import update

from sync.outcome import ExitCode
from sync.store import publishing
from sync.store.schema import audit

if TYPE_CHECKING:
    from tests.engine.conftest import Office

REPO = "example/churn"


@pytest.fixture
def dialect() -> str:
    """One database will do: the store's own tests prove its counting on both."""
    return "sqlite"


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
