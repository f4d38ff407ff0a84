"""What deliveries name is read again and stored as a listing would store it; what has changed becomes due, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec
import pytest

from mappings.model import Dataset, DatasetUse, Ref
from sync.store import due, entities, streams
from tests.engine.conftest import LONG_AGO, a_run
from tests.engine.deliveries import (
    deliver,
    due_projects,
    due_streams,
    follow,
    hear,
    missing,
    naming,
    run,
    statuses,
    take,
    waiting,
)

if TYPE_CHECKING:
    from tests.engine.conftest import Office


@pytest.fixture
def shelf(office: Office) -> Office:
    """Nothing but a shelf, listed once: two runs that ended well."""
    office.only_the_shelf()
    hear(office)
    office.shelf.put(a_run("a", "finished"), a_run("b", "finished"))
    office.sync()
    return office


def test_what_a_delivery_names_is_read_again_and_its_project_is_due(shelf: Office) -> None:
    shelf.shelf.put(a_run("a", "failed"), a_run("b", "failed"))
    deliver(shelf, naming(run("a")))
    taken = take(shelf)
    assert (taken.done, taken.read, taken.projects) == (1, 1, ["churn"])
    assert statuses(shelf) == {"a": "failed", "b": "finished"}
    assert waiting(shelf) == []
    assert take(shelf).total == 0


def test_what_says_the_same_again_makes_nothing_due(shelf: Office) -> None:
    deliver(shelf, naming(run("a")))
    taken = take(shelf)
    assert (taken.done, taken.read, taken.projects) == (1, 1, [])
    assert due_projects(shelf) == []


def test_many_deliveries_about_one_object_read_it_once(shelf: Office) -> None:
    shelf.shelf.reads.clear()
    deliver(shelf, *[naming(run("a"), run("b")) for _ in range(300)])
    assert take(shelf).done == 300
    assert sorted(shelf.shelf.reads) == [run("a"), run("b")]


def test_deliveries_about_one_object_stay_together_where_many_are_named(shelf: Office) -> None:
    names = [f"n{number}" for number in range(120)]
    shelf.shelf.put(*(a_run(name, "finished") for name in names))
    deliver(shelf, *[naming(run(name)) for _ in range(3) for name in names])
    assert take(shelf).done == 360
    assert sorted(shelf.shelf.reads) == sorted(map(run, names))


@pytest.mark.both_databases
def test_what_was_taken_in_stays_so_whatever_becomes_of_the_rest(shelf: Office) -> None:
    """A process that is killed again and again comes to the end all the same."""
    names = [f"n{number}" for number in range(120)]
    shelf.shelf.put(*(a_run(name, "finished") for name in names))
    deliver(shelf, *[naming(run(name)) for name in names])

    def killed(refs: Sequence[Ref]) -> None:
        if shelf.shelf.reads:
            raise SystemExit

    shelf.shelf.before_read = killed
    for left in (70, 20):
        shelf.shelf.reads.clear()
        with pytest.raises(SystemExit):
            take(shelf)
        assert len(waiting(shelf)) == left
        assert len(statuses(shelf)) == 2 + 120 - left


@pytest.mark.both_databases
def test_what_is_new_joins_the_scope_unless_the_source_says_that_it_is_outside(shelf: Office) -> None:
    shelf.shelf.put(a_run("new", "failed"), a_run("strange", "failed"))
    shelf.shelf.unmatched = {run("strange")}
    deliver(shelf, naming(run("new"), run("strange")))
    assert take(shelf).projects == ["churn"]
    assert statuses(shelf) == {"a": "finished", "b": "finished", "new": "failed"}
    with shelf.database.read() as tx:
        assert entities.get(tx, [run("strange")]) == []


def test_before_the_first_listing_nothing_is_read(office: Office) -> None:
    office.only_the_shelf()
    hear(office)
    office.shelf.put(a_run("a", "failed"))
    deliver(office, naming(run("a")))
    taken = take(office)
    assert (taken.done, taken.read, office.shelf.reads) == (1, 0, [])
    office.pull()
    assert statuses(office) == {"a": "failed"}


@pytest.mark.both_databases
def test_what_is_not_there_is_missing_until_a_listing_shows_it(shelf: Office) -> None:
    del shelf.shelf.things[run("a")]
    deliver(shelf, naming(run("a")), naming(run("never-seen")))
    assert take(shelf).projects == ["churn"]
    assert missing(shelf) == {"a"}
    assert statuses(shelf).keys() == {"a", "b"}
    deliver(shelf, naming(run("a")))
    assert take(shelf).projects == []
    shelf.shelf.put(a_run("a", "finished"))
    shelf.list_all_each_time()
    shelf.pull()
    assert missing(shelf) == set()


@pytest.mark.both_databases
def test_what_was_deleted_and_made_again_is_back(shelf: Office) -> None:
    del shelf.shelf.things[run("a")]
    shelf.list_all_each_time()
    shelf.pull()
    assert statuses(shelf) == {"b": "finished"}
    shelf.shelf.put(a_run("a", "failed"))
    deliver(shelf, naming(run("a")))
    assert take(shelf).projects == ["churn"]
    assert statuses(shelf) == {"a": "failed", "b": "finished"}


def test_an_event_that_comes_before_its_object_can_be_seen_is_made_up_for_by_the_next_pull(shelf: Office) -> None:
    deliver(shelf, naming(run("early")))
    assert take(shelf).done == 1
    shelf.shelf.put(a_run("early", "failed"))
    shelf.list_all_each_time()
    shelf.pull()
    assert statuses(shelf)["early"] == "failed"


def test_what_the_source_cannot_answer_for_is_unknown(shelf: Office) -> None:
    shelf.shelf.hidden = True
    deliver(shelf, naming(run("a")))
    assert take(shelf).done == 1
    assert missing(shelf) == {"a"}


@pytest.mark.both_databases
def test_what_concerns_no_scope_is_dropped_and_costs_no_request(shelf: Office) -> None:
    other = Ref("elsewhere", "run", "a")
    unheard = Ref("shelf", "label", "1")
    deliver(shelf, naming(), naming(other), naming(unheard), naming(Ref("shelf", "run", "a\0b")), naming(run("x" * 2_000)))
    taken = take(shelf)
    assert (taken.dropped, taken.requests, shelf.shelf.reads) == (5, 0, [])


@pytest.mark.both_databases
def test_only_projects_whose_scopes_hold_what_changed_are_due(office: Office) -> None:
    office.only_the_shelf()
    office.projects = {
        "early": {"scopes": {"shelf": {"prefix": "a"}}},
        "late": {"scopes": {"shelf": {"prefix": "z"}}},
        "both": {"scopes": {"shelf": {"prefix": ""}}},
    }
    hear(office)
    office.shelf.put(a_run("a1", "finished"), a_run("z1", "finished"))
    office.pull()
    office.shelf.put(a_run("a1", "failed"))
    deliver(office, naming(run("a1"), inside="a1"))
    assert sorted(take(office).projects) == ["both", "early"]
    office.shelf.put(a_run("z2", "failed"))
    deliver(office, naming(run("z2"), inside="z2"))
    assert sorted(take(office).projects) == ["both", "late"]
    assert [one.key for one in follow(office)] == ["early", "late", "both"]
    assert due_projects(office) == []


@pytest.mark.both_databases
def test_what_has_moved_out_of_the_scope_leaves_it_by_the_sources_word(shelf: Office) -> None:
    there = Dataset(ref=Ref("shelf", "dataset", "d"), name="d", digest="1")
    shelf.shelf.put(there)
    shelf.list_all_each_time()
    shelf.pull()
    moved = msgspec.structs.replace(a_run("a", "finished"), experiment="elsewhere")
    shelf.shelf.put(moved)
    shelf.shelf.unmatched = {run("a")}
    deliver(shelf, naming(run("a"), inside="nowhere"))
    taken = take(shelf)
    assert taken.projects == ["churn"]
    assert statuses(shelf) == {"b": "finished"}
    with shelf.database.read() as tx:
        assert entities.get(tx, [run("a")]) == [moved]


def test_a_member_that_has_not_moved_is_not_asked_about(shelf: Office) -> None:
    """What its scope's search says may lag; a listing tells."""
    shelf.shelf.put(a_run("a", "failed"))
    shelf.shelf.unmatched = {run("a")}
    shelf.shelf.questions.clear()
    deliver(shelf, naming(run("a")))
    take(shelf)
    assert shelf.shelf.questions == []
    assert statuses(shelf)["a"] == "failed"


@pytest.mark.both_databases
def test_what_comes_along_with_others_is_listed(shelf: Office) -> None:
    use = DatasetUse(dataset=Ref("shelf", "dataset", "d/1"))
    shelf.shelf.put(a_run("a", "finished", datasets=(use,)))
    deliver(shelf, naming(run("a")))
    assert take(shelf).streams == ["things"]
    assert due_streams(shelf) == ["things"]
    deliver(shelf, naming(run("a")))
    assert take(shelf).streams == []


def test_kinds_that_are_relisted_are_not_read(office: Office) -> None:
    office.only_the_shelf()
    hear(office, relisted={"board": frozenset({"things"})})
    office.sync()
    deliver(office, naming(Ref("shelf", "board", "1")), naming(Ref("shelf", "board", "2")))
    taken = take(office)
    assert (taken.done, taken.read, taken.requests) == (2, 0, 0)
    assert (due_streams(office), due_projects(office)) == (["things"], [])


def test_what_two_streams_may_hold_is_listed_when_it_is_new(office: Office) -> None:
    office.only_the_shelf()
    hear(office, streams={"things": frozenset({"run"}), "others": frozenset({"run"})})
    office.shelf.put(a_run("a", "finished"))
    office.pull()
    office.shelf.put(a_run("a", "failed"), a_run("b", "failed"))
    deliver(office, naming(run("a"), run("b")))
    taken = take(office)
    assert (taken.streams, taken.projects) == (["others", "things"], ["churn"])
    assert statuses(office) == {"a": "failed"}


def test_taking_in_leaves_the_listing_as_it_was(shelf: Office) -> None:
    """Neither its cursor nor what it has proven."""
    source = shelf.workspace().sources["shelf"]
    with shelf.database.read() as tx:
        before = streams.states(tx, source.keys(source.scopes[0]))
    shelf.shelf.put(a_run("a", "failed"), a_run("c", "finished"))
    deliver(shelf, naming(run("a"), run("c")))
    take(shelf)
    with shelf.database.read() as tx:
        assert streams.states(tx, source.keys(source.scopes[0])) == before


def test_a_batch_takes_the_oldest_first(shelf: Office) -> None:
    deliver(shelf, *[naming(run(name)) for name in ("a", "b", "c")])
    assert [take(shelf, limit=2).total for _ in range(3)] == [2, 1, 0]


def test_the_trace_and_the_time_of_the_first_delivery_go_along(shelf: Office) -> None:
    shelf.shelf.put(a_run("a", "failed"))
    deliver(shelf, naming(run("b")))
    deliver(shelf, naming(run("a")), naming(run("a")))
    rows = waiting(shelf)
    take(shelf)
    with shelf.database.read() as tx:
        (mark,) = due.marked(tx)
    assert mark.since == rows[1].received_at
    assert mark.since > LONG_AGO
