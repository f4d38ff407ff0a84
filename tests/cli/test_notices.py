"""What a pull tells though nothing failed: shown beside what failed, and not as if it had. What there is nothing to tell of, or
what was told already, is left out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from mappings.change import Change, Slot
from mappings.model import ModelVersion, Ref
from sync.apply import Applied, Result
from sync.assess import Assessment
from sync.cli.documents import run_document
from sync.cli.render_run import finding_lines, pulled_lines, result_lines, unmatched_lines
from sync.freshness import Freshness, StreamFacts
from sync.graph import Graph
from sync.listings import ScopedProject
from sync.outcome import ExitCode
from sync.progress import StreamEvent
from sync.project import ProjectView
from sync.pull import Pulled, PullFinding
from sync.results import ProjectRun, RunResult


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


def stream(name: str, **facts: Any) -> StreamEvent:
    given: dict[str, Any] = {"scope": "churn", "state": "done", "full": True} | facts
    return StreamEvent(source="aws", stream=name, **given)


def test_a_stream_of_which_nothing_was_asked_has_no_line() -> None:
    events = [
        stream("endpoints", records=3, requests=2),
        stream("training_jobs"),
        stream("models", requests=1),
        stream("feature_groups", deleted=1),
        stream("pipelines", state="failed"),
        stream("monitors", state="waiting"),
    ]
    lines = [line.plain for line in pulled_lines({"aws": Pulled(source="aws", events=events)}, 120)]

    told = [line.split()[1:-1][0] for line in lines if line.startswith("aws")]
    assert told == ["endpoints", "models", "feature", "pipelines", "monitors"]
    assert "3 records from 1 source with 3 requests in 0.0 s; 0 new or changed." in lines


def test_where_nothing_was_asked_at_all_the_sum_stands_alone() -> None:
    lines = [line.plain for line in pulled_lines({"aws": Pulled(source="aws", events=[stream("endpoints")])}, 120)]

    assert lines == ["0 records from 1 source with 0 requests in 0.0 s; 0 new or changed."]


def result(number: int, state: Any = "unsent", why: str | None = "jira: no connection") -> Result:
    slot = Slot(Ref("jira", "work_item", str(number)), "label", "bad")
    change = Change(
        id=str(number), project="ops", slot=slot, action="add", before=None, after=True, key=f"OPS-{number % 9}", container="OPS"
    )
    return Result(change=change, state=state, why=why)


def test_what_was_not_sent_for_the_same_reason_is_counted_and_told_once() -> None:
    results = [result(1, "failed", "no such option"), *(result(number) for number in range(10)), result(11, why="stopped")]
    lines = [line.plain for line in result_lines(Applied(project="ops", results=results), 200)]

    assert lines == [
        "  ✗ failed  OPS-1  label bad  no such option",
        "  ✗ not sent  10 changes on OPS-0, OPS-1, OPS-2, OPS-3, OPS-4 and 4 more  jira: no connection",
        "  ✗ not sent  OPS-2  label bad  stopped",
    ]
