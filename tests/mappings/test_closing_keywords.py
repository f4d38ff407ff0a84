"""What closes an issue, and what only looks like it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mappings.closing_keywords import closed_issues

HERE = "example/churn"


@pytest.mark.parametrize(
    "keyword",
    ["close", "closes", "closed", "fix", "fixes", "fixed", "resolve", "resolves", "resolved", "CLOSES", "Fixes:", "rEsOlVeD:"],
)
def test_every_keyword_closes(keyword: str) -> None:
    assert closed_issues(f"This {keyword} #12.", HERE) == ("example/churn#12",)


@pytest.mark.parametrize(
    ("text", "closed"),
    [
        ("Fixes #1, fixes #2 and closes #1", ("example/churn#1", "example/churn#2")),
        ("Resolves elsewhere/other.repo#3", ("elsewhere/other.repo#3",)),
        ("Resolves Example/Churn#3", ("example/churn#3",)),
        ("closes https://github.com/elsewhere/other/issues/4#issuecomment-1", ("elsewhere/other#4",)),
        ("Closes http://GitHub.com/example/churn/issues/5", ("example/churn#5",)),
        ("closes https://github.com/a/b/issues/2 and fixes #1", ("a/b#2", "example/churn#1")),
        ("(fixes #6)", ("example/churn#6",)),
        ("fixes\t#7", ("example/churn#7",)),
        ("- fixes #8\n\n    fixes #9 still in the list", ("example/churn#8", "example/churn#9")),
        ("text\n    fixes #10 continues the paragraph", ("example/churn#10",)),
        ("`code` fixes #11 `code`", ("example/churn#11",)),
        ("an odd ` tick, fixes #12", ("example/churn#12",)),
        ("```\ncode\n```\nfixes #13", ("example/churn#13",)),
        ("<!-- hint --> fixes #14", ("example/churn#14",)),
        ("إصلاح fixes #15 \u200f", ("example/churn#15",)),
    ],
)
def test_references_that_close(text: str, closed: tuple[str, ...]) -> None:
    assert closed_issues(text, HERE) == closed


@pytest.mark.parametrize(
    "text",
    [
        "",
        "See #1",
        "prefixes #1",
        "un-fixes #1",
        "fixes#1",
        "fixes bug #1",
        "fixes #1a",
        "fixes #0",
        "fixes #",
        "fix/#1",
        "fixes ML-42",
        "fixes\n#1",
        r"fixes \#1",
        "`fixes #1`",
        "``fixes `#1` ``",
        "fixes `#1`",
        "fixes `x` #1",
        "```\nfixes #1\n```",
        "```python\nfixes #1",
        "~~~\nfixes #1\n```\nfixes #2\n~~~",
        "text\n\n    fixes #1",
        "\tfixes #1",
        "<!-- fixes #1 -->",
        "<!-- fixes #1",
        "fixes https://github.com/example/churn/pull/1",
        "fixes https://elsewhere.example.com/example/churn/issues/1",
        "fixes github.com/example/churn/issues/1",
    ],
)
def test_what_only_looks_like_it(text: str) -> None:
    assert closed_issues(text, HERE) == ()


@given(st.text(alphabet="fixes #12`~\n\t <!->/closeGH:ab", max_size=300))
def test_any_text_gives_issues_with_names_and_numbers(text: str) -> None:
    for issue in closed_issues(text, HERE):
        name, _, number = issue.partition("#")
        assert name.count("/") == 1
        assert int(number) > 0


@pytest.mark.parametrize("unit", ["`", "``` ", "fixes ", "#1", "<!--", "\n\n    ", "close #", "fixes a/", "://a/", "`a``b"])
def test_long_hostile_texts_are_read_all_the_same(unit: str) -> None:
    text = unit * (65_536 // len(unit)) + "\n\nfixes #1"
    assert closed_issues(text, HERE) in ((), ("example/churn#1",))
