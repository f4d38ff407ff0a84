"""`milepost unpublish`, `release` and `log` where there is less to do than somebody thought: each says what there is, and why."""

from __future__ import annotations

from tests.cli.office import FIELD, Office


def words(text: str) -> str:
    return " ".join(text.split())


def test_what_others_changed_is_counted_told_and_left(office: Office) -> None:
    assert office.desk.call("sync").code == 0
    office.jira.edit("OPS-2", fields={FIELD: "Model ready"})

    ended = office.desk.call("unpublish", "--yes")
    out = words(ended.out)

    assert ended.code == 3
    assert "! override OPS-2 field ML Status: a person changed it since we wrote it; it stays" in out
    assert out.endswith("Took back 1 value. 1 value was changed by others since: it stays, and Milepost has forgotten it.")
    assert "plan again" not in out
    assert words(office.desk.call("unpublish").out) == "Nothing is published."


def test_what_others_were_seen_to_change_is_told_once(office: Office) -> None:
    assert office.desk.call("sync").code == 0
    office.jira.edit("OPS-2", fields={FIELD: "Model ready"})
    office.jira.set_property("OPS-2", "milepost.status", {"mine": 1})
    assert office.desk.call("pull").code == 0

    ended = office.desk.call("unpublish", "--yes")

    assert ended.out.count("! override") == 2
    assert words(ended.out).endswith(
        "Took back 0 values. 2 values were changed by others since: they stay, and Milepost has forgotten them."
    )


def test_a_run_that_nobody_disturbs_speaks_of_nobody(office: Office) -> None:
    assert office.desk.call("sync").code == 0
    ended = office.desk.call("unpublish", "--yes", "-o", "json")
    answer = ended.json()
    (project,) = answer.pop("projects")

    assert (ended.code, answer) == (0, {"planned": 2, "taken_back": 2, "left_to_others": 0, "failed": {}})
    assert (project["project"], project["failed"], project["notes"]) == ("ops", None, [])


def test_each_slot_is_told_in_json_with_what_became_of_it_and_why(office: Office) -> None:
    assert office.desk.call("sync").code == 0
    office.jira.set_property("OPS-2", "milepost.status", {"mine": 1})
    assert office.desk.call("pull").code == 0
    office.jira.edit("OPS-2", fields={FIELD: "Model ready"})

    (planned,) = office.desk.run("unpublish", "-o", "json").json()["projects"]
    (done,) = office.desk.run("unpublish", "--yes", "-o", "json").json()["projects"]

    (change,) = planned["changes"]
    assert (change["slot"], change["action"], change["before"]) == (f"field {FIELD}", "remove", "Data blocked")
    assert change["reason"] == "taken back by milepost unpublish"
    assert planned["results"] == []
    (result,) = done["results"]
    assert (result["key"], result["slot"], result["state"], result["found"]) == (
        "OPS-2",
        f"field {FIELD}",
        "conflict",
        "Model ready",
    )
    (note,) = done["notes"]
    assert (note["kind"], note["slot"], note["actual"]) == ("override", "property milepost.status", {"mine": 1})
    assert note["text"] == "a person changed it since we wrote it; it stays"


def test_a_value_from_before_is_not_released_and_the_answer_says_what_takes_it_over(office: Office) -> None:
    office.jira.edit("OPS-2", fields={FIELD: "Model ready"})
    assert office.desk.call("sync").code == 0

    ended = office.desk.call("release", "OPS-2")
    answer = office.desk.call("release", "OPS-2", "-o", "json").json()

    assert ended.code == 0
    assert words(ended.out) == (
        "Not released on OPS-2: field ML Status holds Model ready, which Milepost never wrote; "
        "look, then milepost apply --adopt takes it over."
    )
    assert answer["released"] == []
    assert answer["conflicts"] == [" ".join(ended.out.split())]


def test_what_is_no_ticket_cannot_be_released(office: Office) -> None:
    assert office.desk.call("pull").code == 0

    ended = office.desk.call("release", "ops")

    assert (ended.code, ended.out) == (2, "")
    assert "ops is no ticket and no pull request" in ended.err


def test_a_subject_that_neither_the_log_nor_a_project_knows_is_a_mistake(office: Office) -> None:
    assert office.desk.call("sync").code == 0

    ended = office.desk.call("log", "OSP-2")

    assert (ended.code, ended.out) == (2, "")
    assert "nothing known is called 'OSP-2'" in ended.err
    assert "did you mean OPS-2?" in ended.err


def test_the_log_of_a_known_subject_is_found_by_each_of_its_names(office: Office) -> None:
    assert office.desk.call("sync").code == 0

    entries = office.desk.call("log", "OPS-2", "-o", "json").json()["entries"]

    assert entries
    assert office.desk.call("log", "jira:ops-2", "-o", "json").json()["entries"] == entries
    assert office.desk.call("log", "OPS-1").out == "Nothing was written on OPS-1 in the last 7d.\n"


def test_the_log_tells_of_what_no_project_knows_any_longer(office: Office) -> None:
    assert office.desk.call("sync").code == 0
    office.configure()
    text = office.desk.config.read_text(encoding="utf-8")
    office.desk.config.write_text(text.replace("projects: [OPS]", "projects: [OTHER]"), encoding="utf-8")

    assert office.desk.call("log", "OPS-2", "-o", "json").json()["entries"]
