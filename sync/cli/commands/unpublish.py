"""`milepost unpublish`"""

from __future__ import annotations

from rich.text import Text

from mappings.change import Plan
from sync.apply import LEASE, Applied, apply_plan, lease_name, recover
from sync.cli.options import Globals
from sync.cli.render_plan import by_target, place
from sync.cli.session import Session, stoppable
from sync.cli.style import shown_value
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
    if session.wants_json:
        session.answer(
            {"planned": sum(len(plan.changes) for plan in plans), "taken_back": sum(one.count("done") for one in applied)}
        )
        return code
    for plan in plans:
        _print(session, plan)
    if yes:
        session.out.print(f"Took back {sum(one.count('done') for one in applied):,} values.")
    else:
        session.out.print("Nothing was written. To take these back: milepost unpublish --yes")
    return code


def _projects(workspace: Workspace, wanted: tuple[str, ...]) -> list[str]:
    """The projects that have something published, by key; those of the file and those that it dropped."""
    with workspace.database.read() as tx:
        every = publishing.projects(tx)
    return [key for key in every if not wanted or key in wanted]


def _print(session: Session, plan: Plan) -> None:
    session.out.print(Text(plan.project, style="bold"))
    for changes in by_target(plan.changes).values():
        for change in changes:
            session.out.print(Text(f"  - {change.key}  {place(change)}: {shown_value(change.before)}", style="red"))
    for note in plan.notes:
        session.out.print(Text(f"  ! {note.key}  {note.text}", style="yellow"))
