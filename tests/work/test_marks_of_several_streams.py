"""Two that tell of several streams at once."""

from __future__ import annotations

import threading

import pytest

from sandbox.faults import Answer, Fault
from sandbox.messages import Reply, Request
from sync import jobs
from sync.store import due
from sync.store.errors import StoreError
from tests.engine.conftest import Office
from tests.engine.locks import until_somebody_waits


@pytest.mark.parametrize("dialect", ["postgresql"])
def test_who_marks_streams_and_who_has_read_them_do_not_wait_for_each_other(office: Office) -> None:
    locked, failures = threading.Event(), list[StoreError]()

    def tell() -> None:
        try:
            with office.database.write() as tx:
                now = office.database.now(tx)
                due.mark_streams(tx, "github", ["commits"], now)
                locked.set()
                until_somebody_waits(office.database)
                due.mark_streams(tx, "github", ["issues"], now)
        except StoreError as error:
            failures.append(error)

    def told_meanwhile(_: Request, answer: Answer) -> Reply:
        thread.start()
        assert locked.wait(30)
        return answer()

    thread = threading.Thread(target=tell)
    office.only_github()
    office.sync()
    for stream in ("issues", "commits"):  # the later one by name is due for longer
        with office.database.write() as tx:
            due.mark_streams(tx, "github", [stream], office.database.now(tx))
    office.github.faults.append(Fault(told_meanwhile, path="*/issues*"))
    jobs.relist(office.workspace(), "github", stop=office.stop)
    thread.join()
    assert failures == []
    with office.database.read() as tx:
        assert {mark.stream for mark in due.marked_streams(tx)} == {"commits", "issues"}
