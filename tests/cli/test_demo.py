"""`milepost demo`: the whole loop without an account, as one process."""

from __future__ import annotations

import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.cli.conftest import HeldDemo
from tests.cli.process import Desk, end

pytestmark = pytest.mark.xdist_group("demo")


def test_its_answer_has_exactly_the_documented_keys(held_demo: HeldDemo) -> None:
    assert list(held_demo.answer) == ["plan", "statuses", "writes_first", "writes_second", "sources", "config"]
    assert held_demo.answer["config"] == str(held_demo.folder / "milepost.yaml")


def test_the_first_sync_writes_and_the_second_does_not(held_demo: HeldDemo) -> None:
    assert held_demo.answer["writes_first"] >= 15
    assert held_demo.answer["writes_second"] == 0


def test_four_projects_show_each_status_and_an_unknown(held_demo: HeldDemo) -> None:
    projects = {one["project"]: one for one in held_demo.answer["statuses"]}
    shown = Counter((one["rule"], one["state"]) for project in projects.values() for one in project["statuses"])

    assert set(projects) == {"churn", "loan", "demand", "triage"}
    assert {("model-ready", "on"), ("data-blocked", "on"), ("drift-alert", "on"), ("drift-alert", "unknown")} <= set(shown)


def test_a_persons_change_is_kept_and_a_foreign_value_left_alone(held_demo: HeldDemo) -> None:
    held = {(one["key"], one["kind"], one["slot"]) for project in held_demo.answer["statuses"] for one in project["held"]}

    assert held == {("LOAN-2", "override", "field ML Status"), ("TRIAGE-3", "conflict", "field ML Status")}


def test_an_alert_of_a_ticket_closed_long_ago_goes_to_the_watch_ticket(held_demo: HeldDemo) -> None:
    demand = next(one for one in held_demo.answer["plan"] if one["project"] == "demand")
    drift = next(one for one in demand["changes"] if one["rules"] == ["drift-alert"])

    assert (drift["key"], drift["slot"], drift["after"]) == ("DEMAND-1", "field ML Status", "Drift alert")


def test_a_github_issue_and_a_pull_request_carry_labels(held_demo: HeldDemo) -> None:
    changes = [one for plan in held_demo.answer["plan"] for one in plan["changes"] if one["target"].startswith("github:")]
    labels = {(one["key"], one["slot"]) for one in changes}
    kinds = {one["target"].split(":")[1] for one in changes}

    assert ("example/demand#2", "label ml/data-blocked") in labels
    assert kinds == {"work_item", "change_request"}


def test_every_source_was_read_without_a_failure(held_demo: HeldDemo) -> None:
    assert {one["source"] for one in held_demo.answer["sources"]} == {"jira", "github", "mlflow"}
    assert {one["state"] for one in held_demo.answer["sources"]} == {"done"}


def test_the_commands_that_it_tells_run_from_a_second_terminal_as_they_are(held_demo: HeldDemo, tmp_path: Path) -> None:
    commands = [line.strip() for line in held_demo.told.splitlines() if line.endswith((" status", " explain LOAN-2"))]
    shell = {"HOME": str(tmp_path), **held_demo.environ}
    ended = [subprocess.run(["/bin/sh", "-c", one], cwd=tmp_path, env=shell, capture_output=True, check=False) for one in commands]

    assert [one.returncode for one in ended] == [0, 0]
    assert [b"LOAN-2" in one.stdout for one in ended] == [True, True]
    assert "milepost demo --hold" not in held_demo.told
    assert set(held_demo.environ) == {"MILEPOST_JIRA__USER", "MILEPOST_JIRA__TOKEN", "MILEPOST_GITHUB__TOKEN"}
    assert (held_demo.folder / "milepost.schema.json").is_file()


def test_what_it_finds_out_about_fonts_stays_in_its_folder(held_demo: HeldDemo) -> None:
    assert (held_demo.folder / "matplotlib").is_dir()


def test_a_second_demo_does_not_take_the_folder_of_a_running_one(held_demo: HeldDemo, tmp_path: Path) -> None:
    ended = Desk(tmp_path).run("demo", "--folder", str(held_demo.folder))

    assert ended.code == 2
    assert "another demo runs in" in ended.err
    assert (held_demo.folder / "milepost.db").is_file()


def test_it_takes_no_folder_that_holds_other_files(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("two years of work", encoding="utf-8")

    ended = Desk(tmp_path).run("demo", "--folder", "mine")

    assert ended.code == 2
    assert "holds other files" in ended.err
    assert "Starting" not in ended.err
    assert (mine / "thesis.txt").read_text(encoding="utf-8") == "two years of work"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_while_it_starts_it_leaves_no_process_behind(tmp_path: Path, number: signal.Signals) -> None:
    with Desk(tmp_path).start("demo", "--folder", "demo") as process:
        assert process.stderr is not None
        assert "Starting the sandbox" in process.stderr.readline()
        while not _processes_in(tmp_path / "demo"):
            assert process.poll() is None
            time.sleep(0.02)
        ended = end(process, number)

    assert ended.code == 3
    assert ended.err == "Stopped. Run the same command again to go on where it was.\n"
    assert _processes_in(tmp_path / "demo") == []


def _processes_in(folder: Path) -> list[str]:
    """The command lines that name the folder's MLflow."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            command = (entry / "cmdline").read_bytes() if entry.name.isdigit() else b""
        except OSError:
            continue  # it has ended meanwhile
        if f"{folder}/mlflow".encode() in command:
            found.append(command.decode())
    return found
