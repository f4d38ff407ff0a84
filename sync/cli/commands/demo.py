"""`milepost demo`"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from rich.text import Text

from sync.build import ConnectionTypes, build_workspace, open_store, project_file_schema, read_project_file
from sync.cli.documents import plan_documents, stream_documents
from sync.cli.errors import UsageProblem
from sync.cli.layout import heading, wrapped
from sync.cli.options import Globals
from sync.cli.progress import watching
from sync.cli.render_demo import planned_lines, read_lines, standing_lines
from sync.cli.render_status import ProjectStatus, look_at, status_documents
from sync.cli.session import Session
from sync.cli.stopping import interruptible
from sync.cli.style import plural
from sync.engine import Run
from sync.outcome import ExitCode
from sync.pull import PullLimits
from sync.results import RunResult
from sync.safety import Permission
from sync.workspace import Workspace

if TYPE_CHECKING:
    from sandbox.demo import Sandbox

FOLDER = Path("milepost-demo")
_STARTING = "Starting the sandbox: Jira, GitHub, MLflow, SageMaker and Azure ML; training the models …"
_PROXIES = ("http_proxy", "https_proxy", "all_proxy")


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """What the demo has to show. Writes are what the stand-ins themselves have counted."""

    first: RunResult
    second: RunResult
    statuses: list[ProjectStatus]
    writes_first: int
    writes_second: int

    @property
    def exit_code(self) -> ExitCode:
        """The second sync must miss the one region that is shut, and write nothing."""
        ended = self.first.exit_code, self.second.exit_code
        went_well = ended == (ExitCode.DONE, ExitCode.PARTIAL) and self.writes_second == 0
        return ExitCode.DONE if went_well else ExitCode.ERROR


def run(globals_: Globals, *, hold: bool, folder: Path | None) -> ExitCode:
    """Starts the sandbox, syncs twice, shows everything; the second sync must write nothing."""
    try:
        from sandbox.demo import FolderTaken, claimed, running
        from sandbox.mlflow.server import ServerFailed
    except ModuleNotFoundError as error:
        raise _not_installed(error) from None
    session = Session(globals_)
    place = (folder or FOLDER).absolute()
    try:
        with interruptible(), _loopback_without_proxy(), claimed(place):
            session.err.print(_STARTING, style="dim")
            with running(place) as sandbox:
                shown = _sync_twice(session, sandbox)
                _show(session, shown, sandbox.config, holding=hold)
                if hold:
                    _hold(sandbox)
    except ModuleNotFoundError as error:
        raise _not_installed(error) from None
    except FolderTaken as error:
        raise UsageProblem(str(error), "name another folder with --folder") from None
    except ServerFailed as error:
        raise UsageProblem(str(error), "look at the log that it names, then run the demo again") from None
    return shown.exit_code


def _not_installed(error: ModuleNotFoundError) -> UsageProblem:
    return UsageProblem(f"the demo needs {error.name}, which is not installed", "install milepost[demo], or run make demo")


def _loopback_without_proxy() -> AbstractContextManager[None]:
    """A proxy that the environment names knows nothing of servers on this machine."""
    from sandbox.demo import environment

    kept = os.environ.get("NO_PROXY") or os.environ.get("no_proxy")
    exempt = f"{kept},127.0.0.1" if kept else "127.0.0.1"
    return environment({"NO_PROXY": exempt, "no_proxy": exempt})


def _behind_a_proxy() -> bool:
    return any(os.environ.get(name) or os.environ.get(name.upper()) for name in _PROXIES)


def _sync_twice(session: Session, sandbox: Sandbox) -> Shown:
    from sandbox.world import story

    types = ConnectionTypes()
    file = read_project_file(sandbox.config, types)
    schema = json.dumps(project_file_schema(types), indent=2, ensure_ascii=False) + "\n"
    sandbox.config.with_name("milepost.schema.json").write_text(schema, encoding="utf-8")
    database = open_store(file, session.settings.model_copy(update={"store_url": None}))
    try:
        workspace = build_workspace(file, types, sandbox.environ, database, limits=PullLimits(), wait=timedelta(seconds=60))
        first = _sync(session, workspace)
        writes_first = _writes(sandbox)
        story.after_the_first_sync(sandbox.cast)
        second = _sync(session, workspace)
        story.in_the_end(sandbox.cast)
        return Shown(
            first=first,
            second=second,
            statuses=[look_at(database, project, workspace.projects) for project in workspace.projects],
            writes_first=writes_first,
            writes_second=_writes(sandbox) - writes_first,
        )
    finally:
        database.close()


def _sync(session: Session, workspace: Workspace) -> RunResult:
    with watching(session.err, workspace.sources_of(workspace.projects)) as report:
        one = Run(workspace, workspace.projects, "demo", stop=threading.Event(), report=report)
        one.pull()
    one.apply(Permission(initial=True))
    return one.finish()


def _writes(sandbox: Sandbox) -> int:
    return len(sandbox.cast.jira.writes) + len(sandbox.cast.github.writes)


def _show(session: Session, shown: Shown, config: Path, *, holding: bool) -> None:
    if session.wants_json:
        session.answer(
            {
                "plan": plan_documents(shown.first.projects),
                "statuses": status_documents(shown.statuses, everything=False),
                "writes_first": shown.writes_first,
                "writes_second": shown.writes_second,
                "sources": stream_documents(shown.first.pulled.values()),
                "config": str(config),
            }
        )
    else:
        session.show_all(_lines(shown, config, session.width))
        if not holding:
            again = f"{_program()} demo --hold --folder {shlex.quote(str(config.parent))}"
            session.show(f"Next: {again}", "Then try any other command from a second terminal.")


def _lines(shown: Shown, config: Path, width: int) -> Iterator[Text]:
    yield heading("1  What was read", width)
    yield Text()
    yield from read_lines(shown.first.pulled, width)
    yield Text()
    yield heading("2  The plan, and what was written", width)
    yield Text()
    yield from planned_lines(shown.first.projects, width)
    values = sum(run.applied.count("done") for run in shown.first.projects if run.applied is not None)
    made = f"{plural(values, 'value')} written in {plural(shown.writes_first, 'request')}, which also made the labels."
    yield from wrapped(made, width)
    yield Text()
    yield heading("3  Then somebody took an alert off LOAN-2, and AWS shut one region: the statuses", width)
    yield Text()
    yield from standing_lines(shown.statuses, width)
    yield Text()
    yield heading("4  The second sync", width)
    yield Text()
    why = "" if shown.writes_second else ": no fact has changed, and what is not known takes nothing back"
    yield from wrapped(Text(f"It made {plural(shown.writes_second, 'request')} to write{why}.", style="bold"), width)
    yield Text()
    yield heading("5  Why, link by link", width)
    yield Text()
    for command, way in _chains(config):
        yield Text(f"  {command}")
        yield from wrapped(Text(way, style="dim"), width, indent=6)
    yield Text()
    yield Text(f"The project file: {config}")


def _chains(config: Path) -> Sequence[tuple[str, str]]:
    """The commands that show a whole chain, one on each platform, and what they show."""
    explain = f"{_program()} -c {shlex.quote(str(config))} explain"
    return [
        (f"{explain} CHURN-2", "SageMaker: ticket, pull request, commit, training job, model package, endpoint"),
        (f"{explain} DEMAND-2", "Azure Machine Learning: ticket, pull request, commit, job, model, endpoint"),
        (f"{explain} LOAN-2", "MLflow: ticket, pull request, commit, run, model version with its alias, monitor"),
    ]


def _hold(sandbox: Sandbox) -> None:
    """Keeps the sandbox running until Ctrl-C or SIGTERM."""
    variables = _written_variables(sandbox)
    milepost = f"{_program()} -c {shlex.quote(str(sandbox.config))}"
    explains = "".join(f"  {command}\n" for command, _ in _chains(sandbox.config))
    sys.stderr.write(
        "\nThe sandbox runs until Ctrl-C, and AWS has let Milepost in again. In a second terminal:\n\n"
        f"  . {shlex.quote(str(variables))}\n  {milepost} status\n  {milepost} sync\n{explains}\n"
        f"Always on, until Ctrl-C in there as well:\n\n  {milepost} serve --workers 2\n\n"
    )
    sys.stderr.flush()
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        sys.stderr.write("\nStopping the sandbox.\n")


def _written_variables(sandbox: Sandbox) -> Path:
    """A file beside the project file that gives a shell what the commands need in their environment."""
    environ = {**sandbox.environ, **({"NO_PROXY": os.environ["NO_PROXY"]} if _behind_a_proxy() else {})}
    path = sandbox.config.with_name("environment.sh")
    path.touch(mode=0o600)
    exports = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in environ.items())
    path.write_text(f"# For a terminal of its own, which then trusts the sandbox's certificate alone.\n{exports}", encoding="utf-8")
    return path


def _program() -> str:
    """What a shell runs to start this program again, from any folder and whatever its PATH."""
    found = shutil.which(sys.argv[0])
    return shlex.quote(str(Path(found).absolute())) if found else shlex.join([sys.executable, str(Path(sys.argv[0]).absolute())])
