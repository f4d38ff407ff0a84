"""What is due: one row a project or stream, cleared only as far as it was followed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime

from sync.store import attempts, due
from sync.store.connect import Database

Later = Callable[[int], datetime]


def test_many_reasons_make_one_row_with_the_first_of_them(database: Database, later: Later) -> None:
    with database.write() as tx:
        due.mark(tx, ["churn", "demand"], later(1), "first")
        due.mark(tx, ["churn"], later(2), "second")
        due.mark(tx, [], later(3))
    with database.read() as tx:
        churn, demand = due.marked(tx)
    assert (churn.project, churn.since, churn.trace) == ("churn", later(1), "first")
    assert (demand.project, demand.since, demand.trace) == ("demand", later(1), "first")


def test_what_was_followed_is_due_no_more(database: Database, later: Later) -> None:
    with database.write() as tx:
        due.mark(tx, ["churn"], later(1))
        (one,) = due.marked(tx)
        assert due.clear(tx, "churn", one.revision)
        assert due.marked(tx) == []
        assert not due.clear(tx, "churn", one.revision)


def test_what_came_while_it_was_followed_stays_due_since_then(database: Database, later: Later) -> None:
    with database.write() as tx:
        due.mark(tx, ["churn"], later(1), "first")
        (one,) = due.marked(tx)
        due.mark(tx, ["churn"], later(5), "second")
        due.mark(tx, ["churn"], later(9))
        assert not due.clear(tx, "churn", one.revision)
        (left,) = due.marked(tx)
        assert (left.since, left.revision > one.revision) == (later(5), True)
        assert not due.clear(tx, "churn", one.revision)
        assert due.clear(tx, "churn", left.revision)


def test_a_row_that_comes_again_is_not_cleared_by_who_followed_the_one_before(database: Database, later: Later) -> None:
    with database.write() as tx:
        due.mark(tx, ["churn"], later(1))
        (one,) = due.marked(tx)
        due.clear(tx, "churn", one.revision)
    with database.write() as tx:
        due.mark(tx, ["churn"], later(2))
        assert not due.clear(tx, "churn", one.revision)
        assert len(due.marked(tx)) == 1


def test_streams_are_due_as_projects_are(database: Database, later: Later) -> None:
    with database.write() as tx:
        due.mark_streams(tx, "github", ["commits", "issues"], later(1), "first")
        due.mark_streams(tx, "github", ["commits"], later(2))
        due.mark_streams(tx, "gitlab", ["commits"], later(0))
        rows = due.marked_streams(tx)
        assert [(one.source, one.stream, one.since) for one in rows] == [
            ("gitlab", "commits", later(0)),
            ("github", "commits", later(1)),
            ("github", "issues", later(1)),
        ]
        assert due.clear_stream(tx, "github", "issues", rows[2].revision)
        assert not due.clear_stream(tx, "github", "commits", rows[1].revision - 1)
        assert len(due.marked_streams(tx)) == 2


def test_no_mark_is_lost_between_threads(database: Database, later: Later) -> None:
    """Several who mark and one who follows: at the end it has followed the last mark of each."""
    marks, done = 40, threading.Event()
    written = [0, 0, 0]
    seen = [0, 0, 0]

    def write(number: int) -> None:
        for count in range(1, marks + 1):
            with database.write() as tx:
                due.mark(tx, ["churn"], later(count))
                written[number] = count

    def follow() -> None:
        last = False
        while not last:
            last = done.is_set()
            with database.read() as tx:
                rows = due.marked(tx)
            for one in rows:
                seen[:] = written
                with database.write() as tx:
                    due.clear(tx, one.project, one.revision)

    writers = [threading.Thread(target=write, args=(number,)) for number in range(3)]
    follower = threading.Thread(target=follow)
    for thread in (*writers, follower):
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    follower.join()
    with database.read() as tx:
        assert due.marked(tx) == []
    assert seen == [marks] * 3


def test_the_next_try_is_the_first_that_is_still_to_come(database: Database, later: Later) -> None:
    with database.write() as tx:
        assert attempts.next_try(tx, later(0)) is None
        due.mark(tx, ["churn", "fraud"], later(0))
        due.mark_streams(tx, "github", ["issues"], later(0))
        assert attempts.next_try(tx, later(0)) is None
        attempts.project_put_off(tx, "churn", 1, later(5))
        attempts.project_put_off(tx, "fraud", 1, later(3))
        attempts.stream_put_off(tx, "github", "issues", 1, later(4))
        assert attempts.next_try(tx, later(0)) == later(3)
        assert attempts.next_try(tx, later(3)) == later(4)
        assert attempts.next_try(tx, later(5)) is None
