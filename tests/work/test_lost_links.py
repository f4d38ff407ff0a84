"""A worker that loses its database without a word: nobody refuses, nobody answers."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from sync.store import executors, leases, presence
from tests.cli.process import PATIENCE
from tests.work.link import link
from tests.work.service import Service, service, until


@pytest.fixture
def small(database_url: str, tmp_path: Path) -> Iterator[Service]:
    with service(tmp_path, database_url, projects=2) as opened:
        opened.add_issues(15)
        yield opened


@pytest.mark.soak
@pytest.mark.parametrize("dialect", ["postgresql"])
def test_a_worker_that_is_cut_off_stops_before_another_one_goes_on(small: Service) -> None:
    with link(small.url) as between:
        small.receive()
        cut_off = small.work("cut-off", url=between.url)
        small.settle()
        small.github.latency = 0.3  # so that it is in the middle of something
        luck = random.Random(1)
        for change in small.changes(luck):
            change()
        until(lambda: small.left()["begun"] > 0, small.why_not_done)
        between.go_silent()
        keepalives = threading.Timer(presence.UNANSWERED, between.tell_the_server)
        keepalives.start()
        small.work("heir")
        assert cut_off.popen.wait(PATIENCE) == 1, "it ends, as it cannot prove any longer that it lives"
        assert cut_off.told("worker.lost_its_proof_of_life") is not None
        begun = {ident for ident, _ in small.runs("cut-off")}
        with small.database.read() as tx:
            held = {one.holder for one in leases.holdings(tx, small.database.now(tx))}
        assert held & begun, "what it had begun was still its own when it was over"
        keepalives.join()
        until(small.is_done, small.why_not_done, pause=0.2)
        with small.database.read() as tx:
            assert {one.name: one.stopped_at is not None for one in executors.known(tx)} == {"cut-off": True, "heir": False}

        between.come_back()
        again = small.work("cut-off", url=between.url)
        again.wait_for("worker.started")
        small.add_issues(3)
        for change in small.changes(luck):
            change()
        until(small.is_done, small.why_not_done, pause=0.2)
        small.assert_no_write_was_repeated()
        small.assert_projects_were_written_by_one_at_a_time()
