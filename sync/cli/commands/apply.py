"""`milepost apply`"""

from __future__ import annotations

from pathlib import Path

from sync.cli.documents import run_document
from sync.cli.options import Globals
from sync.cli.render_plan import plan_lines
from sync.cli.render_run import applied_lines, notice_lines
from sync.cli.session import Session
from sync.cli.stopping import stoppable
from sync.cli.tidying import tidy_after
from sync.engine import Run
from sync.outcome import ExitCode
from sync.safety import Permission
from sync.savedplan import read_plan
from sync.source import require_secrets


def run(globals_: Globals, *, plan: Path | None, force: bool, initial: bool, adopt: bool, wait: str) -> ExitCode:
    """Writes the plan that the stored facts give, or the saved one if it still stands."""
    session = Session(globals_)
    with stoppable() as stop, session.workspace(wait=wait) as workspace:
        projects = session.chosen(workspace)
        require_secrets(workspace.written_for(projects))
        one = Run(workspace, projects, "apply", stop=stop)
        stop.farewell = one.cut_off
        saved = None
        try:
            saved = read_plan(plan, now=one.started_at, config_hash=workspace.config_hash) if plan is not None else None
            one.apply(Permission(force=force, initial=initial, adopt=adopt), saved)
        finally:
            result = one.finish()
        tidy_after("apply", workspace.database, session.file, stop)
    if session.wants_json:
        session.answer(run_document(result))
    else:
        session.show_all(notice_lines(result.notices, session.width))
        session.show_all(plan_lines(result.projects, session.width))
        session.show("")
        session.show_all(applied_lines(result.projects, session.width))
    return result.exit_code
