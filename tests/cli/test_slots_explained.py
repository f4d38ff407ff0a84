"""What `milepost explain` says of our slots: what they hold, what is planned there, and why they differ from the statuses."""

from __future__ import annotations

import msgspec
import pytest

from mappings.change import Slot
from mappings.model import Entity
from sync.assess import Assessment
from sync.cli.render_slots import slot_lines
from sync.listings import ScopedProject
from sync.showing import SlotState, can_show, shown_on, slot_states
from tests.core.worlds import DAY, Desk, World, shipped


def looked_at(world: World, desk: Desk, target: Entity) -> tuple[Assessment, dict[str, SlotState], str]:
    rules = tuple(shipped())
    view = world.view()
    standings = world.derive(rules).standings
    assessment = Assessment(
        project=ScopedProject(view=world.project, rules=rules, scopes=(), fresh_within=DAY),
        now=world.now,
        graph=view.graph,
        freshness=view.freshness,
        standings=standings,
        findings=(),
    )
    states = slot_states(assessment, target.ref, desk.actual, desk.plan(world, standings))
    text = " ".join(word for line in slot_lines(states, 200) for word in line.plain.split())
    return assessment, {state.slot.kind: state for state in states}, text


def applied(world: World) -> Desk:
    desk = Desk()
    desk.apply(desk.plan(world, world.derive(shipped()).standings), world)
    return desk


@pytest.fixture
def world() -> World:
    """ML-42 has a released model whose monitor says that it drifts."""
    world = World()
    _, _, _, version = world.whole()
    world.observation(version, "failed", source="mlflow")
    return world


def item_of(world: World) -> Entity:
    return world.graph().work_items_by_key["jira", "ML-42"]


def test_before_anything_was_written_the_planned_change_is_told(world: World) -> None:
    _, states, text = looked_at(world, Desk(), item_of(world))

    assert states["field"].value is None
    assert states["field"].change is not None
    assert "field ML Status: nothing + planned: field ML Status: Drift alert (milepost apply writes it)" in text


def test_what_a_higher_status_leaves_no_room_for_is_told(world: World) -> None:
    _, states, text = looked_at(world, applied(world), item_of(world))

    assert states["field"].value == "Drift alert"
    assert states["field"].change is None
    assert "Model ready is true as well; the field holds one value, and Drift alert ranks higher" in text


def test_an_override_is_told_with_what_the_statuses_ask_for_and_how_it_ends(world: World) -> None:
    desk = applied(world)
    field = Slot(item_of(world).ref, "field", "ML Status")
    desk.edit(field, None)

    _, states, text = looked_at(world, desk, item_of(world))

    assert [note.kind for note in states["field"].notes] == ["override"]
    assert "the statuses ask for Drift alert: milepost release ML-42 lets them" in text


def test_a_value_of_another_is_a_conflict(world: World) -> None:
    desk = Desk()
    desk.edit(Slot(item_of(world).ref, "field", "ML Status"), "Data blocked")

    _, states, text = looked_at(world, desk, item_of(world))

    assert [note.kind for note in states["field"].notes] == ["conflict"]
    assert "--adopt" in text


def test_a_status_that_waits_for_a_higher_one_is_told(world: World) -> None:
    quiet = World()
    _, _, _, version = quiet.whole()
    quiet.observation(version, "unknown", source="mlflow", value=None)

    _, states, text = looked_at(quiet, Desk(), item_of(quiet))

    assert [note.kind for note in states["field"].notes] == ["skipped"]
    assert "Model ready is true, but not shown before it is known whether this is: Drift alert" in text


def test_a_status_is_shown_where_people_can_see_it(world: World) -> None:
    item = item_of(world)
    change = world.change(8, branch="feature/ml-42-again")
    desk = applied(world)
    rules = {rule.id: rule for rule in shipped()}
    targets = [item.ref, change.ref]

    assert shown_on(world.project, rules["drift-alert"], targets, desk.actual) == targets
    assert shown_on(world.project, rules["model-ready"], targets, desk.actual) == [change.ref]
    assert shown_on(world.project, rules["drift-alert"], targets, {}) == []
    assert can_show(world.project, item.ref)
    world.set_project(owned={})
    assert not can_show(world.project, item.ref)


def test_a_property_counts_as_seen_only_where_nothing_else_shows_it(world: World) -> None:
    item, rule = item_of(world), next(one for one in shipped() if one.id == "drift-alert")
    desk = applied(world)
    jira = world.project.owned["jira"]

    desk.edit(Slot(item.ref, "field", "ML Status"), None)
    assert shown_on(world.project, rule, [item.ref], desk.actual) == []

    world.set_project(owned={"jira": msgspec.structs.replace(jira, field=None)})
    assert shown_on(world.project, rule, [item.ref], desk.actual) == [item.ref]
