"""Things said twice: sources, scopes, and projects that hold the same."""

from __future__ import annotations

import re
from collections.abc import Callable
from fnmatch import fnmatchcase

from hypothesis import given
from hypothesis import strategies as st

from config.globs import overlap
from config.problems import Problem

Problems = Callable[[str], list[Problem]]

SOURCES = """\
sources:
  jira: {type: jira, url: "https://example.atlassian.net"}
  github: {type: github}
  mlflow: {type: mlflow, url: "https://mlflow.example.com"}
projects:
"""


def two(first: str, second: str) -> str:
    return f"{SOURCES}  a: {{scopes: {{{first}}}}}\n  b: {{scopes: {{{second}}}}}\n"


def test_projects_that_hold_the_same_are_told_who_owns_it(problems: Problems) -> None:
    for first, second, what in (
        ("jira: {projects: [ML, CHURN]}", "jira: {projects: [CHURN]}", "'CHURN'"),
        ("github: {repositories: [a/x]}", "github: {repositories: [A/X]}", "'A/X'"),
        ("github: {repositories: ['a/ch*']}", "github: {repositories: ['a/*-old']}", "'a/*-old'"),
        ("github: {repositories: ['a/*']}", "github: {repositories: ['a/x'], exclude: [b/*]}", "'a/x'"),
        ("jira: {jql: project = ML}", "jira: {jql: project = ML}", "the same words"),
    ):
        (problem,) = problems(two(first, second))
        assert (problem.level, problem.line, problem.path) == ("warning", 7, f"projects.b.scopes.{second.partition(':')[0]}")
        assert "overlaps with project a" in problem.message
        assert "statuses of a, which comes first" in problem.message
        assert what in problem.message


def test_projects_apart_are_no_finding(problems: Problems) -> None:
    for first, second in (
        ("jira: {projects: [ML]}", "jira: {projects: [MLOPS]}"),
        ("github: {repositories: ['a/ch*'], exclude: ['a/churn']}", "github: {repositories: [a/churn]}"),
        ("github: {repositories: ['a/*'], exclude: ['a/c*']}", "github: {repositories: ['a/churn-*']}"),
        ("jira: {jql: project = A}", "jira: {jql: project = B}"),
        ("mlflow: {experiments: ['churn*']}", "mlflow: {experiments: ['churn*']}"),
    ):
        assert problems(two(first, second)) == []


def test_two_sources_of_one_address_are_a_warning(problems: Problems) -> None:
    text = (
        'sources:\n  one: {type: jira, url: "https://example.atlassian.net"}\n'
        '  two: {type: jira, url: "https://EXAMPLE.atlassian.net/"}\n'
        "  eu: {type: sagemaker, region: eu-west-1}\n  us: {type: sagemaker, region: us-east-1}\n"
        "  eu2: {type: sagemaker, region: eu-west-1}\n"
        "projects: {a: {scopes: {one: {projects: [A]}, two: {projects: [A]}}}}\n"
    )
    found = problems(text)
    assert [(p.level, p.line, p.column, p.path) for p in found] == [
        ("warning", 3, 3, "sources.two"),
        ("warning", 6, 3, "sources.eu2"),
        ("warning", 7, 47, "projects.a.scopes.two"),
    ]
    assert "read twice" in found[0].message
    assert "repeats the scope one" in found[2].message


TWO_OF_ONE_SITE = (
    'sources:\n  one: {type: jira, url: "https://example.atlassian.net"}\n'
    '  two: {type: jira, url: "https://EXAMPLE.atlassian.net/"}\n'
    "publish: {one: {field: ML Status}, two: {field: ML Status}}\n"
)


def test_two_sources_of_one_address_may_not_both_write_on_the_same(problems: Problems) -> None:
    for projects, who in (
        ("{a: {scopes: {one: {projects: [ML]}}}, b: {scopes: {two: {projects: [ml, OPS]}}}}", "projects a and b show"),
        ("{a: {scopes: {one: {projects: [ML]}}}, b: {scopes: {two: {jql: project = OPS}}}}", "projects a and b show"),
        ("{a: {scopes: {one: {projects: [ML]}, two: {projects: [ML], jql: x}}}}", "project a shows"),
    ):
        (error,) = (one for one in problems(f"{TWO_OF_ONE_SITE}projects: {projects}\n") if one.level == "error")
        assert (error.line, error.column, error.path) == (3, 3, "sources.two")
        assert f"{who} statuses through both" in error.message
        assert error.fix is not None and "use one in every project" in error.fix


def test_two_sources_of_one_address_that_stay_apart_are_a_warning(problems: Problems) -> None:
    for projects in (
        "{a: {scopes: {one: {projects: [ML]}}}, b: {scopes: {two: {projects: [OPS]}}}}",
        "{a: {scopes: {one: {projects: [ML]}}}, b: {scopes: {two: {projects: [ML]}}, publish: {two: false}}}",
    ):
        (problem,) = problems(f"{TWO_OF_ONE_SITE}projects: {projects}\n")
        assert (problem.level, problem.path) == ("warning", "sources.two")


def test_prefixes_that_differ_by_case_alone_are_an_error(problems: Problems) -> None:
    head = f"{SOURCES}  a: {{scopes: {{github: {{repositories: [x/y]}}}}}}\n"
    own = '  b: {{scopes: {{github: {{repositories: [x/z]}}}}, publish: {{github: {{prefix: "{}"}}}}}}\n'
    publish = 'publish: {github: {prefix: "ml/"}}\n'
    (problem,) = problems(f"{head}{own.format('ML/')}{publish}")
    assert (problem.level, problem.line, problem.path) == ("error", 7, "projects.b.publish.github.prefix")
    assert "'ML/' differs only by case from 'ml/' of project a" in problem.message
    for other in ("ml/", "ops/"):
        assert problems(f"{head}{own.format(other)}{publish}") == []


def test_a_scope_that_lists_something_twice_is_a_warning(problems: Problems) -> None:
    (problem,) = problems(f"{SOURCES}  a: {{scopes: {{github: {{repositories: [x/y, x/z, X/Y]}}}}}}\n")
    assert (problem.level, problem.line, problem.column) == ("warning", 6, 50)
    assert problem.path == "projects.a.scopes.github.repositories[2]"


patterns = st.text("ab/*?", max_size=6)
texts = st.text("ab/", max_size=6)


@given(patterns, patterns, texts)
def test_globs_that_match_one_text_overlap(one: str, other: str, text: str) -> None:
    if fnmatchcase(text, one) and fnmatchcase(text, other):
        assert overlap(one, other)


@given(patterns, patterns)
def test_overlap_has_a_witness_and_no_order(one: str, other: str) -> None:
    assert overlap(one, other) == overlap(other, one)
    if overlap(one, other):
        witnesses = _texts_up_to(one, other)
        assert any(fnmatchcase(text, one) and fnmatchcase(text, other) for text in witnesses)


def _texts_up_to(one: str, other: str) -> set[str]:
    """Every way to walk both patterns together, each `*` taking what the other one shows."""
    found: set[str] = set()
    seen: set[tuple[int, int, str]] = set()
    open_ = [(0, 0, "")]
    while open_:
        i, j, text = open_.pop()
        if (i, j, text) in seen or len(text) > 12:
            continue
        seen.add((i, j, text))
        left, right = one[i : i + 1], other[j : j + 1]
        if not left and not right:
            found.add(text)
        if left == "*":
            open_.append((i + 1, j, text))
        if right == "*":
            open_.append((i, j + 1, text))
        if left == "*" and right and right != "*":
            open_.append((i, j + 1, text + right.replace("?", "a")))
        if right == "*" and left and left != "*":
            open_.append((i + 1, j, text + left.replace("?", "a")))
        if left and right and "*" not in (left, right) and (left == right or "?" in (left, right)):
            open_.append((i + 1, j + 1, text + re.sub(r"\?", "a", right if left == "?" else left)))
    return found


def test_long_lists_are_compared_in_good_time(problems: Problems) -> None:
    mine, yours = ([f"{owner}/r{n}*" for n in range(1000)] + ["o/shared"] for owner in "ab")
    (problem,) = problems(two(f"github: {{repositories: {mine}}}", f"github: {{repositories: {yours}}}"))
    assert "'o/shared'" in problem.message


def test_case_and_classes() -> None:
    assert overlap("A/x*", "a/X1")
    assert overlap("a[0-9]", "a?")
    assert not overlap("a", "b*")
    assert overlap("x" * 300 + "*", "x" * 301 + "?")
    assert not overlap("x" * 300 + "*", "y" * 300 + "*")
