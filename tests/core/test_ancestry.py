"""A commit on the default branch that is neither head nor merge of a change request: the merge that brought it in tells which."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from mappings.model import Commit
from sync.ancestry import merges_of
from tests.core.worlds import World, sha

Parents = Mapping[str, str]
"""By a commit's letter, the letters of its parents."""


def history(parents: Parents, *, off: str = "") -> list[Commit]:
    world = World()
    return [
        world.commit(sha(one), parents=tuple(map(sha, before)), on_default_branch=one not in off) for one, before in parents.items()
    ]


def brought(parents: Parents, *, off: str = "") -> Mapping[str, str]:
    letters = {sha(one): one for one in parents}
    return {letters[ref.id.rpartition("/")[2]]: letters[merge] for ref, merge in merges_of(history(parents, off=off)).items()}


@pytest.mark.parametrize(
    ("parents", "expected"),
    [
        ({"a": "", "b": "a", "c": "b"}, {}),
        ({"a": "", "b": "a", "c": "b", "d": "ac"}, {"b": "d", "c": "d"}),
        ({"a": "", "b": "a", "c": "a", "d": "cb", "e": "d"}, {"b": "d"}),
        ({"a": "", "b": "a", "c": "a", "d": "bc", "e": "d", "f": "ae"}, {"b": "f", "c": "f", "d": "f", "e": "f"}),
        ({"a": "", "b": "a", "c": "ab", "d": "cb"}, {"b": "c"}),
        ({"b": "a", "c": "a", "d": "cb"}, {"b": "d"}),
        ({"a": "b", "b": "a"}, {}),
        ({"a": "b", "b": "a", "c": "a"}, {}),
    ],
    ids=[
        "pushed",
        "merged",
        "beside",
        "merged into a branch before",
        "merged twice",
        "history is cut off",
        "is a circle",
        "leads into a circle",
    ],
)
def test_a_merge_brings_what_was_not_there(parents: Parents, expected: Mapping[str, str]) -> None:
    assert brought(parents) == expected


def test_a_merge_of_a_change_request_keeps_what_it_brought_wherever_it_is_merged_later() -> None:
    parents = {"a": "", "b": "a", "c": "ab", "d": "c", "e": "ad"}
    assert brought(parents) == dict.fromkeys("bcd", "e")
    letters = {sha(one): one for one in parents}
    found = merges_of(history(parents), {sha("c")})
    assert {letters[ref.id.rpartition("/")[2]]: letters[by] for ref, by in found.items()} == {"b": "c", "c": "e", "d": "e"}


def test_what_is_on_no_default_branch_came_in_by_no_merge() -> None:
    assert brought({"a": "", "b": "a", "c": "ab"}, off="c") == {}


def branch_of_two() -> tuple[World, str, str]:
    """A ticket's change request with two commits, merged by a merge commit. The first commit's sha, and the merge's."""
    world = World()
    world.item("ML-42")
    change = world.merged(branch="ML-42")
    first, head, merge = sha("f1"), str(change.head_sha), str(change.merge_sha)
    world.commit(sha("00"), on_default_branch=True)
    world.commit(first, parents=(sha("00"),), on_default_branch=True)
    world.commit(head, parents=(first,), on_default_branch=True)
    world.commit(merge, parents=(sha("00"), head), on_default_branch=True)
    return world, first, merge


def test_a_run_of_an_earlier_commit_of_a_merged_branch_belongs_to_its_change_request() -> None:
    world, first, _ = branch_of_two()
    run = world.run(git_commit=first)
    assert ("built_from", "example/churn/7") in world.links(run)
    assert [ref.id for ref in world.linked().merges[run.ref]] == ["example/churn/7"]


def test_what_leads_to_a_change_request_already_leads_to_no_other() -> None:
    world, first, _ = branch_of_two()
    world.merged(8, branch="ML-43", head_sha=first, merge_sha=sha("e8"))
    assert ("built_from", "example/churn/7") not in world.links(world.run(git_commit=first))


def test_a_change_request_of_another_repository_brought_nothing_here() -> None:
    world, first, merge = branch_of_two()
    del world.entities[world.merged().ref]
    world.merged(9, repository="example/fork", merge_sha=merge)
    assert ("built_from", "example/fork/9") not in world.links(world.run(git_commit=first))
