"""What a pull tells though nothing failed: shown beside what failed, and not as if it had."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from mappings.model import ModelVersion, Ref
from sync.assess import Assessment
from sync.cli.documents import run_document
from sync.cli.render_run import finding_lines, unmatched_lines
from sync.engine import ProjectRun, RunResult
from sync.freshness import Freshness, StreamFacts
from sync.graph import Graph
from sync.listings import ScopedProject
from sync.outcome import ExitCode
from sync.project import ProjectView
from sync.pull import Pulled, PullFinding


def test_a_notice_is_shown_as_one_and_is_no_failure() -> None:
    notice = PullFinding(source="jira", stream="issues", text="2 objects were not listed though they are there", notice=True)
    pulled = Pulled(source="jira", events=(), findings=(notice,))
    assert not pulled.failed
    (line,) = finding_lines({"jira": pulled}, 100)
    assert line.plain == "! jira/issues: 2 objects were not listed though they are there"


def test_a_failure_beside_it_still_counts() -> None:
    notice = PullFinding(source="jira", stream="issues", text="one was not listed", notice=True)
    failure = PullFinding(source="jira", stream="fields", text="no connection", fix="check the url")
    pulled = Pulled(source="jira", events=(), findings=(notice, failure))
    assert pulled.failed
    assert [line.plain for line in finding_lines({"jira": pulled}, 100)] == [
        "! jira/issues: one was not listed",
        "✗ jira/fields: no connection",
        "  fix: check the url",
    ]


def test_a_name_that_matches_nothing_is_a_notice_of_its_project_and_no_failure() -> None:
    now = datetime(2026, 3, 1, tzinfo=UTC)
    read = StreamFacts(source="mlflow", stream="models", provides=frozenset({"model_version"}), complete=True, pulled_at=now)
    view = ProjectView(key="loan", name="Loan risk", release_alias="champoin")
    version = ModelVersion(ref=Ref("mlflow", "model_version", "loan/1"), name="loan", version="1", aliases=("champion",))
    assessment = Assessment(
        project=ScopedProject(view=view, rules=(), scopes=(), fresh_within=timedelta(days=1)),
        now=now,
        graph=Graph([version], []),
        freshness=Freshness([read], within=timedelta(days=1), now=now),
        standings=(),
        findings=(),
    )
    runs = [ProjectRun(assessment=assessment)]
    result = RunResult(id="1", command="pull", started_at=now, finished_at=now, exit_code=ExitCode.DONE, pulled={}, projects=runs)

    (line,) = unmatched_lines(runs, 120)
    (project,) = run_document(result)["projects"]

    said = "no model version carries the alias champoin; did you mean champion?"
    assert line.plain == f"! loan: release.alias: {said}"
    assert project["unmatched"] == [{"where": "release.alias", "text": said}]
