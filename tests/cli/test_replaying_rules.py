"""A rule is edited and tried on the stored facts: who would gain or lose which status, and why."""

from __future__ import annotations

from tests.cli.office import Office

LATE = (
    "statuses:",
    "  - id: late",
    "    title: Late",
    "    kind: alarm",
    "    rank: 95",
    "    for: work_item",
    "    when: {any: [{subject: {label: data}}]}",
    '    says: "it is said to be late"',
    "    label: late",
)
NEVER = ("statuses:", "  - {id: data-blocked, when: {any: [{subject: {label: nothing}}]}}")


def test_an_edit_that_changes_nothing_says_so(office: Office) -> None:
    office.desk.call("sync")

    assert office.desk.call("rules", "replay").out == "No verdict would change.\n"


def test_without_facts_there_is_nothing_to_try_rules_on(office: Office) -> None:
    ended = office.desk.call("rules", "replay")

    assert ended.out == "Nothing was pulled yet for ops, so there is nothing to try the rules on: run milepost pull\n"
    assert office.desk.call("rules", "replay", "-o", "json").json()["never_pulled"] == ["ops"]


def test_a_new_rule_names_who_would_gain_its_status_and_why(office: Office) -> None:
    office.desk.call("sync")
    office.configure(*LATE)

    lines = office.desk.call("rules", "replay").out.splitlines()

    assert lines[0].split() == ["PROJECT", "WHAT", "STATUS", "EFFECT", "CHANGE", "WHY"]
    assert " ".join(lines[1].split()) == "ops OPS-3 late would gain it not applicable → true it is said to be late"
    assert (
        lines[-1] == "3 verdicts would change: 1 would gain it and 2 would only become or cease to be false. Nothing was written."
    )


def test_an_edited_rule_names_who_would_lose_its_status(office: Office) -> None:
    office.desk.call("sync")
    office.configure(*NEVER)
    writes = len(office.jira.writes)

    (lost,) = (
        one for one in office.desk.call("rules", "replay", "-o", "json").json()["differences"]["ops"] if one["effect"] == "loses"
    )

    assert (lost["rule"], lost["subject"], lost["before"], lost["after"], lost["edited"]) == (
        "data-blocked",
        "OPS-2",
        True,
        False,
        True,
    )
    assert lost["says"] == "Data blocked: no; OPS-2 has no label"
    assert "would lose it" in office.desk.call("rules", "replay").out
    assert len(office.jira.writes) == writes


def test_a_verdict_that_changed_without_the_rule_says_so(office: Office) -> None:
    """The facts are of another time than the verdicts."""
    office.desk.call("sync")
    office.configure("fresh_within: 1s", *LATE[:1], "  - {id: data-blocked, open_after: 1}")

    differences = office.desk.call("rules", "replay", "-o", "json").json()["differences"]["ops"]

    assert all(one["edited"] is False for one in differences if one["rule"] == "data-blocked")


def test_a_broken_rule_and_an_unknown_project_are_told(office: Office) -> None:
    assert "there is no project 'nope'" in office.desk.call("rules", "replay", "--project", "nope").err
    office.configure("statuses:", "  - {id: data-blokced, rank: 3}")

    ended = office.desk.call("rules", "replay")

    assert ended.code == 2
    assert "milepost.yaml:15:10: error: statuses[0].id: no shipped status has this id" in ended.err
