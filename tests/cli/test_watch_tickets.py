"""A watch ticket that the project does not read is told by whatever reads the project file, and by `check` once it is known."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.github.options import GithubScope
from connectors.jira.options import JiraScope
from tests.cli.office import Office


def watching(office: Office, watch: str, scopes: str = "") -> Office:
    text = office.desk.config.read_text(encoding="utf-8")
    text = text.replace("    name: Operations\n", f"    name: Operations\n    watch: {watch}\n")
    if scopes:
        text = text.replace("jira: {projects: [OPS]}", scopes)
    office.desk.config.write_text(text, encoding="utf-8")
    return office


def linted(office: Office) -> list[Any]:
    ended = office.desk.call("rules", "lint", "-o", "json")
    assert ended.code == 0
    return list(ended.json()["findings"])


def told_by_check(office: Office) -> list[Any]:
    sources = office.desk.call("check", "-o", "json").json()["sources"]
    return [(one["source"], finding) for one in sources for finding in one["findings"] if finding["topic"] == "watch"]


@pytest.mark.parametrize(
    ("watch", "scopes", "path", "said"),
    [
        ("{jira: LOAN-1}", "", "projects.ops.watch.jira", "'LOAN-1' is outside the project's scope in jira"),
        ("{github: example/loan#1}", "", "projects.ops.watch.github", "'example/loan#1' is outside the project's scope in github"),
        ("{jira: OPS-1}", "{}", "projects.ops.watch.jira", "the project has no scope in jira"),
    ],
)
def test_a_watch_ticket_outside_the_scope_is_a_warning(office: Office, watch: str, scopes: str, path: str, said: str) -> None:
    watching(office, watch, scopes="" if not scopes else "mlflow: {models: [m]}")
    if scopes:
        text = office.desk.config.read_text(encoding="utf-8")
        extra = 'sources:\n  mlflow: {type: mlflow, url: "http://127.0.0.1:9"}\n'
        office.desk.config.write_text(text.replace("sources:\n", extra), encoding="utf-8")

    (found,) = [one for one in linted(office) if one["path"] == path]

    assert found["level"] == "warning"
    assert said in found["message"]
    assert found["line"] is not None


@pytest.mark.parametrize("watch", ["{jira: OPS-1}", "{jira: ops-1}", "{github: Example/Ops#1}"])
def test_a_watch_ticket_within_the_scope_is_no_finding(office: Office, watch: str) -> None:
    assert linted(watching(office, watch)) == []


def test_a_search_is_not_judged_before_it_is_asked(office: Office) -> None:
    assert linted(watching(office, "{jira: LOAN-1}", scopes="jira: {jql: project = OPS}")) == []


def test_check_tells_a_watch_ticket_that_was_not_read_once_everything_was(office: Office) -> None:
    watching(office, "{jira: OPS-99}", scopes="jira: {jql: project = OPS}")
    before = told_by_check(office)
    assert office.desk.call("pull").code == 0
    ((source, finding),) = told_by_check(office)

    assert before == []
    assert (source, finding["level"], finding["scope"]) == ("jira", "warning", "ops")
    assert finding["text"].startswith("watch ticket OPS-99 is outside the scope, or hidden from the account")
    assert "projects.ops.watch" in finding["fix"]


def test_check_says_nothing_of_a_watch_ticket_that_was_read(office: Office) -> None:
    watching(office, "{jira: ops-1}")
    assert office.desk.call("pull").code == 0

    assert told_by_check(office) == []


def test_what_a_scope_knows_of_its_keys() -> None:
    jira = JiraScope(projects=("churn", "ML_OPS"))
    github = GithubScope(repositories=("example/churn*",), exclude=("example/churn-old",))

    assert [key for key in ("CHURN-1", "churn-1", "ML_OPS-7", "LOAN-1", "CHURN", "CHURNING-1") if jira.may_hold(key)] == [
        "CHURN-1",
        "churn-1",
        "ML_OPS-7",
    ]
    assert [
        key for key in ("Example/Churn#1", "example/churn-old#1", "example/loan#1", "example/churn") if github.may_hold(key)
    ] == ["Example/Churn#1"]
