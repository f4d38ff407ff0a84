"""`milepost worker`"""

from __future__ import annotations

import os
import sys
from datetime import timedelta

import structlog

from sync.build import build_workspace
from sync.cli.errors import UsageProblem
from sync.cli.installed import require_extra
from sync.cli.layout import show, wrapped
from sync.cli.options import Globals
from sync.cli.session import Session
from sync.cli.stopping import stoppable
from sync.cli.style import plural
from sync.outcome import ExitCode
from sync.pull import PullLimits

log = structlog.get_logger(__name__)


def run(globals_: Globals, *, jobs: int) -> ExitCode:
    """Does what is due until it is told to end."""
    require_extra("serve", "milepost worker needs", "pip install 'milepost[serve]'")
    if globals_.projects:
        raise UsageProblem("--project: a worker works for the whole project file", "leave it out")
    from sync.cli.crew import crew, told_of_names
    from sync.work.pool import working

    session = Session(globals_)
    session.require_extras()
    with stoppable() as stop, session.store() as database:
        if database.dialect == "sqlite":
            raise UsageProblem(
                f"{database} serves one process that works",
                "run milepost serve --workers, or name a PostgreSQL database in store.url",
            )
        workspace = build_workspace(session.file, session.types, os.environ, database, limits=PullLimits(), wait=timedelta())
        with told_of_names(), working(workspace, crew(session, jobs), stop) as workers:
            _tell(session, workers.name, jobs)
            stop.wait()
        workers.require_life()
    return ExitCode.DONE


def _tell(session: Session, name: str, jobs: int) -> None:
    """Says that it works, once, wherever its standard error goes."""
    if sys.stderr.isatty():
        show(session.err, wrapped(f"Worker {name} does up to {plural(jobs, 'job')} at a time. Ctrl-C ends it.", session.err.width))
    else:
        log.info("worker.ready", executor=name, jobs=jobs)
