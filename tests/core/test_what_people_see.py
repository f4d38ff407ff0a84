"""What slots should hold, and who receives it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from mappings.change import Owned, Slot, Value
from mappings.model import Entity, Ref, WorkItem
from mappings.rules import StatusRule
from sync.derive import Standing
from sync.display import Shown, Wanted, gather, holds_several, wanted
from sync.evidence import Evidence
from sync.recipients import deliver, watch_tickets
from tests.core.worlds import DAY, NOW, Desk, World, rule, shipped

TARGET = Ref("jira", "work_item", "1")
KINDS = {"alarm": 80, "low-alarm": 30, "good": 50, "low-good": 40, "busy": 20}
RULES = {
    name: rule(
        id=name,
        title=name.capitalize(),
        kind="alarm" if "alarm" in name else "neutral" if name == "busy" else "favourable",
        rank=rank,
        when={"any": [{"subject": {"open": True}}]},
    )
    for name, rank in KINDS.items()
}


def standing(name: str, truth: bool | None, *, known: bool | None = None, hours: int = 1, **facts: Any) -> Standing:
    """A truth; an unknown one was last `known`, `hours` ago."""
    return Standing(
        rule=name,
        subject=facts.pop("subject", TARGET),
        truth=truth,
        known=truth if truth is not None else known,
        since=NOW - DAY,
        unknown_since=NOW - timedelta(hours=hours) if truth is None else None,
        says=f"{name} says so",
        **facts,
    )


def field_of(standings: Sequence[Standing], published: Value = None, *, several: bool = False) -> Value:
    world = World()
    world.jira_field(schema_type="array" if several else "option")
    world.set_project(owned={"jira": Owned(field="ML Status")})
    entries = gather({TARGET: standings}, world.project, RULES, now=NOW)[TARGET]
    slot = Slot(TARGET, "field", "ML Status")
    return wanted(TARGET, entries, world.project, world.graph(), {slot: published})[slot].value


OLD: dict[str, Any] = {"hours": 25, "known": True}


@pytest.mark.parametrize(
    ("standings", "published", "expected"),
    [
        ([], None, None),
        ([standing("good", False)], "Good", None),
        ([standing("good", True), standing("busy", True)], None, "Good"),
        ([standing("good", True), standing("alarm", True)], "Good", "Alarm"),
        ([standing("good", True), standing("alarm", None)], None, None),
        ([standing("good", True), standing("alarm", None)], "Busy", "Unknown"),
        ([standing("good", True), standing("alarm", None)], "Unknown", "Unknown"),
        ([standing("good", True), standing("alarm", None)], "Good", "Good"),
        ([standing("good", True), standing("alarm", None, known=True)], "Alarm", "Alarm"),
        ([standing("good", True), standing("alarm", None, **OLD)], "Alarm", "Alarm"),
        ([standing("busy", True), standing("alarm", None)], None, "Busy"),
        ([standing("good", None, known=True)], "Good", "Good"),
        ([standing("good", None, **OLD)], "Good", "Unknown"),
        ([standing("good", None, **OLD), standing("low-alarm", True)], "Good", "Low-alarm"),
        ([standing("good", None, **OLD), standing("low-good", True)], "Good", "Unknown"),
        ([standing("good", None, **OLD), standing("low-good", True)], "Low-good", "Low-good"),
        ([standing("good", True), standing("low-alarm", None)], None, "Good"),
        ([standing("good", None)], None, None),
        ([standing("good", None)], "Unknown", None),
    ],
)
def test_one_value_is_the_highest_that_is_true_and_nothing_favourable_below_a_doubt(
    standings: list[Standing], published: Value, expected: Value
) -> None:
    assert field_of(standings, published) == expected


def test_a_status_that_waits_behind_a_doubt_says_so() -> None:
    world = World()
    world.jira_field(schema_type="option")
    world.set_project(owned={"jira": Owned(field="ML Status")})
    entries = gather({TARGET: [standing("good", True), standing("alarm", None)]}, world.project, RULES, now=NOW)[TARGET]
    (held_back,) = wanted(TARGET, entries, world.project, world.graph(), {}).values()
    assert held_back.withheld == "Good is true, but not shown before it is known whether this is: Alarm"


@pytest.mark.parametrize(
    ("standings", "published", "expected"),
    [
        ([], ["Good"], None),
        ([standing("good", True), standing("alarm", True)], None, ["Alarm", "Good"]),
        ([standing("good", None, **OLD), standing("alarm", None, **OLD)], ["Alarm", "Good"], ["Alarm", "Unknown"]),
        ([standing("good", None, known=True)], ["Good"], ["Good"]),
        ([standing("good", None, known=True)], ["Alarm"], None),
    ],
)
def test_several_values_are_all_that_is_true(standings: list[Standing], published: Value, expected: Value) -> None:
    assert field_of(standings, published, several=True) == expected


def test_a_field_that_is_not_known_counts_as_one_of_one_value() -> None:
    world = World()
    assert not holds_several(world.graph(), "jira", "ML Status")
    world.jira_field(schema_type="array")
    graph = world.graph()
    assert holds_several(graph, "jira", "ML Status") and holds_several(graph, "jira", "customfield_1")
    assert not holds_several(graph, "github", "ML Status")


def test_where_subjects_share_a_target_the_most_alarming_counts() -> None:
    states: Mapping[str, tuple[bool | None, ...]] = {"alarm": (False, True), "good": (True, False), "busy": (False, True)}
    world = World()
    standings = [
        standing(name, truth, subject=Ref("mlflow", "model_version", str(number)))
        for name, truths in states.items()
        for number, truth in enumerate(truths)
    ]
    for order in (standings, standings[::-1]):
        (entries,) = gather({TARGET: order}, world.project, RULES, now=NOW).values()
        assert [(one.rule.id, one.state) for one in entries] == [("alarm", "on"), ("good", "off"), ("busy", "on")]


# The property


def document(*entries: Standing, rules: Mapping[str, StatusRule] = RULES) -> Any:
    world = World()
    world.set_project(owned={"jira": Owned(property="milepost")})
    shown = gather({TARGET: entries}, world.project, rules, now=NOW)[TARGET]
    found: Mapping[Slot, Wanted] = wanted(TARGET, shown, world.project, world.graph(), {})
    return found[Slot(TARGET, "property", "milepost")].value


def evidence(number: int, words: str = "is so") -> Evidence:
    return Evidence(
        ref=Ref("mlflow", "run", str(number)), name=f"run {number}", fact="status", value="x", observed_at=NOW, words=words
    )


def test_the_property_tells_every_status_with_its_evidence() -> None:
    told = document(standing("good", True, evidence=(evidence(1),), episode="e", opened_at=NOW), standing("alarm", False))
    assert told == {
        "version": 1,
        "project": "churn",
        "statuses": [
            {
                "id": "good",
                "title": "Good",
                "kind": "favourable",
                "state": "on",
                "since": NOW.isoformat(),
                "says": "good says so",
                "rule": "",
                "evidence": [
                    {
                        "ref": "mlflow:run:1",
                        "name": "run 1",
                        "fact": "status",
                        "value": "x",
                        "observed_at": "2026-11-02T12:00:00Z",
                        "words": "is so",
                    }
                ],
                "missing": [],
            }
        ],
    }
    assert msgspec.json.decode(msgspec.json.encode(told)) == told
    assert document(standing("good", False), standing("alarm", None)) is None


def test_the_property_does_not_change_while_nothing_does() -> None:
    world, desk = World(aws=True), Desk()
    item, *_, version = world.whole()
    world.observation(world.deployment(version))
    standings = world.derive().standings
    desk.apply(desk.plan(world, standings), world)
    before = msgspec.json.encode(desk.actual[Slot(item.ref, "property", "milepost")], order="deterministic")
    for _ in range(3):
        world.pass_time(timedelta(minutes=30))
        standings = world.derive(before=standings).standings
        plan = desk.plan(world, standings)
        assert plan.changes == ()
    assert msgspec.json.encode(desk.actual[Slot(item.ref, "property", "milepost")], order="deterministic") == before


@pytest.mark.parametrize(("count", "length"), [(1, 200_000), (12, 20_000), (3, 10)])
def test_the_property_keeps_within_what_jira_stores(count: int, length: int) -> None:
    rules = {f"r{number}": RULES["busy"].model_copy(update={"id": f"r{number}", "rank": 999 - number}) for number in range(90)}
    entries = [
        standing(
            name,
            True,
            evidence=tuple(evidence(number, "ü" * length) for number in range(count)),
            missing=tuple(f"stream {number} {'x' * 40}" for number in range(40)),
        )
        for name in rules
    ]
    told = document(*entries, rules=rules)
    assert len(msgspec.json.encode(told)) <= 32_768
    ids = [one["id"] for one in told["statuses"]]
    assert ids == [f"r{number}" for number in range(len(ids))]
    assert len(ids) >= 15


# Recipients


def receivers(world: World, subject: Entity, kind: str = "alarm", truth: bool | None = True) -> list[str]:
    one = rule(id="x", kind=kind, when={"any": [{"subject": {}}]}, **{"for": subject.ref.kind})
    told = Standing(rule="x", subject=subject.ref, truth=truth, known=truth, since=NOW)
    (delivery,) = deliver(world.graph(), world.project, {"x": one}, [told], now=NOW)
    return [ref.id for ref in delivery.targets]


@pytest.mark.parametrize(
    ("facts", "alarm", "favourable"),
    [
        ({}, ["id-of-ML-42"], ["id-of-ML-42"]),
        ({"status_category": "unknown"}, ["id-of-ML-42"], ["id-of-ML-42"]),
        ({"status_category": "done", "closed_at": NOW - 29 * DAY}, ["id-of-ML-42"], ["id-of-ML-42"]),
        ({"status_category": "done", "closed_at": NOW - 30 * DAY}, ["id-of-ML-1"], []),
        ({"status_category": "done", "closed_at": None}, ["id-of-ML-1"], []),
    ],
)
def test_tickets_are_told_while_people_look_at_them(facts: dict[str, Any], alarm: list[str], favourable: list[str]) -> None:
    world = World()
    world.item("ML-1")
    item = world.item(**facts)
    assert receivers(world, item) == alarm
    assert receivers(world, item, "favourable") == receivers(world, item, "neutral") == favourable


def test_open_change_requests_that_implement_a_ticket_are_told_too() -> None:
    world = World()
    item = world.item()
    world.change(7, branch="ML-42")
    world.merged(8, branch="ML-42")
    world.change(9, body="see ML-42")
    world.change(10, state="closed", branch="ML-42")
    assert receivers(world, item) == ["id-of-ML-42", "example/churn/7"]


def test_change_requests_are_told_while_they_are_open() -> None:
    world = World()
    world.item("ML-1")
    assert receivers(world, world.change(7)) == ["example/churn/7"]
    assert receivers(world, world.merged(8)) == ["id-of-ML-1"]
    assert receivers(world, world.merged(8), "neutral") == []


def test_what_concerns_no_ticket_goes_to_the_watch_ticket() -> None:
    world = World(aws=True)
    for subject in (world.version(), world.deployment(), world.dataset(), world.milestone()):
        assert receivers(world, subject, "favourable") == []
        watch = world.item("ML-1", status_category="done", closed_at=NOW - 900 * DAY)
        assert receivers(world, subject, "favourable") == receivers(world, subject) == ["id-of-ML-1"]
        world.drop(watch)


def test_watch_tickets_are_found_in_their_source_whatever_the_case() -> None:
    world = World()
    world.item("ML-1", source="github")
    world.set_project(watch={"jira": "ml-1", "github": "example/churn#5"})
    assert watch_tickets(world.graph(), world.project) == []
    item, issue = world.item("ML-1"), world.item("Example/churn#5", source="github")
    assert watch_tickets(world.graph(), world.project) == [issue.ref, item.ref]


def alarms_about(world: World, version: Entity, *, foreign: frozenset[Ref] = frozenset()) -> list[str]:
    when = {"any": [{"subject": {"alias": "champion"}}]}
    alarm = rule(id="x", when=when, says="{name} is live", **{"for": "model_version"})
    desk = Desk()
    desk.foreign = foreign
    plan = desk.plan(world, world.derive([alarm]).standings, rules=[alarm])
    return [note.text for note in plan.notes if note.kind == "finding"]


def test_an_alert_that_reaches_nobody_is_told() -> None:
    world = World()
    version = world.version()
    assert alarms_about(world, version) == [
        "this alert reaches nobody: churn-classifier v3 is live; the watch ticket under projects.churn.watch (jira: ML-1) is not "
        "among the tickets that its scopes read"
    ]
    world.set_project(watch={})
    assert alarms_about(world, version)[0].endswith("; name a watch ticket under projects.churn.watch")
    world.set_project(watch={"jira": "ML-1"})
    watch = world.item("ML-1")
    assert alarms_about(world, version) == []
    assert alarms_about(world, version, foreign=frozenset({watch.ref})) == [
        "this alert reaches nobody: churn-classifier v3 is live; ML-1 shows what a project before it in the file says; name "
        "another watch ticket under projects.churn.watch"
    ]
    world.change_of(version, aliases=())
    world.set_project(watch={})
    assert alarms_about(world, version) == []


def test_the_shipped_statuses_reach_ticket_and_change_request() -> None:
    world, desk = World(aws=True), Desk()
    item, *_, version = world.whole()
    world.change(12, branch="ML-42-follow-up")
    world.observation(world.deployment(version))
    world.jira_field()
    plan = desk.plan(world, world.derive().standings)
    told = {(one.key, one.slot.kind, one.slot.name): one.after for one in plan.changes}
    assert told[("ML-42", "field", "ML Status")] == "Drift alert"
    assert told[("example/churn#12", "label", "ml/drift-alert")] is True
    assert told[("example/churn#12", "label", "ml/deployed")] is True
    assert told[("example/churn#12", "label", "ml/model-ready")] is True
    assert [one["id"] for one in told[("ML-42", "property", "milepost")]["statuses"]] == ["drift-alert", "deployed", "model-ready"]  # type: ignore[index, call-overload]
    assert len(told) == 5
    assert isinstance(world.entities[item.ref], WorkItem)


def test_a_doubt_is_what_nobody_knows_and_nothing_holds() -> None:
    for truth, state, doubtful in ((None, "off", True), (None, "unknown", True), (None, "on", False), (False, "off", False)):
        one = Shown(rule=shipped()[0], standing=standing("good", truth), state=state)  # type: ignore[arg-type]
        assert one.is_doubtful is doubtful
