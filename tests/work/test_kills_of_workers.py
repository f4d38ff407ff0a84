"""Workers are killed at random moments while people work: nothing is lost or written twice, and no project is written by two.

How long it took until others, or the same one again, went on is printed: the bounds here only notice a hang.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import update

from sync.store import executors
from sync.store.schema import executor
from sync.work.liveness import DEAD_AFTER
from tests.work.service import Process, Service, service, until


@contextmanager
def people_at_work(one: Service, luck: random.Random, changes: int, pause: float) -> Iterator[None]:
    """They go on as long as the block lasts, and until they have made so many changes."""
    over = threading.Event()

    def work() -> None:
        made = 0
        while made < changes or not over.is_set():
            one.change(luck)
            made += 1
            time.sleep(pause)
        print(f"{made} changes were made")

    thread = threading.Thread(target=work, name="people")
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def kill_while_people_work(one: Service, luck: random.Random, *, kills: int, changes: int, pause: float) -> None:
    """Two workers; one of them is killed again and again, and started again under its name."""
    one.receive()
    workers: dict[str, Process] = {name: one.work(name) for name in ("one", "two")}
    for worker in workers.values():
        worker.wait_for("worker.started")
    until(lambda: not one.left()["due"] and one.left()["waiting"] == 0, one.why_not_done)
    one.github.latency = 0.02  # so that they are in the middle of something when they are killed
    resumed: list[float] = []
    with people_at_work(one, random.Random(changes), changes, pause):
        for _ in range(kills):
            time.sleep(luck.uniform(0.1, 0.8))
            name = luck.choice(sorted(workers))
            workers[name].kill()
            before = len(one.runs(name))
            began = time.monotonic()
            workers[name] = one.work(name)
            ready = workers[name].wait_for("worker.started")
            started = time.monotonic() - began
            if ready["took_back"]:
                until(lambda: len(one.runs(name)) > before or one.is_done(), one.why_not_done)  # noqa: B023 - called at once
                resumed.append(time.monotonic() - began)
                print(f"killed {name}: started after {started:.1f} s, at work after {resumed[-1]:.1f} s")
    seconds = until(one.is_done, one.why_not_done)
    print(f"done {seconds:.1f} s after the last change; resumed after at most {max(resumed, default=0):.1f} s")
    assert one.left()["dead"] == 0
    one.assert_no_write_was_repeated()
    one.assert_projects_were_written_by_one_at_a_time()


@pytest.fixture
def small(database_url: str, tmp_path: Path) -> Iterator[Service]:
    with service(tmp_path, database_url, projects=2) as opened:
        opened.add_issues(4)
        yield opened


@pytest.fixture
def large(database_url: str, tmp_path: Path) -> Iterator[Service]:
    with service(tmp_path, database_url, projects=5) as opened:
        opened.add_issues(20)
        yield opened


def test_killed_workers_lose_and_repeat_nothing(small: Service) -> None:
    kill_while_people_work(small, random.Random(7), kills=2, changes=60, pause=0.03)


@pytest.mark.soak
def test_twenty_killed_workers_lose_and_repeat_nothing(large: Service) -> None:
    kill_while_people_work(large, random.Random(70), kills=20, changes=2_000, pause=0.01)


def kill_one_for_good(one: Service) -> None:
    """In the middle of its writes."""
    one.receive()
    dead = one.work("dead")
    until(one.is_done, one.why_not_done)
    one.github.latency = 0.5
    writes = len(one.github.writes)
    for repo, numbers in one.issues.items():
        for number in numbers:
            one.github.add_label(repo, number, "good")
    until(lambda: one.left()["begun"] > 0 and len(one.github.writes) > writes, one.why_not_done)
    dead.kill()
    one.github.latency = 0.0


def assert_somebody_else_goes_on(one: Service) -> None:
    seconds = until(one.is_done, one.why_not_done)
    print(f"what a dead worker had begun was done by another one {seconds:.1f} s later")
    with one.database.read() as tx:
        stopped = {worker.name: worker.stopped_at is not None for worker in executors.known(tx)}
    assert stopped == {"dead": True, "heir": False}
    one.assert_no_write_was_repeated()
    one.assert_projects_were_written_by_one_at_a_time()


def test_what_a_dead_worker_had_begun_is_taken_over(small: Service) -> None:
    """It is made to look as if it had been silent for long, and is dead indeed."""
    kill_one_for_good(small)
    with small.database.write() as tx:
        tx.execute(update(executor).values(seen_at=small.database.now(tx) - DEAD_AFTER))
    small.work("heir")
    assert_somebody_else_goes_on(small)


@pytest.mark.soak
def test_a_dead_worker_is_found_by_its_silence(small: Service) -> None:
    kill_one_for_good(small)
    small.work("heir")
    assert_somebody_else_goes_on(small)
