"""PyGithub, unmodified, works against the GitHub stand-in."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from github import Auth, BadCredentialsException, Github, GithubException, UnknownObjectException
from github.GithubException import RateLimitExceededException

from sandbox.faults import Fault
from sandbox.github import GitHub, secondary_limit

REPO = "example/churn"
START = datetime(2026, 3, 1, 9, tzinfo=UTC)


@pytest.fixture
def site() -> Iterator[GitHub]:
    with GitHub() as stand_in:
        stand_in.add_repository(REPO, at=START)
        for index in range(35):
            stand_in.add_issue(REPO, f"Issue {index}", labels=["bug"], at=START + timedelta(minutes=index))
        yield stand_in


def client(site: GitHub, token: str = "sandbox-token") -> Github:
    return Github(base_url=site.url, auth=Auth.Token(token), seconds_between_requests=0, seconds_between_writes=0, retry=None)


@pytest.fixture
def github(site: GitHub) -> Iterator[Github]:
    with client(site) as sdk:
        yield sdk


def test_labels_are_put_on_and_taken_off_an_issue(site: GitHub, github: Github) -> None:
    issue = github.get_repo(REPO).get_issue(1)
    issue.add_to_labels("ml/drift-alert", "ml/data blocked")
    assert [label.name for label in issue.get_labels()] == ["bug", "ml/drift-alert", "ml/data blocked"]
    issue.remove_from_labels("ml/drift-alert")
    issue.remove_from_labels("ml/data blocked")
    assert site.labels_of(REPO, 1) == ["bug"]
    with pytest.raises(GithubException, match="Label does not exist") as missing:
        issue.remove_from_labels("ml/drift-alert")
    # The SDK knows an absent object by the text "Not Found", so this 404 is no UnknownObjectException.
    assert (missing.value.status, type(missing.value)) == (404, GithubException)


def test_labels_are_created_read_edited_and_deleted(github: Github) -> None:
    repository = github.get_repo(REPO)
    created = repository.create_label("ml/model-ready", "0e8a16", "Passed every check")
    assert repository.get_label("ml/model-ready").description == "Passed every check"
    with pytest.raises(GithubException) as twice:
        repository.create_label("ml/model-ready", "0e8a16")
    assert twice.value.status == 422
    assert twice.value.data["errors"][0]["code"] == "already_exists"
    created.edit("ml/ready", "ffffff", "Other words")
    assert {label.name for label in repository.get_labels()} == {"bug", "ml/ready"}
    repository.get_label("ml/ready").delete()
    assert [label.name for label in repository.get_labels()] == ["bug"]


def test_lists_are_followed_page_by_page(github: Github) -> None:
    repository = github.get_repo(REPO)
    issues = repository.get_issues(state="all", sort="updated", direction="asc", since=START + timedelta(minutes=30))
    assert [issue.number for issue in issues] == [31, 32, 33, 34, 35]
    assert len(list(repository.get_issues(state="open"))) == 35
    assert repository.get_issues(state="open").totalCount == 35
    assert [found.full_name for found in github.get_organization("example").get_repos()] == [REPO]
    assert [found.full_name for found in github.get_user().get_repos()] == [REPO]


def test_pull_requests_commits_and_comparisons_are_read(site: GitHub, github: Github) -> None:
    root = site.site.find(REPO).head or ""
    work = site.commit(REPO, "CHURN-7 train", branch="feature", author="ada")
    number = site.open_pull(REPO, "CHURN-7 Train", "feature")
    merged = site.merge(REPO, number, "squash")
    repository = github.get_repo(REPO)
    pull = repository.get_pull(number)
    assert (pull.merged, pull.merge_commit_sha, pull.head.sha, pull.base.repo.full_name) == (True, merged, work, REPO)
    assert [commit.sha for commit in pull.get_commits()] == [work]
    assert [found.number for found in repository.get_commit(work).get_pulls()] == [number]
    assert repository.get_commits()[0].sha == merged
    comparison = repository.compare(root, "main")
    assert (comparison.status, comparison.ahead_by, [commit.sha for commit in comparison.commits]) == ("ahead", 1, [merged])
    assert repository.get_branch("main").commit.sha == repository.get_git_ref("heads/main").object.sha == merged


def test_issues_and_comments_are_written(github: Github) -> None:
    repository = github.get_repo(REPO)
    issue = repository.create_issue("Data late", body="Since Monday", labels=["data"])
    issue.create_comment("Looking into it")
    issue.edit(state="closed")
    again = repository.get_issue(issue.number)
    assert (again.state, again.comments, again.get_comments()[0].body) == ("closed", 1, "Looking into it")


def test_the_rate_limit_and_the_account_are_told(github: Github) -> None:
    assert github.get_user().login == "milepost-bot"
    assert github.oauth_scopes == ["repo"]
    limit = github.get_rate_limit().resources.core
    assert (limit.limit, limit.remaining) == (5000, 5000 - limit.used)
    assert github.rate_limiting[1] == 5000


def test_a_renamed_repository_is_found_under_its_old_name(site: GitHub, github: Github) -> None:
    site.rename(REPO, "retention")
    assert github.get_repo(REPO).full_name == "example/retention"


def test_refusals_are_the_errors_that_the_sdk_knows(site: GitHub, github: Github) -> None:
    with client(site, "wrong") as stranger, pytest.raises(BadCredentialsException):
        stranger.get_user().login  # noqa: B018  # reading it asks the server
    with pytest.raises(UnknownObjectException):
        github.get_repo("example/none")
    site.faults.append(Fault(secondary_limit(1)))
    with pytest.raises(RateLimitExceededException) as limited:
        github.get_repo(REPO)
    assert (limited.value.headers or {})["retry-after"] == "1"
