"""The chain that `milepost explain` shows: each thing once, one way only, the newest observations, nothing without end."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta

from mappings.change import Slot, Value
from mappings.model import Entity, Ref
from sync.assess import Assessment
from sync.chain import MAX_BRANCHES, Node
from sync.cli.render_explain import MANY_OTHERS, explanation_document, explanation_lines
from sync.explain import Explainer, Explanation, find_subjects
from sync.listings import ScopedProject
from tests.core.worlds import DAY, NOW, Desk, World, sha, shipped


def assessed(world: World) -> Assessment:
    rules = tuple(shipped())
    view = world.view()
    return Assessment(
        project=ScopedProject(view=world.project, rules=rules, scopes=(), fresh_within=DAY),
        now=world.now,
        graph=view.graph,
        freshness=view.freshness,
        standings=world.derive(rules).standings,
        findings=(),
    )


def explained(world: World, subject: Entity) -> Explanation:
    return Explainer(assessed(world), {}).explain(subject)


def nodes(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children:
        yield from nodes(child)


def way_to(ref: Ref, node: Node) -> Sequence[Ref]:
    """The refs from a node down to `ref`; none if that does not hang on it."""
    if node.ref == ref:
        return [ref]
    below = (way_to(ref, child) for child in node.children)
    return next(([node.ref, *way] for way in below if way), [])


def test_what_is_reached_on_several_ways_is_shown_once_on_what_lies_nearest_before_it() -> None:
    world = World()
    item, change, run, version = world.whole()
    head = world.commit(change.head_sha or "", f"{item.key} Train")
    merge = world.commit(change.merge_sha or "", f"{item.key} Train", on_default_branch=True, change_requests=(change.ref,))
    world.change_of(run, git_commit=head.sha)

    down = explained(world, item).subject
    up = explained(world, version).subject

    assert way_to(version.ref, down) == [item.ref, change.ref, head.ref, run.ref, version.ref]
    assert way_to(merge.ref, down) == [item.ref, change.ref, merge.ref]
    assert way_to(item.ref, up) == [version.ref, run.ref, head.ref, change.ref, item.ref]
    assert len(list(nodes(down))) == len({node.ref for node in nodes(down)})


def test_a_branch_that_leads_on_is_never_among_those_that_are_only_counted() -> None:
    world = World()
    item, change, run, version = world.whole()
    for number in range(30):
        world.commit(sha(f"{number:07}"), f"{item.key} Step {number}", change_requests=(change.ref,))
    head = world.commit(change.head_sha or "", f"{item.key} Train")
    world.change_of(run, git_commit=head.sha)

    chain = explained(world, item).subject

    assert way_to(version.ref, chain) == [item.ref, change.ref, head.ref, run.ref, version.ref]
    assert next(node for node in nodes(chain) if node.ref == change.ref).hidden == 32 - MAX_BRANCHES


def test_another_tickets_model_on_the_same_data_is_not_shown() -> None:
    world = World()
    item, *_ = world.whole("ML-42", number=7, version=3)
    _, _, other_run, other_version = world.whole("ML-43", number=8, version=4)
    run = next(one for one in world.entities.values() if one.ref.id == "r7")
    world.change_of(other_run, datasets=run.datasets)  # type: ignore[attr-defined]  # it is a run

    refs = {node.ref for node in nodes(explained(world, item).subject)}

    assert not {other_run.ref, other_version.ref} & refs


def test_of_one_monitor_only_the_newest_observation_is_shown() -> None:
    world = World()
    item, _, _, version = world.whole()
    for days in range(1, 30):
        world.observation(version, "passed" if days > 1 else "failed", at=NOW - timedelta(days=days))

    chain = list(nodes(explained(world, item).subject))
    shown = [node for node in chain if node.kind == "observation"]
    holder = next(node for node in chain if node.ref == version.ref)

    assert [node.state for node in shown] == ["failed"]
    assert holder.hidden == 28


def test_many_branches_are_counted_not_listed() -> None:
    world = World()
    item = world.item()
    for number in range(30):
        world.change(number + 1, branch=f"{item.key.lower()}-{number}")

    explanation = explained(world, item)
    text = "\n".join(line.plain for line in explanation_lines(explanation, NOW, 80))

    assert len(explanation.subject.children) == MAX_BRANCHES
    assert f"… and {30 - MAX_BRANCHES} more: milepost explain -v shows all" in text


def test_all_branches_are_listed_where_all_are_asked_for() -> None:
    world = World()
    item, _, _, version = world.whole()
    for number in range(30):
        world.change(number + 100, branch=f"{item.key.lower()}-{number}")
        world.observation(version, "passed", at=NOW - timedelta(days=number))

    whole = Explainer(assessed(world), {}).explain(item, branches=None).subject

    assert sum(1 for node in nodes(whole) if node.kind == "change_request") == 31
    assert sum(1 for node in nodes(whole) if node.kind == "observation") == 30
    assert {node.hidden for node in nodes(whole)} == {0}


def test_links_read_right_from_both_ends() -> None:
    world = World()
    item, change, *_ = world.whole()

    down = "\n".join(line.plain for line in explanation_lines(explained(world, item), NOW, 100))
    up = "\n".join(line.plain for line in explanation_lines(explained(world, change), NOW, 100))

    assert "implemented by pull request example/churn#7" in down
    assert "registered as model version churn-classifier v3" in down
    assert "implements ticket ML-42" in up


def test_textual_links_are_shown_as_such() -> None:
    world = World()
    item = world.item()
    world.change(9, body=f"Perhaps related to {item.key}, perhaps not")

    chain = explained(world, item).subject

    assert [(node.confidence, node.relation) for node in chain.children] == [("textual", "mentions")]


def test_names_in_any_case_find_their_things_and_nothing_finds_nothing() -> None:
    world = World()
    _, change, run, version = world.whole()
    everything = assessed(world)

    assert find_subjects(everything, " EXAMPLE/churn#7 ") == [change]
    assert find_subjects(everything, "churn-classifier V3") == [version]
    assert find_subjects(everything, str(run.ref)) == [run]
    assert find_subjects(everything, "") == []
    assert find_subjects(everything, "nothing of the kind") == []


def test_what_a_declared_link_or_a_status_calls_a_thing_finds_it() -> None:
    world = World()
    item, change, run, version = world.whole()
    dataset = world.dataset(digest="935de66f01")
    everything = assessed(world)

    assert find_subjects(everything, "jira:ML-42") == [item]
    assert find_subjects(everything, "github:example/churn#7") == [change]
    assert find_subjects(everything, f"mlflow:run/{run.ref.id}") == [run]
    assert find_subjects(everything, "mlflow:model/churn-classifier/3") == [version]
    assert find_subjects(everything, "customers (935de66f)") == [dataset]
    assert find_subjects(everything, "jira:ML-43") == find_subjects(everything, "github:ML-42") == []


def test_a_sha_of_no_stored_commit_finds_what_names_it() -> None:
    head = "f15dcc9cb" + "0" * 31
    world = World()
    change = world.change(7, head_sha=head, merge_sha="a" * 40)
    run = world.run(git_commit=head)
    version = world.version(tags={"git_sha": head[:9]})
    everything = assessed(world)

    assert {one.ref for one in find_subjects(everything, "F15DCC9CB")} == {change.ref, run.ref, version.ref}
    assert {one.ref for one in find_subjects(everything, head)} == {change.ref, run.ref, version.ref}
    assert find_subjects(everything, "a" * 8) == [change]
    assert find_subjects(everything, "f15dcc") == []
    commit = world.commit(head)
    assert find_subjects(assessed(world), "f15dcc9cb") == [commit]


def test_a_true_status_of_a_ticket_that_was_closed_long_ago_is_said_to_be_shown_nowhere() -> None:
    world = World()
    item, *_ = world.whole()
    closed = world.change_of(item, status_category="done", closed_at=NOW - 90 * DAY)

    text = "\n".join(line.plain for line in explanation_lines(explained(world, closed), NOW, 100))

    assert "● Model ready" in text
    assert "not shown: ML-42 was closed more than 30 days ago" in text
    assert "not shown:" not in "\n".join(line.plain for line in explanation_lines(explained(world, item_again(world)), NOW, 100))


def item_again(world: World) -> Entity:
    """The ticket of the world, open once more."""
    item = world.graph().work_items_by_key["jira", "ML-42"]
    opened: Entity = world.change_of(item, status_category="in_progress", closed_at=None)
    return opened


def test_an_open_pull_request_receives_the_statuses_of_the_ticket_that_it_implements() -> None:
    world = World()
    item, *_ = world.whole()
    open_change = world.change(8, branch="feature/ml-42-again")
    others, *_ = world.whole("ML-43", number=9, version=4)

    explanation = explained(world, open_change)
    text = "\n".join(line.plain for line in explanation_lines(explanation, NOW, 100))

    assert explanation.verdicts == ()
    assert {one.subject for one in explanation.received} == {item.ref}
    assert [one.verdict for one in explanation.received] == list(explained(world, item).verdicts)
    assert others.ref not in {one.subject for one in explanation.evidence_for}
    assert "Received from ML-42" in text
    assert "all of it: milepost explain ML-42" in text
    assert "Evidence for" not in text, "what is received is not told twice"


def test_the_command_that_tells_all_of_another_object_can_be_pasted() -> None:
    world = World(aws=True)
    _, change, _, version = world.whole()
    endpoint = world.deployment(version)
    world.observation(endpoint, "failed")

    lines = [line.plain for line in explanation_lines(explained(world, change), NOW, 100)]
    commands = [shlex.split(line.partition("all of it: ")[2]) for line in lines if "all of it: " in line]

    assert ["milepost", "explain", "churn-classifier v3"] in commands
    assert ["milepost", "explain", "ML-42"] in commands
    for _, _, *subjects in commands:
        assert len(subjects) == 1
        assert find_subjects(assessed(world), subjects[0])


def drifting_after_the_ticket_was_closed() -> tuple[World, Entity]:
    world = World()
    item, _, _, version = world.whole()
    world.item("ML-1")
    world.change_of(item, status_category="done", closed_at=NOW - 90 * DAY)
    world.observation(version, "failed", source="mlflow")
    return world, item


def told_of(world: World, subject: Entity, slots: Mapping[Slot, Value]) -> tuple[str, dict[str, object]]:
    explanation = Explainer(assessed(world), slots).explain(subject)
    verdicts = {one["rule"]: one for one in explanation_document(explanation)["verdicts"]}
    text = " ".join(word for line in explanation_lines(explanation, NOW, 200) for word in line.plain.split())
    return text, verdicts["drift-alert"]


def test_an_alarm_that_another_ticket_shows_names_it() -> None:
    world, item = drifting_after_the_ticket_was_closed()
    desk = Desk()
    planned, drift = told_of(world, item, desk.actual)
    assert "not shown now; meant for ML-1" in planned
    assert (drift["told_on"], drift["shown_on"]) == (("ML-1",), ())

    desk.apply(desk.plan(world, world.derive(shipped()).standings), world)
    shown, drift = told_of(world, item, desk.actual)
    assert "shown on ML-1" in shown
    assert "not shown now" not in shown
    assert (drift["told_on"], drift["shown_on"]) == (("ML-1",), ("ML-1",))


def test_a_status_on_its_own_ticket_alone_is_not_said_to_be_shown_there() -> None:
    world = World()
    item, _, _, version = world.whole()
    world.observation(version, "failed", source="mlflow")
    desk = Desk()
    before, _ = told_of(world, item, desk.actual)
    desk.apply(desk.plan(world, world.derive(shipped()).standings), world)
    after, drift = told_of(world, item, desk.actual)
    assert drift["shown_on"] == ("ML-42",)
    assert "shown on" not in after
    assert "not shown now" not in before + after


def test_what_lies_on_a_verdicts_way_names_it_and_what_is_its_evidence_comes_first() -> None:
    world = World()
    item, change, run, version = world.whole()
    world.whole("ML-43", number=9, version=4)

    of_version = {one.verdict.rule: one for one in explained(world, version).evidence_for}
    of_change = explained(world, change).evidence_for

    assert {one.subject for one in of_version.values()} == {item.ref}
    assert {one.subject for one in of_change} == {item.ref, version.ref}
    assert of_version["model-ready"].direct
    assert of_version["model-ready"].verdict.truth is True
    assert [one.direct for one in of_change] == sorted((one.direct for one in of_change), reverse=True)
    assert {"model-ready"} <= {one.verdict.rule for one in explained(world, run).evidence_for}
    text = "\n".join(line.plain for line in explanation_lines(explained(world, version), NOW, 100))
    assert "Evidence for ML-42" in text
    assert "No status applies to it." not in text


def test_a_monitors_result_is_evidence_through_its_page() -> None:
    world = World(aws=True)
    item, _, _, version = world.whole()
    endpoint = world.deployment(version)
    result = world.observation(endpoint, "failed", url="https://monitors.example.com/psi/1")

    found = {one.verdict.rule: one for one in explained(world, result).evidence_for}

    assert found["drift-alert"].subject == item.ref
    assert found["drift-alert"].direct


def test_with_many_others_the_first_are_listed_and_the_rest_counted() -> None:
    world = World()
    world.item("ML-1")
    for number in range(MANY_OTHERS + 3):
        closed = world.item(f"ML-{number + 100}", status_category="done", closed_at=NOW - 90 * DAY)
        world.merged(number + 1, branch=f"{closed.key.lower()}-x")
    feed = world.item("ML-99", labels=("data",))
    for item in [one for one in world.entities.values() if one.ref.kind == "work_item" and one.ref != feed.ref]:
        world.change_of(item, blocked_by=(feed.ref,))

    explanation = explained(world, world.graph().work_items_by_key["jira", "ML-1"])
    text = "\n".join(line.plain for line in explanation_lines(explanation, NOW, 100))

    assert len({one.subject for one in explanation.received}) == MANY_OTHERS + 3
    assert text.count("Received from") == MANY_OTHERS + 1
    assert "Received from 3 more: milepost explain -o json lists all" in text


def test_what_is_missing_is_told_by_name() -> None:
    world = World()
    item, _, _, version = world.whole()
    world.missing.add(version.ref)

    missing = {text for verdict in explained(world, item).verdicts for text in verdict.missing}

    assert any(text.startswith("churn-classifier v3, which was not found") for text in missing)
    assert not any(str(version.ref) in text for text in missing)
