"""Follows the jobs of a workspace: newest first, back to where the last pull was, and again those that were under way then.

Azure Resource Manager filters jobs neither by time nor by state, and keeps no time of change. It lists them newest first; where a
listing is in another order, it is read to its end.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from connectors.azureml.api import AzureApi
from connectors.azureml.cursor import OVERLAP, JobsCursor
from connectors.errors import Cancelled
from mappings.azureml import utc
from mappings.azureml_records import SystemData

_ENDED = frozenset({"completed", "failed", "canceled"})


class _Properties(msgspec.Struct, rename="camel"):
    display_name: str | None = None
    experiment_name: str | None = None
    status: str | None = None


class JobHead(msgspec.Struct, rename="camel"):
    """As much of a job as decides whether it is wanted, and whether it is read again."""

    name: str
    properties: _Properties
    system_data: SystemData | None = None

    @property
    def made(self) -> int:
        """In ms since 1970; 0 where Azure does not say."""
        return _milliseconds(utc(self.system_data.created_at) if self.system_data is not None else None)

    @property
    def is_under_way(self) -> bool:
        return (self.properties.status or "").lower() not in _ENDED


class JobPage(NamedTuple):
    """Those jobs of a page that are wanted, with those that make no sense. The last page has the cursor."""

    records: Sequence[msgspec.Raw]
    cursor: JobsCursor | None = None


_head_decoder = msgspec.json.Decoder(JobHead, strict=False)


def follow_jobs(
    api: AzureApi, cursor: JobsCursor | None, wanted: Callable[[JobHead], bool], stop: threading.Event
) -> Iterator[JobPage]:
    """The wanted jobs that were made or have ended since `cursor`; from None, all of them."""
    state = cursor or JobsCursor()
    running, unseen, latest = dict(state.running), set(state.running), 0
    for records in _pages(api, None if cursor is None else cursor.since - OVERLAP, stop):
        kept, heads = _wanted(records, wanted)
        latest = max([latest, *(head.made for head in heads)])
        unseen -= _note(heads, running)
        yield JobPage(kept)
    for name in sorted(unseen):
        _leave_if_stopped(stop)
        record = api.single("jobs", name)
        kept, heads = _wanted([record] if record is not None else [], wanted)
        unseen -= _note(heads, running)
        yield JobPage(kept)
    # What was not found any more was deleted, or is not wanted now.
    running = {name: made for name, made in running.items() if name not in unseen}
    yield JobPage((), state.remembering(min(latest, _now()), running))


def _pages(api: AzureApi, floor: int | None, stop: threading.Event) -> Iterator[Sequence[msgspec.Raw]]:
    """The pages back to the first that holds nothing made at `floor` or later."""
    newest_first, before = True, None
    for page in api.collection("jobs", listViewType="All"):
        _leave_if_stopped(stop)
        yield page.value
        made = [head.made for head in map(_head, page.value) if head is not None and head.made]
        times = made if before is None else [before, *made]
        newest_first = newest_first and times == sorted(times, reverse=True)
        before = times[-1] if times else None
        if floor is not None and newest_first and made and made[-1] < floor:
            return


def _wanted(records: Sequence[msgspec.Raw], wanted: Callable[[JobHead], bool]) -> tuple[list[msgspec.Raw], list[JobHead]]:
    read = [(record, _head(record)) for record in records]
    heads = [head for _, head in read if head is not None and wanted(head)]
    return [record for record, head in read if head is None or wanted(head)], heads


def _head(record: msgspec.Raw) -> JobHead | None:
    try:
        head = _head_decoder.decode(record)
        return head if head.made >= 0 else None
    except (msgspec.DecodeError, UnicodeError, OverflowError, RecursionError):
        return None


def _note(heads: Sequence[JobHead], running: dict[str, int]) -> set[str]:
    """Brings `running` up to date with these jobs. Their names."""
    for head in heads:
        if head.is_under_way:
            running[head.name] = head.made
        else:
            running.pop(head.name, None)
    return {head.name for head in heads}


def _leave_if_stopped(stop: threading.Event) -> None:
    if stop.is_set():
        raise Cancelled


def _milliseconds(moment: datetime | None) -> int:
    return 0 if moment is None else int(moment.timestamp() * 1000)


def _now() -> int:
    return time.time_ns() // 1_000_000
