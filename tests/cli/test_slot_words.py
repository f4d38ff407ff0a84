"""Labels are said to be added, removed and there, other slots to be set; what nobody knows is said in words."""

from __future__ import annotations

import pytest

from mappings.change import Slot, Value
from mappings.model import Ref
from sync.cli.style import held_value
from sync.reasons import by_hand, conflict
from tests.cli.office import Office

ISSUE = Ref("github", "work_item", "1/2")
LABEL = Slot(target=ISSUE, kind="label", name="ml/marked")
FIELD = Slot(target=Ref("jira", "work_item", "10001"), kind="field", name="ML Status")
MARKED = (
    "statuses:",
    "  - id: marked",
    "    title: Marked",
    "    kind: neutral",
    "    rank: 5",
    "    for: work_item",
    '    says: "{name} is marked"',
    "    label: marked",
    "    override: until-episode-ends",
    "    when: {any: [{subject: {label: hot}}]}",
)


def words(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize(
    ("slot", "value", "done", "held"),
    [
        (LABEL, None, "a person removed the label", "not there"),
        (LABEL, True, "a person added the label", "there"),
        (FIELD, None, "a person set it to nothing", "nothing"),
        (FIELD, "Model ready", "a person set it to Model ready", "Model ready"),
    ],
)
def test_what_a_person_did_to_a_slot_is_said_as_people_say_it(slot: Slot, value: Value, done: str, held: str) -> None:
    assert (by_hand(slot, value), held_value(slot, value)) == (done, held)


def test_a_label_that_was_there_before_is_no_value() -> None:
    assert conflict(LABEL, True, None) == (
        "is there, which Milepost never added and the facts do not support; look, then milepost apply --adopt removes it"
    )


def test_a_label_that_a_person_removed_is_told_as_that_by_every_command(office: Office) -> None:
    office.configure(*MARKED)
    number = office.github.add_issue("example/ops", "Both", labels=["hot"])
    key = f"example/ops#{number}"
    assert office.desk.call("sync").code == 0
    office.github.remove_label("example/ops", number, "ml/marked")

    sync, status, explain, log = (
        words(office.desk.run(*command).out) for command in (("sync",), ("status",), ("explain", key), ("log",))
    )

    assert f"! override {key} label ml/marked: a person removed the label; kept until released" in sync
    assert f"label ml/marked: a person removed the label; kept until milepost release {key}" in status
    assert "label ml/marked: not there ! override a person removed the label" in explain
    assert f"the statuses ask for it: milepost release {key} lets them" in explain
    assert "! override label ml/marked, not there:" in log


def test_what_may_have_changed_since_it_was_read_is_said_in_words(office: Office) -> None:
    office.jira.add_project("EU", "Europe")
    assert office.desk.call("sync").code == 0
    text = office.desk.config.read_text(encoding="utf-8")
    office.desk.config.write_text(text.replace("[OPS]", "[OPS, EU]"), encoding="utf-8")

    explain = words(office.desk.call("explain", "OPS-2").out)

    assert "? may no longer be as it was last read" in explain
    assert "? known" not in explain
