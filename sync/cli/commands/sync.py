"""`milepost sync`"""

from __future__ import annotations

from sync.cli.commands.pull import pull_limits
from sync.cli.documents import run_document
from sync.cli.options import Globals
from sync.cli.progress import watching
from sync.cli.render_plan import plan_lines
from sync.cli.render_run import applied_lines, notice_lines, pulled_lines, unmatched_lines
from sync.cli.session import Session
from sync.cli.stopping import stoppable
from sync.cli.tidying import tidy_after
from sync.engine import Run
from sync.outcome import ExitCode
from sync.safety import Permission


def run(globals_: Globals, *, force: bool, initial: bool, adopt: bool, full: bool, wait: str) -> ExitCode:
    """Pulls, plans and applies. A source that fails makes what rests on it unknown; the rest is done."""
    session = Session(globals_)
    with stoppable() as stop, session.workspace(limits=pull_limits(force=force, full=full), wait=wait) as workspace:
        projects = session.chosen(workspace)
        with watching(session.err, workspace.sources_of(projects)) as report:
            one = Run(workspace, projects, "sync", stop=stop, report=report)
            stop.farewell = one.cut_off
            one.pull()
        if not stop.is_set():
            one.apply(Permission(force=force, initial=initial, adopt=adopt))
        result = one.finish()
        tidy_after("sync", workspace.database, session.file, stop)
    if session.wants_json:
        session.answer(run_document(result))
    else:
        session.show_all(pulled_lines(result.pulled, session.width))
        session.show_all(notice_lines(result.notices, session.width))
        session.show_all(unmatched_lines(result.projects, session.width))
        session.show("")
        session.show_all(plan_lines(result.projects, session.width))
        session.show("")
        session.show_all(applied_lines(result.projects, session.width))
    return result.exit_code
