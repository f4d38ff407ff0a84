"""Which tags name tickets, commits, runs and model versions: those of every project, and a project's own."""

from __future__ import annotations

from typing import Any

import pytest

from mappings.model import Deployment, Entity, Ref, TrafficShare
from mappings.tags import OWN, TagNames
from tests.core.worlds import World, sha


def tagged(world: World, what: str, tags: dict[str, str]) -> Entity:
    """A run, a version, an endpoint, or an endpoint whose model bears the tags."""
    made: dict[str, Any] = {
        "run": lambda: world.run("tagged", tags=tags),
        "version": lambda: world.version(9, tags=tags),
        "endpoint": lambda: world.deployment(endpoint="tagged", tags=tags, models=(TrafficShare(name="primary"),)),
        "served": lambda: world.deployment(endpoint="tagged", models=(TrafficShare(name="primary", tags=tags),)),
    }
    entity: Entity = made[what]()
    return entity


EVERYTHING = pytest.mark.parametrize("what", ["run", "version", "endpoint", "served"])


def relation(what: str) -> str:
    return "deploys" if what in ("endpoint", "served") else "built_from"


@EVERYTHING
@pytest.mark.parametrize("tag", sorted(OWN["ticket"]))
def test_a_tag_declares_the_ticket(what: str, tag: str) -> None:
    world = World(aws=True)
    item = world.item("ML-42")
    entity = tagged(world, what, {tag: "ml-42"})
    found = [one for one in world.linked().links if one.source == entity.ref]
    assert [(one.relation, one.target, one.because, one.confidence) for one in found] == [
        (relation(what), item.ref, f"tag {tag}", "declared")
    ]


@EVERYTHING
@pytest.mark.parametrize("tag", sorted(OWN["commit"]))
def test_a_tag_names_the_commit(what: str, tag: str) -> None:
    world = World(aws=True)
    change = world.merged()
    found = world.links(tagged(world, what, {tag.upper(): str(change.merge_sha)}))
    assert (relation(what), change.ref.id) in found


@pytest.mark.parametrize(
    "text",
    [
        "ML-42",
        "see ML-42, please",
        "https://jira.example.com/browse/ML-42",
        "https://ada@JIRA.example.com:8443/jira/browse/ml-42/",
        "example/churn#12 ML-42",
    ],
)
def test_what_a_ticket_may_be_called_in_a_tag(text: str) -> None:
    world = World()
    world.item("ML-42", url="https://jira.example.com/browse/ML-42")
    assert ("built_from", "id-of-ML-42") in world.links(world.run(tags={"milepost.issue": text}))


@pytest.mark.parametrize("text", ["example/churn#12", "https://github.com/example/churn/issues/12"])
def test_an_issue_of_github_may_be_named_by_its_page_where_tags_allow_no_hash(text: str) -> None:
    world = World()
    world.item("example/churn#12", source="github", url="https://github.com/example/churn/issues/12")
    assert world.links(world.run(tags={"milepost:issue": text})) == [("built_from", "id-of-example/churn#12")]


@pytest.mark.parametrize(
    "text",
    [
        "https://another-company.example/browse/ML-42",
        "https://jira.example.com@another-company.example/browse/ML-42",
        "https://another-company.example/jira.example.com/browse/ML-42",
        "https://another-company.example\\@jira.example.com/browse/ML-42",
        "https://another-company.example/example/churn/issues/12",
    ],
)
def test_the_page_of_a_ticket_on_another_site_is_no_ticket_of_ours(text: str) -> None:
    world = World()
    world.item("ML-42", url="https://jira.example.com/browse/ML-42")
    world.item("example/churn#12", source="github", url="https://github.com/example/churn/issues/12")
    assert world.links(world.run(tags={"milepost.issue": text})) == []


@pytest.mark.parametrize("text", ["none", "to be done", "", "https://example.com/browse", "ML-", "42"])
def test_what_is_no_key_is_no_ticket(text: str) -> None:
    world = World()
    world.item("ML-42")
    run = world.run(tags={"jira": text})
    assert world.links(run) == world.links(run, sure=False) == []


OF_THE_PROJECT = TagNames.with_further(
    {"ticket": ["Work-Item"], "commit": ["build.sha"], "run": ["mlflow.run_id"], "model_version": ["model"]}
)


@EVERYTHING
def test_a_project_names_its_own_tags_and_what_was_read_serves(what: str) -> None:
    world = World(aws=True)
    world.item("ML-42")
    change = world.merged()
    entity = tagged(world, what, {"work-item": "ML-42", "build.sha": str(change.merge_sha)})
    assert world.links(entity) == []
    world.set_project(tags=OF_THE_PROJECT)
    assert {("built_from", "id-of-ML-42"), ("deploys", "id-of-ML-42")} & set(world.links(entity))
    assert (relation(what), change.ref.id) in world.links(entity)


def test_a_sha_in_a_tag_of_the_project_is_looked_up_like_any_other() -> None:
    world = World(aws=True)
    tagged(world, "served", {"build.sha": sha("dead001")})
    assert world.linked().unresolved == []
    world.set_project(tags=OF_THE_PROJECT)
    assert world.linked().unresolved == [sha("dead001")]


def test_the_commit_that_a_registry_keeps_of_a_version_counts() -> None:
    world = World()
    change = world.merged()
    assert ("built_from", change.ref.id) in world.links(world.version(git_commit=change.merge_sha))


@pytest.mark.parametrize("tag", ["milepost.run", "milepost:run", "MLflow.run_id"])
@pytest.mark.parametrize("text", ["r1", "runs:/r1"])
def test_a_version_may_name_its_run_in_a_tag(tag: str, text: str) -> None:
    world = World()
    world.set_project(tags=OF_THE_PROJECT)
    world.run("r1")
    version = world.version(tags={tag: text})
    found = [one for one in world.linked().links if one.source == version.ref]
    assert [(one.relation, one.target.id, one.because, one.confidence) for one in found] == [
        ("registered_from", "r1", f"tag {tag}", "exact")
    ]


def test_a_run_in_a_tag_that_was_not_read_is_awaited() -> None:
    world = World()
    item, _, _, version = world.whole()
    world.change_of(version, run=None, tags={"milepost.run": "r7"})
    assert world.truth("model-ready", item) is True
    world.set_stream("mlflow", "runs", complete=False)
    assert world.truth("model-ready", item) is not False


@pytest.mark.parametrize(
    ("tags", "because"),
    [
        ({"model": "churn-classifier/3"}, ", by its tag model"),
        ({"milepost:model_version": "models:/churn-classifier/3"}, ", by its tag milepost:model_version"),
        ({"milepost.model_version": "mlflow:model_version:churn-classifier/3"}, ", by its tag milepost.model_version"),
        ({"mlflow.run_id": "r1"}, ", by its tag mlflow.run_id"),
    ],
)
@pytest.mark.parametrize("where", ["endpoint", "served"])
def test_an_endpoint_may_name_what_it_serves_in_a_tag(where: str, tags: dict[str, str], because: str) -> None:
    world = World(aws=True)
    world.set_project(tags=OF_THE_PROJECT)
    version = world.version(run=world.run("r1"))
    world.version(4, run=world.run("r2"))
    endpoint = tagged(world, where, tags)
    found = [one for one in world.linked().links if one.source == endpoint.ref]
    assert [(one.target, one.confidence) for one in found] == [(version.ref, "exact")]
    assert found[0].because.endswith(because)


def test_a_tag_of_the_endpoint_does_not_say_which_of_two_models_it_means() -> None:
    world = World(aws=True)
    world.version()
    shares = (TrafficShare(name="blue", share=0.9), TrafficShare(name="green", share=0.1))
    endpoint = world.deployment(models=shares, tags={"milepost.model_version": "churn-classifier/3"})
    assert world.links(endpoint) == []


# What follows


def test_what_watches_an_endpoint_is_told_on_the_ticket_in_its_tag() -> None:
    world = World(aws=True)
    item = world.item("ML-42")
    endpoint = tagged(world, "endpoint", {"jira": "ML-42"})
    world.observation(endpoint, "failed")
    assert world.truth("drift-alert", item) is True


@pytest.mark.parametrize("tags", [{"jira": "ML-42"}, {"git_sha": sha("bbbb007")}])
@pytest.mark.parametrize("where", ["endpoint", "served"])
def test_an_endpoint_that_names_a_ticket_or_a_commit_is_traced(where: str, tags: dict[str, str]) -> None:
    world = World(aws=True)
    world.item("ML-42")
    world.merged(7)
    assert world.truth("lineage-gap", tagged(world, where, tags)) is False


def test_a_commit_of_one_share_traces_no_other() -> None:
    world = World(aws=True)
    change = world.merged(7)
    shares = (
        TrafficShare(name="blue", share=0.5, tags={"git_sha": str(change.merge_sha)}),
        TrafficShare(name="green", share=0.5),
    )
    endpoint: Deployment = world.deployment(models=shares)
    assert world.truth("lineage-gap", endpoint) is True
    lost = TrafficShare(name="green", share=0.5, tags={"git_sha": sha("dead001")})
    world.change_of(endpoint, models=(shares[0], lost))
    assert world.truth("lineage-gap", endpoint) is None
    world.known_missing = frozenset({sha("dead001")})
    assert world.truth("lineage-gap", endpoint) is True
    world.change_of(endpoint, models=shares[:1])
    assert world.truth("lineage-gap", endpoint) is False


def test_an_endpoint_whose_commit_is_still_to_be_looked_up_is_no_gap_yet() -> None:
    world = World(aws=True)
    endpoint = tagged(world, "served", {"git_sha": sha("dead001")})
    assert world.truth("lineage-gap", endpoint) is None
    world.known_missing = frozenset({sha("dead001")})
    assert world.truth("lineage-gap", endpoint) is True


def test_a_ticket_waits_for_the_commit_that_an_endpoint_names() -> None:
    world = World(aws=True)
    item = world.item("ML-42")
    world.observation(tagged(world, "served", {"git_sha": sha("dead001")}), "failed")
    assert world.truth("drift-alert", item) is None
    world.commit(sha("dead001"), "ML-42: train again", on_default_branch=True)
    assert world.truth("drift-alert", item) is True
    assert Ref("aws", "deployment", "tagged") in world.entities
