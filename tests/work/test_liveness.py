"""Who lives is proven, not guessed: one worker of a name at a time, and only a dead one's leases are given back."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, text, update

from mappings.change import Change, Slot
from mappings.model import Ref
from sync.store import executors, leases, outbox, presence, runs
from sync.store.connect import Database
from sync.store.errors import StoreError
from sync.store.schema import executor, lease, run
from sync.store.uptime import uptime
from sync.work.liveness import BEAT, DEAD_AFTER, NameTaken, Pulse, StopUnlessProven, bury, living, silent

PATIENCE = 60.0

PROCESS = """
import sys, threading
from sync.store.connect import open_database
from sync.work.liveness import living
database = open_database(sys.argv[1])
with living(database, sys.argv[2], threading.Event()):
    print("living", flush=True)
    sys.stdin.readline()
"""


def until(happened: Callable[[], bool]) -> None:
    give_up = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < give_up
        time.sleep(0.05)


@contextmanager
def another_process(url: str, name: str) -> Iterator[subprocess.Popen[str]]:
    """A worker of this name that lives until it is told to end, or killed."""
    with subprocess.Popen(
        [sys.executable, "-c", PROCESS, url, name],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert "living\n" in iter(process.stdout.readline, "")
            yield process
        finally:
            process.kill()


def has_lease(database: Database, name: str) -> str | None:
    with database.read() as tx:
        row = tx.execute(select(lease.c.holder, lease.c.expires_at).where(lease.c.name == name)).one()
        return row.holder if row.holder is not None and row.expires_at > database.now(tx) else None


def begin_run(database: Database, worker: str, project: str) -> str:
    """A run of a worker, which has the project's lease and never ends."""
    with database.write() as tx:
        ident = runs.start(tx, "follow", [project], database.now(tx), executor=worker)
    leases.acquire(database, f"apply:{project}", holder=ident, ttl=timedelta(minutes=3), wait=timedelta(), stop=threading.Event())
    return ident


def fall_silent(database: Database, name: str) -> None:
    """It was last seen so long ago."""
    with database.write() as tx:
        seen = database.now(tx) - DEAD_AFTER - timedelta(seconds=1)
        tx.execute(update(executor).where(executor.c.name == name).values(seen_at=seen))


def test_two_of_one_name_cannot_live(database: Database) -> None:
    with (
        living(database, "one", threading.Event()),
        pytest.raises(NameTaken, match="a worker called one is at work"),
        living(database, "one", threading.Event()),
    ):
        pytest.fail("both live")
    with living(database, "one", threading.Event()) as again:
        assert again.name == "one"


def test_without_a_name_each_takes_a_free_one_of_its_host(database: Database) -> None:
    with living(database, None, threading.Event()) as first, living(database, None, threading.Event()) as second:
        assert (first.name[-2:], second.name[-2:]) == ("-1", "-2")
    with living(database, None, threading.Event()) as again:
        assert again.name == first.name
        assert again.incarnation != first.incarnation


def test_a_worker_that_starts_again_gives_back_what_its_killed_life_held(database: Database, database_url: str) -> None:
    with another_process(database_url, "one") as process:
        killed = begin_run(database, "one", "churn")
        other = begin_run(database, "two", "fraud")
        process.send_signal(signal.SIGKILL)
        process.wait(PATIENCE)
    with living(database, "one", threading.Event()) as life:
        assert life.resumed == ("apply:churn",)
        assert (has_lease(database, "apply:churn"), has_lease(database, "apply:fraud")) == (None, other)
        with database.read() as tx:
            ended = tx.execute(select(run.c.outcome, run.c.exit_code).where(run.c.id == killed)).one()
        assert tuple(ended) == ("partial", 3)


def test_a_dead_peer_is_buried_once(database: Database, database_url: str) -> None:
    with another_process(database_url, "one") as process:
        begin_run(database, "one", "churn")
        process.send_signal(signal.SIGKILL)
        process.wait(PATIENCE)
    assert silent(database) == []
    fall_silent(database, "one")
    (dead,) = silent(database)
    resumed: list[str] = []
    until(lambda: bury(database, dead, resumed.append))  # a server may need a moment to see that the connection is gone
    assert resumed == ["one"]
    assert has_lease(database, "apply:churn") is None
    assert silent(database) == []
    assert not bury(database, dead, resumed.append)
    assert resumed == ["one"]


def test_a_frozen_worker_is_silent_and_lives(database: Database, database_url: str) -> None:
    with another_process(database_url, "one") as process:
        ident = begin_run(database, "one", "churn")
        process.send_signal(signal.SIGSTOP)
        fall_silent(database, "one")
        (frozen,) = silent(database)
        assert not bury(database, frozen, lambda _: pytest.fail("it lives"))
        assert has_lease(database, "apply:churn") == ident
        process.send_signal(signal.SIGCONT)
        until(lambda: silent(database) == [])


def test_a_later_life_of_the_name_is_not_buried_for_an_earlier_one(database: Database) -> None:
    with living(database, "one", threading.Event()):
        pass
    with database.write() as tx:
        executors.begin(tx, "one", "earlier", "here", database.now(tx))
    fall_silent(database, "one")
    (dead,) = silent(database)
    with living(database, "one", threading.Event()):
        ident = begin_run(database, "one", "churn")
    # It has ended meanwhile, and in peace: what is known of the earlier life holds no more.
    assert not bury(database, dead, lambda _: pytest.fail("not that one"))
    assert has_lease(database, "apply:churn") is None, ident


SLOT = Slot(Ref("jira", "work_item", "10001"), "field", "ML Status")


def send(database: Database, ident: str, count: int, ago: timedelta) -> list[int]:
    """The run marked so many changes as being sent, so long ago."""
    with database.write() as tx:
        now = database.now(tx) - ago
        changes = [
            Change(id=str(n), project="churn", slot=SLOT, action="add", before=None, after="Good", key="ML-1", container="ML")
            for n in range(count)
        ]
        numbers = outbox.plan_changes(tx, ident, "churn", changes, now)
        held = tx.execute(select(lease).where(lease.c.name == "apply:churn")).mappings().one()
        mine = leases.Lease(
            name=held["name"],
            holder=held["holder"],
            token=held["token"],
            expires_at=held["expires_at"],
            term=leases.Term(uptime(), timedelta(minutes=3)),
        )
        outbox.mark_sending(tx, numbers, mine, now)
    return numbers


def answered(database: Database, number: int, ago: timedelta, why: str | None = None) -> None:
    with database.write() as tx:
        outbox.settle(tx, number, "done", why, database.now(tx) - ago)


def seen(database: Database, worker: str, ago: timedelta) -> None:
    with database.write() as tx:
        now = database.now(tx)
        executors.begin(tx, worker, "mark", "here", now)
        executors.beat(tx, worker, "mark", now - ago)


def stays_for(database: Database, worker: str) -> timedelta:
    """How long the lease of the dead worker's project is nobody else's."""
    with database.write() as tx:
        now = database.now(tx)
        assert executors.let_go(tx, worker, now, outcome="partial", exit_code=3) == ["apply:churn"]
        left = tx.execute(select(lease.c.holder, lease.c.expires_at).where(lease.c.name == "apply:churn")).one()
    return left.expires_at - now if left.holder is not None else timedelta(0)


@pytest.mark.parametrize("minutes", [0, 1])
def test_the_lease_of_a_last_request_stays_until_the_request_is_surely_over(database: Database, minutes: int) -> None:
    """However long ago its chunk was marked: the last of fifty may have left only now."""
    ident = begin_run(database, "one", "churn")
    first, *_ = send(database, ident, 3, timedelta(minutes=minutes))
    answered(database, first, timedelta(minutes=minutes))
    assert stays_for(database, "one") == executors.SETTLING
    assert has_lease(database, "apply:churn") == ident
    until(lambda: has_lease(database, "apply:churn") is None)


def test_a_slow_source_is_given_twice_the_time_that_it_takes(database: Database) -> None:
    ident = begin_run(database, "one", "churn")
    first, second, _ = send(database, ident, 3, timedelta(seconds=20))
    answered(database, first, timedelta(seconds=19))
    answered(database, second, timedelta(seconds=12))
    assert timedelta(seconds=13) < stays_for(database, "one") < timedelta(seconds=15)


def test_a_source_that_let_a_dead_run_wait_is_given_as_long_again(database: Database) -> None:
    seen(database, "one", timedelta(seconds=21))
    ident = begin_run(database, "one", "churn")
    first, _ = send(database, ident, 2, timedelta(seconds=40))
    answered(database, first, timedelta(seconds=39))
    assert timedelta(seconds=17) < stays_for(database, "one") < timedelta(seconds=19)


def test_no_request_is_waited_for_longer_than_a_client_would(database: Database) -> None:
    ident = begin_run(database, "one", "churn")
    first, _ = send(database, ident, 2, timedelta(minutes=2))
    answered(database, first, timedelta(minutes=1))
    assert stays_for(database, "one") == executors.LONGEST_SETTLING


def test_what_an_heir_found_to_be_made_tells_nothing_of_the_source(database: Database) -> None:
    ident = begin_run(database, "one", "churn")
    first, _ = send(database, ident, 2, timedelta(minutes=2))
    answered(database, first, timedelta(minutes=1), why="found to be made")
    with database.read() as tx:
        assert outbox.slowest_answer(tx, "jira") == timedelta(0)


def test_a_lease_that_is_over_is_not_prolonged_for_the_dead(database: Database) -> None:
    ident = begin_run(database, "one", "churn")
    send(database, ident, 1, timedelta(minutes=10))
    with database.write() as tx:
        tx.execute(update(lease).values(expires_at=database.now(tx) - timedelta(minutes=7)))
    assert stays_for(database, "one") < timedelta(0)
    assert has_lease(database, "apply:churn") is None


def test_where_nothing_was_being_sent_the_lease_is_free_at_once(database: Database) -> None:
    ident = begin_run(database, "one", "churn")
    (number,) = send(database, ident, 1, timedelta(seconds=1))
    answered(database, number, timedelta(0))
    assert stays_for(database, "one") == timedelta(0)


def test_a_worker_stops_when_its_proof_is_gone(database: Database, database_url: str, dialect: str) -> None:
    stop = threading.Event()
    with living(database, "one", stop) as life:
        if dialect == "postgresql":
            with database.write() as tx:
                query = (
                    "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND pid <> pg_backend_pid() "
                    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
                )
                assert tx.execute(text(query)).scalars().all() == [True]
        else:
            (proof,) = _files(database_url, "one")
            proof.unlink()
        assert stop.wait(PATIENCE)
        assert life.lost.is_set()
    with database.read() as tx:
        (row,) = executors.known(tx)
    assert row.stopped_at is None, "it must not speak for a name that may be another one's"


def _files(database_url: str, name: str) -> list[Path]:
    path = Path(database_url.removeprefix("sqlite:///"))
    return list(path.parent.glob(f"*worker-{name}.lock"))


@pytest.mark.parametrize("dialect", ["sqlite"])
def test_a_worker_stops_whatever_keeps_it_from_looking_at_its_proof(database: Database) -> None:
    stop = threading.Event()
    with living(database, "one", stop) as life:
        (number,) = [int(one.name) for one in Path("/proc/self/fd").iterdir() if str(one.resolve()).endswith("worker-one.lock")]
        os.close(number)
        assert stop.wait(PATIENCE)
        assert life.lost.is_set()
        os.dup2(2, number)


@pytest.mark.parametrize("dialect", ["sqlite"])
def test_a_name_that_cannot_be_held_is_told(database: Database, database_url: str) -> None:
    Path(f"{database_url.removeprefix('sqlite:///')}.worker-one.lock").mkdir()
    with pytest.raises(StoreError, match=r"worker-one\.lock: Is a directory"):
        presence.claim(database, "one")


def test_jobs_stop_while_nothing_proves_that_they_may_go_on() -> None:
    """As after a sleep of the machine, until the worker has looked at its proof."""
    pulse, stop = Pulse(), threading.Event()
    jobs = StopUnlessProven(stop, pulse)
    assert (jobs.is_set(), jobs.wait(0)) == (False, False)
    pulse.last = uptime() - (BEAT.total_seconds() + presence.UNANSWERED + 1)
    assert (jobs.is_set(), jobs.wait(0)) == (True, True)
    pulse.last = uptime()
    assert (jobs.is_set(), jobs.wait(0)) == (False, False)
    stop.set()
    assert (jobs.is_set(), jobs.wait(60)) == (True, True)


def test_a_worker_whose_name_was_given_away_stops(database: Database) -> None:
    stop = threading.Event()
    with living(database, "one", stop) as life:
        with database.write() as tx:
            executors.begin(tx, "one", "another", "elsewhere", database.now(tx))
        assert stop.wait(PATIENCE)
        assert life.lost.is_set()


def test_the_name_is_free_once_it_is_let_go(database: Database) -> None:
    proof = presence.claim(database, "one")
    assert proof is not None
    assert presence.claim(database, "one") is None
    proof.require()
    proof.close()
    again = presence.claim(database, "one")
    assert again is not None
    again.close()
