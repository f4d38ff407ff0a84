"""The GitHub stand-in's lists: Link paging, the page window and its cursors, `since`, filters, ETags."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.github import GitHub

REPO = "example/churn"
START = datetime(2026, 3, 1, 9, tzinfo=UTC)


def at(minutes: int) -> datetime:
    return START + timedelta(minutes=minutes)


@pytest.fixture(scope="module")
def github() -> Iterator[GitHub]:
    with GitHub(page_window=50) as stand_in:
        stand_in.add_repository(REPO, at=START)
        for index in range(60):
            stand_in.add_issue(REPO, f"Issue {index}", labels=["data"] if index % 2 else [], at=at(index))
        for index in range(5):
            stand_in.commit(REPO, f"CHURN-{index} train", branch=f"try-{index}", at=at(100 + index))
            stand_in.open_pull(REPO, f"Pull {index}", f"try-{index}", at=at(100 + index))
        stand_in.close_issue(REPO, 3, at=at(200))
        stand_in.edit_issue(REPO, 7, title="Seven", at=at(201))
        yield stand_in


@pytest.fixture
def client(github: GitHub) -> Iterator[httpx.Client]:
    headers = {"Authorization": "Bearer sandbox-token", "User-Agent": "tests"}
    with httpx.Client(base_url=f"{github.url}/repos/{REPO}", headers=headers) as http:
        yield http


def follow(client: httpx.Client, path: str, **query: str | int) -> list[list[dict[str, object]]]:
    """Every page, as the Link headers lead on."""
    answer = client.get(path, params=query)
    pages = [answer.raise_for_status().json()]
    while following := answer.links.get("next"):
        answer = client.get(following["url"])
        pages.append(answer.raise_for_status().json())
    return pages


def numbers(pages: list[list[dict[str, object]]]) -> list[object]:
    return [row["number"] for page in pages for row in page]


@settings(max_examples=25, deadline=None)
@given(
    per_page=st.integers(1, 100),
    direction=st.sampled_from(["asc", "desc"]),
    sort=st.sampled_from(["created", "updated", "comments"]),
)
def test_links_lead_through_every_issue_once_and_in_order_at_any_page_size(per_page: int, direction: str, sort: str) -> None:
    with GitHub(page_window=12) as small, httpx.Client(headers={"Authorization": "Bearer sandbox-token"}) as http:
        small.add_repository(REPO, at=START)
        for index in range(30):
            small.add_issue(REPO, f"{index}", at=at(index))
        http.base_url = httpx.URL(f"{small.url}/repos/{REPO}/")
        pages = follow(http, "issues", state="all", per_page=per_page, direction=direction, sort=sort)
    expected = list(range(1, 31)) if direction == "asc" else list(range(30, 0, -1))
    assert numbers(pages) == expected
    assert all(len(page) == min(per_page, 100) for page in pages[:-1])


def test_issue_lists_hold_pull_requests_too_and_say_which_they_are(client: httpx.Client) -> None:
    rows = [row for page in follow(client, "issues", state="all", per_page=40) for row in page]
    assert len(rows) == 65
    assert {row["number"] for row in rows if "pull_request" in row} == set(range(61, 66))


def test_pages_beyond_the_window_are_refused_and_the_link_carries_a_cursor_instead(client: httpx.Client) -> None:
    refused = client.get("issues", params={"state": "all", "per_page": 10, "page": 5})
    assert refused.status_code == 422
    assert "cursor based pagination" in refused.json()["message"]
    last = client.get("issues", params={"state": "all", "per_page": 10, "page": 4})
    onward = httpx.URL(last.links["next"]["url"])
    assert "after" in onward.params
    assert "page" not in onward.params
    assert onward.params["state"] == "all"


def test_a_cursor_goes_on_behind_its_row_even_when_rows_before_it_moved(github: GitHub, client: httpx.Client) -> None:
    first = client.get("issues", params={"state": "all", "sort": "created", "direction": "asc", "per_page": 49})
    onward = first.links["next"]["url"]
    github.add_issue(REPO, "Late entry about the past", at=at(-5))
    rest = client.get(onward).raise_for_status().json()
    assert rest[0]["number"] == first.json()[-1]["number"] + 1
    github.delete_issue(REPO, 66)


def test_a_cursor_that_is_none_is_refused(client: httpx.Client) -> None:
    assert client.get("issues", params={"after": "nonsense"}).status_code == 422


def test_links_name_the_repository_by_id_so_that_a_rename_does_not_break_them(github: GitHub, client: httpx.Client) -> None:
    answer = client.get("issues", params={"per_page": 5})
    assert f"/repositories/{github.site.find(REPO).id}/issues?" in answer.links["next"]["url"]


def test_since_is_inclusive_and_looks_at_updates(client: httpx.Client) -> None:
    query = {"state": "all", "sort": "updated", "direction": "asc"}
    assert numbers([client.get("issues", params={**query, "since": "2026-03-01T12:20:00Z"}).json()]) == [3, 7]
    assert numbers([client.get("issues", params={**query, "since": "2026-03-01T12:20:01Z"}).json()]) == [7]
    created = client.get("issues", params={"state": "all", "sort": "created", "since": "2026-03-01T12:20:00Z"}).json()
    assert numbers([created]) == [7, 3]


def test_a_since_that_is_no_time_and_a_sort_that_is_none_are_refused(client: httpx.Client) -> None:
    assert client.get("issues", params={"since": "yesterday"}).status_code == 422
    assert client.get("issues", params={"sort": "mood"}).status_code == 422


def test_filters_narrow_the_list(client: httpx.Client) -> None:
    assert numbers(follow(client, "issues", state="closed")) == [3]
    labelled = numbers(follow(client, "issues", labels="DATA", state="all", per_page=20))
    assert labelled == list(range(60, 0, -2))
    assert numbers(follow(client, "pulls", state="all", base="main", direction="asc")) == [61, 62, 63, 64, 65]
    assert numbers(follow(client, "pulls", head="example:try-2")) == [63]


def test_per_page_is_cut_at_a_hundred_and_nonsense_counts_as_absent() -> None:
    with GitHub() as stand_in, httpx.Client(headers={"Authorization": "Bearer sandbox-token"}) as http:
        stand_in.add_repository(REPO)
        for index in range(120):
            stand_in.add_issue(REPO, f"{index}")
        assert len(http.get(f"{stand_in.url}/repos/{REPO}/issues?per_page=5000").json()) == 100
        assert len(http.get(f"{stand_in.url}/repos/{REPO}/issues?per_page=many&page=-3").json()) == 30


def test_an_unchanged_answer_is_304_and_free_and_a_changed_one_is_sent_again(github: GitHub, client: httpx.Client) -> None:
    first = client.get("issues", params={"labels": "data"})
    left = int(first.headers["x-ratelimit-remaining"])
    again = client.get("issues", params={"labels": "data"}, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert int(again.headers["x-ratelimit-remaining"]) == left
    github.comment(REPO, 60, "Any news?", at=at(202))
    changed = client.get("issues", params={"labels": "data"}, headers={"If-None-Match": first.headers["etag"]})
    assert changed.status_code == 200
    assert int(changed.headers["x-ratelimit-remaining"]) == left - 1


def test_an_etag_of_one_token_is_worth_nothing_under_another(github: GitHub, client: httpx.Client) -> None:
    github.add_token("second-token", role="read")
    known = client.get("issues/1").headers["etag"]
    other = client.get("issues/1", headers={"If-None-Match": known, "Authorization": "Bearer second-token"})
    assert other.status_code == 200
    assert other.headers["etag"] != known


def test_parameters_that_github_does_not_know_are_noted_in_the_log(github: GitHub, client: httpx.Client) -> None:
    client.get("issues", params={"order": "asc", "state": "all"})
    assert github.requests[-1].unknown_query == ("order",)


def test_comments_milestones_and_branches_are_paged(github: GitHub, client: httpx.Client) -> None:
    for index in range(3):
        github.comment(REPO, 10, f"Comment {index}", at=at(300 + index))
        github.add_milestone(REPO, f"Release {index}", due_on=at(10_000 - index))
    comments = [row["body"] for page in follow(client, "issues/10/comments", per_page=2) for row in page]
    assert comments == ["Comment 0", "Comment 1", "Comment 2"]
    late = client.get("issues/10/comments", params={"since": "2026-03-01T14:01:00Z"}).json()
    assert [row["body"] for row in late] == ["Comment 1", "Comment 2"]
    assert [row["title"] for page in follow(client, "milestones", per_page=1) for row in page] == [
        "Release 2",
        "Release 1",
        "Release 0",
    ]
    branches = [row["name"] for page in follow(client, "branches", per_page=2) for row in page]
    assert branches == ["main", "try-0", "try-1", "try-2", "try-3", "try-4"]
