"""A plan for people: a coloured diff on a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.text import Text

from mappings.change import Change, Note, Plan, grouped
from sync.cli.age import facts_age, is_unread, unread_words
from sync.cli.layout import wrapped
from sync.cli.style import NOT_PUBLISHED, NOTES, SIGNS, change_words, distinct_reasons, link, plural
from sync.names import place
from sync.results import ProjectRun
from sync.showing import published_to


def plan_lines(runs: Sequence[ProjectRun], width: int) -> Iterator[Text]:
    """Every project's plan as a diff, by target, then the sum."""
    plans = [run.plan for run in runs if run.plan is not None]
    for number, (plan, run) in enumerate((run.plan, run) for run in runs if run.plan is not None):
        yield from [Text()] if number else ()
        yield from _project(plan, run, width)
    if len(plans) > 1 and not all(is_unread(run.assessment) for run in runs):
        changes = [change for plan in plans for change in plan.changes]
        yield Text()
        yield Text.assemble(("Together", "bold"), f": {counted(changes) if changes else 'no changes'}.")


def _project(plan: Plan, run: ProjectRun, width: int) -> Iterator[Text]:
    name = (run.assessment.project.view.name, "bold")
    yield from wrapped(Text.assemble(name, f"  {plan.project}", (f"  {facts_age(run.assessment)}", "dim")), width)
    said = summary(plan)
    if not is_unread(run.assessment) or plan.changes or plan.notes:
        yield from wrapped(f"{said[0].upper()}{said[1:]}.", width, indent=2)
    if not published_to(run.assessment.project.view):
        yield from wrapped(Text(f"! {NOT_PUBLISHED}", style="yellow"), width, indent=2, hanging=4)
    for text in unread_words(run.assessment):
        yield from wrapped(Text(f"! {text}", style="yellow"), width, indent=2, hanging=4)
    for changes in grouped(plan.changes).values():
        yield Text()
        yield from target_lines(changes, width)
        for reason in distinct_reasons([change.reason for change in changes]):
            yield from wrapped(Text(reason, style="dim"), width, indent=6)
    for number, note in enumerate(plan.notes):
        yield from () if number else [Text()]
        yield from note_lines(note, width)
    if run.refused:
        yield Text()
        yield from wrapped(Text(f"Refused: {run.refused}", style="bold red"), width, indent=2)


def target_lines(changes: Sequence[Change], width: int) -> Iterator[Text]:
    """One ticket or change request, and what changes on it."""
    first = changes[0]
    name = Text.assemble(link(first.key, first.url, "bold"), f"  {first.title}", (f"  on {first.slot.target.source}", "dim"))
    yield from wrapped(name, width, indent=2, hanging=6)
    for change in changes:
        sign, color = SIGNS[change.action]
        said = Text(f"{sign} {change_words(change.action, change.slot, change.before, change.after)}", style=color)
        if change.forced:
            said.append("  (a person changed it; this status cannot be set by hand)", style="magenta")
        yield from wrapped(said, width, indent=4, hanging=8)


def note_lines(note: Note, width: int) -> list[Text]:
    """Something that is left alone, and why."""
    text = Text.assemble((f"! {note.kind}", NOTES[note.kind]), "  ")
    if note.key:
        text.append(link(note.key, note.url, "bold")).append("  ")
    where = f"{place(note.slot)}: " if note.slot is not None else ""
    return wrapped(text.append(f"{where}{note.text}"), width, indent=2, hanging=4)


def counted(changes: Sequence[Change]) -> str:
    """`3 to add, 1 to update, 0 to remove`"""
    counts = {action: sum(1 for change in changes if change.action == action) for action in SIGNS}
    return f"{counts['add']:,} to add, {counts['update']:,} to update, {counts['remove']:,} to remove"


def summary(plan: Plan) -> str:
    """`3 to add, 1 to update, 0 to remove`, with what is left alone."""
    counts = {kind: sum(1 for note in plan.notes if note.kind == kind) for kind in NOTES}
    left = [f"{count:,} {kind}" if kind in _UNCOUNTED else plural(count, kind) for kind, count in counts.items() if count]
    return ", ".join([counted(plan.changes) if plan.changes else "no changes", *left])


_UNCOUNTED = ("contested", "skipped")
