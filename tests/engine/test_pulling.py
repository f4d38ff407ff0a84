"""Pulling: what interrupts a listing does not lose it, and what fails stops nothing else."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from sqlalchemy import update

from connectors.base import Batch, Options, SourceContext
from connectors.errors import RateLimited, Unavailable
from mappings.model import Dataset, Ref
from sandbox.faults import Fault, html_page
from sync.moments import CLOCK_SKEW
from sync.outcome import ExitCode
from sync.store import entities, leases, streams
from sync.store.leases import LeaseHeld
from sync.store.schema import lease, stream
from sync.store.streams import StreamState

pytestmark = pytest.mark.both_databases

if TYPE_CHECKING:
    from tests.engine.conftest import Office

SECRET = "token-in-a-message"


class Killed(BaseException):
    """As good as a kill: nothing of ours catches it."""


def dataset(ident: str) -> Dataset:
    return Dataset(ref=Ref("shelf", "dataset", ident), name=ident)


def states(office: Office, source: str) -> list[StreamState]:
    found = office.workspace().sources[source]
    with office.database.read() as tx:
        return streams.states(tx, [key for scope in found.scopes for key in found.keys(scope)])


def stored(office: Office, source: str = "shelf") -> list[str]:
    found = office.workspace().sources[source]
    with office.database.read() as tx:
        return [one.ref.id for one in entities.load(tx, [key for scope in found.scopes for key in found.keys(scope)])]


def set_ahead(office: Office, names: str) -> None:
    """As if these times had been stored while the clock was ten years ahead."""
    with office.database.write() as tx:
        ahead = office.database.now(tx) + timedelta(days=3650)
        tx.execute(update(stream).values(dict.fromkeys(names.split(), ahead)))


def is_complete(state: StreamState) -> bool:
    return state.complete_at is not None and state.sweep_started_at is not None and state.complete_at >= state.sweep_started_at


def test_a_connectors_mistake_fails_its_stream_and_nothing_else(office: Office) -> None:
    office.scopes["shelf"] = {"prefix": ""}
    ticket = office.ticket("bad")

    def fail(stop: threading.Event, page: int) -> None:
        raise KeyError(SECRET)

    office.shelf.before_page = fail
    result = office.sync()
    assert result.exit_code is ExitCode.PARTIAL
    assert office.field(ticket) == "Bad"
    (finding,) = result.pulled["shelf"].findings
    assert finding.text == "pulling things ended in an unexpected KeyError"
    assert "mistake of the connector" in str(finding.fix)
    (state,) = states(office, "shelf")
    assert "KeyError" in str(state.error)
    assert SECRET not in str(state.error) + str(result.pulled)
    office.shelf.before_page = lambda stop, page: None
    assert office.sync().exit_code is ExitCode.DONE
    assert states(office, "shelf")[0].error is None


def test_a_connector_that_cannot_be_opened_fails_all_its_streams(office: Office) -> None:
    office.only_the_shelf()
    office.connection = msgspec.structs.replace(office.connection, reader=lambda context: 1 / 0)
    result = office.pull()
    assert result.exit_code is ExitCode.PARTIAL
    assert [(event.stream, event.state) for event in result.pulled["shelf"].events] == [("things", "failed")]
    assert "ZeroDivisionError" in result.pulled["shelf"].findings[0].text


def test_a_source_that_is_down_leaves_the_others_and_what_it_told_before(office: Office) -> None:
    ticket = office.ticket("bad")
    office.sync()
    office.github.faults.append(Fault(html_page(404), path="*", times=1_000))
    result = office.pull()
    assert result.exit_code is ExitCode.PARTIAL
    assert not result.pulled["jira"].failed
    assert {event.state for event in result.pulled["github"].events} == {"failed"}
    assert office.field(ticket) == "Bad"
    assert all(state.complete_at is not None and state.error for state in states(office, "github"))


def test_a_stream_that_asks_nothing_is_no_sign_of_life(office: Office) -> None:
    """As where the scope names nothing that it could read."""
    office.only_the_shelf()
    office.shelf.lose()

    class Reader:
        def __init__(self, context: SourceContext) -> None:
            self._reader = office.shelf.connection().reader(context)

        def __getattr__(self, name: str) -> Any:
            return getattr(self._reader, name)

        def pull(self, stream: str, scope: Options, cursor: str | None) -> Iterator[Batch]:
            return iter([Batch(complete=True)]) if stream == "quiet" else self._reader.pull(stream, scope, cursor)

    streams = ("first", "quiet", "second", "third")
    office.connection = office.shelf.connection(streams=dict.fromkeys(streams, office.shelf.KINDS), reader=Reader)
    events = office.pull().pulled["shelf"].events

    assert [event.state for event in events] == ["failed", "done", "failed", "failed"]
    assert len(office.shelf.pulls) == 2


def test_a_revoked_token_fails_every_stream_once(office: Office) -> None:
    office.pull()
    office.github.revoke_token("sandbox-token")
    asked = len(office.github.requests)
    result = office.pull()
    assert result.exit_code is ExitCode.PARTIAL
    assert {event.state for event in result.pulled["github"].events} == {"failed"}
    assert len({event.stream for event in result.pulled["github"].events}) == 5
    assert len(office.github.requests) - asked == 1
    assert len(result.pulled["github"].findings) == 1


def test_a_stopped_listing_resumes_and_is_complete_once_all_was_seen(office: Office) -> None:
    office.only_the_shelf()
    office.shelf.put(*(dataset(name) for name in "abcdef"))

    def stop_in_between(stop: threading.Event, page: int) -> None:
        if page == 1:
            stop.set()

    office.shelf.before_page = stop_in_between
    assert office.pull().exit_code is ExitCode.PARTIAL
    (state,) = states(office, "shelf")
    assert stored(office) == ["a", "b", "c", "d"]
    assert not is_complete(state)
    assert state.pulled_at is None
    office.stop = threading.Event()
    office.shelf.before_page = lambda stop, page: None
    office.shelf.pulls.clear()
    result = office.pull()
    (state,) = states(office, "shelf")
    assert result.exit_code is ExitCode.DONE
    assert office.shelf.pulls == ["shelf:dataset:d"]
    assert result.pulled["shelf"].events[0].records == 2
    assert stored(office) == list("abcdef")
    assert is_complete(state)
    assert state.sweep == 1


def test_what_vanished_before_a_resumed_listing_ended_is_found_gone(office: Office) -> None:
    office.only_the_shelf()
    office.shelf.put(*(dataset(name) for name in "abcdef"))
    office.pull()
    office.limits = msgspec.structs.replace(office.limits, full_every=timedelta())
    del office.shelf.things[dataset("f").ref]
    office.shelf.before_page = lambda stop, page: stop.set() if page == 0 else None
    office.pull()
    office.stop = threading.Event()
    office.shelf.before_page = lambda stop, page: None
    result = office.pull()
    assert result.pulled["shelf"].events[0].deleted == 1
    assert stored(office) == list("abcde")


def test_a_kill_between_the_last_page_and_the_proof_lists_again(office: Office) -> None:
    office.only_the_shelf()
    office.shelf.put(*(dataset(name) for name in "abcdef"))
    office.pull()
    office.limits = msgspec.structs.replace(office.limits, full_every=timedelta())
    del office.shelf.things[dataset("a").ref]

    def kill(refs: object) -> None:
        raise Killed

    office.shelf.before_read = kill
    with pytest.raises(Killed):
        office.pull()
    assert not is_complete(states(office, "shelf")[0])
    office.limits = msgspec.structs.replace(office.limits, full_every=timedelta(days=1))
    office.shelf.before_read = lambda refs: None
    result = office.pull()
    assert result.exit_code is ExitCode.DONE
    assert stored(office) == list("bcdef")
    assert is_complete(states(office, "shelf")[0])
    office.shelf.pulls.clear()
    office.pull()
    assert office.shelf.pulls == ["end"]


@pytest.mark.parametrize("known", ["sweep_started_at complete_at pulled_at", "sweep_started_at", "pulled_at"])
def test_everything_is_listed_anew_once_the_clock_was_set_back(office: Office, known: str) -> None:
    office.only_the_shelf()
    office.shelf.put(*(dataset(name) for name in "abcdef"))
    office.pull()
    del office.shelf.things[dataset("f").ref]
    set_ahead(office, known)
    assert [event.deleted for event in office.pull().pulled["shelf"].events] == [1]
    (state,) = states(office, "shelf")
    assert is_complete(state)
    assert state.pulled_at is not None
    assert state.pulled_at < datetime.now(UTC) + CLOCK_SKEW
    assert [event.full for event in office.pull().pulled["shelf"].events] == [False]


def test_a_listing_that_was_interrupted_after_the_clock_was_set_back_goes_on(office: Office) -> None:
    office.only_the_shelf()
    office.shelf.put(*(dataset(name) for name in "abcdef"))
    office.pull()
    set_ahead(office, "sweep_started_at complete_at pulled_at")
    office.shelf.before_page = lambda stop, page: stop.set() if page == 1 else None
    office.pull()
    office.stop = threading.Event()
    office.shelf.before_page = lambda stop, page: None
    office.shelf.pulls.clear()
    assert [event.full for event in office.pull().pulled["shelf"].events] == [True]
    assert office.shelf.pulls == ["shelf:dataset:d"]
    assert states(office, "shelf")[0].sweep == 2
    assert is_complete(states(office, "shelf")[0])


def test_a_repository_that_appears_later_completes_the_listing(office: Office) -> None:
    office.scopes["github"] = {"repositories": ["example/churn", "example/later"]}
    assert office.pull().exit_code is ExitCode.PARTIAL
    assert not any(is_complete(state) for state in states(office, "github"))
    office.github.add_repository("example/later")
    assert office.pull().exit_code is ExitCode.DONE
    assert all(is_complete(state) for state in states(office, "github"))


def test_errors_of_the_protocol_are_told_with_their_fix(office: Office) -> None:
    office.only_the_shelf()

    def wait(stop: threading.Event, page: int) -> None:
        raise RateLimited("shelf", "asked to wait", until=office.run().started_at, fix="run again then")

    office.shelf.before_page = wait
    result = office.pull()
    assert [(finding.text, finding.fix) for finding in result.pulled["shelf"].findings] == [("asked to wait", "run again then")]
    assert result.exit_code is ExitCode.PARTIAL


def test_a_failed_pull_keeps_its_cursor(office: Office) -> None:
    office.only_the_shelf()
    office.shelf.put(*(dataset(name) for name in "abcdef"))

    def fail(stop: threading.Event, page: int) -> None:
        if page == 2:
            raise Unavailable("shelf", "fell over")

    office.shelf.before_page = fail
    office.pull()
    assert states(office, "shelf")[0].cursor == "shelf:dataset:d"
    office.shelf.before_page = lambda stop, page: None
    office.pull()
    assert office.shelf.pulls == [None, "shelf:dataset:d"]
    assert is_complete(states(office, "shelf")[0])


def test_one_scope_is_pulled_by_one_run_at_a_time(office: Office) -> None:
    office.only_the_shelf()
    (source,) = office.workspace().sources_of(office.workspace().projects)
    name = f"pull:shelf:{source.scopes[0].hash}"
    held = leases.acquire(
        office.database, name, holder="another-run", ttl=timedelta(hours=1), wait=timedelta(), stop=threading.Event()
    )
    with pytest.raises(LeaseHeld, match="another-run"):
        office.pull()
    assert office.shelf.pulls == []
    leases.release(office.database, held)
    assert office.pull().exit_code is ExitCode.DONE


def test_a_run_that_overslept_stores_nothing_over_its_successor(office: Office) -> None:
    office.only_the_shelf()
    office.shelf.put(*(dataset(name) for name in "abcdef"))

    def oversleep(stop: threading.Event, page: int) -> None:
        if page == 1:
            with office.database.write() as tx:
                tx.execute(update(lease).values(token=lease.c.token + 1, holder="another-run"))

    office.shelf.before_page = oversleep
    result = office.pull()
    assert result.exit_code is ExitCode.PARTIAL
    assert "was lost" in result.pulled["shelf"].findings[0].text
    assert not {"c", "d", "e", "f"} & set(stored(office))
    assert states(office, "shelf")[0].error is None


def test_scopes_that_projects_share_are_read_once(office: Office) -> None:
    office.projects = {key: {"scopes": {"shelf": {"prefix": ""}}} for key in ("one", "two")}
    office.shelf.put(dataset("a"))
    office.pull()
    assert office.shelf.pulls == [None]
    assert office.pull("two").exit_code is ExitCode.DONE
    assert office.shelf.pulls == [None, "end"]


def test_another_translation_lists_everything_anew(office: Office) -> None:
    office.only_the_shelf()
    office.shelf.put(dataset("a"))
    office.pull()
    office.connection = msgspec.structs.replace(office.connection, version=2)
    office.pull()
    assert office.shelf.pulls == [None, None]
    (state,) = states(office, "shelf")
    assert state.key.mapping_version == 2
