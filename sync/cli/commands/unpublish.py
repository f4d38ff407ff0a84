"""`milepost unpublish`"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

import msgspec
from rich.text import Text

from config.problems import suggestion
from mappings.change import Plan, grouped
from sync.cli.documents import withdrawn_document
from sync.cli.errors import UsageProblem
from sync.cli.options import Globals
from sync.cli.render_plan import note_lines, target_lines
from sync.cli.render_run import problem_lines, result_lines
from sync.cli.session import Session
from sync.cli.stopping import stoppable
from sync.cli.style import plural
from sync.engine import Run
from sync.outcome import ExitCode
from sync.results import Withdrawn
from sync.source import Source, require_secrets
from sync.store import publishing
from sync.withdraw import left_to_others
from sync.workspace import Workspace


def run(globals_: Globals, *, yes: bool, wait: str) -> ExitCode:
    """Takes back what was published, for the named projects or all, also for projects that the file no longer has."""
    session = Session(globals_)
    with stoppable() as stop, session.workspace(wait=wait) as workspace:
        keys = _projects(workspace, session.globals.projects)
        if yes:
            require_secrets(_written_for(workspace, keys))
        one = Run(workspace, [], "unpublish", stop=stop)
        stop.farewell = one.cut_off
        try:
            one.unpublish(keys, write=yes)
        finally:
            result = one.finish()
    planned = sum(len(part.plan.changes) for part in one.withdrawn)
    left = sum(len(left_to_others(part.plan, part.applied)) for part in one.withdrawn if part.applied is not None)
    taken = sum(part.applied.count("done") for part in one.withdrawn if part.applied is not None)
    if session.wants_json:
        failed = {part.plan.project: part.failed for part in one.withdrawn if part.failed is not None}
        projects = [withdrawn_document(part) for part in one.withdrawn]
        counts = {"planned": planned, "taken_back": taken, "left_to_others": left}
        session.answer({**counts, "failed": failed, "projects": projects})
        return result.exit_code
    for part in one.withdrawn:
        session.show_all(_plan_lines(part.plan, session.width))
    if yes:
        for part in one.withdrawn:
            session.show_all(_result_lines(part, session.width))
        session.show(f"Took back {plural(taken, 'value')}.{_left(left)}")
    else:
        command = " ".join(["milepost unpublish --yes", *(f"--project {shlex.quote(key)}" for key in session.globals.projects)])
        session.show(f"Nothing was written. To take these back: {command}" if planned else _NOTHING[bool(keys)])
    return result.exit_code


def _left(count: int) -> str:
    """Where others have changed a value, our part in it ends with this run."""
    if count == 1:
        return " 1 value was changed by others since: it stays, and Milepost has forgotten it."
    return f" {count:,} values were changed by others since: they stay, and Milepost has forgotten them." if count else ""


_NOTHING = {True: "Nothing can be taken back.", False: "Nothing is published."}


def _written_for(workspace: Workspace, keys: Sequence[str]) -> Sequence[Source]:
    """The sources where something of the projects `keys` is shown."""
    with workspace.database.read() as tx:
        names = {slot.target.source for key in keys for slot in publishing.published(tx, key)}
    return [source for source in workspace.sources.values() if source.name in names]


def _projects(workspace: Workspace, wanted: tuple[str, ...]) -> list[str]:
    """The projects that have something published, by key; those of the file and those that it dropped."""
    with workspace.database.read() as tx:
        every = publishing.projects(tx)
    known = {*every, *(project.key for project in workspace.projects)}
    for key in sorted(set(wanted) - known):
        raise UsageProblem(f"there is no project {key!r}, and nothing of one is published", suggestion(key, known))
    return [key for key in every if not wanted or key in wanted]


def _plan_lines(plan: Plan, width: int) -> Iterator[Text]:
    yield Text(plan.project, style="bold")
    for changes in grouped(plan.changes).values():
        yield from target_lines(changes, width)
    for note in plan.notes:
        yield from note_lines(note, width)
    yield Text()


def _result_lines(withdrawn: Withdrawn, width: int) -> Iterator[Text]:
    if withdrawn.failed is not None:
        yield from problem_lines(withdrawn.plan.project, withdrawn.failed, None, width)
    if withdrawn.applied is not None:
        known_before = {note.slot for note in withdrawn.plan.notes}
        for note in left_to_others(withdrawn.plan, withdrawn.applied):
            yield from note_lines(note, width) if note.slot not in known_before else ()
        others = [one for one in withdrawn.applied.results if one.state != "conflict"]
        yield from result_lines(msgspec.structs.replace(withdrawn.applied, results=others), width)
