"""Applying: what is written, known and left when a publisher, a lease or a run ends in the middle.

A board stands for the remote side: a real publisher whose every step a test can watch or break.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from sqlalchemy import select, update

from connectors.base import Connection, Connector, Options, SourceContext
from connectors.errors import AuthError, Unavailable
from connectors.http import TIMEOUT
from mappings.change import Change, Owned, Plan, Reading, Slot, Value, Written
from mappings.model import Ref, WorkItem
from sync.apply import LONGEST_REQUEST, Applied, apply_plan, lease_name, recover
from sync.source import Source
from sync.store import audit, due, entities, leases, outbox, publishing, snapshots
from sync.store.connect import Database
from sync.store.errors import StoreError
from sync.store.leases import Lease, LeaseLost
from sync.store.schema import lease as lease_table
from sync.store.schema import outbox as outbox_table
from tests.engine.locks import until_somebody_waits

pytestmark = pytest.mark.both_databases

SHORT = timedelta(0)


class Board:
    """What hangs on the remote side. `writes` are the ids of the changes that were made there, in order.

    `before_write` is called with the number of changes made so far by this publisher; it may raise.
    """

    def __init__(self) -> None:
        self.values: dict[Slot, Value] = {}
        self.writes: list[Slot] = []
        self.before_write: Callable[[int], None] = lambda made: None
        self.before_read: Callable[[], None] = lambda: None
        self.gone: set[Ref] = set()
        self.silent: set[Slot] = set()

    def source(self, name: str, *labels: str, owned: Owned | None = None) -> Source:
        connection = Connection(
            name="board",
            title="A board",
            options=Options,
            scope=Options,
            secrets=Options,
            streams={},
            reader=_nobody_reads_it,
            publisher=lambda context: BoardPublisher(self, context),
            targets=frozenset({"work_item"}),
        )
        mine = owned or Owned(labels=dict.fromkeys(labels, ("ededed", "")))
        return Source(name=name, connection=connection, options=Options(), secrets=Options, owned=mine, scopes=())


def _nobody_reads_it(context: SourceContext) -> Connector:
    raise AssertionError("a board is written to")


class BoardPublisher:
    def __init__(self, board: Board, context: SourceContext) -> None:
        self._board = board
        self._context = context

    def read_slots(self, slots: Sequence[Slot]) -> Mapping[Slot, Value]:
        self._board.before_read()
        ours = (slot for slot in slots if self._context.owned.covers(slot) and slot.target not in self._board.gone)
        return {slot: self._board.values.get(slot) for slot in ours}

    def write(self, changes: Sequence[Change]) -> Iterator[Written]:
        for made, change in enumerate(changes):
            self._board.before_write(made)
            self._board.values[change.slot] = change.after
            self._board.writes.append(change.slot)
            if change.slot not in self._board.silent:
                yield Written(change=change.id, state="done")

    def close(self) -> None:
        raise RuntimeError("closing fails, and nobody is hurt")


def slot(number: int, name: str = "ml/bad", source: str = "board") -> Slot:
    return Slot(Ref(source, "work_item", str(number)), "label", name)


def change(number: int, *, before: Value = None, after: Value = True, name: str = "ml/bad", source: str = "board") -> Change:
    return Change(
        id=f"{source}-{number}-{name}",
        project="churn",
        slot=slot(number, name, source),
        action="add" if before is None else "remove",
        before=before,
        after=after,
        key=f"ML-{number}",
        container="ML",
        rules=("bad",),
    )


def plan(*changes: Change) -> Plan:
    noon = datetime(2026, 3, 2, 12, tzinfo=UTC)
    return Plan(project="churn", made_at=noon, facts_as_of=None, config_hash="", verdict_hash="", changes=changes)


@pytest.fixture
def board() -> Board:
    return Board()


class Desk:
    """Applies and recovers as one run after the other would."""

    def __init__(self, database: Database, sources: dict[str, Source]) -> None:
        self.database = database
        self.sources = sources
        self.stop = threading.Event()
        with database.write() as tx:
            things = [WorkItem(ref=slot(number).target, key=f"ML-{number}", container="ML") for number in range(200)]
            entities.save_direct(tx, things, now=database.now(tx))

    @contextmanager
    def lease(self, *, lasting: timedelta = timedelta(minutes=3)) -> Iterator[Lease]:
        with leases.held(self.database, lease_name("churn"), holder="run", ttl=lasting, wait=SHORT, stop=threading.Event()) as held:
            yield held

    def apply(self, *changes: Change, lasting: timedelta = timedelta(minutes=3)) -> Applied:
        with self.lease(lasting=lasting) as lease:
            run_id = f"run-{len(self.states())}"
            return apply_plan(self.database, plan(*changes), self.sources, lease, run_id=run_id, stop=self.stop)

    def recover(self) -> Mapping[str, str]:
        with self.lease() as lease:
            return recover(self.database, "churn", self.sources, lease, run_id="next", stop=threading.Event())

    def states(self) -> list[str]:
        """Of all rows that were ever planned, in order."""
        with self.database.read() as tx:
            return list(tx.execute(select(outbox_table.c.state).order_by(outbox_table.c.id)).scalars())

    def audited(self) -> list[str]:
        with self.database.read() as tx:
            return [entry.kind for entry in audit.read(tx)]

    def published(self) -> dict[Slot, Value]:
        with self.database.read() as tx:
            return {where: row.value for where, row in publishing.published(tx, "churn").items()}


@pytest.fixture
def desk(database: Database, board: Board) -> Desk:
    return Desk(database, {"board": board.source("board", "ml/bad")})


def raise_at(number: int, error: Exception) -> Callable[[int], None]:
    def before(made: int) -> None:
        if made == number:
            raise error

    return before


def test_what_is_written_is_known_and_told_once(desk: Desk, board: Board) -> None:
    applied = desk.apply(change(1), change(2))
    assert [result.state for result in applied.results] == ["done", "done"]
    assert board.writes == [slot(1), slot(2)]
    assert desk.states() == ["done", "done"]
    assert desk.audited() == ["write", "write"]
    assert desk.published() == {slot(1): True, slot(2): True}
    with desk.database.read() as tx:
        assert entities.slots_of(tx, [slot(1).target]) == {slot(1): True}


@pytest.mark.parametrize("error", [Unavailable("board", "fell over"), AuthError("board", "no more"), ZeroDivisionError("?")])
def test_a_publisher_that_fails_in_the_middle_leaves_what_it_had_begun_in_doubt(desk: Desk, board: Board, error: Exception) -> None:
    board.before_write = raise_at(2, error)
    applied = desk.apply(*(change(number) for number in range(60)))
    assert [result.state for result in applied.results] == ["done"] * 2 + ["unsent"] * 58
    assert applied.is_partial
    assert desk.states() == ["done"] * 2 + ["sending"] * 48 + ["failed"] * 10
    # The third had been written when its answer was lost.
    board.values[slot(2)] = True
    board.before_write = lambda made: None
    assert desk.recover() == {}
    assert desk.states() == ["done"] * 3 + ["failed"] * 57
    assert board.writes == [slot(0), slot(1)]
    assert desk.audited() == ["write"] * 3
    assert desk.published() == {slot(number): True for number in range(3)}
    desk.apply(*(change(number) for number in range(3, 60)))
    assert board.writes == [slot(0), slot(1), *(slot(number) for number in range(3, 60))]


@pytest.mark.parametrize("found", [None, "Good", "Mine"])
def test_what_was_taken_away_before_the_run_ended_is_known_as_ours(database: Database, board: Board, found: Value) -> None:
    """A field that lacks the option of what it should show is emptied, and the run may end before that is told."""
    desk = Desk(database, {"board": board.source("board", owned=Owned(field="ML Status"))})
    where = Slot(slot(1).target, "field", "ML Status")
    board.values[where] = "Good"
    board.before_write = raise_at(0, Unavailable("board", "fell over"))
    desk.apply(msgspec.structs.replace(change(1), slot=where, action="update", before="Good", after="Bad"))
    board.values[where] = found
    assert desk.recover() == {}
    assert desk.states() == ["failed"]
    assert desk.published() == ({where: None} if found is None else {})
    assert desk.audited() == (["write"] if found is None else [])


def test_what_was_begun_is_not_given_up_while_its_source_cannot_be_asked(desk: Desk, board: Board) -> None:
    board.before_write = raise_at(0, Unavailable("board", "fell over"))
    desk.apply(change(1), change(2))

    def down() -> None:
        raise Unavailable("board", "still down")

    board.before_read = down
    assert desk.recover() == {"board": "board: still down"}
    assert desk.states() == ["sending", "sending"]
    del desk.sources["board"]
    assert "no longer in the project file" in desk.recover()["board"]
    assert desk.states() == ["sending", "sending"]


def test_a_source_that_fails_does_not_stop_another(database: Database, board: Board) -> None:
    other = Board()
    desk = Desk(database, {"a-board": board.source("a-board", "ml/bad"), "board": other.source("board", "ml/bad")})

    def down() -> None:
        raise KeyError("a mistake")

    board.before_read = down
    applied = desk.apply(change(1, source="a-board"), change(1), change(2, source="a-board"))
    assert [(result.change.slot.target.source, result.state) for result in applied.results] == [
        ("a-board", "unsent"),
        ("a-board", "unsent"),
        ("board", "done"),
    ]
    assert "unexpected KeyError" in str(applied.results[0].why)
    assert desk.states() == ["failed", "done", "failed"]


def test_the_lease_outlasts_a_request(desk: Desk, board: Board) -> None:
    assert TIMEOUT.connect is not None
    assert TIMEOUT.read is not None
    assert timedelta(seconds=TIMEOUT.connect + TIMEOUT.read) < LONGEST_REQUEST
    with pytest.raises(LeaseLost):
        desk.apply(change(1), lasting=LONGEST_REQUEST / 2)
    assert board.writes == []
    assert desk.states() == ["planned"]


def steal(database: Database) -> None:
    with database.write() as tx:
        tx.execute(update(lease_table).values(token=lease_table.c.token + 1, holder="another"))


def test_a_run_that_lost_its_lease_writes_nothing_more(desk: Desk, board: Board) -> None:
    board.before_read = lambda: steal(desk.database)
    with pytest.raises(LeaseLost):
        desk.apply(change(1))
    assert board.writes == []


def test_a_lease_that_is_lost_between_two_writes_ends_the_writing(desk: Desk, board: Board) -> None:
    board.before_write = lambda made: steal(desk.database) if made == 1 else None
    with pytest.raises(LeaseLost):
        desk.apply(*(change(number) for number in range(4)))
    # The second was under way; its result belongs to whoever recovers.
    assert board.writes == [slot(0), slot(1)]
    assert desk.states() == ["done", "sending", "sending", "sending"]


def test_a_stop_ends_between_two_writes(desk: Desk, board: Board) -> None:
    board.before_write = lambda made: desk.stop.set() if made == 1 else None
    applied = desk.apply(*(change(number) for number in range(4)))
    assert [(result.state, result.why) for result in applied.results] == [
        ("done", None),
        ("done", None),
        ("unsent", "the run was stopped"),
        ("unsent", "the run was stopped"),
    ]
    assert board.writes == [slot(0), slot(1)]
    assert desk.states() == ["done", "done", "sending", "sending"]
    desk.recover()
    assert desk.states() == ["done", "done", "failed", "failed"]


def test_a_change_without_an_answer_is_in_doubt(desk: Desk, board: Board) -> None:
    board.silent.add(slot(1))
    applied = desk.apply(change(1), change(2))
    assert [result.state for result in applied.results] == ["unsent", "done"]
    assert desk.states() == ["sending", "done"]
    desk.recover()
    assert desk.states() == ["done", "done"]
    assert desk.published() == {slot(1): True, slot(2): True}


def test_a_slot_that_changed_is_a_conflict_of_its_own(desk: Desk, board: Board) -> None:
    board.values = {slot(1): True, slot(2): True}
    applied = desk.apply(change(1, before=False, after=None), change(2, before=True, after=None))
    assert [(result.state, result.found) for result in applied.results] == [("conflict", True), ("done", None)]
    assert board.writes == [slot(2)]
    assert desk.audited() == ["conflict", "write"]
    with desk.database.read() as tx:
        assert entities.slots_of(tx, [slot(1).target]) == {slot(1): True}


def test_what_is_there_already_is_ours_without_a_write(desk: Desk, board: Board) -> None:
    board.values = {slot(1): True}
    (result,) = desk.apply(change(1)).results
    assert result.state == "done"
    assert board.writes == []
    assert desk.audited() == ["adopted"]
    assert desk.published() == {slot(1): True}


def test_what_is_gone_is_skipped(desk: Desk, board: Board) -> None:
    board.gone.add(slot(1).target)
    (result,) = desk.apply(change(1)).results
    assert result.state == "skipped"
    assert desk.audited() == ["skipped"]
    assert desk.published() == {}


def test_a_slot_that_is_no_longer_ours_may_only_be_emptied(desk: Desk, board: Board) -> None:
    board.values = {slot(2, "old/bad"): True}
    applied = desk.apply(change(1, name="old/bad"), change(2, before=True, after=None, name="old/bad"))
    assert [result.state for result in applied.results] == ["failed", "done"]
    assert board.values == {slot(2, "old/bad"): None}


def test_a_project_whose_source_was_dropped_is_told_so(desk: Desk) -> None:
    (result,) = desk.apply(change(1, source="elsewhere")).results
    assert result.state == "unsent"
    assert "no longer in the project file" in str(result.why)


def test_an_answer_that_nobody_asked_for_changes_nothing(desk: Desk, board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    def talkative(self: BoardPublisher, changes: Sequence[Change]) -> Iterator[Written]:
        yield Written(change="another", state="done")
        yield Written(change=changes[0].id, state="failed", why="no")

    monkeypatch.setattr(BoardPublisher, "write", talkative)
    (result,) = desk.apply(change(1)).results
    assert (result.state, result.why) == ("failed", "no")
    assert desk.published() == {}


def test_rows_that_never_began_are_given_up_by_the_next_run(desk: Desk, board: Board) -> None:
    with desk.database.write() as tx:
        outbox.plan_changes(tx, "killed", "churn", [change(1)], desk.database.now(tx))
    assert desk.recover() == {}
    assert desk.states() == ["failed"]
    assert board.writes == []


@pytest.mark.parametrize("dialect", ["postgresql"])
def test_a_recovery_and_whoever_stores_what_it_looks_at_do_not_wait_for_each_other(desk: Desk, board: Board) -> None:
    """Both tell of objects first, and then that the project is due."""
    locked, failures = threading.Event(), list[StoreError]()

    def store() -> None:
        try:
            with desk.database.write() as tx:
                snapshots.take_locked(tx, [slot(2).target], [])
                locked.set()
                until_somebody_waits(desk.database)
                due.mark(tx, ["churn"], desk.database.now(tx))
        except StoreError as error:
            failures.append(error)

    def told_otherwise() -> None:
        board.before_read = lambda: None
        with desk.database.write() as tx:
            thing = WorkItem(ref=slot(1).target, key="ML-1", container="ML")
            entities.save_direct(tx, [thing], [Reading(slot=slot(1), value=True)], now=desk.database.now(tx))
        thread.start()
        assert locked.wait(30)

    thread = threading.Thread(target=store)
    board.before_write = raise_at(0, Unavailable("board", "fell over"))
    desk.apply(change(1), change(2))
    board.before_read = told_otherwise
    assert desk.recover() == {}
    thread.join()
    assert failures == []
    assert desk.states() == ["failed", "failed"]
    with desk.database.read() as tx:
        assert entities.slots_of(tx, [slot(1).target]) == {slot(1): True}
        assert [mark.project for mark in due.marked(tx)] == ["churn"]
