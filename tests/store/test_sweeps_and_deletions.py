"""Full listings show what is gone, and nothing else does: missing data is not deletion."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import msgspec

from connectors.base import Batch
from mappings.model import Ref, Rejected, WorkItem
from sync.store import entities, streams
from sync.store.connect import Database
from sync.store.entities import Saved
from sync.store.streams import StreamKey

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
Later = Callable[[int], datetime]


def item(key: StreamKey, number: int) -> WorkItem:
    return WorkItem(ref=Ref(key.source, "work_item", str(number)), key=f"ML-{number}")


def save(database: Database, key: StreamKey, *numbers: int, rejected: tuple[str, ...] = (), run: str = "run-1") -> Saved:
    bad = [Rejected(kind="work_item", id=ident, reason="odd") for ident in rejected]
    with database.write() as tx:
        batch = Batch(entities=[item(key, number) for number in numbers], rejected=bad)
        return entities.save_batch(tx, key, batch, now=NOON, run_id=run)


def sweep(database: Database, key: StreamKey, *numbers: int, rejected: tuple[str, ...] = (), run: str = "run-1") -> list[str]:
    """Lists `numbers` anew, and returns the ids of the candidates for deletion."""
    with database.write() as tx:
        streams.begin_sweep(tx, key, NOON)
    save(database, key, *numbers, rejected=rejected, run=run)
    with database.read() as tx:
        return [ref.id for ref in entities.seen_before_sweep(tx, key)]


def test_a_stream_opens_once_and_remembers_how_far_it_came(database: Database, key: StreamKey, later: Later) -> None:
    with database.write() as tx:
        opened = streams.open_stream(tx, key)
        assert streams.open_stream(tx, key) == opened
        assert (opened.cursor, opened.sweep, opened.complete_at) == (None, 0, None)
        begun = streams.begin_sweep(tx, key, NOON)
        assert streams.open_stream(tx, key) == begun
        entities.save_batch(tx, key, Batch(entities=[item(key, 1)], cursor="c1"), now=NOON, run_id="r")
        streams.finish(tx, key, complete=True, now=later(1))
    with database.read() as tx:
        (state,) = streams.states(tx, [key])
    assert (state.cursor, state.sweep, state.sweep_started_at, state.records) == ("c1", 1, NOON, 1)
    assert (state.complete_at, state.pulled_at) == (later(1), later(1))
    with database.write() as tx:
        streams.finish(tx, key, complete=False, now=later(2))
        streams.fail(tx, key, "the network\0 is down", later(3))
        assert streams.begin_sweep(tx, key, later(4)).cursor is None
    with database.read() as tx:
        (state,) = streams.states(tx, [key])
    assert (state.complete_at, state.pulled_at, state.failed_at) == (later(1), later(2), later(3))
    assert (state.error, state.sweep, state.records, state.cursor) == ("the network\ufffd is down", 2, 0, None)


def test_states_come_in_the_order_asked_for_and_only_of_known_streams(
    database: Database, fresh_key: Callable[[], StreamKey]
) -> None:
    one, two, unknown = fresh_key(), fresh_key(), fresh_key()
    with database.write() as tx:
        streams.open_stream(tx, one)
        streams.open_stream(tx, two)
        assert [state.key for state in streams.states(tx, [two, unknown, one, two])] == [two, one]
        assert streams.states(tx, []) == []


def test_what_a_listing_no_longer_has_is_a_candidate(database: Database, key: StreamKey) -> None:
    assert sweep(database, key, 1, 2, 3) == []
    assert sweep(database, key, 2, run="run-2") == ["1", "3"]
    assert save(database, key, 3, run="run-2") == Saved(same=1)
    with database.read() as tx:
        assert entities.seen_before_sweep(tx, key) == [item(key, 1).ref]


def test_a_record_that_is_not_understood_is_there_all_the_same(database: Database, key: StreamKey) -> None:
    sweep(database, key, 1, 2)
    assert sweep(database, key, 1, rejected=("2", "\0", "never seen")) == []


def test_an_incremental_pull_makes_nothing_a_candidate(database: Database, key: StreamKey) -> None:
    sweep(database, key, 1, 2)
    save(database, key, 3, run="run-2")
    with database.read() as tx:
        assert entities.seen_before_sweep(tx, key) == []
        assert entities.count_members(tx, key) == 3


def test_what_is_deleted_stays_out_until_it_is_seen_again(database: Database, key: StreamKey, later: Later) -> None:
    sweep(database, key, 1, 2)
    gone = item(key, 1)
    with database.write() as tx:
        entities.tombstone(tx, [], later(1))
        entities.tombstone(tx, [gone.ref], later(1))
        assert entities.load(tx, [key]) == [item(key, 2)]
        assert entities.get(tx, [gone.ref]) == entities.find(tx, "ML-1") == []
        assert entities.count_members(tx, key) == 1
    assert sweep(database, key, 2) == []
    assert save(database, key, 1, run="run-2") == Saved(changed=1)
    with database.read() as tx:
        assert entities.load(tx, [key]) == [gone, item(key, 2)]


def test_a_deletion_can_be_undone(database: Database, key: StreamKey, later: Later) -> None:
    sweep(database, key, 1)
    ref = item(key, 1).ref
    with database.write() as tx:
        entities.tombstone(tx, [ref], later(1))
        entities.restore(tx, [ref], later(2))
        assert entities.load(tx, [key]) == [item(key, 1)]


def test_missing_is_not_deleted_and_ends_when_it_is_seen(database: Database, key: StreamKey, later: Later) -> None:
    sweep(database, key, 1, 2)
    ref = item(key, 1).ref
    with database.write() as tx:
        entities.mark_missing(tx, [ref], later(1))
        entities.mark_missing(tx, [ref], later(2))
        assert entities.missing(tx, [key]) == {ref: later(1)}
        assert len(entities.load(tx, [key])) == 2
        entities.save_direct(tx, [item(key, 1)], now=later(3))
        assert entities.missing(tx, [key]) == {}


def test_leaving_a_scope_is_not_deletion(database: Database, key: StreamKey) -> None:
    sweep(database, key, 1, 2)
    with database.write() as tx:
        entities.leave_scope(tx, key, [item(key, 1).ref])
        assert entities.load(tx, [key]) == [item(key, 2)]
        assert entities.get(tx, [item(key, 1).ref]) == [item(key, 1)]
    assert sweep(database, key, 2) == []


def test_older_mapping_versions_go_once_the_present_one_is_complete(database: Database, key: StreamKey) -> None:
    newer = msgspec.structs.replace(key, mapping_version=2)
    other = msgspec.structs.replace(key, scope_hash="another")
    for one in (key, other):
        sweep(database, one, 1)
    sweep(database, newer, 1)
    with database.write() as tx:
        assert {state.key for state in streams.drop_obsolete(tx, newer)} == {key, newer, other}
        streams.finish(tx, newer, complete=True, now=NOON)
        assert {state.key for state in streams.drop_obsolete(tx, newer)} == {newer, other}
        assert [state.key for state in streams.states(tx, [key, newer, other])] == [newer, other]
        assert entities.load(tx, [key]) == []
        assert entities.load(tx, [newer]) == entities.load(tx, [other]) == [item(key, 1)]
        assert entities.count_members(tx, other) == 1
