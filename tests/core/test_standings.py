"""Standings over time: since when, unknown since when, episodes, and the sentence."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest

from mappings.model import Entity
from mappings.rules import StatusRule
from sync.derive import Derived, Standing, rule_version, shown
from tests.core.worlds import DAY, NOW, World, rule

HOUR = timedelta(hours=1)
BAD = rule(id="bad", title="Bad", when={"any": [{"work_item": {"label": "bad"}}]}, via=["blocks"], says="{subject}: {reason}")
GOOD = rule(id="good", title="Good", when={"any": [{"work_item": {"label": "good"}}]}, via=["blocks"], kind="favourable")


class Story:
    """One ticket with one blocker, judged again and again as time passes."""

    def __init__(self) -> None:
        self.world = World()
        self.blocker = self.world.item("DATA-1")
        self.item = self.world.item("ML-42", blocked_by=(self.blocker.ref,))
        self.last = Derived(standings=(), episodes=())

    def go(self, *labels: str, after: timedelta = HOUR, known: bool = True, rules: Sequence[StatusRule] = (BAD, GOOD)) -> Derived:
        self.world.pass_time(after)
        self.world.change_of(self.blocker, labels=labels)
        self.world.set_stream("jira", "issues", failed=None if known else "down")
        self.last = self.world.derive(rules, self.last.standings)
        return self.last

    def standing(self, rule_id: str = "bad") -> Standing:
        return next(one for one in self.last.standings if (one.rule, one.subject) == (rule_id, self.item.ref))


def test_a_truth_is_since_it_began() -> None:
    story = Story()
    story.go("bad")
    began = story.standing()
    assert (began.truth, began.since, began.opened_at) == (True, NOW + HOUR, NOW + HOUR)
    story.go("bad")
    assert story.standing().since == began.since
    story.go()
    assert (story.standing().truth, story.standing().since, story.standing().opened_at) == (False, NOW + 3 * HOUR, None)


def test_an_episode_opens_once_lives_through_unknown_times_and_closes() -> None:
    story = Story()
    opened = list(story.go("bad").episodes)
    assert [(one.rule, one.opened_at, one.closed_at) for one in opened] == [("bad", NOW + HOUR, None)]
    assert story.go("bad").episodes == []
    assert story.go("bad", known=False).episodes == []
    assert (story.standing().truth, story.standing().known, story.standing().episode) == (None, True, opened[0].id)
    assert story.go("bad").episodes == []
    assert (story.standing().opened_at, story.standing().since) == (NOW + HOUR, NOW + 4 * HOUR)
    closed = story.go().episodes
    assert [(one.id, one.opened_at, one.closed_at) for one in closed] == [(opened[0].id, NOW + HOUR, NOW + 5 * HOUR)]
    again = story.go("bad").episodes
    assert [one.closed_at for one in again] == [None]
    assert again[0].id != opened[0].id


def test_an_episode_closes_when_the_rule_no_longer_applies_or_is_gone() -> None:
    for rules, blocked in (((GOOD,), True), ((BAD, GOOD), False)):
        story = Story()
        story.go("bad")
        if not blocked:
            story.world.change_of(story.item, blocked_by=())
        assert [one.closed_at for one in story.go("bad", rules=rules).episodes] == [NOW + 2 * HOUR]
        assert [one for one in story.last.standings if one.rule == "bad"] == []


def test_what_never_was_true_opens_no_episode() -> None:
    story = Story()
    assert story.go("bad", known=False).episodes == []
    assert (story.standing().truth, story.standing().known, story.standing().episode) == (None, None, None)


def test_unknown_is_counted_from_when_it_ceased_to_be_known() -> None:
    story = Story()
    story.go("good")
    story.go("good", known=False)
    story.go("good", known=False, after=5 * HOUR)
    assert story.standing("good").unknown_since == NOW + 2 * HOUR
    assert story.standing("good").recheck_at == NOW + 26 * HOUR
    story.go("good")
    assert story.standing("good").unknown_since is None


@pytest.mark.parametrize(
    ("of", "labels", "hours", "expected"),
    [
        ("bad", ("bad",), 23, "on"),
        ("bad", ("bad",), 24, "on"),
        ("bad", ("bad",), 2400, "on"),
        ("good", ("good",), 23, "on"),
        ("good", ("good",), 24, "unknown"),
        ("bad", (), 1, "off"),
        ("good", (), 100, "off"),
    ],
)
def test_unknown_holds_for_a_day_then_favourable_is_withdrawn_and_alarms_stay(
    of: str, labels: tuple[str, ...], hours: int, expected: str
) -> None:
    story = Story()
    story.go(*labels)
    story.go(*labels, known=False)
    story.go(*labels, known=False, after=hours * HOUR)
    rules = {"bad": BAD, "good": GOOD}
    assert shown(story.standing(of), rules[of], now=story.world.now, unknown_after=DAY) == expected


def test_unknown_since_a_time_that_lies_ahead_counts_from_now_on() -> None:
    story = Story()
    story.go("good")
    story.go("good", known=False, after=3650 * DAY)
    story.go("good", known=False, after=-3650 * DAY)
    assert story.standing("good").unknown_since == NOW + HOUR
    story.go("good", known=False, after=23 * HOUR)
    assert shown(story.standing("good"), GOOD, now=story.world.now, unknown_after=DAY) == "on"
    story.go("good", known=False)
    assert shown(story.standing("good"), GOOD, now=story.world.now, unknown_after=DAY) == "unknown"


def test_nothing_is_true_since_a_time_that_lies_ahead() -> None:
    story = Story()
    (opened,) = story.go("bad", after=3650 * DAY).episodes
    assert story.go("bad", after=-3649 * DAY).episodes == []
    began = story.standing()
    assert (began.since, began.opened_at, began.episode) == (story.world.now, story.world.now, opened.id)
    story.go("bad")
    assert (story.standing().since, story.standing().opened_at) == (began.since, began.opened_at)


def test_an_episode_that_opened_at_a_time_that_lies_ahead_closes_no_earlier_than_it_opened() -> None:
    story = Story()
    (opened,) = story.go("bad", after=3650 * DAY).episodes
    (closed,) = story.go(after=-3649 * DAY).episodes
    assert (closed.id, closed.opened_at, closed.closed_at) == (opened.id, story.world.now, story.world.now)


def test_deriving_again_at_once_changes_nothing() -> None:
    story = Story()
    first = story.go("bad")
    second = story.go("bad", after=timedelta())
    assert second.standings == first.standings
    assert second.episodes == []


def test_a_rules_version_changes_with_its_meaning() -> None:
    assert rule_version(BAD) != rule_version(GOOD)
    assert rule_version(BAD) == rule_version(BAD.model_copy())
    assert len(rule_version(BAD)) == 12


def sentence(says: str, entity: Entity, world: World, **facts: object) -> str:
    standing = world.standing(rule(says=says, **facts), entity)
    assert standing is not None
    return standing.says


def test_a_sentence_is_filled_once_whatever_names_hold() -> None:
    world = World()
    blocker = world.item("DATA-1", labels=("{value} {subject}",))
    item = world.item("ML-42", blocked_by=(blocker.ref,))
    says = "{subject} {name} {reason} {fact} {value} {threshold} {since} {deployment}"
    said = sentence(says, item, world, when={"any": [{"work_item": {"label": "*"}}]}, via=["blocks"])
    assert said == "ML-42 DATA-1 DATA-1 has the label {value} {subject} label {value} {subject} — 2026-11-02 DATA-1"


def test_a_sentence_names_things_by_their_kind() -> None:
    world = World(aws=True)
    item, _, _, version = world.whole()
    world.deployment(version)
    every = [{"model_version": {"released": True}}, {"dataset": {"current": True}}, {"deployment": {"serving": True}}]
    via = ["implements", "built_from", "trained_on", "registered_from", "deploys"]
    said = sentence("{model} on {dataset} at {deployment}", item, world, when={"all": every}, via=via)
    assert said == "churn-classifier v3 on dataset customers (d7) at endpoint churn-prod"


def test_evidence_is_bounded_and_stable() -> None:
    world = World()
    blockers = [world.item(f"DATA-{number}", labels=("bad",)) for number in range(1, 40)]
    item = world.item("ML-42", blocked_by=tuple(one.ref for one in reversed(blockers)))
    first, second = (world.standing(BAD, item) for _ in range(2))
    assert first is not None
    assert first == second
    assert len(first.evidence) == 12
