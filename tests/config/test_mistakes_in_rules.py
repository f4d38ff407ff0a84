"""A mistake inside a rule's `when` is told once, at its own line."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from config.problems import Problem

Problems = Callable[[str], list[Problem]]

RULE = """\
statuses:
  - id: mine
    title: Mine
    kind: alarm
    rank: 5
    says: it is so
    for: work_item
    via: [blocks]
    label: mine
    when:
"""

MISTAKES = [
    ("any:\n  - work_item: {opne: true}\n", [(2, "any[0].work_item.opne", "unknown key")]),
    ("any:\n  - work_item: {open: maybe}\n", [(2, "any[0].work_item.open", "expected true or false")]),
    ("any:\n  - work_itm: {open: true}\n", [(2, "any[0].work_itm", "unknown key")]),
    ("any:\n  - work_item:\n", [(2, "any[0]", "work_item: has no value")]),
    ("any:\n  - {}\n", [(2, "any[0]", "an empty item says nothing")]),
    ("all: []\n", [(1, "all", "needs at least 1, found 0")]),
    (
        "any:\n  - work_item: {open: true}\nall:\n  - any:\n      - run: {statuss: x}\n      - a text\n",
        [(5, "all[0].any[0].run.statuss", "unknown key"), (6, "all[0].any[1]", "expected a mapping")],
    ),
    ("any:\n  - subject: {opne: true}\n", [(2, "any[0].subject.opne", "is no fact of a work_item; there are about_data")]),
    (
        "any:\n  - subject: {open: maybe}\n  - none:\n      - subject: {overdue: perhaps}\n",
        [(2, "any[0].subject.open", "expected true or false"), (4, "any[1].none[0].subject.overdue", "expected true or false")],
    ),
    ("any:\n  - subject: {status_category: dne}\n", [(2, "any[0].subject.status_category", "'dne' is none of todo")]),
]


@pytest.mark.parametrize(("when", "expected"), MISTAKES)
def test_one_error_a_mistake_at_its_line(problems: Problems, small: str, when: str, expected: list[tuple[int, str, str]]) -> None:
    before = small + RULE
    text = before + "".join(f"      {line}\n" for line in when.splitlines())
    first = before.count("\n")

    found = problems(text)

    assert [(one.line, one.path) for one in found] == [(first + line, f"statuses[0].when.{path}") for line, path, _ in expected]
    assert [said for one, (_, _, said) in zip(found, expected, strict=True) if said not in one.message] == []


def test_a_subject_without_facts_of_its_own_is_told_at_its_line(problems: Problems, small: str) -> None:
    text = small + RULE.replace("for: work_item", "for: project") + "      any:\n        - subject: {open: true}\n"

    (found,) = problems(text)

    assert (found.line, found.path) == (text.count("\n"), "statuses[0].when.any[0].subject")
    assert found.message == "subject: a project has no facts of its own"
