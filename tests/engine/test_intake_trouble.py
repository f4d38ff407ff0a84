"""Whatever goes wrong with deliveries: one that is broken stops no other, and a source that is away costs none of them a try."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, cast

import msgspec
import pytest
import structlog

from connectors.errors import AuthError, BadRecord, Cancelled, NotFound, RateLimited, Unavailable
from mappings.model import Entity, Ref
from sync.settling import FIRST_RETRY, LATEST, SOONEST, TRIES
from sync.store import inbox
from sync.store.inbox import Kept
from sync.store.schema import inbox as table
from tests.engine.conftest import ShelfReader, a_run
from tests.engine.deliveries import deliver, due_projects, due_streams, hear, hurry, missing, naming, run, statuses, take, waiting

if TYPE_CHECKING:
    from tests.engine.conftest import Office


@pytest.fixture
def shelf(office: Office) -> Office:
    office.only_the_shelf()
    hear(office)
    office.shelf.put(*(a_run(name, "finished") for name in "abcdef"))
    office.pull()
    office.shelf.put(*(a_run(name, "failed") for name in "abcdef"))
    return office


def nonsense() -> Exception:
    return Unavailable("shelf", "gave no sense")


def odd() -> Exception:
    return BadRecord("shelf", "is odd")


def hidden() -> Exception:
    return NotFound("shelf", "is hidden")


def unwelcome() -> Exception:
    return AuthError("shelf", "wrong token")


def mistaken() -> Exception:
    return KeyError("a mistake")


def fail_on(office: Office, *names: str, error: Callable[[], Exception] = nonsense) -> None:
    """The shelf fails on these runs, alone or together with others."""
    broken = {run(name) for name in names}

    def ask(refs: Sequence[Ref]) -> None:
        if broken.intersection(refs):
            raise error()

    office.shelf.before_read = ask


def poison(office: Office, name: str) -> None:
    """What the shelf answers for this run is nothing that a connector may answer."""
    office.shelf.things[run(name)] = cast("Entity", object())


def soon(office: Office) -> datetime:
    """In half an hour."""
    with office.database.read() as tx:
        return office.database.now(tx) + timedelta(minutes=30)


def kept(office: Office) -> Sequence[Kept]:
    """The whole inbox, as it came."""
    with office.database.read() as tx:
        return sorted(inbox.listing(tx, states=inbox.STATES), key=lambda one: one.id)


@pytest.mark.parametrize(
    "body",
    [b"no json", b"a mistake", b'{"refs": ["no ref"]}', b"\xff", b"[" * 20_000],
    ids=["text", "mistake", "ref", "bytes", "depth"],
)
def test_a_poison_delivery_is_tried_a_few_times_and_then_dead_while_newer_ones_pass(shelf: Office, body: bytes) -> None:
    deliver(shelf, body)
    for number, name in enumerate("abcde"):
        deliver(shelf, naming(run(name)))
        taken = take(shelf)
        assert taken.done == 1
        assert statuses(shelf)[name] == "failed"
        poison = kept(shelf)[0]
        assert poison.tries == number + 1
        assert (taken.dead, taken.failed) == ((1, 0) if poison.tries == TRIES else (0, 1))
        hurry(shelf)
    assert (poison.state, poison.retry_at) == ("dead", None)
    assert poison.error
    assert take(shelf).total == 0


def test_a_poison_delivery_waits_ever_longer(shelf: Office) -> None:
    deliver(shelf, b"no json")
    waits = []
    for _ in range(TRIES - 1):
        with shelf.database.read() as tx:
            before = shelf.database.now(tx)
        take(shelf)
        assert take(shelf).total == 0
        (poison,) = kept(shelf)
        assert poison.retry_at is not None
        waits.append(round((poison.retry_at - before) / FIRST_RETRY))
        hurry(shelf)
    assert waits == [1, 4, 16, 64]


def test_what_waits_for_a_source_of_another_type_now_dies(shelf: Office) -> None:
    deliver(shelf, naming(run("a")))
    shelf.connection = shelf.shelf.connection(receiver=None)
    for _ in range(TRIES):
        take(shelf)
        hurry(shelf)
    (dead,) = kept(shelf)
    assert (dead.state, dead.error) == ("dead", "shelf: a source of type shelf sends no webhooks")


def test_each_failure_of_a_delivery_is_told_and_that_it_is_dead(shelf: Office) -> None:
    deliver(shelf, b"no json")
    with structlog.testing.capture_logs() as logged:
        for _ in range(TRIES):
            take(shelf)
            hurry(shelf)
    (dead,) = kept(shelf)
    told = [line for line in logged if line["event"] in ("intake.failed", "intake.dead")]
    assert [(line["log_level"], line["tries"]) for line in told] == [
        ("warning", 1),
        ("warning", 2),
        ("warning", 3),
        ("warning", 4),
        ("error", 5),
    ]
    for line in told:
        assert (line["source"], line["id"], line["delivery"], line["kind"], line["why"]) == (
            "shelf",
            dead.id,
            dead.delivery,
            "thing.changed",
            dead.error,
        )
    assert told[-1]["fix"] == f"milepost inbox show {dead.id}"


@pytest.mark.both_databases
def test_a_record_that_nobody_can_bear_stands_alone_in_the_end(shelf: Office) -> None:
    """Whatever is taken in together with it comes through at once."""
    poison(shelf, "new")
    deliver(shelf, *(naming(run(name)) for name in ("a", "b", "new", "c", "d")), naming(run("a"), run("new")))
    with structlog.testing.capture_logs() as logged:
        taken = take(shelf)
    assert (taken.done, taken.failed) == (4, 2)
    assert [("frames" in line, line["tries"]) for line in logged if line["event"] == "intake.mistake"] == [(True, 1), (False, 1)]
    assert {name for name, status in statuses(shelf).items() if status == "failed"} == set("abcd")
    assert due_projects(shelf) == ["churn"]
    for _ in range(TRIES - 1):
        assert take(shelf).total == 0
        hurry(shelf)
        take(shelf)
    assert {(one.state, one.tries) for one in kept(shelf)} == {("done", 0), ("dead", TRIES)}
    dead = [one for one in kept(shelf) if one.state == "dead"]
    assert [one.error for one in dead] == ["an unexpected AttributeError; this is a mistake of Milepost"] * 2


@pytest.mark.parametrize("error", [nonsense, odd, hidden, mistaken, unwelcome])
def test_an_object_that_cannot_be_read_counts_for_its_own_deliveries_only(shelf: Office, error: Callable[[], Exception]) -> None:
    fail_on(shelf, "b", error=error)
    deliver(shelf, naming(run("a")), naming(run("b")), naming(run("b"), run("c")), naming(run("d")))
    taken = take(shelf)
    assert (taken.done, taken.failed, taken.postponed) == (2, 2, 0)
    assert statuses(shelf) == {"a": "failed", "b": "finished", "c": "failed", "d": "failed", "e": "finished", "f": "finished"}
    assert [one.tries for one in kept(shelf)] == [0, 1, 1, 0]
    assert due_projects(shelf) == ["churn"]


def test_an_object_that_fails_alone_in_its_batch_is_told_from_a_source_that_is_away(shelf: Office) -> None:
    """Something else can still be read."""
    fail_on(shelf, "b")
    deliver(shelf, naming(run("b")))
    for _ in range(TRIES):
        take(shelf)
        hurry(shelf)
    assert [one.state for one in kept(shelf)] == ["dead"]


def test_an_object_that_is_closed_to_us_dies_alone_and_keeps_nobody_waiting(shelf: Office) -> None:
    fail_on(shelf, "b", error=unwelcome)
    deliver(shelf, naming(run("b")))
    for name in "acdef":
        assert take(shelf).postponed == 0
        deliver(shelf, naming(run(name)))
        assert take(shelf).done == 1
        hurry(shelf)
    assert set(statuses(shelf).items()) >= {(name, "failed") for name in "acdef"}
    dead = kept(shelf)[0]
    assert (dead.state, dead.tries) == ("dead", TRIES)
    assert dead.error == "shelf: run b may not be read, though others may: wrong token"


@pytest.mark.both_databases
def test_what_lies_elsewhere_tells_a_place_that_is_closed_from_wrong_credentials(shelf: Office) -> None:
    """As when an organisation asks for another sign-in: nearly all that is stored lies there."""
    closed = [f"{place}{number}" for place in "xyz" for number in range(9)]
    shelf.shelf.put(*(msgspec.structs.replace(a_run(name, "finished"), experiment=name[0]) for name in closed))
    shelf.list_all_each_time()
    shelf.pull()
    fail_on(shelf, *closed, error=unwelcome)
    deliver(shelf, *(naming(run(name)) for name in closed if name.startswith(("x", "y"))))
    taken = take(shelf)
    assert taken.failed > 0
    assert taken.why is None
    fail_on(shelf, *closed, *"abcdef", error=unwelcome)
    deliver(shelf, naming(run("x0")))
    assert isinstance(take(shelf).why, AuthError)


@pytest.mark.parametrize("error", [nonsense, unwelcome])
def test_a_source_that_is_away_keeps_everything_and_costs_no_try(shelf: Office, error: Callable[[], Exception]) -> None:
    fail_on(shelf, *"abcdef", error=error)
    deliver(shelf, *(naming(run(name)) for name in "abcdef"), b"no json", naming())
    for _ in range(TRIES + 1):
        taken = take(shelf)
        assert taken.postponed == 6
        hurry(shelf)
    rows = kept(shelf)
    assert {(one.state, one.tries) for one in rows[:6]} == {("waiting", 0)}
    assert [one.state for one in rows[6:]] == ["dead", "dropped"]
    assert set(statuses(shelf).values()) == {"finished"}
    shelf.shelf.before_read = lambda refs: None
    assert take(shelf).done == 6
    assert set(statuses(shelf).values()) == {"failed"}


def test_few_questions_are_asked_of_a_source_that_is_down(shelf: Office) -> None:
    """Each may take its retries' time."""
    names = [f"n{number}" for number in range(200)]
    asked: list[int] = []

    def ask(refs: Sequence[Ref]) -> None:
        asked.append(len(refs))
        raise Unavailable("shelf", "is down")

    shelf.shelf.before_read = ask
    deliver(shelf, *(naming(run(name)) for name in names))
    assert take(shelf).postponed == 200
    assert len(asked) < 10


def test_many_objects_that_cannot_be_read_keep_no_other_waiting_for_long(shelf: Office) -> None:
    names = [f"n{number:03}" for number in range(100)]
    fail_on(shelf, *names)
    deliver(shelf, *(naming(run(name)) for name in names), *(naming(run(name)) for name in "abcdef"))
    batches = 0
    while set(statuses(shelf).values()) != {"failed"}:
        assert take(shelf).why is None
        batches += 1
    assert batches <= 40
    assert {one.tries for one in kept(shelf) if one.state == "waiting"} <= {0, 1}


def test_a_source_that_asks_to_wait_is_left_alone_until_then(shelf: Office) -> None:
    until = soon(shelf)
    fail_on(shelf, "c", error=lambda: RateLimited("shelf", "too many", until=until))
    deliver(shelf, naming(run("c")))
    assert take(shelf).postponed == 1
    (row,) = kept(shelf)
    assert (row.retry_at, row.tries) == (until, 0)


def test_nobody_is_left_alone_for_years(shelf: Office) -> None:
    fail_on(shelf, "c", error=lambda: RateLimited("shelf", "too many", until=datetime(2100, 1, 1, tzinfo=UTC)))
    deliver(shelf, naming(run("c")))
    take(shelf)
    (row,) = kept(shelf)
    assert row.retry_at is not None
    assert row.retry_at <= soon(shelf) + inbox.LONGEST


def test_what_comes_while_a_source_is_left_alone_waits_as_well_and_asks_nothing(shelf: Office) -> None:
    until = soon(shelf)
    fail_on(shelf, "c", error=lambda: RateLimited("shelf", "too many", until=until))
    deliver(shelf, naming(run("c")))
    take(shelf)
    asked: list[Sequence[Ref]] = []
    shelf.shelf.before_read = asked.append
    deliver(shelf, naming(run("a")), naming())
    taken = take(shelf)
    assert (taken.postponed, taken.dropped, asked) == (1, 1, [])
    assert [one.retry_at for one in kept(shelf)] == [until, until, None]
    with shelf.database.write() as tx:
        assert inbox.retry(tx, [kept(shelf)[1].id]) == 1
    assert take(shelf).done == 2
    assert asked == [[run("a"), run("c")]]


def test_a_source_that_is_away_is_asked_again_soon_and_then_more_rarely(shelf: Office) -> None:
    fail_on(shelf, *"abcdef", error=unwelcome)
    deliver(shelf, naming(run("a")))
    take(shelf)
    (row,) = kept(shelf)
    assert row.retry_at is not None
    assert timedelta() < row.retry_at - row.received_at <= SOONEST + timedelta(minutes=1)
    with shelf.database.write() as tx:
        tx.execute(table.update().values(received_at=row.received_at - timedelta(days=1), retry_at=None))
        now = shelf.database.now(tx)
    take(shelf)
    (row,) = kept(shelf)
    assert row.retry_at is not None
    assert LATEST <= row.retry_at - now <= LATEST + timedelta(minutes=1)


def test_a_source_that_cannot_be_opened_keeps_what_has_to_be_read(shelf: Office) -> None:
    def shut(context: object) -> ShelfReader:
        raise AuthError("shelf", "no credentials")

    hear(shelf, reader=shut, relisted={"board": frozenset({"things"})})
    deliver(shelf, naming(run("a")), naming(Ref("shelf", "board", "1")))
    taken = take(shelf)
    assert (taken.done, taken.postponed) == (1, 1)
    assert due_streams(shelf) == ["things"]


def test_a_scope_that_cannot_be_asked_is_listed_instead(shelf: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: ShelfReader, refs: Sequence[Ref], scope: object) -> Collection[Ref]:
        raise Unavailable("shelf", "the search is broken")

    monkeypatch.setattr(ShelfReader, "outside", broken)
    shelf.shelf.put(a_run("new", "failed"))
    deliver(shelf, naming(run("new")), naming(run("a")))
    taken = take(shelf)
    assert (taken.done, taken.streams) == (2, ["things"])
    assert "new" not in statuses(shelf)
    assert statuses(shelf)["a"] == "failed"


@pytest.mark.parametrize("error", [nonsense, unwelcome])
def test_what_a_scope_cannot_be_asked_about_alone_is_listed_and_the_others_join(
    shelf: Office, monkeypatch: pytest.MonkeyPatch, error: Callable[[], Exception]
) -> None:
    def closed(self: ShelfReader, refs: Sequence[Ref], scope: object) -> Collection[Ref]:
        if run("closed") in refs:
            raise error()
        return []

    monkeypatch.setattr(ShelfReader, "outside", closed)
    shelf.shelf.put(a_run("closed", "failed"), *(a_run(name, "failed") for name in "xyz"))
    deliver(shelf, *(naming(run(name)) for name in ("closed", "x", "y", "z")))
    taken = take(shelf)
    assert (taken.done, taken.streams, taken.why) == (4, ["things"], None)
    assert statuses(shelf).keys() == set("abcdefxyz")


def test_few_questions_are_asked_of_a_scope_that_answers_none(shelf: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def broken(self: ShelfReader, refs: Sequence[Ref], scope: object) -> Collection[Ref]:
        asked.append(len(refs))
        raise Unavailable("shelf", "the search is broken")

    monkeypatch.setattr(ShelfReader, "outside", broken)
    names = [f"n{number}" for number in range(40)]
    shelf.shelf.put(*(a_run(name, "failed") for name in names))
    deliver(shelf, *(naming(run(name)) for name in names))
    assert take(shelf).done == 40
    assert len(asked) < 6
    assert due_streams(shelf) == ["things"]


def test_not_more_leaves_at_once_than_a_listing_may_take_away(shelf: Office) -> None:
    """What has left is told by the next listing, with everything that guards it; until then what rests on it is unknown."""
    shelf.shelf.unmatched = {run(name) for name in "abcdef"}
    shelf.shelf.put(*(msgspec.structs.replace(a_run(name, "failed"), experiment="elsewhere") for name in "abcdef"))
    deliver(shelf, *(naming(run(name)) for name in "abcdef"))
    assert take(shelf).done == 6
    assert statuses(shelf).keys() == missing(shelf) == set("abcdef")
    shelf.list_all_each_time()
    shelf.pull()
    assert statuses(shelf).keys() == missing(shelf) == set("abcdef")
    shelf.top["safety"] = {"max_deletes": 1.0}
    shelf.pull()
    assert statuses(shelf) == {}


def test_one_that_is_asked_to_stop_has_done_nothing(shelf: Office) -> None:
    deliver(shelf, naming(run("a")), b"no json")
    shelf.stop.set()
    with pytest.raises(Cancelled):
        take(shelf)
    assert [(one.state, one.tries) for one in kept(shelf)] == [("waiting", 0)] * 2
    assert len(waiting(shelf)) == 2
