"""One holder at a time, whatever threads, kills and pauses do; who overslept can do no harm."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from sync.store import leases
from sync.store.connect import Database
from sync.store.leases import LONGEST, Lease, LeaseHeld, LeaseLost
from sync.store.schema import lease as rows

LONG = timedelta(minutes=5)
NONE = timedelta(0)
BRIEF = timedelta(milliseconds=1)


def take(database: Database, holder: str, *, ttl: timedelta = LONG, wait: timedelta = NONE) -> Lease:
    return leases.acquire(database, "apply:churn", holder=holder, ttl=ttl, wait=wait, stop=threading.Event())


def expire(database: Database, lease: Lease) -> None:
    """Waits until the database says that the lease's time is up."""
    while True:
        with database.read() as tx:
            if database.now(tx) > lease.expires_at:
                return


def is_held(database: Database, lease: Lease) -> bool:
    with database.write() as tx:
        try:
            leases.verify(tx, lease)
        except LeaseLost:
            return False
        return True


def test_a_held_lease_names_its_holder(database: Database) -> None:
    mine = take(database, "run-1")
    with pytest.raises(LeaseHeld, match="apply:churn is in use by run-1") as caught:
        take(database, "run-2")
    assert (caught.value.holder, caught.value.expires_at) == ("run-1", mine.expires_at)
    with pytest.raises(LeaseHeld):
        take(database, "run-1")
    assert leases.acquire(database, "apply:other", holder="run-2", ttl=LONG, wait=NONE, stop=threading.Event()).token == 1


def test_tokens_only_grow(database: Database) -> None:
    tokens = []
    for _ in range(3):
        mine = take(database, "run")
        tokens.append(mine.token)
        leases.release(database, mine)
    assert tokens == sorted(set(tokens))


def test_a_killed_holders_lease_ends_by_itself(database: Database) -> None:
    killed = take(database, "killed", ttl=BRIEF)
    next_one = take(database, "next", wait=LONG)
    assert next_one.token > killed.token
    assert not is_held(database, killed)
    assert is_held(database, next_one)


def test_a_lease_that_ends_later_than_any_can_is_taken_over(database: Database) -> None:
    """Its holder was killed while the database's clock was ahead."""
    killed = take(database, "killed")
    with database.write() as tx:
        tx.execute(update(rows).values(expires_at=database.now(tx) + timedelta(days=40)))
    next_one = take(database, "next")
    assert next_one.token > killed.token
    assert not is_held(database, killed)
    assert is_held(database, next_one)
    with pytest.raises(LeaseHeld, match="in use by next"):
        take(database, "third")


def test_the_longest_lease_is_believed_and_none_is_taken_for_longer(database: Database) -> None:
    mine = take(database, "run-1", ttl=LONGEST)
    with pytest.raises(LeaseHeld, match="in use by run-1"):
        take(database, "run-2", ttl=BRIEF)
    assert is_held(database, mine)
    with pytest.raises(ValueError, match="1 hour at most"):
        take(database, "run-1", ttl=LONGEST + BRIEF)


def test_the_day_of_a_leases_end_is_told_where_it_is_not_today() -> None:
    late = datetime(2026, 3, 2, 23, 59, tzinfo=UTC)
    assert LeaseHeld("apply:churn", "run-1", late, late - LONG).until == "23:59:00 UTC"
    tomorrow = LeaseHeld("apply:churn", "run-1", late + LONG, late)
    assert tomorrow.until == "2026-03-03 00:04:00 UTC"
    assert "in use by run-1, until 2026-03-03 00:04:00 UTC unless" in str(tomorrow)


def test_a_stale_holder_is_refused_everything(database: Database) -> None:
    stale = take(database, "stale", ttl=BRIEF)
    expire(database, stale)
    assert not is_held(database, stale)
    fresh = take(database, "fresh")
    with pytest.raises(LeaseLost, match="apply:churn"):
        leases.renew(database, stale, LONG)
    leases.release(database, stale)
    assert is_held(database, fresh)
    with pytest.raises(LeaseHeld):
        take(database, "third")


def test_a_lease_that_ran_out_unnoticed_can_be_renewed(database: Database) -> None:
    mine = take(database, "run", ttl=BRIEF)
    expire(database, mine)
    renewed = leases.renew(database, mine, LONG)
    assert (renewed.token, is_held(database, renewed)) == (mine.token, True)


def test_a_released_lease_is_neither_held_nor_renewed(database: Database) -> None:
    mine = take(database, "run")
    leases.release(database, mine)
    assert not is_held(database, mine)
    with pytest.raises(LeaseLost):
        leases.renew(database, mine, LONG)


def test_a_lease_must_outlast_what_rests_on_it(database: Database) -> None:
    mine = take(database, "run", ttl=timedelta(minutes=1))
    with database.write() as tx:
        leases.verify(tx, mine, lasting=timedelta(seconds=10))
        with pytest.raises(LeaseLost):
            leases.verify(tx, mine, lasting=timedelta(minutes=2))


def test_who_waits_gets_it_when_it_is_released_and_leaves_when_told_to_stop(database: Database) -> None:
    mine = take(database, "first")
    stop = threading.Event()
    with ThreadPoolExecutor(2) as pool:
        waiting = pool.submit(take, database, "second", wait=LONG)
        leases.release(database, mine)
        theirs = waiting.result()
        assert theirs.token > mine.token
        stopped = pool.submit(leases.acquire, database, "apply:churn", holder="third", ttl=LONG, wait=LONG, stop=stop)
        stop.set()
        with pytest.raises(LeaseHeld, match="second"):
            stopped.result()


def test_a_long_block_keeps_its_lease_and_lets_go_at_its_end(database: Database) -> None:
    ttl = timedelta(seconds=0.6)
    with leases.held(database, "pull:jira", holder="run", ttl=ttl, wait=NONE, stop=threading.Event()) as mine:
        expire(database, mine)
        assert is_held(database, mine)
    assert not is_held(database, mine)


def test_who_loses_a_lease_in_a_long_block_is_told(database: Database) -> None:
    lost = threading.Event()
    ttl = timedelta(seconds=0.3)
    with leases.held(database, "apply:churn", holder="slow", ttl=ttl, wait=NONE, stop=threading.Event(), on_lost=lost.set) as mine:
        leases.release(database, mine)
        theirs = take(database, "other")
        assert lost.wait(30)
    assert is_held(database, theirs)


def test_an_error_in_the_block_lets_go(database: Database) -> None:
    with pytest.raises(KeyError), leases.held(database, "apply:churn", holder="run", ttl=LONG, wait=NONE, stop=threading.Event()):
        raise KeyError
    assert take(database, "next").holder == "next"


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rounds=st.lists(st.integers(1, 3), min_size=2, max_size=3))
def test_threads_never_hold_a_lease_together(database: Database, rounds: list[int]) -> None:
    inside: list[int] = []
    crowds: list[int] = []
    tokens: list[int] = []

    def work(number: int, turns: int) -> None:
        for _ in range(turns):
            mine = take(database, f"thread-{number}", wait=LONG)
            inside.append(number)
            crowds.append(len(inside))
            tokens.append(mine.token)
            inside.remove(number)
            leases.release(database, mine)

    with ThreadPoolExecutor(len(rounds)) as pool:
        for done in [pool.submit(work, number, turns) for number, turns in enumerate(rounds)]:
            done.result()
    assert crowds == [1] * sum(rounds)
    assert tokens == sorted(set(tokens))
