"""Reading YAML without trust: every way to be no plain document gives one problem with its place and its fix."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.problems import ConfigError, Problem
from config.yamlfile import MAX_BYTES, load_yaml, parse_any_yaml, parse_yaml


def only_problem(raw: bytes | str) -> Problem:
    with pytest.raises(ConfigError) as caught:
        parse_yaml(raw.encode() if isinstance(raw, str) else raw, "milepost.yaml")
    (problem,) = caught.value.problems
    return problem


@pytest.mark.parametrize(
    ("raw", "line", "column", "says", "fix"),
    [
        ("", 1, 1, "empty", "milepost init"),
        ("# only a comment\n", 1, 1, "empty", "milepost init"),
        ("- a\n- b\n", 1, 1, "the top level is a list", "key: value"),
        ("just words\n", 1, 1, "the top level is a single value", "key: value"),
        ("a: 1\nb:\n\t- c\n", 3, 1, "a tab is used to indent", "spaces"),
        ("a: 1\nb: \xe4".encode("latin-1"), 2, 4, "is not UTF-8 (byte 0xE4)", "UTF-8"),
        ("a: 1\n".encode("utf-16"), 1, 1, "is not UTF-8", "UTF-8"),
        ("a: 1\nb: [1, 2\n", 3, 1, "is not YAML", "bracket"),
        ("a: b: c\n", 1, 5, "mapping values are not allowed", "quotes"),
        ("a: @x\n", 1, 4, "cannot start any token", "quotes"),
        ("a: 1\n---\nb: 2\n", 2, 1, "second document", "one document"),
        ("a: *-prod\n", 1, 4, "alias", '"*-prod"'),
        ("a: !!python/object/apply:os.system [ls]\n", 1, 4, "tags such as", "remove the tag"),
        ("!secret a: 1\n", 1, 1, "tags such as", "remove the tag"),
        ("? [a, b]\n: 1\n", 1, 3, "a key is a list or a mapping", "simple word"),
        ("a: 1\nb: x\x00y\n", 2, 5, "U+0000", "remove it"),
        ('a: "x\\e[31m"\n', 1, 4, "U+001B", "remove it"),
        ('a: "\\ud800"\n', 1, 4, "U+D800", "remove it"),
        ('a: "\\UFFFFFFFF"\n', 1, 1, "is not YAML", "escape"),
        ("a: 12345678901234567890\n", 1, 4, "number is too long", "quotes"),
        ("a: 1\n<<: 3\n", 2, 5, "merges mappings only", "anchor"),
        ("a: &x [*x]\n", 1, 8, "alias", "quotes"),
    ],
)
def test_what_is_no_plain_document_is_one_problem(raw: bytes | str, line: int, column: int, says: str, fix: str) -> None:
    problem = only_problem(raw)
    assert (problem.file, problem.line, problem.column, problem.level) == ("milepost.yaml", line, column, "error")
    assert says in problem.message
    assert fix in (problem.fix or "")


def test_bombs_are_refused_before_they_go_off() -> None:
    laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    laughs += "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9))
    assert "aliases written out" in only_problem(laughs).message

    merged = "a0: &a0 {b: x}\n" + "".join(f"a{n}: &a{n} {{<<: *a{n - 1}, k{n}: [*a{n - 1}, *a{n - 1}]}}\n" for n in range(1, 40))
    assert "aliases written out" in only_problem(merged).message or "nested deeper" in only_problem(merged).message

    assert "nested deeper" in only_problem("a: " + "[" * 5000).message
    chain = "a0: &a0 " + "[" * 20 + "]" * 20 + "\n" + "a1: &a1 " + "[" * 20 + "*a0" + "]" * 20 + "\n"
    assert "nested deeper" in only_problem(chain).message
    assert "larger than" in only_problem(b"a: " + b"x" * MAX_BYTES).message


def test_a_file_that_cannot_be_opened_says_why(tmp_path: Path) -> None:
    for path, says in ((tmp_path / "none.yaml", "no such file"), (tmp_path, "is a folder"), (Path("a\x00b"), "cannot be read")):
        with pytest.raises(ConfigError, match=says) as caught:
            load_yaml(path)
        assert caught.value.problems[0].file == str(path)
        assert caught.value.problems[0].fix


def test_keys_that_occur_twice_are_all_found_and_the_first_counts() -> None:
    document = parse_yaml(b"a: 1\nb: {c: 1, c: 2}\na: 3\n", "f.yaml")
    assert document.root.plain() == {"a": 1, "b": {"c": 1}}
    assert [(p.line, p.column, p.path) for p in document.problems] == [(2, 11, "b.c"), (3, 1, "a")]
    assert "the first is in line 1" in document.problems[1].message


def test_plain_words_mean_what_the_core_schema_says() -> None:
    text = (
        b"""[no, on, yes, True, null, ~, 12, -3, 0x1F, 0o17, 1.5, 1e3, .5, .inf, -.INF, 2026-01-01, 1_0, 0:3, '12', "true", 30d]"""
    )
    values = parse_any_yaml(text, "f.yaml").root.plain()
    inf = float("inf")
    assert values == [
        "no", "on", "yes", True, None, None, 12, -3, 31, 15, 1.5, 1000.0, 0.5, inf, -inf, "2026-01-01", "1_0", "0:3", "12",
        "true", "30d",
    ]  # fmt: skip


def test_aliases_and_merge_keys_work_and_what_is_written_out_wins() -> None:
    document = parse_yaml(b"base: &b {x: 1, y: 2}\none: {<<: *b, y: 3}\ntwo: {<<: [{y: 9}, *b]}\n", "f.yaml")
    assert document.root.plain() == {"base": {"x": 1, "y": 2}, "one": {"y": 3, "x": 1}, "two": {"y": 9, "x": 1}}
    known, key, value = document.find(("one", "x"))
    assert (known, key.line, value.line) == (("one", "x"), 1, 1)


def test_a_place_is_found_past_names_that_are_not_in_the_file() -> None:
    document = parse_yaml("ä: {b: [10, {c: 20}]}\n".encode(), "f.yaml")
    known, key, value = document.find(("ä", "some-alternative", "b", 1, "c", "[key]"))
    assert known == ("ä", "b", 1, "c")
    assert (key.line, key.column, value.line, value.column) == (1, 14, 1, 17)


def test_a_byte_order_mark_is_no_part_of_the_first_key() -> None:
    assert parse_yaml(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n", "f.yaml").root.plain() == {"a": 1, "b": 2}
