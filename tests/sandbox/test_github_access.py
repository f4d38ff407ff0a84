"""Who may do what on the GitHub stand-in, how often, and where renamed things went."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from sandbox.faults import Fault
from sandbox.github import GitHub, secondary_limit

REPO = "example/churn"
START = datetime(2026, 3, 1, 9, tzinfo=UTC)


@pytest.fixture
def github() -> Iterator[GitHub]:
    with GitHub() as stand_in:
        stand_in.clock = lambda: START
        stand_in.add_repository(REPO)
        stand_in.add_issue(REPO, "Model drifts", labels=["bug"])
        yield stand_in


@pytest.fixture
def client(github: GitHub) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=github.url, headers={"Authorization": "Bearer sandbox-token"}) as http:
        yield http


def as_token(value: str) -> dict[str, str]:
    return {"Authorization": f"token {value}"}


def test_a_wrong_expired_or_revoked_token_is_401_on_any_path(github: GitHub, client: httpx.Client) -> None:
    github.add_token("short-lived", expires_at=START + timedelta(hours=1))
    assert client.get("/user", headers=as_token("short-lived")).headers["github-authentication-token-expiration"] == (
        "2026-03-01 10:00:00 UTC"
    )
    github.clock = lambda: START + timedelta(hours=1)
    github.add_token("taken-back")
    github.revoke_token("taken-back")
    for value in ("wrong", "short-lived", "taken-back"):
        answer = client.get(f"/repos/{REPO}", headers=as_token(value))
        assert (answer.status_code, answer.json()["message"]) == (401, "Bad credentials")
    assert client.get("/user", headers={"Authorization": "Basic c2FuZGJveDp0b2tlbg=="}).status_code == 401


def test_classic_tokens_say_their_scopes_and_others_do_not(github: GitHub, client: httpx.Client) -> None:
    github.add_token("fine", kind="fine-grained")
    assert client.get("/user").headers["x-oauth-scopes"] == "repo"
    assert "x-oauth-scopes" not in client.get("/user", headers=as_token("fine")).headers


def test_every_answer_has_the_headers_that_clients_rely_on(client: httpx.Client) -> None:
    for path in (f"/repos/{REPO}", "/repos/example/none", "/nowhere"):
        headers = client.get(path).headers
        assert {"x-github-request-id", "date", "x-ratelimit-limit", "x-ratelimit-resource"} <= set(headers)
        assert headers["date"] == "Sun, 01 Mar 2026 09:00:00 GMT"
        assert headers["content-type"] == "application/json; charset=utf-8"


def test_a_private_repository_is_404_to_who_may_not_see_it(github: GitHub, client: httpx.Client) -> None:
    github.add_repository("example/secret", private=True)
    github.add_token("outsider", login="eve")
    github.add_token("scopeless", scopes=(), role="admin", login="max")
    assert client.get("/repos/example/secret").status_code == 200
    for value in ("outsider", "scopeless"):
        assert client.get("/repos/example/secret", headers=as_token(value)).status_code == 404
        assert client.get("/repos/example/secret/issues", headers=as_token(value)).status_code == 404
    listed = client.get("/orgs/example/repos", headers=as_token("outsider")).json()
    assert [repository["full_name"] for repository in listed] == [REPO]
    with httpx.Client(base_url=github.url) as nobody:
        assert nobody.get(f"/repos/{REPO}").status_code == 200
        assert nobody.get("/repos/example/secret").status_code == 404
        assert nobody.get("/user").status_code == 401
        assert nobody.post(f"/repos/{REPO}/labels", json={"name": "x"}).status_code == 401


@pytest.mark.parametrize(
    ("token", "message"),
    [
        ({"kind": "classic"}, "Must have admin rights to Repository."),
        ({"kind": "fine-grained"}, "Resource not accessible by personal access token"),
        ({"kind": "app"}, "Resource not accessible by integration"),
    ],
)
def test_a_reader_may_not_label(github: GitHub, client: httpx.Client, token: dict[str, Any], message: str) -> None:
    github.add_token("reader", login="rita", role="read", **token)
    answer = client.post(f"/repos/{REPO}/issues/1/labels", json=["x"], headers=as_token("reader"))
    assert (answer.status_code, answer.json()["message"]) == (403, message)
    assert github.writes == []


def test_triage_may_label_issues_but_not_define_labels(github: GitHub, client: httpx.Client) -> None:
    github.add_token("triager", login="tom")
    github.grant("tom", REPO, "triage")
    assert client.post(f"/repos/{REPO}/issues/1/labels", json=["bug"], headers=as_token("triager")).status_code == 200
    assert client.post(f"/repos/{REPO}/labels", json={"name": "x"}, headers=as_token("triager")).status_code == 403
    permissions = client.get(f"/repos/{REPO}", headers=as_token("triager")).json()["permissions"]
    assert permissions == {"pull": True, "triage": True, "push": False, "maintain": False, "admin": False}


def test_a_fine_grained_token_is_held_to_its_permissions_and_repositories(github: GitHub, client: httpx.Client) -> None:
    github.add_repository("example/other", private=True)
    github.add_token("narrow", kind="fine-grained", permissions={"issues": "read"}, repositories=[REPO])
    assert client.get("/repos/example/other", headers=as_token("narrow")).status_code == 404
    assert client.post(f"/repos/{REPO}/issues/1/labels", json=["x"], headers=as_token("narrow")).status_code == 403
    mine = client.get("/user/repos", headers=as_token("narrow")).json()
    assert [repository["full_name"] for repository in mine] == [REPO]


def test_an_archived_repository_is_read_only(github: GitHub, client: httpx.Client) -> None:
    github.archive(REPO)
    assert client.get(f"/repos/{REPO}").json()["archived"] is True
    answer = client.post(f"/repos/{REPO}/issues/1/labels", json=["x"])
    assert (answer.status_code, answer.json()["message"]) == (403, "Repository was archived so is read-only.")
    assert client.get(f"/repos/{REPO}/issues/1").status_code == 200
    github.unarchive(REPO)
    assert client.post(f"/repos/{REPO}/issues/1/labels", json=["x"]).status_code == 200


def test_a_locked_issue_takes_labels_but_no_comments_from_who_may_not_write(github: GitHub, client: httpx.Client) -> None:
    github.lock_issue(REPO, 1, reason="too heated")
    github.add_token("triager", login="tom", role="triage")
    commented = client.post(f"/repos/{REPO}/issues/1/comments", json={"body": "x"}, headers=as_token("triager"))
    assert commented.status_code == 403
    assert client.post(f"/repos/{REPO}/issues/1/labels", json=["x"], headers=as_token("triager")).status_code == 200
    assert client.get(f"/repos/{REPO}/issues/1").json()["active_lock_reason"] == "too heated"


def test_disabled_issues_are_410(github: GitHub, client: httpx.Client) -> None:
    github.disable_issues(REPO)
    assert client.get(f"/repos/{REPO}/issues/1").status_code == 410
    assert client.post(f"/repos/{REPO}/issues", json={"title": "x"}).status_code == 410


def test_old_names_redirect_to_the_id_with_path_and_query(github: GitHub, client: httpx.Client) -> None:
    ident = github.site.find(REPO).id
    github.rename(REPO, "retention")
    github.transfer("example/retention", "acme")
    answer = client.get(f"/repos/{REPO}/issues?state=all&per_page=5")
    assert answer.status_code == 301
    assert answer.headers["location"] == f"{github.url}/repositories/{ident}/issues?state=all&per_page=5"
    followed = client.get(f"/repos/{REPO}", follow_redirects=True).json()
    assert (followed["id"], followed["full_name"]) == (ident, "acme/retention")
    assert client.get("/repos/EXAMPLE/Retention", follow_redirects=True).json()["id"] == ident
    assert client.get(f"/repositories/{ident}/issues/1").json()["repository_url"].endswith("/repos/acme/retention")
    newcomer = github.add_repository(REPO)
    assert client.get(f"/repos/{REPO}").json()["id"] == newcomer


def test_a_deleted_repository_is_404_under_every_name(github: GitHub, client: httpx.Client) -> None:
    ident = github.site.find(REPO).id
    github.rename(REPO, "retention")
    github.delete_repository("example/retention")
    for path in (f"/repos/{REPO}", "/repos/example/retention", f"/repositories/{ident}", "/repositories/999999"):
        assert client.get(path).status_code == 404


def test_repositories_are_listed_by_owner_and_by_access(github: GitHub, client: httpx.Client) -> None:
    github.add_repository("example/alpha", private=True)
    github.add_fork(REPO, "ada/churn")
    named = [repository["name"] for repository in client.get("/orgs/example/repos?sort=full_name").json()]
    assert named == ["alpha", "churn"]
    assert [repository["full_name"] for repository in client.get("/users/ada/repos").json()] == ["ada/churn"]
    assert len(client.get("/user/repos?per_page=2").json()) == 2
    assert client.get("/user/repos?per_page=2").links["next"]["url"].endswith("page=2")
    assert client.get("/orgs/ada/repos").status_code == client.get("/orgs/none/repos").status_code == 404
    assert client.get("/orgs/example/repos?type=forks").json() == []


def test_the_hourly_budget_runs_out_and_comes_back(github: GitHub, client: httpx.Client) -> None:
    github.add_token("poor", login="pia", role="read", hourly_limit=2)
    left = [client.get("/user", headers=as_token("poor")).headers["x-ratelimit-remaining"] for _ in range(2)]
    assert left == ["1", "0"]
    spent = client.get("/user", headers=as_token("poor"))
    assert spent.status_code == 403
    assert spent.json()["message"].startswith("API rate limit exceeded for user ID")
    assert "retry-after" not in spent.headers
    assert int(spent.headers["x-ratelimit-reset"]) == int((START + timedelta(hours=1)).timestamp())
    asked = client.get("/rate_limit", headers=as_token("poor")).json()
    assert (asked["resources"]["core"]["remaining"], asked["rate"]["limit"]) == (0, 2)
    github.clock = lambda: START + timedelta(hours=1)
    assert client.get("/user", headers=as_token("poor")).status_code == 200


def test_asking_for_the_rate_limit_costs_nothing(client: httpx.Client) -> None:
    first = client.get("/rate_limit").json()["rate"]["used"]
    assert client.get("/rate_limit").json()["rate"]["used"] == first


@pytest.mark.parametrize("status", [403, 429])
def test_a_secondary_limit_asks_to_wait_on_demand(github: GitHub, client: httpx.Client, status: int) -> None:
    github.faults.append(Fault(secondary_limit(7, status=status), method="POST"))
    assert client.get("/user").status_code == 200
    refused = client.post(f"/repos/{REPO}/issues/1/labels", json=["x"])
    assert (refused.status_code, refused.headers["retry-after"]) == (status, "7")
    assert int(refused.headers["x-ratelimit-remaining"]) > 0
    assert github.labels_of(REPO, 1) == ["bug"]
    assert client.post(f"/repos/{REPO}/issues/1/labels", json=["x"]).status_code == 200


def test_a_request_without_user_agent_or_for_another_version_is_refused(github: GitHub, client: httpx.Client) -> None:
    assert client.get("/user", headers={"X-GitHub-Api-Version": "1999-01-01"}).status_code == 400
    assert client.get("/user", headers={"User-Agent": ""}).status_code == 403
    assert client.get("/user", headers={"X-GitHub-Api-Version": "2022-11-28"}).status_code == 200


def test_names_are_checked_when_people_make_things(github: GitHub) -> None:
    with pytest.raises(ValueError, match="exists already"):
        github.add_repository(REPO)
    with pytest.raises(ValueError, match="expected owner/name"):
        github.add_repository("nameless")
    with pytest.raises(LookupError):
        github.add_issue("example/none", "x")
    with pytest.raises(LookupError, match="no branch"):
        github.open_pull(REPO, "x", "nowhere")
    with pytest.raises(ValueError, match="time zone"):
        github.add_issue(REPO, "x", at=datetime(2026, 1, 1))  # noqa: DTZ001  # that is the point
