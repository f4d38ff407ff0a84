"""The GitHub stand-in's labels and issues: single labels, names with slashes, edits, comments, deletions."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from sandbox.github import GitHub

REPO = "example/churn"
START = datetime(2026, 3, 1, 9, tzinfo=UTC)


@pytest.fixture
def github() -> Iterator[GitHub]:
    with GitHub() as stand_in:
        stand_in.clock = lambda: START + timedelta(hours=1)
        stand_in.add_repository(REPO, at=START)
        stand_in.add_issue(REPO, "Model drifts", labels=["bug"], at=START)
        yield stand_in


@pytest.fixture
def client(github: GitHub) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{github.url}/repos/{REPO}", headers={"Authorization": "Bearer sandbox-token"}) as http:
        yield http


def names(answer: httpx.Response) -> list[str]:
    return [row["name"] for row in answer.raise_for_status().json()]


def test_single_labels_are_added_and_removed_and_others_stay(github: GitHub, client: httpx.Client) -> None:
    assert names(client.post("issues/1/labels", json={"labels": ["ml/drift-alert"]})) == ["bug", "ml/drift-alert"]
    assert client.get("issues/1").json()["updated_at"] == "2026-03-01T10:00:00Z"
    assert names(client.request("DELETE", "issues/1/labels/ml/drift-alert")) == ["bug"]
    assert [entry.method for entry in github.writes] == ["POST", "DELETE"]


@pytest.mark.parametrize("spelling", ["ml/data%20blocked", "ml%2Fdata%20blocked", "ML/Data%20Blocked"])
def test_a_label_with_a_slash_is_named_raw_or_encoded_and_in_any_case(github: GitHub, client: httpx.Client, spelling: str) -> None:
    github.add_label(REPO, 1, "ml/data blocked")
    assert client.get(f"labels/{spelling}").json()["name"] == "ml/data blocked"
    assert names(client.delete(f"issues/1/labels/{spelling}")) == ["bug"]
    assert client.delete(f"labels/{spelling}").status_code == 204
    assert client.get(f"labels/{spelling}").status_code == 404


def test_removing_a_label_that_is_not_there_is_404(client: httpx.Client) -> None:
    answer = client.delete("issues/1/labels/ml/none")
    assert (answer.status_code, answer.json()["message"]) == (404, "Label does not exist")
    gone = client.delete("issues/99/labels/bug")
    assert (gone.status_code, gone.json()["message"]) == (404, "Not Found")


def test_adding_a_label_twice_changes_nothing_not_even_the_time(client: httpx.Client) -> None:
    client.post("issues/1/labels", json=["BUG"])
    issue = client.get("issues/1").json()
    assert (issue["updated_at"], [label["name"] for label in issue["labels"]]) == ("2026-03-01T09:00:00Z", ["bug"])


def test_putting_the_whole_set_works_and_is_seen_in_the_log(github: GitHub, client: httpx.Client) -> None:
    assert names(client.put("issues/1/labels", json={"labels": ["only"]})) == ["only"]
    assert [entry.pattern for entry in github.writes if entry.method == "PUT"] == ["/repos/{owner}/{repo}/issues/{number}/labels"]


def test_a_label_is_created_with_colour_and_description_once(client: httpx.Client) -> None:
    wanted = {"name": "ml/model-ready", "color": "0E8A16", "description": "Passed every check"}
    created = client.post("labels", json=wanted)
    assert created.status_code == 201
    assert created.json()["color"] == "0e8a16"
    again = client.post("labels", json={**wanted, "name": "ML/model-ready"})
    assert again.status_code == 422
    assert again.json()["errors"] == [{"resource": "Label", "code": "already_exists", "field": "name"}]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "x" * 51}, "name"),
        ({"name": " padded"}, "name"),
        ({"color": "ffffff"}, "name"),
        ({"name": "ok", "color": "#ffffff"}, "color"),
        ({"name": "ok", "description": "x" * 101}, "description"),
    ],
)
def test_bad_labels_are_refused(client: httpx.Client, body: dict[str, str], field: str) -> None:
    answer = client.post("labels", json=body)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)


def test_an_unknown_label_is_made_when_it_is_put_on_an_issue(client: httpx.Client) -> None:
    client.post("issues/1/labels", json={"labels": [{"name": "fresh"}]})
    assert client.get("labels/fresh").json()["color"] == "ededed"


def test_renaming_and_deleting_a_label_shows_on_issues_that_do_not_count_as_updated(client: httpx.Client) -> None:
    before = client.get("issues/1").json()["updated_at"]
    assert client.patch("labels/bug", json={"new_name": "defect", "color": "ff0000"}).json()["name"] == "defect"
    issue = client.get("issues/1").json()
    assert ([label["name"] for label in issue["labels"]], issue["updated_at"]) == (["defect"], before)
    assert client.delete("labels/defect").status_code == 204
    issue = client.get("issues/1").json()
    assert (issue["labels"], issue["updated_at"]) == ([], before)


def test_renaming_a_label_onto_another_is_refused(github: GitHub, client: httpx.Client) -> None:
    github.define_label(REPO, "defect", color="ff0000")
    assert client.patch("labels/bug", json={"new_name": "Defect"}).status_code == 422
    assert client.patch("labels/bug", json={"new_name": "Bug"}).json()["name"] == "Bug"


def test_a_hundred_labels_are_the_most(github: GitHub, client: httpx.Client) -> None:
    for index in range(99):
        github.add_label(REPO, 1, f"label {index}")
    assert client.post("issues/1/labels", json=["one more"]).status_code == 422
    assert len(names(client.get("issues/1/labels", params={"per_page": 100}))) == 100


def test_labels_work_on_pull_requests_through_the_issue(github: GitHub, client: httpx.Client) -> None:
    github.commit(REPO, "work", branch="feature")
    number = github.open_pull(REPO, "Feature", "feature")
    client.post(f"issues/{number}/labels", json=["ml/in-review"])
    assert [label["name"] for label in client.get(f"pulls/{number}").json()["labels"]] == ["ml/in-review"]
    assert [label["name"] for label in client.get("pulls").json()[0]["labels"]] == ["ml/in-review"]


def test_an_issue_is_made_edited_closed_and_reopened(github: GitHub, client: httpx.Client) -> None:
    due = github.add_milestone(REPO, "Release 1", due_on=START + timedelta(days=30))
    created = client.post(
        "issues", json={"title": "Data late", "labels": ["data"], "milestone": due, "assignees": ["milepost-bot"]}
    )
    assert created.status_code == 201
    issue = created.json()
    assert (issue["number"], issue["user"]["login"], issue["assignee"]["login"]) == (2, "milepost-bot", "milepost-bot")
    assert issue["milestone"]["open_issues"] == 1
    closed = client.patch("issues/2", json={"state": "closed", "state_reason": "not_planned", "body": "Never mind"}).json()
    assert (closed["state"], closed["state_reason"], closed["body"]) == ("closed", "not_planned", "Never mind")
    assert client.get(f"milestones/{due}").json()["closed_issues"] == 1
    assert client.get("issues/2").json()["milestone"]["closed_issues"] == 1
    assert client.patch("issues/2", json={"state": "open"}).json()["state_reason"] == "reopened"
    assert client.post("issues", json={"title": "  "}).status_code == 422
    assert client.patch("issues/2", json={"state": "ajar"}).status_code == 422
    assert client.patch("issues/2", json={"milestone": 99}).status_code == 422
    assert client.post("issues", content=b"{nonsense").status_code == 400
    assert client.post("issues", json=["not an object"]).status_code == 400


def test_comments_are_written_read_and_counted(client: httpx.Client) -> None:
    written = client.post("issues/1/comments", json={"body": "Drift began on Monday."})
    assert written.status_code == 201
    assert [row["body"] for row in client.get("issues/1/comments").json()] == ["Drift began on Monday."]
    assert client.get("issues/1").json()["comments"] == 1
    assert client.post("issues/1/comments", json={"body": " "}).status_code == 422


def test_deleted_issues_are_410_and_transferred_ones_redirect(github: GitHub, client: httpx.Client) -> None:
    doomed = github.add_issue(REPO, "Mistake")
    github.delete_issue(REPO, doomed)
    assert client.get(f"issues/{doomed}").status_code == 410
    assert client.post(f"issues/{doomed}/labels", json=["x"]).status_code == 410
    assert doomed not in [row["number"] for row in client.get("issues", params={"state": "all"}).json()]
    target = github.add_repository("example/other")
    there = github.transfer_issue(REPO, 1, "example/other")
    answer = client.get("issues/1")
    assert (answer.status_code, answer.headers["location"]) == (301, f"{github.url}/repositories/{target}/issues/{there}")
    assert client.get(answer.headers["location"]).json()["title"] == "Model drifts"


def test_a_deleted_persons_issues_show_the_ghost_and_their_commits_nobody(github: GitHub, client: httpx.Client) -> None:
    number = github.add_issue(REPO, "By Ada", author="ada")
    sha = github.commit(REPO, "by Ada", author="ada")
    assert client.get(f"commits/{sha}").json()["author"]["login"] == "ada"
    github.delete_user("ada")
    assert client.get(f"issues/{number}").json()["user"]["login"] == "ghost"
    commit = client.get(f"commits/{sha}").json()
    assert (commit["author"], commit["commit"]["author"]["name"]) == (None, "ada")
    assert client.get(f"{github.url}/users/ada").status_code == 404
