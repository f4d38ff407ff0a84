"""A commit that several pull requests have is read as belonging to the one by which it came onto the default branch; and whether
that branch has it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mappings.model import Commit, Ref
from sandbox.github import GitHub
from tests.connectors.test_github_reader import LONG_AGO, REPO, open_reader


@pytest.fixture
def hub() -> Iterator[GitHub]:
    with GitHub() as started:
        started.add_repository(REPO, at=LONG_AGO)
        started.commit(REPO, "Begin", at=LONG_AGO)
        yield started


def owners(hub: GitHub, sha: str) -> list[int]:
    """The numbers of the pull requests that a commit is read with."""
    return [int(ref.id.rpartition("/")[2]) for ref in read(hub, sha).change_requests]


def read(hub: GitHub, sha: str) -> Commit:
    reader = open_reader(hub)
    try:
        (found,) = reader.read([Ref("github", "commit", f"{hub.site.find(REPO).id}/{sha}")])
    finally:
        reader.close()
    assert isinstance(found, Commit)
    return found


def stacked(hub: GitHub) -> tuple[str, int, int]:
    """A commit, its pull request, and another one whose branch is built on it."""
    sha = hub.commit(REPO, "Load", branch="load")
    first = hub.open_pull(REPO, "Load", "load")
    hub.force_push(REPO, "train", [sha])
    hub.commit(REPO, "Train", branch="train")
    return sha, first, hub.open_pull(REPO, "Train", "train")


def test_while_none_is_merged_it_belongs_to_each(hub: GitHub) -> None:
    sha, first, second = stacked(hub)
    assert owners(hub, sha) == [first, second]


def test_what_one_was_merged_with_is_not_what_another_brings(hub: GitHub) -> None:
    sha, first, second = stacked(hub)
    hub.merge(REPO, first, "squash")
    assert owners(hub, sha) == [first]
    hub.merge(REPO, second, "squash")
    assert owners(hub, sha) == [first]


def test_what_was_merged_into_another_branch_before_belongs_to_both(hub: GitHub) -> None:
    sha = hub.commit(REPO, "Load", branch="load")
    hub.commit(REPO, "Train", branch="train")
    inner = hub.open_pull(REPO, "Load", "load", base="train")
    outer = hub.open_pull(REPO, "Train", "train")
    hub.merge(REPO, inner, "merge")
    assert owners(hub, sha) == [inner, outer]
    hub.merge(REPO, outer, "squash")
    assert owners(hub, sha) == [inner, outer]


def test_a_branch_that_kept_a_dropped_merge_only_contains_what_that_brought(hub: GitHub) -> None:
    sha = hub.commit(REPO, "Load", branch="load")
    first = hub.open_pull(REPO, "Load", "load")
    hub.merge(REPO, first, "merge")
    begun = hub.site.find(REPO).code.commits[str(hub.site.find(REPO).head)].parents[0]
    hub.commit(REPO, "Train", branch="train")
    hub.open_pull(REPO, "Train", "train")
    hub.force_push(REPO, "main", [begun])
    hub.commit(REPO, "Train more", branch="train")
    assert owners(hub, sha) == [first]


def test_a_commit_that_is_read_directly_tells_whether_the_default_branch_has_it(hub: GitHub) -> None:
    """What a late delivery names again may have come onto the default branch meanwhile."""
    sha = hub.commit(REPO, "Load", branch="load")
    assert (read(hub, sha).on_default_branch, read(hub, sha).on_branch) == (False, True)
    hub.merge_branch(REPO, "load")
    last = hub.commit(REPO, "More")
    assert [read(hub, one).on_default_branch for one in (sha, last)] == [True, True]
    hub.force_push(REPO, "main", [last])
    hub.force_push(REPO, "load", [last])
    begun = hub.site.find(REPO).code.commits[sha].parents[0]
    hub.force_push(REPO, "main", [begun])
    assert [read(hub, one).on_default_branch for one in (begun, sha, last)] == [True, False, False]
