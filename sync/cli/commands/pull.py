"""`milepost pull`"""

from __future__ import annotations

from datetime import timedelta

import msgspec

from sync.cli.documents import run_document
from sync.cli.options import Globals
from sync.cli.progress import watching
from sync.cli.render_run import notice_lines, pulled_lines, unmatched_lines
from sync.cli.session import Session
from sync.cli.stopping import stoppable
from sync.cli.tidying import tidy_after
from sync.engine import Run
from sync.outcome import ExitCode
from sync.pull import PullLimits


def run(globals_: Globals, *, force: bool, full: bool, wait: str) -> ExitCode:
    """Pulls, brings the stored standings up to date, and shows a summary."""
    session = Session(globals_)
    with stoppable() as stop, session.workspace(limits=pull_limits(force=force, full=full), wait=wait) as workspace:
        projects = session.chosen(workspace)
        with watching(session.err, workspace.sources_of(projects)) as report:
            one = Run(workspace, projects, "pull", stop=stop, report=report)
            stop.farewell = one.cut_off
            one.pull()
            if not stop.is_set():
                one.judge()
        result = one.finish()
        tidy_after("pull", workspace.database, session.file, stop)
    if session.wants_json:
        session.answer(run_document(result))
    else:
        session.show_all(pulled_lines(result.pulled, session.width))
        session.show_all(notice_lines(result.notices, session.width))
        session.show_all(unmatched_lines(result.projects, session.width))
    return result.exit_code


def pull_limits(*, force: bool, full: bool) -> PullLimits:
    """What the options allow a pull. A killed one keeps its leases for less time than the next one waits by default."""
    limits = PullLimits(force=force, lease=timedelta(seconds=45))
    return msgspec.structs.replace(limits, full_every=timedelta()) if full else limits
