"""What a pull and an apply did, as tables and as plain documents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from rich.console import Console
from rich.text import Text

from sync.cli.style import shown_value, table
from sync.engine import ProjectRun, RunResult
from sync.pull import Pulled


def print_pulled(console: Console, pulled: Mapping[str, Pulled]) -> None:
    """One line a source and stream, then what went wrong."""
    made = table("source", "stream", ">records", ">changed", ">gone", ">rejected", ">requests", ">time", "")
    for name, one in pulled.items():
        for event in one.events:
            state = Text("failed", "red") if event.state == "failed" else Text("listed whole" if event.full else "", "dim")
            counts = (event.records, event.changed, event.deleted, event.rejected, event.requests)
            made.add_row(name, event.stream, *(f"{count:,}" for count in counts), f"{event.seconds:.1f} s", state)
    console.print(made)
    print_findings(console, pulled)


def print_findings(console: Console, pulled: Mapping[str, Pulled]) -> None:
    """What failed or was refused, with the fix."""
    for name, one in pulled.items():
        for finding in one.findings:
            console.print(Text.assemble((f"! {name}: ", "bold red"), finding.text))
            if finding.fix:
                console.print(Text(f"  fix: {finding.fix}"))
        rejected = sum(event.rejected for event in one.events)
        if rejected:
            console.print(Text(f"! {name}: {rejected:,} records could not be translated and were set aside", style="yellow"))


def print_applied(console: Console, runs: Sequence[ProjectRun]) -> None:
    """What was written and what was not."""
    for run in runs:
        if run.failed:
            console.print(Text.assemble((f"! {run.assessment.project.key}: ", "bold red"), run.failed))
        if run.refused:
            console.print(Text.assemble((f"! {run.assessment.project.key} refused: ", "bold red"), run.refused))
        if run.applied is None:
            continue
        counts = {state: run.applied.count(state) for state in ("done", "failed", "conflict", "skipped", "unsent")}
        said = ", ".join(f"{count:,} {_WORDS[state]}" for state, count in counts.items() if count or state == "done")
        console.print(Text.assemble((run.assessment.project.view.name, "bold"), f": {said}"))
        for result in run.applied.results:
            if result.state not in ("done",):
                what = f"  {_WORDS[result.state]}  {result.change.key}  {result.change.slot.kind} {result.change.slot.name}"
                console.print(Text.assemble((what, "red" if result.state != "skipped" else "dim"), f"  {result.why or ''}"))


_WORDS = {"done": "written", "failed": "failed", "conflict": "in conflict", "skipped": "skipped", "unsent": "not sent"}


def pulled_document(pulled: Mapping[str, Pulled]) -> list[dict[str, Any]]:
    """The streams as plain documents."""
    return [msgspec.to_builtins(event) for one in pulled.values() for event in one.events]


def run_document(result: RunResult) -> dict[str, Any]:
    """A run as one plain document."""
    return {
        "run": result.id,
        "command": result.command,
        "started_at": result.started_at.isoformat(),
        "finished_at": result.finished_at.isoformat(),
        "exit_code": int(result.exit_code),
        "streams": pulled_document(result.pulled),
        "findings": [msgspec.to_builtins(finding) for one in result.pulled.values() for finding in one.findings],
        "projects": [_project(run) for run in result.projects],
    }


def _project(run: ProjectRun) -> dict[str, Any]:
    results = run.applied.results if run.applied is not None else ()
    return {
        "project": run.assessment.project.key,
        "planned": len(run.plan.changes) if run.plan is not None else 0,
        "refused": run.refused,
        "failed": run.failed,
        "results": [
            {
                "key": result.change.key,
                "slot": f"{result.change.slot.kind} {result.change.slot.name}",
                "before": shown_value(result.change.before),
                "after": shown_value(result.change.after),
                "state": result.state,
                "why": result.why,
            }
            for result in results
        ],
    }
