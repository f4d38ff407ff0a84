"""A plan as a comment: made without secrets, never too long, and nothing that a title says is more than text."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest

from mappings.change import Change, Note, Plan, Slot
from mappings.model import Ref
from sync.assess import Assessment
from sync.cli.markdown import escaped
from sync.cli.render_markdown import LIMIT, MARKER, plan_markdown
from sync.freshness import Freshness
from sync.graph import Graph
from sync.listings import ScopedProject
from sync.project import ProjectView
from sync.results import ProjectRun
from tests.cli.office import Office

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
NO_SECRETS = dict.fromkeys(("MILEPOST_JIRA__USER", "MILEPOST_JIRA__TOKEN", "MILEPOST_GITHUB__TOKEN"))


def run_of(changes: int, *, title: str = "Train it", notes: int = 0) -> ProjectRun:
    def slot(number: int) -> Slot:
        return Slot(Ref("jira", "work_item", str(number)), "label", "ml/model-ready")

    planned = [
        Change(
            id=str(number),
            project="churn",
            slot=slot(number),
            action="add",
            before=None,
            after=True,
            key=f"ML-{number}",
            container="ML",
            title=title,
            reason="because of this",
        )
        for number in range(changes)
    ]
    said = [Note(kind="finding", project="churn", text=f"something {number}") for number in range(notes)]
    view = ProjectView(key="churn", name="Churn")
    project = ScopedProject(view=view, rules=(), scopes=(), fresh_within=NOW - NOW)
    freshness: Any = Freshness([], within=NOW - NOW, now=NOW)
    assessment = Assessment(project=project, now=NOW, graph=Graph([], []), freshness=freshness, standings=[], findings=[])
    plan = Plan(
        project="churn", made_at=NOW, facts_as_of=NOW, config_hash="", verdict_hash="", changes=tuple(planned), notes=tuple(said)
    )
    return ProjectRun(assessment=assessment, plan=plan)


def rows(text: str) -> int:
    return sum(1 for line in text.splitlines() if line.startswith("| +"))


def test_a_plan_that_fits_is_whole() -> None:
    text = plan_markdown([run_of(3, notes=2)])

    assert text.splitlines()[0] == MARKER
    assert rows(text) == 3
    assert text.count("- **finding**") == 2
    assert "left out" not in text


@pytest.mark.parametrize("title", ["Train it", "重" * 200, "é" * 4_000])
def test_a_plan_that_does_not_fit_says_how_much_is_left_out(title: str) -> None:
    text = plan_markdown([run_of(2_000, title=title, notes=3), run_of(100)])

    assert len(text.encode()) <= LIMIT
    assert text.splitlines()[0] == MARKER
    left = 2_100 - rows(text)
    assert text.rstrip().endswith(
        f"**{left:,} more changes and 3 more notes left out: a comment holds 65,536 characters. `milepost plan` shows all.**"
    )


def test_one_line_that_fits_nowhere_is_left_out_and_counted() -> None:
    text = plan_markdown([run_of(1, title="x" * 70_000)])

    assert len(text.encode()) <= LIMIT
    assert "**1 more change left out:" in text


@pytest.mark.parametrize(
    "title",
    [
        "| x | y |\n| - |",
        "<!-- milepost-plan -->",
        "<script>alert(1)</script>",
        "@everyone #1 GH-12 owner/name#3",
        "![x](https://evil.example/p.png)",
        "https://evil.example www.evil.example HTTP://EVIL.example",
        "`code` **bold** ~~gone~~ $x$",
        "\u202e\x1b[31m",
    ],
)
def test_nothing_that_a_title_says_is_more_than_text(title: str) -> None:
    text = plan_markdown([run_of(1, title=title)])
    (row,) = (line for line in text.splitlines() if line.startswith("| +"))

    assert text.count(MARKER) == 1
    unescaped = re.sub(r"\\.|&#[0-9]+;", "", row)
    assert unescaped.count("|") == 5
    for live in (*"<@`*#~$![\x1b\u202e", "://", "www.", "](", "GH-12"):
        assert live not in unescaped, live


def test_plain_words_stay_as_they_are() -> None:
    assert escaped("Model ready: val_auc is 0.9 (limit 0.85)") == r"Model ready: val\_auc is 0.9 (limit 0.85)"


def test_it_needs_no_secrets_on_stored_facts(office: Office) -> None:
    assert office.desk.call("pull").code == 0
    writes = len(office.jira.writes)

    ended = office.desk.call("plan", "-o", "markdown", **NO_SECRETS)

    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith(f"{MARKER}\n### Operations: 2 to add")
    assert "OPS-2](" in ended.out
    assert "Forecast returns" in ended.out
    assert len(office.jira.writes) == writes
