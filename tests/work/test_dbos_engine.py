"""The job engine behind its seam, on both databases: one job of a key at a time, and nothing of a dead worker is left behind."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from sync.store.connect import Database, open_database
from sync.store.errors import StoreError
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
        in_tables(database, "UPDATE {}workflow_status SET status = 'PENDING', executor_id = 'one' WHERE status = 'ENQUEUED'")
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
        in_tables(database, f"UPDATE {{}}workflow_status SET completed_at = completed_at - {KEPT // timedelta(milliseconds=1)}")
        assert (engine.forget(), engine.forget()) == (2, 0)
        assert in_tables(database, "SELECT count(*) FROM {}workflow_input") == 0


def test_what_only_workers_of_an_older_version_understood_is_forgotten_when_there_are_none(
    database: Database, notebook: Notebook
) -> None:
    with at_work(database, notebook) as engine:
        assert engine.submit(Job("follow", "slow"))
        until(lambda: [one.executor for one in engine.status()] == ["one"])
        for project in ("churn", "loan"):
            assert engine.submit(Job("follow", project))
        old = f"application_version = 'old', created_at = created_at - {KEPT // timedelta(milliseconds=1)}"
        in_tables(database, f"UPDATE {{}}workflow_status SET {old} WHERE status = 'ENQUEUED'")
        assert engine.submit(Job("take-in", "jira"))
        in_tables(database, f"UPDATE {{}}workflow_status SET created_at = created_at - {KEPT // timedelta(milliseconds=1)}")
        assert (engine.forget(), engine.forget()) == (2, 0), "its own wait on, however old they are"


def test_what_a_newer_version_asked_for_hides_nothing_else(database: Database, notebook: Notebook) -> None:
    """While workers are replaced one by one, those of before go on."""
    with at_work(database, notebook) as engine:
        assert engine.submit(Job("follow", "slow"))
        until(lambda: [one.executor for one in engine.status()] == ["one"])
        for project in ("churn", "loan"):
            assert engine.submit(Job("follow", project))
        strange = "inputs = replace(inputs, 'follow', 'something-new')"
        in_tables(database, f"UPDATE {{}}workflow_input SET {strange} WHERE inputs LIKE '%%churn%%'")
        assert sorted(one.job.subject for one in engine.status()) == ["loan", "slow"]


@pytest.mark.parametrize("dialect", ["sqlite"])
def test_a_queue_that_cannot_be_opened_is_told(database: Database, notebook: Notebook) -> None:
    Path(f"{database.url.database}.jobs.db").mkdir()
    with pytest.raises(StoreError, match=r"the queue of jobs cannot be opened: the database .*jobs\.db cannot be opened"):
        opened(database, "one", notebook, concurrency=1).__enter__()


@pytest.mark.parametrize("dialect", ["postgresql"])
def test_a_user_who_may_not_make_the_queue_is_told(database: Database, notebook: Notebook) -> None:
    with database.write() as tx:
        tx.exec_driver_sql("CREATE ROLE plain LOGIN")
    try:
        with (
            closing(open_database(database.url.set(username="plain").render_as_string(hide_password=False))) as plain,
            pytest.raises(
                StoreError, match=r"the queue of jobs cannot be opened: .* does not permit .*create the schema milepost_jobs"
            ),
        ):
            opened(plain, "one", notebook, concurrency=1).__enter__()
    finally:
        with database.write() as tx:
            tx.exec_driver_sql("DROP ROLE plain")


def in_tables(database: Database, statement: str) -> int:
    """Changes or counts rows of the engine's own tables, before whose names {} stands. Returns how many."""
    url, before = database.url, f"{SCHEMA}."
    if database.dialect == "sqlite":
        url, before = url.set(database=f"{url.database}.jobs.db"), ""
    beside = create_engine(url)
    with beside.begin() as tx:
        done = tx.exec_driver_sql(statement.format(before))
        rows = int(done.scalar_one()) if done.returns_rows else done.rowcount
    beside.dispose()
    return rows


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
