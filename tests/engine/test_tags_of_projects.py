"""The tags that a project names are read from what is stored: a changed list needs no new reading of the sources."""

from __future__ import annotations

from tests.engine.conftest import Office, a_run


def test_a_tag_that_is_named_later_counts_from_the_next_plan_on(office: Office) -> None:
    office.judge_by_runs()
    ticket = office.ticket()
    office.shelf.put(a_run("failed", "failed", tags={"Work-Item": ticket}))
    office.sync()
    assert office.field(ticket) is None

    read = len(office.shelf.pulls)
    office.projects["churn"]["tags"] = {"ticket": ["work-item"]}
    office.apply()
    assert office.field(ticket) == "Bad"
    assert len(office.shelf.pulls) == read
