"""A plan for people: a coloured diff on a terminal, Markdown for a pull request, JSON for machines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
from rich.console import Console, Group
from rich.padding import Padding
from rich.text import Text

from mappings.change import Change, Note, Plan
from mappings.model import Ref
from sync.cli.style import NOTES, SIGNS, ago, link, plural, shown_value
from sync.engine import ProjectRun


def print_plans(console: Console, runs: Sequence[ProjectRun]) -> None:
    """Every project's plan as a diff, by target."""
    for run in runs:
        if run.plan is not None:
            console.print(Padding(_plan(run.plan, run), (0, 0, 1, 0)))


def _plan(plan: Plan, run: ProjectRun) -> Group:
    head = Text.assemble((run.assessment.project.view.name, "bold"), f"  {plan.project}", style="")
    age = f"facts from {ago(plan.facts_as_of, plan.made_at)}" if plan.facts_as_of else "some facts were never pulled"
    parts: list[Text | Padding] = [head, Text(f"{summary(plan)}; {age}", style="dim")]
    for target, changes in by_target(plan.changes).items():
        parts.append(Padding(_target(target, changes), (1, 0, 0, 2)))
    parts.extend(Padding(_note(note), (1, 0, 0, 2)) for note in plan.notes)
    if run.refused:
        parts.append(Padding(Text(f"Refused: {run.refused}", style="bold red"), (1, 0, 0, 0)))
    return Group(*parts)


def by_target(changes: Sequence[Change]) -> Mapping[Ref, Sequence[Change]]:
    """The changes by target, in their order."""
    grouped: dict[Ref, list[Change]] = {}
    for change in changes:
        grouped.setdefault(change.slot.target, []).append(change)
    return grouped


def _target(target: Ref, changes: Sequence[Change]) -> Text:
    first = changes[0]
    text = Text.assemble(link(first.key, first.url, "bold"), f"  {first.title}", (f"  on {target.source}", "dim"))
    for change in changes:
        sign, color = SIGNS[change.action]
        text.append(f"\n  {sign} {place(change)}: {shown_value(change.before)} → {shown_value(change.after)}", style=color)
        if change.forced:
            text.append("  (a person changed it; this status cannot be set by hand)", style="magenta")
    reasons = dict.fromkeys(change.reason for change in changes if change.reason)
    for reason in reasons:
        text.append(f"\n    {reason}", style="dim")
    return text


def place(change: Change) -> str:
    """What kind of slot, in words."""
    return "property" if change.slot.kind == "property" else f"{change.slot.kind} {change.slot.name}"


def _note(note: Note) -> Text:
    text = Text.assemble((f"! {note.kind}", NOTES[note.kind]), "  ")
    if note.key:
        text.append(link(note.key, note.url, "bold"))
        text.append("  ")
    where = f"{note.slot.kind} {note.slot.name}: " if note.slot is not None and note.slot.kind != "property" else ""
    return text.append(f"{where}{note.text}")


def summary(plan: Plan) -> str:
    """`3 to add, 1 to update, 0 to remove`, with what is left alone."""
    counts = {action: sum(1 for change in plan.changes if change.action == action) for action in SIGNS}
    text = f"{counts['add']} to add, {counts['update']} to update, {counts['remove']} to remove"
    left = [
        plural(sum(1 for note in plan.notes if note.kind == kind), kind)
        for kind in NOTES
        if any(n.kind == kind for n in plan.notes)
    ]
    return ", ".join([text, *left])


def plan_documents(runs: Sequence[ProjectRun]) -> list[dict[str, Any]]:
    """The plans as plain JSON documents."""
    documents = []
    for run in runs:
        if run.plan is not None:
            document = msgspec.to_builtins(run.plan)
            documents.append({**document, "refused": run.refused, "summary": summary(run.plan)})
    return documents


def plan_markdown(runs: Sequence[ProjectRun]) -> str:
    """The plans as Markdown, for a pull request against the configuration."""
    return "\n".join(line for run in runs if run.plan is not None for line in _markdown(run.plan, run))


def _markdown(plan: Plan, run: ProjectRun) -> Iterator[str]:
    yield f"### {_escaped(run.assessment.project.view.name)}: {summary(plan)}\n"
    if plan.changes:
        yield "| | target | what | before | after | why |"
        yield "|---|---|---|---|---|---|"
    for change in plan.changes:
        target = f"[{_escaped(change.key)}]({change.url})" if change.url else _escaped(change.key)
        cells = (place(change), shown_value(change.before), shown_value(change.after), change.reason)
        yield f"| {SIGNS[change.action][0]} | {target} | {' | '.join(_escaped(cell) for cell in cells)} |"
    for note in plan.notes:
        yield f"- **{note.kind}** {_escaped(note.key or '')}: {_escaped(note.text)}"
    if run.refused:
        yield f"\n> **Refused:** {_escaped(run.refused)}"
    yield ""


def _escaped(text: str) -> str:
    """Text that stays text in a Markdown table, whatever somebody wrote into a title."""
    for character in "\\`*_[]<>|#":
        text = text.replace(character, "\\" + character)
    return text.replace("\n", " ")
