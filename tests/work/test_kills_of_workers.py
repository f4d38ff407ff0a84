"""Workers are killed at random moments while people work: nothing is lost or written twice, and no project is written by two.

How long it took until others, or the same one again, went on is recorded for `make bench`: the bounds here only notice a hang.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TypeAlias

import pytest
from sqlalchemy import func, select, update

from sandbox.faults import Answer, Fault, delays
from sandbox.messages import Reply, Request
from sync.store import executors
from sync.store.schema import executor, outbox
from sync.work.liveness import DEAD_AFTER
from tests.work.service import Process, Service, service, until

Record: TypeAlias = Callable[[str, object], None]


@contextmanager
def people_at_work(one: Service, luck: random.Random, edits: int, pause: float) -> Iterator[list[object]]:
    """All that they do has been done when the block ends. Gives what was done so far."""
    made: list[object] = []

    def work() -> None:
        for change in one.changes(luck, edits):
            change()
            made.append(change)
            time.sleep(pause)

    thread = threading.Thread(target=work, name="people")
    thread.start()
    try:
        yield made
    finally:
        thread.join()


def kill_while_people_work(one: Service, luck: random.Random, record: Record, *, kills: int, edits: int, pause: float) -> None:
    """Two workers; one of them is killed again and again, and started again under its name at once."""
    one.receive()
    workers: dict[str, Process] = {name: one.work(name) for name in ("one", "two")}
    one.settle()
    one.github.latency = 0.02  # so that they are in the middle of something when they are killed
    with people_at_work(one, random.Random(kills), edits, pause) as made:
        for _ in range(kills):
            time.sleep(luck.uniform(0.1, 0.8))
            name = luck.choice(sorted(workers))
            workers[name].wait_for("worker.started")
            workers[name].kill()
            workers[name] = one.work(name)
    record("seconds until all was done", until(one.is_done, one.why_not_done, pause=0.5))  # to look at it costs the stand-in time
    record("changes", len(made))
    assert one.left()["dead"] == 0
    one.assert_no_write_was_repeated()
    one.assert_projects_were_written_by_one_at_a_time()


@pytest.fixture
def small(database_url: str, tmp_path: Path) -> Iterator[Service]:
    with service(tmp_path, database_url, projects=2) as opened:
        opened.add_issues(15)
        yield opened


@pytest.fixture
def large(database_url: str, tmp_path: Path) -> Iterator[Service]:
    with service(tmp_path, database_url, projects=5) as opened:
        opened.add_issues(56)
        yield opened


@pytest.mark.soak
@pytest.mark.parametrize("dialect", ["postgresql"])
def test_killed_workers_lose_and_repeat_nothing(small: Service, record_property: Record) -> None:
    kill_while_people_work(small, random.Random(7), record_property, kills=2, edits=1, pause=0.05)


@pytest.mark.soak
def test_twenty_killed_workers_lose_and_repeat_nothing(large: Service, record_property: Record) -> None:
    kill_while_people_work(large, random.Random(70), record_property, kills=20, edits=6, pause=0.01)


@pytest.mark.soak
@pytest.mark.parametrize("dialect", ["postgresql"])
def test_two_workers_share_the_work(small: Service) -> None:
    """While one of them writes for a project, the other one writes for another."""
    small.receive()
    for name in ("one", "two"):
        small.work(name, jobs=1)
    small.settle()
    before = {name: len(small.runs(name)) for name in ("one", "two")}
    small.github.faults.append(Fault(delays(0.3), method="POST", times=1_000))
    for change in small.changes(random.Random(1)):
        change()
    until(lambda: all(len(small.runs(name)) > count for name, count in before.items()), small.why_not_done)
    small.github.faults.clear()
    until(small.is_done, small.why_not_done)
    small.assert_no_write_was_repeated()
    small.assert_projects_were_written_by_one_at_a_time()


def kill_in_the_middle(one: Service, name: str) -> None:
    """Of its writes."""
    one.receive()
    worker = one.work(name)
    one.settle()
    one.github.faults.append(Fault(delays(0.5), method="POST", times=1_000))
    writes = len(one.github.writes)
    for change in one.changes(random.Random(1)):
        change()
    until(lambda: one.left()["begun"] > 0 and len(one.github.writes) > writes, one.why_not_done)
    worker.kill()
    one.github.faults.clear()


@pytest.mark.parametrize("dialect", ["sqlite"])
def test_a_killed_worker_goes_on_at_once_when_it_is_started_again(small: Service, record_property: Record) -> None:
    kill_in_the_middle(small, "one")
    before = len(small.runs("one"))
    began = time.monotonic()
    worker = small.work("one")
    assert worker.wait_for("worker.started")["took_back"] > 0
    started = time.monotonic() - began
    until(lambda: len(small.runs("one")) > before, small.why_not_done)
    record_property("seconds until at work", time.monotonic() - began)
    record_property("seconds until started", started)
    until(small.is_done, small.why_not_done)
    small.assert_no_write_was_repeated()
    small.assert_projects_were_written_by_one_at_a_time()


@pytest.mark.soak
@pytest.mark.parametrize("dialect", ["sqlite"])
def test_a_request_that_is_under_way_when_its_worker_is_killed_is_not_made_twice(small: Service) -> None:
    """Though its chunk was marked as being sent long before: the first request was answered at once, the second one hangs."""
    small.receive()
    worker = small.work("one")
    small.settle()

    def hang_from_now_on(_request: Request, answer: Answer) -> Reply:
        small.github.latency = 4.0
        return answer()

    small.github.faults.append(Fault(hang_from_now_on, method="POST", path="*/issues/*/labels"))
    for change in small.changes(random.Random(1)):
        change()

    def is_known_to_be_slow() -> bool:
        """It had let the worker wait for half of its time when that was last seen."""
        with small.database.read() as tx:
            marked = tx.execute(select(func.max(outbox.c.sending_at)).where(outbox.c.state == "sending")).scalar_one()
            (alive,) = executors.known(tx)
            return marked is not None and alive.seen_at - marked > timedelta(seconds=small.github.latency / 2)

    until(lambda: small.github.latency > 1 and is_known_to_be_slow(), small.why_not_done)
    worker.kill()
    small.github.latency = 0.0
    small.work("one")
    until(small.is_done, small.why_not_done)
    small.assert_no_write_was_repeated()
    small.assert_projects_were_written_by_one_at_a_time()


def assert_somebody_else_goes_on(one: Service) -> float:
    """Returns how many seconds it took to do what was begun."""
    seconds = until(one.is_done, one.why_not_done)
    with one.database.read() as tx:
        stopped = {worker.name: worker.stopped_at is not None for worker in executors.known(tx)}
    assert stopped == {"dead": True, "heir": False}
    one.assert_no_write_was_repeated()
    one.assert_projects_were_written_by_one_at_a_time()
    return seconds


@pytest.mark.parametrize("dialect", ["postgresql"])
def test_what_a_dead_worker_had_begun_is_taken_over(small: Service) -> None:
    """It is made to look as if it had been silent for long, and is dead indeed."""
    kill_in_the_middle(small, "dead")
    with small.database.write() as tx:
        tx.execute(update(executor).values(seen_at=small.database.now(tx) - DEAD_AFTER))
    small.work("heir")
    assert_somebody_else_goes_on(small)


@pytest.mark.soak
def test_a_dead_worker_is_found_by_its_silence(small: Service, record_property: Record) -> None:
    kill_in_the_middle(small, "dead")
    small.work("heir")
    record_property("seconds until done by another one", assert_somebody_else_goes_on(small))
