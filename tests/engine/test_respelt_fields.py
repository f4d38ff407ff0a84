"""A field that the project file names by its id instead of its name is the same slot: what was written there is still ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mappings.change import Owned, Slot
from mappings.model import Field, Ref
from sync.outcome import ExitCode
from sync.project import ProjectView
from sync.spelling import Spellings
from sync.store import publishing
from tests.engine.conftest import FIELD, OPTIONS, kinds, notes_of

if TYPE_CHECKING:
    from tests.engine.conftest import Office

TICKET = Ref("jira", "work_item", "10001")


def ident_of(office: Office) -> str:
    return next(field.id for field in office.jira.fields.values() if field.name == FIELD)


def spell(office: Office, name: str) -> None:
    office.top["publish"]["jira"]["field"] = name


def known_slots(office: Office) -> set[str]:
    with office.database.read() as tx:
        rows = {**publishing.published(tx, "churn"), **publishing.held(tx, "churn")}
    return {slot.name for slot in rows if slot.kind == "field"}


def test_what_changed_meanwhile_is_written_and_no_conflict(office: Office) -> None:
    ticket = office.ticket("good")
    office.sync()
    assert office.field(ticket) == "Good"
    spell(office, ident_of(office))
    office.jira.edit(ticket, labels=["bad"])

    office.pull()
    planned = office.plan().projects[0].plan
    result = office.sync()

    assert planned is not None
    assert [(one.slot.name, one.before, one.after) for one in planned.changes if one.slot.kind == "field"] == [
        (ident_of(office), "Good", "Bad")
    ]
    assert (result.exit_code, kinds(result), office.field(ticket)) == (ExitCode.DONE, [], "Bad")
    assert known_slots(office) == {ident_of(office)}
    written = office.writes
    spell(office, FIELD)
    assert (kinds(office.sync()), office.writes, known_slots(office)) == ([], written, {FIELD})


def test_before_anything_is_read_anew_the_plan_is_empty(office: Office) -> None:
    office.ticket("good")
    office.sync()
    spell(office, ident_of(office))

    plan = office.plan().projects[0].plan

    assert plan is not None
    assert (list(plan.changes), list(plan.notes)) == ([], [])


def test_an_override_goes_on_under_the_other_name(office: Office) -> None:
    ticket = office.ticket("bad")
    office.sync()
    office.set_field(ticket, None)
    assert kinds(office.sync()) == ["override"]
    spell(office, ident_of(office))

    for _ in range(2):
        assert kinds(office.sync()) == ["override"]
    assert office.field(ticket) is None
    assert known_slots(office) == {ident_of(office)}


def test_after_a_respelling_everything_can_be_taken_back(office: Office) -> None:
    ticket = office.ticket("good")
    office.sync()
    spell(office, ident_of(office))
    office.sync()

    assert office.unpublish("churn").exit_code is ExitCode.DONE
    assert office.field(ticket) is None


def test_another_field_is_another_slot(office: Office) -> None:
    office.jira.add_field("Verdict", "select", options=OPTIONS)
    ticket = office.ticket("good")
    office.sync()
    spell(office, "Verdict")

    notes = notes_of(office.sync())

    assert ["the project file no longer names it" in one.text for one in notes] == [True]
    assert (office.field(ticket), office.field(ticket, "Verdict")) == ("Good", "Good")


@pytest.mark.parametrize(
    ("fields", "same"),
    [
        ([("customfield_1", "ML Status")], True),
        ([("customfield_1", "ML Status"), ("customfield_2", "ML Status")], False),
        ([("customfield_1", "Other"), ("customfield_2", "ML Status")], False),
        ([], False),
    ],
)
def test_two_names_are_one_field_only_where_jira_has_one_for_both(fields: list[tuple[str, str]], same: bool) -> None:
    view = ProjectView(key="churn", name="Churn", owned={"jira": Owned(field="customfield_1")})
    known = [Field(ref=Ref("jira", "field", ident), name=name, custom=True) for ident, name in fields]
    former, now = Slot(TICKET, "field", "ML Status"), Slot(TICKET, "field", "customfield_1")
    spellings = Spellings(known, view)

    assert spellings.present(former) == (now if same else former)
    assert spellings.at_present({former: "old", now: "new"})[now] == "new"
