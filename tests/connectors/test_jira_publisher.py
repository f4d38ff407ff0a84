"""The Jira publisher against the stand-in: exactly our slots are written, and every failure says what an admin must do."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec
import pytest

from connectors.base import SourceContext
from connectors.errors import Cancelled, RateLimited, Unavailable
from connectors.jira import CONNECTION
from connectors.jira.options import PROPERTY, JiraOptions, JiraPublish, JiraSecrets
from connectors.jira.publisher import JiraPublisher
from mappings.adf import from_text
from mappings.change import Badge, Change, Slot, SlotKind, Value, Written
from mappings.model import Ref
from sandbox.faults import Fault, answers, asks_to_wait, loses_answer
from sandbox.jira import JiraCloud
from tests.connectors.clockless import Clockless

BADGES = [
    Badge(id="drift-alert", title="Drift alert", label="drift-alert", color="b60205", description=""),
    Badge(id="model-ready", title="Model ready", label="model-ready", color="0e8a16", description=""),
]
OPTIONS = ("Drift alert", "Model ready", "Unknown")


class Counter:
    def request(self, **_budget: Any) -> None:
        pass


@contextmanager
def opened(site: JiraCloud, field: str | None = "ML Status", stop: threading.Event | None = None) -> Iterator[JiraPublisher]:
    context = SourceContext(
        name="jira",
        options=JiraOptions(url=site.url),
        secrets=JiraSecrets.model_validate({"user": site.user, "token": site.token}),
        owned=JiraPublish(field=field).owned(BADGES),
        meter=Counter(),
        stop=stop or Clockless(),
    )
    assert CONNECTION.publisher is not None
    publisher = CONNECTION.publisher(context)
    assert isinstance(publisher, JiraPublisher)
    try:
        yield publisher
    finally:
        publisher.close()


@pytest.fixture
def site() -> Iterator[JiraCloud]:
    cloud = JiraCloud()
    cloud.add_project("ML", "Machine learning")
    cloud.add_field("ML Status", "select", options=OPTIONS)
    for number in range(1, 4):
        cloud.add_issue("ML", f"Issue {number}", labels=["theirs"])
    with cloud:
        yield cloud
    assert not [entry for entry in cloud.requests if entry.unknown_query or entry.pattern is None]


def slot(site: JiraCloud, key: str, kind: SlotKind = "field", name: str = "ML Status") -> Slot:
    return Slot(Ref("jira", "work_item", str(site.get(key)["id"])), kind, PROPERTY if kind == "property" else name)


def change(slot: Slot, after: Value, key: str = "ML-1") -> Change:
    return Change(
        id=f"change {slot}",
        project="churn",
        slot=slot,
        action="update",
        before=None,
        after=after,
        key=key,
        container="ML",
    )


def write(site: JiraCloud, changes: Sequence[Change], field: str | None = "ML Status") -> list[Written]:
    with opened(site, field) as publisher:
        written = list(publisher.write(changes))
    assert sorted(result.change for result in written) == sorted(change.id for change in changes)
    return written


def write_one(site: JiraCloud, after: Value, key: str = "ML-1", name: str = "ML Status") -> Written:
    (written,) = write(site, [change(slot(site, key, name=name), after)], name)
    return written


def shown(site: JiraCloud, key: str, name: str = "ML Status") -> Value:
    wanted = slot(site, key, name=name)
    with opened(site, name) as publisher:
        return publisher.read_slots([wanted])[wanted]


def why(written: Written) -> str:
    assert written.why is not None
    return written.why


@pytest.mark.parametrize(
    ("type", "values"),
    [
        ("select", ["Drift alert", "Model ready", None]),
        ("radiobuttons", ["Drift alert", None]),
        ("multiselect", [["Drift alert", "Model ready"], ["Unknown"], None]),
        ("multicheckboxes", [["Model ready"], None]),
        ("labels", [["Drift alert", "Model ready"], ["Unknown"], None]),
        ("textfield", ["Drift alert", None]),
        ("textarea", ["Drift alert", None]),
    ],
)
def test_every_type_of_field_shows_and_clears(site: JiraCloud, type: str, values: list[Value]) -> None:
    site.add_field("Shown", type, options=OPTIONS if "select" in type or "buttons" in type or "boxes" in type else ())
    for value in values:
        assert write_one(site, value, name="Shown").state == "done"
        assert shown(site, "ML-1", "Shown") == value
        before = site.get("ML-1")
        assert write_one(site, value, name="Shown").state == "done"
        assert site.get("ML-1") == before  # a repeated write changes nothing


def test_the_system_labels_keep_what_is_not_ours(site: JiraCloud) -> None:
    assert write_one(site, ["Drift alert", "Model ready"], name="labels").state == "done"
    assert sorted(site.get("ML-1")["fields"]["labels"]) == ["Drift-alert", "Model-ready", "theirs"]
    assert write_one(site, ["Model ready"], name="labels").state == "done"
    assert sorted(site.get("ML-1")["fields"]["labels"]) == ["Model-ready", "theirs"]
    assert write_one(site, None, name="labels").state == "done"
    assert site.get("ML-1")["fields"]["labels"] == ["theirs"]


def test_rich_text_is_sent_as_a_document(site: JiraCloud) -> None:
    ident = site.add_field("Shown", "textarea")
    write_one(site, "Drift alert", name="Shown")
    assert site.get("ML-1")["fields"][ident] == from_text("Drift alert")


def test_a_property_is_set_and_taken_away(site: JiraCloud) -> None:
    ours = slot(site, "ML-1", "property")
    for after in ({"version": 1, "statuses": [{"id": "drift-alert"}]}, {"version": 2}, None, None):
        (written,) = write(site, [change(ours, after)])
        assert written.state == "done"
        with opened(site) as publisher:
            assert publisher.read_slots([ours]) == {ours: after}
    assert PROPERTY not in site.get("ML-1").get("properties", {})


def test_a_property_that_jira_would_refuse_is_not_sent(site: JiraCloud) -> None:
    before = len(site.writes)
    (written,) = write(site, [change(slot(site, "ML-1", "property"), {"says": "x" * 40_000})])
    assert written.state == "failed"
    assert "32768" in why(written)
    assert len(site.writes) == before


def test_nothing_but_our_slots_is_touched(site: JiraCloud) -> None:
    before = site.get("ML-1")
    foreign = [
        change(slot(site, "ML-1", "label", "ml/drift"), True),
        change(slot(site, "ML-1", "field", "Summary"), "taken over"),
        change(Slot(slot(site, "ML-1").target, "property", "another.app"), {"x": 1}),
    ]
    written = write(site, foreign)
    assert [result.state for result in written] == ["failed"] * 3
    assert site.get("ML-1") == before
    assert site.writes == []


def test_a_system_field_is_never_ours(site: JiraCloud) -> None:
    written = write_one(site, "taken over", name="Summary")
    assert written.state == "failed"
    assert site.get("ML-1")["fields"]["summary"] == "Issue 1"


def test_no_mail_is_suppressed_without_the_right_to(site: JiraCloud) -> None:
    write_one(site, "Drift alert")
    assert all("notifyUsers" not in entry.query for entry in site.requests)


def test_a_missing_option_names_what_to_add(site: JiraCloud) -> None:
    site.drop_option("ML Status", "Drift alert")
    written = write_one(site, "Drift alert")
    assert written.state == "failed"
    assert '"ML Status" lacks the option "Drift alert"' in why(written)
    assert "Edit options" in why(written)


@pytest.mark.parametrize(
    ("type", "before", "after", "left"),
    [
        ("select", "Model ready", "Drift alert", None),
        ("multiselect", ["Model ready"], ["Drift alert", "Unknown"], None),
        ("multiselect", ["Model ready", "Unknown"], ["Drift alert", "Unknown"], ["Unknown"]),
    ],
)
def test_what_is_not_true_any_longer_goes_even_if_the_next_has_no_option(
    site: JiraCloud, type: str, before: Value, after: Value, left: Value
) -> None:
    site.add_field("Shown", type, options=OPTIONS)
    site.drop_option("Shown", "Drift alert")
    assert write_one(site, before, name="Shown").state == "done"
    wanted = msgspec.structs.replace(change(slot(site, "ML-1", name="Shown"), after), before=before)
    (written,) = write(site, [wanted], "Shown")
    assert (written.state, written.reduced) == ("failed", True)
    assert 'lacks the option "Drift alert"' in why(written)
    assert "taken away" in why(written)
    assert shown(site, "ML-1", "Shown") == left
    made = len(site.writes)
    (again,) = write(site, [msgspec.structs.replace(wanted, before=left)], "Shown")
    assert (again.state, again.reduced, len(site.writes)) == ("failed", False, made)


def test_a_field_off_the_screen_says_where(site: JiraCloud) -> None:
    site.change_field("ML Status", on_screen=False)
    written = write_one(site, "Drift alert")
    assert written.state == "failed"
    assert "not on the edit screen of Task issues in ML" in why(written)


def test_a_field_that_is_not_there(site: JiraCloud) -> None:
    written = write_one(site, "Drift alert", name="Nowhere")
    assert written.state == "failed"
    assert 'no field "Nowhere"' in why(written)


@pytest.mark.parametrize("type", ["float", "userpicker", "datepicker", "cascadingselect"])
def test_a_field_of_another_type_is_refused(site: JiraCloud, type: str) -> None:
    site.add_field("Odd", type, options=())
    written = write_one(site, "Drift alert", name="Odd")
    assert written.state == "failed"
    assert "cannot show a status" in why(written)


def test_several_values_do_not_fit_into_one(site: JiraCloud) -> None:
    written = write_one(site, ["Drift alert", "Model ready"])
    assert written.state == "failed"
    assert "holds one value" in why(written)


@pytest.mark.parametrize("after", ["Drift alert", {"version": 1}])
def test_a_locked_or_archived_issue_is_skipped_and_the_others_are_written(site: JiraCloud, after: Value) -> None:
    kind: SlotKind = "property" if isinstance(after, dict) else "field"
    site.lock_by_workflow("ML-1")
    site.archive("ML-2")
    written = write(site, [change(slot(site, key, kind), after) for key in ("ML-1", "ML-2", "ML-3")])
    assert [result.state for result in written] == ["skipped", "skipped", "done"]
    assert "ML-1 cannot be edited" in why(written[0])


def test_an_issue_locked_after_others_of_its_kind_were_seen(site: JiraCloud) -> None:
    site.lock_by_workflow("ML-3")
    written = write(site, [change(slot(site, key), "Drift alert") for key in ("ML-1", "ML-2", "ML-3")])
    assert [result.state for result in written] == ["done", "done", "skipped"]


@pytest.mark.parametrize("kind", ["field", "property"])
def test_without_the_permission_the_fix_is_named(site: JiraCloud, kind: SlotKind) -> None:
    site.deny("EDIT_ISSUES", "ML")
    after: Value = {"v": 1} if kind == "property" else "Drift alert"
    (written,) = write(site, [change(slot(site, "ML-1", kind), after)])
    assert written.state == "failed"
    assert "grants it Edit Issues" in why(written)


def test_an_issue_that_is_gone_is_skipped(site: JiraCloud) -> None:
    gone = slot(site, "ML-1")
    site.delete("ML-1")
    (written,) = write(site, [change(gone, "Drift alert")])
    assert written.state == "skipped"
    assert "ML-1 is gone" in why(written)
    with opened(site) as publisher:
        assert publisher.read_slots([gone]) == {}


def test_slots_are_read_a_hundred_issues_a_request(site: JiraCloud) -> None:
    for number in range(4, 251):
        site.add_issue("ML", f"Issue {number}")
    site.edit("ML-7", fields={"ML Status": "Model ready"})
    site.set_property("ML-7", PROPERTY, {"version": 1})
    wanted = [slot(site, f"ML-{number}", kind) for number in range(1, 251) for kind in ("field", "property")]
    before = len(site.requests)
    with opened(site) as publisher:
        found = publisher.read_slots(wanted)
    assert len(site.requests) - before == 5  # which deployment, which fields, and three times a hundred issues
    assert {slot: value for slot, value in found.items() if value is not None} == {
        slot(site, "ML-7"): "Model ready",
        slot(site, "ML-7", "property"): {"version": 1},
    }
    assert len(found) == 500


def many(site: JiraCloud, count: int = 30) -> list[Slot]:
    known = len(site.issues)
    return [slot(site, site.add_issue("ML", f"Many {number}")) for number in range(known, known + count)]


def paths(site: JiraCloud, method: str, part: str) -> list[str]:
    return [entry.path for entry in site.requests if entry.method == method and part in entry.path]


def test_many_equal_changes_are_one_bulk_edit(site: JiraCloud) -> None:
    slots = many(site)
    site.bulk_seconds = 0.0
    written = write(site, [change(one, "Drift alert") for one in slots])
    assert {result.state for result in written} == {"done"}
    assert len(paths(site, "POST", "/bulk/issues/fields")) == 1
    assert paths(site, "PUT", "/issue/") == []
    (sent,) = [entry.json() for entry in site.requests if "/bulk/issues" in entry.path]
    assert sent["sendBulkNotification"] is False
    with opened(site) as publisher:
        assert set(publisher.read_slots(slots).values()) == {"Drift alert"}


@pytest.mark.parametrize(
    ("type", "value"),
    [
        ("select", "Drift alert"),
        ("select", None),
        ("multiselect", ["Drift alert", "Model ready"]),
        ("multiselect", None),
        ("labels", ["Drift alert"]),
        ("labels", None),
        ("textfield", "Drift alert"),
        ("textfield", None),
        ("textarea", "Drift alert"),
    ],
)
def test_bulk_edits_of_every_type_of_field(site: JiraCloud, type: str, value: Value) -> None:
    several = type in ("multiselect", "labels")
    site.add_field("Shown", type, options=OPTIONS if "select" in type else ())
    slots = [Slot(one.target, "field", "Shown") for one in many(site, 12)]
    assert {
        result.state for result in write(site, [change(one, ["Unknown"] if several else "Unknown") for one in slots], "Shown")
    } == {"done"}
    assert {result.state for result in write(site, [change(one, value) for one in slots], "Shown")} == {"done"}
    with opened(site, "Shown") as publisher:
        assert list(publisher.read_slots(slots).values()) == [value] * 12


def test_a_bulk_edit_is_waited_for(site: JiraCloud) -> None:
    slots = many(site)
    site.bulk_seconds = float("inf")

    class Watching(Clockless):
        def wait(self, timeout: float | None = None) -> bool:
            if len(self.waits) == 3:
                site.bulk_seconds = 0.0
            return super().wait(timeout)

    stop = Watching()
    with opened(site, stop=stop) as publisher:
        assert {result.state for result in publisher.write([change(one, "Drift alert") for one in slots])} == {"done"}
    assert len(stop.waits) == 4
    assert stop.waits == sorted(stop.waits)


def test_a_stop_ends_the_wait_for_a_bulk_edit(site: JiraCloud) -> None:
    slots = many(site)
    site.bulk_seconds = float("inf")

    class Stopping(Clockless):
        def wait(self, timeout: float | None = None) -> bool:
            self.set()
            return super().wait(timeout)

    with opened(site, stop=Stopping()) as publisher, pytest.raises(Cancelled):
        list(publisher.write([change(one, "Drift alert") for one in slots]))


def test_what_a_bulk_edit_hides_is_found(site: JiraCloud) -> None:
    slots = many(site)
    keys = [f"ML-{number}" for number in range(4, 34)]
    site.lock_by_workflow(keys[5])
    site.archive(keys[6])
    written = {result.change: result for result in write(site, [change(one, "Drift alert") for one in slots])}
    states = [written[change(one, None).id].state for one in slots]
    assert states.count("done") == 28
    assert states[5] == states[6] == "skipped"


def test_without_the_permission_issues_are_edited_one_by_one(site: JiraCloud) -> None:
    site.deny("BULK_CHANGE")
    slots = many(site)
    assert {result.state for result in write(site, [change(one, "Drift alert") for one in slots])} == {"done"}
    assert paths(site, "POST", "/bulk/issues/fields") == []
    assert len(paths(site, "PUT", "/issue/")) == 30


def test_a_refused_bulk_edit_falls_back(site: JiraCloud) -> None:
    site.faults.append(Fault(answers(400, {"errors": [{"message": "Too many."}]}), method="POST", path="*/bulk/issues/fields"))
    slots = many(site, 12)
    assert {result.state for result in write(site, [change(one, "Drift alert") for one in slots])} == {"done"}
    assert len(paths(site, "PUT", "/issue/")) == 12


def test_a_bulk_edit_whose_answer_is_lost_is_not_made_twice(site: JiraCloud) -> None:
    site.faults.append(Fault(loses_answer(), method="POST", path="*/bulk/issues/fields"))
    slots = many(site, 12)
    assert {result.state for result in write(site, [change(one, "Drift alert") for one in slots])} == {"done"}
    assert len(paths(site, "POST", "/bulk/issues/fields")) == 1
    assert paths(site, "PUT", "/issue/") == []


def test_single_edits_ask_for_an_edit_screen_once_a_type(site: JiraCloud) -> None:
    site.add_issue("ML", "A story", type="Story")
    written = write(site, [change(slot(site, f"ML-{number}"), "Drift alert") for number in range(1, 5)])
    assert {result.state for result in written} == {"done"}
    assert len(paths(site, "GET", "/editmeta")) == 2
    assert len(paths(site, "PUT", "/issue/")) == 4


def test_one_failing_issue_does_not_stop_the_others(site: JiraCloud) -> None:
    ident = slot(site, "ML-2").target.id
    site.faults.append(Fault(answers(500), method="PUT", path=f"*/issue/{ident}", times=100))
    written = write(site, [change(slot(site, key), "Drift alert") for key in ("ML-1", "ML-2", "ML-3")])
    assert [result.state for result in written] == ["done", "failed", "done"]
    assert "answered 500" in why(written[1])


def test_a_source_that_fails_on_everything_is_given_up(site: JiraCloud) -> None:
    for number in range(4, 9):
        site.add_issue("ML", f"Issue {number}")
    changes = [change(slot(site, f"ML-{number}"), "Drift alert") for number in range(1, 9)]
    site.faults.append(Fault(answers(503), method="PUT", times=1000))
    results: list[Written] = []
    with opened(site) as publisher, pytest.raises(Unavailable):
        results.extend(publisher.write(changes))
    assert len(paths(site, "PUT", "/issue/")) == 15


def test_a_long_rate_limit_is_left_to_the_caller(site: JiraCloud) -> None:
    site.faults.append(Fault(asks_to_wait(3600), method="PUT", times=100))
    with opened(site) as publisher, pytest.raises(RateLimited):
        list(publisher.write([change(slot(site, "ML-1"), "Drift alert")]))


def test_a_conflicting_update_is_told(site: JiraCloud) -> None:
    site.faults.append(Fault(answers(409, {"errorMessages": []}), method="PUT"))
    written = write_one(site, "Drift alert")
    assert written.state == "failed"
    assert "the next run tries again" in why(written)


def test_what_jira_says_is_passed_on(site: JiraCloud) -> None:
    site.faults.append(Fault(answers(400, {"errors": {"customfield_10050": "Because of a validator."}}), method="PUT"))
    assert "Because of a validator." in why(write_one(site, "Drift alert"))
