"""Knowing more turns unknown into true or false, and never one into the other.

A rich world is complete and fresh. A poor one is made of it by what can really happen: streams that were not fully read lack
objects, streams that failed or grew old hold objects as they may have been before, commits were not looked up, objects were not
found. Whatever is definite about the poor world, that a rule does not apply included, must hold in the rich one.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, TypeAlias

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from mappings.model import ChangeRequest, Commit, DatasetUse, Deployment, Entity, ModelCard, Ref, Run, TrafficShare
from tests.core.worlds import DAY, NOW, World, rule, sha, shipped

YES_OR_NO = {"yes": True, "no": False}
LITTLE_OR_MUCH = {"little": {"gt": 0, "lt": 0.5}, "much": {"gte": 0.5}}
RULES = [
    *shipped(),
    rule(
        id="all-merged",
        kind="favourable",
        when={"all": [{"change_request": {"merged": True}}], "none": [{"status": {"id": "data-blocked"}}]},
        via=["implements"],
    ),
    rule(id="committed", when={"none": [{"commit": {"on_default_branch": True}}]}, via=["implements"]),
    rule(id="version-live", when={"any": [{"subject": {"serving": True, "merged": True}}]}, **{"for": "model_version"}),
    rule(
        id="version-of-open-work",
        when={"any": [{"work_item": {"open": True}}], "none": [{"dataset": {"current": False}}]},
        via=["registered_from", "built_from", "trained_on", "implements"],
        **{"for": "model_version"},
    ),
    rule(
        id="endpoint-bad",
        when={"any": [{"observation.drift": {"outcome": "failed", "within": "7d"}}], "none": [{"run": {"status": "failed"}}]},
        via=["deploys", "registered_from", "observes"],
        open_after=2,
        close_after=2,
        **{"for": "deployment"},
    ),
    rule(
        id="data-stale",
        when={"all": [{"subject": {"fresh": False}}, {"run": {"meets_thresholds": True}}]},
        via=["trained_on"],
        **{"for": "dataset"},
    ),
    rule(
        id="change-built",
        when={"any": [{"model_version": {"released": True}}], "all": [{"run": {"status": "finished"}}]},
        via=["built_from", "registered_from"],
        **{"for": "change_request"},
    ),
    rule(
        id="tried",
        when={
            "all": [{"run": {"status": "finished"}}],
            "none": [{"status": {"id": "version-live"}}, {"dataset": {"current": False}}],
        },
        via=["implements", "built_from", "registered_from", "trained_on"],
    ),
    rule(id="change-open", when={"all": [{"work_item": {"open": True}}]}, via=["implements"], **{"for": "change_request"}),
    rule(
        id="all-well",
        kind="favourable",
        when={
            "none": [
                {"status": {"id": "endpoint-bad"}},
                {"work_item": {"label": "data"}},
                {"observation.drift": {"outcome": "failed"}},
            ]
        },
        **{"for": "project"},
    ),
    *(
        rule(id=f"version-{fact.replace('_', '-')}-{name}", when={"any": [{"subject": {fact: value}}]}, **{"for": "model_version"})
        for fact in ("latest", "deploy_failed", "training_due", "checks_passed", "evidence_missing", "traffic")
        for name, value in (LITTLE_OR_MUCH if fact == "traffic" else YES_OR_NO).items()
    ),
    *(
        rule(id=f"endpoint-{fact}-{name}", when={"any": [{"subject": {fact: value}}]}, **{"for": "deployment"})
        for fact in ("traced", "production", "serving")
        for name, value in YES_OR_NO.items()
    ),
]

Drawn: TypeAlias = st.SearchStrategy[dict[str, Any]]

PHASES = (Phase.explicit, Phase.generate, Phase.shrink)
flag = st.booleans()


@st.composite
def rich_worlds(draw: st.DrawFn) -> World:
    """A few tickets, changes, runs, versions and endpoints, linked at random; no key and no sha is ambiguous."""
    world = World(aws=draw(flag))
    world.set_project(**draw(project_facts))
    blockers = [world.item(f"DATA-{one}", **draw(item_facts)) for one in range(draw(st.integers(0, 2)))]
    keys = [f"ML-{one + 1}" for one in range(draw(st.integers(1, 3)))]
    for key in keys:
        blocked_by = tuple(one.ref for one in blockers if draw(flag))
        world.item(key, blocked_by=blocked_by, **draw(item_facts))
    for number in range(draw(st.integers(0, 3))):
        world.change_of(world.merged(number, branch=draw(st.sampled_from([*keys, "none"]))), **draw(change_facts))
    for change in [one for one in world.entities.values() if isinstance(one, ChangeRequest)]:
        if draw(flag):
            world.commit(str(change.merge_sha), on_default_branch=draw(flag))
    for change in [one for one in world.entities.values() if isinstance(one, ChangeRequest)]:
        if draw(flag):
            world.commit(str(change.head_sha), draw(st.sampled_from([*keys, "none"])))
        else:
            world.known_missing |= {str(change.head_sha)}
    datasets = [world.dataset(name, digest) for name, digest in (("a", "1"), ("a", "2"), ("b", "1"))[: draw(st.integers(0, 3))]]
    for number in range(draw(st.integers(0, 3))):
        uses = tuple(
            DatasetUse(dataset=one.ref, as_of=draw(st.sampled_from([None, NOW - 9 * DAY, NOW - 90 * DAY])))
            for one in datasets
            if draw(flag)
        )
        tags = {"milepost.issue": draw(st.sampled_from(keys))} if draw(flag) else {}
        world.run(f"r{number}", git_commit=draw(shas), tags=tags, datasets=uses, **draw(run_facts))
    for number in range(draw(st.integers(0, 3))):
        run = Ref("mlflow", "run", f"r{draw(st.integers(0, 3))}")
        version = world.version(number)
        known: dict[str, Any] = {"run": run, "cloud_id": f"arn:{version.ref.id}" if draw(flag) else None}
        world.change_of(version, **(known | draw(version_facts)))
    changes = sorted(ref for ref in world.entities if ref.kind == "change_request")
    for one in range(2):
        if draw(flag):
            world.commit(
                sha(f"cccc{one:03}"),
                draw(st.sampled_from([*keys, " ".join(keys), "none"])),
                change_requests=tuple(changes[: draw(st.integers(0, 3))]),
            )
        else:
            world.known_missing |= {sha(f"cccc{one:03}")}
    if world.streams.get(("aws", "endpoints")):
        _deploy(draw, world)
    return world


def _deploy(draw: st.DrawFn, world: World) -> None:
    versions = [ref for ref in sorted(world.entities) if ref.kind == "model_version"]
    subjects: list[Entity] = [world.entities[ref] for ref in versions]
    for number in range(draw(st.integers(0, 2))):
        shares = tuple(_share(draw, ref) for ref in versions if draw(flag))
        subjects.append(world.deployment(endpoint=f"e{number}", models=shares, **draw(deployment_facts)))
    if subjects:
        for number in range(draw(st.integers(0, 4))):
            kind, outcome = draw(st.sampled_from(KINDS)), draw(st.sampled_from(["failed", "passed", "unknown"]))
            world.observation(draw(st.sampled_from(subjects)), outcome, kind=kind, at=NOW - number * 3 * DAY)


def _share(draw: st.DrawFn, version: Ref) -> TrafficShare:
    """By ref, or by what several versions may be called by, or by what no version is."""
    named: dict[str, Any] = draw(
        st.sampled_from([{"model": version}, {"cloud_id": f"arn:{version.id}"}, {"artifact_uri": FILES}, {"images": (IMAGE,)}, {}])
    )
    return TrafficShare(name=version.id, **named, **draw(share_facts))


KINDS = ("drift", "drift", "bias", "explainability", "performance", "data_quality")
FILES, IMAGE = "s3://example-models/1", "registry.example/churn@sha256:" + "1" * 64
project_facts: Drawn = st.fixed_dictionaries(
    {
        "risk_class": st.sampled_from([None, "minimal", "limited", "high"]),
        "oversight": st.sampled_from([None, "Ada Example"]),
        "review_labels": st.sampled_from([(), ("data",)]),
        "retrain_every": st.sampled_from([None, 10 * DAY]),
        "retrain_after_drifts": st.sampled_from([None, 2]),
    }
)
item_facts: Drawn = st.fixed_dictionaries(
    {
        "status_category": st.sampled_from(["todo", "done"]),
        "labels": st.sampled_from([(), ("data",)]),
        "due": st.sampled_from([None, NOW.date()]),
    }
)
change_facts: Drawn = st.sampled_from(
    [
        {"state": "merged", "merged_at": NOW - 5 * DAY, "base": "main"},
        {"state": "merged", "merged_at": NOW - 2 * DAY, "base": "next"},
        {"state": "open", "merged_at": None, "base": "main"},
    ]
)
run_facts: Drawn = st.fixed_dictionaries(
    {
        "status": st.sampled_from(["finished", "finished", "running", "failed"]),
        "metrics": st.sampled_from(
            [{"val_auc": 0.9}, {"val_auc": 0.9, "data_quality.x": 0.0}, {"val_auc": None}, {"drift.x": 0.5}, {}]
        ),
        "experiment": st.sampled_from(["one", "two"]),
        "started_at": st.sampled_from([NOW - DAY, NOW - 20 * DAY, NOW - 60 * DAY]),
        "artifacts": st.sampled_from([(), (), (FILES,)]),
    }
)
version_facts: Drawn = st.fixed_dictionaries(
    {"aliases": st.sampled_from([("champion",), ()])},
    optional={
        "run": st.none(),
        "tags": st.sampled_from([{"drift.y": "0.5"}, {"git_sha": sha("cccc001")}, {"milepost.intended_use": "Keep customers"}]),
        "approval": st.sampled_from(["approved", "pending", "rejected"]),
        "card": st.sampled_from([ModelCard(), ModelCard(intended_use="Keep customers")]),
        "reports": st.just({"bias": "s3://example-models/bias"}),
        "created_at": st.sampled_from([NOW - DAY, NOW - 8 * DAY]),
        "artifact_uri": st.just(FILES),
        "images": st.just((IMAGE,)),
    },
)
deployment_facts: Drawn = st.fixed_dictionaries(
    {
        "state": st.sampled_from(["in_service", "in_service", "stopped", "failed", "rolling_back"]),
        "updated_at": st.sampled_from([None, NOW - DAY, NOW - 8 * DAY, NOW - 50 * DAY]),
        "reason": st.sampled_from([None, "no capacity"]),
        "tags": st.sampled_from([{}, {"jira": "ML-1"}, {"git_sha": sha("cccc001")}, {"milepost.run": "r1"}]),
        "environment": st.sampled_from([None, "production", "staging"]),
    }
)
share_facts: Drawn = st.fixed_dictionaries(
    {"share": st.sampled_from([0.0, 0.1, 1.0])},
    optional={
        "state": st.sampled_from(["failed", "in_service"]),
        "tags": st.sampled_from([{"git_sha": sha("cccc000")}, {"milepost.model_version": "churn-classifier/1"}, {"jira": "ML-2"}]),
    },
)
shas = st.sampled_from([None, *(sha(f"{letter * 4}{one:03}") for letter in "abc" for one in range(2))])
FACTS: Mapping[str, Drawn] = {
    "work_item": item_facts,
    "change_request": change_facts,
    "run": run_facts,
    "model_version": version_facts,
    "deployment": deployment_facts,
    "commit": st.fixed_dictionaries({"on_default_branch": flag}),
}
TROUBLES: list[dict[str, Any]] = [
    {"complete": False},
    {"failed": "down"},
    {"pulled_at": None, "complete": False},
    {"pulled_at": NOW - timedelta(hours=27)},
]


def make_poor(draw: st.DrawFn, rich: World) -> World:
    poor = copy.copy(rich)
    poor.entities, poor.streams, poor.missing = dict(rich.entities), dict(rich.streams), set()
    for key in sorted(poor.streams):
        if draw(st.integers(0, 2)) == 0:
            poor.set_stream(*key, **draw(st.sampled_from(TROUBLES)))
    named = {entity.git_commit for entity in rich.entities.values() if isinstance(entity, Run)}
    for entity in list(poor.entities.values()):
        streams = [one for one in poor.streams.values() if one.source == entity.ref.source and entity.ref.kind in one.provides]
        old = [one for one in streams if one.failed or one.pulled_at is None or NOW - one.pulled_at > timedelta(hours=26)]
        looked_up = isinstance(entity, Commit) and entity.sha in named and not entity.on_default_branch
        if old and entity.ref.kind in FACTS and draw(flag):
            poor.change_of(entity, **_as_it_was(draw, entity))
        if (looked_up or old or not all(one.complete for one in streams)) and draw(st.integers(0, 2)) == 0:
            poor.drop(entity)
        elif draw(st.integers(0, 15)) == 0:
            poor.missing.add(entity.ref)
    if draw(flag):
        poor.known_missing = frozenset()
    return poor


def _as_it_was(draw: st.DrawFn, entity: Entity) -> dict[str, Any]:
    facts = draw(FACTS[entity.ref.kind])
    if isinstance(entity, Deployment):
        facts["models"] = tuple(one for one in entity.models if draw(flag))
    if entity.ref.kind == "change_request":
        facts["branch"] = draw(st.sampled_from(["ML-1", "ML-2", "none"]))
    if entity.ref.kind == "work_item":
        facts["blocked_by"] = draw(st.sampled_from([(), (Ref("jira", "work_item", "id-of-DATA-0"),)]))
    if entity.ref.kind == "run":
        facts |= {"datasets": (), "git_commit": draw(shas)}
    return facts


def truths(world: World) -> dict[tuple[str, Ref], bool | None]:
    return {(one.rule, one.subject): one.truth for one in world.derive(RULES).standings}


@settings(max_examples=100, deadline=None, phases=PHASES, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.data())
def test_what_is_definite_of_little_is_so_of_more(data: st.DataObject) -> None:
    rich = data.draw(rich_worlds())
    poor = make_poor(data.draw, rich)  # type: ignore[arg-type]  # `data.draw` draws as a composite's does
    known, guessed = truths(rich), truths(poor)
    for subject in [*poor.entities, Ref("milepost", "project", "churn")]:
        for one in RULES:
            key = (one.id, subject)
            if one.subject == subject.kind and guessed.get(key, "not applicable") is not None:
                assert guessed.get(key, "not applicable") == known.get(key, "not applicable"), key


@settings(max_examples=30, deadline=None, phases=PHASES, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(rich_worlds())
def test_verdicts_do_not_depend_on_the_order_of_what_is_known(world: World) -> None:
    backwards = copy.copy(world)
    backwards.entities = dict(reversed(world.entities.items()))
    assert backwards.derive(RULES) == world.derive(RULES)
