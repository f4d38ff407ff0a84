"""`milepost sync`"""

from __future__ import annotations

from sync.cli.commands.pull import pull_limits
from sync.cli.options import Globals
from sync.cli.progress import watching
from sync.cli.render_plan import print_plans
from sync.cli.render_run import print_applied, print_pulled, run_document
from sync.cli.session import Session, stoppable
from sync.engine import Permission, Run
from sync.outcome import ExitCode


def run(globals_: Globals, *, force: bool, initial: bool, adopt: bool, full: bool, wait: str) -> ExitCode:
    """Pulls, plans and applies. A source that fails makes what rests on it unknown; the rest is done."""
    session = Session(globals_)
    with stoppable() as stop, session.workspace(limits=pull_limits(force=force, full=full), wait=wait) as workspace:
        with watching(session.err) as report:
            one = Run(workspace, session.chosen(workspace), "sync", stop=stop, report=report)
            one.pull()
        if not stop.is_set():
            one.apply(Permission(force=force, initial=initial, adopt=adopt))
        result = one.finish()
    if session.wants_json:
        session.answer(run_document(result))
    else:
        print_pulled(session.out, result.pulled)
        print_plans(session.out, result.projects)
        print_applied(session.out, result.projects)
    return result.exit_code
