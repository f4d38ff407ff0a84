"""The inbox: accepted once, taken in as they came, put aside when they cannot be, remembered for a while."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from sync.store import inbox
from sync.store.connect import Database
from sync.store.inbox import Arrival
from sync.store.schema import inbox as table

SECOND = timedelta(seconds=1)


def arrival(delivery: str, *, source: str = "github", body: bytes = b"{}", event: str = "issues.edited") -> Arrival:
    return Arrival(source=source, delivery=delivery, event=event, body=body, trace=None)


def accept(database: Database, now: datetime, *arrivals: Arrival) -> Sequence[bool]:
    with database.write() as tx:
        return inbox.accept(tx, arrivals, now)


def waiting(database: Database, now: datetime, source: str = "github", limit: int = 100) -> Sequence[inbox.Waiting]:
    with database.read() as tx:
        return inbox.waiting(tx, source, limit, now)


def states(database: Database) -> dict[str, str]:
    with database.read() as tx:
        return {row.delivery: row.state for row in tx.execute(select(table))}


def test_a_delivery_that_is_sent_again_is_known_within_one_batch_and_later(database: Database, noon: datetime) -> None:
    first = accept(database, noon, arrival("b", body=b"1"), arrival("a"), arrival("b", body=b"2"), arrival("b", source="jira"))
    assert list(first) == [True, True, False, True]
    assert list(accept(database, noon, arrival("a"), arrival("c"))) == [False, True]
    assert {one.delivery: one.body for one in waiting(database, noon)}["b"] == b"1"


def test_a_settled_delivery_is_still_known_and_its_body_is_forgotten(database: Database, noon: datetime) -> None:
    accept(database, noon, arrival("a"), arrival("b"))
    ids = [one.id for one in waiting(database, noon)]
    with database.write() as tx:
        assert inbox.settle(tx, ids[:1], "done", noon) == 1
        assert inbox.settle(tx, ids, "dropped", noon) == 1
    assert states(database) == {"a": "done", "b": "dropped"}
    assert list(accept(database, noon, arrival("a"))) == [False]
    with database.read() as tx:
        assert list(tx.execute(select(table.c.body)).scalars()) == [None, None]


def test_nothing_is_accepted_of_an_empty_batch(database: Database, noon: datetime) -> None:
    assert list(accept(database, noon)) == []


def test_thousands_are_accepted_at_once(database: Database, noon: datetime) -> None:
    many = [arrival(f"d-{number}") for number in range(2_500)]
    assert all(accept(database, noon, *many))
    assert not any(accept(database, noon, *many))
    assert len(waiting(database, noon, limit=3_000)) == 2_500


def test_large_ones_are_taken_in_by_and_by(database: Database, noon: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "MOST_BYTES", 100)
    accept(database, noon, *(arrival(name, body=b"x" * size) for name, size in (("a", 500), ("b", 60), ("c", 40), ("d", 1))))
    taken = []
    while rows := waiting(database, noon):
        taken.append([one.delivery for one in rows])
        with database.write() as tx:
            inbox.settle(tx, [one.id for one in rows], "done", noon)
    assert taken == [["a"], ["b", "c"], ["d"]]


def test_what_waits_for_its_time_is_left_out_until_then(database: Database, noon: datetime) -> None:
    accept(database, noon, arrival("a"), arrival("b"))
    first, second = waiting(database, noon)
    with database.write() as tx:
        inbox.fail(tx, first.id, "makes no sense", noon + SECOND, noon)
        inbox.postpone(tx, [second.id], "github is away", noon + 2 * SECOND)
    assert waiting(database, noon) == []
    with database.read() as tx:
        assert inbox.ready(tx, noon) == []
        assert inbox.ready(tx, noon + SECOND) == ["github"]
    assert [(one.delivery, one.tries) for one in waiting(database, noon + SECOND)] == [("a", 1)]
    assert [(one.delivery, one.tries) for one in waiting(database, noon + 2 * SECOND)] == [("a", 1), ("b", 0)]


def test_a_time_that_a_wrong_clock_has_set_is_not_waited_for(database: Database, noon: datetime) -> None:
    accept(database, noon, arrival("a"))
    (one,) = waiting(database, noon)
    with database.write() as tx:
        inbox.postpone(tx, [one.id], "github is away", noon + timedelta(days=400))
    assert [one.delivery for one in waiting(database, noon)] == ["a"]
    with database.read() as tx:
        assert inbox.left_alone_until(tx, "github", noon) is None


def test_a_dead_delivery_keeps_its_body_and_may_be_tried_again_or_dropped(database: Database, noon: datetime) -> None:
    accept(database, noon, arrival("a", body=b'{"a": 1}'), arrival("b"), arrival("c"))
    first, second, third = waiting(database, noon)
    with database.write() as tx:
        for one in (first, second, third):
            inbox.fail(tx, one.id, "makes\0 no sense", None, noon)
    assert waiting(database, noon + timedelta(days=1)) == []
    with database.read() as tx:
        row, body = inbox.find(tx, first.id) or (None, None)
        assert row is not None
        assert (row.state, row.tries, row.error, body) == ("dead", 1, "makes\ufffd no sense", b'{"a": 1}')
        assert [one.delivery for one in inbox.listing(tx, states=["dead"])] == ["c", "b", "a"]
        assert inbox.listing(tx, states=["dead"], source="jira") == []
        assert inbox.find(tx, 10**6) is None
    with database.write() as tx:
        assert inbox.retry(tx, [first.id, 10**6]) == 1
        assert inbox.drop(tx, [second.id], noon) == 1
    assert [(one.delivery, one.tries) for one in waiting(database, noon)] == [("a", 0)]
    with database.write() as tx:
        assert inbox.retry(tx) == 1
        assert inbox.drop(tx, None, noon) == 0
        assert inbox.retry(tx, [second.id]) == 0
    assert states(database) == {"a": "waiting", "b": "dropped", "c": "waiting"}


def test_how_deep_it_is_is_told_by_source_and_state(database: Database, noon: datetime, later: Callable[[int], datetime]) -> None:
    accept(database, noon, arrival("a"), arrival("b"))
    accept(database, later(1), arrival("c"), arrival("a", source="jira"))
    with database.write() as tx:
        inbox.settle(tx, [waiting(database, noon)[0].id], "done", later(2))
        found = [(one.source, one.state, one.count, one.oldest) for one in inbox.depth(tx)]
    assert found == [("github", "done", 1, noon), ("github", "waiting", 2, noon), ("jira", "waiting", 1, later(1))]


def test_no_id_is_too_odd_for_either_database(database: Database) -> None:
    for first, second in (("a\0b", "\0"), ("", "x" * 5_000), ("\ud800", "\udfff"), ("é" * 300, "é" * 301)):
        with_odd_ids(database, first, second, "\0\ud800")


def with_odd_ids(database: Database, first: str, second: str, event: str) -> None:
    """Both are stored, each known again, and nothing is left behind."""
    noon = datetime.fromisoformat("2026-03-02T12:00:00+00:00")
    source = "odd"
    both = [arrival(first, source=source, event=event), arrival(second, source=source, event=event)]
    with database.write() as tx:
        assert list(inbox.accept(tx, both, noon)) == [True, first != second]
        assert list(inbox.accept(tx, both, noon)) == [False, False]
        tx.execute(table.delete())
