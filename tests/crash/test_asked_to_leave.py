"""SIGTERM and Ctrl-C, whatever the run waits for: it ends soon with exit code 3, holds nothing, and the next run goes on at once.

The bound on time is there to notice a hang; what it took is printed.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import timedelta

import pytest
from sqlalchemy import select

from sandbox.faults import Answer, Fault, asks_to_wait
from sandbox.messages import ConnectionDropped, Reply, Request
from sync.store import leases
from sync.store.connect import Database
from sync.store.schema import lease, run
from tests.cli.gate import Gate
from tests.cli.process import PATIENCE, Ended, end
from tests.crash.plant import MOSTLY_SQLITE, Plant

SOON = 10.0


@pytest.fixture
def number(dialect: str) -> signal.Signals:
    """One signal a database: neither knows of the other."""
    return signal.SIGTERM if dialect == "sqlite" else signal.SIGINT


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.opened.set()


def leave(process: subprocess.Popen[str], number: signal.Signals) -> Ended:
    began = time.monotonic()
    ended = end(process, number)
    took = time.monotonic() - began
    print(f"left {took:.1f} s after {number.name}")
    assert took < SOON
    assert (ended.code, "Traceback" in ended.err) == (3, False), ended
    assert "Run the same command again" in ended.err
    return ended


def assert_the_next_run_ends_it_at_once(plant: Plant) -> None:
    assert plant.holders() == {}
    with plant.database() as database, database.read() as tx:
        codes = tx.execute(select(run.c.exit_code)).scalars().all()
    assert codes == [3]
    plant.leave_in_peace()
    ended = plant.office.desk.call("sync", "--wait", "0s")
    assert ended.code == 0, ended
    plant.assert_done()


@MOSTLY_SQLITE
def test_while_a_source_never_answers(plant: Plant, gate: Gate, number: signal.Signals) -> None:
    plant.github.faults.append(Fault(gate, path="*/commits"))
    with plant.office.desk.start("sync") as process:
        assert gate.met.wait(PATIENCE)
        leave(process, number)

    assert_the_next_run_ends_it_at_once(plant)


def test_at_once_at_a_second_ctrl_c(plant: Plant, gate: Gate) -> None:
    plant.github.faults.append(Fault(gate, path="*/commits"))
    with plant.office.desk.start("sync") as process:
        assert gate.met.wait(PATIENCE)
        process.send_signal(signal.SIGINT)
        time.sleep(0.2)  # two signals that are pending at once are one
        leave(process, signal.SIGINT)

    assert_the_next_run_ends_it_at_once(plant)


@MOSTLY_SQLITE
def test_while_it_waits_for_a_rate_limit(plant: Plant, number: signal.Signals) -> None:
    asked = threading.Event()

    def limited(request: Request, answer: Answer) -> Reply:
        asked.set()
        return asks_to_wait(10)(request, answer)  # longer than a process may take to leave; the next run waits for the rest

    plant.jira.faults.append(Fault(limited, path="*/search/jql"))
    with plant.office.desk.start("sync", "-o", "json") as process:
        assert asked.wait(PATIENCE)
        ended = leave(process, number)

    assert ended.json()["exit_code"] == 3
    assert_the_next_run_ends_it_at_once(plant)


def test_while_it_waits_for_another_run(plant: Plant, number: signal.Signals) -> None:
    assert plant.office.desk.call("pull").code == 0
    with plant.database() as database, ExitStack() as others:
        for name in _names(database):
            others.enter_context(
                leases.held(database, name, holder="another", ttl=timedelta(minutes=5), wait=timedelta(), stop=threading.Event())
            )
        before = _runs(database)
        with plant.office.desk.start("sync", "--wait", "5m") as process:
            _until(lambda: _runs(database) == before + 1)
            leave(process, number)
        assert set(plant.holders().values()) == {"another"}

    ended = plant.office.desk.call("sync", "--wait", "0s")
    assert ended.code == 0
    plant.assert_done()


def _names(database: Database) -> list[str]:
    with database.read() as tx:
        return list(tx.execute(select(lease.c.name)).scalars())


def _runs(database: Database) -> int:
    with database.read() as tx:
        return len(tx.execute(select(run.c.id)).all())


def _until(happened: Callable[[], bool]) -> None:
    give_up = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < give_up
        time.sleep(0.02)


class LastWord:
    """A write that is, or is not, carried out, and gets no answer while the gate is shut."""

    def __init__(self, gate: Gate, *, carried_out: bool) -> None:
        self.gate = gate
        self.carried_out = carried_out

    def __call__(self, _: Request, answer: Answer) -> Reply:
        if self.carried_out:
            answer()
        self.gate.met.set()
        self.gate.opened.wait(PATIENCE)
        raise ConnectionDropped


@MOSTLY_SQLITE
@pytest.mark.parametrize("carried_out", [True, False], ids=["carried-out", "lost"])
def test_while_a_write_is_not_answered(plant: Plant, gate: Gate, carried_out: bool, number: signal.Signals) -> None:
    plant.jira.faults.append(Fault(LastWord(gate, carried_out=carried_out), method="PUT", after=2))
    with plant.office.desk.start("sync") as process:
        assert gate.met.wait(PATIENCE)
        leave(process, number)
    before = sum(plant.written().values())
    gate.opened.set()  # the request is logged when it is through
    _until(lambda: sum(plant.written().values()) == before + carried_out)

    assert_the_next_run_ends_it_at_once(plant)


def test_between_two_writes(plant: Plant, number: signal.Signals) -> None:
    """The write under way is answered, and counts; the others are left."""
    gate = Gate()
    plant.jira.faults.append(Fault(gate, method="PUT", after=2))
    with plant.office.desk.start("sync", "-o", "json") as process:
        assert gate.met.wait(PATIENCE)
        opener = threading.Timer(0.5, gate.opened.set)  # long enough for the signal to be seen, and harmless if it was not
        opener.start()
        ended = leave(process, number)
        opener.join()

    assert ended.json()["exit_code"] == 3
    assert 0 < sum(plant.written().values()) < 12
    assert_the_next_run_ends_it_at_once(plant)


def test_while_the_database_is_locked(plant_on_file: Plant) -> None:
    """SQLite waits where Python handles no signal."""
    plant = plant_on_file
    gate = Gate()
    plant.jira.faults.append(Fault(gate, path="*/search/jql"))
    with plant.office.desk.start("sync") as process:
        assert gate.met.wait(PATIENCE)
        with closing(sqlite3.connect(plant.url.removeprefix("sqlite:///"), isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            gate.opened.set()
            leave(process, signal.SIGTERM)
            other.execute("ROLLBACK")

    plant.let_time_pass()
    ended = plant.office.desk.call("sync", "--wait", "0s")
    assert ended.code == 0
    plant.assert_done()


def test_while_it_does_something_else(plant_on_file: Plant) -> None:
    desk = plant_on_file.office.desk
    os.mkfifo(desk.folder / "slow.yaml")
    with desk.start("status", "-c", "slow.yaml") as process, (desk.folder / "slow.yaml").open("w"):
        leave(process, signal.SIGTERM)
