"""What the sweeper finds to do, and that nothing of a schedule keeps news waiting."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import timedelta

import pytest
from sqlalchemy import Engine, event

from mappings.model import Ref
from sync.derive import Standing
from sync.store import due, schedules, verdicts
from sync.store.connect import Connection, Database
from sync.work.dbos_engine import opened
from sync.work.seam import Held, Job
from sync.work.sweeper import Sweeper
from tests.cli.process import PATIENCE
from tests.work.service import until


class Nobody:
    """An engine that is not asked for anything."""

    def submit(self, job: Job) -> bool:
        pytest.fail(f"nothing is due, but {job} was asked for")

    schedule = submit

    def recover(self, executor: str) -> int:
        pytest.fail(f"{executor} is not dead")

    def status(self) -> Sequence[Held]:
        pytest.fail("nobody has to know")

    def run_once(self, job: Job) -> None:
        self.submit(job)

    def forget(self) -> int:
        return 0


def test_what_time_alone_changes_is_followed_without_any_news(database: Database) -> None:
    """As over a weekend without a scheduled pull: what rests on facts that grow too old must not stay green until Monday."""
    followed = threading.Event()

    def follow(job: Job) -> None:
        assert job == Job("follow", "churn")
        followed.set()

    with database.write() as tx:
        now = database.now(tx)
        ticket = Ref("jira", "work_item", "10001")
        standing = Standing(rule="model-ready", subject=ticket, truth=True, known=True, since=now, recheck_at=now)
        later = Standing(rule="model-ready", subject=ticket, truth=True, known=True, since=now, recheck_at=now + timedelta(hours=1))
        verdicts.save(tx, "churn", [standing], [])
        verdicts.save(tx, "loan", [later], [])
    with opened(database, "one", follow, concurrency=1) as engine:
        sweeper = Sweeper(database, engine, ["churn", "loan"], {}, threading.Event(), threading.Event())
        sweeper.sweep()
        sweeper.sweep()
        assert followed.wait(PATIENCE)
        until(lambda: not engine.status())
    with database.read() as tx:
        marks = due.marked(tx)
        assert [mark.project for mark in marks] == ["churn"]
        first = marks[0].revision
    with opened(database, "one", lambda _: None, concurrency=1) as engine:
        Sweeper(database, engine, ["churn"], {}, threading.Event(), threading.Event()).sweep()
        until(lambda: not engine.status())
    with database.read() as tx:
        assert due.marked(tx)[0].revision == first, "what is due already is not due anew: it would never be left alone"


def test_a_long_pull_keeps_no_news_waiting(database: Database) -> None:
    may_end, followed = threading.Event(), threading.Event()

    def work(job: Job) -> None:
        if job.kind == "reconcile":
            assert may_end.wait(PATIENCE)
        else:
            followed.set()

    with opened(database, "one", work, concurrency=1) as engine:
        assert engine.schedule(Job("reconcile", "jira"))
        until(lambda: [one.executor for one in engine.status()] == ["one"])
        assert engine.submit(Job("follow", "churn"))
        assert followed.wait(PATIENCE)
        may_end.set()
        until(lambda: not engine.status())


def test_an_idle_look_is_one_transaction(database: Database) -> None:
    began: list[str] = []

    def note(_tx: Connection) -> None:
        began.append(threading.current_thread().name)

    with database.write() as tx:
        for name in ("pull:jira", "retention"):
            schedules.done(tx, name, database.now(tx))
    sweeper = Sweeper(database, Nobody(), ["churn"], {"jira": "0 0 1 1 *"}, threading.Event(), threading.Event())
    event.listen(Engine, "begin", note)
    try:
        assert sweeper.sweep() == 0
    finally:
        event.remove(Engine, "begin", note)
    assert began.count(threading.current_thread().name) == 1
