"""Members of a listed stream that were read by themselves, beside a run that reads the listing."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from connectors.base import Batch
from mappings.change import Reading, Slot
from mappings.model import AnyEntity, Commit, Entity, Ref, WorkItem
from sync.store import entities, leases, quarantine, saving, snapshots, streams
from sync.store.connect import Database
from sync.store.entities import Saved
from sync.store.rows import page_rows
from sync.store.snapshots import Snapshot, is_news
from sync.store.streams import StreamKey

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
LATER = NOON + timedelta(minutes=5)
LABEL = "ml/drift"


def item(key: StreamKey, title: str, *, minutes: int | None = 0, number: int = 1) -> WorkItem:
    updated_at = None if minutes is None else NOON + timedelta(minutes=minutes)
    return WorkItem(ref=Ref(key.source, "work_item", str(number)), key=f"ML-{number}", title=title, updated_at=updated_at)


def page(
    database: Database, key: StreamKey, *found: Entity, slots: Sequence[Reading] = (), began: datetime = NOON, run: str = "run-1"
) -> None:
    """A page of a run that began to read the listing then."""
    rows = page_rows(Batch(entities=found, slots=slots, cursor="c-1"), source=key.source)
    with database.write() as tx:
        saving.save_pages(tx, key, [rows], now=LATER + timedelta(minutes=1), run_id=run, began=began)


def direct(database: Database, key: StreamKey, *found: Entity, slots: Sequence[Reading] = (), now: datetime = LATER) -> Saved:
    with database.write() as tx:
        return entities.save_members(tx, key, found, slots, now=now, run_id="intake-1")


def loaded(database: Database, key: StreamKey) -> list[AnyEntity]:
    with database.read() as tx:
        return entities.load(tx, [key])


def labelled(key: StreamKey) -> list[Reading]:
    return [Reading(slot=Slot(Ref(key.source, "work_item", "1"), "label", LABEL), value=True)]


def labels(database: Database, key: StreamKey) -> list[str]:
    with database.read() as tx:
        return [slot.name for slot in entities.load_slots(tx, [key])]


@pytest.fixture
def listed(database: Database, key: StreamKey) -> StreamKey:
    """A stream that one run has listed, and another begins to list at noon."""
    with database.write() as tx:
        streams.begin_sweep(tx, key, NOON - timedelta(hours=1))
        entities.save_batch(
            tx, key, Batch(entities=[item(key, "first")], cursor="c-0"), now=NOON - timedelta(hours=1), run_id="run-0"
        )
        streams.finish(tx, key, complete=True, now=NOON - timedelta(minutes=30))
        streams.begin_sweep(tx, key, NOON)
    return key


def test_it_becomes_a_member_and_the_streams_state_stays(database: Database, listed: StreamKey) -> None:
    with database.read() as tx:
        before = streams.states(tx, [listed])
    assert direct(database, listed, item(listed, "changed"), item(listed, "new", number=2)) == Saved(new=1, changed=1)
    assert loaded(database, listed) == [item(listed, "changed"), item(listed, "new", number=2)]
    with database.read() as tx:
        assert streams.states(tx, [listed]) == before
        assert entities.seen_before_sweep(tx, listed) == []
        assert entities.looked_up_commits(tx, []) == []


def test_one_that_is_older_by_its_own_time_is_left_and_counts_as_seen(database: Database, listed: StreamKey) -> None:
    assert direct(database, listed, item(listed, "from a copy that lags", minutes=-1)) == Saved(same=1)
    assert loaded(database, listed) == [item(listed, "first")]
    with database.read() as tx:
        assert entities.seen_before_sweep(tx, listed) == []


@pytest.mark.parametrize("minutes", [-1, 0, None])
def test_a_page_that_may_have_been_read_before_is_left(database: Database, listed: StreamKey, minutes: int | None) -> None:
    stamp = None if minutes is None else 0
    direct(database, listed, item(listed, "read by itself", minutes=stamp))
    page(database, listed, item(listed, "of the listing", minutes=minutes))
    assert loaded(database, listed) == [item(listed, "read by itself", minutes=stamp)]


def test_a_page_that_is_newer_by_its_own_time_wins(database: Database, listed: StreamKey) -> None:
    direct(database, listed, item(listed, "read by itself"))
    page(database, listed, item(listed, "of the listing", minutes=1))
    assert loaded(database, listed) == [item(listed, "of the listing", minutes=1)]


def test_a_run_that_begins_later_wins_whatever_the_times_say(database: Database, listed: StreamKey) -> None:
    direct(database, listed, item(listed, "read by itself", minutes=60))
    page(database, listed, item(listed, "of the listing"), began=LATER + timedelta(seconds=1))
    assert loaded(database, listed) == [item(listed, "of the listing")]


def test_what_was_stored_by_a_clock_that_was_ahead_hides_nothing(database: Database, listed: StreamKey) -> None:
    direct(database, listed, item(listed, "read by itself"), now=LATER + timedelta(days=1))
    page(database, listed, item(listed, "of the listing"))
    assert loaded(database, listed) == [item(listed, "of the listing")]


def test_our_slots_are_not_as_an_older_page_has_them(database: Database, listed: StreamKey) -> None:
    direct(database, listed, item(listed, "first"), slots=labelled(listed))
    page(database, listed, item(listed, "first"))
    assert labels(database, listed) == [LABEL]
    page(database, listed, item(listed, "first"), began=LATER + timedelta(seconds=1), run="run-2")
    assert labels(database, listed) == []


def test_what_went_missing_meanwhile_is_not_there_again_by_an_older_page(database: Database, listed: StreamKey) -> None:
    ref = item(listed, "first").ref
    with database.write() as tx:
        entities.mark_missing(tx, [ref], LATER)
    page(database, listed, item(listed, "first"))
    with database.read() as tx:
        assert set(entities.missing(tx, [listed])) == {ref}
    page(database, listed, item(listed, "first"), began=LATER + timedelta(seconds=1), run="run-2")
    with database.read() as tx:
        assert entities.missing(tx, [listed]) == {}


def test_a_commit_keeps_what_listings_have_told_of_it(database: Database, listed: StreamKey) -> None:
    ref = Ref(listed.source, "commit", f"1/{'a' * 40}")
    commit = Commit(ref=ref, sha="a" * 40, repository="example/churn", message="Train", on_default_branch=True, on_branch=True)
    page(database, listed, commit)
    direct(database, listed, Commit(ref=ref, sha="a" * 40, repository="example/renamed", message="Train"))
    with database.read() as tx:
        (stored,) = entities.get(tx, [ref])
    assert isinstance(stored, Commit)
    assert (stored.repository, stored.on_default_branch, stored.on_branch) == ("example/renamed", True, True)


def test_what_no_database_can_hold_is_set_aside(database: Database, listed: StreamKey) -> None:
    odd = WorkItem(ref=Ref(listed.source, "work_item", "a\0b"), key="ML-2", title="odd")
    stranger = WorkItem(ref=Ref("elsewhere", "work_item", "3"), key="ML-3", title="strange")
    assert direct(database, listed, odd, stranger) == Saved(rejected=2)
    with database.read() as tx:
        assert {one.stream for one in quarantine.entries(tx)} == {saving.DIRECT}


def test_only_what_says_something_else_is_news(database: Database, listed: StreamKey) -> None:
    ref = item(listed, "first").ref

    def snapshot() -> Snapshot:
        with database.read() as tx:
            return snapshots.take(tx, [ref], streams.ids(tx, [listed]))[ref]

    first = snapshot()
    direct(database, listed, item(listed, "first", minutes=1))
    touched = snapshot()
    direct(database, listed, item(listed, "first", minutes=1), slots=labelled(listed))
    shown = snapshot()
    direct(database, listed, item(listed, "second", minutes=1), slots=labelled(listed))
    said = snapshot()
    with database.write() as tx:
        entities.leave_scope(tx, listed, [ref])
    left = snapshot()
    assert not is_news(first, touched, timeless=True)
    assert is_news(first, touched, timeless=False)
    assert is_news(touched, shown, timeless=True)
    assert is_news(shown, said, timeless=True)
    assert is_news(said, left, timeless=True)
    assert is_news(None, left, timeless=True)
    assert not is_news(None, None, timeless=True)
    assert not is_news(left, left, timeless=False)


def test_whoever_holds_the_lease_commits_nothing_in_between(database: Database, listed: StreamKey) -> None:
    """A page that is stored at the same time is stored before or after, never half."""
    stop, order = threading.Event(), list[str]()
    lease = leases.acquire(database, "pull", holder="run-1", ttl=timedelta(minutes=1), wait=timedelta(), stop=stop)
    entered = threading.Event()

    def pull() -> None:
        entered.wait()
        with database.write() as tx:
            leases.verify(tx, lease)
            order.append("page")

    thread = threading.Thread(target=pull)
    thread.start()
    with database.write() as tx:
        leases.hold_off(tx, ["pull", "another"])
        entered.set()
        thread.join(0.2)
        order.append("member")
    thread.join()
    assert order == ["member", "page"]


def test_two_that_tell_of_slots_of_one_object_at_once_keep_each_others(database: Database, listed: StreamKey) -> None:
    """As one who writes a label while another has just read what a person did to the next one."""
    entity = loaded(database, listed)[0]

    def tell(name: str) -> None:
        with database.write() as tx:
            entities.update_slots(tx, {Slot(entity.ref, "label", name): True}, database.now(tx))

    thread = threading.Thread(target=tell, args=("ml/data",))
    with database.write() as tx:
        entities.update_slots(tx, {Slot(entity.ref, "label", LABEL): True}, database.now(tx))
        thread.start()
        thread.join(0.2)
    thread.join()
    assert labels(database, listed) == ["ml/data", LABEL]
