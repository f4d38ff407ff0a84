"""What is still there and belongs to its scope no more: let go by the source's own word, and never for a gap of an index."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
import pytest

from mappings.model import Commit, Dataset, DatasetUse, Ref, Run
from sync.outcome import ExitCode
from sync.results import RunResult
from sync.store import entities

if TYPE_CHECKING:
    from tests.engine.conftest import Office

REPO = "example/churn"
SCOPE = "project = ML AND labels = ai"


@pytest.fixture
def searched(office: Office) -> Office:
    """An office whose tickets belong to the project by a search for a label, which lists everything at each pull."""
    office.scopes["jira"] = {"jql": SCOPE}
    office.limits = msgspec.structs.replace(office.limits, full_every=timedelta())
    return office


@pytest.fixture
def shelf(office: Office) -> Office:
    office.only_the_shelf()
    office.limits = msgspec.structs.replace(office.limits, full_every=timedelta())
    office.shelf.put(*(dataset(f"d{number}") for number in range(10)))
    office.pull()
    return office


def dataset(ident: str, updated_at: datetime | None = None) -> Dataset:
    return Dataset(ref=Ref("shelf", "dataset", ident), name=ident, updated_at=updated_at)


def members(office: Office, source: str = "jira", kind: str = "work_item") -> set[str]:
    found = office.workspace().sources[source]
    with office.database.read() as tx:
        loaded = entities.load(tx, [key for scope in found.scopes for key in found.keys(scope)])
    return {one.ref.id for one in loaded if one.ref.kind == kind}


def missing(office: Office, source: str = "jira") -> set[str]:
    found = office.workspace().sources[source]
    with office.database.read() as tx:
        return {ref.id for ref in entities.missing(tx, [key for scope in found.scopes for key in found.keys(scope)])}


def notices(result: RunResult) -> list[str]:
    return [one.text for pulled in result.pulled.values() for one in pulled.findings if one.notice]


def searches(office: Office) -> int:
    return sum(request.path.endswith("/search/jql") for request in office.jira.requests)


# -- tickets ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lag", [0, math.inf], ids=["at once", "while search lags"])
def test_what_we_showed_on_a_ticket_that_stopped_matching_is_taken_back(searched: Office, lag: float) -> None:
    leaver, stayer = searched.ticket("ai", "bad"), searched.ticket("ai", "bad")
    searched.sync()
    assert (searched.field(leaver), searched.field(stayer)) == ("Bad", "Bad")
    searched.jira.edit(leaver, labels=["bad"])
    searched.jira.lag = lag
    result = searched.sync()
    assert result.exit_code is ExitCode.DONE
    assert searched.field(leaver) is None
    assert searched.property(leaver) is None
    assert searched.field(stayer) == "Bad"
    assert members(searched) == {searched.ref(stayer).id}
    assert missing(searched) == set()
    assert notices(result) == []
    written = searched.writes
    assert searched.sync().exit_code is ExitCode.DONE
    assert searched.writes == written
    assert missing(searched) == set()


def test_a_label_that_search_still_finds_after_it_was_taken_away_is_a_listing_behind(searched: Office) -> None:
    ticket, _ = searched.ticket("ai", "bad"), searched.ticket("ai")
    searched.sync()
    searched.jira.lag = math.inf
    searched.jira.edit(ticket, labels=["bad"])
    searched.sync()
    assert searched.ref(ticket).id in members(searched)
    searched.jira.index()
    searched.sync()
    assert searched.field(ticket) is None
    assert missing(searched) == set()


def test_a_label_that_search_does_not_find_yet_is_found_by_the_question(searched: Office) -> None:
    ticket, _ = searched.ticket("ai", "bad"), searched.ticket("ai")
    searched.sync()
    searched.jira.edit(ticket, labels=["bad"])
    searched.jira.lag = math.inf
    searched.jira.edit(ticket, labels=["ai", "bad"])
    searched.pull()
    assert searched.ref(ticket).id in members(searched)
    searched.jira.index()
    searched.sync()
    assert searched.field(ticket) == "Bad"
    assert missing(searched) == set()


def test_a_ticket_that_matches_again_is_shown_again(searched: Office) -> None:
    ticket, _ = searched.ticket("ai", "bad"), searched.ticket("ai")
    searched.sync()
    searched.jira.edit(ticket, labels=["bad"])
    searched.sync()
    searched.jira.edit(ticket, labels=["ai", "bad"])
    assert searched.sync().exit_code is ExitCode.DONE
    assert searched.field(ticket) == "Bad"
    assert missing(searched) == set()


@pytest.mark.parametrize("scope", [{"jql": SCOPE}, {"projects": ["ML"]}], ids=["search", "project"])
def test_a_gap_in_the_index_lets_nothing_go_and_says_so(searched: Office, scope: dict[str, object]) -> None:
    searched.scopes["jira"] = scope
    lost = [searched.ticket("ai", "bad") for _ in range(2)]
    searched.ticket("ai")
    searched.sync()
    written = searched.writes
    for ticket in lost:
        searched.jira.searchable.remove(int(searched.ref(ticket).id))
    for _ in range(2):
        result = searched.sync()
        assert result.exit_code is ExitCode.DONE
        (notice,) = notices(result)
        assert "2 objects were not listed though they are there; what rests on them is unknown until they are" in notice
        assert missing(searched) == {searched.ref(ticket).id for ticket in lost}
        assert searched.field(lost[0]) == "Bad"
    assert searched.writes == written
    for ticket in lost:
        searched.jira.searchable.put(searched.jira.issues[int(searched.ref(ticket).id)])
    assert notices(searched.sync()) == []
    assert missing(searched) == set()
    assert len(members(searched)) == 3


def test_a_ticket_in_a_gap_and_one_that_stopped_matching_are_told_apart(searched: Office) -> None:
    lost, leaver = searched.ticket("ai"), searched.ticket("ai")
    searched.ticket("ai")
    searched.pull()
    searched.jira.searchable.remove(int(searched.ref(lost).id))
    searched.jira.edit(leaver, labels=[])
    (notice,) = notices(searched.pull())
    assert "1 object was not listed though it is there; what rests on it is unknown until it is" in notice
    assert missing(searched) == {searched.ref(lost).id}
    assert searched.ref(leaver).id not in members(searched)


def test_an_archived_ticket_leaves(searched: Office) -> None:
    searched.scopes["jira"] = {"projects": ["ML"]}
    archived, kept = searched.ticket(), searched.ticket()
    searched.pull()
    searched.jira.archive(archived)
    searched.pull()
    assert members(searched) == {searched.ref(kept).id}
    assert missing(searched) == set()


def test_too_many_that_stop_matching_at_once_are_refused_and_forgotten_when_they_match_again(searched: Office) -> None:
    tickets = [searched.ticket("ai", "bad") for _ in range(10)]
    searched.sync()
    written = searched.writes
    for ticket in tickets[:3]:
        searched.jira.edit(ticket, labels=["bad"])
    result = searched.sync()
    assert result.exit_code is ExitCode.REFUSED
    (finding,) = result.pulled["jira"].findings
    assert "3 of 10 objects are gone or have left the scope, more than safety.max_deletes = 20%" in finding.text
    assert len(members(searched)) == 10
    assert len(missing(searched)) == 3
    assert searched.field(tickets[0]) == "Bad"
    for ticket in tickets[:3]:
        searched.jira.edit(ticket, labels=["ai", "bad"])
    assert searched.sync().exit_code is ExitCode.DONE
    assert missing(searched) == set()
    assert searched.writes == written


def test_too_many_that_stop_matching_go_once_a_person_confirms(searched: Office) -> None:
    tickets = [searched.ticket("ai", "bad") for _ in range(10)]
    searched.sync()
    for ticket in tickets[:3]:
        searched.jira.edit(ticket, labels=["bad"])
    assert searched.sync().exit_code is ExitCode.REFUSED
    searched.limits = msgspec.structs.replace(searched.limits, force=True)
    searched.sync()
    assert len(members(searched)) == 7
    assert missing(searched) == set()
    assert [searched.field(ticket) for ticket in tickets[2:4]] == [None, "Bad"]


def test_who_left_is_asked_for_in_groups(searched: Office) -> None:
    """Of 60 candidates: a page of the listing, a bulk read, and two questions of at most 50 ids."""
    tickets = [searched.ticket("ai") for _ in range(90)]
    searched.pull()
    for ticket in tickets[:60]:
        searched.jira.searchable.remove(int(searched.ref(ticket).id))
    before = searches(searched)
    asked = len(searched.jira.requests)
    searched.pull()
    assert searches(searched) - before == 3
    assert sum(request.path.endswith("/bulkfetch") for request in searched.jira.requests[asked:]) == 1
    assert len(missing(searched)) == 60


# -- commits ---------------------------------------------------------------------------------------------------------------


def test_a_merge_that_a_forced_push_dropped_is_known_as_dropped(office: Office) -> None:
    office.limits = msgspec.structs.replace(office.limits, full_every=timedelta())
    base = [office.github.commit(REPO, f"Step {number}") for number in range(5)]
    _, proposal = office.propose(office.ticket())
    dropped = office.github.merge(REPO, proposal)
    office.pull()
    office.github.force_push(REPO, "main", base)
    for _ in range(2):
        assert notices(office.pull()) == []
        with office.database.read() as tx:
            (commit,) = entities.find(tx, dropped)
        assert isinstance(commit, Commit)
        assert (commit.on_default_branch, [ref.id.rpartition("/")[2] for ref in commit.change_requests]) == (False, [str(proposal)])
        assert commit.ref.id in members(office, "github", "commit")
        assert missing(office, "github") == set()


# -- any source ------------------------------------------------------------------------------------------------------------


def test_who_is_outside_leaves_without_being_buried(shelf: Office) -> None:
    ref = dataset("d3").ref
    shelf.shelf.unmatched.add(ref)
    result = shelf.pull()
    assert [event.deleted for event in result.pulled["shelf"].events] == [0]
    assert members(shelf, "shelf", "dataset") == {f"d{number}" for number in range(10)} - {"d3"}
    assert missing(shelf, "shelf") == set()
    with shelf.database.read() as tx:
        assert entities.buried(tx, [ref]) == set()
    shelf.shelf.unmatched.clear()
    shelf.pull()
    assert "d3" in members(shelf, "shelf", "dataset")


def test_only_of_what_was_asked_for_anything_follows(shelf: Office) -> None:
    shelf.shelf.unlisted.add(dataset("d3").ref)
    shelf.shelf.unmatched.update(dataset(ident).ref for ident in ("d4", "elsewhere"))
    shelf.pull()
    assert shelf.shelf.questions == [[dataset("d3").ref, dataset("d4").ref]]
    assert members(shelf, "shelf", "dataset") == {f"d{number}" for number in range(10)} - {"d4"}
    assert missing(shelf, "shelf") == {"d3"}


def test_what_changed_while_it_was_listed_is_asked_for_as_well(shelf: Office) -> None:
    soon = datetime.now(UTC) + timedelta(hours=1)
    shelf.shelf.put(dataset("d3", soon), dataset("d4", soon))
    shelf.shelf.unlisted.add(dataset("d3").ref)
    shelf.shelf.unmatched.add(dataset("d4").ref)
    assert notices(shelf.pull()) == []
    assert members(shelf, "shelf", "dataset") == {f"d{number}" for number in range(10)} - {"d4"}
    assert missing(shelf, "shelf") == set()


def test_nobody_is_asked_whether_what_is_gone_belongs(shelf: Office) -> None:
    del shelf.shelf.things[dataset("d3").ref]
    shelf.pull()
    assert shelf.shelf.questions == []


def test_what_another_stream_still_lists_only_leaves_the_stream_and_needs_no_question(office: Office) -> None:
    office.only_the_shelf()
    office.limits = msgspec.structs.replace(office.limits, full_every=timedelta())
    office.connection = office.shelf.connection(streams={"things": office.shelf.KINDS, "again": office.shelf.KINDS})
    office.shelf.put(dataset("d1"), dataset("d2"))
    office.pull()
    office.shelf.unlisted_by = {"again": {dataset("d1").ref}}
    office.pull()
    assert office.shelf.questions == []
    assert members(office, "shelf", "dataset") == {"d1", "d2"}


# -- what comes along with others ------------------------------------------------------------------------------------------


def run(ident: str, *datasets: str) -> Run:
    uses = tuple(DatasetUse(dataset=dataset(one).ref) for one in datasets)
    return Run(ref=Ref("shelf", "run", ident), run_id=ident, experiment="e", status="finished", datasets=uses)


@pytest.fixture
def lab(office: Office) -> Office:
    """A source of runs whose data sets come along with them."""
    office.only_the_shelf()
    office.limits = msgspec.structs.replace(office.limits, full_every=timedelta())
    office.connection = office.shelf.connection(along={"things": frozenset({"dataset"})})
    office.shelf.put(run("r1", "d1", "shared"), run("r2", "d2", "shared"), *map(dataset, ("d1", "d2", "shared")))
    office.pull()
    return office


def test_a_data_set_leaves_with_the_last_run_that_names_it(lab: Office) -> None:
    del lab.shelf.things[run("r1").ref]
    lab.shelf.unlisted.add(dataset("d1").ref)
    result = lab.pull()
    assert (result.exit_code, notices(result)) == (ExitCode.DONE, [])
    assert members(lab, "shelf", "dataset") == {"d2", "shared"}
    assert missing(lab, "shelf") == set()
    lab.shelf.unlisted.clear()
    lab.shelf.put(run("r3", "d1"))
    lab.pull()
    assert members(lab, "shelf", "dataset") == {"d1", "d2", "shared"}


def test_a_data_set_stays_with_a_run_that_was_not_listed(lab: Office) -> None:
    lab.shelf.unlisted.update({run("r1").ref, dataset("d1").ref})
    lab.pull()
    assert members(lab, "shelf", "dataset") == {"d1", "d2", "shared"}
    assert missing(lab, "shelf") == {"r1", "d1"}
    lab.shelf.unlisted.clear()
    lab.pull()
    assert missing(lab, "shelf") == set()


def test_a_data_set_stays_with_runs_that_can_no_longer_be_seen(lab: Office) -> None:
    lab.shelf.hidden = True
    lab.pull()
    assert members(lab, "shelf", "dataset") == {"d1", "d2", "shared"}
    assert missing(lab, "shelf") == {"r1", "r2", "d1", "d2", "shared"}


def test_a_data_set_stays_with_runs_whose_deletion_was_refused(lab: Office) -> None:
    for ident in ("r1", "r2"):
        del lab.shelf.things[run(ident).ref]
    lab.shelf.unlisted.update(dataset(one).ref for one in ("d1", "d2", "shared"))
    assert lab.pull().exit_code is ExitCode.REFUSED
    assert members(lab, "shelf", "dataset") == {"d1", "d2", "shared"}
    assert missing(lab, "shelf") == {"r1", "r2", "d1", "d2", "shared"}


def test_a_version_leaves_with_the_last_ticket_that_is_planned_for_it(searched: Office) -> None:
    searched.jira.add_version("ML", "2026.4")
    ticket, other = searched.ticket("ai", fix_versions=["2026.4"]), searched.ticket("ai")
    searched.pull()
    assert len(members(searched, kind="milestone")) == 1
    searched.jira.edit(ticket, fix_versions=[])
    result = searched.pull()
    assert (result.exit_code, notices(result)) == (ExitCode.DONE, [])
    assert members(searched, kind="milestone") == set()
    assert missing(searched) == set()
    searched.jira.edit(other, fix_versions=["2026.4"])
    searched.pull()
    assert len(members(searched, kind="milestone")) == 1
    searched.jira.searchable.remove(int(searched.ref(other).id))
    searched.pull()
    assert len(members(searched, kind="milestone")) == 1
