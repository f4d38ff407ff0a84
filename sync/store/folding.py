"""Which of two documents of one object counts: pure, and so that within one run the order of arrival does not matter.

A later run's answer wins over an earlier run's, whatever their stamps say: clocks are set back, tickets are imported with times to
come, and what is wrong once must not stay so. Within one run the newer `updated_at` wins; at equal times, or where a source has
none, the greater content hash does, which means nothing, but is the same whatever comes first.

What somebody else stored since the run began to read a listing may have been read later than the page at hand: there only a newer
`updated_at` wins.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

from sync.store.rows import EntityRow

_NO_CLOCK = 1 << 63


class Stored(NamedTuple):
    """What the store holds of one object: `changed_at` its row was written, or confirmed by a direct read; people call it `key`;
    `sweep` and `run_id` of its membership in the stream at hand, if it is a member."""

    hash: bytes
    updated_at: int | None
    slots: bytes | None
    deleted_at: int | None
    missing_since: int | None
    changed_at: int
    key: str
    sweep: int | None
    run_id: str | None


Verdict = Literal["replace", "mirror", "same", "stale"]
"""`replace` the document, `mirror` only the slots, nothing to do (`same`), or what came is older than what is there (`stale`)."""


def latest(rows: Iterable[EntityRow]) -> list[EntityRow]:
    """One row an object, sorted by identity, so that concurrent writers lock rows in the same order."""
    best: dict[tuple[str, str, str], EntityRow] = {}
    for row in rows:
        identity = row[:3]
        other = best.get(identity)
        if other is None or _rank(row.updated_at, row.hash, row.slots) > _rank(other.updated_at, other.hash, other.slots):
            best[identity] = row
    return [best[identity] for identity in sorted(best)]


def compare(row: EntityRow, stored: Stored, *, same_run: bool, meanwhile: bool = False) -> Verdict:
    """What to do about `row`. `same_run`: what is stored was seen in this very run; `meanwhile`: somebody else stored it since this
    run began to read the listing."""
    if row.hash == stored.hash and row.slots == stored.slots:
        return "same"
    if same_run and _rank(row.updated_at, row.hash, row.slots) <= _rank(stored.updated_at, stored.hash, stored.slots):
        return "stale"
    if meanwhile and not same_run and not _is_newer(row.updated_at, stored.updated_at):
        return "stale"
    return "mirror" if row.hash == stored.hash else "replace"


def compare_direct(row: EntityRow, stored: Stored) -> Verdict:
    """What to do about `row`, which was read by itself after what is stored was stored: unless its `updated_at` is older, as where
    the source answers from a copy that lags behind."""
    if row.hash == stored.hash and row.slots == stored.slots:
        return "same"
    if _is_newer(stored.updated_at, row.updated_at):
        return "stale"
    return "mirror" if row.hash == stored.hash else "replace"


def _is_newer(updated_at: int | None, other: int | None) -> bool:
    return updated_at is not None and other is not None and updated_at > other


def _rank(updated_at: int | None, digest: bytes, slots: bytes | None) -> tuple[int, bytes, bytes]:
    return (_NO_CLOCK if updated_at is None else updated_at, digest, slots or b"")
