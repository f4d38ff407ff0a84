"""DBOS Transact behind the seam: a queue in a database of its own, or in a schema of its own on PostgreSQL.

DBOS keeps one instance a process; it is made when the engine opens and gone when it is closed. It starts no server, asks no service
and sends no telemetry. Its tables can be dropped while no worker runs: what is due stands in the store.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar, cast, get_args

import structlog
from dbos import DBOS, DBOSConfig, SetEnqueueOptions, WorkflowSerializationFormat, error
from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.exc import SQLAlchemyError

from sync.store.connect import Database
from sync.store.errors import StoreError, explain, place
from sync.work.seam import Held, Job, Kind, Work

log = structlog.get_logger(__name__)
T = TypeVar("T")

SCHEMA = "milepost_jobs"
NEWS, ROUTINE = "milepost", "milepost-routine"
"""What follows from news has a queue of its own: scheduled pulls, which may take hours, must not keep it waiting."""

VERSION = "1"
"""Raised when jobs of an older Milepost could not be understood. Those are left to older workers, and forgotten after a while: what
they were for is found to be due again. Never that of the release, or each new one would leave jobs behind."""

KEPT = timedelta(hours=6)
"""How long a finished job is remembered, for people."""

POLL = {"sqlite": 0.1, "postgresql": 0.25}
"""Seconds between two looks at the queue: the most that it adds to a wake-up. A server is looked at by many workers."""
ROUTINE_POLL = 1.0
"""The same for what a schedule asks for, which nobody waits for."""

_THREADS = 128
"""More than the most jobs that another worker can decide on; none is started before it is needed."""

_BATCH = 500


class DbosEngine:
    """The engine while it is open: see `JobEngine`, and `opened`."""

    def __init__(self, work: Work, executor: str) -> None:
        def milepost_job(kind: Kind, subject: str, moment: str | None) -> None:
            with self._running(cast("str", DBOS.workflow_id)):
                work(Job(kind, subject, None if moment is None else datetime.fromisoformat(moment)))

        self._work = work
        self._executor = executor
        self._runs: set[str] = set()
        self._astray: set[str] = set()
        # A job that was cut off is begun again however often that happens, and its arguments are JSON: nothing is unpickled.
        # The name stands in the tables: whatever becomes of this class, the workers of before and after know each other's jobs.
        portable = WorkflowSerializationFormat.PORTABLE
        decorate = DBOS.workflow(name="milepost_job", max_recovery_attempts=None, serialization_type=portable)
        self._workflow = decorate(milepost_job)

    def submit(self, job: Job) -> bool:
        return _tried("submit", lambda: self._enqueue(job, NEWS), False)

    def schedule(self, job: Job) -> bool:
        return _tried("schedule", lambda: self._enqueue(job, ROUTINE), False)

    def recover(self, executor: str) -> int:
        return _tried("recover", lambda: self._recover(executor), 0)

    def status(self) -> Sequence[Held]:
        return _tried("status", _under_way, [])

    def run_once(self, job: Job) -> None:
        self._work(job)

    def forget(self) -> int:
        """Drops what ended longer than `KEPT` ago, and as old ones of another version, which nobody may do any more; a batch at a
        time. Returns how many jobs."""
        return _tried("forget", _forget, 0)

    @contextmanager
    def _running(self, ident: str) -> Iterator[None]:
        self._runs.add(ident)
        try:
            yield
        finally:
            self._runs.discard(ident)

    def _recover(self, executor: str) -> int:
        left = DBOS.list_workflows(status="PENDING", executor_id=executor, load_input=False, load_output=False)
        if executor == self._executor:
            # What it was just given may not have begun, and what has just ended may not be noted: what is found so twice is astray.
            astray = {one.workflow_id for one in left} - self._runs
            left = [one for one in left if one.workflow_id in astray & self._astray]
            self._astray = astray - {one.workflow_id for one in left}
        for queue in (NEWS, ROUTINE):
            if its := [one.workflow_id for one in left if one.queue_name == queue]:
                DBOS.resume_workflows(its, queue_name=queue)
        return len(left)

    def _enqueue(self, job: Job, queue: str) -> bool:
        moment = None if job.moment is None else job.moment.isoformat()
        with SetEnqueueOptions(deduplication_id=f"{VERSION}:{job.key}"):
            try:
                DBOS.enqueue_workflow(queue, self._workflow, job.kind, job.subject, moment)
            except error.DBOSQueueDeduplicatedError:
                return False
        return True


@contextmanager
def opened(database: Database, executor: str, work: Work, *, concurrency: int) -> Iterator[DbosEngine]:
    """The engine of this worker, beside the store. It runs at most `concurrency` jobs at a time that follow from news, and beside
    them half as many, but at least one, that a schedule asks for. DBOS keeps these numbers in its tables: of workers that were told
    different ones, who started last decides for all.

    What this worker had begun when it died is begun again. The block must see to it that no job runs any more when it ends. Raises
    `StoreError`.
    """
    _log_as_we_do()
    routine = max(1, concurrency // 2)
    tables = _engine_beside(database, concurrency + routine)
    try:
        engine = DbosEngine(work, executor)
        DBOS(config=_configuration(tables, executor))
        try:
            try:
                _launch({NEWS: (concurrency, POLL[database.dialect]), ROUTINE: (routine, ROUTINE_POLL)})
            except (error.DBOSException, SQLAlchemyError) as failure:
                raise _explained(failure, tables.url) from failure
            yield engine
        finally:
            DBOS.destroy(destroy_registry=True)
    finally:
        tables.dispose()


def _launch(queues: Mapping[str, tuple[int, float]]) -> None:
    DBOS.listen_queues(list(queues))
    DBOS.launch()
    for queue, (most, poll) in queues.items():
        DBOS.register_queue(queue, worker_concurrency=most, polling_interval_sec=poll, on_conflict="always_update")


def _explained(failure: error.DBOSException | SQLAlchemyError, url: URL) -> StoreError:
    known = explain(failure, url) if isinstance(failure, SQLAlchemyError) else None
    why = known.message if known is not None else f"{place(url)} gave a {type(failure).__name__}"
    fix = f"let the user of {place(url)} create the schema {SCHEMA} and its tables"
    if known is not None and url.get_backend_name() == "sqlite":
        fix = known.fix
    return StoreError(f"the queue of jobs cannot be opened: {why}", fix)


def _configuration(tables: Engine, executor: str) -> DBOSConfig:
    return DBOSConfig(
        name="milepost",
        system_database_engine=tables,
        dbos_system_schema=SCHEMA,
        executor_id=executor,
        application_version=VERSION,
        log_level="WARNING",
        enable_otlp=False,
        use_listen_notify=False,  # we neither send nor await events
        notification_listener_polling_interval_sec=1.0,
        scheduler_polling_interval_sec=3600.0,  # schedules are ours
        max_executor_threads=_THREADS,
    )


def _engine_beside(database: Database, concurrency: int) -> Engine:
    url = database.url
    if database.dialect == "postgresql":
        return create_engine(
            url,
            hide_parameters=True,
            pool_size=concurrency + 2,
            max_overflow=4,
            pool_pre_ping=True,
            connect_args={"connect_timeout": 10, "application_name": "milepost jobs"},
        )
    engine = create_engine(
        url.set(database=f"{url.database}.jobs.db"), hide_parameters=True, pool_size=concurrency + 2, connect_args={"timeout": 30}
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = "IMMEDIATE"
        for setting in ("journal_mode = WAL", "synchronous = FULL", "busy_timeout = 30000", "foreign_keys = ON"):
            connection.execute(f"PRAGMA {setting}")

    return engine


def _job(given: Any) -> Job | None:
    """None for what another version of Milepost asked for, which knows more of jobs."""
    try:
        kind, subject, moment = given["args"]
        return Job(kind, subject, None if moment is None else datetime.fromisoformat(moment)) if kind in get_args(Kind) else None
    except (TypeError, ValueError, KeyError):
        return None


def _under_way() -> Sequence[Held]:
    there = DBOS.list_workflows(status=["ENQUEUED", "PENDING"], queue_name=[NEWS, ROUTINE], app_version=VERSION, load_output=False)
    understood = [(job, one) for one in there if (job := _job(one.input)) is not None]
    return [Held(job=job, executor=one.executor_id if one.status == "PENDING" else None) for job, one in understood]


def _forget() -> int:
    before = (datetime.now(UTC) - KEPT).isoformat()
    over = ["SUCCESS", "ERROR", "CANCELLED"]
    old = DBOS.list_workflows(status=over, completed_before=before, limit=_BATCH, load_input=False, load_output=False)
    begun = DBOS.list_workflows(status=["ENQUEUED", "PENDING"], end_time=before, load_input=False, load_output=False)
    nobodys = [one for one in begun if one.app_version != VERSION]
    if idents := [one.workflow_id for one in (*old, *nobodys)]:
        DBOS.delete_workflows(idents)
    return len(idents)


def _tried(doing: str, ask: Callable[[], T], otherwise: T) -> T:
    """What the engine's database cannot do now is asked for again by the next sweep."""
    try:
        return ask()
    except (error.DBOSException, SQLAlchemyError) as failure:
        log.warning("jobs.engine_failed", doing=doing, error=type(failure).__name__)
        return otherwise


def _log_as_we_do() -> None:
    """DBOS writes to standard error by itself unless its logger has a handler already."""
    logger = logging.getLogger("dbos")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
    logger.propagate = True
