"""A blocker that the project's scopes do not show may be anything: what rests on it is unknown, and nothing else is."""

from __future__ import annotations

import pytest

from mappings.model import Ref
from tests.core.worlds import World, rule

UNSEEN = Ref("jira", "work_item", "10012")
LACK = "blocking ticket 10012 of jira, which is not in the project's scopes"
OPEN = {"work_item": {"open": True}}


@pytest.mark.parametrize("quantifier", ["any", "all", "none"])
def test_a_blocker_that_cannot_be_seen_is_unknown(quantifier: str) -> None:
    world = World()
    item = world.item(blocked_by=(UNSEEN,))
    standing = world.standing(rule(when={quantifier: [OPEN]}, via=["blocks"]), item)
    assert standing is not None and standing.truth is None
    assert standing.missing == (LACK,)


@pytest.mark.parametrize(
    ("quantifier", "seen_is_open", "expected"),
    [("any", True, True), ("any", False, None), ("all", True, None), ("all", False, False), ("none", True, False)],
)
def test_what_one_blocker_settles_needs_no_other(quantifier: str, seen_is_open: bool, expected: object) -> None:
    world = World()
    seen = world.item("DATA-1", status_category="todo" if seen_is_open else "done")
    item = world.item(blocked_by=(seen.ref, UNSEEN))
    assert world.truth(rule(when={quantifier: [OPEN]}, via=["blocks"]), item) is expected


def test_no_model_is_ready_behind_a_blocker_that_cannot_be_seen() -> None:
    world = World()
    item, *_ = world.whole()
    world.whole("ML-43", 8, 4)
    other = world.entities[Ref("jira", "work_item", "id-of-ML-43")]
    world.change_of(item, blocked_by=(UNSEEN,))
    assert (world.truth("data-blocked", item), world.truth("model-ready", item)) == (None, None)
    assert world.truth("drift-alert", item) is False
    assert (world.truth("data-blocked", other), world.truth("model-ready", other)) == (False, True)


def test_an_open_blocker_about_data_blocks_whatever_else_is_not_seen() -> None:
    world = World()
    item, *_ = world.whole()
    world.change_of(item, blocked_by=(UNSEEN, world.item("DATA-1", labels=("data",)).ref))
    assert (world.truth("data-blocked", item), world.truth("model-ready", item)) == (True, False)


def test_the_status_of_a_blocker_that_cannot_be_seen_is_unknown() -> None:
    world = World()
    bad = rule(id="bad", when={"any": [{"subject": {"label": "bad"}}]}, label="bad")
    behind = rule(id="behind", when={"any": [{"status": {"id": "bad"}}]}, via=["blocks"], label="behind")
    item = world.item(blocked_by=(UNSEEN,))
    assert world.truth(behind, item, beside=[bad]) is None
    world.change_of(item, blocked_by=())
    assert world.truth(behind, item, beside=[bad]) is False


def test_rules_that_do_not_look_at_blockers_do_not_wait_for_them() -> None:
    world = World()
    item = world.item(blocked_by=(UNSEEN,))
    world.change(branch="ML-42")
    assert world.truth(rule(when={"any": [{"change_request": {"state": "merged"}}]}, via=["implements", "blocks"]), item) is False
    assert world.truth(rule(when={"any": [{"subject": {"open": True}}]}), item) is True


def test_a_blocker_that_comes_into_sight_is_judged() -> None:
    world = World()
    item, *_ = world.whole()
    blocker = world.item("DATA-1", labels=("data",), status_category="done")
    world.change_of(item, blocked_by=(blocker.ref,))
    world.drop(blocker)
    assert world.truth("model-ready", item) is None
    world.add(blocker)
    assert world.truth("model-ready", item) is True
