"""What somebody outside of a project can write, or have written elsewhere: it is shown, and nothing is published on it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync.known import Known
from sync.recipients import deliver
from tests.core.worlds import NOW, World, shipped

SAYINGS: list[dict[str, Any]] = [
    {"branch": "ML-43"},
    {"title": "ML-43 look here"},
    {"body": "Fixes ML-43"},
    {"closes": ("ML-43",)},
]


@pytest.mark.parametrize("saying", SAYINGS)
@pytest.mark.parametrize("state", ["open", "closed"])
def test_a_strangers_change_request_implements_nothing_before_it_is_merged(saying: dict[str, Any], state: str) -> None:
    world = World()
    item = world.item("ML-43")
    change = world.change(8, from_fork=True, state=state, **saying)
    assert world.links(change) == []
    assert world.links(change, sure=False) == [("implements", item.ref.id)]
    world.change_of(change, state="merged", merged_at=NOW)
    assert world.links(change) == [("implements", item.ref.id)]


@pytest.mark.parametrize("saying", SAYINGS)
@pytest.mark.parametrize("state", ["open", "closed"])
@pytest.mark.parametrize("from_fork", [True, False])
def test_no_ticket_turns_green_by_a_change_request_with_the_head_of_anothers(
    saying: dict[str, Any], state: str, from_fork: bool
) -> None:
    world = World()
    item, change, run, _ = world.whole()
    world.change_of(run, git_commit=change.head_sha)
    world.commit(change.head_sha or "")
    other = world.item("ML-43")
    thief = world.change(8, from_fork=from_fork, state=state, head_sha=change.head_sha, **saying)
    assert world.truth("model-ready", item) is True
    wants = from_fork or state == "closed"
    assert (("built_from", thief.ref.id) in world.links(run, sure=False)) is wants
    assert (world.truth("model-ready", other) == "not applicable") is wants


@pytest.mark.parametrize("state", ["open", "closed", "merged"])
def test_a_commit_that_only_a_stranger_proposed_names_no_ticket_before_it_is_merged(state: str) -> None:
    world = World()
    item = world.item("ML-43")
    change = world.change(8, from_fork=True, state=state, branch="theirs", merged_at=NOW if state == "merged" else None)
    commit = world.commit("b" * 40, "ML-43 Mine", change_requests=(change.ref,), on_branch=False)
    run = world.run(git_commit="b" * 40)
    world.version(run=run)
    assert (world.truth("drift-alert", item) == "not applicable") is (state != "merged")
    assert (("implements", item.ref.id) in world.links(commit)) is (state == "merged")
    assert (("built_from", commit.ref.id) in world.links(run)) is (state == "merged")


def test_a_commit_that_was_looked_up_before_a_stranger_proposed_it_names_no_ticket_then_or_later() -> None:
    world = World()
    item = world.item("ML-43")
    commit = world.commit("b" * 40, "ML-43 Mine", on_branch=False)
    run = world.run(git_commit="b" * 40)
    world.version(run=run)

    def is_linked() -> bool:
        """By whichever rule: also one that asks for no merge."""
        return run.ref in world.graph().reach(item.ref, ("implements", "built_from"))

    assert not is_linked()
    assert world.links(commit, sure=False) == [("implements", item.ref.id)]
    change = world.change(8, from_fork=True, head_sha="b" * 40, branch="theirs")
    assert not is_linked()
    world.change_of(change, state="merged", merged_at=NOW)
    assert is_linked()


OWN: list[dict[str, Any]] = [{"state": "open"}, {"state": "closed"}, {"state": "merged", "merged_at": NOW}]


@pytest.mark.parametrize("facts", OWN)
@pytest.mark.parametrize("by", ["head", "word of the source"])
def test_a_commit_of_the_repositorys_own_change_request_is_its_own(facts: dict[str, Any], by: str) -> None:
    world = World()
    item = world.item("ML-43")
    change = world.change(8, branch="ours", head_sha="b" * 40 if by == "head" else "c" * 40, **facts)
    named = (change.ref,) if by != "head" else ()
    commit = world.commit("b" * 40, "ML-43 Ours", on_branch=False, change_requests=named)
    assert world.links(commit) == [("implements", item.ref.id)]


def test_a_change_request_of_a_fork_within_the_scopes_does_not_vouch_for_the_commit_elsewhere() -> None:
    world = World()
    world.item("ML-43")
    change = world.change(8, repository="mallory/churn", head_sha="b" * 40, branch="theirs")
    commit = world.commit("b" * 40, "ML-43 Mine", on_branch=False, change_requests=(change.ref,))
    assert world.links(commit) == []


def test_a_commit_that_a_repository_only_shows_takes_nothing_from_the_one_that_has_it_on_a_branch() -> None:
    world = World()
    own = world.commit("b" * 40, "Ours")
    shown = world.commit("b" * 40, "Ours", repository="mallory/churn", on_branch=False)
    run = world.run(git_commit="b" * 40)
    assert world.links(run) == [("built_from", own.ref.id)]
    assert world.links(run, sure=False) == [("built_from", shown.ref.id)]


def test_a_stranger_who_proposes_a_commit_of_a_branch_takes_nothing_from_it() -> None:
    world = World()
    item = world.item("ML-43")
    thief = world.change(8, from_fork=True, head_sha="b" * 40)
    commit = world.commit("b" * 40, "ML-43 Ours", change_requests=(thief.ref,))
    run = world.run(git_commit="b" * 40)
    assert world.links(commit) == [("implements", item.ref.id)]
    assert world.links(run) == [("built_from", commit.ref.id)]
    (end,) = world.linked().loose_ends
    assert end.found


def test_what_only_a_stranger_proposed_is_asked_for_again_and_keeps_nothing_unknown() -> None:
    world = World()
    change = world.change(8, from_fork=True, branch="theirs")
    world.commit("b" * 40, change_requests=(change.ref,), on_branch=False)
    world.run(git_commit="b" * 40)
    assert [(end.sha, end.found) for end in world.linked().loose_ends] == [("b" * 40, True)]
    assert world.linked().unresolved == []
    world.change_of(change, state="merged", merged_at=NOW)
    assert world.linked().loose_ends == []


def test_a_commit_of_a_change_request_that_was_given_up_leads_no_run_to_it() -> None:
    world = World()
    change = world.change(8, state="closed", head_sha="a" * 40, branch="ML-43")
    commit = world.commit("b" * 40, change_requests=(change.ref,))
    run = world.run(git_commit="b" * 40)
    assert world.links(run) == [("built_from", commit.ref.id)]
    assert world.links(run, sure=False) == [("built_from", change.ref.id)]


@pytest.mark.parametrize("saying", [{"title": "ML-42 innocent"}, {"branch": "ML-42"}, {"body": "Closes ML-42"}])
@pytest.mark.parametrize("from_fork", [True, False])
def test_a_strangers_open_change_request_receives_nothing(saying: dict[str, Any], from_fork: bool) -> None:
    world = World()
    item, *_ = world.whole()
    change = world.change(8, from_fork=from_fork, **saying)
    rules = {one.id: one for one in shipped()}
    said = [one for one in world.derive().standings if one.rule == "model-ready" and one.truth]
    (delivery,) = deliver(world.graph(), world.project, rules, said, now=NOW)
    assert delivery.targets == ((item.ref,) if from_fork else (item.ref, change.ref))


def test_a_prefix_too_long_for_any_tracker_makes_no_key() -> None:
    world = World()
    long = "A" * 200
    world.item(f"{long}-42")
    world.item("ML-42")
    known = Known(world.everything())
    assert list(known.keyed(f"{long}-42")) == []
    assert [key for key, _ in known.keyed(f"{'a_' * 200}ML-42")] == ["ML-42"]


@settings(max_examples=25)
@given(before=st.text(alphabet="aA_-1 ", max_size=60).map(lambda text: text * 1000))
def test_a_key_is_found_behind_any_flood_of_half_keys(before: str) -> None:
    world = World()
    world.item("ML-42")
    assert "ML-42" in [key for key, _ in Known(world.entities.values()).keyed(f"{before} ML-42")]
