"""`milepost plan`"""

from __future__ import annotations

import shlex
from pathlib import Path

from sync.cli.age import never_pulled
from sync.cli.commands.pull import pull_limits
from sync.cli.consoles import write_out
from sync.cli.documents import plan_documents
from sync.cli.errors import UsageProblem
from sync.cli.layout import show
from sync.cli.options import Globals, Output
from sync.cli.progress import watching
from sync.cli.render_markdown import plan_markdown
from sync.cli.render_plan import plan_lines
from sync.cli.render_run import finding_lines
from sync.cli.session import Session
from sync.cli.stopping import stoppable
from sync.engine import Run
from sync.outcome import ExitCode
from sync.results import ProjectRun, RunResult
from sync.safety import Permission
from sync.savedplan import write_plan


def run(globals_: Globals, *, pull: bool, out: Path | None, exit_code: bool, adopt: bool, wait: str) -> ExitCode:
    """Plans every chosen project and shows the difference."""
    session = Session(globals_)
    if out is not None:
        session.require_place_for_plan(out)
    with stoppable() as stop, session.workspace(limits=pull_limits(force=False, full=False), wait=wait) as workspace:
        projects = session.chosen(workspace)
        with watching(session.err, workspace.sources_of(projects) if pull else ()) as report:
            one = Run(workspace, projects, "plan", stop=stop, report=report)
            stop.farewell = one.cut_off
            if pull:
                one.pull()
            one.plan(Permission(adopt=adopt))
        result = one.finish(*(_outcome(project) for project in one.done if exit_code))
        if out is not None:
            _save(out, result, workspace.config_hash)
    show(session.err, finding_lines(result.pulled, session.err.width))
    _show(session, result, out, adopt=adopt)
    return result.exit_code


def _outcome(run: ProjectRun) -> ExitCode:
    """With `--exit-code`: what was never pulled is not said to be in step."""
    if run.plan is not None and not run.plan.is_empty:
        return ExitCode.CHANGES
    return ExitCode.PARTIAL if never_pulled(run.assessment) else ExitCode.DONE


def _save(path: Path, result: RunResult, config_hash: str) -> None:
    plans = [project.plan for project in result.projects if project.plan is not None]
    try:
        write_plan(path, plans, made_at=result.started_at, config_hash=config_hash)
    except OSError as error:
        raise UsageProblem(f"{path} cannot be written: {error.strerror}", "name another file with --out") from None


def _next(session: Session, out: Path | None, *, adopt: bool) -> str:
    """The command that writes what was just shown."""
    words = ["milepost apply", *([shlex.quote(str(out))] if out is not None else []), *(["--adopt"] if adopt else [])]
    return " ".join([*words, *(f"--project {shlex.quote(key)}" for key in session.globals.projects)])


def _show(session: Session, result: RunResult, out: Path | None, *, adopt: bool) -> None:
    match session.globals.output:
        case Output.JSON:
            session.answer({"plans": plan_documents(result.projects), "exit_code": int(result.exit_code)})
        case Output.MARKDOWN:
            write_out(plan_markdown(result.projects).encode())
        case Output.TABLE:
            session.show_all(plan_lines(result.projects, session.width))
            if any(project.plan and not project.plan.is_empty for project in result.projects):
                session.show("", f"Nothing was written. To write this: {_next(session, out, adopt=adopt)}")
