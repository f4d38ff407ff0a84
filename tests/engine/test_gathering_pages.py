"""Pages are stored in groups, and nothing that was read is lost by that."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

import pytest

from connectors.errors import Unavailable
from sync.gather import ENOUGH, LONGEST, gathered
from sync.store.rows import PageRows


def pages(*sizes: int) -> Iterator[PageRows]:
    """Pages of so many records, each with its number as the cursor."""
    for number, size in enumerate(sizes):
        yield PageRows(rows=(), received=size, cursor=str(number))


def cursors(group: Sequence[PageRows]) -> list[str | None]:
    return [page.cursor for page in group]


def still() -> float:
    """A clock that stands."""
    return 0.0


def test_a_group_has_enough_records() -> None:
    groups = gathered(pages(*[ENOUGH // 10] * 25), threading.Event(), clock=still)

    assert [len(group) for group in groups] == [10, 10, 5]


def test_every_page_is_given_once_and_in_order() -> None:
    groups = list(gathered(pages(1, ENOUGH, 0, 3, ENOUGH * 2, 1), threading.Event(), clock=still))

    assert [cursors(group) for group in groups] == [["0", "1"], ["2", "3", "4"], ["5"]]


def test_what_comes_slowly_does_not_wait_for_a_full_group() -> None:
    moments = iter(step * LONGEST * 0.4 for step in range(100))

    groups = list(gathered(pages(*[1] * 9), threading.Event(), clock=lambda: next(moments)))

    assert [len(group) for group in groups] == [3, 3, 3]


def test_nothing_gives_no_group() -> None:
    assert list(gathered(pages(), threading.Event(), clock=still)) == []


def test_a_stop_gives_what_was_read_at_once() -> None:
    stop = threading.Event()
    groups = gathered(pages(1, 1, 1), stop, clock=still)
    stop.set()

    assert cursors(next(groups)) == ["0"]


def test_a_failure_comes_after_what_was_read_before_it() -> None:
    def failing() -> Iterator[PageRows]:
        yield from pages(1, 1)
        raise Unavailable("jira", "no connection")

    groups = gathered(failing(), threading.Event(), clock=still)

    assert cursors(next(groups)) == ["0", "1"]
    with pytest.raises(Unavailable, match="no connection"):
        next(groups)
