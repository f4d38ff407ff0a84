"""Ctrl-C and SIGTERM: out within seconds with exit code 3, and the next run goes on."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import closing
from datetime import timedelta

import pytest

from sandbox.faults import Fault
from sync.cli.stopping import GRACE, STOPPED
from sync.store import leases
from sync.store.connect import open_database
from tests.cli.gate import Gate
from tests.cli.office import Office
from tests.cli.process import PATIENCE, end


def test_work_has_less_time_to_end_than_a_container_gives() -> None:
    assert GRACE < 5.0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_pull_that_gets_no_answer_is_cut_off(office: Office, gate: Gate, number: signal.Signals) -> None:
    office.github.faults.append(Fault(gate, path="*/commits"))
    with office.desk.start("pull") as process:
        assert gate.met.wait(PATIENCE)
        ended = end(process, number)

    assert (ended.code, ended.out) == (3, "")
    assert "Run the same command again" in ended.err
    assert "Traceback" not in ended.err


def test_a_pull_between_two_answers_leaves_with_its_summary_and_resumes(office: Office, gate: Gate) -> None:
    office.jira.faults.append(Fault(gate, path="*/field"))
    with office.desk.start("pull", "-o", "json") as process:
        assert gate.met.wait(PATIENCE)
        process.send_signal(signal.SIGTERM)
        gate.opened.set()
        out, err = process.communicate(timeout=PATIENCE)

    assert (process.returncode, "Traceback" in err) == (3, False)
    assert '"exit_code": 3' in out

    resumed = office.desk.call("pull", "--wait", "0s", "-o", "json")
    assert resumed.code == 0
    assert {one["state"] for one in resumed.json()["streams"]} == {"done"}


def test_a_second_ctrl_c_leaves_at_once(office: Office, gate: Gate) -> None:
    office.github.faults.append(Fault(gate, path="*/commits"))
    with office.desk.start("pull") as process:
        assert gate.met.wait(PATIENCE)
        process.send_signal(signal.SIGINT)
        ended = end(process, signal.SIGINT)

    assert ended.code == 3


def test_stopped_while_it_waits_for_another_run(office: Office) -> None:
    assert office.desk.call("pull").code == 0
    usual = signal.getsignal(signal.SIGTERM)

    def stop_when_listening() -> None:
        while signal.getsignal(signal.SIGTERM) is usual:
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    with (
        closing(open_database(f"sqlite:///{office.desk.folder / 'milepost.db'}")) as database,
        leases.held(database, "apply:ops", holder="another", ttl=timedelta(minutes=5), wait=timedelta(), stop=threading.Event()),
    ):
        stopper = threading.Thread(target=stop_when_listening)
        stopper.start()
        ended = office.desk.call("apply", "--wait", "5m")
        stopper.join()

    assert (ended.code, ended.err) == (3, STOPPED)
