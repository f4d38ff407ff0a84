"""Plans as one comment on a pull request: Markdown that fits, and that can be found again to be replaced."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from mappings.change import Change, Note
from sync.cli.age import is_unread, unread_words
from sync.cli.markdown import escaped, linked
from sync.cli.render_plan import summary
from sync.cli.style import NOT_PUBLISHED, SIGNS, change_words, plural
from sync.names import place
from sync.results import ProjectRun
from sync.showing import published_to

MARKER = "<!-- milepost-plan -->"
"""The first line, always the same: by it a later run finds the comment that it should replace."""

LIMIT = 65_536
"""What GitHub takes for a comment. It counts characters; bytes are never fewer."""

_RESERVED = 400


class _Line(NamedTuple):
    """A line of the comment, and what it tells of."""

    text: str
    changes: int = 0
    notes: int = 0


def plan_markdown(runs: Sequence[ProjectRun]) -> str:
    """The plans as Markdown. What does not fit is left out from the end, and counted."""
    lines = [_Line(MARKER), *(line for run in runs for line in _project(run))]
    room = LIMIT - _RESERVED
    for number, line in enumerate(lines):
        room -= len(line.text.encode()) + 1
        if room < 0:
            return "\n".join([*(one.text for one in lines[:number]), "", _left_out(lines[number:]), ""])
    return "\n".join(one.text for one in lines) + "\n"


def _left_out(lines: Sequence[_Line]) -> str:
    counts = [(sum(line.changes for line in lines), "more change"), (sum(line.notes for line in lines), "more note")]
    said = " and ".join(plural(count, noun) for count, noun in counts if count) or "the rest"
    return f"**{said} left out: a comment holds {LIMIT:,} characters. `milepost plan` shows all.**"


def _project(run: ProjectRun) -> Iterator[_Line]:
    plan = run.plan
    if plan is None:
        return
    said = "nothing was pulled yet" if is_unread(run.assessment) else summary(plan)
    yield _Line(f"### {escaped(run.assessment.project.view.name)}: {said}\n")
    if run.refused:
        yield _Line(f"> **Refused:** {escaped(run.refused)}\n")
    if not published_to(run.assessment.project.view):
        yield _Line(f"> {NOT_PUBLISHED}\n")
    for text in unread_words(run.assessment):
        yield _Line(f"> {escaped(text)}\n")
    if plan.changes:
        yield _Line("| | target | change | why |\n|---|---|---|---|")
        yield from map(_change, plan.changes)
        yield _Line("")
    yield from map(_note, plan.notes)
    if plan.notes:
        yield _Line("")


def _change(change: Change) -> _Line:
    target = " ".join([linked(change.key, change.url), *([escaped(change.title)] if change.title else [])])
    words = escaped(change_words(change.action, change.slot, change.before, change.after))
    return _Line(f"| {SIGNS[change.action][0]} | {target} | {words} | {escaped(change.reason)} |", changes=1)


def _note(note: Note) -> _Line:
    where = f" {escaped(place(note.slot))}" if note.slot is not None else ""
    key = f" {linked(note.key, note.url)}" if note.key else ""
    return _Line(f"- **{note.kind}**{key}{where}: {escaped(note.text)}", notes=1)
