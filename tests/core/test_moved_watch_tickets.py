"""A watch ticket is found by the keys that it bore before: a project file outlives the move of a ticket."""

from __future__ import annotations

from typing import Any

import pytest

from sync.recipients import watch_tickets
from tests.core.worlds import World


def watched(world: World) -> list[str]:
    return [ref.id for ref in watch_tickets(world.graph(), world.project)]


def test_a_watch_ticket_is_found_by_its_present_key_and_by_a_former_one() -> None:
    world = World()
    world.item("LOAN-12", former_keys=("ML-1", "OLD-3"))
    for key in ("LOAN-12", "ml-1", "OLD-3"):
        world.set_project(watch={"jira": key})
        assert watched(world) == ["id-of-LOAN-12"], key
    world.set_project(watch={"github": "ML-1"})
    assert watched(world) == []


def test_a_key_that_a_ticket_bears_now_goes_before_its_former_bearer() -> None:
    world = World()
    world.item("LOAN-12", former_keys=("ML-1",))
    world.item("ML-1")
    world.set_project(watch={"jira": "ML-1"})
    assert watched(world) == ["id-of-ML-1"]


@pytest.mark.parametrize(("source", "found"), [("jira", []), ("jira-old", ["id-of-LOAN-12"])])
def test_a_former_key_of_two_tickets_of_one_source_watches_neither(source: str, found: list[Any]) -> None:
    world = World()
    world.item("LOAN-12", former_keys=("ML-1",))
    world.item("LOAN-13", source=source, former_keys=("ML-1",))
    world.set_project(watch={"jira": "ML-1"})
    assert watched(world) == found
