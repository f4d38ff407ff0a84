"""What a pull tells though nothing failed: shown beside what failed, and not as if it had."""

from __future__ import annotations

from sync.cli.render_run import finding_lines
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
