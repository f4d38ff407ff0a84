"""Every command against a held demo: what it answers, as a table and as JSON."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from mappings.model import Ref
from tests.cli.conftest import HeldDemo
from tests.cli.process import Desk

RUN_KEYS = {"run", "command", "started_at", "finished_at", "exit_code", "streams", "findings", "projects"}

ANSWERS = {
    "check": {"store", "sources", "exit_code"},
    "plan": {"plans", "exit_code"},
    "status --all": {"projects"},
    "explain LOAN-2": {"explanations"},
    "unpublish": {"planned", "taken_back", "failed"},
    "log": {"entries"},
    "rules lint": {"findings", "statuses"},
    "rules replay": {"differences"},
    "db status": {"store", "schema", "rows"},
    "version": {"milepost", "python", "connectors", "libraries"},
}
"""Every command that changes nothing, and the keys of its answer."""

WITH_SDKS = ("check", "sync")
"""What runs as a process, since SDKs might write where nobody in this process would see it."""

ANY_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")

CHANGING = {
    "pull": RUN_KEYS,
    "apply": RUN_KEYS,
    "sync": RUN_KEYS,
    "release LOAN-2": {"released", "conflicts"},
    "db upgrade": {"store", "before", "after"},
    "init --force": {"config", "schema", "variables"},
    "rules schema": {"$schema", "title", "type", "properties", "required", "additionalProperties"},
}


@pytest.fixture
def desk(held_demo: HeldDemo, tmp_path: Path) -> Desk:
    return held_demo.desk(tmp_path)


@pytest.mark.parametrize("command", [*ANSWERS, *CHANGING])
def test_json_is_alone_on_standard_output_with_its_keys_and_times_in_one_form(desk: Desk, command: str) -> None:
    run = desk.run if command in WITH_SDKS else desk.call
    ended = run(*command.split(), "-o", "json")
    answer = ended.json()
    times = [value for _, value in _leaves(_without_what_slots_hold(answer)) if ANY_TIME.match(str(value))]

    assert ended.code == 0
    assert {**ANSWERS, **CHANGING}[command] <= set(answer)
    assert all(TIME.fullmatch(one) for one in times), times


@pytest.mark.parametrize("command", [*ANSWERS, "sync"])
@pytest.mark.parametrize("width", [80, 140])
def test_a_table_is_plain_text_of_the_given_width_without_blanks_at_the_end(desk: Desk, command: str, width: int) -> None:
    ended = desk.call(*command.split(), COLUMNS=str(width))
    lines = ended.out.splitlines()

    assert (ended.code, ended.err.startswith("asking jira, ") if command == "check" else ended.err == "") == (0, True)
    assert "\x1b" not in ended.out
    assert [line for line in lines if line != line.rstrip()] == []
    assert [one for one in pairwise(["", *lines, ""]) if one == ("", "")] == [], "empty lines part something"
    assert [line for line in lines if len(line) > width and "http" not in line and str(desk.folder) not in line] == []


@pytest.mark.parametrize(
    "subject",
    [
        "LOAN-2",
        "loan-2",
        "example/demand#2",
        "example/loan#1",
        "https://github.com/example/loan/pull/1",
        "loan-default v1",
        "loan-default/1",
        "loan-default by forest",
        "loan_default",
        "drift.psi",
        "loan",
        "churn-production",
        "churn-classifier v1",
        "churn-usage",
        "demand-production",
        "demand-production-watch/feature-drift",
    ],
)
def test_explain_finds_every_kind_of_thing(desk: Desk, subject: str) -> None:
    ended = desk.call("explain", subject)

    assert (ended.code, ended.err) == (0, "")
    assert "Project " in ended.out


def test_explain_finds_commits_and_runs_by_the_beginning_of_their_ids(desk: Desk) -> None:
    chain = desk.call("explain", "LOAN-2", "-o", "json").json()["explanations"][0]["subject"]
    ids = {node["kind"]: Ref.parse(node["ref"]).id.rpartition("/")[2] for node in _nodes(chain)}

    for kind in ("commit", "run"):
        found = desk.call("explain", ids[kind][:10], "-o", "json").json()["explanations"]
        assert [one["subject"]["kind"] for one in found] == [kind]


def test_explain_shows_the_chain_from_the_ticket_to_the_monitor_each_thing_once(desk: Desk) -> None:
    chain = desk.call("explain", "LOAN-2", "-o", "json").json()["explanations"][0]
    refs = [node["ref"] for node in _nodes(chain["subject"])]
    kinds = {node["kind"] for node in _nodes(chain["subject"])}
    verdicts = {one["rule"]: one for one in chain["verdicts"]}

    assert len(refs) == len(set(refs))
    assert {"work_item", "change_request", "commit", "run", "dataset", "model_version", "observation"} <= kinds
    assert verdicts["drift-alert"]["truth"] is True
    assert all(one["url"] for one in verdicts["drift-alert"]["evidence"])


@pytest.mark.parametrize(
    ("ticket", "source", "way", "end"),
    [
        ("CHURN-2", "aws-eu", ["work_item", "change_request", "commit", "run", "model_version", "deployment"], "in_service"),
        ("DEMAND-2", "azure-ml", ["work_item", "change_request", "commit", "run", "model_version", "deployment"], "in_service"),
        ("LOAN-2", "mlflow", ["work_item", "change_request", "commit", "run", "model_version"], "champion"),
    ],
)
def test_explain_shows_a_whole_chain_on_each_platform(desk: Desk, ticket: str, source: str, way: list[str], end: str) -> None:
    chain = desk.call("explain", ticket, "-o", "json").json()["explanations"][0]["subject"]
    path = next(path for path in _ways(chain) if [node["kind"] for node in path] == way)

    assert {Ref.parse(node["ref"]).source for node in path[way.index("run") :]} == {source}
    assert [node["confidence"] for node in path[1:]] == ["exact"] * (len(way) - 1)
    assert path[-1]["state"] == end


def test_explain_of_a_pull_request_shows_what_it_carries_and_what_it_leads_to(desk: Desk) -> None:
    carries = desk.call("explain", "example/loan#2", "-o", "json").json()["explanations"][0]
    leads = desk.call("explain", "example/loan#1", "-o", "json").json()["explanations"][0]
    slots = {one["slot"]: one["value"] for one in carries["slots"]}

    assert {one["name"] for one in carries["received"]} == {"LOAN-2"}
    assert slots == {"label ml/drift-alert": True, "label ml/model-ready": True, "label ml/performance-drop": True}
    assert leads["received"] == []
    assert {(one["name"], one["verdict"]["rule"]) for one in leads["evidence_for"]} >= {("LOAN-2", "model-ready")}
    assert "milepost explain LOAN-2" in desk.call("explain", "example/loan#1").out


@pytest.mark.parametrize("subject", ["loan-default v1", "loan-default by forest", "loan_default", "drift.psi"])
def test_what_is_no_ticket_tells_whose_statuses_it_is_evidence_for(desk: Desk, subject: str) -> None:
    out = desk.call("explain", subject, "--project", "loan").out

    assert "No status applies to it." not in out
    assert re.search(r"^(Evidence for|On the way of) LOAN-2", out, flags=re.MULTILINE)


def test_explain_tells_why_a_field_is_not_what_the_statuses_ask_for(desk: Desk) -> None:
    slots = {one["slot"]: one for one in desk.call("explain", "LOAN-2", "-o", "json").json()["explanations"][0]["slots"]}
    out = " ".join(desk.call("explain", "LOAN-2").out.split())

    assert [one["kind"] for one in slots["field ML Status"]["notes"]] == ["override"]
    assert "! override a person set it to nothing; kept until" in out
    assert "milepost release LOAN-2" in out
    assert "Model ready is true as well; the field holds one value, and Drift alert ranks higher" in out


def test_what_two_facts_say_alike_is_told_once(desk: Desk) -> None:
    (ready,) = re.findall(r"^● Model ready .*?\n\n", desk.call("explain", "CHURN-2").out, flags=re.MULTILINE | re.DOTALL)

    assert ready.count("● is approved") == 1
    assert "● was followed by v3" in ready


def test_the_log_names_each_run_once(desk: Desk) -> None:
    entries = desk.call("log", "-o", "json").json()["entries"]
    out = desk.call("log").out

    assert {one["run"] for one in entries} == set(re.findall(r"  run (\S+)$", out, flags=re.MULTILINE))
    assert out.count("  run ") == len({one["run"] for one in entries})
    assert "! override  field ML Status, holding nothing: a person set it; kept until released" in out


def test_explain_prints_addresses_unfolded(desk: Desk) -> None:
    out = desk.call("explain", "LOAN-2", COLUMNS="60").out

    assert re.search(r"http://127\.0\.0\.1:\d+/#/experiments/\d+/runs/[0-9a-f]{32}$", out, flags=re.MULTILINE)


def test_a_thing_that_nobody_knows_is_told_with_the_nearest_name(desk: Desk) -> None:
    ended = desk.call("explain", "LAON-2")

    assert (ended.code, ended.out) == (2, "")
    assert "nothing known is called 'LAON-2'" in ended.err
    assert "did you mean LOAN-2?" in ended.err


def test_status_shows_what_is_left_alone_and_where_an_alert_is_told(desk: Desk) -> None:
    out = " ".join(desk.call("status").out.split())

    assert re.search(
        r"! override LOAN-2 [\w ]+ field ML Status: a person set it to nothing; kept until milepost release LOAN-2", out
    )
    assert re.search(r"! conflict TRIAGE-3 [\w ]+ field ML Status: holds Model ready, which Milepost never wrote", out)
    assert "shown on DEMAND-1" in out
    assert "? Drift alert TRIAGE-2" in out


def test_several_projects_can_be_chosen_before_and_after_the_command(desk: Desk) -> None:
    before = desk.call("--project", "loan", "--project", "churn", "status", "-o", "json").json()
    after = desk.call("-o", "json", "status", "--project", "churn", "--project", "loan").json()

    assert [one["project"] for one in before["projects"]] == ["churn", "loan"]
    assert [one["project"] for one in after["projects"]] == ["churn", "loan"]


def test_a_plan_in_markdown_holds_a_table_with_links(desk: Desk) -> None:
    ended = desk.call("plan", "--adopt", "-o", "markdown", "--project", "triage")

    assert ended.code == 0
    assert ended.out.startswith("<!-- milepost-plan -->\n### Document triage: ")
    assert re.search(
        r"^\| - \| \[TRIAGE-3\]\(http://[^)]+/browse/TRIAGE-3\) [^|]*\| field ML Status: ", ended.out, flags=re.MULTILINE
    )


def test_check_says_who_what_and_how_much(desk: Desk) -> None:
    sources = {one["source"]: one for one in desk.call("check", "-o", "json").json()["sources"]}
    topics = {name: {finding["topic"] for finding in one["findings"]} for name, one in sources.items()}

    assert all(one["works"] for one in sources.values())
    assert {"identity", "time zone", "clock", "rate budget", "projects", "permissions", "field"} <= topics["jira"]
    assert {"identity", "token", "rate limit", "clock", "read", "write"} <= topics["github"]
    assert {"server", "account", "clock", "experiments", "models", "writing"} <= topics["mlflow"]
    assert {"account", "region", "endpoints", "monitors", "model_package_groups", "writing"} <= topics["aws-eu"] & topics["aws-us"]
    assert {"workspace", "clock", "endpoints", "models", "jobs", "monitors", "writing"} <= topics["azure-ml"]


def test_the_loop_in_steps_a_saved_plan_a_release_and_taking_everything_back(desk: Desk) -> None:
    saved = desk.run("plan", "--pull", "--adopt", "--project", "triage", "--out", "saved.json")
    assert (saved.code, "milepost apply saved.json" in saved.out) == (0, True)
    assert "1 written" in desk.run("apply", "saved.json", "--adopt", "--project", "triage").out

    assert desk.call("release", "LOAN-2", "-o", "json").json() == {"released": ["field ML Status"], "conflicts": []}
    again = desk.call("sync", "--project", "loan", "-o", "json").json()["projects"][0]
    assert [(one["key"], one["after"], one["state"]) for one in again["results"]] == [("LOAN-2", "Drift alert", "done")]

    entries = desk.call("log", "LOAN-2", "-o", "json").json()["entries"]
    assert [one["kind"] for one in entries][-2:] == ["release", "write"]
    assert entries[-1]["run"] != entries[0]["run"]

    taken = desk.run("unpublish", "--project", "loan", "--yes", "-o", "json").json()
    assert taken["planned"] == taken["taken_back"] > 0
    assert desk.call("unpublish", "--project", "loan").out.splitlines()[-1] == "Nothing is published."


def _without_what_slots_hold(document: Any) -> Any:
    """That is told as it was written there, as the property's own times are."""
    if isinstance(document, dict):
        held = {"before", "after", "found", "actual", "desired", *({"value"} if "slot" in document else ())}
        return {key: _without_what_slots_hold(value) for key, value in document.items() if key not in held}
    return [_without_what_slots_hold(one) for one in document] if isinstance(document, list) else document


def _leaves(document: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(document, dict):
        for name, value in document.items():
            yield from _leaves(value, str(name))
    elif isinstance(document, list):
        for value in document:
            yield from _leaves(value, key)
    else:
        yield key, document


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node["children"]:
        yield from _nodes(child)


def _ways(node: dict[str, Any]) -> Iterator[list[dict[str, Any]]]:
    """Every way from the top of a chain to one of its nodes."""
    yield [node]
    for child in node["children"]:
        yield from ([node, *way] for way in _ways(child))
