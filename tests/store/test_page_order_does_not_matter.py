"""Any order and repetition of one run's pages gives the same store, whatever it held before."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select

from connectors.base import Batch
from mappings.change import Reading, Slot
from mappings.model import Ref, WorkItem
from sync.store import entities
from sync.store.connect import Database
from sync.store.schema import entity as entity_table
from sync.store.schema import membership
from sync.store.streams import StreamKey

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)

Record = tuple[int, str, int | None, bool]
"""Number, title, minutes after noon at which it was updated, whether our label is there."""

record = st.tuples(st.integers(1, 3), st.sampled_from("abc"), st.one_of(st.none(), st.integers(0, 2)), st.booleans())
pages = st.lists(st.lists(record, max_size=4), max_size=4)


@st.composite
def reordered(draw: st.DrawFn) -> tuple[list[list[Record]], list[list[Record]]]:
    """Pages, and the same pages in another order, some of them twice."""
    some = draw(pages)
    repeated = some + (draw(st.lists(st.sampled_from(some), max_size=3)) if some else [])
    return some, [draw(st.permutations(page)) for page in draw(st.permutations(repeated))]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=pages, both=reordered())
def test_any_order_and_repetition_of_pages_gives_the_same_store(
    database: Database,
    key: StreamKey,
    before: list[list[Record]],
    both: tuple[list[list[Record]], list[list[Record]]],
) -> None:
    contents = []
    for found in both:
        wipe(database)
        save_all(database, key, before, run="run-1")
        save_all(database, key, found, run="run-2")
        contents.append(content(database, key))
    assert contents[0] == contents[1]


def wipe(database: Database) -> None:
    """Contents must be of the same objects, whose content hashes decide between equals: so not of a second source."""
    with database.write() as tx:
        tx.execute(delete(entity_table))
        tx.execute(delete(membership))


def save_all(database: Database, key: StreamKey, found: Sequence[Sequence[Record]], *, run: str) -> None:
    with database.write() as tx:
        for page in found:
            entities.save_batch(tx, key, batch(key, page), now=NOON, run_id=run)


def batch(key: StreamKey, page: Sequence[Record]) -> Batch:
    """Records of a page as a connector would give them: one reading of the slots a page and object."""
    items: list[WorkItem] = []
    slots: dict[Ref, bool] = {}
    for number, title, minutes, labelled in page:
        ref = Ref(key.source, "work_item", str(number))
        updated_at = None if minutes is None else NOON + timedelta(minutes=minutes)
        items.append(WorkItem(ref=ref, key=f"ML-{number}", title=title, updated_at=updated_at))
        slots[ref] = slots.get(ref, False) or labelled
    readings = [Reading(slot=Slot(ref, "label", "ml/drift"), value=True) for ref, labelled in sorted(slots.items()) if labelled]
    return Batch(entities=items, slots=readings)


def content(database: Database, key: StreamKey) -> list[Any]:
    """Everything that is stored of one stream."""
    with database.read() as tx:
        rows = tx.execute(select(entity_table).order_by(entity_table.c.id)).all()
        members = tx.execute(select(membership.c.id, membership.c.sweep).order_by(membership.c.id)).all()
        return [rows, members, entities.load(tx, [key])]
