"""Search and bulk reads: pages, tokens, chosen fields, what is silently absent, and an index that lags behind."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox.jira import JiraCloud

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **span: float) -> None:
        self.now += timedelta(**span)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def jira(clock: Clock) -> Iterator[JiraCloud]:
    with JiraCloud() as site:
        site.clock = clock
        site.add_project("ML", "Machine learning")
        yield site


@pytest.fixture
def client(jira: JiraCloud) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{jira.url}/rest/api/3", auth=(jira.user, jira.token), timeout=5) as client:
        yield client


def search(client: httpx.Client, jql: str, **body: Any) -> dict[str, Any]:
    answer = client.post("/search/jql", json={"jql": jql, **body})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def pages(client: httpx.Client, jql: str, **body: Any) -> Iterator[list[str]]:
    while True:
        page = search(client, jql, **body)
        yield [issue["key"] for issue in page["issues"]]
        assert page["isLast"] is ("nextPageToken" not in page)
        if page["isLast"]:
            return
        body["nextPageToken"] = page["nextPageToken"]


# -- pages ----------------------------------------------------------------------------------------------------------------


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    minutes=st.lists(st.integers(0, 5), max_size=12),
    size=st.integers(1, 5),
    order=st.sampled_from(["updated", "updated desc", "updated, key", "updated desc, key asc", "key desc", "status, key", ""]),
)
def test_pages_hold_every_issue_once_and_in_order(minutes: list[int], size: int, order: str) -> None:
    with JiraCloud() as jira, httpx.Client(base_url=f"{jira.url}/rest/api/3", auth=(jira.user, jira.token)) as client:
        jira.add_project("ML", "Machine learning")
        for number, minute in enumerate(minutes):
            status = "Done" if number % 3 == 0 else "To Do"
            jira.add_issue("ML", str(number), created=NOON + timedelta(minutes=minute), status=status)
        jql = "project = ML" + (f" order by {order}" if order else "")
        paged = [key for page in pages(client, jql, maxResults=size, fields=["key"]) for key in page]
        whole = [key for page in pages(client, jql, maxResults=100, fields=["key"]) for key in page]
        assert paged == whole
        assert sorted(paged) == sorted(f"ML-{number + 1}" for number in range(len(minutes)))
        times = [jira.get(key)["fields"]["updated"] for key in paged]
        if order.startswith("updated"):
            assert times == sorted(times, reverse=order.startswith("updated desc"))
        if order == "key desc":
            assert paged == sorted(paged, key=lambda key: -int(key[3:]))


def test_page_sizes_are_capped_by_what_is_asked_for(jira: JiraCloud, client: httpx.Client) -> None:
    for number in range(120):
        jira.add_issue("ML", str(number))
    assert len(search(client, "project = ML", maxResults=5000, fields=["summary"])["issues"]) == 100
    assert len(search(client, "project = ML", maxResults=5000, fields=["id", "key"])["issues"]) == 120
    assert len(search(client, "project = ML")["issues"]) == 50
    assert client.post("/search/jql", json={"jql": "project = ML", "maxResults": 0}).status_code == 400


def test_the_get_form_is_the_same_search(jira: JiraCloud, client: httpx.Client) -> None:
    jira.add_issue("ML", "one", labels=["data"])
    jira.add_issue("ML", "two")
    asked = {"jql": "project = ML order by key", "fields": "summary,labels", "maxResults": "1"}
    first = client.get("/search/jql", params=asked).json()
    assert first["issues"][0]["fields"] == {"summary": "one", "labels": ["data"]}
    second = client.get("/search/jql", params=asked | {"nextPageToken": first["nextPageToken"]}).json()
    assert [issue["key"] for issue in second["issues"]] == ["ML-2"]


def test_a_token_is_bound_to_its_query_and_dies_after_seven_days(jira: JiraCloud, client: httpx.Client, clock: Clock) -> None:
    for number in range(3):
        jira.add_issue("ML", str(number))
    token = search(client, "project = ML", maxResults=1)["nextPageToken"]
    for jql, used in (("project = ML order by key", token), ("project = ML", token[:-8] + "AAAAAAA="), ("project = ML", "ä")):
        assert client.post("/search/jql", json={"jql": jql, "nextPageToken": used}).status_code == 400
    clock.advance(days=6, hours=23)
    assert len(search(client, "project = ML", nextPageToken=token)["issues"]) == 2
    clock.advance(hours=2)
    assert client.post("/search/jql", json={"jql": "project = ML", "nextPageToken": token}).status_code == 400


def test_an_issue_that_changes_between_pages_turns_up_again(jira: JiraCloud, client: httpx.Client, clock: Clock) -> None:
    for number in range(4):
        jira.add_issue("ML", str(number))
        clock.advance(minutes=1)
    walk = pages(client, "project = ML order by updated", maxResults=2, fields=["key"])
    assert next(walk) == ["ML-1", "ML-2"]
    jira.edit("ML-1", summary="again")
    assert [key for page in walk for key in page] == ["ML-3", "ML-4", "ML-1"]


# -- what a page shows ------------------------------------------------------------------------------------------------------


def test_only_ids_unless_fields_are_asked_for(jira: JiraCloud, client: httpx.Client) -> None:
    key = jira.add_issue("ML", "one")
    ident = jira.get(key)["id"]
    assert search(client, "project = ML") == {"issues": [{"id": ident}], "isLast": True}
    keyed = search(client, "project = ML", fields=["key"])["issues"][0]
    assert (keyed["id"], keyed["key"], "fields" in keyed) == (ident, key, False)
    navigable = search(client, "project = ML", fields=["*navigable"])["issues"][0]["fields"]
    everything = search(client, "project = ML", fields=["*all", "-description"])["issues"][0]["fields"]
    assert "comment" not in navigable
    assert "comment" in everything
    assert "description" not in everything


def test_properties_come_with_the_page_five_at_most(jira: JiraCloud, client: httpx.Client) -> None:
    jira.set_property(jira.add_issue("ML", "one"), "milepost.status", {"statuses": ["model-ready"]})
    page = search(client, "project = ML", properties=["milepost.status", "other"])
    assert page["issues"][0]["properties"] == {"milepost.status": {"statuses": ["model-ready"]}}
    assert client.post("/search/jql", json={"jql": "project = ML", "properties": list("abcdef")}).status_code == 400


def test_unknown_keys_of_the_body_are_refused(client: httpx.Client) -> None:
    answer = client.post("/search/jql", json={"jql": "project = ML", "startAt": 50})
    assert answer.status_code == 400
    assert "Invalid request payload" in answer.json()["errorMessages"][0]


def test_the_old_search_is_gone(client: httpx.Client) -> None:
    for answer in (client.get("/search", params={"jql": "project = ML"}), client.post("/search", json={"jql": "project = ML"})):
        assert answer.status_code == 410
        assert "has been removed" in answer.json()["errorMessages"][0]


# -- bulk fetch ----------------------------------------------------------------------------------------------------------------


def test_bulk_fetch_is_ascending_by_id_and_silent_about_what_is_missing(jira: JiraCloud, client: httpx.Client) -> None:
    jira.add_project("SEC", "Secret")
    first, second, hidden = jira.add_issue("ML", "one"), jira.add_issue("ML", "two"), jira.add_issue("SEC", "three")
    jira.change_project("SEC", hidden=True)
    asked = {"issueIdsOrKeys": [second, "ML-404", hidden, jira.get(first)["id"]], "fields": ["summary"]}
    answer = client.post("/issue/bulkfetch", json=asked).json()
    assert [issue["key"] for issue in answer["issues"]] == [first, second]
    assert answer["issueErrors"] == []
    jira.explains_missing = True
    assert [error["id"] for error in client.post("/issue/bulkfetch", json=asked).json()["issueErrors"]] == ["ML-404", hidden]


@pytest.mark.parametrize("idents", [[], [str(number) for number in range(101)]])
def test_bulk_fetch_takes_one_to_a_hundred(client: httpx.Client, idents: list[str]) -> None:
    assert client.post("/issue/bulkfetch", json={"issueIdsOrKeys": idents}).status_code == 400


# -- the lagging index -----------------------------------------------------------------------------------------------------------


def test_search_sees_a_write_only_after_the_lag(jira: JiraCloud, client: httpx.Client, clock: Clock) -> None:
    key = jira.add_issue("ML", "before")
    jira.lag = 30
    jira.edit(key, summary="after", labels=["new"])
    created = jira.add_issue("ML", "created")
    clock.advance(seconds=29)
    assert search(client, "project = ML", fields=["summary"])["issues"][0]["fields"]["summary"] == "before"
    assert search(client, "labels = new")["issues"] == []
    assert client.get(f"/issue/{key}").json()["fields"]["summary"] == "after"
    clock.advance(seconds=1)
    assert [issue["key"] for issue in search(client, "project = ML order by key", fields=["key"])["issues"]] == [key, created]
    assert search(client, "labels = new", fields=["summary"])["issues"][0]["fields"]["summary"] == "after"


def test_deletions_lag_too_and_index_ends_an_endless_lag(jira: JiraCloud, client: httpx.Client) -> None:
    key = jira.add_issue("ML", "doomed")
    jira.lag = float("inf")
    jira.delete(key)
    assert len(search(client, "project = ML")["issues"]) == 1
    assert client.get(f"/issue/{key}").status_code == 404
    jira.index()
    assert search(client, "project = ML")["issues"] == []


def test_reconciled_issues_are_seen_despite_the_lag(jira: JiraCloud, client: httpx.Client) -> None:
    seen, unseen = jira.add_issue("ML", "one"), jira.add_issue("ML", "two")
    jira.lag = float("inf")
    for key in (seen, unseen):
        jira.edit(key, labels=["new"])
    page = search(client, "labels = new", fields=["key"], reconcileIssues=[int(jira.get(seen)["id"])])
    assert [issue["key"] for issue in page["issues"]] == [seen]
    assert client.post("/search/jql", json={"jql": "labels = new", "reconcileIssues": list(range(51))}).status_code == 400


def test_reconciling_concerns_one_answer_and_the_index_stays_behind(jira: JiraCloud, client: httpx.Client) -> None:
    lagging, deleted, lost = (jira.add_issue("ML", name, labels=["old"]) for name in ("lagging", "deleted", "lost"))
    idents = {key: int(jira.get(key)["id"]) for key in (lagging, deleted, lost)}
    jira.lag = float("inf")
    jira.edit(lagging, labels=["new"])
    jira.delete(deleted)
    jira.searchable.remove(idents[lost])
    known = f"id in ({idents[lagging]}, {idents[lost]})"
    asked = {"fields": ["key"], "reconcileIssues": list(idents.values())}
    assert [issue["key"] for issue in search(client, f"labels = old AND {known}", **asked)["issues"]] == [lost]
    assert [issue["key"] for issue in search(client, f"labels = new AND {known}", **asked)["issues"]] == [lagging]
    assert deleted not in {issue["key"] for issue in search(client, "project = ML", **asked)["issues"]}
    stale = {issue["key"] for issue in search(client, "labels = old", fields=["key"])["issues"]}
    assert stale == {lagging, deleted}


def test_a_search_by_ids_is_refused_when_one_of_them_cannot_be_seen(jira: JiraCloud, client: httpx.Client) -> None:
    jira.add_project("SEC", "Secret")
    shown, hidden = jira.add_issue("ML", "shown"), jira.add_issue("SEC", "hidden")
    jira.change_project("SEC", hidden=True)
    ident = jira.get(shown)["id"]
    assert search(client, f"id in ({ident}) AND key in ({shown})")["issues"] == [{"id": ident}]
    for names in (f"id in ({ident}, 99999)", f"id in ({ident}, {jira.get(hidden)['id']})", f"key in ({shown}, {hidden})"):
        assert client.post("/search/jql", json={"jql": names}).status_code == 400
