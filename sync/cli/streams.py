"""The streams of a pull as people think of them: one of each source and name, over all scopes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from sync.progress import StreamEvent


def by_stream(events: Iterable[StreamEvent]) -> list[StreamEvent]:
    """The events of each source and stream put together, in the order of their first one."""
    found: dict[tuple[str, str], list[StreamEvent]] = {}
    for event in events:
        found.setdefault((event.source, event.stream), []).append(event)
    return [together(one) for one in found.values()]


def together(events: Sequence[StreamEvent]) -> StreamEvent:
    """One event for several scopes of one stream. A total is known when that of every scope is; the last rate budget counts."""
    totals = [event.total for event in events]
    budgets = [event for event in events if event.remaining is not None]
    states = {event.state for event in events}
    return msgspec.structs.replace(
        budgets[-1] if budgets else events[-1],
        scope=", ".join(event.scope for event in events),
        state="failed" if "failed" in states else states.pop() if len(states) == 1 else "pulling",
        records=sum(event.records for event in events),
        pages=sum(event.pages for event in events),
        changed=sum(event.changed for event in events),
        rejected=sum(event.rejected for event in events),
        deleted=sum(event.deleted for event in events),
        requests=sum(event.requests for event in events),
        seconds=sum(event.seconds for event in events),
        total=sum(total or 0 for total in totals) if None not in totals else None,
        full=all(event.full for event in events),
        error=next((event.error for event in events if event.error), None),
    )
