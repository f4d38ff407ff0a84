"""Twice as much to do takes about twice as many steps: counted in interpreter instructions, not in time."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from datetime import timedelta
from itertools import cycle, islice
from types import FrameType
from typing import Any

import pytest

from mappings.model import Dataset, DatasetUse, Deployment, ModelVersion, Run, TrafficShare
from sync.derive import derive
from sync.facts import FACTS
from sync.freshness import Freshness
from sync.link import link
from sync.observe import observe
from sync.view import View
from tests.core.worlds import DAY, NOW, Desk, World, sha, shipped

SMALL, LARGE = 40, 80


def steps(work: Callable[[], object]) -> int:
    """How many interpreter instructions of the project's own code a piece of work takes."""
    count = 0

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal count
        if event == "call":
            if not any(part in frame.f_code.co_filename for part in ("/sync/", "/mappings/")):
                return None
            frame.f_trace_opcodes, frame.f_trace_lines = True, False
        count += event == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


def chains(count: int) -> World:
    """Each ticket with a change, a run, a version and an endpoint of its own."""
    world = World(aws=True)
    for number in range(1, count + 1):
        *_, version = world.whole(f"ML-{number}", number, number)
        world.observation(world.deployment(version, endpoint=f"e{number}"))
    return world


def one_dataset(count: int) -> World:
    """Every run was trained on the same data, in one experiment, each of a later merge."""
    world = World()
    use = DatasetUse(dataset=world.dataset().ref)
    for number in range(1, count + 1):
        world.item(f"ML-{number}")
        change = world.merged(number, branch=f"ML-{number}", at=NOW - timedelta(hours=count - number))
        world.version(number, run=world.run(f"r{number}", git_commit=change.merge_sha, datasets=(use,)))
    return world


def one_model(count: int) -> World:
    """Every ticket asks for the same version, which has as many observations; as many merges had no run at all."""
    world = World(aws=True)
    keys = " ".join(f"ML-{number}" for number in range(1, count + 1))
    run = world.run(git_commit=world.merged(999, title=keys, at=NOW).merge_sha)
    endpoint = world.deployment(world.version(run=run))
    for number in range(1, count + 1):
        world.item(f"ML-{number}")
        world.observation(endpoint, "passed", at=NOW - number * timedelta(hours=1))
        world.merged(number, branch=f"ML-{number}", at=NOW - DAY)
    return world


def short_shas(count: int) -> World:
    """Every run names its commit in short, or none that is known."""
    world = World()
    for number in range(1, count + 1):
        world.commit(sha(f"ccc{number:04}"))
        world.run(f"r{number}", git_commit=sha(f"ccc{number:04}")[:9])
        world.run(f"s{number}", git_commit=sha(f"ddd{number:04}"))
        world.item(f"ML-{number}")
    return world


def production(count: int) -> World:
    """Versions of one model, each with a run, an endpoint that names it by its files, and one that names the run of a model that
    nobody registered; all of them share a container."""
    world = World(aws=True)
    world.set_project(retrain_every=30 * DAY, retrain_after_drifts=3, risk_class="limited")
    image = "registry.example/churn@sha256:" + "1" * 64
    for number in range(1, count + 1):
        *_, version = world.whole(f"ML-{number}", number, number)
        files = f"s3://models.example/{number}"
        world.change_of(version, artifact_uri=files, images=(image,))
        bare = world.run(f"bare-{number}", artifacts=(f"{files}/bare",), tags={"jira": f"ML-{number}"})
        world.deployment(endpoint=f"e{number}", models=(TrafficShare(name="a", artifact_uri=files),), reason="no capacity")
        world.deployment(endpoint=f"b{number}", models=(TrafficShare(name="b", artifact_uri=bare.artifacts[0]),))
        world.deployment(endpoint=f"c{number}", models=(TrafficShare(name="c", images=(image,)),), tags={"git_sha": sha(number)})
    return world


@pytest.mark.soak
@pytest.mark.parametrize("make", [chains, one_dataset, one_model, short_shas, production])
def test_steps_grow_with_what_there_is(make: Callable[[int], World]) -> None:
    taken: dict[str, list[int]] = {"link": [], "derive": [], "plan": []}
    for count in (SMALL, LARGE):
        world = make(count)
        entities, graph = world.everything(), world.graph()
        freshness = Freshness(world.streams.values(), within=timedelta(hours=26), now=NOW)
        view, standings = View(graph, world.project, freshness), world.derive().standings
        desk = Desk()
        desk.apply(desk.plan(world, standings), world)
        taken["link"].append(steps(lambda known=entities, project=world.project: link(known, project)))  # type: ignore[misc]
        taken["derive"].append(steps(lambda view=view: derive(view, shipped(), ())))  # type: ignore[misc]
        taken["plan"].append(steps(lambda desk=desk, world=world, known=standings: desk.plan(world, known)))  # type: ignore[misc]
    for work, (small, large) in taken.items():
        assert small > 1000, work
        assert large < 2.4 * small, (work, small, large)


@pytest.mark.parametrize("make", [production, one_dataset])
def test_a_fact_costs_each_who_asks_the_same(make: Callable[[int], World]) -> None:
    """However many versions a model has, and however many runs a dataset: every one of them asks, and so do their tickets."""
    small, large = (_steps_of_facts(make(count), count) for count in (SMALL, LARGE))
    assert {name: (count, large[name]) for name, count in small.items() if large[name] > 2.4 * count} == {}
    assert max(small.values()) > 1000


def _steps_of_facts(world: World, count: int) -> Mapping[tuple[str, str], int]:
    view = View(world.graph(), world.project, Freshness(world.streams.values(), within=timedelta(hours=26), now=NOW))
    counted = {}
    for kind in (ModelVersion, Run, Deployment, Dataset):
        asking = list(islice(cycle(view.graph.of(kind)), count))
        for name, fact in FACTS[kind].items():
            counted[kind.__name__, name] = steps(lambda asking=asking, fact=fact: [fact(one, view) for one in asking])  # type: ignore[misc]
    return counted


def test_observing_grows_with_runs_and_versions() -> None:
    counts = []
    for count in (SMALL, LARGE):
        world = World()
        for number in range(count):
            world.version(number, model_id=f"m{number}", tags={"drift.x": "0.1"})
            world.run(f"r{number}", models=(f"m{number}",), metrics={"drift.x": 0.1, "data_quality.y": 1.0})
        counts.append(steps(lambda world=world: observe(world.entities.values(), world.project, (), now=NOW)))  # type: ignore[misc]
    assert counts[1] < 2.4 * counts[0]


def test_every_kind_is_sorted_once() -> None:
    world = chains(5)
    graph = world.graph()
    first = graph.of(type(world.item("ML-1")))
    assert graph.of(type(world.item("ML-1"))) is first
    assert [one.ref for one in first] == sorted(one.ref for one in first)
