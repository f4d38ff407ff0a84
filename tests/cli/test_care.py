"""What an operator does to look after the store: its state, what it keeps and for how long, and whom it forgets."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from sandbox.faults import Fault
from tests.cli.gate import Gate
from tests.cli.office import Office
from tests.cli.process import PATIENCE

YEARS_AGO = 365 * 3 * 86_400 * 1_000_000
NO_SECRETS = dict.fromkeys(("MILEPOST_JIRA__USER", "MILEPOST_JIRA__TOKEN", "MILEPOST_GITHUB__TOKEN"))


@pytest.fixture
def synced(office: Office) -> Office:
    """Read again since it was written to: what our own writes did to a ticket is no news any more."""
    office.jira.add_issue("OPS", "Ask Zora Quillfeather", labels=["data"], description="Zora Quillfeather knows")
    assert [office.desk.call("sync").code for _ in range(2)] == [0, 0]
    return office


def stored(office: Office) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(office.desk.folder.glob("milepost.db*")))


def execute(office: Office, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(office.desk.folder / "milepost.db")) as connection, connection:
        connection.execute(statement, values)


def test_the_stores_state_is_told(synced: Office) -> None:
    said = synced.desk.call("db", "status", "-o", "json", **NO_SECRETS).json()

    assert said["schema"]["state"] == "current"
    assert said["schema"]["current"] == said["schema"]["head"]
    assert said["size_bytes"] > 100_000
    assert said["rows"]["entity"] > 0
    assert said["retention"]["audit"] == said["retention"]["personal_data"] == "400d"
    for moment in (said["oldest_audit_entry"], said["retention"]["last_applied"]):
        assert abs((datetime.now(UTC) - datetime.fromisoformat(moment)).total_seconds()) < 600
    shown = synced.desk.call("db", "status").out
    assert "kept: records of writes for 400d, personal data for 400d; last applied just now" in shown


def test_only_leases_that_somebody_holds_are_told_with_their_holder(office: Office, gate: Gate) -> None:
    assert office.desk.call("sync").code == 0
    before = office.desk.call("db", "status", "-o", "json").json()
    office.github.faults.append(Fault(gate, path="*/pulls"))
    with office.desk.start("pull") as process:
        assert gate.met.wait(PATIENCE)
        said, shown = office.desk.call("db", "status", "-o", "json").json(), office.desk.call("db", "status").out
        gate.opened.set()
        process.communicate(timeout=PATIENCE)

    (lease,) = [one for one in said["leases"] if one["name"].startswith("pull:github:")]
    assert (before["leases"], before["rows"]["lease"]) == ([], 0)
    assert said["rows"]["lease"] == len(said["leases"])
    assert datetime.fromisoformat(lease["until"]) > datetime.now(UTC) - timedelta(minutes=1)
    assert f"github is being pulled by run {lease['holder']}, until 20" in shown


def test_a_new_store_has_nothing_to_tell(office: Office) -> None:
    said = office.desk.call("db", "status", "-o", "json").json()

    assert (said["schema"]["state"], said["schema"]["current"], said["rows"]) == ("empty", None, {})
    assert (said["oldest_audit_entry"], said["retention"]["last_applied"]) == (None, None)


@pytest.mark.parametrize(("revision", "code", "words"), [("9999", 1, "newer Milepost"), ("0001", 1, "older Milepost")])
def test_a_store_of_another_schema_is_refused_by_both_names(synced: Office, revision: str, code: int, words: str) -> None:
    head = synced.desk.call("db", "status", "-o", "json").json()["schema"]["head"]
    execute(synced, "UPDATE milepost_version SET version_num = ?", revision)

    ended = synced.desk.call("plan")

    assert ended.code == code
    assert [word for word in (words, revision, head) if word not in ended.err] == []


def test_upgrading_twice_is_told_as_such(office: Office) -> None:
    first, second = (office.desk.call("db", "upgrade", "-o", "json").json() for _ in range(2))

    assert (first["before"], first["after"]) == (None, second["after"])
    assert second["before"] == second["after"]


def test_a_sync_prunes_once_a_day_and_the_command_at_once(synced: Office) -> None:
    execute(synced, "UPDATE audit SET at = at - ?, run_id = 'old'", YEARS_AGO)
    counted = len(synced.desk.call("log", "-o", "json", "--since", "2000d").json()["entries"])
    assert counted > 0
    synced.desk.call("sync")
    assert synced.desk.call("db", "prune", "-o", "json").json()["pruned"]["audit"] == counted
    assert synced.desk.call("db", "prune").out.strip() == "Nothing is older than the project file wants."

    execute(synced, "UPDATE run SET finished_at = finished_at - ? WHERE command = 'prune'", YEARS_AGO)
    execute(synced, "UPDATE run SET started_at = started_at - ?", YEARS_AGO)
    synced.desk.call("sync")
    assert synced.desk.call("db", "prune", "-o", "json").json()["pruned"]["run"] == 0
    assert len(synced.jira.writes) > 0


@pytest.mark.parametrize("command", ["pull", "apply", "sync"])
def test_whatever_changes_the_store_puts_retention_into_effect_once_a_day(office: Office, command: str) -> None:
    def last_applied() -> object:
        return office.desk.call("db", "status", "-o", "json").json()["retention"]["last_applied"]

    assert office.desk.call("plan").code == 0
    assert last_applied() is None
    assert office.desk.call(command).code == 0
    first = last_applied()
    assert first is not None
    assert office.desk.call(command).code == 0
    assert last_applied() == first


def test_what_was_pruned_is_no_news_to_the_next_sync(synced: Office) -> None:
    synced.configure("retention: {personal_data: 1s}")
    execute(synced, "UPDATE entity SET updated_at = updated_at - ?, changed_at = changed_at - ?", YEARS_AGO, YEARS_AGO)
    assert b"Quillfeather knows" in stored(synced)
    assert synced.desk.call("db", "prune", "-o", "json").json()["pruned"]["personal_data"] > 0

    again = synced.desk.call("sync", "--full", "-o", "json").json()

    assert sum(stream["changed"] for stream in again["streams"]) == 0
    assert [project["planned"] for project in again["projects"]] == [0]


def test_a_person_is_shown_then_erased_and_stays_erased(synced: Office) -> None:
    shown = synced.desk.call("db", "erase-person", "zora quillfeather", **NO_SECRETS)
    assert shown.code == 0
    assert "To erase: milepost db erase-person 'zora quillfeather' --yes" in shown.out
    assert b"Quillfeather" in stored(synced)

    erased = synced.desk.call("db", "erase-person", "zora quillfeather", "--yes", **NO_SECRETS)
    assert erased.code == 0
    assert "The sources are not touched" in erased.out
    assert b"uillfeather" not in stored(synced)

    synced.jira.add_issue("OPS", "Thank ZORA QUILLFEATHER")
    again = synced.desk.call("sync", "--full", "-o", "json").json()
    assert b"uillfeather" not in stored(synced).lower()
    assert [project["planned"] for project in again["projects"]] == [0]
    assert [stream["changed"] for stream in again["streams"] if stream["stream"] == "issues" and stream["source"] == "jira"] == [1]


def test_in_json_both_steps_say_the_same(synced: Office) -> None:
    before = synced.desk.call("db", "erase-person", "Zora Quillfeather", "-o", "json").json()
    after = synced.desk.call("db", "erase-person", "Zora Quillfeather", "--yes", "-o", "json").json()

    assert before["pseudonym"] is None
    assert after["pseudonym"].startswith("erased-")
    assert {**before, "pseudonym": None} == {**after, "pseudonym": None}
    assert before["rows"]["entity"] == 1


@pytest.mark.parametrize(
    ("name", "says"), [("ready", "it stands in 'Model ready'"), ("", "fewer than 3"), ("\u202e", "fewer than 3")]
)
def test_what_is_no_name_is_refused(synced: Office, name: str, says: str) -> None:
    ended = synced.desk.call("db", "erase-person", name, "--yes")

    assert (ended.code, ended.out) == (2, "")
    assert says in ended.err


def test_a_source_that_nothing_uses_any_more_is_enough_to_take_back_what_it_shows(synced: Office) -> None:
    synced.desk.config.write_text(
        f"""sources:
  jira: {{type: jira, url: "{synced.jira.url}"}}
  github: {{type: github, url: "{synced.github.url}"}}
projects:
  other: {{scopes: {{github: {{repositories: [example/ops]}}}}}}
""",
        encoding="utf-8",
    )

    taken = synced.desk.call("unpublish", "--yes", "-o", "json").json()

    assert [taken[name] for name in ("planned", "taken_back", "left_to_others", "failed")] == [2, 2, 0, {}]
    assert [(one["project"], [result["state"] for result in one["results"]]) for one in taken["projects"]] == [
        ("ops", ["done"] * 2)
    ]
    issue = synced.jira.get("OPS-2")
    assert issue.get("properties", {}) == {}
    assert "Data blocked" not in str(issue["fields"])


def test_what_a_dropped_project_has_shown_is_taken_back(synced: Office) -> None:
    text = synced.desk.config.read_text(encoding="utf-8")
    synced.desk.config.write_text(
        text.replace("  ops:", "  other:").replace("{projects: [OPS]}", "{projects: [ELSE]}"), encoding="utf-8"
    )

    shown = synced.desk.call("unpublish", "--project", "ops", **NO_SECRETS)
    assert "field ML Status: Data blocked" in shown.out
    taken = synced.desk.call("unpublish", "--yes", "--project", "ops", "-o", "json").json()

    assert [taken[name] for name in ("planned", "taken_back", "left_to_others", "failed")] == [2, 2, 0, {}]
    assert [(one["project"], [result["state"] for result in one["results"]]) for one in taken["projects"]] == [
        ("ops", ["done"] * 2)
    ]
    assert synced.desk.call("unpublish").out.strip() == "Nothing is published."
    assert synced.jira.get("OPS-2").get("properties", {}) == {}
