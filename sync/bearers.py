"""Which tickets a key names: what bears it now goes before what bore it earlier, as an issue does that was moved."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from mappings.model import WorkItem


def bearers(items: Iterable[WorkItem]) -> Mapping[tuple[str, str], Sequence[WorkItem]]:
    """By source and upper-cased key: whichever items bear it now, or else those that bore it before."""
    now: dict[tuple[str, str], list[WorkItem]] = {}
    before: dict[tuple[str, str], list[WorkItem]] = {}
    for item in items:
        now.setdefault((item.ref.source, item.key.upper()), []).append(item)
        for key in {former.upper() for former in item.former_keys}:
            before.setdefault((item.ref.source, key), []).append(item)
    return before | now


def sole_bearers(items: Iterable[WorkItem]) -> Mapping[tuple[str, str], WorkItem]:
    """Of those keys, the ones that name a single item."""
    return {place: found[0] for place, found in bearers(items).items() if len(found) == 1}
