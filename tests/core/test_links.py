"""Who implements, built, trained, registered, deploys, observes and blocks what, and how sure that is."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from mappings.model import DatasetUse, Ref, TrafficShare
from sync.project import DeclaredLink
from tests.core.worlds import DAY, NOW, World, sha

KEY = ("implements", "id-of-ML-42")
MENTION = ("mentions", "id-of-ML-42")


@pytest.mark.parametrize(
    "facts",
    [
        {"branch": "feature/ML-42-add-auc"},
        {"branch": "ml-42"},
        {"branch": "ada_ml-42_auc"},
        {"title": "ML-42: add the metric"},
        {"title": "Add the metric (ml-42)"},
        {"body": "Some words.\n\nFixes ML-42, ML-43."},
        {"body": "implements: ML-42"},
        {"branch": "ML-42", "title": "ML-42", "body": "Closes ML-42 and more of ML-42"},
    ],
)
def test_a_change_request_implements_the_ticket_that_its_branch_title_or_closing_keyword_names(facts: dict[str, Any]) -> None:
    world = World()
    world.item()
    change = world.change(**facts)
    assert KEY in world.links(change)
    assert world.links(change, sure=False) == ([] if "ML-43" not in facts.get("body", "") else [("mentions", "ML-43")])


@pytest.mark.parametrize("body", ["As in ML-42, but better.", "See ML-42.", "prefix ML-42", "unfixes ML-42"])
def test_a_mention_in_prose_is_shown_and_not_relied_on(body: str) -> None:
    world = World()
    world.item()
    change = world.change(body=body)
    assert world.links(change) == []
    assert world.links(change, sure=False) == [MENTION]


@pytest.mark.parametrize("text", ["UTF-8", "SHA-256", "ML-042", "ML-42x", "XML-42", "ML-42.5", "ML-", "ML-0", "ML-4200000000"])
def test_what_only_looks_like_a_key_is_none(text: str) -> None:
    world = World()
    world.item("ML-42")
    change = world.change(title=f"Use {text} here", branch=text, body=text)
    assert world.links(change) == []
    assert world.links(change, sure=False) == []


def test_a_key_with_an_underscore_is_one_key() -> None:
    world = World()
    world.item("ML-42")
    world.item("ML_OPS-42")
    assert world.links(world.change(branch="ml_ops-42")) == [("implements", "id-of-ML_OPS-42")]


def test_a_key_of_no_known_item_is_textual() -> None:
    world = World()
    world.item("ML-42")
    change = world.change(branch="ML-99")
    assert world.links(change) == []
    assert world.links(change, sure=False) == [("mentions", "ML-99")]


def test_a_key_that_two_sources_have_is_textual() -> None:
    world = World()
    world.item("ML-42")
    world.item("ML-42", source="jira-old")
    change = world.change(branch="ML-42")
    assert world.links(change) == []
    assert len(world.links(change, sure=False)) == 2


FORMER = ("ML-42",)


@pytest.mark.parametrize(
    "facts",
    [{"branch": "feature/ml-42-add-auc"}, {"title": "ML-42: add the metric"}, {"body": "Fixes ML-42."}, {"closes": ("ML-42",)}],
)
def test_a_key_that_an_item_bore_before_finds_it(facts: dict[str, Any]) -> None:
    world = World()
    item = world.item("LOAN-12", former_keys=FORMER)
    world.change(**facts)
    (link_,) = world.linked().links
    assert (link_.relation, link_.target, link_.confidence) == ("implements", item.ref, "exact")
    assert link_.because.endswith(": names ML-42, which is LOAN-12 now")


def test_a_former_key_in_prose_stays_a_mention_and_its_prefix_is_known() -> None:
    world = World()
    world.item("LOAN-12", former_keys=FORMER)
    change = world.change(branch="ada_ml-7", body="As in ML-42.")
    assert world.links(change) == []
    assert world.links(change, sure=False) == [("mentions", "ML-7"), ("mentions", "id-of-LOAN-12")]


def test_a_key_that_an_item_bears_now_is_not_that_of_one_that_bore_it_before() -> None:
    world = World()
    world.item("ML-42")
    world.item("LOAN-12", former_keys=("ML-42", "LOAN-12"))
    change = world.change(branch="ML-42", title="LOAN-12")
    assert world.links(change) == [("implements", "id-of-LOAN-12"), KEY]
    assert all("now" not in one.because for one in world.linked().links)


@pytest.mark.parametrize("second", [{"key": "LOAN-13", "former_keys": FORMER}, {"key": "ML-42", "source": "jira-old"}])
def test_a_former_key_that_may_mean_another_item_as_well_is_textual(second: dict[str, Any]) -> None:
    world = World()
    world.item("LOAN-12", former_keys=FORMER)
    world.item(**second)
    change = world.change(branch="ML-42")
    assert world.links(change) == []
    assert len(world.links(change, sure=False)) == 2


def test_tags_and_declared_links_find_an_item_by_a_former_key() -> None:
    world = World()
    world.item("LOAN-12", former_keys=FORMER)
    run = world.run(tags={"milepost.issue": "ml-42"})
    change = world.change()
    world.set_project(links=(DeclaredLink(source="github:example/churn#7", relation="implements", target="jira:ml-42"),))
    assert world.linked().findings == []
    assert world.links(run) == [("built_from", "id-of-LOAN-12")]
    assert world.links(change) == [("implements", "id-of-LOAN-12")]
    assert [one.because for one in world.linked().links if one.source == run.ref] == [
        "tag milepost.issue: names ML-42, which is LOAN-12 now"
    ]
    assert {one.confidence for one in world.linked().links} == {"declared"}


def test_commits_implement_by_their_subject_and_closing_keywords_and_mention_in_the_rest() -> None:
    world = World()
    world.item("ML-42")
    world.item("ML-43")
    world.item("ML-44")
    world.item("example/churn#5", source="github")
    commit = world.commit(sha(1), "ML-42 Add the metric\n\nFixes ML-43. Unlike ML-44, this works.\nCloses #5")
    assert world.links(commit) == [
        ("implements", "id-of-example/churn#5"),
        ("implements", "id-of-ML-42"),
        ("implements", "id-of-ML-43"),
    ]
    assert world.links(commit, sure=False) == [("mentions", "id-of-ML-44")]


def test_a_change_request_implements_what_the_source_says_it_closes() -> None:
    world = World()
    world.item("Example/Churn#5", source="github")
    assert world.links(world.change(closes=("example/churn#5", "example/other#5"))) == [("implements", "id-of-Example/Churn#5")]


def test_an_issue_that_names_a_ticket_in_its_title_only_mentions_it() -> None:
    world = World()
    world.item("ML-42")
    issue = world.item("example/churn#5", source="github", title="Do the second half of ML-42")
    assert world.links(issue) == []
    assert world.links(issue, sure=False) == [MENTION]


@pytest.mark.parametrize("name", ["merge_sha", "head_sha"])
@pytest.mark.parametrize("length", [40, 12, 7])
def test_a_run_is_built_from_the_change_request_whose_head_or_merge_it_names(name: str, length: int) -> None:
    world = World()
    change = world.merged()
    run = world.run(git_commit=getattr(change, name)[:length].upper())
    assert ("built_from", "example/churn/7") in world.links(run)
    assert world.linked().merges == {run.ref: (change.ref,)}


@pytest.mark.parametrize("tag", ["mlflow.source.git.commit", "git_sha", "git_commit"])
def test_a_commit_may_be_named_by_a_tag_of_the_run_or_the_version(tag: str) -> None:
    world = World()
    change = world.merged()
    for built in (world.run(tags={tag: str(change.merge_sha)}), world.version(tags={tag: str(change.merge_sha)})):
        assert ("built_from", "example/churn/7") in world.links(built)


def test_a_short_sha_of_two_commits_is_textual() -> None:
    world = World()
    world.commit("abcdef0" + "1" * 33)
    world.commit("abcdef0" + "2" * 33)
    run = world.run(git_commit="abcdef0")
    assert world.links(run) == []
    assert len(world.links(run, sure=False)) == 2


def test_a_sha_in_two_repositories_is_textual_unless_the_run_names_one() -> None:
    world = World()
    world.commit(sha(1), repository="example/churn")
    world.commit(sha(1), repository="ada/churn")
    unsure = world.run("r1", git_commit=sha(1))
    sure = world.run("r2", git_commit=sha(1), git_repository="git@github.com:example/churn.git")
    assert world.links(unsure) == []
    assert world.links(sure) == [("built_from", f"example/churn/{sha(1)}")]


def test_a_squashed_commit_leads_to_the_change_request_that_it_was_looked_up_for() -> None:
    world = World()
    change = world.merged()
    run = world.run(git_commit=sha("b4a9c41"))
    assert world.linked().unresolved == [sha("b4a9c41")]
    world.commit(sha("b4a9c41"), change_requests=(change.ref,))
    assert ("built_from", "example/churn/7") in world.links(run)
    assert world.linked().unresolved == []
    assert world.linked().merges == {run.ref: (change.ref,)}


@pytest.mark.parametrize("state", ["open", "closed", "merged"])
@pytest.mark.parametrize("from_fork", [True, False])
def test_the_head_of_a_change_request_is_looked_up_for_what_it_says(state: str, from_fork: bool) -> None:
    world = World()
    item = world.item("ML-42")
    change = world.change(state=state, from_fork=from_fork, merged_at=NOW if state == "merged" else None)
    run = world.run(git_commit=change.head_sha)
    (end,) = world.linked().loose_ends
    own = state == "merged" or not from_fork
    assert (end.sha, end.found) == (change.head_sha, False)
    assert end.places == ({("github", "example/churn")} if own else set())
    assert world.linked().unresolved == [change.head_sha]
    world.commit(str(change.head_sha), "ML-42 Train", on_branch=False)
    assert (run.ref in world.graph().reach(item.ref, ("implements", "built_from"))) is own
    assert [one.found for one in world.linked().loose_ends] == ([] if own else [True])


def test_a_commit_that_exists_nowhere_is_not_looked_up_again() -> None:
    world = World()
    world.run(git_commit=sha("dead001"))
    world.known_missing = frozenset({sha("dead001")})
    assert world.linked().unresolved == []


@pytest.mark.parametrize("text", ["", "not a sha", "abc", "g" * 40, "HEAD"])
def test_what_is_no_sha_is_neither_linked_nor_looked_up(text: str) -> None:
    world = World()
    world.merged()
    assert world.links(world.run(git_commit=text)) == []
    assert world.linked().unresolved == []


def test_an_unmerged_change_request_merges_nothing() -> None:
    world = World()
    change = world.change(merge_sha=sha("7e57001"))
    run = world.run(git_commit=change.head_sha)
    assert world.links(run) == [("built_from", "example/churn/7")]
    assert world.linked().merges == {}
    assert world.links(world.run("r2", git_commit=sha("7e57001"))) == []


def test_a_declared_ticket_goes_before_the_change_request_of_another() -> None:
    world = World()
    world.item("ML-42")
    world.item("ML-43")
    change = world.merged(branch="ML-43")
    run = world.run(git_commit=change.head_sha, tags={"milepost.issue": "ml-42"})
    assert world.links(run) == [("built_from", "id-of-ML-42"), ("follows", "example/churn/7")]
    assert world.linked().merges == {run.ref: (change.ref,)}


@pytest.mark.parametrize("tagged", ["run", "version"])
@pytest.mark.parametrize("key", ["ML-42", "ML-99", "ELSEWHERE-1"])
def test_a_declaration_holds_for_run_and_version_even_if_nobody_knows_the_ticket(tagged: str, key: str) -> None:
    world = World()
    world.item("ML-42")
    world.item("ML-43")
    change = world.merged(branch="ML-43")
    tags = {"milepost.issue": key}
    run = world.run(git_commit=change.merge_sha, tags=tags if tagged == "run" else {})
    version = world.version(run=run, tags={"git_sha": str(change.merge_sha)} | (tags if tagged == "version" else {}))
    assert ("follows", "example/churn/7") in world.links(run)
    assert ("follows", "example/churn/7") in world.links(version)


def test_a_declaration_of_the_same_ticket_takes_nothing_away() -> None:
    world = World()
    world.item("ML-42")
    change = world.merged(branch="ML-42")
    run = world.run(git_commit=change.head_sha, tags={"milepost.issue": "ML-42"})
    assert world.links(run) == [("built_from", "example/churn/7"), ("built_from", "id-of-ML-42")]


def test_a_run_of_a_later_merge_follows_the_earlier_ones_each_once() -> None:
    world = World()
    for number in range(40):
        world.item(f"ML-{number + 1}")
        world.merged(number + 1, branch=f"ML-{number + 1}", at=NOW - timedelta(days=100 - number))
    for number in (20, 40, 40):
        world.run(f"r{number}", git_commit=sha(f"bbbb{number:03}"))
    follows = [one for one in world.linked().links if one.relation == "follows"]
    assert len(follows) == 38
    assert {one.target.id for one in follows if one.source.id == "r20"} == {f"example/churn/{one}" for one in range(1, 20)}
    assert {one.target.id for one in follows if one.source.id == "r40"} == {f"example/churn/{one}" for one in range(21, 40)}


def test_a_run_of_an_earlier_merge_follows_nothing_later() -> None:
    world = World()
    world.item("ML-42")
    world.item("ML-43")
    early = world.merged(7, branch="ML-42", at=NOW - 9 * DAY)
    world.merged(8, branch="ML-43", at=NOW - 2 * DAY)
    run = world.run(git_commit=early.head_sha)
    assert world.links(run) == [("built_from", "example/churn/7")]


@pytest.mark.parametrize(
    ("context", "linked"), [(None, True), ("training", True), ("Train", True), ("validation", False), ("test", False), ("", False)]
)
def test_only_training_data_is_trained_on(context: str | None, linked: bool) -> None:
    world = World()
    data = world.dataset()
    run = world.run(datasets=(DatasetUse(dataset=data.ref, context=context),))
    assert world.links(run) == ([("trained_on", "customers@d1")] if linked else [])


def test_versions_deployments_observations_and_blockers() -> None:
    world = World(aws=True)
    run = world.run()
    version = world.version(run=run)
    deployment = world.deployment(version)
    observation = world.observation(deployment)
    blocker = world.item("DATA-1")
    world.item("ML-42", blocked_by=(blocker.ref, Ref("jira", "work_item", "out of scope")))
    assert world.links(version) == [("registered_from", "r1")]
    assert world.links(deployment) == [("deploys", "churn-classifier/3")]
    assert world.links(observation) == [("observes", "churn-prod")]
    assert world.links(blocker) == [("blocks", "id-of-ML-42")]
    assert len(world.linked().links) == 4


def test_a_monitoring_run_observes_the_version_whose_model_it_took() -> None:
    world = World()
    version = world.version(model_id="m-1", run=None)
    world.run(models=("m-1",), metrics={"drift.psi": 0.4})
    observed = [one for one in world.linked().links if one.relation == "observes"]
    assert [one.target for one in observed] == [version.ref]


@pytest.mark.parametrize("address", ["models:/churn-classifier/3", "s3://example/churn/3/model.tar.gz"])
def test_a_deployment_that_names_a_version_by_its_address_deploys_it(address: str) -> None:
    world = World(aws=True)
    version = world.version(artifact_uri="s3://example/churn/3/model.tar.gz")
    deployment = world.deployment(models=(TrafficShare(name=address),))
    assert world.links(deployment) == [("deploys", version.ref.id)]


def test_an_address_of_two_versions_is_textual() -> None:
    world = World(aws=True)
    world.version(3, artifact_uri="s3://example/model")
    world.version(4, artifact_uri="s3://example/model")
    deployment = world.deployment(models=(TrafficShare(name="s3://example/model"),))
    assert world.links(deployment) == []
    assert len(world.links(deployment, sure=False)) == 2


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("github:example/churn#7", "jira:ml-42"),
        (f"github:Example/Churn@{sha(1)}", "jira:ML-42"),
        (f"github:example/churn@{sha(1)[:8]}", "jira:ML-42"),
        ("mlflow:run/r1", "jira:ML-42"),
        ("mlflow:model/churn-classifier/3", "jira:ML-42"),
        ("mlflow:dataset:customers@d1", "jira:ML-42"),
    ],
)
def test_a_declared_link_names_its_ends_by_what_people_call_them(source: str, target: str) -> None:
    world = World()
    world.item("ML-42")
    world.change(7)
    world.commit(sha(1))
    world.run()
    world.version()
    world.dataset()
    world.set_project(links=(DeclaredLink(source=source, relation="implements", target=target, note="said so"),))
    linked = world.linked()
    assert linked.findings == []
    assert [(one.target.id, one.because, one.confidence) for one in linked.links] == [("id-of-ML-42", "said so", "declared")]


@pytest.mark.parametrize(
    "text",
    ["jira:ML-43", "github:ML-42", "mlflow:run/none", f"github:example/other@{sha(1)}", "ML-42", "", ":", "github:@", "github:x@y"],
)
def test_a_declared_link_that_names_nothing_known_is_told(text: str) -> None:
    world = World()
    world.item("ML-42")
    world.commit(sha(1))
    world.set_project(links=(DeclaredLink(source="jira:ML-42", relation="blocks", target=text),))
    linked = world.linked()
    assert linked.links == []
    assert linked.findings == [f"links: {text} is nothing that is known (yet); the declared link is left out"]


def test_linking_is_the_same_whatever_the_order_of_the_entities() -> None:
    world = World(aws=True)
    world.whole()
    world.whole("ML-43", 8, 4)
    entities = world.everything()
    forwards, backwards = (World(aws=True) for _ in range(2))
    for one in entities:
        forwards.add(one)
    for one in reversed(entities):
        backwards.add(one)
    assert forwards.linked() == backwards.linked()
