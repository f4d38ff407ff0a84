"""The job engine behind its seam, on both databases: one job of a key at a time, and nothing of a dead worker is left behind."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import create_engine

from sync.store.connect import Database
from sync.work.dbos_engine import KEPT, SCHEMA, DbosEngine, opened
from sync.work.seam import Job, JobEngine
from tests.cli.process import PATIENCE
from tests.work.service import until

MOMENT = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)

PROCESS = """
import sys, threading
from sync.store.connect import open_database
from sync.work.dbos_engine import opened
from sync.work.seam import Job

def work(job):
    print("began", flush=True)
    threading.Event().wait()

with opened(open_database(sys.argv[1]), "dead", work, concurrency=1) as engine:
    assert engine.submit(Job("follow", "churn"))
    threading.Event().wait()
"""


class Notebook:
    """Does jobs by writing them down; those of the project `slow` end when the gate is open."""

    def __init__(self) -> None:
        self.done: list[Job] = []
        self.gate = threading.Event()

    def __call__(self, job: Job) -> None:
        if job.subject == "slow":
            assert self.gate.wait(PATIENCE)
        self.done.append(job)


@pytest.fixture
def notebook() -> Iterator[Notebook]:
    one = Notebook()
    yield one
    one.gate.set()


@contextmanager
def at_work(database: Database, notebook: Notebook, name: str = "one", concurrency: int = 1) -> Iterator[DbosEngine]:
    with opened(database, name, notebook, concurrency=concurrency) as engine:
        yield engine
        notebook.gate.set()
        until(lambda: not engine.status(), lambda: engine.status())


def test_of_one_key_one_job_waits_or_runs(database: Database, notebook: Notebook) -> None:
    with at_work(database, notebook) as engine:
        slow = Job("follow", "slow")
        assert engine.submit(slow)
        until(lambda: [one.executor for one in engine.status()] == ["one"])
        assert not engine.submit(slow)
        assert engine.submit(Job("take-in", "slow"))
        notebook.gate.set()
        until(lambda: len(notebook.done) == 2)
        until(lambda: not engine.status())
        assert engine.submit(slow)
        until(lambda: notebook.done.count(slow) == 2)


def test_a_job_runs_once_without_the_engine(database: Database, notebook: Notebook) -> None:
    with at_work(database, notebook) as engine:
        engine.run_once(Job("retain", moment=MOMENT))
        assert notebook.done == [Job("retain", moment=MOMENT)]
        assert engine.status() == []


def test_what_was_begun_is_begun_again_by_the_same_worker(database: Database, database_url: str, notebook: Notebook) -> None:
    kill_at_work(database_url)
    with at_work(database, notebook, "dead"):
        until(lambda: notebook.done == [Job("follow", "churn")])


def test_what_a_dead_worker_had_begun_is_given_to_another_one(database: Database, database_url: str, notebook: Notebook) -> None:
    kill_at_work(database_url)
    with at_work(database, notebook) as engine:
        assert [one.executor for one in engine.status()] == ["dead"]
        assert not engine.submit(Job("follow", "churn"))
        assert engine.recover("dead") == 1
        assert engine.recover("dead") == 0
        until(lambda: notebook.done == [Job("follow", "churn")])


def test_what_this_worker_was_given_without_hearing_of_it_is_begun(database: Database, notebook: Notebook) -> None:
    """Its asking for work succeeded, and the answer was lost with the connection: nobody runs the job, and it keeps its key."""
    with at_work(database, notebook) as engine:
        assert engine.submit(Job("follow", "slow"))
        until(lambda: [one.executor for one in engine.status()] == ["one"])
        assert engine.submit(Job("follow", "churn"))
        in_tables(database, "UPDATE {} SET status = 'PENDING', executor_id = 'one' WHERE status = 'ENQUEUED'")
        assert not engine.submit(Job("follow", "churn"))
        assert [engine.recover("one"), engine.recover("one"), engine.recover("one")] == [0, 1, 0]
        notebook.gate.set()
        until(lambda: len(notebook.done) == 2)
    assert notebook.done == [Job("follow", "slow"), Job("follow", "churn")], "what runs is not begun again"


def test_what_ended_long_ago_is_forgotten(database: Database, notebook: Notebook) -> None:
    with at_work(database, notebook) as engine:
        for project in ("churn", "loan"):
            assert engine.submit(Job("follow", project))
        until(lambda: not engine.status() and len(notebook.done) == 2)
        assert engine.forget() == 0, "it ended lately"
        in_tables(database, f"UPDATE {{}} SET completed_at = completed_at - {KEPT // timedelta(milliseconds=1)}")
        assert (engine.forget(), engine.forget()) == (2, 0)


def test_what_only_workers_of_an_older_version_understood_is_forgotten_when_there_are_none(
    database: Database, notebook: Notebook
) -> None:
    with at_work(database, notebook) as engine:
        assert engine.submit(Job("follow", "slow"))
        until(lambda: [one.executor for one in engine.status()] == ["one"])
        for project in ("churn", "loan"):
            assert engine.submit(Job("follow", project))
        old = f"application_version = 'old', created_at = created_at - {KEPT // timedelta(milliseconds=1)}"
        in_tables(database, f"UPDATE {{}} SET {old} WHERE status = 'ENQUEUED'")
        assert engine.submit(Job("take-in", "jira"))
        in_tables(database, f"UPDATE {{}} SET created_at = created_at - {KEPT // timedelta(milliseconds=1)}")
        assert (engine.forget(), engine.forget()) == (2, 0), "its own wait on, however old they are"


def in_tables(database: Database, statement: str) -> None:
    """Changes the engine's own table of jobs, which stands for {}, as nobody but its faults does."""
    url = database.url
    if database.dialect == "sqlite":
        url, table = url.set(database=f"{url.database}.jobs.db"), "workflow_status"
    else:
        table = f"{SCHEMA}.workflow_status"
    beside = create_engine(url)
    with beside.begin() as tx:
        tx.exec_driver_sql(statement.format(table))
    beside.dispose()


def kill_at_work(database_url: str) -> None:
    """A worker called `dead`, in the middle of its only job."""
    command = [sys.executable, "-c", PROCESS, database_url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            assert "began\n" in iter(process.stdout.readline, "")
        finally:
            process.send_signal(signal.SIGKILL)


def _keeps_the_protocol(engine: DbosEngine) -> JobEngine:
    return engine
