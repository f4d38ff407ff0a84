"""The main loop: pull, judge, plan, apply, each usable alone, all of them recorded as one run."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

import msgspec
import structlog
from structlog.contextvars import bound_contextvars

from connectors.errors import Cancelled, SourceError
from mappings.change import Plan, Slot, Value, given_up
from sync import results
from sync.apply import LEASE, Result, apply_plan, lease_name, recover
from sync.assess import Assessment, assess
from sync.listings import ScopedProject
from sync.outcome import ExitCode, worst
from sync.planning import plan_project, settle, without
from sync.progress import Report, unwatched
from sync.pull import Pulled, PullFinding, pull_all
from sync.renaming import as_remembered, know_again
from sync.reread import read_again
from sync.results import ProjectRun, RunResult, Withdrawn
from sync.safety import Permission, refusal
from sync.savedplan import SavedPlan, only_saved, require_same_verdicts, saved_targets
from sync.source import Source
from sync.store import due, entities, leases, runs, streams
from sync.store.connect import Connection
from sync.store.due import DueProject
from sync.store.leases import Lease, LeaseLost
from sync.tracing import span
from sync.withdraw import forget_withdrawn, plan_unpublish
from sync.workspace import Workspace

log = structlog.get_logger(__name__)

IDLE = timedelta(days=3)
"""After so long without a pull, what a scope held that the project file no longer has is forgotten. Sooner, the file may change
back, or another one may share the store."""

_BY_HAND = frozenset({"pull", "plan", "sync"})
"""Commands that pull, and that no worker does."""


class Run:
    """One run of a command on a workspace; the record of it is kept whatever happens."""

    def __init__(
        self,
        workspace: Workspace,
        projects: Sequence[ScopedProject],
        command: str,
        *,
        stop: threading.Event,
        report: Report = unwatched,
        executor: str | None = None,
    ) -> None:
        """`executor` is the worker whose job the run is."""
        self.workspace = workspace
        self.projects = projects
        self.command = command
        self.stop = stop
        self.report = report
        self.sources: dict[str, Source] = dict(workspace.sources)
        self.asked: Collection[str] = ()
        self.pulled: Mapping[str, Pulled] = {}
        self.done: list[ProjectRun] = []
        self.withdrawn: list[Withdrawn] = []
        self.notices: Sequence[str] = ()
        self._followed: set[str] = set()
        with workspace.database.write() as tx:
            self.started_at = workspace.database.now(tx)
            self.id = runs.start(tx, command, [project.key for project in projects], self.started_at, executor=executor)

    def pull(self) -> None:
        """Refreshes every source of the projects. What fails is in `pulled`; what rests on it becomes unknown.

        A source that was given up is not asked again in this run, neither for this project nor for the next one.
        """
        with bound_contextvars(run=self.id), span("gather", run=self.id, command=self.command):
            self.pulled = pull_all(
                self.workspace.database,
                self.workspace.sources_of(self.projects),
                self.workspace.pull_limits,
                run_id=self.id,
                report=self.report,
                stop=self.stop,
            )
        self.asked = self.pulled.keys()
        self._leave_alone({name: one.away for name, one in self.pulled.items() if one.away is not None})
        with self.workspace.database.write() as tx:
            before = self.workspace.database.now(tx) - IDLE
            projects = [project.key for project in self.workspace.projects]
            for source in self.workspace.sources.values():
                streams.retire(tx, source.name, [scope.hash for scope in source.scopes], before, projects=projects)

    def judge(self) -> None:
        """Brings the stored standings of every project up to date, without a plan."""
        self._know_again()
        for project in self.projects:
            with self._at_work("judge", project.key) as lease:
                self.done.append(self._judged(project, lease))

    def plan(self, permission: Permission) -> None:
        """Judges and plans every project on the stored facts; nothing is written, not even the standings. After a pull of this run
        the slots that were written lately are read again, as `apply` does."""
        self.done = []
        with self.workspace.database.read() as tx:
            projects = as_remembered(tx, self.projects, self.workspace.projects)
        for project in projects:
            self.done.append(self._planned(self._assess(project), permission, self._just_read(project)))

    def apply(self, permission: Permission, saved: SavedPlan | None = None) -> None:
        """Judges, plans and applies every project under its lease; with `saved`, only what that plan holds.

        Raises `PlanRefused` before anything is written, when a verdict that the saved plan rests on has changed.
        """
        self._know_again()
        if saved is not None:
            for project in self.projects:
                require_same_verdicts(self._plan_of(self._assess(project), permission), saved)
        self.done = []
        for project in self.projects:
            if self.stop.is_set():
                break
            self.done.append(self._applied(project, permission, saved))

    def follow(self) -> None:
        """Judges, plans and applies what came in without a pull of this run: sources are asked for what is looked up alone."""
        self.asked = self.sources.keys()
        self.apply(Permission())

    def unpublish(self, keys: Sequence[str], *, write: bool) -> None:
        """Takes back what was published for the projects `keys`, also for those that the file no longer has. Without `write`, only
        the plans are made."""
        self.withdrawn = []
        for key in keys:
            if self.stop.is_set():
                break
            plan = plan_unpublish(self.workspace.database, key, self.workspace.sources)
            self.withdrawn.append(self._withdrawn(key) if write else Withdrawn(plan=plan))

    def finish(self, *codes: ExitCode) -> RunResult:
        """Ends the run and records it."""
        stopped = [ExitCode.PARTIAL] if self.stop.is_set() else []
        code = worst([*codes, *stopped, *results.codes(self.pulled.values(), self._parts())])
        with self.workspace.database.write() as tx:
            now = self.workspace.database.now(tx)
            runs.finish(
                tx,
                self.id,
                outcome=code.name.lower(),
                exit_code=int(code),
                summary=results.summary(self.pulled.values(), self._parts()),
                now=now,
            )
            self._pass_on(tx, now)
        self._count(code, now)
        return RunResult(
            id=self.id,
            command=self.command,
            started_at=self.started_at,
            finished_at=now,
            exit_code=code,
            pulled=self.pulled,
            projects=self.done,
            notices=self.notices,
        )

    def _count(self, code: ExitCode, now: datetime) -> None:
        meters = self.workspace.meters
        meters.run(self.command, code.name.lower(), (now - self.started_at).total_seconds())
        for applied in (part.applied for part in self._parts() if part.applied is not None):
            for result in applied.results:
                meters.change(result.change.slot.target.source, result.state)
            for error in applied.away.values():
                meters.failure(error)

    def cut_off(self) -> None:
        """Records the run as partial and lets go of its leases, so that the next one need not wait for them; called from another
        thread when the process ends in the middle of it, because what the run waits for does not answer."""
        with self.workspace.database.write() as tx:
            now = self.workspace.database.now(tx)
            leases.release_all(tx, self.id, now)
            self._pass_on(tx, now)
            runs.finish(tx, self.id, outcome=ExitCode.PARTIAL.name.lower(), exit_code=int(ExitCode.PARTIAL), summary={}, now=now)

    def _pass_on(self, tx: Connection, now: datetime) -> None:
        """What a run by hand has pulled, and not followed, is due for whoever is always at work: the deliveries that tell of it
        will find it stored, and be no news. The jobs see to that by themselves."""
        if self.command in _BY_HAND:
            read = {project.key for source in self.pulled for project in self.workspace.reading(source)}
            due.mark(tx, read - self._followed, now)

    def _know_again(self) -> None:
        workspace = self.workspace
        self.notices = know_again(workspace.database, workspace.projects, holder=self.id, wait=workspace.wait, stop=self.stop)

    def _leave_alone(self, away: Mapping[str, SourceError]) -> None:
        for name, why in away.items():
            if name in self.sources:
                self.sources[name] = msgspec.structs.replace(self.sources[name], away=why)

    @contextmanager
    def _at_work(self, doing: str, project: str) -> Iterator[Lease]:
        """Under the project's lease. What is logged and traced meanwhile names the run and the project."""
        database, wait = self.workspace.database, self.workspace.wait
        with (
            bound_contextvars(run=self.id, project=project),
            span(doing, run=self.id, project=project),
            leases.held(database, lease_name(project), holder=self.id, ttl=LEASE, wait=wait, stop=self.stop) as lease,
        ):
            yield lease

    def _judged(self, project: ScopedProject, lease: Lease) -> ProjectRun:
        try:
            return ProjectRun(assessment=self._assess(project, under=lease))
        except LeaseLost as error:
            log.warning("judge.overtaken", project=project.key, error=str(error))
            return ProjectRun(assessment=self._assess(project), failed=str(error))

    def _assess(self, project: ScopedProject, *, under: Lease | None = None) -> Assessment:
        asking = [source for name, source in self.sources.items() if name in self.asked and source.away is None]
        assessment = assess(self.workspace.database, project, asking=asking, stop=self.stop, under=under)
        self._tell(assessment.unanswered)
        return assessment

    def _tell(self, unanswered: Sequence[SourceError]) -> None:
        """What a source failed on beside its streams belongs to what the run tells of it, once for all projects."""
        for error in unanswered:
            finding = PullFinding(source=error.source, stream="*", text=error.message, fix=error.fix)
            pulled = self.pulled.get(error.source) or Pulled(source=error.source, events=())
            if finding not in pulled.findings:
                self.workspace.meters.failure(error)
                told = msgspec.structs.replace(pulled, findings=(*pulled.findings, finding))
                self.pulled = {**self.pulled, error.source: told}

    def _plan_of(self, assessment: Assessment, permission: Permission, just_read: Mapping[Slot, Value] | None = None) -> Plan:
        return plan_project(
            self.workspace.database,
            assessment,
            config_hash=self.workspace.config_hash,
            in_order=self.workspace.projects,
            sources=self.sources,
            adopt=permission.adopt,
            just_read=just_read,
        )

    def _planned(self, assessment: Assessment, permission: Permission, just_read: Mapping[Slot, Value]) -> ProjectRun:
        plan = self._plan_of(assessment, permission, just_read)
        return ProjectRun(assessment=assessment, plan=plan, refused=self._refusal(assessment.project, plan, permission))

    def _just_read(self, project: ScopedProject) -> Mapping[Slot, Value]:
        """What slots that were written lately hold now; nothing where this run asks no source, or is to stop."""
        if not self.pulled or self.stop.is_set():
            return {}
        try:
            return read_again(self.workspace.database, project.memory, self.sources, stop=self.stop).found
        except Cancelled:
            return {}

    def _refusal(self, project: ScopedProject, plan: Plan, permission: Permission) -> str | None:
        earlier = sum(one.added for one in self.done)
        return refusal(self.workspace.database, project.memory, plan, self.workspace.safety, permission, earlier_additions=earlier)

    def _applied(self, project: ScopedProject, permission: Permission, saved: SavedPlan | None) -> ProjectRun:
        database, sources = self.workspace.database, self.sources
        with self._at_work("apply", project.key) as lease:
            try:
                reason = self._reason(project.key)
                blocked = recover(database, project.key, sources, lease, run_id=self.id, stop=self.stop)
                assessment = self._assess(project, under=lease)
                reread = read_again(database, project.key, sources, stop=self.stop)
                left = {**reread.away, **blocked}
                plan = without(blocked, self._plan_of(assessment, permission, reread.found))
                conflicts: Sequence[Result] = ()
                if saved is not None:
                    plan, conflicts = self._only_saved(plan, saved)
                refused = self._refusal(project, plan, permission)
                allowed = plan if refused is None else given_up(plan)
                if refused is not None and allowed.is_empty:
                    return ProjectRun(assessment=assessment, plan=plan, refused=refused)
                applied = apply_plan(database, allowed, sources, lease, run_id=self.id, stop=self.stop)
                self._leave_alone(applied.away)
                if refused is None:
                    settle(database, assessment)
                if refused is None and saved is None and not (left or applied.is_partial):
                    self._note_followed(project.key, reason, lease)
            except (LeaseLost, Cancelled) as error:
                why = str(error) or "the run was stopped"
                return ProjectRun(assessment=self._assess(project), failed=why)
        applied = msgspec.structs.replace(applied, results=(*applied.results, *conflicts))
        failed = "; ".join(left.values()) or None
        return ProjectRun(assessment=assessment, plan=plan, refused=refused, applied=applied, failed=failed)

    def _reason(self, project: str) -> DueProject | None:
        """Why the project is due, if it is. Read and cleared under its lease, so that nobody else clears it."""
        with self.workspace.database.read() as tx:
            return next((one for one in due.marked(tx) if one.project == project), None)

    def _note_followed(self, project: str, reason: DueProject | None, lease: Lease) -> None:
        self._followed.add(project)
        if reason is None:
            return
        with self.workspace.database.write() as tx:
            leases.verify(tx, lease)
            due.clear(tx, reason.project, reason.revision)
            now = self.workspace.database.now(tx)
        self.workspace.meters.published((now - reason.since).total_seconds())

    def _only_saved(self, plan: Plan, saved: SavedPlan) -> tuple[Plan, Sequence[Result]]:
        with self.workspace.database.read() as tx:
            held = entities.slots_of(tx, saved_targets(saved, plan.project))
        reduced, conflicts = only_saved(plan, saved, held)
        why = "the slot is not as it was when the plan was made; plan again"
        return reduced, [Result(change=change, state="conflict", why=why) for change in conflicts]

    def _withdrawn(self, key: str) -> Withdrawn:
        database, sources = self.workspace.database, self.sources
        with self._at_work("unpublish", key) as lease:
            try:
                blocked = recover(database, key, sources, lease, run_id=self.id, stop=self.stop)
                plan = plan_unpublish(database, key, sources)
                applied = apply_plan(database, without(blocked, plan), sources, lease, run_id=self.id, stop=self.stop)
                self._leave_alone(applied.away)
            except (LeaseLost, Cancelled) as error:
                failed = str(error) or "the run was stopped"
                return Withdrawn(plan=plan_unpublish(database, key, sources), failed=failed)
            forget_withdrawn(database, plan, applied, is_over=key not in {project.key for project in self.workspace.projects})
        return Withdrawn(plan=plan, applied=applied, failed="; ".join(blocked.values()) or None)

    def _parts(self) -> Sequence[ProjectRun | Withdrawn]:
        return [*self.done, *self.withdrawn]
