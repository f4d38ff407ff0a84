"""Jira Data Center, against the stand-in: read whole and without loss, written, and every way of not being let in."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from connectors.base import Batch, Finding, SourceContext
from connectors.errors import AuthError, Unavailable
from connectors.jira import CONNECTION, data_center, offsets
from connectors.jira.options import PROPERTY, JiraOptions, JiraScope, JiraSecrets
from mappings.change import Change, Owned, Slot, SlotKind, Value, Written
from mappings.model import Field, Milestone, Missing, Person, Ref, WorkItem
from sandbox.faults import Fault, answers, asks_to_wait, html_page
from sandbox.jira import JiraDataCenter
from sandbox.messages import Reply, Request

OPTIONS = ("Drift alert", "Model ready", "Unknown")
OWNED = Owned(field="ML Status", options=OPTIONS, property=PROPERTY)
ML = JiraScope(projects=("ML",))
LONG_AGO = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


class Counter:
    def request(self, *, remaining: int | None = None, limit: int | None = None, resets_at: datetime | None = None) -> None:
        pass


def context(
    site: JiraDataCenter, owned: Owned = OWNED, user: str | None = None, token: str | None = None, **more: Any
) -> SourceContext:
    """With the personal access token, unless a user is named."""
    secret = token or (site.access_token if user is None else site.token)
    return SourceContext(
        name="jira",
        options=JiraOptions(url=site.address, **more),
        secrets=JiraSecrets.model_validate({"user": user, "token": secret}),
        owned=owned,
        meter=Counter(),
        stop=threading.Event(),
    )


@contextmanager
def opened(site: JiraDataCenter, **more: Any) -> Iterator[Any]:
    reader = CONNECTION.reader(context(site, **more))
    try:
        yield reader
    finally:
        reader.close()


@pytest.fixture
def site() -> Iterator[JiraDataCenter]:
    """A project of three issues, long unchanged, behind a context path, and the field that is ours."""
    jira = JiraDataCenter(context_path="/jira")
    jira.add_project("ML", "Machine learning")
    jira.add_field("ML Status", "select", options=OPTIONS)
    for number in range(3):
        jira.add_issue("ML", f"Issue {number}", created=LONG_AGO + timedelta(days=number))
    with jira:
        yield jira
    assert not [entry for entry in jira.requests if entry.unknown_query]
    assert all(entry.path.startswith("/jira/rest/api/2/") for entry in jira.requests)


def pull(
    site: JiraDataCenter, cursor: str | None = None, scope: JiraScope = ML, stream: str = "issues", **more: Any
) -> list[Batch]:
    with opened(site, **more) as reader:
        return list(reader.pull(stream, scope, cursor))


def work_items(batches: Sequence[Batch]) -> list[WorkItem]:
    return [entity for batch in batches for entity in batch.entities if isinstance(entity, WorkItem)]


def keys(batches: Sequence[Batch]) -> list[str]:
    return [item.key for item in work_items(batches)]


def ref(site: JiraDataCenter, key: str) -> Ref:
    return Ref("jira", "work_item", str(site.get(key)["id"]))


def outside(site: JiraDataCenter, scope: JiraScope, *refs: Ref) -> Collection[Ref]:
    with opened(site) as reader:
        return {*reader.outside(refs, scope)}


def change(site: JiraDataCenter, key: str, kind: SlotKind, after: Value) -> Change:
    slot = Slot(ref(site, key), kind, "ML Status" if kind == "field" else PROPERTY)
    return Change(id=f"{key}-{kind}", project="ml", slot=slot, action="add", before=None, after=after, key=key, container="ML")


# -- reading ------------------------------------------------------------------------------------------------------------------


def test_a_first_pull_lists_everything_and_says_so(site: JiraDataCenter) -> None:
    site.edit("ML-1", fields={"ML Status": "Drift alert"}, labels=["data"], assignee="Ada Example", fix_versions=["2026.4"])
    site.edit("ML-2", description="h2. Why\n*ML-7* is at [the wiki|https://wiki.example.com]\n{code}x = 1{code}")
    site.set_property("ML-1", PROPERTY, {"version": 1})
    batches = pull(site)
    assert sorted(keys(batches)) == ["ML-1", "ML-2", "ML-3"]
    assert batches[-1].complete
    assert batches[0].total == 3
    items = {item.key: item for item in work_items(batches)}
    assert items["ML-1"].url == f"{site.address}/browse/ML-1"
    assert items["ML-1"].assignee == Person(id="JIRAUSER10001", name="Ada Example")
    assert items["ML-2"].body == "Why\nML-7 is at the wiki https://wiki.example.com\nx = 1"
    slots = {(reading.slot.target, reading.slot.kind): reading.value for batch in batches for reading in batch.slots}
    assert slots == {(items["ML-1"].ref, "field"): "Drift alert", (items["ML-1"].ref, "property"): {"version": 1}}


def test_every_stream_is_read(site: JiraDataCenter) -> None:
    site.add_version("ML", "2026.4", released=True)
    (version,) = [entity for batch in pull(site, stream="versions") for entity in batch.entities]
    assert isinstance(version, Milestone)
    assert (version.name, version.state, version.container) == ("2026.4", "closed", "ML")
    fields = [entity for batch in pull(site, stream="fields") for entity in batch.entities]
    assert "ML Status" in {entity.name for entity in fields if isinstance(entity, Field)}


def test_a_second_pull_brings_what_changed_and_asks_no_more_than_it_must(site: JiraDataCenter) -> None:
    owned = Owned(field="ML Status", options=OPTIONS)
    cursor = pull(site, owned=owned)[-1].cursor
    site.edit("ML-2", summary="Renamed")
    before = len(site.requests)
    batches = pull(site, cursor, owned=owned)
    assert [(item.key, item.title) for item in work_items(batches)] == [("ML-2", "Renamed")]
    assert not batches[-1].complete
    assert [entry.path for entry in site.requests[before:]] == ["/jira/rest/api/2/search"]


@pytest.mark.parametrize("zone", ["America/Los_Angeles", "Pacific/Kiritimati"])
def test_changes_are_found_in_the_accounts_time_zone(site: JiraDataCenter, zone: str) -> None:
    site.time_zone = zone
    cursor = pull(site)[-1].cursor
    site.edit("ML-2", summary="Renamed")
    assert keys(pull(site, cursor)) == ["ML-2"]


@pytest.mark.parametrize("largest_page", [1000, 7])
def test_many_pages_and_a_server_that_gives_less_than_is_asked_for(site: JiraDataCenter, largest_page: int) -> None:
    for number in range(3, 120):
        site.add_issue("ML", f"Issue {number}", created=LONG_AGO + timedelta(minutes=number))
    site.largest_page = largest_page
    assert len(set(keys(pull(site, owned=Owned())))) == 120


def test_many_issues_of_one_minute_are_all_listed(site: JiraDataCenter) -> None:
    for number in range(3, 250):
        site.add_issue("ML", f"Issue {number}", created=LONG_AGO)
    assert len(set(keys(pull(site, owned=Owned())))) == 250


@pytest.fixture
def small_window(site: JiraDataCenter, monkeypatch: pytest.MonkeyPatch) -> None:
    """No search gives more than its first 400 results."""
    monkeypatch.setattr(offsets, "DEEPEST", 200)
    site.result_window = 400


@pytest.mark.usefixtures("small_window")
def test_a_search_does_not_reach_beyond_the_window(site: JiraDataCenter) -> None:
    for number in range(3, 900):
        site.add_issue("ML", f"Issue {number}", created=LONG_AGO + timedelta(minutes=number))
    assert len(set(keys(pull(site, owned=Owned())))) == 900


def import_at_once(site: JiraDataCenter, count: int) -> set[str]:
    """So many issues of three projects, all updated in the same minute. Their keys."""
    for key in ("AI", "DATA"):
        site.add_project(key, key)
    moment = LONG_AGO + timedelta(hours=30)
    return {
        site.add_issue(("AI", "ML", "DATA")[number % 3], f"Imported {number}", created=moment + timedelta(milliseconds=number))
        for number in range(count)
    }


@pytest.mark.usefixtures("small_window")
@pytest.mark.parametrize("scope", [JiraScope(projects=("ML", "AI", "DATA")), JiraScope(jql="issuetype = Task OR project = ML")])
@pytest.mark.parametrize("zone", ["UTC", "Australia/Lord_Howe"])
def test_more_issues_of_one_minute_than_a_search_gives(site: JiraDataCenter, scope: JiraScope, zone: str) -> None:
    """As an import leaves them behind: by time alone there would be no way past them."""
    site.time_zone = zone
    imported = import_at_once(site, 1_500)
    batches = pull(site, scope=scope, owned=Owned())
    assert {*keys(batches)} == {"ML-1", "ML-2", "ML-3"} | imported
    assert [batch.complete for batch in batches].index(True) == len(batches) - 1


@pytest.mark.usefixtures("small_window")
def test_a_crowded_minute_that_is_left_by_some_loses_none_of_the_others(site: JiraDataCenter) -> None:
    """After each of its first pages one issue is edited, one moved to another project, and one is deleted."""
    imported = sorted(import_at_once(site, 900))
    met: list[str] = []
    scope = JiraScope(projects=("ML", "AI", "DATA"))
    with opened(site, owned=Owned()) as reader:
        for page, batch in enumerate(reader.pull("issues", scope, None)):
            met += keys([batch])
            if page < 9:
                edited, moved, gone = keys([batch])[-3:]
                site.edit(edited, summary="changed meanwhile")
                site.move(moved, "DATA")
                site.delete(gone)
    assert {*imported} <= {*met}
    assert batch.complete


def test_pages_that_shift_lose_nothing(site: JiraDataCenter) -> None:
    """Each page read moves two issues that were met to the end, so that all others move up."""
    for number in range(3, 500):
        site.add_issue("ML", f"Issue {number}", created=LONG_AGO + timedelta(minutes=number))
    met: list[str] = []
    with opened(site, owned=Owned()) as reader:
        for page, batch in enumerate(reader.pull("issues", ML, None)):
            met += keys([batch])
            if page < 6:
                site.edit(f"ML-{page * 2 + 1}", summary="changed meanwhile")
                site.delete(f"ML-{page * 2 + 2}")
    assert {f"ML-{number}" for number in range(13, 501)} <= set(met)
    assert batch.complete


def test_a_site_where_nothing_stands_still_is_given_up(site: JiraDataCenter) -> None:
    """Another issue at each page's beginning than at the end of the one before, for ever."""
    turns = iter(range(10_000))

    def another(request: Request, _answer: Any) -> Reply:
        ident = str(next(turns))
        fields = {"updated": "2026-01-05T09:00:00.000+0000", "status": {"name": "Open"}, "project": {"key": "ML"}}
        rows = [{"id": f"{ident}{row}", "key": f"ML-{ident}{row}", "fields": fields} for row in range(2)]
        return Reply(200, {"startAt": int(request.query["startAt"]), "maxResults": 2, "total": 99, "issues": rows})

    site.faults.append(Fault(another, path="*/search", times=10_000))
    with opened(site, owned=Owned()) as reader, pytest.raises(Unavailable, match="faster than they can be listed"):
        list(reader.pull("issues", ML, None))


def test_a_long_query_goes_into_the_body(site: JiraDataCenter) -> None:
    scope = JiraScope(jql=" OR ".join(["project = ML"] * 200))
    assert len(keys(pull(site, scope=scope))) == 3
    assert [entry.method for entry in site.requests if entry.path.endswith("/search")] == ["POST"]


# -- direct reads -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("owned", [OWNED, Owned()])
def test_direct_reads(site: JiraDataCenter, owned: Owned) -> None:
    """Also past an index that does not know yet; a deleted issue is missing, an archived one is there and cannot be edited."""
    gone, archived = ref(site, "ML-2"), ref(site, "ML-3")
    site.lag = float("inf")
    new = Ref("jira", "work_item", str(site.get(site.add_issue("ML", "New"))["id"]))
    site.delete("ML-2")
    site.archive("ML-3")
    with opened(site, owned=owned) as reader:
        list(reader.pull("versions", ML, None))
        found = {entity.ref: entity for entity in reader.read([gone, archived, new])}
    assert isinstance(found[gone], Missing)
    assert isinstance(found[new], WorkItem)
    assert isinstance(there := found[archived], WorkItem)
    assert there.key == "ML-3"
    if owned == OWNED:
        assert not there.editable


def test_what_has_left_a_search(site: JiraDataCenter) -> None:
    """By the index, for issues that have not changed just now; archived ones at once. A gap in the index lets nothing leave."""
    scope = JiraScope(jql="labels = ai")
    for key in ("ML-1", "ML-2"):
        site.edit(key, labels=["ai"])
    site.archive("ML-2")
    site.searchable.remove(int(ref(site, "ML-1").id))
    members = [ref(site, key) for key in ("ML-1", "ML-2", "ML-3")]
    assert outside(site, scope, *members) == {members[1], members[2]}


def test_what_changed_only_now_has_not_left_yet(site: JiraDataCenter) -> None:
    site.edit("ML-1", labels=[])
    assert outside(site, JiraScope(jql="labels = ai"), ref(site, "ML-1")) == set()
    later = site.clock() + data_center.SETTLED * 2
    site.clock = lambda: later
    assert outside(site, JiraScope(jql="labels = ai"), ref(site, "ML-1")) == {ref(site, "ML-1")}


# -- writing ------------------------------------------------------------------------------------------------------------------


def write(site: JiraDataCenter, *changes: Change, owned: Owned = OWNED) -> Mapping[str, Written]:
    publish = CONNECTION.publisher
    assert publish is not None
    publisher = publish(context(site, owned))
    try:
        return {written.change: written for written in publisher.write(changes)}
    finally:
        publisher.close()


@pytest.mark.parametrize("type", ["select", "textfield", "textarea", "labels"])
def test_the_field_and_the_property_are_written_and_read_back(site: JiraDataCenter, type: str) -> None:
    site.change_field("ML Status", name="Old field")
    site.add_field("ML Status", type, options=OPTIONS if type == "select" else ())
    written = write(site, change(site, "ML-1", "field", "Drift alert"), change(site, "ML-1", "property", {"version": 1}))
    assert [outcome.state for outcome in written.values()] == ["done", "done"]
    publish = CONNECTION.publisher
    assert publish is not None
    publisher = publish(context(site))
    slots = [Slot(ref(site, "ML-1"), "field", "ML Status"), Slot(ref(site, "ML-1"), "property", PROPERTY)]
    held = publisher.read_slots(slots)
    publisher.close()
    assert held == {slots[0]: ["Drift alert"] if type == "labels" else "Drift alert", slots[1]: {"version": 1}}


def test_many_issues_are_edited_one_by_one(site: JiraDataCenter) -> None:
    made = [site.add_issue("ML", f"Another {number}") for number in range(12)]
    written = write(site, *(change(site, key, "field", "Drift alert") for key in made))
    assert {outcome.state for outcome in written.values()} == {"done"}
    assert len(site.writes) == 12


def test_archived_and_locked_issues_are_skipped_with_the_reason(site: JiraDataCenter) -> None:
    site.archive("ML-1")
    site.lock_by_workflow("ML-2")
    kinds: tuple[SlotKind, ...] = ("field", "property")
    written = write(site, *(change(site, key, kind, "Drift alert") for key in ("ML-1", "ML-2") for kind in kinds))
    assert {name: outcome.state for name, outcome in written.items()} == dict.fromkeys(written, "skipped")
    assert all("archived, or locked by the status" in (outcome.why or "") for outcome in written.values())
    assert site.writes == []


# -- who is let in ------------------------------------------------------------------------------------------------------------


def test_a_user_name_and_a_password_do_too(site: JiraDataCenter) -> None:
    assert len(keys(pull(site, user=site.user))) == 3
    assert {entry.headers["authorization"] for entry in site.requests} == {"Basic ***"}


def test_a_token_is_a_bearer(site: JiraDataCenter) -> None:
    pull(site, deployment="data-center")
    assert {entry.headers["authorization"] for entry in site.requests} == {"Bearer ***"}


def refusal(site: JiraDataCenter, **more: Any) -> str:
    with opened(site, **more) as reader, pytest.raises(AuthError) as raised:
        list(reader.pull("issues", ML, None))
    assert "wrong" not in str(raised.value)
    return str(raised.value)


def test_a_wrong_token(site: JiraDataCenter) -> None:
    assert "check MILEPOST_JIRA__TOKEN" in refusal(site, token="wrong")


def test_a_guest_is_not_taken_for_the_account(site: JiraDataCenter) -> None:
    """Jira answers 200 then, with what guests may see: fewer issues, and nothing would tell."""
    site.guests_may_read = True
    assert "does not accept the credentials" in refusal(site, token="wrong")


def test_a_captcha_after_failed_logins(site: JiraDataCenter) -> None:
    for _ in range(3):
        refusal(site, user=site.user, token="wrong")
    assert "sign in to Jira once in a browser" in refusal(site, user=site.user)
    site.solve_captcha()
    assert len(keys(pull(site, user=site.user))) == 3


def test_a_login_page_is_no_answer(site: JiraDataCenter) -> None:
    site.faults.append(Fault(html_page(200), path="*/search", times=1))
    assert "let it pass the REST API" in refusal(site)


def test_a_rate_limit_is_waited_for(site: JiraDataCenter) -> None:
    """With the headers of a data center, which tell an interval and no instant."""
    headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Interval-Seconds": "1", "X-RateLimit-FillRate": "5"}
    site.faults.append(Fault(asks_to_wait(0, headers=headers), path="*/search"))
    assert len(keys(pull(site))) == 3


# -- check --------------------------------------------------------------------------------------------------------------------


def check(site: JiraDataCenter, **more: Any) -> Sequence[Finding]:
    with opened(site, **more) as reader:
        return list(reader.check(ML))


def test_check_finds_all_well(site: JiraDataCenter) -> None:
    findings = check(site)
    assert {finding.level for finding in findings} <= {"ok", "info"}
    text = "\n".join(finding.text for finding in findings)
    for words in (f"Jira Data Center at {site.address}", "signed in as Milepost Bot", "ML can be edited", "299 of 300"):
        assert words in text
    assert "bulk" not in text
    assert site.writes == []


def test_check_tells_a_wrong_deployment(site: JiraDataCenter) -> None:
    (finding,) = check(site, deployment="cloud", user=site.user)
    assert finding.level == "error"
    assert "set the source's deployment to data-center" in str(finding.fix)


def test_check_tells_missing_permissions_fields_and_options(site: JiraDataCenter) -> None:
    site.drop_option("ML Status", "Unknown")
    assert any('lacks the option "Unknown"' in finding.text for finding in check(site))
    site.change_field("ML Status", on_screen=False)
    assert any("not on the edit screen" in finding.text for finding in check(site))
    site.deny("EDIT_ISSUES", "ML")
    assert any("cannot be edited" in finding.text for finding in check(site))


def test_a_cursor_of_the_cloud_is_read_as_one(site: JiraDataCenter) -> None:
    """Cursors kept before there were two deployments name none; a site that was changed since is asked anew after six hours."""
    cursor = msgspec.json.decode(str(pull(site)[-1].cursor))
    assert cursor["site"]["deployment"] == "data-center"
    cursor["site"]["deployment"] = "elsewhere"
    assert pull(site, msgspec.json.encode(cursor).decode())[-1].complete


def test_an_answer_that_is_no_page(site: JiraDataCenter) -> None:
    site.faults.append(Fault(answers(200, {"issues": "none"}), path="*/search"))
    with opened(site) as reader, pytest.raises(Unavailable, match="unexpected shape"):
        list(reader.pull("issues", ML, None))
