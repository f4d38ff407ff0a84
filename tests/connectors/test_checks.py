"""What the checks of all sources have in common."""

from __future__ import annotations

from collections.abc import Iterator

from connectors.base import Finding
from connectors.checks import attempted, matched
from connectors.errors import NotFound

SEEN = Finding(level="ok", topic="projects", text="project OPS can be read")


def test_what_was_found_before_a_step_failed_is_told_with_why_it_failed() -> None:
    def step() -> Iterator[Finding]:
        yield SEEN
        raise NotFound("jira", "GET /project answered 404", fix="check the scope")

    failed = Finding(level="error", topic="projects", text="GET /project answered 404", fix="check the scope")
    assert list(attempted("projects", step)) == [SEEN, failed]


def test_a_glob_that_matches_nothing_is_told_with_what_may_have_been_meant() -> None:
    found = list(matched("models", ["loan-*", "chrun"], ["churn", "loan-a", "loan-b"], unlike_all="check the name"))
    assert [(one.level, one.text, one.fix) for one in found] == [
        ("ok", "2 of the 3 that may be read match loan-*, chrun", None),
        ("warning", "'chrun' matches nothing", "did you mean churn?"),
    ]


def test_where_no_name_comes_near_the_fix_is_the_sources_own() -> None:
    (found,) = matched("models", ["zzz"], ["churn"], unlike_all="check the name, the region and the account")
    assert found.fix == "check the name, the region and the account"
