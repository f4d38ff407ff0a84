"""A work item whose key changes goes on being known by the keys that it bore before."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from sqlalchemy import event, select

from connectors.base import Batch
from mappings.model import Commit, Entity, Ref, WorkItem, encode
from sync.store import entities, former_keys, prune
from sync.store.connect import Database
from sync.store.schema import entity as entity_table
from sync.store.schema import former_key
from sync.store.streams import StreamKey

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def item(key: StreamKey, name: str, ident: str = "1", *, minutes: int = 0) -> WorkItem:
    return WorkItem(ref=Ref(key.source, "work_item", ident), key=name, updated_at=NOON + timedelta(minutes=minutes))


def save(database: Database, key: StreamKey, *found: Entity, run: str = "run-1") -> None:
    with database.write() as tx:
        entities.save_batch(tx, key, Batch(entities=found), now=NOON, run_id=run)


def read_directly(database: Database, *found: Entity) -> None:
    with database.write() as tx:
        entities.save_direct(tx, found, now=NOON)


def known_as(database: Database, key: StreamKey) -> dict[str, tuple[str, ...]]:
    """The former keys of the scope's items, by their present ones."""
    with database.read() as tx:
        loaded = former_keys.filled_in(tx, entities.load(tx, [key]))
    return {one.key: one.former_keys for one in loaded if isinstance(one, WorkItem)}


def test_each_key_that_a_listing_or_a_direct_read_replaces_is_remembered(database: Database, key: StreamKey) -> None:
    save(database, key, item(key, "ML-1"), item(key, "ML-2", "2"))
    assert known_as(database, key) == {"ML-1": (), "ML-2": ()}
    save(database, key, item(key, "OPS-7", minutes=1), item(key, "ML-2", "2", minutes=1))
    assert known_as(database, key) == {"OPS-7": ("ML-1",), "ML-2": ()}
    read_directly(database, item(key, "LOAN-3", minutes=2))
    assert known_as(database, key) == {"LOAN-3": ("ML-1", "OPS-7"), "ML-2": ()}


def test_what_was_moved_back_bears_its_key_and_bore_the_other(database: Database, key: StreamKey) -> None:
    for minutes, name in enumerate(("ML-1", "OPS-7", "ML-1", "OPS-7", "ML-1")):
        save(database, key, item(key, name, minutes=minutes), run=f"run-{minutes}")
    assert known_as(database, key) == {"ML-1": ("OPS-7",)}


def test_a_key_that_another_item_of_the_source_bears_now_is_nobodys_former_one(database: Database, key: StreamKey) -> None:
    elsewhere = StreamKey(source=key.source, stream="issues", scope_hash="another", mapping_version=1)
    save(database, key, item(key, "ML-1"))
    save(database, key, item(key, "OPS-7", minutes=1))
    save(database, elsewhere, item(key, "ML-1", "2"))
    assert known_as(database, key) == {"OPS-7": ()}


def test_the_same_key_in_another_case_is_no_other_key(database: Database, key: StreamKey) -> None:
    save(database, key, item(key, "Example/Churn#5"))
    save(database, key, item(key, "example/churn#5", minutes=1))
    assert known_as(database, key) == {"example/churn#5": ()}


def test_what_is_older_than_what_is_stored_changes_no_key(database: Database, key: StreamKey) -> None:
    save(database, key, item(key, "OPS-7", minutes=1))
    save(database, key, item(key, "ML-1"))
    assert known_as(database, key) == {"OPS-7": ()}


def test_former_keys_survive_deletion_and_leaving_the_scope(database: Database, key: StreamKey) -> None:
    save(database, key, item(key, "ML-1"))
    save(database, key, item(key, "OPS-7", minutes=1))
    moved = [Ref(key.source, "work_item", "1")]
    with database.write() as tx:
        entities.tombstone(tx, moved, NOON)
    assert known_as(database, key) == {}
    with database.write() as tx:
        entities.restore(tx, moved, NOON)
    assert known_as(database, key) == {"OPS-7": ("ML-1",)}
    with database.write() as tx:
        entities.leave_scope(tx, key, moved)
    read_directly(database, item(key, "LOAN-3", minutes=2))
    save(database, key, item(key, "ML-9", minutes=3))
    assert known_as(database, key) == {"ML-9": ("LOAN-3", "ML-1", "OPS-7")}


def test_a_tombstone_that_is_dropped_takes_them_along(database: Database, key: StreamKey) -> None:
    for name, ident in (("ML-1", "1"), ("ML-2", "2")):
        save(database, key, item(key, name, ident))
        save(database, key, item(key, f"OPS-{ident}", ident, minutes=1))
    with database.write() as tx:
        entities.tombstone(tx, [Ref(key.source, "work_item", "1")], NOON)
        assert prune.tombstones(tx, NOON + timedelta(days=1)) == 1
        assert tx.execute(select(former_key.c.id, former_key.c.key)).all() == [("2", "ml-2")]


def test_documents_and_their_hashes_know_nothing_of_it(database: Database, key: StreamKey) -> None:
    after = item(key, "OPS-7", minutes=1)
    assert b"former" not in encode(after)
    save(database, key, item(key, "ML-1"))
    save(database, key, after)
    with database.read() as tx:
        assert tx.execute(select(entity_table.c.doc)).scalar_one() == encode(after)
        assert entities.load(tx, [key]) == [after]


def test_only_work_items_have_former_keys(database: Database, key: StreamKey) -> None:
    ref = Ref(key.source, "commit", "9/abc")
    for minutes, sha in enumerate(("abc", "def")):
        save(database, key, Commit(ref=ref, sha=sha, repository="example/churn", updated_at=NOON + timedelta(minutes=minutes)))
    with database.read() as tx:
        assert tx.execute(select(former_key)).all() == []


@contextmanager
def statements(database: Database) -> Iterator[list[str]]:
    """What write transactions send to the database meanwhile."""
    sent: list[str] = []

    def note(*said: object) -> None:
        sent.append(str(said[2]))

    with database.write() as tx:
        engine = tx.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(engine, "before_cursor_execute", note)


def test_nothing_is_asked_where_no_key_changes(database: Database, key: StreamKey) -> None:
    with statements(database) as sent:
        save(database, key, item(key, "ML-1"), item(key, "ML-2", "2"))
        save(database, key, item(key, "ML-1"), item(key, "ML-2", "2"), run="run-2")
        save(database, key, item(key, "ML-1", minutes=1), run="run-3")
    assert sent
    assert not [one for one in sent if "former_key" in one]
