"""One transaction for all that wait: a commit to disk costs as much for a hundred deliveries as for one."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")
R = TypeVar("R")

CAPACITY = 1_000
"""So many may wait for the transaction after the present one."""

WEIGHT = 128 * 1024 * 1024
"""They may hold so many bytes together."""

GROUP = 256
"""So many go into one transaction, so that none takes long."""


class NoRoom(Exception):
    """Too many are waiting already, or the process is about to end. Nothing was taken; try again later."""


class _Waiting(NamedTuple, Generic[T, R]):
    item: T
    weight: int
    answer: asyncio.Future[R]


class GroupCommit(Generic[T, R]):
    """Passes what comes to `commit`, in order and in groups, in a thread of its own.

    `commit` returns one result for each item once all of them are durable, or raises and has stored none. It is called as soon as
    there is an item and the call before has returned: nobody waits for a group to become larger.
    """

    def __init__(
        self, commit: Callable[[Sequence[T]], Sequence[R]], *, capacity: int = CAPACITY, weight: int = WEIGHT, group: int = GROUP
    ) -> None:
        self._commit = commit
        self._capacity, self._weight, self._group = capacity, weight, group
        self._waiting: deque[_Waiting[T, R]] = deque()
        self._held = 0
        self._closing = False
        self._changed = threading.Condition()
        # A transaction that hangs must not keep the process from ending: nothing in it was acknowledged.
        self._thread = threading.Thread(target=self._work, daemon=True, name="group-commit")

    def start(self) -> None:
        """Begins to commit what comes; what came before waits until then. Call it once."""
        self._thread.start()

    async def put(self, item: T, weight: int) -> R:
        """The result for `item`, once it is durable; what its transaction raised otherwise. Raises `NoRoom`.

        A caller that gives up waiting takes nothing back: the item may be stored all the same.
        """
        answer: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        with self._changed:
            full = len(self._waiting) >= self._capacity or (self._waiting and self._held + weight > self._weight)
            if self._closing or full:
                raise NoRoom
            self._waiting.append(_Waiting(item, weight, answer))
            self._held += weight
            self._changed.notify()
        return await answer

    def close(self, patience: float) -> bool:
        """Takes no more, and stores what is waiting. False when that did not end within `patience` seconds."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread.ident is not None:
            self._thread.join(patience)
        return not self._thread.is_alive()

    def _work(self) -> None:
        while group := self._next():
            try:
                results = self._commit([one.item for one in group])
            except Exception as error:
                _answer([(one.answer, error) for one in group])
            else:
                _answer([(one.answer, result) for one, result in zip(group, results, strict=True)])

    def _next(self) -> Sequence[_Waiting[T, R]]:
        """The next group; empty when there will be none."""
        with self._changed:
            while not self._waiting and not self._closing:
                self._changed.wait()
            group = [self._waiting.popleft() for _ in range(min(self._group, len(self._waiting)))]
            self._held -= sum(one.weight for one in group)
            return group


def _answer(answers: Sequence[tuple[asyncio.Future[R], R | Exception]]) -> None:
    """In the thread of whoever waits, all at once. Where nobody does any more, nobody is told."""
    with suppress(RuntimeError):  # the loop has ended, and with it everybody who waited
        answers[0][0].get_loop().call_soon_threadsafe(_settle, answers)


def _settle(answers: Sequence[tuple[asyncio.Future[R], R | Exception]]) -> None:
    for future, answer in answers:
        if future.done():
            continue
        if isinstance(answer, Exception):
            future.set_exception(answer)
        else:
            future.set_result(answer)
