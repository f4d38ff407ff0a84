"""Warnings of the project file that ask for the same: the first are shown and the rest counted; `rules lint` shows all."""

from __future__ import annotations

from config.problems import Problem
from sync.cli.session import first_of_each
from tests.cli.office import Office


def overlapping(office: Office, count: int) -> None:
    """More projects with the scopes of the first."""
    text = office.desk.config.read_text(encoding="utf-8")
    scopes = "    scopes:\n      jira: {projects: [OPS]}\n      github: {repositories: [example/ops]}\n"
    more = "".join(f"  p{number}:\n{scopes}" for number in range(count))
    office.desk.config.write_text(text.replace("publish:\n", f"{more}publish:\n"), encoding="utf-8")


def test_many_overlaps_are_counted_and_all_shown_by_lint(office: Office) -> None:
    overlapping(office, 3)

    plan, lint = office.desk.run("plan"), office.desk.run("rules", "lint")

    assert (plan.err.count("overlaps with project"), lint.err.count("overlaps with project")) == (3, 12)
    assert plan.err.endswith("9 more warnings asking for the same: milepost rules lint shows all\n")
    assert "more warnings" not in lint.err
    assert "with 12 warnings" in lint.out


def test_few_overlaps_are_all_shown(office: Office) -> None:
    overlapping(office, 1)

    plan = office.desk.call("plan")

    assert plan.err.count("overlaps with project") == 2
    assert "more warning" not in plan.err


def test_what_asks_for_something_else_is_not_hidden_by_many_others() -> None:
    alike = [Problem(message=f"overlap {number}", fix="keep apart", level="warning") for number in range(5)]
    other = Problem(message="is never read", fix="name another", level="warning")

    assert first_of_each([*alike, other]) == [*alike[:3], other]
