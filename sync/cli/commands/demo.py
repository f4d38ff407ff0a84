"""`milepost demo`"""

from __future__ import annotations

import json
import signal
import sys
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

from rich.rule import Rule
from rich.text import Text

from sync.build import ConnectionTypes, build_workspace, open_store, project_file_schema, read_project_file
from sync.cli.commands.status import print_status, status_document
from sync.cli.errors import UsageProblem
from sync.cli.options import Globals
from sync.cli.progress import watching
from sync.cli.render_plan import plan_documents, print_plans
from sync.cli.render_run import print_applied, print_pulled, pulled_document
from sync.cli.session import Session
from sync.engine import Permission, Run, RunResult
from sync.outcome import ExitCode
from sync.pull import PullLimits
from sync.workspace import Workspace

FOLDER = Path("milepost-demo")


def run(globals_: Globals, *, hold: bool, folder: Path | None) -> ExitCode:
    """Starts the sandbox, syncs twice, shows everything; the second sync must write nothing."""
    try:
        from sandbox.demo import FolderTaken, running
        from sandbox.mlflow.server import ServerFailed
    except ModuleNotFoundError as error:
        raise UsageProblem(
            f"the demo needs {error.name}, which is not installed", "install milepost[demo], or run make demo"
        ) from None
    session = Session(globals_)
    place = (folder or FOLDER).absolute()
    session.err.print(Text("Starting the sandbox: Jira, GitHub, MLflow; training the models …", style="dim"))
    try:
        with running(place) as sandbox:
            types = ConnectionTypes()
            file = read_project_file(sandbox.config, types)
            schema = json.dumps(project_file_schema(types), indent=2)
            sandbox.config.with_name("milepost.schema.json").write_text(schema, encoding="utf-8")
            database = open_store(file, session.settings.model_copy(update={"store_url": None}))
            try:
                workspace = build_workspace(file, types, sandbox.environ, database, limits=PullLimits(), wait=timedelta(seconds=60))
                code = _show(session, workspace, sandbox)
            finally:
                database.close()
            if hold:
                _hold(session, sandbox)
    except FolderTaken:
        raise UsageProblem(f"{place} holds other files", "name another folder with --folder") from None
    except ServerFailed as error:
        raise UsageProblem(str(error), "look at the log that it names, then run the demo again") from None
    return code


def _show(session: Session, workspace: Workspace, sandbox: Any) -> ExitCode:
    from sandbox.world import people_disagree

    first = _sync(session, workspace)
    writes_first = _writes(sandbox)
    people_disagree(sandbox.cast)
    second = _sync(session, workspace)
    writes_second = _writes(sandbox) - writes_first
    if session.wants_json:
        session.answer(
            {
                "plan": plan_documents(first.projects),
                "statuses": [status_document(one.assessment, everything=False) for one in second.projects],
                "writes_first": writes_first,
                "writes_second": writes_second,
                "sources": pulled_document(first.pulled),
                "config": str(sandbox.config),
            }
        )
    else:
        _print(session, first, second, writes_first, writes_second, sandbox.config)
    codes = (first.exit_code, second.exit_code)
    return ExitCode.DONE if codes == (ExitCode.DONE, ExitCode.DONE) and writes_second == 0 else ExitCode.ERROR


def _print(session: Session, first: RunResult, second: RunResult, writes_first: int, writes_second: int, config: Path) -> None:
    out = session.out
    out.print(Rule("What was read", align="left", style="dim"))
    print_pulled(out, first.pulled)
    out.print(Rule("The plan", align="left", style="dim"))
    print_plans(out, first.projects)
    out.print(Rule("What was written", align="left", style="dim"))
    print_applied(out, first.projects)
    out.print(Rule("The statuses, after somebody took an alert off a ticket by hand", align="left", style="dim"))
    for one in second.projects:
        print_status(session, one.assessment, everything=False)
    out.print(Rule("The second sync", align="left", style="dim"))
    for one in second.projects:
        for note in one.plan.notes if one.plan is not None else ():
            out.print(Text(f"! {note.kind}  {note.key}  {note.text}", style="yellow"))
    out.print(Text(f"{writes_first} writes by the first sync, {writes_second} by the second.", style="bold"))
    out.print(Text(f"The project file: {config}"))
    out.print(Text("Next: milepost demo --hold, then from a second terminal any other command, such as milepost explain LOAN-2."))


def _sync(session: Session, workspace: Workspace) -> RunResult:
    stop = threading.Event()
    with watching(session.err) as report:
        one = Run(workspace, workspace.projects, "demo", stop=stop, report=report)
        one.pull()
    one.apply(Permission(initial=True))
    return one.finish()


def _writes(sandbox: Any) -> int:
    """What the stand-ins themselves have counted."""
    return len(sandbox.cast.jira.writes) + len(sandbox.cast.github.writes)


def _hold(session: Session, sandbox: Any) -> None:
    """Keeps the sandbox running until Ctrl-C or SIGTERM."""
    done = threading.Event()
    before = {number: signal.signal(number, lambda *_: done.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    say = sys.stderr.write
    say(f"\nThe sandbox runs until Ctrl-C. In a second terminal:\n\n  cd {sandbox.config.parent}\n")
    for name, value in sandbox.environ.items():
        say(f"  export {name}={value}\n")
    say("  milepost status\n\n")
    sys.stderr.flush()
    done.wait()
    for number, handler in before.items():
        signal.signal(number, handler)
    session.err.print("Stopping the sandbox.")
