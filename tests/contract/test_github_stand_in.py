"""Every answer of the GitHub stand-in, held against GitHub's official contract and against githubkit's typed models.

One scripted session touches every operation in each way that it can answer. The typed models are checked everywhere; the official
OpenAPI description only where its folder is at hand (`MILEPOST_CONTRACTS`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from githubkit_schemas.latest import models
from pydantic import TypeAdapter

from sandbox.contract import GITHUB, Contract, check_log, contracts_folder
from sandbox.github import GitHub
from sandbox.server import Entry

REPO = "example/churn"
START = datetime(2026, 3, 1, 9, tzinfo=UTC)
UNKNOWN = "0" * 39 + "1"

REPOSITORY = "/repos/{owner}/{repo}"
ANSWERS: dict[tuple[str, str], Any] = {
    ("GET", "/user"): models.PrivateUser,
    ("GET", "/user/repos"): list[models.Repository],
    ("GET", "/users/{login}"): models.PublicUser,
    ("GET", "/users/{login}/repos"): list[models.MinimalRepository],
    ("GET", "/orgs/{login}"): models.OrganizationFull,
    ("GET", "/orgs/{login}/repos"): list[models.MinimalRepository],
    ("GET", "/rate_limit"): models.RateLimitOverview,
    ("GET", "/meta"): models.ApiOverview,
    ("GET", "/app"): models.Integration,
    ("GET", "/app/installations/{installation}"): models.Installation,
    ("POST", "/app/installations/{installation}/access_tokens"): models.InstallationToken,
    ("GET", "/orgs/{login}/installation"): models.Installation,
    ("GET", f"{REPOSITORY}/installation"): models.Installation,
    ("GET", "/installation/repositories"): models.InstallationRepositoriesGetResponse200,
    ("GET", "/orgs/{login}/hooks"): list[models.OrgHook],
    ("GET", "/orgs/{login}/hooks/{hook}/deliveries"): list[models.HookDeliveryItem],
    ("GET", "/orgs/{login}/hooks/{hook}/deliveries/{delivery}"): models.HookDelivery,
    ("POST", "/orgs/{login}/hooks/{hook}/deliveries/{delivery}/attempts"): dict[str, Any],
    ("GET", "/app/hook/config"): models.WebhookConfig,
    ("GET", "/app/hook/deliveries"): list[models.HookDeliveryItem],
    ("GET", "/app/hook/deliveries/{delivery}"): models.HookDelivery,
    ("POST", "/app/hook/deliveries/{delivery}/attempts"): dict[str, Any],
    ("GET", REPOSITORY): models.FullRepository,
    ("GET", f"{REPOSITORY}/hooks"): list[models.Hook],
    ("GET", f"{REPOSITORY}/hooks/{{hook}}/deliveries"): list[models.HookDeliveryItem],
    ("GET", f"{REPOSITORY}/hooks/{{hook}}/deliveries/{{delivery}}"): models.HookDelivery,
    ("POST", f"{REPOSITORY}/hooks/{{hook}}/deliveries/{{delivery}}/attempts"): dict[str, Any],
    ("GET", f"{REPOSITORY}/issues"): list[models.Issue],
    ("POST", f"{REPOSITORY}/issues"): models.Issue,
    ("GET", f"{REPOSITORY}/issues/{{number}}"): models.Issue,
    ("PATCH", f"{REPOSITORY}/issues/{{number}}"): models.Issue,
    ("GET", f"{REPOSITORY}/issues/{{number}}/comments"): list[models.IssueComment],
    ("POST", f"{REPOSITORY}/issues/{{number}}/comments"): models.IssueComment,
    ("GET", f"{REPOSITORY}/issues/{{number}}/labels"): list[models.Label],
    ("POST", f"{REPOSITORY}/issues/{{number}}/labels"): list[models.Label],
    ("PUT", f"{REPOSITORY}/issues/{{number}}/labels"): list[models.Label],
    ("DELETE", f"{REPOSITORY}/issues/{{number}}/labels"): None,
    ("DELETE", f"{REPOSITORY}/issues/{{number}}/labels/{{name...}}"): list[models.Label],
    ("GET", f"{REPOSITORY}/labels"): list[models.Label],
    ("POST", f"{REPOSITORY}/labels"): models.Label,
    ("GET", f"{REPOSITORY}/labels/{{name...}}"): models.Label,
    ("PATCH", f"{REPOSITORY}/labels/{{name...}}"): models.Label,
    ("DELETE", f"{REPOSITORY}/labels/{{name...}}"): None,
    ("GET", f"{REPOSITORY}/milestones"): list[models.Milestone],
    ("GET", f"{REPOSITORY}/milestones/{{milestone}}"): models.Milestone,
    ("GET", f"{REPOSITORY}/pulls"): list[models.PullRequestSimple],
    ("GET", f"{REPOSITORY}/pulls/{{number}}"): models.PullRequest,
    ("GET", f"{REPOSITORY}/pulls/{{number}}/commits"): list[models.Commit],
    ("GET", f"{REPOSITORY}/commits"): list[models.Commit],
    ("GET", f"{REPOSITORY}/commits/{{ref...}}"): models.Commit,
    ("GET", f"{REPOSITORY}/commits/{{sha}}/pulls"): list[models.PullRequestSimple],
    ("GET", f"{REPOSITORY}/commits/{{sha}}/branches-where-head"): list[models.BranchShort],
    ("GET", f"{REPOSITORY}/compare/{{basehead...}}"): models.CommitComparison,
    ("GET", f"{REPOSITORY}/branches"): list[models.ShortBranch],
    ("GET", f"{REPOSITORY}/branches/{{branch...}}"): models.BranchWithProtection,
    ("GET", f"{REPOSITORY}/git/ref/{{ref...}}"): models.GitRef,
}
"""What each operation answers when all is well."""


def populate(github: GitHub) -> None:
    """A repository with everything that a document can hold."""
    github.add_repository(REPO, description="Who leaves, and why", at=START)
    github.define_label(REPO, "ml/drift-alert", color="b60205", description="The model has drifted")
    release = github.add_milestone(REPO, "Release 1", due_on=START + timedelta(days=30), description="First", at=START)
    github.add_milestone(REPO, "Some day", at=START)
    github.add_issue(
        REPO,
        "Model drifts",
        body="See chart",
        labels=["ml/drift-alert", "bug"],
        author="ada",
        assignees=["bob"],
        milestone=release,
        at=START,
    )
    github.add_issue(REPO, "No text", at=START)
    github.add_issue(REPO, "Settled", author="gone", at=START)
    github.comment(REPO, 1, "Since Monday", author="gone", at=START)
    github.close_issue(REPO, 3, by="bob", reason="not_planned", at=START)
    github.lock_issue(REPO, 3, reason="resolved", at=START)
    github.delete_user("gone")
    for index, method in enumerate(("merge", "squash", "rebase")):
        github.commit(REPO, f"Step of {method}", branch=method, author="ada", at=START + timedelta(minutes=index))
        number = github.open_pull(REPO, f"By {method}", method, labels=["bug"], milestone=release, body="Closes #1", at=START)
        github.merge(REPO, number, method, by="bob", at=START + timedelta(minutes=10 + index))  # type: ignore[arg-type]  # a word of the tuple
    github.add_fork(REPO, "ada/churn", at=START)
    github.commit("ada/churn", "From outside", branch="idea", at=START + timedelta(hours=1))
    github.open_pull(REPO, "Idea", "idea", fork="ada/churn", draft=True, at=START + timedelta(hours=1))
    github.delete_issue(REPO, github.add_issue(REPO, "Mistake", at=START))


def session(github: GitHub, http: httpx.Client) -> None:
    """Every operation, with good answers and refused ones."""
    repo = f"/repos/{REPO}"
    head = github.site.find(REPO).head
    read(http, "/user", "/user/repos", "/users/ada", "/users/ada/repos", "/users/nobody", "/orgs/example", "/orgs/example/repos")
    read(http, "/rate_limit", "/meta", repo, "/repos/ada/churn", "/repos/example/none")
    read(http, f"{repo}/issues?state=all&sort=updated&direction=asc&since=2026-01-01T00:00:00Z")
    read(http, f"{repo}/issues?state=all&per_page=2&page=2", f"{repo}/issues?labels=bug&state=closed")
    read(
        http,
        *(f"{repo}/issues/{number}" for number in (1, 2, 3, 4, 7, 8, 99)),
        f"{repo}/issues/1/comments",
        f"{repo}/issues/1/labels",
    )
    read(http, f"{repo}/labels", f"{repo}/labels/ml/drift-alert", f"{repo}/labels/none")
    read(http, f"{repo}/milestones?state=all", f"{repo}/milestones/1", f"{repo}/milestones/9")
    read(http, f"{repo}/pulls?state=all", *(f"{repo}/pulls/{number}" for number in (4, 5, 6, 7, 99)), f"{repo}/pulls/5/commits")
    read(http, f"{repo}/commits", f"{repo}/commits?sha=main&per_page=2", f"{repo}/commits?sha=none", f"{repo}/commits/{head}")
    read(http, f"{repo}/commits/{UNKNOWN}", f"{repo}/commits/{head}/pulls", f"{repo}/commits/{head}/branches-where-head")
    read(http, f"{repo}/compare/{head}...squash", f"{repo}/compare/merge...main?per_page=2", f"{repo}/compare/{UNKNOWN}...main")
    read(
        http,
        f"{repo}/branches",
        f"{repo}/branches/main",
        f"{repo}/branches/none",
        f"{repo}/git/ref/heads/main",
        f"{repo}/git/ref/heads/x",
    )
    http.post(f"{repo}/labels", json={"name": "ml/data-blocked", "color": "fbca04", "description": "Waits for data"})
    http.post(f"{repo}/labels", json={"name": "ml/data-blocked", "color": "fbca04"})
    http.patch(f"{repo}/labels/ml/data-blocked", json={"color": "ffffff", "description": "Waits"})
    http.post(f"{repo}/issues", json={"title": "New", "body": "Text", "labels": ["bug"], "milestone": 1, "assignees": ["bob"]})
    http.patch(f"{repo}/issues/9", json={"state": "closed", "state_reason": "completed"})
    http.patch(f"{repo}/issues/9", json={"milestone": 99})
    http.post(f"{repo}/issues/1/comments", json={"body": "Noted"})
    http.post(f"{repo}/issues/1/labels", json={"labels": ["ml/data-blocked"]})
    http.post(f"{repo}/issues/99/labels", json={"labels": ["ml/data-blocked"]})
    http.delete(f"{repo}/issues/1/labels/ml/data-blocked")
    http.delete(f"{repo}/issues/1/labels/ml/data-blocked")
    http.put(f"{repo}/issues/2/labels", json={"labels": ["bug"]})
    http.delete(f"{repo}/issues/2/labels")
    http.delete(f"{repo}/labels/ml/data-blocked")
    read(http, "/user", f"{repo}/issues", headers={"Authorization": "Bearer wrong"})
    github.add_repository("example/empty", first_commit=None, private=True, at=START)
    read(
        http,
        "/repos/example/empty",
        "/repos/example/empty/commits",
        "/repos/example/empty/git/ref/heads/main",
        "/orgs/example/repos",
    )
    github.rename("example/empty", "hollow")
    read(http, "/repos/example/empty", "/repos/example/empty/issues/1")
    github.archive("example/hollow")
    http.post("/repos/example/hollow/issues", json={"title": "Too late"})


def app_session(github: GitHub, http: httpx.Client) -> None:
    """What a GitHub App asks as itself, and as its installation."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    app, installation = github.add_app("milepost", "example", public.decode())
    expires = int((github.clock() + timedelta(minutes=5)).timestamp())
    signed = {"Authorization": f"Bearer {jwt.encode({'iss': str(app), 'exp': expires}, key, algorithm='RS256')}"}
    read(http, "/app", f"/app/installations/{installation}", "/app/installations/1", headers=signed)
    read(http, "/orgs/example/installation", f"/repos/{REPO}/installation", headers=signed)
    token = http.post(f"/app/installations/{installation}/access_tokens", headers=signed).json()["token"]
    read(http, "/installation/repositories", "/user", headers={"Authorization": f"Bearer {token}"})
    hook_session(github, http, app, signed)


def hook_session(github: GitHub, http: httpx.Client, app: int, signed: dict[str, str]) -> None:
    """Webhooks of every kind, whose receiver is not there, and the deliveries that failed for it."""
    github.add_token("admin", login="admin", role="admin", scopes=("repo", "admin:org_hook"))
    admin = {"Authorization": "Bearer admin"}
    places: list[tuple[str | int, str, dict[str, str]]] = [
        (REPO, f"/repos/{REPO}/hooks", admin),
        ("example", "/orgs/example/hooks", admin),
        (app, "/app/hook", signed),
    ]
    for place, address, headers in places:
        hook = github.hook("http://127.0.0.1:9/webhooks/github", "secret", of=place)
        github.settle_deliveries()
        of_app = address == "/app/hook"
        read(http, "/app/hook/config" if of_app else address, headers=headers)
        listed = f"{address}/deliveries" if of_app else f"{address}/{hook}/deliveries"
        (failed,) = http.get(listed, headers=headers).json()
        read(http, f"{listed}?per_page=1&status=failure", f"{listed}/{failed['id']}", headers=headers)
        http.post(f"{listed}/{failed['id']}/attempts", headers=headers)
        github.settle_deliveries()
        read(http, f"{listed}?per_page=1", f"{listed}?cursor=none", headers=headers)
    read(http, f"/repos/{REPO}/hooks")


def read(http: httpx.Client, *paths: str, headers: dict[str, str] | None = None) -> None:
    for path in paths:
        http.get(path, headers=headers)


@pytest.fixture(scope="module")
def github() -> Iterator[GitHub]:
    with GitHub() as stand_in:
        stand_in.clock = lambda: START + timedelta(days=1)
        populate(stand_in)
        with httpx.Client(base_url=stand_in.url, headers={"Authorization": "Bearer sandbox-token"}) as http:
            session(stand_in, http)
            app_session(stand_in, http)
        yield stand_in


def test_the_session_touches_every_operation(github: GitHub) -> None:
    operations = {(route.method, route.pattern) for route in github.routes() if not route.pattern.startswith("/repositories/")}
    answered = {(entry.method, entry.pattern) for entry in github.requests if entry.status < 300}
    assert operations == set(ANSWERS)
    assert operations - answered == set()
    assert {entry.status for entry in github.requests} == {200, 201, 202, 204, 301, 401, 403, 404, 409, 410, 422}


def test_githubkit_parses_every_answer(github: GitHub) -> None:
    parsed = [parse(entry) for entry in github.requests]
    assert len(parsed) > 70


def parse(entry: Entry) -> object:
    """The answer as githubkit's model of it. Raises what pydantic raises when it does not fit."""
    if entry.status == 422 and "errors" in entry.answer_json():
        return models.ValidationError.model_validate_json(entry.answer)
    if entry.status >= 300:
        return models.BasicError.model_validate_json(entry.answer)
    model = ANSWERS[entry.method, entry.pattern or ""]
    if model is None:
        assert entry.answer == b""
        return None
    return TypeAdapter(model).validate_json(entry.answer)


def test_the_official_contract_accepts_every_answer(github: GitHub) -> None:
    folder = contracts_folder()
    if folder is None:
        pytest.skip("the contracts folder is not here: MILEPOST_CONTRACTS names it")
    assert check_log(github, Contract(folder / GITHUB)) == []


def test_repositories_by_id_answer_exactly_as_by_name(github: GitHub) -> None:
    ident = github.site.find(REPO).id
    reads = [
        entry
        for entry in list(github.requests)
        if entry.method == "GET"
        and entry.path.startswith(f"/repos/{REPO}")
        and not re.search("/(installation|hooks.*)$", entry.path)
    ]
    with httpx.Client(base_url=github.url, headers={"Authorization": "Bearer sandbox-token"}) as http:
        for entry in reads:
            query = {name: values[-1] for name, values in entry.query.items()}
            by_name = http.get(entry.path, params=query)
            by_id = http.get(entry.path.replace(f"/repos/{REPO}", f"/repositories/{ident}", 1), params=query)
            assert (by_id.status_code, by_id.content) == (by_name.status_code, by_name.content)
    assert len(reads) > 40
