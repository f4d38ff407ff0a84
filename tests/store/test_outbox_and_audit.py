"""Intents are committed before writes and settled after them; a holder without its lease commits none; the audit keeps it all."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from mappings.change import Action, Change, Memory, Slot
from mappings.model import Ref, WorkItem
from sync.store import audit, entities, leases, outbox
from sync.store.connect import Database
from sync.store.leases import Lease, LeaseLost

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
Later = Callable[[int], datetime]


def slot(number: int, name: str = "ml/drift-alert") -> Slot:
    return Slot(Ref("jira", "work_item", str(number)), "label", name)


def change(number: int, action: Action = "add", *, forced: bool = False, counts: bool = True) -> Change:
    return Change(
        id=f"change-{number}",
        project="churn",
        slot=slot(number),
        action=action,
        before=None,
        after=True,
        key=f"ML-{number}",
        container="ML",
        rules=("drift-alert",),
        reason="churn-eu has drifted\0",
        evidence=({"fact": "psi\0", "value": 0.31},),
        forced=forced,
        counts=counts,
    )


@pytest.fixture
def lease(database: Database) -> Lease:
    wait = timedelta(0)
    return leases.acquire(database, "apply:churn", holder="run-1", ttl=timedelta(minutes=5), wait=wait, stop=threading.Event())


def plan(database: Database, *numbers: int, run: str = "run-1") -> list[int]:
    with database.write() as tx:
        return outbox.plan_changes(tx, run, "churn", [change(number) for number in numbers], NOON)


def test_changes_go_from_planned_over_sending_to_their_result(database: Database, lease: Lease, later: Later) -> None:
    numbers = plan(database, 3, 1, 2)
    with database.write() as tx:
        left = outbox.unfinished(tx, "churn")
        assert [(row.id, row.state, row.change) for row in left] == [
            (numbers[0], "planned", change(3)),
            (numbers[1], "planned", change(1)),
            (numbers[2], "planned", change(2)),
        ]
        assert outbox.unfinished(tx, "another") == []
        outbox.mark_sending(tx, numbers[:2], lease, later(1))
        outbox.settle(tx, numbers[0], "done", None, later(2))
        (sending, planned) = outbox.unfinished(tx, "churn")
    assert (sending.id, sending.state, sending.fence, sending.sending_at) == (numbers[1], "sending", lease.token, later(1))
    assert (planned.id, planned.state, planned.fence) == (numbers[2], "planned", None)


def test_no_changes_are_no_rows(database: Database, lease: Lease) -> None:
    assert plan(database) == []
    with database.write() as tx:
        outbox.mark_sending(tx, [], lease, NOON)


def test_giving_up_leaves_what_may_have_been_written(database: Database, lease: Lease) -> None:
    numbers = plan(database, 1, 2)
    with database.write() as tx:
        outbox.mark_sending(tx, numbers[:1], lease, NOON)
        assert outbox.abandon(tx, "another", numbers, NOON) == 0
        assert outbox.abandon(tx, "churn", numbers, NOON) == 1
        assert [row.id for row in outbox.unfinished(tx, "churn")] == numbers[:1]


def test_nothing_is_sent_twice(database: Database, lease: Lease) -> None:
    numbers = plan(database, 1)
    with database.write() as tx:
        outbox.mark_sending(tx, numbers, lease, NOON)
    with pytest.raises(ValueError, match="no longer waiting"), database.write() as tx:
        outbox.mark_sending(tx, numbers, lease, NOON)


def test_a_holder_without_its_lease_commits_no_intent(database: Database, lease: Lease) -> None:
    numbers = plan(database, 1)
    leases.release(database, lease)
    wait = timedelta(0)
    theirs = leases.acquire(database, lease.name, holder="run-2", ttl=timedelta(minutes=5), wait=wait, stop=threading.Event())
    with pytest.raises(LeaseLost), database.write() as tx:
        outbox.mark_sending(tx, numbers, lease, NOON)
    with pytest.raises(LeaseLost), database.write() as tx:
        outbox.mark_sending(tx, numbers, theirs, NOON, lasting=timedelta(hours=1))
    with database.read() as tx:
        assert [row.state for row in outbox.unfinished(tx, "churn")] == ["planned"]


def test_the_audit_tells_everything_about_a_write(database: Database, later: Later) -> None:
    entry = audit.of_change(change(42), kind="write", run_id="run-1", at=later(1))
    with database.write() as tx:
        audit.append(tx, entry)
        (found,) = audit.read(tx)
    assert found.id > 0
    assert msgspec.structs.replace(found, id=0) == msgspec.structs.replace(entry, reason="churn-eu has drifted\ufffd")


def test_what_was_only_remembered_goes_by_the_name_of_its_target(database: Database) -> None:
    item = WorkItem(ref=slot(42).target, key="ML-42")
    with database.write() as tx:
        entities.save_direct(tx, [item], now=NOON)
        for number in (42, 43):
            memory = Memory(kind="override", slot=slot(number), value=None, rule="drift-alert")
            audit.append(tx, audit.of_memory(memory, project="churn", run_id="run-1", at=NOON))
        audit.append(tx, audit.of_release(slot(42), None, project="churn", run_id="run-2", at=NOON))
        found = audit.read(tx)
    assert [(one.kind, one.key) for one in found] == [
        ("override", "ML-42"),
        ("override", "jira:work_item:43"),
        ("release", "ML-42"),
    ]


def test_the_audit_is_read_by_project_time_slot_and_name(database: Database, later: Later) -> None:
    with database.write() as tx:
        for number in (1, 2, 3):
            audit.append(tx, audit.of_change(change(number), kind="write", run_id="run-1", at=later(number)))

        def keys(**which: object) -> list[str]:
            return [one.key for one in audit.read(tx, **which)]  # type: ignore[arg-type]  # as `read` names them

        assert keys() == keys(projects=["churn", "x"]) == ["ML-1", "ML-2", "ML-3"]
        assert keys(projects=["x"]) == []
        assert keys(limit=2) == ["ML-2", "ML-3"]
        assert keys(since=later(3)) == ["ML-3"]
        assert keys(slot=slot(2)) == keys(key="ml-2") == keys(key="jira:work_item:2") == ["ML-2"]
        assert keys(slot=slot(2, "ml/model-ready")) == []
        assert audit.oldest(tx) == later(1)


def test_only_visible_rewrites_count_for_the_safety_check(database: Database, later: Later) -> None:
    with database.write() as tx:
        for number, (action, counts) in enumerate([("add", True), ("update", True), ("remove", True), ("update", False)]):
            done = change(number, action, counts=counts)  # type: ignore[arg-type]  # the actions of the list
            audit.append(tx, audit.of_change(done, kind="write", run_id="run-1", at=later(number)))
        audit.append(tx, audit.of_change(change(9, "update"), kind="failed", run_id="run-1", at=later(9)))
        assert audit.recent_rewrites(tx, "churn", NOON) == 2
        assert audit.recent_rewrites(tx, "churn", later(2)) == 1
        assert audit.recent_rewrites(tx, "another", NOON) == 0


def test_forced_rewrites_are_counted_by_slot(database: Database, later: Later) -> None:
    with database.write() as tx:
        for minutes, number in enumerate([1, 1, 2]):
            audit.append(tx, audit.of_change(change(number, "update", forced=True), kind="write", run_id="r", at=later(minutes)))
        audit.append(tx, audit.of_change(change(3, "update"), kind="write", run_id="r", at=later(5)))
        assert audit.forced_rewrites(tx, "churn", NOON) == {slot(1): 2, slot(2): 1}
        assert audit.forced_rewrites(tx, "churn", later(1)) == {slot(1): 1, slot(2): 1}
