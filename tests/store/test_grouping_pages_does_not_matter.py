"""Pages that are stored together leave the same store behind as the same pages one by one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select

from connectors.base import Batch
from mappings.change import Reading, Slot
from mappings.model import Ref, Rejected, WorkItem
from sync.store import entities
from sync.store.connect import Database
from sync.store.rows import page_rows
from sync.store.schema import entity, membership, quarantine, stream
from sync.store.streams import StreamKey

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)

Record = tuple[int, str, int | None, bool, bool]
"""Number, title, minutes after noon at which it was updated, whether our label is there, whether it is understood."""

record = st.tuples(st.integers(1, 4), st.sampled_from("ab"), st.one_of(st.none(), st.integers(0, 2)), st.booleans(), st.booleans())
page = st.tuples(st.lists(record, max_size=4), st.one_of(st.none(), st.sampled_from("xyz")))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    before=st.lists(page, max_size=2), pages=st.lists(page, max_size=6), sizes=st.lists(st.integers(1, 4), min_size=6, max_size=6)
)
def test_groups_of_pages_are_stored_as_the_pages_one_by_one(
    database: Database,
    key: StreamKey,
    before: list[tuple[list[Record], str | None]],
    pages: list[tuple[list[Record], str | None]],
    sizes: list[int],
) -> None:
    batches = [as_batch(key, *one) for one in pages]
    contents = []
    for groups in ([[batch] for batch in batches], list(grouped(batches, sizes))):
        wipe(database)
        save(database, key, [[as_batch(key, *one) for one in before]], run="run-1")
        save(database, key, groups, run="run-2")
        contents.append(content(database))
    assert contents[0] == contents[1]


def test_a_record_that_was_stored_before_it_was_refused_stays_in_quarantine(database: Database, key: StreamKey) -> None:
    understood, refused = as_batch(key, [(1, "a", 0, False, True)], None), as_batch(key, [(1, "a", 0, False, False)], None)
    save(database, key, [[understood, refused]], run="run-1")
    with database.read() as tx:
        assert tx.execute(select(quarantine.c.id).where(quarantine.c.source == key.source)).scalars().all() == ["1"]
    save(database, key, [[refused, understood]], run="run-2")
    with database.read() as tx:
        assert tx.execute(select(quarantine.c.id).where(quarantine.c.source == key.source)).scalars().all() == []


def grouped(batches: Sequence[Batch], sizes: Sequence[int]) -> Iterator[Sequence[Batch]]:
    start = 0
    for size in sizes:
        if start < len(batches):
            yield batches[start : start + size]
        start += size


def save(database: Database, key: StreamKey, groups: Sequence[Sequence[Batch]], *, run: str) -> None:
    for group in groups:
        with database.write() as tx:
            entities.save_pages(tx, key, [page_rows(page, source=key.source) for page in group], now=NOON, run_id=run)


def as_batch(key: StreamKey, records: Sequence[Record], cursor: str | None) -> Batch:
    items: list[WorkItem] = []
    refused: list[Rejected] = []
    labelled: set[Ref] = set()
    for number, title, minutes, ours, understood in records:
        ref = Ref(key.source, "work_item", str(number))
        if not understood:
            refused.append(Rejected(kind="work_item", id=str(number), reason=f"no sense in {title}"))
            continue
        updated_at = None if minutes is None else NOON + timedelta(minutes=minutes)
        items.append(WorkItem(ref=ref, key=f"ML-{number}", title=title, updated_at=updated_at))
        if ours:
            labelled.add(ref)
    slots = [Reading(slot=Slot(ref, "label", "ml/drift"), value=True) for ref in sorted(labelled)]
    return Batch(entities=items, slots=slots, rejected=refused, cursor=cursor)


def wipe(database: Database) -> None:
    with database.write() as tx:
        for table in (entity, membership, quarantine, stream):
            tx.execute(delete(table))


def content(database: Database) -> list[Any]:
    """Everything that pages leave behind."""
    with database.read() as tx:
        stored = tx.execute(select(entity).order_by(entity.c.id)).all()
        members = tx.execute(select(membership.c.id, membership.c.sweep, membership.c.run_id).order_by(membership.c.id)).all()
        refused = tx.execute(select(quarantine.c.id, quarantine.c.reason).order_by(quarantine.c.id)).all()
        states = tx.execute(select(stream.c.records, stream.c.cursor)).all()
        return [stored, members, refused, states]
