"""Listings that come in pages: they end, nothing that was there all the time is lost, and only a whole one is called complete."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection

import pytest

from connectors.conformance.desk import Desk, Suite
from connectors.conformance.faults import records_in, refuses, says_instead, with_records
from connectors.conformance.proxy import Answer, Asked, Forward
from connectors.errors import AuthError
from mappings.model import Missing, Ref


class Recorder:
    """Keeps the first answers of a listing, to play them again."""

    def __init__(self, keep: int) -> None:
        self._keep = keep
        self._kept: list[Answer] = []
        self._next = 0
        self._lock = threading.Lock()

    def __call__(self, _asked: Asked, forward: Forward) -> Answer:
        with self._lock:
            if len(self._kept) < self._keep:
                self._kept.append(forward())
                return self._kept[-1]
            self._next += 1
            return self._kept[(self._next - 1) % self._keep]


class Paging(Suite):
    @pytest.mark.parametrize("cycle", [1, 2, 3])
    def test_pages_that_repeat_are_an_error_and_no_endless_loop(self, desk: Desk, paged: str, cycle: int) -> None:
        desk.in_small_pages()
        desk.fill(paged, cycle)
        desk.fault(paged, Recorder(cycle))
        pulled = desk.pull(paged)
        assert not pulled.complete, f"the same pages again and again, and the pull says that it is complete: {pulled}"
        assert pulled.error is not None, f"the same pages again and again, and no error: {pulled}"

    def test_an_empty_page_is_not_the_end(self, desk: Desk, paged: str) -> None:
        desk.in_small_pages()
        desk.fill(paged, 2)
        everything = desk.all_of(paged)
        dropped: list[object] = []

        def emptied(_asked: Asked, forward: Forward) -> Answer:
            answer = forward()
            dropped.extend(records_in(answer.json()) or [])
            return answer.saying(with_records(answer.json(), lambda _records: []))

        desk.fault(paged, emptied, times=1, after=1)
        pulled = desk.pull(paged)
        assert dropped, "the second page was not asked for: Source.add must make more than two pages of two"
        if pulled.error is None:
            lost = everything - pulled.refs
            assert len(lost) <= len(dropped), f"of a listing with an empty page in it {len(lost)} were not read: {pulled}"
        assert pulled.error is None or not pulled.complete, f"an error after complete=True: {pulled}"

    def test_records_that_come_twice_do_no_harm(self, desk: Desk, linked: str) -> None:
        desk.in_small_pages()
        everything = desk.all_of(linked)
        first: list[object] = []

        def again(document: object) -> object:
            first.extend((records_in(document) or [])[: 1 - len(first)])
            return with_records(document, lambda records: [*first, *records, *first])

        desk.fault(linked, says_instead(again))
        pulled = desk.pull(linked)
        assert pulled.error is None, f"a record that comes twice ended the pull: {pulled}"
        assert pulled.refs == everything, f"lost: {everything - pulled.refs}, invented: {pulled.refs - everything}"

    def test_credentials_that_expire_on_the_way_lose_nothing(self, desk: Desk, paged: str) -> None:
        desk.in_small_pages()
        desk.fill(paged, 2)
        everything = desk.all_of(paged)
        desk.fault(paged, refuses(401), after=2)
        pulled = desk.pull(paged)
        assert type(pulled.error) is AuthError, f"expected AuthError: {pulled}"
        assert not pulled.complete, f"half a listing says that it is complete: {pulled}"
        desk.proxy.heal()
        rest = desk.pull(paged, pulled.cursor)
        assert rest.error is None, f"once renewed, the pull does not go on: {rest}"
        assert pulled.refs | rest.refs >= everything, f"lost: {everything - pulled.refs - rest.refs}"

    def test_nothing_is_lost_when_records_are_added_meanwhile(self, desk: Desk, paged: str) -> None:
        desk.in_small_pages()
        everything = desk.all_of(paged)
        self._is_kept(desk, paged, everything, lambda: desk.source.add(paged, 1))

    def test_nothing_is_lost_when_records_go_meanwhile(self, desk: Desk, paged: str) -> None:
        """A record of the first page goes once that page was read: all that follow move up."""
        desk.in_small_pages()
        listed = [entity.ref for entity in desk.pull(paged).entities]
        everything = desk.all_of(paged)
        gone: set[Ref] = set()

        def remove() -> None:
            gone.update([next((ref for ref in listed if desk.source.remove(ref)), listed[0])])

        self._is_kept(desk, paged, everything, remove, gone)

    def _is_kept(
        self, desk: Desk, stream: str, there: set[Ref], change: Callable[[], None], gone: Collection[Ref] = frozenset()
    ) -> None:
        """`change` is made on the server between the first page and the next. `gone` is what it takes away."""

        def changing(_asked: Asked, forward: Forward) -> Answer:
            answer = forward()
            change()
            return answer

        desk.fault(stream, changing, times=1)
        pulled = desk.pull(stream)
        assert pulled.error is None, f"a listing that changes meanwhile ended the pull: {pulled}"
        lost = there - pulled.refs - set(gone)
        if not lost or not pulled.complete:
            return
        assert stream in desk.source.connection.sweeps, f"lost, and a cursor goes past it: {lost}"
        # What a sweep did not show is asked for directly before it is called deleted.
        with desk.reader() as reader:
            answers = desk.read(reader, sorted(lost))
        assert not [answer for answer in answers if isinstance(answer, Missing)], f"it is there, and is called missing: {answers}"
