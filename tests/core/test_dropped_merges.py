"""A merge that was taken back off the default branch, as by a force-push, proves nothing any more."""

from __future__ import annotations

from typing import Any

import pytest

from tests.core.worlds import World, rule

MERGED = rule(when={"any": [{"change_request": {"merged": True}}]}, via=("implements",))


@pytest.mark.parametrize(
    ("facts", "expected"),
    [({"on_default_branch": True}, True), ({"on_default_branch": False}, False), (None, False)],
    ids=["on the branch", "dropped", "dropped before it was listed"],
)
def test_a_model_is_ready_while_the_branch_still_has_its_merge(facts: dict[str, Any] | None, expected: bool) -> None:
    world = World()
    item, change, *_ = world.whole()
    merge = world.commit(change.merge_sha or "", **(facts or {}))
    if facts is None:
        del world.entities[merge.ref]
        assert world.truth("model-ready", item) is None
        world.known_missing = frozenset({merge.sha})
    assert world.truth("model-ready", item) is expected
    assert world.truth(MERGED, item) is expected


@pytest.mark.parametrize(("listed", "expected"), [(True, False), (False, None)])
def test_a_commit_that_was_looked_up_tells_of_no_branch(listed: bool, expected: bool | None) -> None:
    world = World()
    item, change, *_ = world.whole()
    world.commit(change.merge_sha or "", on_default_branch=False, change_requests=(change.ref,))
    world.set_stream("github", "commits", complete=listed)
    assert world.truth("model-ready", item) is expected
    assert world.truth(MERGED, item) is expected


def test_where_no_commits_are_listed_a_merge_is_believed() -> None:
    world = World()
    item, change, *_ = world.whole()
    del world.entities[world.commit(change.merge_sha or "").ref]
    del world.streams["github", "commits"]
    assert world.truth("model-ready", item) is True
    assert world.truth(MERGED, item) is True


@pytest.mark.parametrize("on_default_branch", [True, False])
def test_what_the_branch_was_is_not_what_it_is(on_default_branch: bool) -> None:
    world = World()
    item, change, *_ = world.whole()
    world.commit(change.merge_sha or "", on_default_branch=on_default_branch)
    world.set_stream("github", "commits", failed="timeout")
    assert world.truth("model-ready", item) is None
    assert world.truth(MERGED, item) is None


@pytest.mark.parametrize("trouble", [{"complete": False}, {"failed": "timeout"}], ids=["incomplete", "failed"])
def test_a_merge_that_may_have_been_dropped_proves_nothing(trouble: dict[str, Any]) -> None:
    world = World()
    item, change, *_ = world.whole()
    del world.entities[world.commit(change.merge_sha or "").ref]
    world.set_stream("github", "commits", **trouble)
    assert world.truth("model-ready", item) is None
    assert world.truth(MERGED, item) is None


def test_a_dropped_merge_takes_nothing_from_another() -> None:
    world = World()
    item, change, run, _ = world.whole()
    world.commit(change.merge_sha or "", on_default_branch=False)
    world.merged(8, branch="ml-42-again", head_sha=run.git_commit)
    assert world.truth("model-ready", item) is True
