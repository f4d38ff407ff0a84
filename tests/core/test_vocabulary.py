"""The words that rules are written in: what is accepted, what is refused and why, and that every word has a fact behind it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from mappings.conditions import Bound, format_duration, matches, parse_duration
from mappings.model import ChangeRequest, Commit, Dataset, Deployment, Entity, Milestone, ModelVersion, Run, WorkItem
from mappings.patterns import PATTERNS
from mappings.rules import Item, VocabularyError
from mappings.ruleset import in_order, lint
from sync.facts import FACTS
from tests.core.worlds import rule, shipped

ENTITIES: Mapping[str, type[Entity]] = {
    "work_item": WorkItem,
    "change_request": ChangeRequest,
    "commit": Commit,
    "run": Run,
    "dataset": Dataset,
    "model_version": ModelVersion,
    "deployment": Deployment,
    "milestone": Milestone,
}
OPEN = {"any": [{"work_item": {"open": True}}]}


def test_every_word_of_a_pattern_has_a_fact_and_every_fact_a_word() -> None:
    assert PATTERNS.keys() == ENTITIES.keys()
    assert {kind: set(pattern.model_fields) for kind, pattern in PATTERNS.items()} == {
        kind: set(FACTS[entity]) for kind, entity in ENTITIES.items()
    }


def test_the_shipped_rules_are_sound_and_in_order() -> None:
    rules = shipped()
    assert lint(rules) == []
    assert [one.id for one in in_order(rules)] == ["data-blocked", "model-ready", *(one.id for one in rules[2:])]
    assert {one.id for one in rules if not one.keeps_overrides} == {"model-ready", "deployed"}
    assert {one.id for one in rules if one.kind == "favourable"} == {"model-ready", "deployed"}
    assert min(one.rank for one in rules if one.kind == "alarm") > max(one.rank for one in rules if one.kind != "alarm")
    assert len({one.rank for one in rules}) == len(rules)


@pytest.mark.parametrize(
    ("when", "complaint"),
    [
        ({}, "an empty item says nothing"),
        ({"any": None}, "any: has no value"),
        ({"any": []}, "at least 1 item"),
        ({"any": [{}]}, "an empty item says nothing"),
        ({"any": [{"model_version": None}]}, "model_version: has no value"),
        ({"any": [{"model_version": {"released": None}}]}, "released: has no value"),
        ({"any": [{"model_version": {"relesed": True}}]}, "Extra inputs are not permitted"),
        ({"any": [{"pull_request": {}}]}, "Extra inputs are not permitted"),
        ({"any": [{"run": {}, "dataset": {}}]}, "one item holds one pattern, not 2"),
        ({"any": [{"run": {}, "any": [{"run": {}}]}]}, "a pattern or a block, not both"),
        ({"any": [{"run": {"status": "finish"}}]}, "'finish' is none of running, scheduled, finished"),
        ({"any": [{"observation.drift": {"outcome": ["failed", "bad"]}}]}, "'bad' is none of passed, failed"),
        ({"any": [{"observation.drift": {"within": "7 days"}}]}, "is no duration"),
        ({"any": [{"observation.drift": {"within": "0d"}}]}, "is no duration"),
        ({"any": [{"run": {"age": {}}}]}, "give within or older_than"),
        ({"any": [{"run": {"age": {"within": "1d", "older_than": "2d"}}}]}, "give within or older_than"),
        ({"any": [{"run": {"framework": []}}]}, "write a text or a list of texts"),
        ({"any": [{"run": {"framework": [""]}}]}, "write a text or a list of texts"),
        ({"any": [{"status": {}}]}, "Field required"),
        ({"any": [{"status": {"id": "a-rule"}}]}, "a rule cannot rest on itself"),
        ({"any": [{"subject": {"wrong": True}}]}, "is no fact of a work_item"),
        ({"work_item": {"open": True}}, "when: starts with any, all or none"),
    ],
)  # fmt: skip
def test_a_condition_that_says_nothing_or_nonsense_is_refused(when: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError) as caught:
        rule(when=when)
    assert complaint in str(caught.value)


@pytest.mark.parametrize(
    ("facts", "complaint"),
    [
        ({"says": "{nobody} knows"}, "says: has no {nobody}; the placeholders are dataset, deployment"),
        ({"kind": "favourable", "override": "until-episode-ends"}, "a favourable status cannot be forced by hand"),
        ({"id": "Drift Alert"}, "String should match pattern"),
        ({"via": ["belongs_to"]}, "via"),
        ({"color": "red"}, "color"),
        ({"color": None}, "color: has no value"),
        ({"open_after": 0}, "open_after"),
        ({"for": "project", "when": {"any": [{"subject": {"open": True}}]}}, "a project has no facts of its own"),
        ({"for": "team"}, "for"),
    ],
)
def test_a_rule_that_contradicts_itself_is_refused(facts: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError) as caught:
        rule(**({"when": OPEN, "via": ["blocks"]} | facts))
    assert complaint in str(caught.value)


def test_a_bound_needs_a_finite_limit() -> None:
    for limits in ({}, {"gte": None}, {"lte": math.nan}, {"lt": math.inf}):
        with pytest.raises(ValidationError):
            Bound.model_validate(limits)
    assert str(Bound(gte=0.5, lt=1)) == "≥ 0.5 and < 1"


@given(st.floats(allow_nan=True), st.floats(allow_nan=False, allow_infinity=False))
def test_nothing_but_a_number_within_the_limits_holds(value: float, limit: float) -> None:
    assert Bound(gte=limit).holds(value) == (value >= limit)
    assert Bound(gt=limit, lte=limit).holds(value) is False
    assert Bound(gte=limit).holds(math.nan) is False
    assert Bound(lt=limit).holds(math.nan) is False


@given(st.integers(1, 999_999), st.sampled_from("smhdw"))
def test_durations_read_back_as_they_were(count: int, unit: str) -> None:
    try:
        duration = parse_duration(f"{count}{unit}")
    except ValueError as error:
        assert "is too long: at most 36500d" in str(error)
        return
    assert duration > timedelta()
    assert parse_duration(format_duration(duration)) == duration


@pytest.mark.parametrize("text", ["", "d", "-1d", "1.5h", "1y", " 1d", "1d ", "1000000d", 7, None, True])
def test_what_is_no_duration_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="is no duration"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("value", "glob", "expected"),
    [
        ("Data", "data", True),
        ("database", "data", False),
        ("data/quality", "data*", True),
        ("data", "dat?", True),
        ("dat", "dat?", False),
        ("[ml]", "[ml]", True),
        ("m", "[ml]", False),
        ("a.b", "a.b", True),
        ("axb", "a.b", False),
        ("line\nbreak", "line*break", True),
        ("", "*", True),
    ],
)
def test_globs_know_two_signs_and_no_case(value: str, glob: str, expected: bool) -> None:
    assert matches(value, [glob]) is expected


@given(st.text(max_size=30))
def test_a_text_without_the_two_signs_matches_itself(text: str) -> None:
    literal = text.replace("*", "").replace("?", "")
    assert matches(literal, [literal])
    assert not matches(literal + "x", [literal])


def test_a_long_glob_ends_soon() -> None:
    assert not matches("a" * 2000, ["*a" * 30 + "b"])


def test_leaves_are_found_at_any_depth() -> None:
    item = Item.model_validate({"any": [{"run": {}}, {"all": [{"dataset": {}}], "none": [{"any": [{"commit": {}}]}]}]})
    assert [name for name, _ in item.patterns] == ["run", "dataset", "commit"]


def test_rules_that_rest_on_each_other_in_a_circle_are_told() -> None:
    one, two, three = (
        rule(id=name, when={"none": [{"status": {"id": other}}]})
        for name, other in (("one", "two"), ("two", "three"), ("three", "one"))
    )
    assert lint([one, two, three]) == ["the rules one → two → three → one rest on each other in a circle"]
    with pytest.raises(VocabularyError):
        in_order([one, two, three])


def test_a_rule_that_rests_on_none_is_told() -> None:
    assert lint([rule(id="one", when={"any": [{"status": {"id": "two"}}]})]) == [
        "rule one rests on two, which is no rule; there are one"
    ]


def test_a_long_chain_of_rules_is_put_in_order() -> None:
    chain = [rule(id="r0", when=OPEN, via=["blocks"])]
    chain += [rule(id=f"r{number}", when={"any": [{"status": {"id": f"r{number - 1}"}}]}) for number in range(1, 60)]
    assert [one.id for one in in_order(chain[::-1])] == [one.id for one in chain]


def test_what_would_look_the_same_is_told() -> None:
    rules = [
        rule(id="one", when=OPEN, via=["blocks"], label="Drift", title="Drift"),
        rule(id="two", when=OPEN, via=["blocks"], label="drift", title="DRIFT"),
        rule(id="two", when=OPEN, via=["blocks"], label="x", title="Unknown"),
        rule(id="four", when=OPEN, label="y", title="Four"),
    ]
    assert lint(rules) == [
        "rule two: its title 'Unknown' is what fields show while nothing is known; choose another",
        "rule four: it looks at work_item but has no via, so it never reaches one",
        "rule two: its id 'two' is also that of rule two",
        "rule two: its label 'drift' is also that of rule one",
        "rule two: its title 'DRIFT' is also that of rule one",
    ]


def test_badges_fit_where_labels_are_made() -> None:
    badge = rule(when=OPEN, description="x" * 150 + "\nmore", kind="neutral").badge()
    assert len(badge.description) == 100
    assert badge.description.endswith("…")
    assert badge.color == "8c959f"
    assert rule(when=OPEN, title="As it is", color="00ff00").badge().description == "As it is"
