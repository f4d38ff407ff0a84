"""Three-valued truth of every kind of condition, on small rules."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mappings.model import DatasetUse, Entity, Project, Ref
from mappings.patterns import PATTERNS
from mappings.rules import StatusRule
from tests.core.worlds import DAY, NOW, World, rule

NOT_APPLICABLE = "not applicable"


def about(when: dict[str, Any], via: tuple[str, ...] = ("blocks",), **facts: Any) -> StatusRule:
    return rule(when=when, via=via, **facts)


def blocked(world: World, *open_: bool) -> Entity:
    blockers = [world.item(f"DATA-{number + 1}", status_category="todo" if one else "done") for number, one in enumerate(open_)]
    return world.item("ML-42", blocked_by=tuple(one.ref for one in blockers))


OPEN = {"work_item": {"open": True}}


@pytest.mark.parametrize(
    ("quantifier", "members", "complete", "expected"),
    [
        ("any", (), True, NOT_APPLICABLE),
        ("any", (), False, None),
        ("any", (True, False), True, True),
        ("any", (True, False), False, True),
        ("any", (False, False), True, False),
        ("any", (False, False), False, None),
        ("all", (), True, NOT_APPLICABLE),
        ("all", (), False, None),
        ("all", (True, True), True, True),
        ("all", (True, True), False, None),
        ("all", (True, False), True, False),
        ("all", (True, False), False, False),
        ("none", (), True, NOT_APPLICABLE),
        ("none", (), False, None),
        ("none", (False, False), True, True),
        ("none", (False, False), False, None),
        ("none", (True, False), True, False),
        ("none", (True, False), False, False),
    ],
)
def test_quantifiers_in_three_values(quantifier: str, members: tuple[bool, ...], complete: bool, expected: object) -> None:
    world = World()
    item = blocked(world, *members)
    world.set_stream("jira", "issues", complete=complete)
    assert world.truth(about({quantifier: [OPEN]}), item) == expected


def test_all_needs_at_least_one_member() -> None:
    world = World()
    item = blocked(world, True)
    both = about({"all": [OPEN, {"run": {}}]}, ("blocks", "built_from"))
    assert world.truth(both, item) is False


def test_blocks_nest() -> None:
    world = World()
    item = blocked(world, True, False)
    deep = about({"all": [{"any": [{"none": [{"work_item": {"label": "x"}}]}]}, {"any": [OPEN]}]})
    assert world.truth(deep, item) is True
    assert world.truth(about({"any": [{"all": [OPEN]}, {"none": [OPEN]}]}), item) is False


def test_a_pattern_of_nothing_holds_for_whatever_exists() -> None:
    world = World()
    assert world.truth(about({"any": [{"work_item": {}}]}), blocked(world, False)) is True


def test_facts_of_the_subject_itself_always_apply() -> None:
    world = World()
    item = world.item(labels=("urgent", "ml"), item_type="Bug")
    own = about({"any": [{"subject": {"label": "URG*", "item_type": ["Task", "Bug"]}}]}, ())
    assert world.truth(own, item) is True
    assert world.truth(own, world.item("ML-43")) is False
    world.set_stream("jira", "issues", failed="x")
    assert world.truth(own, item) is None


def test_a_source_that_is_not_scoped_is_known_to_be_empty() -> None:
    world = World()
    for stream in ("runs", "models"):
        del world.streams[("mlflow", stream)]
    item = world.item()
    world.merged(branch="ML-42")
    none_built = about({"none": [{"run": {}}], "any": [{"change_request": {}}]}, ("implements", "built_from"))
    assert world.truth(none_built, item) is True


def test_only_streams_that_matter_to_the_ways_are_waited_for() -> None:
    world = World(aws=True)
    item = blocked(world, False)
    for key in world.streams:
        if key != ("jira", "issues") and key != ("github", "issues"):
            world.set_stream(*key, complete=False)
    assert world.truth(about({"any": [OPEN]}), item) is False
    world.set_stream("github", "issues", complete=False)
    assert world.truth(about({"any": [OPEN]}), item) is None


# Time


@pytest.mark.parametrize(
    ("age", "truth_now", "recheck"),
    [
        ({"within": "2d"}, True, NOW + DAY),
        ({"older_than": "2d"}, False, NOW + DAY),
        ({"within": "1d"}, False, None),
        ({"older_than": "1d"}, True, None),
    ],
)
def test_ages_are_judged_again_when_they_change(age: dict[str, str], truth_now: bool, recheck: datetime | None) -> None:
    world = World()
    world.pass_time(timedelta())
    item = world.item(created_at=NOW - DAY)
    standing = world.standing(about({"any": [{"subject": {"age": age}}]}, ()), item)
    assert standing is not None and standing.truth is truth_now
    assert standing.recheck_at == min(one for one in (recheck, NOW + timedelta(hours=26)) if one is not None)


def test_an_absent_time_meets_no_age() -> None:
    world = World()
    item = world.item()
    for age in ({"within": "2d"}, {"older_than": "2d"}):
        assert world.truth(about({"any": [{"subject": {"age": age}}]}, ()), item) is False


@pytest.mark.parametrize("age", [{"within": "2d"}, {"older_than": "2d"}])
def test_a_time_that_lies_ahead_is_no_age(age: dict[str, str]) -> None:
    world = World()
    item = world.item(created_at=NOW + DAY)
    standing = world.standing(about({"any": [{"subject": {"age": age}}]}, ()), item)
    assert standing is not None and standing.truth is None
    assert standing.missing == ("a believable date: it says that it was created on 2026-11-03",)


def test_a_run_dated_ahead_does_not_make_its_data_the_newest() -> None:
    world = World()
    _, _, run, _ = world.whole()
    newer = world.dataset(digest="d2")
    world.run("r2", experiment=run.experiment, started_at=NOW + DAY, datasets=(run.datasets[0].__class__(dataset=newer.ref),))
    assert world.view().current_datasets == {run.datasets[0].dataset}


@pytest.mark.parametrize("time", [datetime.max.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC)])
def test_times_at_the_edge_of_the_calendar_are_judged(time: datetime) -> None:
    world = World()
    item, _, run, _ = world.whole()
    world.change_of(item, created_at=time, due=time.date())
    use = run.datasets[0].__class__(dataset=run.datasets[0].dataset, as_of=time)
    world.change_of(run, datasets=(use,), started_at=time, ended_at=time)
    ages = about({"any": [{"subject": {"age": {"within": "36500d"}, "overdue": True}}]}, ())
    assert world.truth(ages, item) is False
    assert world.truth("data-blocked", item) is (True if time.year == 1 else None), "what lies ahead is no age"


def test_overdue_comes_at_midnight_of_the_projects_time_zone() -> None:
    world = World()
    item = world.item(due=NOW.date())
    late = about({"any": [{"subject": {"overdue": True}}]}, ())
    standing = world.standing(late, item)
    assert standing is not None and standing.truth is False
    assert standing.recheck_at == datetime(2026, 11, 2, 23, 0, tzinfo=UTC)
    world.pass_time(timedelta(hours=11))
    assert world.truth(late, item) is True
    world.change_of(item, status_category="done")
    assert world.truth(late, item) is False


def test_verdicts_are_judged_again_when_the_first_source_grows_stale() -> None:
    world = World()
    world.set_stream("jira", "issues", pulled_at=NOW - timedelta(hours=20))
    standing = world.standing(about({"any": [OPEN]}), blocked(world, True))
    assert standing is not None and standing.recheck_at == NOW + timedelta(hours=6)


# Other subjects


def test_observations_of_the_subject_itself_count() -> None:
    world = World(aws=True)
    endpoint, quiet = world.deployment(endpoint="a"), world.deployment(endpoint="b")
    world.observation(endpoint)
    alarm = about({"any": [{"observation.drift": {"outcome": "failed"}}]}, ("observes",), **{"for": "deployment"})
    assert world.truth(alarm, endpoint) is True
    assert world.truth(alarm, quiet) is False
    unread = about({"any": [{"observation.data_quality": {"outcome": "failed"}}]}, ("observes",), **{"for": "dataset"})
    assert world.truth(unread, world.dataset()) is False


def test_observations_are_looked_at_only_by_way_of_observes() -> None:
    world = World(aws=True)
    item, *_, version = world.whole()
    world.observation(version)
    when = {"any": [{"observation.drift": {"outcome": "failed"}}]}
    ways = ("implements", "built_from", "registered_from")
    assert world.truth(about(when, (*ways, "observes")), item) is True
    assert world.truth(about(when, ways), item) == NOT_APPLICABLE


def test_a_kind_of_observation_can_be_told_by_its_monitor() -> None:
    world = World(aws=True)
    endpoint = world.deployment()
    world.observation(endpoint, monitor="psi-age")
    when = {"any": [{"observation.drift": {"outcome": "failed", "monitor": "psi-*"}}]}
    other = {"any": [{"observation.drift": {"outcome": "failed", "monitor": "ks-*"}}]}
    assert world.truth(about(when, ("observes",), **{"for": "deployment"}), endpoint) is True
    assert world.truth(about(other, ("observes",), **{"for": "deployment"}), endpoint) is False


def test_a_project_looks_at_everything() -> None:
    world = World(aws=True)
    world.item("ML-42", labels=("incident",))
    world.observation(world.deployment())
    project = Project(ref=Ref("milepost", "project", "churn"), key="churn", name="Churn prediction")
    for when in ({"any": [{"work_item": {"label": "incident"}}]}, {"any": [{"observation.drift": {"outcome": "failed"}}]}):
        wide = about(when, (), **{"for": "project"})
        assert world.truth(wide, project) is True
    absent = about({"none": [{"work_item": {"label": "absent"}}]}, (), **{"for": "project"})
    assert world.truth(absent, project) is True
    world.set_stream("jira", "issues", complete=False)
    assert world.truth(absent, project) is None


def test_a_projects_observation_of_what_is_gone_serves_nothing() -> None:
    world = World(aws=True)
    version = world.version()
    world.observation(version)
    world.drop(version)
    project = Project(ref=Ref("milepost", "project", "churn"), key="churn", name="Churn prediction")
    drift = about({"any": [{"observation.drift": {"outcome": "failed", "serving": True}}]}, (), **{"for": "project"})
    assert world.truth(drift, project) is False
    world.set_stream("mlflow", "models", complete=False)
    assert world.truth(drift, project) is None


def test_a_milestone_is_ready_when_all_its_tickets_are() -> None:
    world = World()
    milestone = world.milestone()
    good = rule(id="good", when={"any": [{"subject": {"label": "good"}}]}, kind="favourable")
    all_good = rule(
        id="all-good", when={"all": [{"status": {"id": "good"}}]}, via=["implements"], kind="favourable", **{"for": "milestone"}
    )
    assert world.truth(all_good, milestone, beside=[good]) == NOT_APPLICABLE
    first = world.item("ML-1", labels=("good",), milestones=(milestone.ref,))
    assert world.truth(all_good, milestone, beside=[good]) is True
    world.item("ML-2", milestones=(milestone.ref,))
    assert world.truth(all_good, milestone, beside=[good]) is False
    world.change_of(world.item("ML-2"), labels=("good",), milestones=(milestone.ref,))
    world.set_stream("jira", "issues", complete=False)
    assert world.truth(all_good, milestone, beside=[good]) is None
    assert world.truth(good, first) is True


def test_a_rule_that_rests_on_another_waits_for_what_could_still_be_reached() -> None:
    world = World()
    item, *_ = world.whole()
    bad = rule(id="bad", when={"any": [{"subject": {"alias": "bad"}}]}, **{"for": "model_version"})
    clean = rule(
        id="clean",
        when={"none": [{"status": {"id": "bad"}}]},
        via=["implements", "built_from", "registered_from"],
        kind="favourable",
    )
    assert world.truth(clean, item, beside=[bad]) is True
    world.set_stream("mlflow", "models", complete=False)
    assert world.truth(clean, item, beside=[bad]) is None
    world.version(9, run=world.run("r9", git_commit=world.merged(9, branch="ML-42").merge_sha), aliases=("bad",))
    assert world.truth(clean, item, beside=[bad]) is False


def test_what_makes_a_rule_applicable_must_be_relied_on_as_well() -> None:
    """The ticket's own label makes `all` false for sure, but whether a change request speaks of the ticket at all is not."""
    world = World()
    item = world.item(labels=("bad",))
    world.merged(branch="ML-42")
    bad = rule(id="bad", when={"any": [{"subject": {"label": "bad"}}]})
    clean = rule(id="clean", when={"all": [{"change_request": {}}], "none": [{"status": {"id": "bad"}}]}, via=["implements"])
    assert world.truth(clean, item, beside=[bad]) is False
    world.set_stream("github", "change_requests", failed="down")
    assert world.truth(clean, item, beside=[bad]) is None


@pytest.mark.parametrize("current", [True, False])
def test_another_run_could_make_data_current_or_not(current: bool) -> None:
    world = World()
    _, _, run, _ = world.whole()
    newer = world.dataset(digest="d99")
    world.run("r99", experiment=run.experiment, started_at=NOW, datasets=(DatasetUse(dataset=newer.ref),))
    subject = newer if current else world.entities[run.datasets[0].dataset]
    own = rule(when={"any": [{"subject": {"current": True}}]}, **{"for": "dataset"})
    assert world.truth(own, subject) is current
    world.set_stream("mlflow", "models", complete=False)
    assert world.truth(own, subject) is None


def test_a_version_whose_run_is_not_read_may_have_been_merged() -> None:
    world = World()
    *_, run, version = world.whole()
    own = rule(when={"none": [{"subject": {"merged": True}}]}, **{"for": "model_version"})
    world.drop(run)
    assert world.truth(own, version) is True
    world.set_stream("mlflow", "runs", complete=False)
    assert world.truth(own, version) is None


def test_every_fact_of_every_kind_can_be_asked_of_a_bare_entity() -> None:
    """Entities of which the source told only the least: each fact is a value or unknown, none raises."""
    world = World(aws=True)
    bare = {
        "work_item": world.item(),
        "change_request": world.change(),
        "commit": world.commit("c0ffee" * 6 + "cafe"),
        "run": world.run(started_at=None, ended_at=None, metrics={}),
        "dataset": world.dataset(),
        "model_version": world.version(),
        "deployment": world.deployment(),
        "milestone": world.milestone(),
    }
    samples: dict[str, Any] = {"age": {"within": "1d"}, "meets_thresholds": True, "traffic": {"gte": 0.5}}
    for kind, pattern in PATTERNS.items():
        for name, field in pattern.model_fields.items():
            wanted = samples.get(name, True if field.annotation == bool | None else "*")
            if kind not in ("commit", "run"):
                own = rule(when={"any": [{"subject": {name: wanted}}]}, **{"for": kind})
                assert world.truth(own, bare[kind]) in (True, False, None), (kind, name)
            wide = rule(when={"any": [{kind: {name: wanted}}]}, **{"for": "project"})
            project = Project(ref=Ref("milepost", "project", "churn"), key="churn", name="Churn prediction")
            assert world.truth(wide, project) in (True, False, None), (kind, name)
