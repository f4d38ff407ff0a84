"""Group commit: everything that waits in one transaction, nobody acknowledged before it, nobody forgotten."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.store import inbox
from sync.store.connect import Database
from sync.store.inbox import Arrival
from sync.web.group_commit import GroupCommit, NoRoom
from sync.web.storing import Candidate, storing

PATIENCE = 60.0


class Disk:
    """Takes groups; holds one back while it is closed, and loses those that it is told to."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.taken = threading.Event()
        self.open = threading.Event()
        self.open.set()
        self.lost: set[int] = set()

    def commit(self, items: Sequence[int]) -> Sequence[int]:
        self.taken.set()
        assert self.open.wait(PATIENCE)
        if self.lost & set(items):
            raise OSError("the disk is gone")
        self.groups.append(list(items))
        return [item * 10 for item in items]


def in_a_group_commit(disk: Disk, body: Callable[[GroupCommit[int, int]], object], **limits: int) -> None:
    group = GroupCommit(disk.commit, **limits)
    group.start()
    try:
        asyncio.run(body(group))  # type: ignore[arg-type]  # every body is a coroutine function
    finally:
        disk.open.set()
        assert group.close(PATIENCE)


def test_who_comes_alone_is_stored_alone_and_at_once() -> None:
    disk = Disk()

    async def body(group: GroupCommit[int, int]) -> None:
        assert [await group.put(number, 1) for number in range(3)] == [0, 10, 20]

    in_a_group_commit(disk, body)
    assert disk.groups == [[0], [1], [2]]


def test_what_comes_during_a_transaction_shares_the_next_one() -> None:
    disk = Disk()
    disk.open.clear()

    async def body(group: GroupCommit[int, int]) -> None:
        first = asyncio.create_task(group.put(0, 1))
        await asyncio.to_thread(disk.taken.wait, PATIENCE)
        others = [asyncio.create_task(group.put(number, 1)) for number in range(1, 8)]
        await asyncio.sleep(0)
        assert not any(task.done() for task in (first, *others))
        disk.open.set()
        assert await asyncio.gather(first, *others) == [number * 10 for number in range(8)]

    in_a_group_commit(disk, body, group=5)
    assert disk.groups == [[0], [1, 2, 3, 4, 5], [6, 7]]


def test_a_failed_transaction_fails_for_all_of_it_and_for_nobody_else() -> None:
    disk = Disk()
    disk.open.clear()
    disk.lost = {2}

    async def body(group: GroupCommit[int, int]) -> None:
        first = asyncio.create_task(group.put(0, 1))
        await asyncio.to_thread(disk.taken.wait, PATIENCE)
        others = [asyncio.create_task(group.put(number, 1)) for number in (1, 2, 3)]
        await asyncio.sleep(0)
        disk.open.set()
        assert await first == 0
        found = await asyncio.gather(*others, return_exceptions=True)
        assert [type(one) for one in found] == [OSError] * 3
        assert await group.put(4, 1) == 40

    in_a_group_commit(disk, body)
    assert disk.groups == [[0], [4]]


@pytest.mark.parametrize(("limits", "fits"), [({"capacity": 2}, 2), ({"weight": 10}, 1)])
def test_who_finds_no_room_is_told_at_once_and_nothing_of_it_is_stored(limits: dict[str, int], fits: int) -> None:
    disk = Disk()
    disk.open.clear()

    async def body(group: GroupCommit[int, int]) -> None:
        first = asyncio.create_task(group.put(0, 100))  # what is alone is taken, however large it is
        await asyncio.to_thread(disk.taken.wait, PATIENCE)
        fitting = [asyncio.create_task(group.put(number, 8)) for number in range(1, fits + 1)]
        await asyncio.sleep(0)
        with pytest.raises(NoRoom):
            await group.put(9, 8)
        disk.open.set()
        await asyncio.gather(first, *fitting)

    in_a_group_commit(disk, body, **limits)
    assert [number for group in disk.groups for number in group] == list(range(fits + 1))


def test_who_gave_up_waiting_may_be_stored_all_the_same() -> None:
    disk = Disk()
    disk.open.clear()

    async def body(group: GroupCommit[int, int]) -> None:
        impatient = asyncio.create_task(group.put(1, 1))
        await asyncio.to_thread(disk.taken.wait, PATIENCE)
        impatient.cancel()
        await asyncio.gather(impatient, return_exceptions=True)
        disk.open.set()
        assert await group.put(2, 1) == 20

    in_a_group_commit(disk, body)
    assert disk.groups == [[1], [2]]


def test_at_the_end_everything_that_waits_is_stored_and_nothing_more_is_taken() -> None:
    disk = Disk()
    disk.open.clear()

    async def body(group: GroupCommit[int, int]) -> None:
        waiting = [asyncio.create_task(group.put(number, 1)) for number in range(4)]
        await asyncio.to_thread(disk.taken.wait, PATIENCE)
        assert not group.close(0.0)  # it hangs, and whoever ends the process does not
        with pytest.raises(NoRoom):
            await group.put(9, 1)
        disk.open.set()
        assert await asyncio.gather(*waiting) == [0, 10, 20, 30]

    in_a_group_commit(disk, body)
    assert sorted(number for group in disk.groups for number in group) == [0, 1, 2, 3]


@given(groups=st.lists(st.lists(st.integers(0, 5), min_size=1, max_size=6), min_size=1, max_size=5), size=st.integers(1, 4))
def test_whatever_comes_together_each_is_answered_with_what_was_stored_of_it(groups: list[list[int]], size: int) -> None:
    disk = Disk()

    async def body(group: GroupCommit[int, int]) -> None:
        for items in groups:
            assert await asyncio.gather(*(group.put(item, 1) for item in items)) == [item * 10 for item in items]

    in_a_group_commit(disk, body, group=size)
    assert [item for group in disk.groups for item in group] == [item for group in groups for item in group]


def surely(*arrivals: Arrival) -> list[Candidate]:
    return [Candidate(one, matters=True) for one in arrivals]


def test_of_the_same_delivery_twice_in_one_group_one_is_new(database: Database) -> None:
    woken: list[str] = []
    one = Arrival(source="github", delivery="a", event="issues", body=b"1")
    other = Arrival(source="jira", delivery="a", event="issues", body=b"2")
    store = storing(database, {}, woken.append)

    assert store(surely(one, one, other)) == ["accepted", "duplicate", "accepted"]
    assert store(surely(other, one)) == ["duplicate", "duplicate"]
    assert sorted(woken) == ["github", "jira"]
    with database.read() as tx:
        assert [(kept.source, kept.delivery) for kept in inbox.listing(tx, states=["waiting"])] == [("jira", "a"), ("github", "a")]


def test_what_is_stored_is_acknowledged_though_nobody_could_be_woken(database: Database) -> None:
    def broken(_: str) -> None:
        raise RuntimeError("nobody there")

    one = Arrival(source="github", delivery="a", event="issues", body=b"1")
    assert storing(database, {}, broken)(surely(one)) == ["accepted"]
