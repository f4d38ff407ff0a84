"""Plans against a desk that remembers: adopt, conflict, override, force, contest; each followed by a second, empty plan."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from mappings.change import Owned, Plan, Slot, Value
from mappings.model import WorkItem
from mappings.rules import StatusRule
from tests.core.worlds import DAY, NOW, Desk, World, rule

HOUR = timedelta(hours=1)
RULES = [
    rule(id=name, title=name.capitalize(), kind=kind, rank=rank, when={"any": [{"subject": {"label": name}}]}, says=f"it is {name}")
    for name, kind, rank in (("bad", "alarm", 80), ("worse", "alarm", 90), ("good", "favourable", 50), ("busy", "neutral", 20))
]
LABELS = {f"ml/{one.label}": one.id for one in RULES}


class Office:
    """One ticket whose own labels are its truths, shown in one kind of slot, with a person who may edit that."""

    def __init__(self, kind: str = "field", *, several: bool = False) -> None:
        self.world, self.desk = World(), Desk()
        self.world.jira_field(schema_type="array" if several else "option")
        owned = {
            "field": Owned(field="ML Status", options=tuple(one.title for one in RULES)),
            "label": Owned(labels={label: ("d1242f", label) for label in LABELS}),
            "property": Owned(property="milepost"),
        }[kind]
        self.world.set_project(owned={"jira": owned}, label_rules={"jira": LABELS if kind == "label" else {}})
        self.item: WorkItem = self.world.item()
        self.slot = Slot(self.item.ref, kind, {"field": "ML Status", "label": "ml/bad", "property": "milepost"}[kind])  # type: ignore[arg-type]
        self.last: list[Any] = []
        self.rules: list[StatusRule] = RULES

    def label(self, name: str) -> Slot:
        return Slot(self.item.ref, "label", f"ml/{name}")

    def go(self, *truths: str, known: bool = True, after: timedelta = HOUR, adopt: bool = False) -> Plan:
        """Time passes, the truths are as named, and the plan is made and applied; the next plan must be empty."""
        self.world.pass_time(after)
        self.world.change_of(self.item, labels=truths)
        self.world.set_stream("jira", "issues", failed=None if known else "down")
        self.last = list(self.world.derive(self.rules, self.last).standings)
        plan = self.desk.plan(self.world, self.last, rules=self.rules, adopt=adopt)
        self.desk.apply(plan, self.world)
        again = self.desk.plan(self.world, self.last, rules=self.rules)
        assert (again.changes, again.memories) == ((), ())
        return plan

    def edit(self, value: Value, slot: Slot | None = None) -> None:
        self.desk.edit(slot or self.slot, value)

    @property
    def value(self) -> Value:
        return self.desk.actual.get(self.slot)


def kinds(plan: Plan) -> list[str]:
    return [note.kind for note in plan.notes]


# A first look


def test_an_equal_value_is_adopted_without_a_write() -> None:
    office = Office()
    office.edit("Bad")
    plan = office.go("bad")
    assert plan.changes == ()
    assert [(one.kind, one.value, one.rule) for one in plan.memories] == [("adopted", "Bad", "bad")]
    assert office.desk.pushed[office.slot].episode == office.last[0].episode
    assert office.go().changes[0].before == "Bad"


@pytest.mark.parametrize("kind", ["field", "label"])
def test_another_value_is_a_conflict_until_it_is_adopted(kind: str) -> None:
    office = Office(kind)
    theirs: Value = "Somebody's" if kind == "field" else True
    office.edit(theirs)
    for _ in range(3):
        plan = office.go("good")
        assert "--adopt" in next(note.text for note in plan.notes if note.kind == "conflict")
        assert office.value == theirs
    plan = office.go("good", adopt=True)
    assert [(one.before, one.after) for one in plan.changes if one.slot == office.slot] == [
        (theirs, "Good" if kind == "field" else None)
    ]
    assert kinds(office.go("good")) == []


def test_a_conflict_that_a_person_clears_is_over() -> None:
    office = Office()
    office.edit("Somebody's")
    assert kinds(office.go("good")) == ["conflict"]
    office.edit(None)
    assert office.go("good").changes[0].after == "Good"


def test_a_conflict_that_comes_to_agree_is_ours() -> None:
    office = Office()
    office.edit("Bad")
    assert kinds(office.go("good")) == ["conflict"]
    assert [one.kind for one in office.go("bad").memories] == ["agreed", "adopted"]
    assert office.go("good").changes[0].after == "Good"


def test_our_own_value_follows_the_truth() -> None:
    office = Office()
    steps: list[tuple[tuple[str, ...], str, Value]] = [
        (("good",), "add", "Good"),
        (("good", "bad"), "update", "Bad"),
        (("good", "bad", "worse"), "update", "Worse"),
        ((), "remove", None),
    ]
    for truths, action, value in steps:
        (change,) = office.go(*truths).changes
        assert (change.action, change.after, office.value, change.forced) == (action, value, value, False)
        assert change.key == "ML-42" and change.container == "ML" and change.project == "churn"
        assert change.reason
    assert office.go().changes == ()


# Overrides


@pytest.mark.parametrize("mine", ["Looked into it", "Busy", None])
def test_a_persons_change_of_an_alarm_is_kept_until_its_episode_ends(mine: Value) -> None:
    office = Office()
    office.go("bad")
    office.edit(mine)
    plan = office.go("bad")
    assert (plan.changes, kinds(plan), office.value) == ((), ["override"], mine)
    assert [one.kind for one in plan.memories] == ["override"]
    assert kinds(office.go("bad")) == ["override"]
    assert kinds(office.go("bad", known=False)) == ["override"]
    plan = office.go("good")
    assert office.value == "Good"
    assert [one.kind for one in plan.memories] == ["agreed"]


def test_an_override_of_a_label_ends_with_its_episode_even_if_the_next_follows_at_once() -> None:
    office = Office("label")
    office.go("bad")
    office.edit(None)
    assert kinds(office.go("bad")) == ["override"]
    office.go()
    assert office.desk.held == {}
    assert office.go("bad").changes[0].after is True


def test_an_override_ends_when_it_agrees() -> None:
    office = Office()
    office.go("bad")
    office.edit("Worse")
    assert kinds(office.go("bad")) == ["override"]
    plan = office.go("bad", "worse")
    assert (plan.changes, [one.kind for one in plan.memories]) == ((), ["agreed", "adopted"])
    assert office.go("bad").changes[0].after == "Bad"


def test_an_override_that_a_person_takes_back_is_over() -> None:
    office = Office()
    office.go("bad")
    office.edit("Mine")
    office.go("bad", "worse")
    office.edit("Bad")
    assert office.go("bad", "worse").changes[0].after == "Worse"
    assert office.desk.held == {}


def test_an_override_that_changes_is_told_anew() -> None:
    office = Office()
    office.go("bad")
    for mine in ("Mine", "Mine again"):
        office.edit(mine)
        plan = office.go("bad")
        assert (plan.changes, [one.value for one in plan.memories]) == ((), [mine])


def test_an_override_whose_episode_had_ended_when_it_was_seen_is_written_over() -> None:
    office = Office()
    office.go("bad")
    office.edit("Mine")
    plan = office.go("good")
    assert (office.value, plan.changes[0].forced) == ("Good", False)


def test_an_alarm_that_a_person_sets_where_there_is_none_is_kept() -> None:
    office = Office("label")
    office.go()
    office.edit(True)
    assert kinds(office.go()) == ["override"]
    assert [one.kind for one in office.go("bad").memories] == ["agreed", "adopted"]
    assert office.go().changes[0].after is None


def test_a_rule_may_refuse_overrides_of_its_alarm() -> None:
    office = Office()
    office.rules = [one.model_copy(update={"override": "never"}) for one in RULES]
    office.go("bad")
    office.edit("Mine")
    (change,) = office.go("bad").changes
    assert (change.after, change.forced) == ("Bad", True)


# What cannot be forced by hand


def test_a_favourable_status_that_a_person_sets_is_taken_back() -> None:
    for before in ((), ("bad",)):
        office = Office()
        office.go(*before)
        office.edit("Good")
        (change,) = office.go(*before).changes
        assert (change.before, change.after, change.forced) == ("Good", "Bad" if before else None, True)


@pytest.mark.parametrize("spelt", ["good", "GOOD", " Good ", "\uff27ood", "-good-"])
def test_a_favourable_status_cannot_be_set_by_another_spelling(spelt: str) -> None:
    for overridden in (False, True):
        office = Office()
        office.go("bad")
        if overridden:
            office.edit("Mine")
            office.go("bad")
        office.edit(spelt)
        (change,) = office.go("bad").changes
        assert (change.before, change.after, change.forced) == (spelt, "Bad", True)


def test_a_favourable_label_that_a_person_sets_or_takes_away_is_put_right() -> None:
    office = Office("label")
    office.go()
    good = office.label("good")
    office.edit(True, good)
    assert [(one.after, one.forced) for one in office.go().changes] == [(None, True)]
    office.go("good")
    office.edit(None, good)
    assert [(one.after, one.forced) for one in office.go("good").changes] == [(True, True)]


def test_a_favourable_status_cannot_be_forced_under_cover_of_an_override() -> None:
    office = Office()
    office.go("bad")
    office.edit("Mine")
    assert kinds(office.go("bad")) == ["override"]
    office.edit("Good")
    (change,) = office.go("bad").changes
    assert (change.before, change.after, change.forced) == ("Good", "Bad", True)
    assert office.desk.held == {}


def test_after_two_forced_rewrites_within_a_day_a_slot_is_contested_and_left_alone() -> None:
    office = Office()
    office.go()
    for _ in range(2):
        office.edit("Good")
        assert len(office.go().changes) == 1
    office.edit("Good")
    plan = office.go()
    assert (plan.changes, kinds(plan), [one.kind for one in plan.memories]) == ((), ["contested"], ["contested"])
    for truths in ((), ("good",), ("bad",)):
        plan = office.go(*truths, after=2 * DAY)
        assert (plan.changes, kinds(plan), office.value) == ((), ["contested"], "Good")


def test_forced_rewrites_of_different_days_are_no_contest() -> None:
    office = Office()
    office.go()
    for _ in range(4):
        office.edit("Good")
        assert office.go(after=13 * HOUR).changes[0].forced


def test_nobody_edits_the_property() -> None:
    office = Office("property")
    office.go("bad")
    ours = office.value
    office.edit({"version": 1, "statuses": "nonsense"})
    (change,) = office.go("bad").changes
    assert (change.after, change.forced) == (ours, True)


# Fields of several values


def test_several_values_show_every_status() -> None:
    office = Office(several=True)
    assert office.go("bad", "good").changes[0].after == ["Bad", "Good"]
    assert office.go("good").changes[0].after == ["Good"]
    assert office.go().changes[0].after is None


def test_an_alarm_taken_from_several_values_stays_away_until_its_episode_ends() -> None:
    office = Office(several=True)
    office.go("bad", "good")
    office.edit(["Good"])
    assert kinds(office.go("bad", "good")) == ["override"]
    assert office.value == ["Good"]
    office.go("good")
    assert (office.value, office.desk.held) == (["Good"], {})


def test_a_kept_override_never_keeps_a_favourable_status_that_has_ceased_to_be_true() -> None:
    office = Office(several=True)
    office.go("bad", "good")
    office.edit(["Good"])
    office.go("bad", "good")
    assert office.go("bad").changes[0].after == ["Bad"]


def test_a_favourable_status_added_to_several_values_is_taken_back() -> None:
    office = Office(several=True)
    office.go("bad")
    office.edit(["Bad", "Good"])
    (change,) = office.go("bad").changes
    assert (change.after, change.forced) == (["Bad"], True)


def test_a_strange_value_added_to_several_is_kept() -> None:
    office = Office(several=True)
    office.go("bad")
    office.edit(["Bad", "Mine"])
    assert kinds(office.go("bad")) == ["override"]
    assert office.value == ["Bad", "Mine"]


def test_a_person_who_took_away_what_has_ended_since_meant_nothing_more() -> None:
    office = Office(several=True)
    office.go("bad", "worse")
    office.edit(["Worse"])
    plan = office.go("worse", "busy")
    assert (plan.changes[0].after, plan.changes[0].forced) == (["Busy", "Worse"], False)


# Unknown


def test_unknown_holds_what_shows_and_brings_nothing_new() -> None:
    office = Office()
    office.go("good")
    assert office.go("good", known=False).changes == ()
    assert office.go("good", known=False, after=22 * HOUR).changes == ()
    (change,) = office.go("good", known=False, after=2 * HOUR).changes
    assert (change.before, change.after) == ("Good", "Unknown")
    assert "not known" in change.reason
    assert office.go("good").changes[0].after == "Good"


def test_alarms_stay_however_long_nobody_knows() -> None:
    office = Office()
    office.go("bad", "good")
    assert office.go("bad", "good", known=False, after=90 * DAY).changes == ()
    assert office.value == "Bad"


@pytest.mark.parametrize("several", [True, False])
@pytest.mark.parametrize("kind", ["field", "label", "property"])
def test_a_favourable_status_never_appears_while_it_is_only_held(kind: str, several: bool) -> None:
    office = Office(kind, several=several)
    office.world.change_of(office.item, labels=("good",))
    office.last = list(office.world.derive(RULES, ()).standings)
    assert office.last and {one.truth for one in office.last if one.rule == "good"} == {True}
    assert office.go("good", known=False).changes == ()
    assert office.desk.actual == {}


def test_a_favourable_label_that_a_person_removes_is_not_put_back_while_unknown() -> None:
    office = Office("label")
    office.go("good")
    office.edit(None, office.label("good"))
    assert office.go("good", known=False).changes == ()
    assert office.label("good") not in office.desk.actual


# Slots and targets that are not to be written


def test_a_target_that_cannot_be_edited_is_skipped_and_nothing_forgotten() -> None:
    office = Office()
    office.go("bad")
    office.edit("Mine")
    office.go("bad")
    office.world.change_of(office.item, editable=False)
    for _ in range(2):
        plan = office.go("good")
        assert (plan.changes, plan.memories, kinds(plan)) == ((), (), ["skipped"])
    assert office.value == "Mine"


def test_targets_of_an_earlier_project_are_left_to_it() -> None:
    office = Office()
    office.desk.foreign = frozenset({office.item.ref})
    office.desk.actual[Slot(office.item.ref, "field", "ML Status")] = "Bad"
    plan = office.go("bad")
    assert (plan.changes, plan.notes, plan.memories) == ((), (), ())


def test_an_alarm_that_the_earlier_project_does_not_show_reaches_nobody() -> None:
    office = Office()
    office.desk.foreign = frozenset({office.item.ref})
    plan = office.go("bad")
    assert (plan.changes, plan.memories) == ((), ())
    assert [note.text.partition(":")[0] for note in plan.notes] == ["this alert reaches nobody"]


def test_what_a_lost_target_shows_is_held() -> None:
    office = Office()
    office.go("bad")
    office.world.missing = {office.item.ref}
    assert office.go().changes == ()


def test_what_left_the_scopes_is_cleared_as_long_as_it_exists() -> None:
    office = Office()
    office.go("bad")
    office.world.drop(office.item)
    plan = office.desk.plan(office.world, [], rules=RULES)
    assert plan.changes == ()
    office.desk.strays = {office.item.ref: office.item}
    (change,) = office.desk.plan(office.world, [], rules=RULES).changes
    assert (change.action, change.before, change.after) == ("remove", "Bad", None)


def test_a_label_that_the_project_file_no_longer_names_is_told_and_not_touched() -> None:
    office = Office("label")
    office.go("bad")
    rest = {label: rule for label, rule in LABELS.items() if rule != "bad"}
    owned = Owned(labels={label: ("d1242f", label) for label in rest})
    office.world.set_project(owned={"jira": owned}, label_rules={"jira": rest})
    plan = office.go()
    assert (plan.changes, kinds(plan)) == ((), ["skipped"])
    assert "milepost unpublish" in plan.notes[0].text


def test_a_label_that_only_resembles_ours_is_not_ours() -> None:
    office = Office("label")
    strange = Slot(office.item.ref, "label", "ml/elsewhere")
    office.edit(True, strange)
    plan = office.go("bad")
    assert [one.slot.name for one in plan.changes] == ["ml/bad"]
    assert strange in office.desk.actual


# The plan itself


def test_a_change_tells_its_rules_evidence_and_episode() -> None:
    office = Office()
    (change,) = office.go("bad").changes
    assert change.rules == ("bad",)
    assert change.reason == "it is bad"
    assert change.episode == next(one.episode for one in office.last if one.rule == "bad")
    assert [one["fact"] for one in change.evidence] == ["label"]
    assert msgspec.json.decode(msgspec.json.encode(change.evidence)) == list(change.evidence)
    again = Office().go("bad").changes[0]
    assert change.id == again.id


@pytest.mark.parametrize("kind", ["field", "label", "property"])
def test_a_removal_tells_of_what_it_takes_away_alone(kind: str) -> None:
    office = Office(kind)
    office.go("bad")
    (change,) = office.go().changes
    assert (change.action, change.rules) == ("remove", ("bad",))
    assert change.reason == "Bad: no; ML-42 has no label"


def test_a_removal_of_what_no_rule_speaks_of_any_longer_names_it() -> None:
    office = Office()
    office.go("busy")
    office.rules = [one for one in RULES if one.id != "busy"]
    (change,) = office.go().changes
    assert (change.rules, change.reason) == ((), "Busy applies no longer")


@pytest.mark.parametrize("kind", ["field", "label", "property"])
def test_a_removal_from_a_former_watch_ticket_says_who_receives_it_no_longer(kind: str) -> None:
    office = Office(kind)
    alarm = rule(
        id="bad", title="Bad", kind="alarm", rank=80, when={"any": [{"subject": {"alias": "champion"}}]}, **{"for": "model_version"}
    )
    office.rules = [alarm]
    office.world.version()
    office.world.item("ML-43")
    office.world.set_project(watch={"jira": "ML-42"})
    office.go()
    office.world.set_project(watch={"jira": "ML-43"})
    removal, addition = sorted(office.go().changes, key=lambda one: one.key)
    assert (removal.key, removal.action, removal.reason) == ("ML-42", "remove", "ML-42 no longer receives Bad")
    assert (addition.key, addition.action) == ("ML-43", "add")


def test_a_removal_from_a_ticket_that_was_closed_long_ago_or_left_the_scopes_says_so() -> None:
    office = Office()
    office.go("good")
    office.world.change_of(office.item, status_category="done", closed_at=NOW - 90 * DAY, labels=("good",))
    standings = office.world.derive(RULES, office.last).standings
    (change,) = office.desk.plan(office.world, standings, rules=RULES).changes
    assert change.reason == "ML-42 was closed more than 30 days ago"
    office.world.drop(office.item)
    office.desk.strays = {office.item.ref: office.item}
    (change,) = office.desk.plan(office.world, office.world.derive(RULES).standings, rules=RULES).changes
    assert change.reason == "ML-42 is no longer in the project's scopes"


@pytest.mark.parametrize(("truths", "after"), [((), None), (("bad",), "Bad")])
def test_what_adoption_takes_from_a_person_says_so(truths: tuple[str, ...], after: Value) -> None:
    office = Office()
    office.edit("Good")
    office.go(*truths)
    (change,) = office.go(*truths, adopt=True).changes
    assert (change.before, change.after) == ("Good", after)
    assert "taken over by --adopt" in change.reason
    assert "a person's value" in change.reason
    assert "applies no longer" not in change.reason


def test_a_hand_set_favourable_value_that_the_facts_deny_says_so() -> None:
    office = Office()
    office.edit("Good")
    (note,) = office.go().notes
    assert note.kind == "conflict"
    assert "the facts do not support" in note.text
    office = Office()
    office.edit("Good")
    (note,) = office.go("bad").notes
    assert "the facts do not support" not in note.text


def test_a_property_counts_for_safety_only_where_nothing_else_shows_it() -> None:
    counted: Mapping[str | None, tuple[bool, int]] = {None: (True, 1), "ML Status": (False, 1)}
    for field, expected in counted.items():
        office = Office("property")
        office.world.set_project(owned={"jira": Owned(property="milepost", field=field)})
        first = office.go("bad")
        assert [one.counts for one in first.changes if one.slot.kind == "property"] == [expected[0]]
        assert office.go("bad").published == expected[1]


def test_a_property_that_keeps_its_statuses_does_not_count() -> None:
    office = Office("property")
    office.go("bad")
    office.rules = [one.model_copy(update={"says": "it is still so"}) for one in RULES]
    (change,) = office.go("bad").changes
    assert (change.action, change.counts) == ("update", False)
    assert office.go("bad", "worse").changes[0].counts


def test_a_plan_says_what_it_rests_on() -> None:
    office = Office()
    first, second, third = office.go("bad"), office.go("bad"), office.go()
    assert first.verdict_hash == second.verdict_hash != third.verdict_hash
    assert (first.project, first.made_at, first.config_hash) == ("churn", NOW + HOUR, "c")
    assert second.is_empty and not third.is_empty
