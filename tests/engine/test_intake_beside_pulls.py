"""Deliveries that are taken in while a pull reads the same scope: neither puts what it read earlier in the place of what the other
read later, and whoever is killed has done nothing."""

from __future__ import annotations

import itertools
import random
import secrets
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.base import SourceContext
from mappings.model import Entity, Missing, Ref, RunStatus
from sync.store import inbox
from sync.store.inbox import Arrival
from tests.engine.conftest import Shelf, ShelfReader, a_run
from tests.engine.deliveries import deliver, due_projects, hear, hurry, missing, naming, run, statuses, take, waiting

if TYPE_CHECKING:
    from tests.engine.conftest import Office

pytestmark = pytest.mark.both_databases


class Slow(ShelfReader):
    """What it has read it gives a while later."""

    def __init__(self, shelf: Shelf, context: SourceContext, meanwhile: Callable[[], None]) -> None:
        super().__init__(shelf, context)
        self._meanwhile = meanwhile

    def read(self, refs: Sequence[Ref]) -> Sequence[Entity | Missing]:
        answers = super().read(refs)
        self._meanwhile()
        return answers


def meanwhile(office: Office, *happenings: Callable[[], None]) -> None:
    """After each direct read, and before it is stored, the next of these happens."""
    left = iter(happenings)

    def happen() -> None:
        next(left, lambda: None)()

    hear(office, reader=lambda context: Slow(office.shelf, context, happen))


@pytest.fixture
def shelf(office: Office) -> Office:
    office.only_the_shelf()
    hear(office)
    office.shelf.put(*(a_run(name, "finished") for name in "abcdef"))
    office.sync()
    office.list_all_each_time()
    return office


def between_pages(office: Office, page: int, happening: Callable[[], None]) -> None:
    """It happens before this page of the next listing is given, all of which was read before."""

    def happen(stop: threading.Event, number: int) -> None:
        if number == page:
            happening()

    office.shelf.before_page = happen


def test_a_page_that_was_read_before_does_not_replace_what_was_taken_in(shelf: Office) -> None:
    def change() -> None:
        shelf.shelf.put(a_run("a", "failed"), a_run("e", "failed"), a_run("g", "failed"))
        deliver(shelf, *(naming(run(name)) for name in "aeg"))
        assert take(shelf).done == 3

    between_pages(shelf, 1, change)
    result = shelf.pull()
    assert result.exit_code == 0
    assert statuses(shelf) == {**dict.fromkeys("bcdf", "finished"), **dict.fromkeys("aeg", "failed")}
    assert missing(shelf) == set()


def test_a_page_that_was_read_before_does_not_replace_what_was_taken_in_as_it_had_been(shelf: Office) -> None:
    """The page shows it as it was for a moment alone."""

    def change_back() -> None:
        shelf.shelf.put(a_run("a", "finished"))
        deliver(shelf, naming(run("a")))
        assert take(shelf).done == 1

    shelf.shelf.put(a_run("a", "failed"))
    between_pages(shelf, 1, change_back)
    shelf.pull()
    assert statuses(shelf) == dict.fromkeys("abcdef", "finished")


def test_what_was_found_gone_between_pages_is_not_there_again_by_an_older_page(shelf: Office) -> None:
    def delete() -> None:
        del shelf.shelf.things[run("a")], shelf.shelf.things[run("f")]
        deliver(shelf, naming(run("a"), run("f")))
        take(shelf)

    between_pages(shelf, 1, delete)
    shelf.pull()
    assert missing(shelf) == {"a", "f"}
    shelf.shelf.find()
    shelf.top["safety"] = {"max_deletes": 1.0}
    shelf.pull()
    assert statuses(shelf).keys() == set("bcde")


def test_what_was_taken_in_counts_as_seen_by_the_sweep_that_goes_on(shelf: Office) -> None:
    """It was put on a page that had been given already; nobody asks for it once more."""
    shelf.shelf.unlisted = {run("new")}

    def add() -> None:
        shelf.shelf.put(a_run("new", "finished"))
        deliver(shelf, naming(run("new")))
        take(shelf)
        shelf.shelf.reads.clear()

    between_pages(shelf, 1, add)
    shelf.pull()
    assert shelf.shelf.reads == []
    assert "new" in statuses(shelf)
    assert missing(shelf) == set()


def test_what_was_taken_in_while_a_listing_asks_for_what_it_missed_is_neither_buried_nor_older(shelf: Office) -> None:
    """Of what it asked for before, nothing follows any more."""

    def back() -> None:
        shelf.shelf.put(a_run("a", "failed"), a_run("b", "failed"))
        shelf.shelf.unlisted = set()
        deliver(shelf, naming(run("a"), run("b")))
        assert take(shelf).done == 1

    shelf.shelf.unlisted = {run("a")}
    del shelf.shelf.things[run("b")]
    meanwhile(shelf, back)
    shelf.pull()
    assert statuses(shelf) == {**dict.fromkeys("cdef", "finished"), **dict.fromkeys("ab", "failed")}
    assert missing(shelf) == set()


def test_what_was_found_gone_while_a_listing_asks_for_what_it_missed_is_not_there_again(shelf: Office) -> None:
    """It was changed since the listing began, so it was not missed for good when it was asked for."""

    def delete() -> None:
        del shelf.shelf.things[run("a")]
        deliver(shelf, naming(run("a")))
        assert take(shelf).done == 1

    shelf.shelf.put(a_run("a", "finished", updated_at=datetime.now(UTC) + timedelta(minutes=1)))
    shelf.shelf.unlisted = {run("a")}
    meanwhile(shelf, delete)
    shelf.pull()
    assert missing(shelf) == {"a"}


def test_a_later_listing_wins_over_what_was_taken_in(shelf: Office) -> None:
    shelf.shelf.put(a_run("a", "failed"))
    deliver(shelf, naming(run("a")))
    take(shelf)
    shelf.shelf.put(a_run("a", "killed"))
    shelf.pull()
    assert statuses(shelf)["a"] == "killed"


def test_what_another_stored_since_it_was_asked_for_is_asked_for_again(shelf: Office) -> None:
    def pulled() -> None:
        shelf.shelf.put(a_run("a", "failed"))
        shelf.pull()

    meanwhile(shelf, pulled)
    deliver(shelf, naming(run("a")), naming(run("b")))
    shelf.shelf.reads.clear()
    assert take(shelf).done == 2
    assert statuses(shelf)["a"] == "failed"
    assert shelf.shelf.reads == [run("a"), run("b"), run("a")]


def test_what_was_changed_and_changed_back_by_another_is_asked_for_again(shelf: Office) -> None:
    """The store holds what it held: what was read in between is older all the same."""

    def changed_back() -> None:
        shelf.shelf.put(a_run("a", "finished"))
        deliver(shelf, naming(run("a")))
        assert take(shelf).done == 2

    shelf.shelf.put(a_run("a", "failed"))
    meanwhile(shelf, changed_back)
    deliver(shelf, naming(run("a")))
    take(shelf)
    assert statuses(shelf)["a"] == "finished"


def test_what_is_stored_again_and_again_waits_for_the_next_batch_and_costs_no_try(shelf: Office) -> None:
    def pulled(status: RunStatus) -> Callable[[], None]:
        def pull() -> None:
            shelf.shelf.put(a_run("a", status))
            shelf.pull()

        return pull

    meanwhile(shelf, pulled("failed"), pulled("killed"), pulled("running"))
    deliver(shelf, naming(run("a")))
    assert take(shelf).postponed == 1
    assert statuses(shelf)["a"] == "running"
    assert [one.tries for one in waiting(shelf)] == [0]
    assert take(shelf).done == 1


def test_one_that_is_killed_between_reading_and_storing_has_done_nothing(shelf: Office) -> None:
    class Killed(BaseException):
        pass

    def die() -> None:
        raise Killed

    meanwhile(shelf, die)
    shelf.shelf.put(a_run("a", "failed"))
    deliver(shelf, naming(run("a")), b"no json")
    with pytest.raises(Killed):
        take(shelf)
    assert statuses(shelf)["a"] == "finished"
    assert [(one.tries, one.body) for one in waiting(shelf)] == [(0, naming(run("a"))), (0, b"no json")]
    assert due_projects(shelf) == []
    assert take(shelf).done == 1
    assert statuses(shelf)["a"] == "failed"


def test_two_that_take_in_the_same_deliveries_at_once_end_as_one_does(shelf: Office) -> None:
    names = [f"r{number}" for number in range(40)]
    shelf.shelf.put(*(a_run(name, "finished") for name in names))
    shelf.pull()
    shelf.shelf.put(*(a_run(name, "failed") for name in names))
    deliver(shelf, *(naming(run(name), run(other)) for name, other in itertools.pairwise(names)))
    together(*[lambda: take(shelf)] * 3)
    assert {statuses(shelf)[name] for name in names} == {"failed"}
    assert waiting(shelf) == []


def test_pulls_and_takers_at_the_same_time_end_with_what_is_on_the_shelf(shelf: Office) -> None:
    """Whatever they do, none is left with an older state, and nobody locks anybody out."""
    names = [f"r{number}" for number in range(24)]
    shelf.shelf.page_size = 5
    shelf.shelf.put(*(a_run(name, "finished") for name in names))
    shelf.pull()
    luck = random.Random(7)
    done = threading.Event()

    def change() -> None:
        for _ in range(12):
            for name in luck.sample(names, 4):
                shelf.shelf.put(a_run(name, luck.choice(("finished", "failed", "killed"))))
                deliver(shelf, naming(run(name)))
            while taker(shelf) > 0:
                pass
        done.set()

    def pull() -> None:
        while not done.is_set():
            one = shelf.run("pull")
            one.pull()
            assert not one.finish().pulled["shelf"].failed

    together(change, pull, *[lambda: until(done, lambda: taker(shelf))] * 2)
    while taker(shelf) > 0:
        pass
    assert waiting(shelf) == []
    wanted = {ref.id: getattr(thing, "status", "") for ref, thing in shelf.shelf.things.items()}
    assert statuses(shelf) == wanted


def taker(office: Office) -> int:
    """Takes in what may be taken in now; how much that was."""
    return take(office).total


def until(done: threading.Event, act: Callable[[], object]) -> None:
    while not done.is_set():
        act()


def together(*acts: Callable[[], object]) -> None:
    """All at the same time, each in a thread; what one of them raises is raised."""
    errors: list[BaseException] = []

    def work(act: Callable[[], object]) -> None:
        try:
            act()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


THINGS = ("a", "b", "c")
STATES: Sequence[RunStatus] = ("finished", "failed", "killed")
act = st.one_of(
    st.tuples(st.just("put"), st.sampled_from(THINGS), st.sampled_from(STATES)),
    st.tuples(st.just("delete"), st.sampled_from(THINGS), st.none()),
    st.tuples(st.just("deliver"), st.sampled_from(THINGS), st.integers(1, 4)),
    st.tuples(st.just("take"), st.none(), st.integers(1, 3)),
    st.tuples(st.just("die"), st.none(), st.integers(1, 3)),
    st.tuples(st.just("pull"), st.none(), st.none()),
)


class _Killed(BaseException):
    pass


def _die() -> None:
    raise _Killed


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(acts=st.lists(act, min_size=4, max_size=14), last=st.permutations(THINGS))
def test_whatever_order_deliveries_come_in_and_whoever_dies_the_store_ends_as_the_shelf_is(
    shelf: Office, acts: list[tuple[str, str | None, object]], last: list[str]
) -> None:
    """Each example has runs of its own. At the end everything was delivered once more, in any order, and some of it again."""
    prefix = secrets.token_hex(4)
    things = shelf.shelf.things
    for what, name, how in acts:
        ref = run(f"{prefix}-{name}")
        match what:
            case "put":
                shelf.shelf.put(a_run(ref.id, how))  # type: ignore[arg-type]  # drawn together
            case "delete":
                things.pop(ref, None)
            case "deliver":
                send_again(shelf, f"{prefix}-{how}", naming(ref))
            case "take":
                take(shelf, limit=int(str(how)))
            case "die":
                meanwhile(shelf, _die)
                with suppress(_Killed):
                    take(shelf)
                hear(shelf)
            case _:
                pull_only(shelf)
    deliver(shelf, *(naming(run(f"{prefix}-{name}")) for name in last))
    hurry(shelf)
    while take(shelf, limit=2).total:
        pass
    mine = {name: status for name, status in statuses(shelf).items() if name.startswith(prefix)}
    gone = {name for name in missing(shelf) if name.startswith(prefix)}
    there = {ref.id: getattr(thing, "status", "") for ref, thing in things.items() if ref.id.startswith(prefix)}
    assert {name: status for name, status in mine.items() if name not in gone} == there


def send_again(office: Office, delivery: str, body: bytes) -> None:
    """The source sends it under the same id as often as it likes."""
    arrival = Arrival(source="shelf", delivery=delivery, event="thing.changed", body=body)
    with office.database.write() as tx:
        inbox.accept(tx, [arrival, arrival], office.database.now(tx))


def pull_only(office: Office) -> None:
    one = office.run("pull")
    one.pull()
    one.finish()
