"""What a subject reaches: one way only, no further than what is its own."""

from __future__ import annotations

from mappings.model import DatasetUse, Entity, Link, Relation
from sync.graph import RELATION_KINDS, Graph
from tests.core.worlds import World, sha

EVERY: tuple[Relation, ...] = tuple(RELATION_KINDS)


def reached(world: World, subject: Entity, *via: Relation) -> set[str]:
    return {ref.id for ref in world.graph().reach(subject.ref, via or EVERY)}


def test_a_ticket_reaches_its_own_effects() -> None:
    world = World(aws=True)
    item, *_, version = world.whole()
    world.deployment(version)
    assert reached(world, item) == {"example/churn/7", "r7", "customers@d7", "churn-classifier/3", "churn-prod"}


def test_only_the_named_relations_are_walked() -> None:
    world = World(aws=True)
    item, *_, version = world.whole()
    world.deployment(version)
    assert reached(world, item, "implements") == {"example/churn/7"}
    assert reached(world, item, "implements", "built_from") == {"example/churn/7", "r7"}
    assert reached(world, item, "built_from") == set()


def test_tickets_that_share_a_dataset_do_not_inherit_each_others_models() -> None:
    world = World()
    use = DatasetUse(dataset=world.dataset().ref)
    items = []
    for number in (7, 8):
        items.append(world.item(f"ML-{number}"))
        change = world.merged(number, branch=f"ML-{number}")
        world.version(number, run=world.run(f"r{number}", git_commit=change.merge_sha, datasets=(use,)))
    assert reached(world, items[0]) == {"example/churn/7", "r7", "customers@d1", "churn-classifier/7"}
    assert reached(world, items[1]) == {"example/churn/8", "r8", "customers@d1", "churn-classifier/8"}


def test_tickets_that_share_a_commit_or_a_change_request_do_not_see_each_other() -> None:
    world = World()
    first, second = world.item("ML-1"), world.item("ML-2")
    world.commit(sha(1), "ML-1 and ML-2")
    world.change(title="ML-1, ML-2")
    assert reached(world, first) == reached(world, second) == {f"example/churn/{sha(1)}", "example/churn/7"}


def test_tickets_whose_versions_serve_behind_one_endpoint_do_not_see_each_others_versions() -> None:
    world = World(aws=True)
    one, *_, first = world.whole("ML-7", 7, 3)
    two, *_, second = world.whole("ML-8", 8, 4)
    world.deployment(first, second)
    assert "churn-classifier/4" not in reached(world, one)
    assert "churn-classifier/3" not in reached(world, two)
    assert "churn-prod" in reached(world, one) & reached(world, two)


def test_a_deployment_reaches_the_intentions_behind_it() -> None:
    world = World(aws=True)
    _, change, _, version = world.whole("ML-42")
    other, *_ = world.whole("ML-43", 8, 4)
    deployment = world.deployment(version)
    merge = f"example/churn/{change.merge_sha}"
    assert reached(world, deployment) == {"churn-classifier/3", "r7", "customers@d7", "example/churn/7", merge, "id-of-ML-42"}
    assert other.ref.id not in reached(world, deployment)


def test_a_run_reaches_both_ways_but_never_turns_round() -> None:
    world = World()
    use = DatasetUse(dataset=world.dataset().ref)
    world.item("ML-42")
    change = world.merged(branch="ML-42")
    run = world.run("r1", git_commit=change.head_sha, datasets=(use,))
    world.run("r2", git_commit=change.head_sha, datasets=(use,))
    world.version(run=run)
    assert reached(world, run) == {"example/churn/7", "id-of-ML-42", "customers@d1", "churn-classifier/3"}


def test_a_dataset_reaches_its_runs_and_their_versions() -> None:
    world = World()
    _, _, run, version = world.whole()
    data = world.entities[run.datasets[0].dataset]
    assert reached(world, data) == {run.ref.id, version.ref.id}


def test_only_direct_blockers_are_seen_and_only_by_the_blocked() -> None:
    world = World()
    far = world.item("DATA-1")
    near = world.item("DATA-2", blocked_by=(far.ref,))
    item = world.item("ML-42", blocked_by=(near.ref,))
    assert reached(world, item) == {near.ref.id}
    assert reached(world, near) == {far.ref.id}
    assert reached(world, far) == set()


def test_a_blocker_brings_nothing_else_along() -> None:
    world = World()
    blocker, *_ = world.whole("DATA-1")
    item = world.item("ML-42", blocked_by=(blocker.ref,))
    assert reached(world, item) == {blocker.ref.id}


def test_a_milestone_reaches_what_is_planned_for_it_and_tickets_see_it() -> None:
    world = World()
    milestone = world.milestone()
    item, *_ = world.whole()
    world.change_of(item, milestones=(milestone.ref,))
    other = world.item("ML-43", milestones=(milestone.ref,))
    assert reached(world, milestone) == {item.ref.id, other.ref.id, "example/churn/7", "r7", "customers@d7", "churn-classifier/3"}
    assert reached(world, other) == {milestone.ref.id}


def test_textual_links_are_never_walked() -> None:
    world = World()
    item = world.item()
    world.change(body="As in ML-42, but better.")
    assert reached(world, item) == set()
    assert len(world.graph().links_to(item.ref)) == 1


def test_a_circle_of_links_ends() -> None:
    world = World()
    first, second = world.item("ML-1"), world.item("ML-2")
    links = [
        Link(source=one.ref, relation=relation, target=two.ref, because="", confidence="declared")
        for one, two in ((first, second), (second, first), (first, first))
        for relation in EVERY
    ]
    graph = Graph([first, second], links)
    assert set(graph.reach(first.ref, EVERY)) == {second.ref}


def test_each_step_tells_the_link_and_where_it_leads_from() -> None:
    world = World()
    item, change, run, version = world.whole()
    way = world.graph().reach(item.ref, EVERY)
    assert [(way[ref].before, way[ref].link.source, way[ref].link.relation) for ref in (change.ref, run.ref, version.ref)] == [
        (item.ref, change.ref, "implements"),
        (change.ref, run.ref, "built_from"),
        (run.ref, version.ref, "registered_from"),
    ]


def test_observations_are_found_by_their_subject() -> None:
    world = World(aws=True)
    *_, version = world.whole()
    deployment = world.deployment(version)
    seen = world.observation(deployment)
    assert world.graph().observations_of(deployment.ref) == [seen]
    assert world.graph().observations_of(version.ref) == ()
