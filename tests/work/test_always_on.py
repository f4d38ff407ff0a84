"""From what a person does at the source to the status that is shown, by processes that are started, stopped and left in peace."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import text

from sync.store import executors, leases
from tests.cli.process import PATIENCE
from tests.work.service import Service, service, until

SOON = 10.0


@pytest.fixture
def one(database_url: str, tmp_path: Path) -> Iterator[Service]:
    with service(tmp_path, database_url, projects=1) as opened:
        opened.add_issues(2)
        yield opened


def test_an_event_becomes_a_published_status(one: Service) -> None:
    server = one.receive("--workers", "2", name="one")
    one.settle()
    (issue, _) = one.issues["example/p1"]
    took = []
    for _ in range(3):
        one.github.add_label("example/p1", issue, "good")
        took.append(until(lambda: one.shows("example/p1", issue), one.why_not_done))
        one.github.remove_label("example/p1", issue, "good")
        until(lambda: not one.shows("example/p1", issue), one.why_not_done)
    until(one.is_done, one.why_not_done)
    print(f"from event to status: {[round(seconds, 2) for seconds in took]} s")
    code, seconds = server.terminate()
    print(f"left after {seconds:.1f} s")
    assert code == 0, server.lines()[-5:]
    assert seconds < SOON
    one.assert_no_write_was_repeated()


@pytest.mark.soak
@pytest.mark.parametrize("dialect", ["postgresql"])
def test_an_event_becomes_a_status_by_another_process(one: Service, record_property: Callable[[str, object], None]) -> None:
    """At sources that take 80 ms for every request, one after the other, so that each finds the service idle."""
    one.receive()
    one.work("one")
    one.settle()
    one.github.latency = 0.08
    took = []
    for issue in one.issues["example/p1"]:
        for _ in range(3):
            one.github.add_label("example/p1", issue, "good")
            took.append(until(partial(one.shows, "example/p1", issue), one.why_not_done, pause=0.002))
            one.github.remove_label("example/p1", issue, "good")
            until(one.is_done, one.why_not_done)
    record_property("median seconds until shown", statistics.median(took))
    one.assert_no_write_was_repeated()


def test_a_worker_that_is_told_to_end_leaves_what_is_due_to_the_next_one(one: Service) -> None:
    one.receive()
    worker = one.work("one")
    one.settle()
    before = len(one.runs("one"))
    one.github.latency = 0.2
    for issue in one.issues["example/p1"]:
        one.github.add_label("example/p1", issue, "good")
    until(lambda: len(one.runs("one")) > before, one.why_not_done)
    code, seconds = worker.terminate()
    print(f"left after {seconds:.1f} s")
    assert code == 0, worker.lines()[-5:]
    assert seconds < SOON
    with one.database.read() as tx:
        assert leases.holdings(tx, one.database.now(tx)) == []
        (known,) = executors.known(tx)
    assert known.stopped_at is not None
    said = worker.log.read_text(encoding="utf-8").splitlines()
    assert [line for line in said if not line.startswith("{")] == []
    one.work("two")
    until(one.is_done, one.why_not_done)
    one.assert_no_write_was_repeated()
    one.assert_projects_were_written_by_one_at_a_time()


@pytest.mark.parametrize("dialect", ["sqlite"])
def test_a_sync_by_hand_waits_for_a_worker_and_a_worker_for_it(one: Service) -> None:
    one.receive()
    one.work("one")
    one.settle()
    one.github.latency = 0.1
    for _ in range(2):
        for issue in one.issues["example/p1"]:
            one.github.add_label("example/p1", issue, "good")
        ended = one.desk.run("sync")
        assert ended.code == 0, ended
        for issue in one.issues["example/p1"]:
            one.github.remove_label("example/p1", issue, "good")
        ended = one.desk.run("sync", "--wait", "0s")
        assert ended.code in (0, 6), ended
    until(one.is_done, one.why_not_done)
    one.assert_no_write_was_repeated()
    one.assert_projects_were_written_by_one_at_a_time()


@pytest.mark.parametrize("dialect", ["postgresql"])
def test_a_second_worker_of_the_same_name_says_so(one: Service) -> None:
    worker = one.work("one")
    worker.wait_for("worker.started")
    ended = one.desk.run("worker", MILEPOST_EXECUTOR="one")
    assert ended.code == 2
    assert "a worker called one is at work on this store already" in ended.err
    assert "MILEPOST_EXECUTOR" in ended.err


@pytest.mark.parametrize("dialect", ["sqlite"])
def test_a_worker_needs_a_database_that_serves_many(one: Service) -> None:
    ended = one.desk.call("worker")
    assert ended.code == 2
    assert "milepost serve --workers" in ended.err


@pytest.mark.parametrize("dialect", ["postgresql"])
def test_a_name_that_cannot_be_one_is_told(one: Service) -> None:
    ended = one.desk.call("worker", MILEPOST_EXECUTOR="not a name")
    assert ended.code == 2
    assert "is no name of a worker" in ended.err


@pytest.mark.parametrize("dialect", ["postgresql"])
def test_a_worker_that_cannot_prove_that_it_lives_ends(one: Service) -> None:
    """Others may have taken over."""
    worker = one.work("one")
    worker.wait_for("worker.started")
    with one.database.write() as tx:
        query = (
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = 'milepost worker one' AND datname = current_database()"
        )
        assert tx.execute(text(query)).scalars().all() == [True]
    assert worker.popen.wait(PATIENCE) == 1
    assert worker.told("worker.lost_its_proof_of_life") is not None
    assert "lost its proof of life" in worker.log.read_text(encoding="utf-8").splitlines()[-2]
