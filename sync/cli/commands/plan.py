"""`milepost plan`"""

from __future__ import annotations

import sys
from pathlib import Path

from sync.cli.errors import UsageProblem
from sync.cli.options import Globals, Output
from sync.cli.progress import watching
from sync.cli.render_plan import plan_documents, plan_markdown, print_plans
from sync.cli.render_run import print_findings
from sync.cli.session import Session, stoppable
from sync.engine import Permission, Run, RunResult
from sync.outcome import ExitCode
from sync.savedplan import write_plan


def run(globals_: Globals, *, pull: bool, out: Path | None, exit_code: bool, adopt: bool, wait: str) -> ExitCode:
    """Plans every chosen project and shows the difference."""
    session = Session(globals_)
    with stoppable() as stop, session.workspace(wait=wait) as workspace:
        with watching(session.err) as report:
            one = Run(workspace, session.chosen(workspace), "plan", stop=stop, report=report)
            if pull:
                one.pull()
            one.plan(Permission(adopt=adopt))
        changes = any(project.plan and not project.plan.is_empty for project in one.done)
        result = one.finish(ExitCode.CHANGES if exit_code and changes else ExitCode.DONE)
        if out is not None:
            _save(out, result, workspace.config_hash)
    print_findings(session.err, result.pulled)
    _show(session, result)
    return result.exit_code


def _save(path: Path, result: RunResult, config_hash: str) -> None:
    plans = [project.plan for project in result.projects if project.plan is not None]
    try:
        write_plan(path, plans, made_at=result.started_at, config_hash=config_hash)
    except OSError as error:
        raise UsageProblem(f"{path} cannot be written: {error.strerror}", "name another file with --out") from None


def _show(session: Session, result: RunResult) -> None:
    match session.globals.output:
        case Output.JSON:
            session.answer({"plans": plan_documents(result.projects), "exit_code": int(result.exit_code)})
        case Output.MARKDOWN:
            sys.stdout.write(plan_markdown(result.projects))
        case Output.TABLE:
            print_plans(session.out, result.projects)
