"""Slots, changes, times and links in a few words, on a terminal and in Markdown."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mappings.change import Action, Slot, Value
from mappings.model import Ref
from sync.cli.markdown import escaped, linked
from sync.cli.progress import figures
from sync.cli.streams import by_stream
from sync.cli.style import ago, change_words, distinct_reasons, link, shown_value
from sync.progress import StreamEvent

NOW = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)
TARGET = Ref("jira", "work_item", "10001")


@pytest.mark.parametrize(
    ("before", "words"),
    [
        (timedelta(seconds=59), "just now"),
        (timedelta(minutes=59), "59 min ago"),
        (timedelta(hours=47), "1 d ago"),
        (timedelta(hours=-1), "just now"),
    ],
)
def test_ages(before: timedelta, words: str) -> None:
    assert ago(NOW - before, NOW) == words


def evidence(*titles: str) -> dict[str, object]:
    return {"version": 1, "statuses": [{"title": title} for title in titles]}


@pytest.mark.parametrize(
    ("action", "kind", "before", "after", "words"),
    [
        ("add", "field", None, "Drift alert", "field X: Drift alert"),
        ("update", "field", "Model ready", "Drift alert", "field X: Model ready → Drift alert"),
        ("remove", "field", "Model ready", None, "field X: Model ready"),
        ("update", "field", ["A"], ["A", "B"], "field X: A → A, B"),
        ("add", "label", None, True, "label X"),
        ("remove", "label", True, None, "label X"),
        ("add", "property", None, evidence("A", "B"), "property X: evidence of A, B"),
        ("update", "property", evidence("A"), evidence("A"), "property X: evidence of A, newer"),
        ("update", "property", evidence("A"), evidence("B"), "property X: evidence of A → evidence of B"),
        ("remove", "property", {"odd": 1}, None, "property X: evidence"),
    ],
)
def test_changes(action: Action, kind: str, before: Value, after: Value, words: str) -> None:
    slot = Slot(TARGET, kind, "X")  # type: ignore[arg-type]  # the kinds above are the three there are

    assert change_words(action, slot, before, after) == words


@pytest.mark.parametrize("value", [{"statuses": "none"}, {"statuses": [1, {"id": "x"}]}, {}, [], False])
def test_values_that_somebody_else_wrote_can_be_shown(value: Value) -> None:
    assert shown_value(value)


def test_a_reason_that_strings_others_together_is_not_told_again() -> None:
    assert distinct_reasons(["It drifts.", "It drifts.; It is ready."]) == ["It drifts.", "It is ready."]
    assert distinct_reasons(["It is ready.", "It drifts.; It is ready.", ""]) == ["It is ready.", "It drifts."]


@given(st.lists(st.text(min_size=1)))
def test_no_reason_is_lost(reasons: list[str]) -> None:
    told = distinct_reasons(reasons)

    assert all(any(reason.strip("; ") in one or one in reason for one in told) for reason in reasons if reason.strip("; \0"))


@pytest.mark.parametrize("url", ["javascript:alert(1)", "https://example.com/\x1b]8;;", "https://example.com/a b", "", None])
def test_only_plain_web_addresses_become_links(url: str | None) -> None:
    assert link("LOAN-2", url).style == link("LOAN-2", None).style


def test_a_web_address_becomes_a_link() -> None:
    assert "https://example.com/1" in str(link("LOAN-2", "https://example.com/1", "bold").style)


@given(st.text(max_size=80))
def test_no_text_breaks_out_of_markdown(text: str) -> None:
    shown = escaped(text)

    assert "\n" not in shown
    assert not re.search(r"(?<!\\)[`*_\[\]|~<@]", shown.replace("\\\\", ""))


def test_markdown_links_end_where_they_should() -> None:
    assert linked("A|B", "https://example.com/a_(b) c") == r"[A\|B](https://example.com/a_%28b%29%20c)"
    assert linked("A", "javascript:alert(1)") == "A"


def event(scope: str, **facts: object) -> StreamEvent:
    return StreamEvent(**{"source": "jira", "stream": "issues", "scope": scope, "state": "done", **facts})  # type: ignore[arg-type]


def test_scopes_of_one_stream_are_added_up() -> None:
    whole = by_stream(
        [
            event("a", records=3, pages=1, remaining=90, full=True, total=3),
            event("b", records=4, pages=2, remaining=80, full=False, total=9),
        ]
    )

    assert [(one.records, one.pages, one.remaining, one.full, one.total, one.state) for one in whole] == [
        (7, 3, 80, False, 12, "done")
    ]


@pytest.mark.parametrize(
    ("states", "whole"),
    [
        (("waiting", "waiting"), "waiting"),
        (("done", "waiting"), "pulling"),
        (("pulling", "waiting"), "pulling"),
        (("failed", "pulling"), "failed"),
        (("done", "done"), "done"),
    ],
)
def test_the_state_of_several_scopes(states: tuple[str, ...], whole: str) -> None:
    assert [one.state for one in by_stream(event(str(number), state=state) for number, state in enumerate(states))] == [whole]


def test_a_live_line_tells_what_is_known() -> None:
    going = figures(event("a", state="pulling", records=1_200, pages=12, total=5_000, remaining=4_988))
    ready = figures(event("a", records=1, pages=1, total=5_000))

    assert (going["records"], going["pages"], going["budget"]) == ("1,200 of 5,000 records", "12 pages", "4,988 left")
    assert (ready["records"], ready["pages"], ready["budget"]) == ("1 record", "1 page", "")
    assert figures(event("a", state="failed"))["records"] == "failed"
