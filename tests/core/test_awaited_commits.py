"""A commit that is still to be looked up, as one that a source always fails on, leaves open only what it could bring."""

from __future__ import annotations

from typing import Any

import pytest

from mappings.model import DatasetUse
from sync.project import DeclaredLink
from tests.core.worlds import DAY, NOW, World, rule, sha

LOST = sha("dead001")


def lost_run(world: World, **facts: Any) -> Any:
    """A run of a commit that nobody could be asked for yet."""
    return world.run("lost", git_commit=LOST, **facts)


def truths(world: World, *items: Any) -> list[Any]:
    return [world.truth(one, item) for item in items for one in ("model-ready", "data-blocked", "drift-alert")]


def test_a_run_that_nothing_hangs_on_leaves_every_status_as_it_is() -> None:
    world = World()
    item, *_ = world.whole()
    bare = world.item("ML-43")
    known = truths(world, item, bare)
    lost_run(world)
    assert truths(world, item, bare) == known
    assert known[:2] == [True, False]


def test_a_version_that_could_make_nothing_ready_leaves_ready_what_is() -> None:
    world = World()
    item, *_ = world.whole()
    run = lost_run(world)
    world.version(9, run=run, aliases=())
    assert world.truth("model-ready", item) is True
    assert world.truth("data-blocked", item) is False
    world.change_of(world.entities[run.ref], datasets=(DatasetUse(dataset=world.dataset("other", "d9").ref, context="training"),))
    assert world.truth("model-ready", item) is True
    assert world.truth("data-blocked", item) is False


def test_data_that_could_block_any_ticket_leaves_open_whether_it_does() -> None:
    world = World()
    item, *_ = world.whole()
    old = DatasetUse(dataset=world.dataset("other", "d9").ref, context="training", as_of=NOW - 90 * DAY)
    lost_run(world, datasets=(old,))
    assert world.truth("data-blocked", item) is None
    assert world.truth("model-ready", item) is None


def test_a_version_that_could_be_ready_leaves_open_who_else_is() -> None:
    world = World()
    item, _, run, _ = world.whole()
    bare = world.item("ML-43")
    world.version(9, run=lost_run(world))
    assert world.truth("model-ready", item) is True
    world.change_of(run, metrics={})
    assert world.truth("model-ready", item) is None
    assert world.truth("model-ready", bare) is None


def test_what_a_ticket_declared_for_itself_it_has_whatever_the_commit_turns_out_to_be() -> None:
    world = World()
    item = world.item("ML-42")
    other = world.item("ML-43")
    old = DatasetUse(dataset=world.dataset().ref, context="training")
    run = lost_run(world, tags={"milepost.issue": "ML-42"}, datasets=(old,), metrics={})
    world.version(run=run)
    assert world.truth("model-ready", item) is False
    assert world.truth("data-blocked", item) is False
    assert world.truth("drift-alert", item) is False
    # The commit may name another ticket beside the declared one: then its model is that one's as well.
    assert world.truth("drift-alert", other) is None
    world.commit(LOST, "ML-42 ML-43 Train")
    assert world.truth("drift-alert", other) is False


def test_a_ticket_that_data_may_only_not_block_is_ready_all_the_same() -> None:
    """Whether data-blocked applies is not known; that it is not true is."""
    world = World()
    item, _, run, _ = world.whole()
    world.change_of(run, datasets=())
    assert world.truth("data-blocked", item) == "not applicable"
    lost_run(world, datasets=(DatasetUse(dataset=world.dataset("other", "d9").ref, context="training"),))
    assert world.truth("data-blocked", item) is None
    assert world.truth("model-ready", item) is True


@pytest.mark.parametrize("via", [["implements"], ["implements", "built_from"]])
def test_a_rule_about_commits_waits_for_each(via: list[str]) -> None:
    world = World()
    item = world.item("ML-42")
    world.commit(sha(1), "ML-42 Train")
    of_commits = rule(id="committed", when={"any": [{"commit": {"on_default_branch": True}}]}, via=via)
    assert world.truth(of_commits, item) is False
    lost_run(world)
    assert world.truth(of_commits, item) is None


@pytest.mark.parametrize("names_it", ["run", "version"])
def test_from_a_version_the_way_leads_to_tickets_only_through_the_commit_that_it_names(names_it: str) -> None:
    world = World()
    item, _, run, version = world.whole()
    of_open_work = rule(
        id="of-open-work",
        when={"any": [{"work_item": {"open": False}}]},
        via=["registered_from", "built_from", "implements"],
        **{"for": "model_version"},
    )
    assert item.is_open
    facts = {"git_commit": LOST} if names_it == "run" else {}
    lost = world.version(9, run=world.run("lost", **facts), tags={"git_sha": LOST} if names_it == "version" else {})
    assert world.truth(of_open_work, version) is False
    assert world.truth(of_open_work, lost) is None
    assert run.git_commit != LOST


@pytest.mark.parametrize("how", ["follows", "declared"])
def test_where_the_commit_could_join_anything_everything_waits(how: str) -> None:
    world = World()
    item, _, run, _ = world.whole()
    world.change_of(run, metrics={})
    via = ["implements", "built_from", "registered_from", *(["follows"] if how == "follows" else [])]
    ready = rule(id="ready", when={"any": [{"model_version": {"meets_thresholds": True}}]}, via=via)
    assert world.truth(ready, item) is False
    lost_run(world)
    if how == "declared":
        assert world.truth(ready, item) is False
        world.set_project(
            links=(DeclaredLink(source="mlflow:run/r7", relation="built_from", target=f"github:example/churn@{LOST}"),)
        )
    assert world.truth(ready, item) is None


def test_a_short_sha_may_mean_the_commit_too() -> None:
    world = World()
    item, _, run, _ = world.whole()
    world.change_of(run, metrics={})
    lost_run(world)
    short = world.run("short", git_commit=LOST[:8])
    world.version(9, run=short)
    assert world.truth("model-ready", item) is None
