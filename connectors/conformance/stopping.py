"""A set stop event ends a pull between batches, within a request and during a wait. No test looks at a clock."""

from __future__ import annotations

import threading

import pytest

from connectors.conformance.desk import Desk, Suite
from connectors.conformance.faults import in_seconds, refuses
from connectors.conformance.proxy import Answer, Asked, Forward
from connectors.errors import Cancelled


class StoppedInAWait(threading.Event):
    """Somebody stops the run while it waits."""

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None, "a connector waits without a limit"
        self.set()
        return True


class Stopping(Suite):
    def test_a_stop_ends_the_pull_before_the_next_request(self, desk: Desk, stream: str) -> None:
        if stream in desk.source.paged:
            desk.in_small_pages()
        stop = threading.Event()
        with desk.reader(stop) as reader:
            pull = iter(reader.pull(stream, desk.source.scope, None))
            next(pull)
            stop.set()
            asked = len(desk.proxy.asked)
            try:
                rest = list(pull)
            except Cancelled:
                rest = []
        assert len(desk.proxy.asked) == asked, "a stopped reader goes on asking"
        assert len(rest) <= 1, f"a stopped reader still gives {len(rest)} batches"

    def test_a_stopped_reader_asks_nothing(self, desk: Desk, stream: str) -> None:
        stop = threading.Event()
        stop.set()
        with desk.reader(stop) as reader, pytest.raises(Cancelled):
            list(reader.pull(stream, desk.source.scope, None))
        assert not desk.proxy.asked, "a stopped reader asks"

    @pytest.mark.parametrize("status", [429, 503])
    def test_a_stop_during_a_wait_ends_it(self, desk: Desk, stream: str, status: int) -> None:
        desk.fault(stream, refuses(status, headers=in_seconds(30)))
        with desk.reader(StoppedInAWait()) as reader, pytest.raises(Cancelled):
            list(reader.pull(stream, desk.source.scope, None))
        assert len(desk.listed(stream)) == 1, f"asked {len(desk.listed(stream))} times, though stopped in the first wait"

    def test_a_stop_during_a_request_is_noticed_after_it(self, desk: Desk, paged: str) -> None:
        desk.in_small_pages()
        stop = threading.Event()

        def stopping(_asked: Asked, forward: Forward) -> Answer:
            stop.set()
            return forward()

        desk.fault(paged, stopping, times=1)
        with desk.reader(stop) as reader, pytest.raises(Cancelled):
            list(reader.pull(paged, desk.source.scope, None))
        assert len(desk.listed(paged)) == 1, "the next page was asked for, though stopped"
