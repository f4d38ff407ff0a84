"""A rate holds in every time of its length, whoever asks, whatever is given back, and whatever the clock does."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from config.rate import Rate
from sync.store import rates
from sync.store.connect import Database
from sync.store.rates import LONGEST_PAUSE, RESERVED, Bucket, Lease
from sync.store.schema import rate_bucket

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
SECOND, MINUTE, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)
SLOW = Rate(100, DAY)
"""A bucket of 20, to which nothing is added while a test lasts."""

RATES = st.builds(Rate, st.integers(1, 60), st.sampled_from([SECOND, MINUTE, DAY]))
STEPS = st.tuples(
    st.sampled_from(["lease", "spend", "return"]),
    st.integers(0, 2),
    st.integers(1, 20),
    st.sampled_from([0.0, 1e-6, 0.0005, 0.01, 0.0999, 0.1, 0.3, 0.9, 1.0, 1.1]),
)


def lease(database: Database, wanted: int, *, rate: Rate = SLOW, reserved: int = 0, returned: int = 0) -> Lease:
    with database.write() as tx:
        return rates.lease(tx, "github", rate, wanted, reserved=reserved, returned=returned)


def most_within(times: Sequence[datetime], period: timedelta) -> int:
    """The most that fall into one half-open time of that length."""
    return max((sum(begin <= one < begin + period for one in times) for begin in times), default=0)


@settings(max_examples=300)
@given(RATES, st.lists(STEPS, min_size=1, max_size=60))
def test_no_more_than_the_rate_is_sent_in_any_time_of_its_length(rate: Rate, steps: list[tuple[str, int, int, float]]) -> None:
    """Three processes lease, spend as late as they may, and give back what they did not spend."""
    now, bucket = NOON, Bucket.full(rate, NOON)
    held: list[list[datetime]] = [[], [], []]
    sent: list[datetime] = []
    for what, who, count, share in steps:
        now += rate.period * share
        bucket = bucket.at(now)
        young = [leased for leased in held[who] if now <= leased + rates.spend_within(rate)]
        if what == "lease":
            granted = min(count, bucket.available(0))
            bucket = bucket.changed(-granted)
            held[who] += [now] * granted
        elif what == "spend":
            sent += [now] * min(count, len(young))
            for leased in young[:count]:
                held[who].remove(leased)
        else:
            bucket = bucket.changed(len(held[who]))
            held[who] = []
        assert 0 <= bucket.level <= bucket.capacity * bucket.period
    assert most_within(sent, rate.period) <= rate.requests


@given(RATES)
def test_the_worst_that_can_happen_is_the_rate_itself(rate: Rate) -> None:
    """Everything is leased from a full bucket and kept for as long as it may be; what comes after that is spent as it comes."""
    kept_until = NOON + rates.spend_within(rate)
    now, bucket = NOON, Bucket.full(rate, NOON)
    sent: list[datetime] = []
    while now < kept_until + rate.period:
        tokens = bucket.available(0)
        bucket = bucket.changed(-tokens)
        sent += [max(now, kept_until)] * tokens
        now += bucket.wait(0)
        bucket = bucket.at(now)
    assert len(sent) == most_within(sent, rate.period) == rate.requests


@given(RATES, st.integers(0, RESERVED))
def test_whoever_waits_as_long_as_told_gets_one(rate: Rate, reserved: int) -> None:
    empty = Bucket.full(rate, NOON).changed(-Bucket.full(rate, NOON).capacity)
    assert empty.available(reserved) == 0
    wait = empty.wait(reserved)
    assert empty.at(NOON + wait).available(reserved) == 1
    assert empty.at(NOON + wait - timedelta(microseconds=1)).available(reserved) == 0


@given(RATES)
def test_three_quarters_of_a_rate_can_be_used_for_good(rate: Rate) -> None:
    bucket = Bucket.full(rate, NOON)
    each_second = bucket.capacity / bucket.period * 1e6
    assert each_second * rate.period.total_seconds() >= 0.72 * rate.requests


@given(
    RATES,
    st.lists(st.tuples(st.timedeltas(-2 * DAY, 2 * DAY), st.floats(0, 0.1)), max_size=12),
)
def test_a_clock_that_is_set_neither_stops_nor_floods(rate: Rate, jumps: list[tuple[timedelta, float]]) -> None:
    """Whoever takes all that there is gets what real time allows, and at most one full bucket for each time the clock was set."""
    clock, lasted, taken = NOON, timedelta(0), 0
    bucket = Bucket.full(rate, NOON)
    for jump, share in jumps:
        clock += jump
        for elapsed in (timedelta(0), rate.period * share):
            clock, lasted = clock + elapsed, lasted + elapsed
            bucket = bucket.at(clock)
            taken += (granted := bucket.available(0))
            bucket = bucket.changed(-granted)
    filled = bucket.capacity * (lasted / timedelta(microseconds=bucket.period))
    assert taken <= bucket.capacity * (1 + len(jumps)) + filled
    after = timedelta(microseconds=bucket.period)
    assert bucket.at(clock + after).available(0) == bucket.capacity


@given(RATES, RATES, st.integers(0, 60))
def test_another_rate_finds_the_bucket_as_full_as_it_was(before: Rate, after: Rate, taken: int) -> None:
    full = Bucket.full(before, NOON)
    bucket = full.changed(-min(taken, full.capacity))
    changed, expected = bucket.of(after), Bucket.full(after, NOON)
    assert (changed.capacity, changed.period) == (expected.capacity, expected.period)
    ours, theirs = (one.level / (one.capacity * one.period) for one in (bucket, changed))
    assert theirs == pytest.approx(ours, abs=1e-6)
    assert bucket.of(before) is bucket


def test_together_they_get_what_there_is_and_no_more(database: Database) -> None:
    def take_all(_: int) -> int:
        got = 0
        while tokens := lease(database, 3).tokens:
            got += tokens
        return got

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(take_all, range(8))) == 20
    refused = lease(database, 1)
    assert not refused.paused
    assert timedelta(minutes=15) < refused.wait < timedelta(minutes=20)


def test_a_share_is_kept_for_what_is_urgent(database: Database) -> None:
    assert lease(database, 50, reserved=RESERVED).tokens == 16
    refused = lease(database, 1, reserved=RESERVED)
    assert (refused.tokens, refused.paused) == (0, False)
    assert lease(database, 50).tokens == 4


def test_what_is_given_back_is_there_again_and_never_more_than_fits(database: Database) -> None:
    assert lease(database, 15).tokens == 15
    assert lease(database, 10, returned=3).tokens == 8
    with database.write() as tx:
        rates.give_back(tx, "github", SLOW, 11)
    assert lease(database, 50, returned=500).tokens == 20


def test_one_source_has_nothing_to_do_with_another(database: Database) -> None:
    assert lease(database, 50).tokens == 20
    with database.write() as tx:
        rates.pause(tx, "jira", MINUTE)
        assert rates.lease(tx, "mlflow", SLOW, 50, reserved=0).tokens == 20


def test_a_pause_is_for_everybody_and_the_longest_counts(database: Database) -> None:
    with database.write() as tx:
        rates.pause(tx, "github", 10 * MINUTE)
        rates.pause(tx, "github", MINUTE)
        assert 9 * MINUTE < rates.pause_left(tx, "github") <= 10 * MINUTE
    refused = lease(database, 1)
    assert (refused.tokens, refused.paused) == (0, True)
    assert 9 * MINUTE < refused.wait <= 10 * MINUTE
    set_pause(database, timedelta(milliseconds=-1))
    assert lease(database, 50).tokens == 20, "a source that was paused before it had a rate begins with a full bucket"


def test_no_source_is_believed_to_want_to_be_left_alone_for_days(database: Database) -> None:
    with database.write() as tx:
        rates.pause(tx, "github", 7 * DAY)
        assert rates.pause_left(tx, "github") <= LONGEST_PAUSE
        assert rates.pause_left(tx, "another") == timedelta(0)


def test_a_pause_that_a_wrong_clock_wrote_binds_nobody(database: Database) -> None:
    lease(database, 1)
    set_pause(database, LONGEST_PAUSE + timedelta(minutes=6))
    assert lease(database, 50).tokens == 19


@pytest.mark.parametrize("ahead", [timedelta(minutes=2), timedelta(hours=5)])
def test_a_bucket_of_a_clock_that_was_set_back_goes_on_filling(database: Database, ahead: timedelta) -> None:
    fast = Rate(999_999, SECOND)
    assert lease(database, 10**6, rate=fast).tokens == 199_999
    with database.write() as tx:
        tx.execute(update(rate_bucket).values(filled_at=database.now(tx) + ahead, level=0))
    lease(database, 1, rate=fast)
    with database.read() as tx:
        assert tx.execute(select(rate_bucket.c.filled_at)).scalar_one() <= database.now(tx)
    deadline = datetime.now(UTC) + MINUTE
    while not lease(database, 1, rate=fast).tokens:
        assert datetime.now(UTC) < deadline, "nothing comes any more"


def test_another_rate_in_the_file_counts_at_once(database: Database) -> None:
    assert lease(database, 10).tokens == 10
    assert lease(database, 75, rate=Rate(1000, DAY)).tokens == 75
    assert lease(database, 100, rate=SLOW).tokens == 2


def set_pause(database: Database, from_now: timedelta) -> None:
    with database.write() as tx:
        tx.execute(update(rate_bucket).values(paused_until=database.now(tx) + from_now))


@pytest.mark.parametrize(("requests", "left"), [(5, 1), (10, 1), (20, 3), (100, 16)])
def test_of_a_low_rate_too_something_is_kept_for_webhooks(requests: int, left: int) -> None:
    """Of a single token nothing can be kept: then all ask alike."""
    assert Bucket.full(Rate(requests, SECOND), NOON).available(RESERVED) == left
