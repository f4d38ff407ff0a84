"""Why a change takes away what a slot showed: told of the object that was shown, never of one that was not in question."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from mappings.change import Change, Owned
from mappings.model import Entity
from sync.derive import Episode, Standing
from sync.plan import make_plan
from tests.core.worlds import DAY, Desk, World, rule


class Watch:
    """The watch ticket of three versions, whose aliases are their truths. Episodes are kept as the store keeps them."""

    def __init__(self, kind: str = "alarm", slot: str = "field") -> None:
        self.world, self.desk = World(), Desk()
        self.world.jira_field()
        owned = Owned(field="ML Status") if slot == "field" else Owned(property="milepost")
        self.world.set_project(owned={"jira": owned})
        self.world.item("ML-1")
        self.rules = [
            rule(
                id=name,
                title=name.capitalize(),
                kind=of_kind,
                rank=rank,
                says=f"{{name}} is {name}",
                when={"any": [{"subject": {"alias": name}}]},
                **{"for": "model_version"},
            )
            for name, of_kind, rank in (("bad", kind, 80), ("busy", "neutral", 20))
        ]
        self.last: Sequence[Standing] = ()
        self.episodes: dict[str, Episode] = {}

    def version(self, number: int, *aliases: str) -> Entity:
        return self.world.version(number, aliases=aliases)

    def go(self) -> Sequence[Change]:
        """A day passes, and the plan is made and applied."""
        self.world.pass_time(DAY)
        derived = self.world.derive(self.rules, self.last)
        self.last = derived.standings
        self.episodes |= {one.id: one for one in derived.episodes}
        kept = sorted(self.episodes.values(), key=lambda one: (one.opened_at, one.id))
        remembered = self.desk.remembered(self.world, episodes=kept)
        plan = make_plan(
            self.world.graph(), self.world.project, self.rules, self.last, remembered, now=self.world.now, config_hash="c"
        )
        self.desk.apply(plan, self.world)
        return plan.changes


@pytest.mark.parametrize("shown", [1, 2, 3])
@pytest.mark.parametrize("slot", ["field", "property"])
def test_a_removal_speaks_of_the_object_that_was_shown(slot: str, shown: int) -> None:
    watch = Watch(slot=slot)
    for number in (1, 2, 3):
        watch.version(number, *(["bad"] if number == shown else []))
    watch.go()
    watch.version(shown)
    (removal,) = watch.go()
    assert (removal.action, removal.rules) == ("remove", ("bad",))
    assert removal.reason == f"Bad: no; churn-classifier v{shown} has no alias"
    assert {one["name"] for one in removal.evidence} == {f"churn-classifier v{shown}"}


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
def test_of_several_that_were_shown_the_last_that_ended_is_told(order: tuple[int, int]) -> None:
    watch = Watch()
    for number in (1, 2):
        watch.version(number, "bad")
    watch.go()
    watch.version(order[0])
    assert watch.go() == ()
    watch.version(order[1])
    watch.version(3)
    (removal,) = watch.go()
    assert removal.reason.startswith(f"Bad: no; churn-classifier v{order[1]} ")


def test_what_is_new_and_fine_is_not_the_reason_why_an_alarm_ends() -> None:
    watch = Watch()
    watch.version(2, "bad")
    watch.go()
    watch.version(1)
    watch.version(2)
    (removal,) = watch.go()
    assert removal.reason.startswith("Bad: no; churn-classifier v2 ")


def test_an_alarm_whose_object_is_gone_is_not_said_to_be_over_for_another() -> None:
    watch = Watch()
    watch.version(1)
    gone = watch.version(2, "bad")
    watch.go()
    watch.world.drop(gone)
    (removal,) = watch.go()
    assert (removal.reason, removal.evidence) == ("Bad applies no longer: what it was about is no longer there", ())


def test_good_news_ends_with_what_is_not_good_also_where_that_is_new() -> None:
    watch = Watch("favourable")
    watch.version(2, "bad")
    watch.go()
    watch.version(3)
    (removal,) = watch.go()
    assert removal.reason.startswith("Bad: no; churn-classifier v3 ")


@pytest.mark.parametrize("slot", ["field", "property"])
def test_an_update_tells_why_the_former_value_is_over_and_then_the_new_one(slot: str) -> None:
    watch = Watch(slot=slot)
    watch.version(1, "busy")
    watch.version(2, "bad")
    watch.go()
    watch.version(2)
    (update,) = watch.go()
    assert update.action == "update"
    assert update.reason == "Bad: no; churn-classifier v2 has no alias; churn-classifier v1 is busy"
    assert update.rules == ("busy",)


def test_an_update_to_a_higher_status_says_nothing_of_the_lower_one_that_is_still_true() -> None:
    watch = Watch()
    watch.version(1, "busy")
    watch.go()
    watch.version(2, "bad")
    (update,) = watch.go()
    assert (update.before, update.after, update.reason) == ("Busy", "Bad", "churn-classifier v2 is bad")


def test_an_update_tells_when_no_rule_speaks_of_the_former_value_there_any_longer() -> None:
    watch = Watch()
    watch.version(1, "busy")
    gone = watch.version(2, "bad")
    watch.go()
    watch.world.drop(gone)
    watch.world.drop(watch.version(1))
    watch.rules[0] = watch.rules[0].model_copy(update={"subject": "dataset"})
    watch.version(1, "busy")
    (update,) = watch.go()
    assert update.reason == "Bad applies no longer; churn-classifier v1 is busy"
