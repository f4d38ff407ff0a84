"""`milepost status`"""

from __future__ import annotations

from sync.cli.options import Globals
from sync.cli.render_status import look_at, status_documents, status_lines
from sync.cli.session import Session
from sync.outcome import ExitCode


def run(globals_: Globals, *, everything: bool) -> ExitCode:
    """Shows the statuses that stand, with their reasons, and how fresh each source is."""
    session = Session(globals_)
    with session.workspace() as workspace:
        projects = [look_at(workspace.database, project, workspace.projects) for project in session.looked_at(workspace)]
    if session.wants_json:
        session.answer({"projects": status_documents(projects, everything=everything)})
    else:
        session.show_all(status_lines(projects, session.width, everything=everything))
    return ExitCode.DONE
