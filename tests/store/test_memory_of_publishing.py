"""What was pushed, what a person holds, where values were compared: remembered by slot, forgotten by slot or project."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from mappings.change import Slot, Value
from mappings.model import Ref
from sync.store import publishing
from sync.store.connect import Connection, Database

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
LABEL = Slot(Ref("github", "work_item", "9/1"), "label", "ml/drift-alert")
FIELD = Slot(Ref("jira", "work_item", "10042"), "field", "ML Status")
PROPERTY = Slot(Ref("jira", "work_item", "10042"), "property", "milepost.status")


def push(tx: Connection, slot: Slot, value: Value, project: str = "churn", now: datetime = NOON) -> None:
    publishing.save_published(tx, slot, project=project, value=value, rules=("a", "b"), episode="e1", run_id="run-1", now=now)


@pytest.mark.parametrize("value", [None, True, False, "Drift alert", "", ["A", "B"], [], {"statuses": [{"id": "x", "n": None}]}])
def test_every_value_comes_back_as_it_was(database: Database, value: Value) -> None:
    with database.write() as tx:
        push(tx, FIELD, value)
        publishing.hold(tx, FIELD, project="churn", kind="override", value=value, rule=None, episode=None, now=NOON)
    with database.read() as tx:
        assert publishing.published(tx, "churn")[FIELD].value == value
        assert publishing.held(tx, "churn")[FIELD].value == value


def test_what_was_pushed_last_counts(database: Database, later: Callable[[int], datetime]) -> None:
    with database.write() as tx:
        push(tx, FIELD, "Drift alert")
        push(tx, LABEL, True)
        push(tx, FIELD, "Model ready", now=later(1))
        found = publishing.published(tx, "churn")
        assert publishing.published(tx, "churn", source="github").keys() == {LABEL}
        assert publishing.published(tx, "another") == {}
    row = found[FIELD]
    assert found.keys() == {LABEL, FIELD}
    assert (row.slot, row.project, row.value, row.rules, row.episode) == (FIELD, "churn", "Model ready", ("a", "b"), "e1")
    assert (row.written_at, row.run_id) == (later(1), "run-1")


def test_a_held_slot_keeps_its_beginning_until_it_is_let_go(database: Database, later: Callable[[int], datetime]) -> None:
    with database.write() as tx:
        publishing.hold(tx, LABEL, project="churn", kind="override", value=None, rule="drift-alert", episode="e1", now=NOON)
        publishing.hold(tx, LABEL, project="churn", kind="contested", value=True, rule="drift-alert", episode="e2", now=later(1))
        held = publishing.held(tx, "churn", source="github")
        assert held == {
            LABEL: publishing.Hold(
                slot=LABEL, project="churn", kind="contested", value=True, rule="drift-alert", episode="e2", since=NOON
            )
        }
        publishing.forget_held(tx, [LABEL, FIELD])
        assert publishing.held(tx, "churn") == {}


def test_places_are_settled_once(database: Database, later: Callable[[int], datetime]) -> None:
    one, two = ("jira", "ML", "field", "ML Status"), ("github", "example/churn", "label", "ml/drift-alert")
    with database.write() as tx:
        publishing.settle(tx, "churn", [one, one], NOON)
        publishing.settle(tx, "churn", [one, two], later(1))
        publishing.settle(tx, "churn", [], later(2))
        assert publishing.settled(tx, "churn") == {one: NOON, two: later(1)}
        assert publishing.settled(tx, "another") == {}


def test_a_project_is_forgotten_whole_and_alone(database: Database) -> None:
    place = ("jira", "ML", "field", "ML Status")
    with database.write() as tx:
        for project, slot in (("churn", FIELD), ("fraud", LABEL)):
            push(tx, slot, True, project)
            publishing.hold(tx, slot, project=project, kind="override", value=True, rule=None, episode=None, now=NOON)
            publishing.settle(tx, project, [place], NOON)
        publishing.forget_published(tx, [PROPERTY])
        publishing.forget_project(tx, "churn")
        assert (publishing.published(tx, "churn"), publishing.held(tx, "churn"), publishing.settled(tx, "churn")) == ({}, {}, {})
        assert publishing.projects(tx) == ["fraud"]
        assert publishing.held(tx, "fraud").keys() == {LABEL}
        publishing.forget_published(tx, [LABEL])
        assert publishing.projects(tx) == []
