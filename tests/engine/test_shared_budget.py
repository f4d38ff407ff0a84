"""Processes that share a source's rate, or that it asked to be left alone; and what waits for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from bench.rate import Counter, asked_together, counting
from bench.rate_process import SOURCE, Asking, ask
from config.rate import Rate
from connectors.errors import Cancelled, RateLimited, Unavailable
from sync.budget import LOOK_EVERY, shared
from sync.store import rates
from sync.store.connect import Database, open_database
from sync.store.schema import rate_bucket

DAY = timedelta(days=1)
A_DAYS = "100/d"
"""A bucket of 20, of which 4 are kept for what is urgent, and to which nothing is added while a test lasts."""

SLOW = Rate(100, DAY)


@pytest.fixture
def asking(database_url: str) -> Callable[..., Asking]:
    """Requests of one process until it is told to wait."""

    def of(address: str, *, rate: str | None = A_DAYS, urgent: bool = False) -> Asking:
        return Asking(store=database_url, address=address, rate=rate, seconds=30, urgent=urgent)

    return of


def take(database: Database, count: int, *, rate: Rate | None = SLOW, urgent: bool = False) -> None:
    with shared(database, SOURCE, rate, urgent=urgent) as budget:
        for _ in range(count):
            budget.take(threading.Event())


def left(database: Database) -> int:
    """What the bucket holds, and nobody has leased."""
    with database.read() as tx:
        row = tx.execute(select(rate_bucket.c.level, rate_bucket.c.period)).one()
    return int(row.level // row.period)


@pytest.mark.both_databases
def test_four_processes_send_what_the_rate_allows_and_no_more(asking: Callable[..., Asking]) -> None:
    counter = Counter(Rate(20, DAY))
    with counting(counter) as address:
        told = asked_together([asking(address, urgent=True) for _ in range(4)])
    assert (counter.over, counter.arrived) == (0, 20)
    assert sum(one.answered for one in told) == 20
    for one in told:
        assert one.limited is not None
        assert "shop: its rate of 100/d for all processes is used up until " in one.limited
        assert "run again then, or raise the source's rate in the project file" in one.limited


@pytest.mark.soak
@pytest.mark.both_databases
def test_four_processes_keep_to_a_rate_all_the_time(database_url: str) -> None:
    counter = Counter(Rate(100, timedelta(seconds=1)))
    with counting(counter) as address:
        asked_together([Asking(store=database_url, address=address, rate="100/s", seconds=6)] * 4)
    assert counter.over == 0
    assert counter.arrived > 200, "so few that nothing is proven"


@pytest.mark.both_databases
def test_what_a_webhook_has_told_still_gets_through(asking: Callable[..., Asking]) -> None:
    with counting(Counter(Rate(20, DAY))) as address:
        assert [ask(asking(address)).answered, ask(asking(address)).answered] == [16, 0]
        assert ask(asking(address, urgent=True)).answered == 4


@pytest.mark.both_databases
@pytest.mark.parametrize("rate", [A_DAYS, None])
def test_what_one_process_was_asked_to_wait_all_others_wait(asking: Callable[..., Asking], rate: str | None) -> None:
    counter = Counter(Rate(3, DAY), retry_after=1800)
    with counting(counter) as address:
        first, second = ask(asking(address, rate=rate)), ask(asking(address, rate=rate, urgent=True))
    assert (first.answered, second.answered) == (3, 0)
    assert "answered 429" in (first.limited or "")
    assert "shop: it asked not to be asked again until " in (second.limited or "")
    assert counter.arrived == 4, "the second process has asked all the same"


@pytest.mark.both_databases
def test_what_is_not_sent_is_given_back(database: Database) -> None:
    take(database, 3)
    assert left(database) == 17
    with pytest.raises(KeyError), shared(database, SOURCE, SLOW, urgent=False) as budget:
        budget.take(threading.Event())
        raise KeyError
    assert left(database) == 16
    with shared(database, SOURCE, SLOW, urgent=False):
        pass
    assert left(database) == 16


def test_what_was_leased_long_ago_is_not_spent_without_asking(database: Database) -> None:
    """At a hundred a second a lease is old after a tenth of one."""
    fast = Rate(100, timedelta(seconds=1))
    with shared(database, SOURCE, fast, urgent=False) as budget:
        budget.take(threading.Event())
        with database.write() as tx:
            rates.pause(tx, SOURCE, timedelta(minutes=30))
        time.sleep(rates.spend_within(fast).total_seconds())
        with pytest.raises(RateLimited, match="asked not to be asked again"):
            budget.take(threading.Event())


def test_what_is_leased_is_not_spent_by_who_was_asked_to_wait(database: Database) -> None:
    with shared(database, SOURCE, SLOW, urgent=False) as budget:
        budget.take(threading.Event())
        assert left(database) == 15
        budget.pause(timedelta(minutes=30))
        with pytest.raises(RateLimited, match="asked not to be asked again"):
            budget.take(threading.Event())
        assert left(database) == 19


@pytest.mark.parametrize("rate", [Rate(2, timedelta(minutes=1)), None])
def test_a_stop_ends_the_wait_for_a_request_at_once(database: Database, rate: Rate | None) -> None:
    if rate is None:
        with database.write() as tx:
            rates.pause(tx, SOURCE, timedelta(seconds=50))
    else:
        take(database, 1, rate=rate)
    stop, ended = threading.Event(), threading.Event()

    def wait() -> None:
        with shared(database, SOURCE, rate, urgent=True) as budget, pytest.raises(Cancelled):
            budget.take(stop)
        ended.set()

    waiting = threading.Thread(target=wait)
    waiting.start()
    assert not ended.wait(0.2)
    stop.set()
    assert ended.wait(10), "it waits on"
    waiting.join()
    with shared(database, SOURCE, rate, urgent=True) as budget, pytest.raises(Cancelled):
        budget.take(stop)


def test_a_wait_that_is_too_long_is_left_to_the_caller_with_its_time(database: Database) -> None:
    take(database, 20, urgent=True)
    with shared(database, SOURCE, SLOW, urgent=True) as budget, pytest.raises(RateLimited) as caught:
        budget.take(threading.Event())
    with database.read() as tx:
        wait = caught.value.until - database.now(tx)
    assert timedelta(minutes=15) < wait < timedelta(minutes=20)


def test_without_a_rate_the_store_is_asked_now_and_then_alone(database: Database) -> None:
    with shared(database, SOURCE, None, urgent=False) as budget:
        began = time.monotonic()
        budget.take(threading.Event())
        with database.write() as tx:
            rate_bucket.drop(tx)
        taken = 0
        while time.monotonic() < began + LOOK_EVERY.total_seconds() / 2:
            budget.take(threading.Event())
            taken += 1
        assert taken > 50
        with database.write() as tx:
            rate_bucket.create(tx)


def test_without_a_rate_what_another_process_was_asked_in_the_middle_of_a_pull_is_heeded(database: Database) -> None:
    with shared(database, SOURCE, None, urgent=False) as pulling, shared(database, SOURCE, None, urgent=False) as another:
        pulling.take(threading.Event())
        another.pause(timedelta(minutes=30))
        give_up = time.monotonic() + 10 * LOOK_EVERY.total_seconds()
        with pytest.raises(RateLimited, match="asked not to be asked again"):
            while time.monotonic() < give_up:
                pulling.take(threading.Event())
                time.sleep(0.05)


def test_a_pause_of_no_time_is_none(database: Database) -> None:
    with shared(database, SOURCE, None, urgent=False) as budget:
        budget.pause(timedelta(0))
    with database.read() as tx:
        assert tx.execute(select(rate_bucket)).all() == []


def test_a_store_that_does_not_answer_makes_the_source_unavailable(database: Database, tmp_path: Path) -> None:
    hasty = open_database(f"sqlite:///{tmp_path / 'milepost.db'}", patience=timedelta(milliseconds=50))
    with closing(hasty), shared(hasty, SOURCE, SLOW, urgent=False) as budget:
        with database.write() as tx:
            rates.lease(tx, SOURCE, SLOW, 1, reserved=0)
            with pytest.raises(Unavailable, match=r"shop: how many requests .* is not known: .* is locked by another process"):
                budget.take(threading.Event())
            budget.pause(timedelta(minutes=1))
        budget.take(threading.Event())
