"""The Jira reader against the stand-in: nothing is lost, nothing is asked twice, and only what is proven gone is called gone."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from connectors.base import Batch, SourceContext
from connectors.errors import AuthError, Cancelled, NotFound, Unavailable
from connectors.jira import CONNECTION
from connectors.jira.cursor import read_cursor
from connectors.jira.options import PROPERTY, JiraOptions, JiraScope, JiraSecrets
from connectors.jira.reader import JiraReader
from mappings.change import Owned, Reading
from mappings.model import Entity, Field, Milestone, Missing, Ref, WorkItem
from sandbox.faults import Fault, answers, truncates
from sandbox.jira import JiraCloud

OPTIONS = ("Drift alert", "Model ready", "Unknown")
OWNED = Owned(field="ML Status", options=OPTIONS, property=PROPERTY)
ML = JiraScope(projects=("ML",))
LONG_AGO = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


class Counter:
    def __init__(self) -> None:
        self.requests = 0

    def request(self, *, remaining: int | None = None, limit: int | None = None, resets_at: datetime | None = None) -> None:
        self.requests += 1


@contextmanager
def opened(site: JiraCloud, owned: Owned = OWNED, stop: threading.Event | None = None, **more: Any) -> Iterator[JiraReader]:
    context = SourceContext(
        name="jira",
        options=JiraOptions(url=site.url, **more),
        secrets=JiraSecrets.model_validate({"user": site.user, "token": site.token}),
        owned=owned,
        meter=Counter(),
        stop=stop or threading.Event(),
    )
    reader = CONNECTION.reader(context)
    assert isinstance(reader, JiraReader)
    try:
        yield reader
    finally:
        reader.close()


@pytest.fixture
def site() -> Iterator[JiraCloud]:
    """A project of three issues, long unchanged, and the field that is ours."""
    cloud = JiraCloud()
    cloud.add_project("ML", "Machine learning")
    cloud.add_field("ML Status", "select", options=OPTIONS)
    for number in range(3):
        cloud.add_issue("ML", f"Issue {number}", created=LONG_AGO + timedelta(days=number))
    with cloud:
        yield cloud
    assert not [entry for entry in cloud.requests if entry.unknown_query or entry.pattern is None]


ALWAYS = {"updated": "2026-11-01T09:00:00.000+0000", "status": {"name": "Open"}, "project": {"key": "ML"}}
"""What no issue is without."""


def work_items(batches: Sequence[Batch]) -> list[WorkItem]:
    return [entity for batch in batches for entity in batch.entities if isinstance(entity, WorkItem)]


def keys(batches: Sequence[Batch]) -> list[str]:
    return [item.key for item in work_items(batches)]


def pull(site: JiraCloud, cursor: str | None = None, scope: JiraScope = ML, **more: Any) -> list[Batch]:
    with opened(site, **more) as reader:
        return list(reader.pull("issues", scope, cursor))


def searches(site: JiraCloud) -> list[dict[str, Any]]:
    return [entry.json() for entry in site.requests if entry.path.endswith("/search/jql")]


def ident(site: JiraCloud, key: str) -> Ref:
    return Ref("jira", "work_item", str(site.get(key)["id"]))


def test_a_first_pull_lists_everything_and_says_so(site: JiraCloud) -> None:
    site.edit("ML-1", fields={"ML Status": "Drift alert"}, labels=["data"], due=date(2026, 12, 1), fix_versions=["2026.4"])
    site.set_property("ML-1", PROPERTY, {"version": 1})
    batches = pull(site)
    assert sorted(keys(batches)) == ["ML-1", "ML-2", "ML-3"]
    assert batches[-1].complete
    (item,) = [item for item in work_items(batches) if item.key == "ML-1"]
    assert item.labels == ("data",)
    assert item.due == date(2026, 12, 1)
    assert "ML Status" not in item.fields
    slots = {(reading.slot.kind, reading.slot.name): reading.value for batch in batches for reading in batch.slots}
    assert slots == {("field", "ML Status"): "Drift alert", ("property", PROPERTY): {"version": 1}}
    assert all(reading.slot.target == item.ref for batch in batches for reading in batch.slots)


def test_a_pull_without_news_is_one_request_even_of_a_new_process(site: JiraCloud) -> None:
    cursor = pull(site)[-1].cursor
    before = len(site.requests)
    batches = pull(site, cursor)
    assert keys(batches) == []
    assert not batches[-1].complete
    assert [entry.path for entry in site.requests[before:]] == ["/rest/api/3/search/jql"]


def test_a_full_pull_is_one_request_a_page(site: JiraCloud) -> None:
    for number in range(3, 1000):
        site.add_issue("ML", f"Issue {number}", created=LONG_AGO + timedelta(minutes=number))
    before = len(site.requests)
    batches = pull(site)
    assert len(set(keys(batches))) == len(keys(batches)) == 1000
    assert len(searches(site)) == 10
    assert len(site.requests) - before == 13


def test_a_change_is_found_and_only_it(site: JiraCloud) -> None:
    cursor = pull(site)[-1].cursor
    site.edit("ML-2", summary="Renamed")
    batches = pull(site, cursor)
    assert [(item.key, item.title) for item in work_items(batches)] == [("ML-2", "Renamed")]
    again = pull(site, batches[-1].cursor)
    assert keys(again) == ["ML-2"]  # within the overlap: replayed, harmless


def test_a_change_that_the_index_shows_late_is_not_lost(site: JiraCloud) -> None:
    site.lag = float("inf")
    cursor = pull(site)[-1].cursor
    site.edit("ML-2", summary="Late")
    cursor = pull(site, cursor)[-1].cursor
    site.index()
    assert [item.title for item in work_items(pull(site, cursor))] == ["Late"]


@pytest.mark.parametrize("zone", ["America/Los_Angeles", "Asia/Kolkata", "Pacific/Kiritimati", None])
def test_changes_are_found_in_every_time_zone(site: JiraCloud, zone: str | None) -> None:
    site.time_zone = zone
    site.server_time_zone = "Australia/Sydney"
    cursor = pull(site)[-1].cursor
    site.edit("ML-3", summary="Changed")
    assert keys(pull(site, cursor)) == ["ML-3"]


@pytest.mark.parametrize("minutes", range(0, 181, 15))
def test_changes_are_found_while_clocks_are_set_back(site: JiraCloud, minutes: int) -> None:
    """In Berlin, 02:00 to 03:00 of 25 October 2026 comes twice: 00:00 to 02:00 UTC."""
    site.time_zone = "Europe/Berlin"
    now = datetime(2026, 10, 24, 23, 30, tzinfo=UTC) + timedelta(minutes=minutes)
    site.clock = lambda: now
    cursor = pull(site)[-1].cursor
    site.edit("ML-3", summary="Changed")
    assert keys(pull(site, cursor)) == ["ML-3"]


def test_a_change_of_the_accounts_zone_loses_nothing(site: JiraCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    site.time_zone = "Asia/Tokyo"
    cursor = pull(site)[-1].cursor
    site.edit("ML-3", summary="Changed")
    site.time_zone = "America/Los_Angeles"
    missed = pull(site, cursor)
    assert keys(missed) == []  # the zone is believed for a while …
    monkeypatch.setattr("connectors.jira.cursor.FRESH_FOR", timedelta(0))
    assert keys(pull(site, missed[-1].cursor)) == ["ML-3"]  # … and then nothing was lost


def test_a_killed_first_pull_goes_on_where_it_was(site: JiraCloud) -> None:
    for number in range(3, 500):
        site.add_issue("ML", f"Issue {number}", created=LONG_AGO + timedelta(hours=number))
    with opened(site) as reader:
        first = [batch for batch, _ in zip(reader.pull("issues", ML, None), range(2), strict=False)]
    assert not any(batch.complete for batch in first)
    site.edit("ML-1", summary="Changed meanwhile")
    added = site.add_issue("ML", "Added meanwhile")
    before = len(searches(site))
    rest = pull(site, first[-1].cursor)
    assert set(keys(first) + keys(rest)) == {f"ML-{number}" for number in range(1, 501)} | {added}
    assert rest[-1].complete
    assert len(searches(site)) - before == 4
    assert [item.title for item in work_items(rest) if item.key == "ML-1"] == ["Changed meanwhile"]


def test_issues_that_change_while_they_are_listed_are_all_met(site: JiraCloud) -> None:
    for number in range(3, 350):
        site.add_issue("ML", f"Issue {number}", created=LONG_AGO + timedelta(hours=number))
    titles: dict[str, str] = {}
    with opened(site) as reader:
        for turn, batch in enumerate(reader.pull("issues", ML, None)):
            titles |= {item.key: item.title for item in batch.entities if isinstance(item, WorkItem)}
            if turn < 2:
                for number in (1, 150, 250, 340):
                    site.edit(f"ML-{number}", summary=f"Changed in turn {turn}")
    assert set(titles) == {f"ML-{number}" for number in range(1, 351)}
    assert {titles[f"ML-{number}"] for number in (1, 150, 250, 340)} == {"Changed in turn 1"}


def test_an_issue_from_the_future_hides_nothing(site: JiraCloud) -> None:
    site.add_issue("ML", "Imported", created=datetime.now(UTC) + timedelta(days=400))
    cursor = pull(site)[-1].cursor
    site.edit("ML-2", summary="Changed")
    assert "ML-2" in keys(pull(site, cursor))


def test_many_issues_of_one_minute_are_all_listed(site: JiraCloud) -> None:
    for number in range(3, 250):
        site.add_issue("ML", f"Imported {number}", created=LONG_AGO)
    with opened(site) as reader:
        first = next(iter(reader.pull("issues", ML, None)))
    assert len(set(keys([first]) + keys(pull(site, first.cursor)))) == 250


def test_cursors_never_hold_a_pages_token(site: JiraCloud) -> None:
    for number in range(3, 250):
        site.add_issue("ML", f"Issue {number}", created=LONG_AGO + timedelta(hours=number))
    batches = pull(site)
    tokens = [entry.answer_json().get("nextPageToken") for entry in site.requests if entry.path.endswith("/search/jql")]
    for batch in batches:
        assert batch.cursor is not None
        assert not any(token and token in batch.cursor for token in tokens)
    marks = [mark for batch in batches if (mark := read_cursor(batch.cursor).since) is not None]
    assert all(earlier <= later for earlier, later in pairwise(marks))


@pytest.mark.parametrize("cursor", ["", "{}", "[]", '{"since": "2026-01-01T00:00:00", "listing": false}', "\ud800"])
def test_a_cursor_that_is_none_starts_anew(site: JiraCloud, cursor: str) -> None:
    batches = pull(site, cursor)
    assert len(keys(batches)) == 3
    assert batches[-1].complete


def test_a_repeated_token_is_an_error_not_a_loop(site: JiraCloud) -> None:
    page = {"issues": [], "nextPageToken": "again", "isLast": False}
    site.faults.append(Fault(answers(200, page), path="*/search/jql", times=100))
    with pytest.raises(Unavailable, match="repeats a page"):
        pull(site)
    assert len(searches(site)) == 2


def test_a_bad_record_is_set_aside_and_the_rest_goes_on(site: JiraCloud) -> None:
    rows = [
        {"id": "1", "key": "ML-1", "fields": {"updated": "never"}},
        {"id": "2", "key": "ML-2", "fields": ALWAYS},
        {"id": 3},
        {"id": "4", "key": "ML-4", "fields": {}},
    ]
    site.faults.append(Fault(answers(200, {"issues": rows, "isLast": True}), path="*/search/jql"))
    (batch,) = pull(site)
    assert keys([batch]) == ["ML-2"]
    assert len(batch.rejected) == 3
    assert (batch.rejected[2].id, batch.rejected[2].reason) == ("4", "without updated, status, project")
    assert batch.rejected[0].id == "1"
    assert b"never" in batch.rejected[0].payload


def test_half_a_surrogate_costs_its_own_record_only(site: JiraCloud) -> None:
    page = b'{"isLast":true,"issues":[{"id":"1","key":"ML-1","fields":{"summary":"\\ud800"}},{"id":"2","key":"ML-2","fields":'
    page += json.dumps(ALWAYS).encode() + b"}]}"
    site.faults.append(Fault(answers(200, page, {"Content-Type": "application/json"}), path="*/search/jql"))
    (batch,) = pull(site)
    assert keys([batch]) == ["ML-2"]
    assert [rejected.id for rejected in batch.rejected] == ["1"]


def test_a_page_cut_short_is_asked_for_again(site: JiraCloud) -> None:
    site.faults.append(Fault(truncates(), path="*/search/jql"))
    assert len(keys(pull(site))) == 3


def test_a_refused_search_says_what_jira_says(site: JiraCloud) -> None:
    with pytest.raises(NotFound, match="'GONE' does not exist for the field 'project'"):
        pull(site, scope=JiraScope(projects=("GONE",)))


def test_reserved_words_are_project_keys_too(site: JiraCloud) -> None:
    site.add_project("AND", "Andromeda")
    site.add_issue("AND", "Issue")
    assert keys(pull(site, scope=JiraScope(projects=("AND",)))) == ["AND-1"]


def test_wrong_credentials(site: JiraCloud) -> None:
    with opened(site) as reader:
        site.token = "another"
        with pytest.raises(AuthError, match="MILEPOST_JIRA__"):
            list(reader.pull("issues", ML, None))


def test_a_stop_ends_the_pull(site: JiraCloud) -> None:
    stop = threading.Event()
    with opened(site, stop=stop) as reader:
        stop.set()
        with pytest.raises(Cancelled):
            list(reader.pull("issues", ML, None))


def test_a_search_as_scope_brings_the_versions_along(site: JiraCloud) -> None:
    site.edit("ML-1", labels=["model"], fix_versions=["2026.4"])
    scope = JiraScope(jql="labels = model OR labels = mlops")
    batches = pull(site, scope=scope)
    assert keys(batches) == ["ML-1"]
    milestones = [entity for batch in batches for entity in batch.entities if isinstance(entity, Milestone)]
    assert [(milestone.name, milestone.container) for milestone in milestones] == [("2026.4", "ML")]
    with opened(site) as reader:
        assert [(list(batch.entities), batch.complete) for batch in reader.pull("versions", scope, None)] == [([], True)]


def test_further_fields_are_read_by_name_or_id(site: JiraCloud) -> None:
    team = site.add_field("Team", "select", options=["Red"])
    site.add_field("Notes", "textarea")
    site.edit("ML-1", fields={"Team": "Red", "Notes": "two\nlines"})
    batches = pull(site, fields=(team, "Notes"))
    (item,) = [item for item in work_items(batches) if item.key == "ML-1"]
    assert item.fields == {"Priority": "Medium", "Team": "Red", "Notes": "two\nlines"}


def test_a_field_made_later_is_noticed(site: JiraCloud) -> None:
    owned = Owned(field="Later", options=OPTIONS)
    cursor = pull(site, owned=owned)[-1].cursor
    site.add_field("Later", "select", options=OPTIONS)
    site.edit("ML-1", fields={"Later": "Model ready"})
    assert [reading.value for batch in pull(site, cursor, owned=owned) for reading in batch.slots] == ["Model ready"]


def test_versions_are_listed_whole(site: JiraCloud) -> None:
    for number in range(120):
        site.add_version("ML", f"v{number}", release=date(2026, 5, 1), released=number < 10)
    with opened(site) as reader:
        batches = list(reader.pull("versions", ML, None))
        with pytest.raises(NotFound):
            list(reader.pull("versions", JiraScope(projects=("GONE",)), None))
    milestones = [entity for batch in batches for entity in batch.entities if isinstance(entity, Milestone)]
    assert len({milestone.ref for milestone in milestones}) == 120
    assert sum(milestone.state == "closed" for milestone in milestones) == 10
    assert {milestone.due for milestone in milestones} == {date(2026, 5, 1)}
    assert batches[-1].complete


def test_fields_are_listed_whole(site: JiraCloud) -> None:
    with opened(site) as reader:
        (batch,) = reader.pull("fields", ML, None)
        with pytest.raises(ValueError, match="no stream"):
            reader.pull("sprints", ML, None)
    ours = [field for field in batch.entities if isinstance(field, Field) and field.name == "ML Status"]
    assert [(field.schema_type, field.custom) for field in ours] == [("option", True)]
    assert batch.complete


def read(site: JiraCloud, refs: Sequence[Ref]) -> dict[Ref, Entity | Missing]:
    with opened(site) as reader:
        list(reader.pull("issues", ML, None))
        return {answer.ref: answer for answer in reader.read(refs) if not isinstance(answer, Reading)}


def test_direct_reads_in_bulk(site: JiraCloud) -> None:
    for number in range(3, 250):
        site.add_issue("ML", f"Issue {number}", created=LONG_AGO)
    refs = [ident(site, f"ML-{number}") for number in range(1, 251)]
    before = len([entry for entry in site.requests if "bulkfetch" in entry.path])
    found = read(site, [*refs, refs[0]])
    assert set(found) == set(refs)
    assert all(isinstance(answer, WorkItem) for answer in found.values())
    assert len([entry for entry in site.requests if "bulkfetch" in entry.path]) - before == 3
    assert not any("/issue/1" in entry.path for entry in site.requests)


def test_a_deleted_issue_is_missing_a_moved_one_is_itself(site: JiraCloud) -> None:
    gone, moved = ident(site, "ML-1"), ident(site, "ML-2")
    site.add_project("OPS", "Operations")
    site.delete("ML-1")
    site.move("ML-2", "OPS")
    found = read(site, [gone, moved])
    assert found[gone] == Missing(ref=gone)
    item = found[moved]
    assert isinstance(item, WorkItem)
    assert (item.key, item.container) == ("OPS-1", "OPS")


def test_an_archived_issue_is_not_missing(site: JiraCloud) -> None:
    ref = ident(site, "ML-1")
    site.archive("ML-1")
    assert isinstance(read(site, [ref])[ref], WorkItem)


def test_what_is_hidden_is_not_called_missing(site: JiraCloud) -> None:
    ref = ident(site, "ML-1")
    with opened(site) as reader:
        list(reader.pull("issues", ML, None))
        site.change_project("ML", hidden=True)
        assert list(reader.read([ref])) == []


def test_without_a_project_that_was_read_nothing_is_called_missing(site: JiraCloud) -> None:
    with opened(site) as reader:
        assert list(reader.read([Ref("jira", "work_item", "99999")])) == []


def test_an_issue_that_the_bulk_answer_leaves_out_is_asked_for(site: JiraCloud) -> None:
    ref = ident(site, "ML-1")
    site.faults.append(Fault(answers(200, {"issues": [], "issueErrors": []}), path="*/issue/bulkfetch"))
    assert isinstance(read(site, [ref])[ref], WorkItem)


def test_other_kinds_and_impossible_ids(site: JiraCloud) -> None:
    version = site.add_version("ML", "2026.4")
    refs = [
        Ref("jira", "milestone", version),
        Ref("jira", "milestone", "424242"),
        Ref("jira", "field", "customfield_10050"),
        Ref("jira", "field", "customfield_1"),
        Ref("jira", "work_item", "../../etc"),
        Ref("jira", "run", "1"),
    ]
    found = read(site, refs)
    milestone = found[refs[0]]
    assert isinstance(milestone, Milestone)
    assert (milestone.name, milestone.container) == ("2026.4", "ML")
    assert found[refs[1]] == Missing(ref=refs[1])
    assert isinstance(found[refs[2]], Field)
    assert found[refs[3]] == Missing(ref=refs[3])
    assert len(found) == 4


AI = JiraScope(jql="project = ML AND labels = ai")


def outside(site: JiraCloud, scope: JiraScope, *refs: Ref) -> set[Ref]:
    with opened(site) as reader:
        return set(reader.outside(refs, scope))


def test_what_a_search_no_longer_finds_is_outside_whatever_the_index_knows(site: JiraCloud) -> None:
    for key in ("ML-1", "ML-2"):
        site.edit(key, labels=["ai"])
    site.lag = float("inf")
    site.edit("ML-1", labels=[])
    site.edit("ML-3", labels=["ai"])
    refs = [ident(site, f"ML-{number}") for number in (1, 2, 3)]
    assert outside(site, AI, *refs) == {refs[0]}
    assert outside(site, ML, *refs) == set()


def test_a_search_of_alternatives_is_asked_as_one_condition(site: JiraCloud) -> None:
    site.edit("ML-1", labels=["ai"])
    refs = [ident(site, f"ML-{number}") for number in (1, 2, 3)]
    assert outside(site, JiraScope(jql="labels = ai OR key = ML-2"), *refs) == {refs[2]}


def test_what_moved_or_was_archived_is_outside_its_project(site: JiraCloud) -> None:
    site.add_project("OPS", "Operations")
    refs = [ident(site, f"ML-{number}") for number in (1, 2, 3)]
    site.move("ML-1", "OPS")
    site.archive("ML-2")
    assert outside(site, ML, *refs) == set(refs[:2])


def test_who_is_outside_is_asked_for_fifty_at_a_time_with_the_same_ids_to_reconcile(site: JiraCloud) -> None:
    refs = [ident(site, site.add_issue("ML", f"Issue {number}")) for number in range(120)]
    before = len(searches(site))
    assert outside(site, AI, *refs) == set(refs)
    asked = searches(site)[before:]
    assert [len(body["reconcileIssues"]) for body in asked] == [50, 50, 20]
    assert sorted(ident for body in asked for ident in body["reconcileIssues"]) == sorted(int(ref.id) for ref in refs)


def test_an_answer_in_several_pages_is_read_to_its_end(site: JiraCloud) -> None:
    refs = [ident(site, f"ML-{number}") for number in (1, 2, 3)]
    first = {"issues": [{"id": refs[0].id}], "nextPageToken": "more", "isLast": False}
    second = {"issues": [{"id": refs[1].id}], "isLast": True}
    site.faults += [Fault(answers(200, page), path="*/search/jql", times=1) for page in (first, second)]
    assert outside(site, ML, *refs) == {refs[2]}


def test_a_refused_question_tells_nothing_of_its_group(site: JiraCloud) -> None:
    refs = [ident(site, "ML-1"), Ref("jira", "work_item", "99999")]
    assert outside(site, AI, *refs) == set()


def test_a_question_that_is_not_answered_is_an_error(site: JiraCloud) -> None:
    ref = ident(site, "ML-1")
    site.faults.append(Fault(answers(200, {"issues": "none"}), path="*/search/jql"))
    with pytest.raises(Unavailable):
        outside(site, AI, ref)


def test_other_kinds_belong_and_are_not_asked_for(site: JiraCloud) -> None:
    refs = [Ref("jira", "field", "customfield_10050"), Ref("jira", "work_item", "1) OR (1 = 1")]
    before = len(site.requests)
    assert outside(site, AI, *refs) == set()
    assert len(site.requests) == before
