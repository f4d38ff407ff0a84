"""`--help` of every command, and the options that every command takes before and after its name."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.process import Desk

COMMANDS = (
    *("demo", "init", "check", "pull", "plan", "apply", "sync", "status", "explain", "release", "unpublish", "log", "version"),
    *("rules lint", "rules schema", "rules replay", "db upgrade", "db status"),
)
EVERYWHERE = ("--config", "--output", "-v", "--no-color")
BY_PROJECT = ("pull", "plan", "apply", "sync", "status", "explain", "release", "unpublish", "log", "rules replay")


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_fits_a_terminal_and_names_the_common_options(tmp_path: Path, command: str) -> None:
    ended = Desk(tmp_path).call(*command.split(), "--help", COLUMNS="80", TERMINAL_WIDTH="80")

    assert (ended.code, ended.err) == (0, "")
    assert [option for option in EVERYWHERE if option not in ended.out] == []
    assert ("--project" in ended.out) == (command in ("", *BY_PROJECT))
    assert max(len(line.rstrip()) for line in ended.out.splitlines()) <= 80
    assert "None" not in ended.out
    assert "<bool>" not in ended.out


def test_the_first_help_lists_every_command(tmp_path: Path) -> None:
    out = Desk(tmp_path).call("--help").out

    assert [name for name in {command.split()[0] for command in COMMANDS} if f"│ {name} " not in out] == []


@pytest.mark.parametrize(
    "arguments", ["check --project ops", "--project ops db erase-person Ada --yes", "token list --project ops"]
)
def test_no_project_can_be_chosen_where_that_would_narrow_nothing(tmp_path: Path, arguments: str) -> None:
    ended = Desk(tmp_path).call(*arguments.split())

    assert (ended.code, ended.out) == (2, "")
    said = " ".join(ended.err.replace("│", " ").split())
    assert "Invalid value for --project: this command works for the whole project file: leave it out." in said


def test_options_before_and_after_the_name_mean_the_same(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    before = desk.call("-c", "one.yaml", "-o", "json", "--no-color", "init").json()
    after = desk.call("init", "-c", "two.yaml", "-o", "json", "--no-color").json()
    both = desk.call("-c", "one.yaml", "init", "-c", "three.yaml", "-o", "json").json()

    assert [one["config"] for one in (before, after, both)] == ["one.yaml", "two.yaml", "three.yaml"]
    assert {path.name for path in tmp_path.iterdir()} == {"one.yaml", "two.yaml", "three.yaml", "milepost.schema.json"}


def test_the_environment_may_name_the_project_file(tmp_path: Path) -> None:
    answer = Desk(tmp_path).call("init", "-o", "json", MILEPOST_CONFIG="other.yaml").json()

    assert answer["config"] == "other.yaml"


def test_the_version_is_an_option_as_well(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    asked, among_others, command = desk.call("--version"), desk.call("-o", "json", "--version", "plan"), desk.call("version")

    assert (asked.code, asked.err, among_others.code) == (0, "", 0)
    assert asked.out.splitlines() == among_others.out.splitlines() == command.out.splitlines()[:1]
    assert asked.out.startswith("milepost ")
