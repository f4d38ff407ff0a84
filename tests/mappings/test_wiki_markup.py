"""Wiki markup as plain text: the words are all there, and issue keys are found in them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mappings.wiki import to_text


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("plain words, ML-12 too", "plain words, ML-12 too"),
        ("h2. Why ML-12", "Why ML-12"),
        ("bq. ML-12 said so", "ML-12 said so"),
        ("*ML-12* and _ML-13_ and +ML-14+ and -ML-15- and ??ML-16??", "ML-12 and ML-13 and ML-14 and ML-15 and ML-16"),
        ("*_ML-12_*", "ML-12"),
        ("{{ML-12}}", "ML-12"),
        ("[the ticket|https://jira.example.com/browse/ML-12]", "the ticket https://jira.example.com/browse/ML-12"),
        ("[https://jira.example.com/browse/ML-12]", "https://jira.example.com/browse/ML-12"),
        ("[ML-12]", "ML-12"),
        ("[ML-12|ML-12]", "ML-12"),
        ("see [~ada.example], ML-12", "see @ada.example, ML-12"),
        ("{code:python}\nx[0] = '_ML-12_'\n{code}\nafter *it*", "x[0] = '_ML-12_'\n\nafter it"),
        ("{noformat}*kept*{noformat}", "*kept*"),
        ("{code}never closed, *ML-12*", "never closed, ML-12"),
        ("{color:red}ML-12{color}", "ML-12"),
        ("{panel:title=Note}\nML-12\n{panel}", "ML-12"),
        (r"\*not bold\* and \[not a link\]", "*not bold* and [not a link]"),
        ("snake_case_name and 2-3-4 and a*b*c", "snake_case_name and 2-3-4 and a*b*c"),
        ("* one\n* two ML-12", "* one\n* two ML-12"),
        ("|| key || ML-12 ||", "|| key || ML-12 ||"),
        ("one\r\ntwo", "one\ntwo"),
        ("", ""),
    ],
)
def test_what_is_read(markup: str, text: str) -> None:
    assert to_text(markup) == text


@given(st.text(alphabet="*_-+^~?{}[]|\\code:h1. ML2\n", max_size=200))
def test_any_markup_can_be_read(markup: str) -> None:
    assert len(to_text(markup)) <= len(markup)


def test_a_page_of_marks_takes_no_long_time() -> None:
    """Each mark is looked at a bounded number of times, whatever stands after it."""
    assert "x" in to_text("*x " * 10_000 + "[" * 10_000 + "{code}" * 3_000)
