"""Two runs at once: they take turns, write nothing twice, and one that overslept its lease writes nothing more."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from sandbox.faults import Fault
from sync.store.schema import outbox, run
from tests.cli.gate import Gate
from tests.cli.process import PATIENCE, Desk, Ended
from tests.crash.plant import MOSTLY_SQLITE, Plant

HINDERED = str(Path(__file__).with_name("hindered.py"))


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.opened.set()


@pytest.fixture
def other_desk(plant: Plant, tmp_path: Path) -> Desk:
    """Another folder with the same project file, as on another host; the store is the same."""
    desk = plant.office.desk
    folder = tmp_path / "another"
    folder.mkdir()
    (folder / "milepost.yaml").write_bytes(desk.config.read_bytes())
    return replace(desk, folder=folder)


def ended(process: subprocess.Popen[str]) -> Ended:
    out, err = process.communicate(timeout=PATIENCE)
    return Ended(process.returncode, out, err)


def test_they_take_turns(plant: Plant, other_desk: Desk) -> None:
    """Neither knows of the other; whoever comes second waits, and finds nothing left to do."""
    with ExitStack() as stack:
        both = [stack.enter_context(desk.start("sync", "--wait", "100s")) for desk in (plant.office.desk, other_desk)]
        results = [ended(process) for process in both]

    assert [one.code for one in results] == [0, 0], results
    plant.assert_done()


@MOSTLY_SQLITE
def test_many_at_once(plant: Plant, other_desk: Desk) -> None:
    """Pulls, plans and applies of people and cron jobs, all mixed."""
    commands = (("sync",), ("pull",), ("apply",), ("plan", "--pull"), ("sync", "--project", "ops"))
    with ExitStack() as stack:
        all_of_them = [
            stack.enter_context((other_desk if number % 2 else plant.office.desk).start(*command, "--wait", "100s"))
            for number, command in enumerate(commands)
        ]
        results = [ended(process) for process in all_of_them]

    assert [one.code for one in results] == [0] * len(commands), results
    assert plant.office.desk.call("sync", "--wait", "0s").code == 0
    plant.assert_done()


@MOSTLY_SQLITE
@pytest.mark.parametrize("where", [{"path": "*/search/jql"}, {"method": "PUT"}], ids=["pulling", "writing"])
def test_who_does_not_wait_is_told_who_is_at_it(plant: Plant, other_desk: Desk, gate: Gate, where: dict[str, str]) -> None:
    plant.jira.faults.append(Fault(gate, method=where.get("method", "*"), path=where.get("path", "*")))
    with plant.office.desk.start("sync") as first:
        assert gate.met.wait(PATIENCE)
        holder = set(plant.holders().values())
        second = other_desk.call("sync", "--wait", "0s")
        gate.opened.set()
        assert ended(first).code == 0

    assert (second.code, second.out) == (6, "")
    assert len(holder) == 1
    assert f"by run {holder.pop()}" in second.err
    assert "fix: wait for it, or give --wait more time" in second.err
    plant.assert_done()


@MOSTLY_SQLITE
def test_who_waits_gets_its_turn(plant: Plant, other_desk: Desk, gate: Gate) -> None:
    plant.jira.faults.append(Fault(gate, method="PUT"))
    with plant.office.desk.start("sync") as first:
        assert gate.met.wait(PATIENCE)
        with other_desk.start("apply", "--wait", "100s") as second:
            until(lambda: len(runs(plant)) == 2)
            gate.opened.set()
            results = [ended(first), ended(second)]

    assert [one.code for one in results] == [0, 0], results
    plant.assert_done()


def runs(plant: Plant) -> list[tuple[str, int | None]]:
    with plant.database() as database, database.read() as tx:
        return [(row.command, row.exit_code) for row in tx.execute(select(run.c.command, run.c.exit_code).order_by(run.c.id))]


def until(happened: Callable[[], bool]) -> None:
    give_up = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < give_up
        time.sleep(0.02)


def frozen_long(desk: Desk) -> subprocess.Popen[str]:
    """A sync that will have been away for ten minutes, by its own clock, when it is woken up."""
    return subprocess.Popen(
        [sys.executable, HINDERED, "sleep", "600", "sync", "-o", "json"],
        cwd=desk.folder,
        env=desk.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@MOSTLY_SQLITE
@pytest.mark.parametrize("where", [{"method": "PUT", "after": 2}, {"path": "*/labels", "method": "POST"}], ids=["jira", "github"])
def test_who_oversleeps_in_the_middle_of_writes_is_fenced_off(
    plant: Plant, other_desk: Desk, gate: Gate, where: dict[str, str]
) -> None:
    """The process is frozen while a write is under way; its lease ends, another run finishes the work, and it wakes up."""
    site = plant.jira if where["method"] == "PUT" else plant.github
    site.faults.append(Fault(gate, **where))  # type: ignore[arg-type]
    with frozen_long(plant.office.desk) as sleeper:
        assert gate.met.wait(PATIENCE)
        sleeper.send_signal(signal.SIGSTOP)
        try:
            before = sum(plant.written().values())
            gate.opened.set()  # the write under way is carried out; its answer waits for the sleeper
            until(lambda: sum(plant.written().values()) == before + 1)
            plant.let_time_pass()
            other = other_desk.run("sync", "--wait", "0s")
            tokens = fences(plant)
        finally:
            sleeper.send_signal(signal.SIGCONT)
        woken = ended(sleeper)

    assert other.code == 0, other
    assert (woken.code, "Traceback" in woken.err) == (3, False), woken
    assert "was lost" in woken.out
    assert "run it again" in woken.out
    assert fences(plant) == tokens
    plant.assert_done()


def test_who_oversleeps_in_the_middle_of_a_pull_is_fenced_off(plant: Plant, other_desk: Desk, gate: Gate) -> None:
    """Both sources are being waited for, so that the process is frozen in no transaction."""
    gates = (gate, Gate())
    plant.jira.faults.append(Fault(gates[0], path="*/search/jql"))
    plant.github.faults.append(Fault(gates[1], path="*/commits"))
    with plant.office.desk.start("sync", "-o", "json") as sleeper:
        assert all(one.met.wait(PATIENCE) for one in gates)
        sleeper.send_signal(signal.SIGSTOP)
        try:
            for one in gates:
                one.opened.set()
            plant.let_time_pass()
            other = other_desk.call("sync", "--wait", "0s")
            remembered = plant.remembered()
        finally:
            sleeper.send_signal(signal.SIGCONT)
        woken = ended(sleeper)

    assert other.code == 0, other
    assert (woken.code, "Traceback" in woken.err) == (3, False), woken
    assert "was lost" in woken.out
    assert plant.remembered() == remembered
    plant.assert_done()


def fences(plant: Plant) -> list[tuple[int, int | None, str]]:
    """Which holder's token each change was sent under."""
    with plant.database() as database, database.read() as tx:
        found = tx.execute(select(outbox.c.id, outbox.c.fence, outbox.c.state).order_by(outbox.c.id))
        return [tuple(row) for row in found]
