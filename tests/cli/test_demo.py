"""`milepost demo`: the whole loop without an account, as one process."""

from __future__ import annotations

import json
import re
import signal
import stat
import subprocess
import time
from collections import Counter
from pathlib import Path

import httpx
import pytest

from config.statuses import shipped_statuses
from tests.cli.conftest import HeldDemo
from tests.cli.process import Desk, end


def test_its_answer_has_exactly_the_documented_keys(held_demo: HeldDemo) -> None:
    assert list(held_demo.answer) == ["plan", "statuses", "writes_first", "writes_second", "sources", "config"]
    assert held_demo.answer["config"] == str(held_demo.folder / "milepost.yaml")


def test_the_first_sync_writes_and_the_second_does_not(held_demo: HeldDemo) -> None:
    assert held_demo.answer["writes_first"] >= 15
    assert held_demo.answer["writes_second"] == 0


def test_each_shipped_status_is_true_somewhere_and_not_known_elsewhere(held_demo: HeldDemo) -> None:
    shown = Counter((one["rule"], one["truth"]) for project in held_demo.answer["statuses"] for one in project["statuses"])

    assert [one["project"] for one in held_demo.answer["statuses"]] == ["churn", "loan", "demand", "hiring", "triage"]
    assert {rule for rule, truth in shown if truth is True} == set(shipped_statuses())
    assert {rule for rule, truth in shown if truth is None} == set(shipped_statuses())


@pytest.mark.parametrize(
    ("rule", "name", "told_on"),
    [
        ("deployed", "CHURN-2", "CHURN-2"),
        ("model-ready", "CHURN-2", "CHURN-2"),
        ("canary", "CHURN-3", "CHURN-3"),
        ("approval-pending", "CHURN-4", "example/churn#3"),
        ("drift-alert", "CHURN-5", "CHURN-5"),
        ("lineage-gap", "endpoint churn-legacy", "CHURN-1"),
        ("performance-drop", "LOAN-2", "example/loan#2"),
        ("drift-alert", "DEMAND-2", "DEMAND-1"),
        ("retrain-due", "DEMAND-2", "DEMAND-1"),
        ("deploy-failed", "DEMAND-6", "DEMAND-6"),
        ("bias-risk", "HIRING-2", "HIRING-2"),
        ("compliance-gap", "candidate-ranking v1", "HIRING-1"),
    ],
)
def test_what_happens_in_the_clouds_reaches_those_whom_it_concerns(held_demo: HeldDemo, rule: str, name: str, told_on: str) -> None:
    standings = [one for project in held_demo.answer["statuses"] for one in project["statuses"]]
    found = next(one for one in standings if (one["rule"], one["name"]) == (rule, name))

    assert found["truth"] is True
    assert told_on in found["told_on"]


def test_a_region_that_is_shut_takes_nothing_back(held_demo: HeldDemo) -> None:
    triage = next(one for one in held_demo.answer["statuses"] if one["project"] == "triage")
    deployed = next(one for one in triage["statuses"] if (one["rule"], one["name"]) == ("deployed", "TRIAGE-4"))
    failed = {one["source"] for project in held_demo.answer["statuses"] for one in project["streams"] if one["failed"]}

    assert failed == {"aws-us"}
    assert (deployed["truth"], deployed["state"], deployed["shown_on"]) == (None, "on", ["TRIAGE-4"])


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
    assert {one["source"] for one in held_demo.answer["sources"]} == {"jira", "github", "mlflow", "aws-eu", "aws-us", "azure-ml"}
    assert {one["state"] for one in held_demo.answer["sources"]} == {"done"}


@pytest.mark.soak  # the commands themselves are each tested against it
def test_the_commands_that_it_tells_run_from_a_second_terminal_as_they_are(held_demo: HeldDemo, tmp_path: Path) -> None:
    *told, last = [line.strip() for line in held_demo.told.splitlines() if line.startswith("  ")]
    assert last.endswith(" serve --workers 2"), "which goes on: see the next test"
    script = "\n".join(["set -e", *told])
    ended = subprocess.run(["/bin/sh", "-c", script], cwd=tmp_path, env={"HOME": str(tmp_path)}, capture_output=True, check=False)

    assert (ended.returncode, len(told)) == (0, 6)
    assert all(name in ended.stdout for name in (b"CHURN-2", b"DEMAND-2", b"LOAN-2", b"nothing to write"))
    assert "milepost demo --hold" not in held_demo.told
    assert (held_demo.folder / "milepost.schema.json").is_file()
    assert list(tmp_path.iterdir()) == []


def test_it_can_be_kept_in_step_by_what_is_always_on(held_demo: HeldDemo, tmp_path: Path) -> None:
    """On a copy of its store, with the environment that it wrote, to the last source."""
    desk = held_demo.desk(tmp_path)
    with desk.start("serve", "--workers", "2", "--port", "0") as process:
        assert process.stderr is not None
        told: dict[str, object] = {}
        while told.get("event") != "serve.listening":
            told = json.loads(process.stderr.readline())
            assert told["event"] != "serve.no_secret"
        ready = httpx.get(f"{told['address']}/readyz", trust_env=False)
        ended = end(process, signal.SIGTERM)

    assert told["sources"] == ["jira", "github", "mlflow", "aws-eu", "aws-us", "azure-ml"]
    assert (ready.status_code, ended.code in (0, 3)) == (200, True)


def test_the_environment_of_the_sandbox_is_its_own_and_for_no_other_eyes(held_demo: HeldDemo) -> None:
    file = held_demo.folder / "environment.sh"

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    ours = {name for name in held_demo.environ if name.startswith("MILEPOST_")}
    webhooks = {name for name in ours if name.endswith("__WEBHOOK_SECRET")}
    assert ours - webhooks == {"MILEPOST_JIRA__USER", "MILEPOST_JIRA__TOKEN", "MILEPOST_GITHUB__TOKEN"}
    assert len({held_demo.environ[name] for name in webhooks}) == len(webhooks) == 6
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
        assert Path(held_demo.environ[name]).parent == held_demo.folder


@pytest.mark.soak  # another demo takes as long as some hundred tests; all that it shows is held to the one that is kept
def test_a_first_look_at_it_is_a_screen_or_two_and_names_the_figures(tmp_path: Path) -> None:
    ended = Desk(tmp_path).run("demo", COLUMNS="100", HOME=str(tmp_path), AWS_PROFILE="of-somebody-else", AZURE_CLIENT_ID="of-hers")
    lines = ended.out.splitlines()
    figures = " ".join(ended.out.split())
    chains = [line.strip() for line in lines if re.search(r" explain [A-Z]+-2$", line)]
    looks = [subprocess.run(["/bin/sh", "-c", one], cwd=tmp_path, capture_output=True, check=False) for one in chains]

    assert ended.code == 0
    assert len(lines) <= 125
    assert [line for line in lines if len(line) > 100 and str(tmp_path) not in line] == []
    assert re.search(r"\d+ records from 6 sources with \d+ requests\.", figures)
    assert re.search(r"(\d+) to add, 0 to update, 0 to remove\. \1 values written in \d+ requests", figures)
    assert "It made 0 requests to write" in figures
    assert [one.returncode for one in looks] == [0, 0, 0]
    assert {one.name for one in tmp_path.iterdir()} == {"milepost-demo"}


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
