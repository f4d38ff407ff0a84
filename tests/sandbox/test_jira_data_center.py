"""The data center's face of the Jira stand-in: the shapes of version 2, and what Jira says to those it does not let in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from sandbox.jira import JiraDataCenter


@pytest.fixture
def jira() -> Iterator[JiraDataCenter]:
    site = JiraDataCenter(context_path="/jira")
    site.add_project("ML", "Machine learning")
    site.add_field("ML Status", "select", options=("Ready",))
    for number in range(3):
        site.add_issue("ML", f"Issue {number}", description="h1. *Why*", assignee="Ada Example")
    with site:
        yield site


def ask(jira: JiraDataCenter, path: str, *, method: str = "GET", token: str | None = None, **more: Any) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token or jira.access_token}"}
    return httpx.request(method, f"{jira.address}/rest/api/{path}", headers=headers, trust_env=False, **more)


def search(jira: JiraDataCenter, jql: str, **more: Any) -> httpx.Response:
    return ask(jira, "2/search", params={"jql": jql, **more})


def test_people_have_names_and_keys_and_texts_are_markup(jira: JiraDataCenter) -> None:
    fields = ask(jira, "2/issue/ML-1").json()["fields"]
    assert fields["description"] == "h1. *Why*"
    assert (fields["assignee"]["key"], fields["assignee"]["name"]) == ("JIRAUSER10001", "ada.example")
    assert "accountId" not in fields["assignee"]
    assert "statuscategorychangedate" not in fields
    assert ask(jira, "2/myself").json()["timeZone"] == "UTC"


def test_the_cloud_s_operations_are_not_there(jira: JiraDataCenter) -> None:
    assert ask(jira, "3/serverInfo").status_code == 404
    assert ask(jira, "2/search/jql", params={"jql": "project = ML"}).status_code == 404
    assert ask(jira, "2/issue/bulkfetch", method="POST", json={}).status_code in (404, 405)
    assert ask(jira, "2/serverInfo").json()["deploymentType"] == "Server"


def test_a_search_pages_by_offset_and_cuts_in_silence(jira: JiraDataCenter) -> None:
    jira.largest_page = 2
    first = search(jira, "project = ML ORDER BY key ASC", maxResults=50).json()
    assert (first["startAt"], first["maxResults"], first["total"]) == (0, 2, 3)
    assert [issue["key"] for issue in first["issues"]] == ["ML-1", "ML-2"]
    body = {"jql": "project = ML ORDER BY key ASC", "startAt": 2, "fields": ["summary"]}
    rest = ask(jira, "2/search", method="POST", json=body).json()
    assert [issue["fields"] for issue in rest["issues"]] == [{"summary": "Issue 2"}]
    assert ask(jira, "2/search", method="POST", json={"jql": "project = ML", "properties": ["x"]}).status_code == 400


def test_a_search_that_names_what_is_not_there(jira: JiraDataCenter) -> None:
    there = jira.get("ML-1")["id"]
    assert search(jira, f"id in ({there}, 999999)").status_code == 400
    found = search(jira, f"id in ({there}, 999999)", validateQuery="false").json()
    assert [issue["id"] for issue in found["issues"]] == [there]


def test_a_search_beyond_the_window_fails(jira: JiraDataCenter) -> None:
    jira.result_window = 100
    assert search(jira, "project = ML", startAt=90, maxResults=20).status_code == 500


def test_permissions_are_all_told(jira: JiraDataCenter) -> None:
    jira.deny("EDIT_ISSUES", "ML")
    told = ask(jira, "2/mypermissions", params={"projectKey": "ML"}).json()["permissions"]
    assert told["BROWSE_PROJECTS"]["havePermission"]
    assert not told["EDIT_ISSUES"]["havePermission"]


def test_an_edit_takes_markup_and_no_document(jira: JiraDataCenter) -> None:
    assert ask(jira, "2/issue/ML-1", method="PUT", json={"fields": {"description": "_new_"}}).status_code == 204
    assert jira.get("ML-1")["fields"]["description"] == "_new_"
    document = {"type": "doc", "version": 1, "content": []}
    assert ask(jira, "2/issue/ML-1", method="PUT", json={"fields": {"description": document}}).status_code == 400
    assignee = {"fields": {"assignee": {"name": "milepost.bot"}}}
    assert ask(jira, "2/issue/ML-1", method="PUT", json=assignee).status_code == 204


def test_an_archived_issue_is_read_directly_alone(jira: JiraDataCenter) -> None:
    jira.archive("ML-1")
    assert ask(jira, "2/issue/ML-1").json()["fields"]["archiveddate"]
    assert search(jira, "project = ML").json()["total"] == 2
    assert ask(jira, "2/issue/ML-1/editmeta").json() == {"fields": {}}


def test_headers_of_one_who_is_let_in_and_of_one_who_is_not(jira: JiraDataCenter) -> None:
    known = ask(jira, "2/myself")
    assert (known.headers["X-Seraph-LoginReason"], known.headers["X-AUSERNAME"]) == ("OK", "milepost.bot")
    assert known.headers["X-RateLimit-Interval-Seconds"] == "60"
    stranger = ask(jira, "2/myself", token="wrong")
    assert (stranger.status_code, stranger.headers["X-Seraph-LoginReason"]) == (401, "AUTHENTICATED_FAILED")


def test_a_captcha_after_three_wrong_passwords(jira: JiraDataCenter) -> None:
    def sign_in(password: str) -> httpx.Response:
        return httpx.get(f"{jira.address}/rest/api/2/myself", auth=(jira.user, password), trust_env=False)

    assert [sign_in("wrong").status_code for _ in range(3)] == [401, 401, 401]
    denied = sign_in(jira.token)
    assert denied.status_code == 403
    assert denied.headers["X-Authentication-Denied-Reason"].startswith("CAPTCHA_CHALLENGE; login-url=")
    jira.solve_captcha()
    assert sign_in(jira.token).status_code == 200
