"""Columns, hanging indents and trees: nothing is cut, nothing is padded to the right, nothing commands a terminal."""

from __future__ import annotations

import io

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.text import Text

from sync.cli.layout import NARROWEST, clean, columns, show, wrapped
from sync.cli.tree import Branch, tree_lines

SAYS = "its run finished, its metrics meet the thresholds and its commit is merged"


def plain(lines: list[Text]) -> list[str]:
    return [line.plain for line in lines]


def test_columns_are_as_wide_as_their_widest_cell_and_the_last_one_folds() -> None:
    assert plain(columns([("●", "LOAN-2", SAYS), ("?", "A-1", "no")], 52)) == [
        "●  LOAN-2  its run finished, its metrics meet the",
        "           thresholds and its commit is merged",
        "?  A-1     no",
    ]


def test_numbers_stand_right_under_their_heads() -> None:
    assert plain(columns([("jira", "1,200", "all"), ("mlflow", "3", "")], 80, heads=("source", ">records", "read"))) == [
        "SOURCE  RECORDS  READ",
        "jira      1,200  all",
        "mlflow        3",
    ]


def test_a_last_column_without_room_goes_on_lines_of_its_own() -> None:
    assert plain(columns([("a-name-of-thirty-characters-ok", SAYS)], 50)) == [
        "a-name-of-thirty-characters-ok",
        "    its run finished, its metrics meet the",
        "    thresholds and its commit is merged",
    ]


def test_where_one_row_has_no_room_all_last_cells_stand_below_and_no_line_is_empty() -> None:
    assert plain(columns([("● Model ready", "LOAN-2", SAYS), ("", "", "shown on LOAN-2"), ("?", "A-1", "no")], 50)) == [
        "● Model ready  LOAN-2",
        "    its run finished, its metrics meet the",
        "    thresholds and its commit is merged",
        "    shown on LOAN-2",
        "?              A-1",
        "    no",
    ]


def test_wide_characters_take_two_columns() -> None:
    assert plain(columns([("予測", "x", ""), ("ab", "y", "")], 80)) == ["予測  x", "ab    y"]


@given(
    rows=st.lists(st.tuples(st.text(max_size=12), st.text(max_size=12), st.text(max_size=200)), max_size=6),
    width=st.integers(60, 160),
)
def test_no_line_is_wider_than_asked_and_none_ends_in_blanks(rows: list[tuple[str, str, str]], width: int) -> None:
    lines = columns(rows, width)

    assert all(line.cell_len <= width for line in lines)
    assert all(line.plain == line.plain.rstrip(" ") for line in lines)
    assert len(lines) >= len(rows)


@given(text=st.text(max_size=300), width=st.integers(NARROWEST, 100), hanging=st.integers(0, 8))
def test_folding_loses_no_character_but_blanks(text: str, width: int, hanging: int) -> None:
    folded = "".join(plain(wrapped(text, width, hanging=hanging)))

    assert "".join(folded.split()) == "".join(clean(text).plain.split())


@given(st.text())
def test_what_is_shown_holds_no_control_character(text: str) -> None:
    shown = clean(text).plain

    assert not any(ord(one) < 32 or 127 <= ord(one) < 160 or one in "\u202e\u2066\u2028" for one in shown)


def test_a_line_break_in_a_cell_does_not_break_the_row() -> None:
    assert plain(columns([("one\ntwo", "three\tfour", "five\r\nsix")], 80)) == ["one two  three four  five six"]


def test_a_tree_folds_texts_beside_its_guides_and_never_folds_addresses() -> None:
    url = "https://mlflow.example.com/#/experiments/3/runs/4f28d4f722794329862d447ea00e3116"
    leaf = Branch(head=Text("run by forest"), notes=[Text(SAYS)], url=url)
    tree = Branch(head=Text("LOAN-2"), url="https://example.atlassian.net/browse/LOAN-2", children=[leaf, leaf])

    assert plain(list(tree_lines(tree, 48))) == [
        "LOAN-2",
        "│  https://example.atlassian.net/browse/LOAN-2",
        "├─ run by forest",
        "│     its run finished, its metrics meet the",
        "│     thresholds and its commit is merged",
        f"│     {url}",
        "└─ run by forest",
        "      its run finished, its metrics meet the",
        "      thresholds and its commit is merged",
        f"      {url}",
    ]


def test_what_is_longer_than_the_terminal_is_written_whole() -> None:
    written = io.StringIO()
    show(Console(file=written, width=20), [Text("https://example.com/" + "x" * 40)])

    assert written.getvalue() == "https://example.com/" + "x" * 40 + "\n"
