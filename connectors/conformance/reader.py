"""The suite for readers, put together."""

from __future__ import annotations

from typing import ClassVar

import pytest

from connectors.conformance.broken_answers import BrokenAnswers
from connectors.conformance.laws import Laws
from connectors.conformance.memory import Peak, peak_of
from connectors.conformance.paging import Paging
from connectors.conformance.proxy import FaultProxy
from connectors.conformance.refusals import Refusals
from connectors.conformance.source import Source
from connectors.conformance.stopping import Stopping

MANY = 100_000
MOST_GROWTH = 1.5
"""What ten times the records may take of memory, as a multiple."""
SLACK = 2**18
"""Bytes that may come on top: what is loaded and remembered only once."""


class ReaderConformance(Refusals, BrokenAnswers, Paging, Laws, Stopping):
    """Every reader passes this. Subclass it, name the `Source`, and give it the fixture `source`.

    Tests with `stream` run on each stream of the connection, with `paged` on each that comes in pages, with `linked` on those whose
    pages lead to one another, with `principal` on the stream that may grow large.
    """

    kind: ClassVar[type[Source]]
    principal: ClassVar[str]
    few: ClassVar[int] = 200
    """Records of the smaller pull that memory is measured with: two pages."""

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        of = {
            "stream": list(self.kind.connection.streams),
            "paged": sorted(self.kind.paged),
            "linked": sorted(self.kind.paged - self.kind.counted),
            "principal": [self.principal],
        }
        for name, values in of.items():
            if name in metafunc.fixturenames:
                metafunc.parametrize(name, values)

    def test_ten_times_the_records_take_no_more_memory(self, source: Source, principal: str) -> None:
        with FaultProxy(source.url, most=MANY) as proxy:
            proxy.reshape = lambda asked: source.in_small_pages(asked, self.few // 2)
            self._is_flat(source, principal, proxy.url, self.few)

    @pytest.mark.soak
    def test_a_hundred_thousand_records_take_no_more_memory_than_a_tenth(self, source: Source, principal: str) -> None:
        self._is_flat(source, principal, source.url, MANY // 10)

    def _is_flat(self, source: Source, stream: str, url: str, few: int) -> None:
        small = self._grown_to(source, stream, url, few, peak_of(source, stream, url))
        large = self._grown_to(source, stream, url, 10 * few, small)
        limit = MOST_GROWTH * small.allocated + SLACK
        assert large.allocated <= limit, f"{small}, but {large}: more than {limit:.0f} bytes"

    def _grown_to(self, source: Source, stream: str, url: str, count: int, last: Peak) -> Peak:
        """What is there was counted by the last pull."""
        if last.records >= count:
            return last
        source.add(stream, count - last.records)
        peak = peak_of(source, stream, url)
        assert peak.records >= count, f"{peak.records} records of {count} came"
        return peak
