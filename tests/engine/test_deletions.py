"""Deletions: absence proves nothing, a direct read does, and too many at once are a person's to confirm."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mappings.model import Dataset, Ref
from sync.deletions import most_deletes
from sync.outcome import ExitCode
from sync.store import entities

pytestmark = pytest.mark.both_databases

if TYPE_CHECKING:
    from tests.engine.conftest import Office


def dataset(ident: str, updated_at: datetime | None = None) -> Dataset:
    return Dataset(ref=Ref("shelf", "dataset", ident), name=ident, updated_at=updated_at)


@pytest.fixture
def shelf(office: Office) -> Office:
    """An office with ten datasets on its shelf, pulled once, that lists everything at each pull."""
    office.only_the_shelf()
    office.limits = msgspec.structs.replace(office.limits, full_every=timedelta())
    office.shelf.put(*(dataset(f"d{number}") for number in range(10)))
    office.pull()
    return office


def stored(office: Office, source: str = "shelf", kind: str = "dataset") -> set[str]:
    found = office.workspace().sources[source]
    with office.database.read() as tx:
        loaded = entities.load(tx, [key for scope in found.scopes for key in found.keys(scope)])
    return {one.ref.id for one in loaded if one.ref.kind == kind}


def alive(office: Office, *refs: Ref) -> set[str]:
    with office.database.read() as tx:
        return {one.ref.id for one in entities.get(tx, refs)}


def missing(office: Office, source: str = "shelf") -> set[str]:
    found = office.workspace().sources[source]
    with office.database.read() as tx:
        return {ref.id for ref in entities.missing(tx, [key for scope in found.scopes for key in found.keys(scope)])}


def remove(office: Office, *idents: str) -> None:
    for ident in idents:
        del office.shelf.things[dataset(ident).ref]


def test_what_is_proven_gone_is_buried_and_comes_back_when_seen(shelf: Office) -> None:
    remove(shelf, "d3")
    result = shelf.pull()
    assert result.exit_code is ExitCode.DONE
    assert [event.deleted for event in result.pulled["shelf"].events] == [1]
    assert stored(shelf) == {f"d{number}" for number in range(10)} - {"d3"}
    assert shelf.shelf.reads == [dataset("d3").ref]
    shelf.pull()
    assert shelf.shelf.reads == [dataset("d3").ref]
    shelf.shelf.put(dataset("d3"))
    shelf.pull()
    assert "d3" in stored(shelf)


def test_what_is_absent_and_still_there_is_kept_and_unknown_until_it_is_listed(shelf: Office) -> None:
    ref = dataset("d3").ref
    shelf.shelf.unlisted.add(ref)
    assert shelf.pull().exit_code is ExitCode.DONE
    assert "d3" in stored(shelf)
    assert missing(shelf) == {"d3"}
    shelf.pull()
    assert missing(shelf) == {"d3"}
    shelf.shelf.unlisted.clear()
    shelf.pull()
    assert "d3" in stored(shelf)
    assert missing(shelf) == set()


def test_a_listing_that_shows_nothing_of_what_is_there_takes_nothing_away(shelf: Office) -> None:
    shelf.shelf.unlisted.update(shelf.shelf.things)
    shelf.pull()
    assert len(stored(shelf)) == len(missing(shelf)) == 10


def test_what_another_stream_still_lists_only_leaves_the_stream(office: Office) -> None:
    office.only_the_shelf()
    office.limits = msgspec.structs.replace(office.limits, full_every=timedelta())
    office.connection = office.shelf.connection(streams={"things": office.shelf.KINDS, "again": office.shelf.KINDS})
    office.shelf.put(dataset("d1"), dataset("d2"))
    office.pull()
    office.shelf.unlisted_by = {"again": {dataset("d1").ref}}
    office.pull()
    assert stored(office) == {"d1", "d2"}
    assert missing(office) == set()
    office.shelf.unlisted.add(dataset("d1").ref)
    office.pull()
    assert stored(office) == {"d1", "d2"}
    assert missing(office) == {"d1"}


def test_a_gap_in_the_index_of_tickets_withdraws_nothing(office: Office) -> None:
    ticket = office.ticket("bad")
    office.limits = msgspec.structs.replace(office.limits, full_every=timedelta())
    office.sync()
    written = office.writes
    office.jira.searchable.remove(int(office.ref(ticket).id))
    office.sync()
    assert office.field(ticket) == "Bad"
    assert office.writes == written
    assert missing(office, "jira") == {office.ref(ticket).id}


def test_good_news_of_a_ticket_that_is_lost_to_the_listing_is_held_and_then_taken_back(office: Office) -> None:
    ticket = office.ticket("good")
    number = office.propose(ticket)[1]
    office.limits = msgspec.structs.replace(office.limits, full_every=timedelta())
    office.sync()
    lost = office.jira.searchable.issues[int(office.ref(ticket).id)]
    office.jira.searchable.remove(lost.id)
    office.sync()
    assert (office.field(ticket), office.labels(number)) == ("Good", {"ml/good"})
    office.unknown_after = timedelta()
    office.sync()
    assert (office.field(ticket), office.labels(number)) == ("Unknown", set())
    office.jira.searchable.put(lost)
    office.sync()
    assert (office.field(ticket), office.labels(number)) == ("Good", {"ml/good"})


def test_leavers_count_as_the_deleted_do_and_go_once_a_person_confirms(office: Office) -> None:
    office.jira.add_project("OTHER", "Another project")
    tickets = [office.ticket() for _ in range(10)]
    office.limits = msgspec.structs.replace(office.limits, full_every=timedelta())
    office.pull()
    for ticket in tickets[:3]:
        office.jira.move(ticket, "OTHER")
    result = office.pull()
    assert result.exit_code is ExitCode.REFUSED
    assert "3 of 10 objects are gone or have left the scope" in result.pulled["jira"].findings[0].text
    assert len(stored(office, "jira", "work_item")) == 10
    assert len(missing(office, "jira")) == 3
    office.limits = msgspec.structs.replace(office.limits, force=True)
    assert office.pull().exit_code is ExitCode.DONE
    assert len(stored(office, "jira", "work_item")) == 7


def test_a_ticket_that_moved_between_two_scopes_leaves_the_first(office: Office) -> None:
    office.jira.add_project("OTHER", "Another project")
    office.projects = {
        "churn": {"scopes": {"jira": {"projects": ["ML"]}}},
        "other": {"scopes": {"jira": {"projects": ["OTHER"]}}},
    }
    tickets = [office.ticket() for _ in range(6)]
    office.pull()
    office.jira.move(tickets[1], "OTHER")
    office.pull("other")  # tells of the move before the first scope is listed whole
    office.limits = msgspec.structs.replace(office.limits, full_every=timedelta())
    office.pull()
    assert missing(office, "jira") == set()
    result = office.plan("churn")
    assert len([ref for ref in result.projects[0].assessment.graph.entities if ref.kind == "work_item"]) == 5


def test_what_changed_while_it_was_listed_may_have_slipped_through(shelf: Office) -> None:
    ref = dataset("d3").ref
    shelf.shelf.put(dataset("d3", updated_at=datetime.now(UTC) + timedelta(hours=1)))
    shelf.shelf.unlisted.add(ref)
    shelf.pull()
    assert "d3" in stored(shelf)
    assert missing(shelf) == set()


def test_too_many_are_refused_and_unknown_until_a_person_confirms(shelf: Office) -> None:
    remove(shelf, "d1", "d2", "d3")
    result = shelf.pull()
    assert result.exit_code is ExitCode.REFUSED
    (finding,) = result.pulled["shelf"].findings
    assert finding.safety
    assert "3 of 10 objects are gone, more than safety.max_deletes = 20%" in finding.text
    assert "--force" in str(finding.fix)
    assert len(stored(shelf)) == 10
    assert missing(shelf) == {"d1", "d2", "d3"}
    shelf.limits = msgspec.structs.replace(shelf.limits, force=True)
    assert shelf.pull().exit_code is ExitCode.DONE
    assert len(stored(shelf)) == 7


def test_a_refused_deletion_that_was_none_is_forgotten(shelf: Office) -> None:
    gone = {ident: shelf.shelf.things[dataset(ident).ref] for ident in ("d1", "d2", "d3")}
    remove(shelf, *gone)
    shelf.pull()
    shelf.shelf.put(*gone.values())
    assert shelf.pull().exit_code is ExitCode.DONE
    assert missing(shelf) == set()


def test_a_scope_that_emptied_is_not_asked_for_one_by_one(office: Office) -> None:
    office.only_the_shelf()
    office.limits = msgspec.structs.replace(office.limits, full_every=timedelta())
    office.shelf.page_size = 1_000
    office.shelf.put(*(dataset(f"d{number:03}") for number in range(300)))
    office.pull()
    office.shelf.things.clear()
    result = office.pull()
    assert result.exit_code is ExitCode.REFUSED
    assert "at least 100 of 300" in result.pulled["shelf"].findings[0].text
    assert len(office.shelf.reads) == 100
    assert len(stored(office)) == 300


def test_what_is_not_answered_for_is_kept_and_unknown(shelf: Office) -> None:
    shelf.shelf.hidden = True
    assert shelf.pull().exit_code is ExitCode.DONE
    assert len(stored(shelf)) == 10
    assert len(missing(shelf)) == 10
    shelf.shelf.hidden = False
    shelf.pull()
    assert missing(shelf) == set()


def test_a_deleted_ticket_is_buried_and_a_moved_one_leaves(office: Office) -> None:
    office.jira.add_project("OTHER", "Another project")
    tickets = [office.ticket() for _ in range(10)]
    office.limits = msgspec.structs.replace(office.limits, full_every=timedelta())
    office.pull()
    deleted, moved = office.ref(tickets[0]), office.ref(tickets[1])
    office.jira.delete(tickets[0])
    office.jira.move(tickets[1], "OTHER")
    assert office.pull().exit_code is ExitCode.DONE
    assert len(stored(office, "jira", "work_item")) == 8
    assert alive(office, deleted, moved) == {moved.id}


def test_a_hidden_project_deletes_nothing(office: Office) -> None:
    for _ in range(6):
        office.ticket("bad")
    office.limits = msgspec.structs.replace(office.limits, full_every=timedelta())
    office.sync()
    written = office.writes
    office.jira.change_project("ML", hidden=True)
    assert office.sync().exit_code is ExitCode.PARTIAL
    assert len(stored(office, "jira", "work_item")) == 6
    assert office.writes == written
    office.jira.change_project("ML", hidden=False)
    assert office.sync().exit_code is ExitCode.DONE
    assert office.writes == written


def test_a_project_that_a_search_no_longer_shows_deletes_nothing(office: Office) -> None:
    office.jira.add_project("OTHER", "Another project")
    office.jira.add_issue("OTHER", "Stays visible")
    office.scopes["jira"] = {"jql": "created > '2000-01-01'"}
    tickets = [office.ticket("bad") for _ in range(3)]
    office.limits = msgspec.structs.replace(office.limits, full_every=timedelta())
    office.sync()
    written = office.writes
    refs = [office.ref(ticket) for ticket in tickets]
    office.jira.change_project("ML", hidden=True)
    office.sync()
    assert alive(office, *refs) == {ref.id for ref in refs}
    assert missing(office, "jira") >= {ref.id for ref in refs}
    assert office.writes == written
    assert office.field(tickets[0]) == "Bad"
    office.jira.change_project("ML", hidden=False)
    office.sync()
    assert missing(office, "jira") == set()
    assert office.writes == written


def test_a_repository_that_went_private_deletes_nothing(office: Office) -> None:
    number = office.github.add_issue("example/churn", "Drift", labels=["bad"])
    office.limits = msgspec.structs.replace(office.limits, full_every=timedelta())
    office.sync()
    written = office.writes
    office.github.make_private("example/churn")
    office.github.grant("milepost-bot", "example/churn", None)
    assert office.sync().exit_code is ExitCode.PARTIAL
    assert len(stored(office, "github", "work_item")) == 1
    assert office.labels(number) == {"bad", "ml/bad"}
    assert office.writes == written


@given(st.floats(0, 1), st.integers(0, 10_000))
def test_the_allowance_is_the_share_and_at_least_one(share: float, members: int) -> None:
    most = most_deletes(share, members)
    assert most == 0 if share == 0 else most <= max(1, share * members)
    assert most >= (share > 0)
