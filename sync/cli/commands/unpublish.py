"""`milepost unpublish`"""

from __future__ import annotations

from collections.abc import Iterator

from rich.text import Text

from config.problems import suggestion
from mappings.change import Plan, grouped
from sync.apply import LEASE, Applied, apply_plan, lease_name, recover
from sync.cli.errors import UsageProblem
from sync.cli.options import Globals
from sync.cli.render_plan import note_lines, target_lines
from sync.cli.render_run import result_lines
from sync.cli.session import Session
from sync.cli.stopping import stoppable
from sync.cli.style import plural
from sync.engine import Run
from sync.outcome import ExitCode, worst
from sync.store import leases, publishing
from sync.withdraw import forget, plan_unpublish
from sync.workspace import Workspace


def run(globals_: Globals, *, yes: bool, wait: str) -> ExitCode:
    """Takes back what was published, for the named projects or all, also for projects that the file no longer has."""
    session = Session(globals_)
    plans: list[Plan] = []
    applied: list[Applied] = []
    with stoppable() as stop, session.workspace(wait=wait) as workspace:
        run_ = Run(workspace, [], "unpublish", stop=stop)
        for project in _projects(workspace, session.globals.projects):
            with leases.held(
                workspace.database, lease_name(project), holder=run_.id, ttl=LEASE, wait=workspace.wait, stop=stop
            ) as lease:
                if yes:
                    recover(workspace.database, project, workspace.sources, lease, run_id=run_.id, stop=stop)
                plan = plan_unpublish(workspace.database, project)
                plans.append(plan)
                if yes:
                    one = apply_plan(workspace.database, plan, workspace.sources, lease, run_id=run_.id, stop=stop)
                    applied.append(one)
                    if not one.is_partial:
                        forget(workspace.database, project)
        code = run_.finish(worst(ExitCode.PARTIAL for one in applied if one.is_partial)).exit_code
    planned = sum(len(plan.changes) for plan in plans)
    if session.wants_json:
        session.answer({"planned": planned, "taken_back": sum(one.count("done") for one in applied)})
        return code
    for plan in plans:
        session.show_all(_lines(plan, session.width))
    if yes:
        session.show_all(line for one in applied for line in result_lines(one, session.width))
        session.show(f"Took back {plural(sum(one.count('done') for one in applied), 'value')}.")
    else:
        session.show("Nothing was written. To take these back: milepost unpublish --yes" if planned else "Nothing is published.")
    return code


def _projects(workspace: Workspace, wanted: tuple[str, ...]) -> list[str]:
    """The projects that have something published, by key; those of the file and those that it dropped."""
    with workspace.database.read() as tx:
        every = publishing.projects(tx)
    known = {*every, *(project.key for project in workspace.projects)}
    for key in sorted(set(wanted) - known):
        raise UsageProblem(f"there is no project {key!r}, and nothing of one is published", suggestion(key, known))
    return [key for key in every if not wanted or key in wanted]


def _lines(plan: Plan, width: int) -> Iterator[Text]:
    yield Text(plan.project, style="bold")
    for changes in grouped(plan.changes).values():
        yield from target_lines(changes, width)
    for note in plan.notes:
        yield from note_lines(note, width)
    yield Text()
