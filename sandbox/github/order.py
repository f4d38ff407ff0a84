"""Rows kept in order while they change, so that a page of a long list costs no sorting."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort

Row = tuple[int, int]
"""A sort key and the number of the issue that has it. Times are keys as seconds since the epoch."""


class Ordered:
    """Numbers in the order of their keys; equal keys in the order of the numbers."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self._keys: dict[int, int] = {}

    def place(self, number: int, key: int) -> None:
        """Puts `number` where `key` belongs, from wherever it was."""
        if self._keys.get(number) == key:
            return
        self.remove(number)
        self._keys[number] = key
        insort(self.rows, (key, number))

    def remove(self, number: int) -> None:
        key = self._keys.pop(number, None)
        if key is not None:
            del self.rows[bisect_left(self.rows, (key, number))]

    def since(self, key: int) -> list[Row]:
        return self.rows[bisect_left(self.rows, (key,)) :]


def page_after(rows: list[Row], cursor: Row, count: int, *, descending: bool) -> list[Row]:
    """The `count` rows that follow `cursor` in this direction; the row itself may have moved or gone."""
    if descending:
        end = bisect_left(rows, cursor)
        return rows[max(0, end - count) : end][::-1]
    start = bisect_right(rows, cursor)
    return rows[start : start + count]


def page_at(rows: list[Row], offset: int, count: int, *, descending: bool) -> list[Row]:
    """`count` rows of the list in this direction, after the first `offset`."""
    if descending:
        end = max(0, len(rows) - offset)
        return rows[max(0, end - count) : end][::-1]
    return rows[offset : offset + count]
