"""The jobs of what is always on. Each finds in the store what there is to do, and may be called at any time, by anybody, again.

What is due stays so until it was done: a job that is killed, stopped or fails is found due again. That somebody else is at work is
no failure.

`stop` ends a job within seconds. `executor` is the worker that its run is recorded for. A source or project that the workspace does
not have is left to a worker whose project file has it. Each raises `StoreError` when the store fails, and some raise `Cancelled`
when they are stopped, or `LeaseLost`. A mistake of ours in `follow`, `relist` and `reconcile` is logged, and tried again later.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from operator import attrgetter

import structlog

from config.project import Retention
from connectors.errors import Cancelled
from sync import intake
from sync.apply import lease_name as apply_lease
from sync.engine import Run
from sync.listings import ScopedProject
from sync.mistakes import frames, is_mistake, named
from sync.outcome import ExitCode
from sync.progress import StreamEvent
from sync.pull import Pulled
from sync.pull import lease_name as pull_lease
from sync.redelivery import ask_again
from sync.renaming import renamed
from sync.results import RunResult, summary
from sync.retention import apply_daily
from sync.store import attempts, due, leases, runs, schedules
from sync.store.connect import Connection
from sync.store.due import DueProject, DueStream
from sync.store.leases import LeaseHeld, LeaseLost
from sync.tracing import span
from sync.workspace import Workspace

log = structlog.get_logger(__name__)

AGAIN = timedelta(seconds=2)
"""How soon to look again at what somebody else is at work on, unless they are done sooner."""

TURN = timedelta(seconds=10)
"""How long a scheduled pull waits for another one of the same scope before it lets others go first."""

UNKNOWN_FOR = timedelta(days=1)
"""How long something stays due that this worker's project file does not have: another worker may have a newer one."""

LEASE = timedelta(seconds=120)

READ_FIRST = timedelta(seconds=30)
"""How long a project waits at most for streams that a delivery told of: a merge whose branch was not read yet is half a fact."""


def take_in(workspace: Workspace, source: str, *, stop: threading.Event) -> None:
    """Takes in the deliveries of a source until none may be any more; the projects and streams that they concern are due then."""
    one = workspace.sources.get(source)
    if one is None:
        return
    projects = workspace.reading(source)
    with workspace.database.read() as tx:
        ident = runs.new_run_id(workspace.database.now(tx))  # the inbox is the record: a run of its own would tell nothing more
    with suppress(Cancelled):
        while not stop.is_set():
            shares = workspace.pull_limits.max_deletes
            taken = intake.take_in(workspace.database, one.at_once(), projects, run_id=ident, stop=stop, max_deletes=shares)
            if taken.total < intake.BATCH:
                break


def follow(workspace: Workspace, project: str, *, stop: threading.Event, executor: str | None = None) -> None:
    """Judges, plans and applies one project, if it is due. What is refused or fails is tried again ever more rarely."""
    database = workspace.database
    chosen = [one for one in workspace.projects if one.key == project]
    with database.read() as tx:
        now = database.now(tx)
        mark = next((one for one in due.marked(tx) if one.project == project), None)
        if mark is None:
            return
        busy = _held_until(tx, [apply_lease(project)], now)
        if busy is None and timedelta(0) <= now - mark.since < READ_FIRST and _is_to_be_read(tx, chosen):
            busy = now + AGAIN
    if not chosen:
        _leave_project(workspace, mark)
        return
    if busy is not None:
        with database.write() as tx:
            attempts.project_put_off(tx, project, mark.revision, busy)
        return
    run = Run(workspace.at_once(), chosen, "follow", stop=stop, executor=executor)
    try:
        with _recorded(run, _tell_followed), span("follow", after=[mark.trace], project=project, run=run.id):
            run.follow()
    except LeaseHeld as held:
        with database.write() as tx:
            attempts.project_put_off(tx, project, mark.revision, _soon(held.expires_at, database.now(tx)))
        return
    except (Cancelled, LeaseLost):
        raise
    except Exception as error:
        with database.write() as tx:  # where the store is away, this fails as well
            tries = attempts.project_failed(tx, project, mark.revision, database.now(tx))
        _tell("follow.failed", error, tries, project=project, run=run.id)
        return
    if stop.is_set():
        return
    failed = [why for one in run.done for why in (one.refused, one.failed) if why is not None]
    if failed or any(one.applied is not None and one.applied.is_partial for one in run.done):
        log.warning("follow.incomplete", project=project, run=run.id, why=failed)
        with database.write() as tx:
            attempts.project_failed(tx, project, mark.revision, database.now(tx))


def relist(workspace: Workspace, source: str, *, stop: threading.Event, executor: str | None = None) -> None:
    """Pulls those streams of a source that are due, from where they are; then its projects are due."""
    database = workspace.database
    with database.read() as tx:
        now = database.now(tx)
        names = frozenset(stream for name, stream in attempts.ready_streams(tx, now) if name == source)
        busy = _held_until(tx, _pulls(workspace, source), now)
    if not names:
        return
    if source not in workspace.sources:
        _leave_streams(workspace, source)
        return
    if busy is not None:
        _put_off_streams(workspace, source, names, busy)
        return
    run = Run(workspace.at_once().of_one_source(source, only=names), workspace.projects, "relist", stop=stop, executor=executor)
    try:
        with (
            _recorded(run, _tell_pulled),
            # Marks are read and cleared under it, so that nobody clears one that was made anew in between.
            leases.held(database, f"relist:{source}", holder=run.id, ttl=LEASE, wait=timedelta(0), stop=stop) as lease,
        ):
            marks = _stream_marks(workspace, source, names)
            with span("relist", after=[mark.trace for mark in marks], source=source, run=run.id):
                run.pull()
            with database.write() as tx:
                leases.verify(tx, lease)
                pulled = run.pulled.get(source)
                if not stop.is_set():
                    _relisted(tx, workspace, marks, pulled.events if pulled is not None else (), database.now(tx))
    except LeaseHeld as held:
        with database.read() as tx:
            soon = _soon(held.expires_at, database.now(tx))
        _put_off_streams(workspace, source, names, soon)
    except Exception as error:
        if not is_mistake(error):
            raise
        marks = _stream_marks(workspace, source, names)
        with database.write() as tx:
            now = database.now(tx)
            tries = [attempts.stream_failed(tx, source, mark.stream, mark.revision, now) for mark in marks]
        _tell("relist.failed", error, min(tries, default=1), source=source, run=run.id)


def reconcile(
    workspace: Workspace, source: str, moment: datetime, *, stop: threading.Event, executor: str | None = None
) -> Mapping[str, Pulled]:
    """Pulls a source as its schedule has it for this `moment` (UTC); then its projects are due. Returns what came of it.

    The source is also asked to send again which deliveries did not arrive, where it does not do so by itself.
    """
    database = workspace.database
    if source not in workspace.sources:
        return {}
    with database.read() as tx:
        busy = _held_until(tx, _pulls(workspace, source), database.now(tx))
    if busy is not None:
        stop.wait(AGAIN.total_seconds())  # it is asked for again until it was done
        return {}
    run = Run(workspace.of_one_source(source, wait=TURN), workspace.projects, "reconcile", stop=stop, executor=executor)
    try:
        with _recorded(run, _tell_pulled):
            run.pull()
    except LeaseHeld as held:
        log.info("reconcile.others_first", source=source, holder=held.holder)
        return run.pulled
    except Exception as error:
        if not is_mistake(error):
            raise
        _tell("reconcile.failed", error, 1, source=source, run=run.id)
        with database.write() as tx:
            schedules.done(tx, f"pull:{source}", moment)  # the next moment tries again
        return run.pulled
    pulled = run.pulled.get(source)
    if pulled is not None and pulled.away is None:
        ask_again(workspace.sources[source], stop)
    if not stop.is_set():
        with database.write() as tx:
            due.mark(tx, _keys(workspace, source), database.now(tx))
            schedules.done(tx, f"pull:{source}", moment)
    return run.pulled


def retain(workspace: Workspace, keep: Retention, moment: datetime, *, stop: threading.Event, executor: str | None = None) -> None:
    """Puts retention into effect, once a day whoever asks."""
    holder = f"milepost worker {executor or 'without a name'}"
    apply_daily(workspace.database, keep, sources=workspace.sources, holder=holder, stop=stop)
    with workspace.database.write() as tx:
        schedules.done(tx, "retention", moment)


def _keys(workspace: Workspace, source: str) -> Sequence[str]:
    """Of the projects that the source is read for."""
    return [project.key for project in workspace.reading(source)]


def _pulls(workspace: Workspace, source: str) -> Sequence[str]:
    """The leases of everything that reads the source."""
    one = workspace.sources.get(source)
    return [] if one is None else [pull_lease(one, scope) for scope in one.scopes]


@contextmanager
def _recorded(run: Run, tell: Callable[[Run, RunResult], None]) -> Iterator[None]:
    """The record of the run ends with the block, whatever happens in it. One that was not stopped is told of."""
    try:
        yield
    except LeaseHeld:
        run.finish(ExitCode.LEASE_HELD)
        raise
    except BaseException as error:
        with suppress(Exception):
            if is_mistake(error):
                run.finish(ExitCode.ERROR)
            else:
                run.cut_off()
        raise
    else:
        ended = run.finish()
        if not run.stop.is_set():
            tell(run, ended)


def _tell_pulled(run: Run, ended: RunResult) -> None:
    for pulled in ended.pulled.values():
        run.workspace.pull_log.tell(pulled, run.id, run.command, ended.seconds)


def _tell_followed(_: Run, ended: RunResult) -> None:
    """Most runs find that all is as it should be, and are not told of."""
    figures = summary((), ended.projects)
    if figures["planned"]:
        counts = {name: figures[name] for name in ("planned", "written", "failed", "conflicts")}
        project, outcome = ended.projects[0].assessment.project.key, ended.exit_code.name.lower()
        log.info("follow.ended", project=project, run=ended.id, outcome=outcome, seconds=ended.seconds, **counts)


def _tell(what: str, error: Exception, tries: int, **about: str) -> None:
    """A mistake at length when it happens for the first time, then in brief."""
    if is_mistake(error):
        log.error(what, error=named(error), tries=tries, **about, **({"frames": frames(error)} if tries == 1 else {}))
    else:
        log.warning(what, error=str(error), tries=tries, **about)


def _held_until(tx: Connection, names: Sequence[str], now: datetime) -> datetime | None:
    """When to look again, where somebody has one of these leases: asked first, so that no run is recorded that does nothing."""
    ends = [held.until for held in leases.holdings(tx, now) if held.name in names]
    return _soon(max(ends), now) if ends else None


def _soon(expires_at: datetime, now: datetime) -> datetime:
    return min(expires_at, now + AGAIN)


def _stream_marks(workspace: Workspace, source: str, names: frozenset[str]) -> Sequence[DueStream]:
    """In the order in which everybody changes several (see `due`)."""
    with workspace.database.read() as tx:
        return [mark for mark in _marks_of(tx, source) if mark.stream in names]


def _marks_of(tx: Connection, source: str) -> Sequence[DueStream]:
    return sorted((mark for mark in due.marked_streams(tx) if mark.source == source), key=attrgetter("stream"))


def _is_to_be_read(tx: Connection, projects: Sequence[ScopedProject]) -> bool:
    """Whether a stream of one of their sources is due; once it was read, they are due anew."""
    sources = {source.name for project in projects for source, _ in project.scopes}
    return any(mark.source in sources for mark in due.marked_streams(tx))


def _leave_project(workspace: Workspace, mark: DueProject) -> None:
    """The project file does not have it, or not under this key any more."""
    with workspace.database.write() as tx:
        now = workspace.database.now(tx)
        heirs = [key for key, former in renamed(tx, workspace.projects).items() if former == mark.project]
        due.mark(tx, heirs, mark.since, mark.trace)
        if heirs or _is_nobodys(mark.since, now):
            due.clear(tx, mark.project, mark.revision)
        else:
            attempts.project_put_off(tx, mark.project, mark.revision, now + attempts.LONGEST)


def _leave_streams(workspace: Workspace, source: str) -> None:
    """The project file does not have the source."""
    with workspace.database.write() as tx:
        now = workspace.database.now(tx)
        for mark in _marks_of(tx, source):
            if _is_nobodys(mark.since, now):
                due.clear_stream(tx, source, mark.stream, mark.revision)
            else:
                attempts.stream_put_off(tx, source, mark.stream, mark.revision, now + attempts.LONGEST)


def _is_nobodys(since: datetime, now: datetime) -> bool:
    return now - since >= UNKNOWN_FOR


def _put_off_streams(workspace: Workspace, source: str, names: frozenset[str], until: datetime) -> None:
    marks = _stream_marks(workspace, source, names)
    with workspace.database.write() as tx:
        for mark in marks:
            attempts.stream_put_off(tx, source, mark.stream, mark.revision, until)


def _relisted(
    tx: Connection, workspace: Workspace, marks: Sequence[DueStream], events: Sequence[StreamEvent], now: datetime
) -> None:
    """What was read to its end in every scope is not due any more, and the projects are; the rest is tried again later."""
    for mark in marks:
        source = workspace.sources[mark.source]
        read = sum(1 for event in events if event.stream == mark.stream and event.state == "done")
        if read == len(source.scopes) or mark.stream not in source.connection.streams:
            due.mark(tx, _keys(workspace, source.name), mark.since, mark.trace)
            due.clear_stream(tx, source.name, mark.stream, mark.revision)
        else:
            attempts.stream_failed(tx, source.name, mark.stream, mark.revision, now)
