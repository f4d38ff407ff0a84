"""Secrets are needed where a source is opened, and nowhere else; a missing one is told before anything is done."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.office import Office

NO_SECRETS = dict.fromkeys(("MILEPOST_JIRA__USER", "MILEPOST_JIRA__TOKEN", "MILEPOST_GITHUB__TOKEN"))
ON_STORED_FACTS = ("status", "plan", "explain OPS-2", "log", "rules replay", "release OPS-2", "unpublish")


@pytest.fixture
def synced(office: Office) -> Office:
    assert office.desk.call("sync").code == 0
    return office


@pytest.mark.parametrize("command", ON_STORED_FACTS)
def test_commands_on_stored_facts_need_none(synced: Office, command: str) -> None:
    words = command.split()
    with_secrets = synced.desk.call(*words, "-o", "json").json()

    ended = synced.desk.call(*words, "-o", "json", **NO_SECRETS)

    assert (ended.code, ended.err) == (0, "")
    assert ended.json().keys() == with_secrets.keys()


@pytest.mark.parametrize("command", ["pull", "plan --pull", "sync", "apply", "unpublish --yes"])
def test_commands_that_open_sources_tell_all_that_is_missing_and_do_nothing(synced: Office, command: str) -> None:
    asked, written = len(synced.jira.requests), len(synced.jira.writes)

    ended = synced.desk.call(*command.split(), MILEPOST_JIRA__USER=None, MILEPOST_JIRA__TOKEN=None)

    assert (ended.code, ended.out) == (2, "")
    assert "MILEPOST_JIRA__TOKEN: is not set; set it, or MILEPOST_JIRA__TOKEN_FILE" in ended.err
    assert "MILEPOST_JIRA__TOKEN: is not set; set it, or MILEPOST_JIRA__TOKEN_FILE" in ended.err
    assert (len(synced.jira.requests), len(synced.jira.writes)) == (asked, written)


def test_what_is_missing_is_told_of_all_sources_at_once(office: Office) -> None:
    second = '  jira-eu: {type: jira, url: "https://example.atlassian.net"}'
    office.configure(sources=second)
    text = office.desk.config.read_text(encoding="utf-8")
    office.desk.config.write_text(
        text.replace("{projects: [OPS]}", "{projects: [OPS]}\n      jira-eu: {projects: [EU]}"), encoding="utf-8"
    )

    ended = office.desk.call("sync", MILEPOST_JIRA__TOKEN=None)

    assert ended.code == 2
    assert [name for name in ("MILEPOST_JIRA__TOKEN", "MILEPOST_JIRA_EU__TOKEN") if name not in ended.err] == []


def test_a_source_that_the_chosen_projects_do_not_scope_needs_none(office: Office) -> None:
    office.configure(sources='  spare: {type: jira, url: "https://example.atlassian.net"}')

    assert office.desk.call("sync").code == 0


def test_a_github_without_any_credentials_names_both_ways(office: Office) -> None:
    ended = office.desk.call("pull", MILEPOST_GITHUB__TOKEN=None)

    assert (ended.code, ended.out) == (2, "")
    assert (
        "MILEPOST_GITHUB__TOKEN: is not set; set it, or MILEPOST_GITHUB__TOKEN_FILE to a file that holds it; "
        "for a GitHub App set MILEPOST_GITHUB__APP_ID, MILEPOST_GITHUB__INSTALLATION_ID and MILEPOST_GITHUB__PRIVATE_KEY "
        "(or the same with _FILE) instead"
    ) in " ".join(ended.err.split())


def test_check_names_the_variables_of_a_github_by_its_own_name(office: Office) -> None:
    text = office.desk.config.read_text(encoding="utf-8")
    office.desk.config.write_text(text.replace("github:", "git-eu:"), encoding="utf-8")
    own = {"MILEPOST_GITHUB__TOKEN": None}

    none = office.desk.call("check", "-o", "json", **own)
    part = office.desk.call("check", "-o", "json", MILEPOST_GIT_EU__APP_ID="1", MILEPOST_GIT_EU__INSTALLATION_ID="2", **own)
    both = {f"MILEPOST_GIT_EU__{name}": "1" for name in ("TOKEN", "APP_ID", "INSTALLATION_ID", "PRIVATE_KEY")}
    twice = office.desk.call("check", "-o", "json", **both, **own)
    told = [next(one for one in ended.json()["sources"] if one["source"] == "git-eu")["findings"] for ended in (none, part, twice)]

    assert [[one["topic"] for one in findings] for findings in told] == [["secrets", "webhooks"]] * 3
    nothing, half, double = (findings[0] for findings in told)
    assert nothing["text"] == "MILEPOST_GIT_EU__TOKEN is not set"
    assert "MILEPOST_GIT_EU__TOKEN_FILE" in nothing["fix"]
    assert "MILEPOST_GIT_EU__APP_ID, MILEPOST_GIT_EU__INSTALLATION_ID and MILEPOST_GIT_EU__PRIVATE_KEY" in nothing["fix"]
    assert half["text"].startswith("MILEPOST_GIT_EU__APP_ID, MILEPOST_GIT_EU__INSTALLATION_ID no GitHub App can sign in")
    assert half["fix"] == "set MILEPOST_GIT_EU__PRIVATE_KEY (or MILEPOST_GIT_EU__PRIVATE_KEY_FILE) as well"
    assert double["fix"] == "keep one of the two"


def test_check_lists_a_missing_secret_and_asks_the_other_sources(office: Office) -> None:
    table = office.desk.run("check", MILEPOST_JIRA__TOKEN=None)
    answer = office.desk.run("check", "-o", "json", MILEPOST_JIRA__TOKEN=None)
    jira, github = answer.json()["sources"]

    assert (table.code, answer.code) == (3, 3)
    assert "✗  secrets   MILEPOST_JIRA__TOKEN is not set" in table.out
    assert "fix: set it, or MILEPOST_JIRA__TOKEN_FILE to a file that holds it" in table.out
    assert "jira will not work as it is" in table.out
    assert (jira["works"], github["works"]) == (False, True)
    assert [one["text"] for one in jira["findings"] if one["level"] != "info"] == ["MILEPOST_JIRA__TOKEN is not set"]
    assert any(one["text"] == "example/ops is readable" for one in github["findings"])


def test_a_secret_file_that_is_gone_is_a_finding_of_its_source(office: Office, tmp_path: Path) -> None:
    gone = str(tmp_path / "gone")

    ended = office.desk.call("check", MILEPOST_GITHUB__TOKEN=None, MILEPOST_GITHUB__TOKEN_FILE=gone)

    assert ended.code == 3
    assert "MILEPOST_GITHUB__TOKEN_FILE names a file that does not exist" in ended.out
    assert "✓  projects" in ended.out


def test_a_finding_about_one_scope_of_several_names_its_projects(office: Office) -> None:
    text = office.desk.config.read_text(encoding="utf-8")
    other = "  eu:\n    scopes:\n      jira: {projects: [GONE]}\n      github: {repositories: [example/ops]}\npublish:"
    office.desk.config.write_text(text.replace("publish:", other), encoding="utf-8")

    jira, github = office.desk.call("check", "-o", "json").json()["sources"]
    table = office.desk.call("check").out
    scope_of = {one["text"]: one["scope"] for one in (*jira["findings"], *github["findings"])}

    assert (jira["scopes"], github["scopes"]) == (["ops", "eu"], ["ops, eu"])
    assert scope_of["project OPS can be read"] == "ops"
    assert scope_of["project GONE is not there, or hidden from the account"] == "eu"
    assert scope_of["example/ops is readable"] is None
    assert {one["scope"] for one in jira["findings"] if one["topic"] in ("site", "identity", "clock")} == {None}
    assert "eu: project GONE is not there" in table
    assert "jira  for ops, eu" in table


def test_what_several_projects_lack_is_told_once_with_one_fix(office: Office) -> None:
    office.jira.add_project("EU", "Europe")
    office.jira.add_issue("EU", "Forecast returns")
    office.jira.drop_option("ML Status", "Unknown")
    text = office.desk.config.read_text(encoding="utf-8")
    other = "  eu:\n    scopes:\n      jira: {projects: [EU]}\npublish:"
    office.desk.config.write_text(text.replace("publish:", other), encoding="utf-8")

    jira, _ = office.desk.call("check", "-o", "json").json()["sources"]
    told = [one for one in jira["findings"] if one["level"] == "error"]
    table = office.desk.call("check").out

    assert [(one["topic"], one["place"], one["scope"]) for one in told] == [("field", "OPS, EU", None)]
    assert table.count("lacks the option") == 1
    assert "in OPS, EU, the field" in table


def test_several_sources_that_will_not_work_are_told_in_the_plural(office: Office) -> None:
    ended = office.desk.call("check", MILEPOST_JIRA__TOKEN=None, MILEPOST_GITHUB__TOKEN=None)

    assert "jira and github will not work as they are: see ✗ above." in ended.out
