"""The GitHub stand-in's commits: comparisons, rewritten branches, and what merging in each way leaves behind."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.github import GitHub, history
from sandbox.github.code import Code

REPO = "example/churn"
START = datetime(2026, 3, 1, 9, tzinfo=UTC)
UNKNOWN = "0" * 39 + "1"


def at(minutes: int) -> datetime:
    return START + timedelta(minutes=minutes)


@pytest.fixture
def github() -> Iterator[GitHub]:
    with GitHub() as stand_in:
        stand_in.add_repository(REPO, at=START)
        yield stand_in


@pytest.fixture
def client(github: GitHub) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{github.url}/repos/{REPO}", headers={"Authorization": "Bearer sandbox-token"}) as http:
        yield http


def shas(answer: httpx.Response) -> list[str]:
    return [row["sha"] for row in answer.raise_for_status().json()]


def pull_numbers(client: httpx.Client, sha: str) -> list[int]:
    return [row["number"] for row in client.get(f"commits/{sha}/pulls").raise_for_status().json()]


def compared(client: httpx.Client, base: str, head: str, **query: int) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"compare/{base}...{head}", params=query).raise_for_status().json()
    return found


@given(st.lists(st.tuples(st.lists(st.integers(0, 30), max_size=3), st.integers(0, 50)), min_size=2, max_size=30), st.data())
def test_comparing_finds_what_walking_the_whole_graph_finds(graph: list[tuple[list[int], int]], data: st.DataObject) -> None:
    code = Code()
    made: list[str] = []
    for index, (parents, minute) in enumerate(graph):
        chosen = list(dict.fromkeys(made[parent % len(made)] for parent in parents)) if made else []
        made.append(_added(code, f"commit {index}", chosen, at(minute)))
    base, head = data.draw(st.sampled_from(made)), data.draw(st.sampled_from(made))
    before, after = history.reachable_from(code.commits, [base]), history.reachable_from(code.commits, [head])
    found = history.compare(code.commits, base=base, head=head)
    assert set(found.ahead) == after - before
    assert found.behind == len(before - after)
    assert (found.merge_base in before & after) if before & after else found.merge_base is None
    assert history.is_ancestor(code.commits, base, head) == (base in after)
    listed = code.log(head)
    assert set(listed) == after
    assert all(listed.index(sha) < listed.index(parent) for sha in listed for parent in code.commits[sha].parents)


def _added(code: Code, message: str, parents: list[str], moment: datetime) -> str:
    return code.add(
        message, parents, name="Ada", email="ada@example.com", login="ada", authored_at=moment, committed_at=moment, files=[]
    ).sha


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 50)), min_size=1, max_size=25))
def test_a_log_that_grew_is_the_log_that_a_fresh_walk_gives(steps: list[tuple[int, int]]) -> None:
    code = Code()
    made = [_added(code, "first", [], at(0))]
    for index, (back, minute) in enumerate(steps):
        made.append(_added(code, f"step {index}", [made[-1 - back % len(made)]], at(minute)))
        assert code.log(made[-1]) == history.log(code.commits, made[-1])


def test_shas_depend_on_content_alone(github: GitHub) -> None:
    sha = github.commit(REPO, "CHURN-1 train", at=at(1))
    assert len(sha) == 40
    assert set(sha) <= set("0123456789abcdef")
    with GitHub() as other:
        other.add_repository(REPO, at=START)
        assert other.commit(REPO, "CHURN-1 train", at=at(1)) == sha
        assert other.commit(REPO, "CHURN-1 train more", at=at(1)) != sha


def test_commits_are_listed_newest_first_by_branch_and_by_committer_time(github: GitHub, client: httpx.Client) -> None:
    first = github.commit(REPO, "one", at=at(1))
    second = github.commit(REPO, "two", at=at(2), authored_at=at(-600))
    side = github.commit(REPO, "aside", branch="side", at=at(3))
    assert shas(client.get("commits"))[:2] == [second, first]
    assert shas(client.get("commits", params={"sha": "side"}))[0] == side
    assert shas(client.get("commits", params={"since": "2026-03-01T09:02:00Z"})) == [second]
    assert shas(client.get("commits", params={"until": "2026-03-01T09:01:00Z"}))[0] == first
    assert client.get("commits", params={"sha": "nowhere"}).status_code == 404
    assert len(client.get("commits", params={"per_page": 1}).links["next"]["url"]) > 0


def test_a_commit_is_read_by_sha_short_sha_and_branch_and_an_unknown_one_is_422(github: GitHub, client: httpx.Client) -> None:
    sha = github.commit(REPO, "one", branch="feature/a", files=["train.py", "data/prep.py"], at=at(1))
    for name in (sha, sha[:8], "feature/a", "heads/feature/a"):
        answer = client.get(f"commits/{name}").raise_for_status().json()
        assert answer["sha"] == sha
    assert [entry["filename"] for entry in answer["files"]] == ["train.py", "data/prep.py"]
    unknown = client.get(f"commits/{UNKNOWN}")
    assert (unknown.status_code, unknown.json()["message"]) == (422, f"No commit found for SHA: {UNKNOWN}")
    assert client.get(f"commits/{UNKNOWN}/pulls").status_code == 422
    assert shas(client.get("commits", params={"path": "data", "sha": "feature/a"})) == [sha]


def test_an_empty_repository_says_so(github: GitHub, client: httpx.Client) -> None:
    github.add_repository("example/empty", first_commit=None)
    answer = client.get(f"{github.url}/repos/example/empty/commits")
    assert (answer.status_code, answer.json()["message"]) == (409, "Git Repository is empty.")


def test_compare_tells_identical_ahead_behind_and_diverged(github: GitHub, client: httpx.Client) -> None:
    root = github.site.find(REPO).head or ""
    one, two = github.commit(REPO, "one", at=at(1)), github.commit(REPO, "two", at=at(2))
    side = github.commit(REPO, "side", branch="side", at=at(3))
    assert github.force_push(REPO, "side", [one, side], at=at(4)) != side
    ahead = compared(client, root, "main")
    assert (ahead["status"], ahead["ahead_by"], ahead["behind_by"]) == ("ahead", 2, 0)
    assert [commit["sha"] for commit in ahead["commits"]] == [one, two]
    assert compared(client, "main", root)["status"] == "behind"
    assert compared(client, "main", two)["status"] == "identical"
    diverged = compared(client, "main", "side")
    assert (diverged["status"], diverged["ahead_by"], diverged["behind_by"]) == ("diverged", 1, 1)
    assert diverged["merge_base_commit"]["sha"] == one
    assert client.get(f"compare/{UNKNOWN}...main").status_code == 404
    assert client.get("compare/main").status_code == 404


def test_comparing_unrelated_histories_is_404(github: GitHub, client: httpx.Client) -> None:
    github.add_repository("stranger/other", at=at(7))
    alien = github.commit("stranger/other", "elsewhere", at=at(8))
    repository = github.site.find(REPO)
    with github.lock:
        repository.code.take_from(github.site.find("stranger/other").code, alien)
    answer = client.get(f"compare/main...{alien}")
    assert (answer.status_code, answer.json()["message"]) == (404, f"No common ancestor between main and {alien}.")


def test_a_long_comparison_shows_its_newest_250_or_all_by_pages(github: GitHub, client: httpx.Client) -> None:
    root = github.site.find(REPO).head or ""
    made = [github.commit(REPO, f"step {index}", at=at(index)) for index in range(260)]
    whole = compared(client, root, "main")
    assert whole["total_commits"] == 260
    assert [commit["sha"] for commit in whole["commits"]] == made[10:]
    answer = client.get(f"compare/{root}...main", params={"per_page": 100})
    found, pages = [commit["sha"] for commit in answer.json()["commits"]], 1
    while following := answer.links.get("next"):
        answer = client.get(following["url"]).raise_for_status()
        found += [commit["sha"] for commit in answer.json()["commits"]]
        pages += 1
        assert "files" not in answer.json()
    assert (found, pages) == (made, 3)


def test_a_forced_push_leaves_the_old_commits_readable_until_garbage_is_collected(github: GitHub, client: httpx.Client) -> None:
    old = [github.commit(REPO, f"step {index}", at=at(index)) for index in range(3)]
    new = github.force_push(REPO, "main", [old[0], old[2]], at=at(10))
    assert new not in old
    assert client.get("git/ref/heads/main").json()["object"]["sha"] == new
    assert client.get(f"commits/{old[2]}").status_code == 200
    comparison = compared(client, old[2], "main")
    assert (comparison["status"], comparison["merge_base_commit"]["sha"]) == ("diverged", old[0])
    github.collect_garbage(REPO)
    assert client.get(f"commits/{old[2]}").status_code == 422
    assert client.get(f"compare/{old[2]}...main").status_code == 404


def test_a_squashed_pull_keeps_its_commits_by_sha_but_not_on_the_default_branch(github: GitHub, client: httpx.Client) -> None:
    work = [github.commit(REPO, f"CHURN-7 step {index}", branch="feature/churn-7", at=at(index)) for index in range(2)]
    number = github.open_pull(REPO, "CHURN-7 Train again", "feature/churn-7", body="Closes #999", at=at(5))
    merged = github.merge(REPO, number, "squash", at=at(6))
    github.delete_branch(REPO, "feature/churn-7")
    on_default = shas(client.get("commits"))
    assert on_default[0] == merged
    assert not set(work) & set(on_default)
    for sha in (*work, merged):
        assert client.get(f"commits/{sha}").status_code == 200
        assert pull_numbers(client, sha) == [number]
    pull = client.get(f"pulls/{number}").json()
    assert (pull["state"], pull["merged"], pull["merge_commit_sha"], pull["head"]["sha"]) == ("closed", True, merged, work[1])
    assert shas(client.get(f"pulls/{number}/commits")) == work
    message = client.get(f"commits/{merged}").json()["commit"]["message"]
    assert message.startswith(f"CHURN-7 Train again (#{number})")
    github.collect_garbage(REPO)
    assert pull_numbers(client, work[0]) == [number]


def test_a_merge_commit_has_both_parents_and_brings_the_branch_along(github: GitHub, client: httpx.Client) -> None:
    work = github.commit(REPO, "work", branch="feature", at=at(1))
    base = github.commit(REPO, "meanwhile", at=at(2))
    number = github.open_pull(REPO, "Feature", "feature", at=at(3))
    merged = github.merge(REPO, number, at=at(4))
    parents = [parent["sha"] for parent in client.get(f"commits/{merged}").json()["parents"]]
    assert parents == [base, work]
    assert work in shas(client.get("commits"))
    assert pull_numbers(client, work) == pull_numbers(client, merged) == [number]


def test_rebasing_makes_new_commits_and_the_last_is_the_merge_sha(github: GitHub, client: httpx.Client) -> None:
    work = [github.commit(REPO, f"step {index}", branch="feature", at=at(index)) for index in range(2)]
    github.commit(REPO, "meanwhile", at=at(5))
    number = github.open_pull(REPO, "Feature", "feature", at=at(6))
    merged = github.merge(REPO, number, "rebase", at=at(7))
    listed = client.get("commits").json()
    assert [row["commit"]["message"] for row in listed[:3]] == ["step 1", "step 0", "meanwhile"]
    assert listed[0]["sha"] == merged
    assert all(pull_numbers(client, row["sha"]) == [number] for row in listed[:2])
    assert not set(work) & {row["sha"] for row in listed}


def test_a_commit_of_an_open_pull_belongs_to_it_and_a_new_push_moves_the_pull(github: GitHub, client: httpx.Client) -> None:
    github.commit(REPO, "one", branch="feature", at=at(1))
    number = github.open_pull(REPO, "Feature", "feature", draft=True, at=at(2))
    pushed = github.commit(REPO, "two", branch="feature", at=at(3))
    pull = client.get(f"pulls/{number}").json()
    assert (pull["head"]["sha"], pull["updated_at"], pull["commits"], pull["draft"]) == (pushed, "2026-03-01T09:03:00Z", 2, True)
    assert pull_numbers(client, pushed) == [number]
    github.close_pull(REPO, number, at=at(4))
    assert pull_numbers(client, pushed) == []
    assert client.get(f"pulls/{number}").json()["merged"] is False


def test_a_pull_from_a_fork_brings_its_commits_and_outlives_the_fork(github: GitHub, client: httpx.Client) -> None:
    github.add_fork(REPO, "ada/churn", at=at(1))
    sha = github.commit("ada/churn", "from outside", branch="idea", at=at(2))
    # A repository and its forks share their commits, and none of ours leads to this one.
    assert client.get(f"commits/{sha}").status_code == 200
    assert (client.get(f"commits/{sha}/branches-where-head").json(), client.get(f"commits/{sha}/pulls").json()) == ([], [])
    number = github.open_pull(REPO, "Idea", "idea", fork="ada/churn", at=at(3))
    pull = client.get(f"pulls/{number}").json()
    assert (pull["head"]["label"], pull["head"]["repo"]["full_name"], pull["head"]["repo"]["fork"]) == (
        "ada:idea",
        "ada/churn",
        True,
    )
    assert client.get(f"commits/{sha}").json()["url"].startswith(f"{github.url}/repos/{REPO}/")
    github.delete_repository("ada/churn")
    assert client.get("pulls").json()[0]["head"]["repo"] is None


def test_merging_closes_the_issues_that_the_text_names(github: GitHub, client: httpx.Client) -> None:
    closed, named, open_still = (github.add_issue(REPO, title, at=at(0)) for title in ("a", "b", "c"))
    github.commit(REPO, f"fixes #{named}", branch="feature", at=at(1))
    number = github.open_pull(REPO, "Feature", "feature", body=f"Closes #{closed}, see #{open_still}", at=at(2))
    github.merge(REPO, number, "squash", at=at(3))
    states = {row["number"]: row["state"] for row in client.get("issues", params={"state": "all"}).json()}
    assert (states[closed], states[named], states[open_still]) == ("closed", "closed", "open")


def test_branches_with_slashes_are_read_raw_and_encoded(github: GitHub, client: httpx.Client) -> None:
    sha = github.commit(REPO, "work", branch="feature/churn-7", at=at(1))
    assert client.get("branches/feature/churn-7").json()["commit"]["sha"] == sha
    assert client.get("branches/feature%2Fchurn-7").json()["commit"]["sha"] == sha
    assert client.get("git/ref/heads/feature/churn-7").json()["object"]["sha"] == sha
    assert client.get("branches/none").status_code == 404
