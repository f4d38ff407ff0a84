"""Follows the jobs of a workspace: newest first, back to where the last pull was, and again those that were under way then.

Azure Resource Manager filters jobs neither by time nor by state, and keeps no time of change. It lists them newest first; where a
listing is in another order, it is read to its end.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple, TypeAlias

import msgspec

from connectors.azureml.api import AzureApi
from connectors.azureml.cursor import MOST_REMEMBERED, OVERLAP, JobsCursor, newest
from connectors.errors import Cancelled
from mappings.azureml_records import SystemData
from mappings.decoding import decoder_for
from mappings.moments import utc

_ENDED = frozenset({"completed", "failed", "canceled"})


class _Properties(msgspec.Struct, rename="camel"):
    display_name: str | None = None
    experiment_name: str | None = None
    status: str | None = None


class JobHead(msgspec.Struct, rename="camel"):
    """As much of a job as decides whether it is wanted, and whether it is read again. A step of another has no properties."""

    name: str
    properties: _Properties | None
    system_data: SystemData | None = None

    @property
    def made(self) -> int:
        """In ms since 1970; 0 where Azure does not say."""
        return _milliseconds(utc(self.system_data.created_at) if self.system_data is not None else None)

    @property
    def is_under_way(self) -> bool:
        return self.properties is not None and (self.properties.status or "").lower() not in _ENDED


class JobPage(NamedTuple):
    """Those jobs of a page that are wanted, with those that make no sense. The last page has the cursor."""

    records: Sequence[msgspec.Raw]
    cursor: JobsCursor | None = None


_Read: TypeAlias = Sequence[tuple[msgspec.Raw, JobHead | None]]
"""A page of jobs, each with what of it could be read."""

_head_decoder = decoder_for(JobHead, strict=False)


def follow_jobs(
    api: AzureApi, cursor: JobsCursor | None, wanted: Callable[[JobHead], bool], stop: threading.Event
) -> Iterator[JobPage]:
    """The wanted jobs that were made or have ended since `cursor`; from None, all of them."""
    state = cursor or JobsCursor()
    memory = _Memory(state)
    floor = None if cursor is None else memory.since - OVERLAP

    def is_news(head: JobHead) -> bool:
        return (floor is None or head.made >= floor or head.name in state.running) and wanted(head)

    for page, answered_at in _pages(api, floor, stop):
        memory.reach(page, answered_at)
        yield JobPage(memory.take(page, is_news))
    for name in sorted(memory.unseen):
        _leave_if_stopped(stop)
        record = api.single("jobs", name)
        if record is not None:
            yield JobPage(memory.take([(record, _head(record))], is_news))
    yield JobPage((), memory.cursor())


class _Memory:
    """What is remembered from one pull to the next. `unseen` are the jobs that were under way and have not been met since."""

    def __init__(self, before: JobsCursor) -> None:
        self._before = before
        self._running = dict(before.running)
        self._ended = dict(before.ended)
        self._began = _now()
        self._latest = 0
        self.unseen = set(before.running)

    @property
    def since(self) -> int:
        """Where the last pull came to. A clock that was ahead then has not read what was made since."""
        return min(self._before.since, self._began)

    def reach(self, page: _Read, answered_at: datetime | None) -> None:
        """Notes how late the latest job was made, wanted or not, and that this pull began before it was answered."""
        self._began = min(self._began, _milliseconds(answered_at) or self._began)
        self._latest = max([self._latest, *(head.made for _, head in page if head is not None)])

    def take(self, page: _Read, wanted: Callable[[JobHead], bool]) -> Sequence[msgspec.Raw]:
        """The records that are wanted, with those that make no sense."""
        for head in (head for _, head in page if head is not None and wanted(head)):
            self.unseen.discard(head.name)
            if head.is_under_way:
                self._running[head.name] = head.made
            else:
                self._running.pop(head.name, None)
                # Those of long ago are not met again, and they may be many.
                if head.made >= self._latest - OVERLAP:
                    self._ended[head.name] = head.made
        self._running, self._ended = _bounded(self._running), _bounded(self._ended)
        return [record for record, head in page if head is None or wanted(head)]

    def cursor(self) -> JobsCursor:
        """What was not met any more was deleted, or is not wanted now."""
        running = {name: made for name, made in self._running.items() if name not in self.unseen}
        # An hour in which very many were made is not listed for ever, only because none was made since.
        since = max(self.since, min(self._latest, self._began), self._began - OVERLAP)
        recent = {name: made for name, made in self._ended.items() if made >= since - OVERLAP}
        return JobsCursor(since=since, running=newest(running), ended=newest(recent))


def _pages(api: AzureApi, floor: int | None, stop: threading.Event) -> Iterator[tuple[_Read, datetime | None]]:
    """The pages back to the first that holds nothing made at `floor` or later, each with when it was answered."""
    newest_first, before = True, None
    for page in api.collection("jobs", listViewType="All"):
        _leave_if_stopped(stop)
        read = [(record, _head(record)) for record in page.value]
        yield read, page.answered_at
        made = [head.made for _, head in read if head is not None and head.made]
        times = made if before is None else [before, *made]
        newest_first = newest_first and times == sorted(times, reverse=True)
        before = times[-1] if times else None
        if floor is not None and newest_first and made and made[-1] < floor:
            return


def _head(record: msgspec.Raw) -> JobHead | None:
    try:
        head = _head_decoder.decode(record)
        return head if head.made >= 0 else None
    except (msgspec.DecodeError, UnicodeError, OverflowError, RecursionError):
        return None


def _bounded(jobs: dict[str, int]) -> dict[str, int]:
    return newest(jobs) if len(jobs) > 2 * MOST_REMEMBERED else jobs


def _leave_if_stopped(stop: threading.Event) -> None:
    if stop.is_set():
        raise Cancelled


def _milliseconds(moment: datetime | None) -> int:
    return 0 if moment is None else int(moment.timestamp() * 1000)


def _now() -> int:
    return time.time_ns() // 1_000_000
