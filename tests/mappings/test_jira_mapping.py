"""Jira's records as entities: what every odd but valid payload becomes, and that nonsense fails alone."""

from __future__ import annotations

import json
from copy import deepcopy
from datetime import UTC, date, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mappings.adf import from_text, to_text
from mappings.change import Owned, Reading, Slot, Value
from mappings.jira import Translated, Translation
from mappings.jira_records import FIELD, VERSION, Untranslatable, read_record, rejected, split_records
from mappings.jira_values import as_label, plain, property_value
from mappings.model import Field, Milestone, Person, Ref, decode, encode

OWNED = Owned(field="ML Status", options=("Drift alert", "Model ready", "Unknown"), property="milepost.status")
OWN = "customfield_10050"


def translation(**fields: str) -> Translation:
    return Translation("jira", "https://example.atlassian.net/", OWNED, fields=fields, own={"ML Status": [OWN]})


ALWAYS = {"updated": "2026-11-01T09:00:00.000+0000", "status": {"name": "Open"}, "project": {"id": "10000", "key": "ML"}}


def issue(properties: dict[str, Any] | None = None, **fields: Any) -> bytes:
    """With what every issue has, unless `fields` says otherwise."""
    record: dict[str, Any] = {"id": "10042", "key": "ML-42", "self": "https://example.atlassian.net/rest/api/3/issue/10042"}
    record["fields"] = ALWAYS | fields
    if properties is not None:
        record["properties"] = properties
    return json.dumps(record).encode()


def field_slot(value: Value) -> Reading:
    return Reading(slot=Slot(Ref("jira", "work_item", "10042"), "field", "ML Status"), value=value)


def translated(**fields: Any) -> Translated:
    return translation().issue(issue(**fields))


def test_a_full_issue() -> None:
    result = translation(customfield_10016="Story Points").issue(
        issue(
            {"milepost.status": {"v": 1}, "another.app": 7},
            summary="Churn drifts",
            description=from_text("First line\n\nThird line"),
            issuetype={"id": "10001", "name": "Story"},
            project={"id": "10000", "key": "ML"},
            status={"name": "In Arbeit", "statusCategory": {"key": "indeterminate", "name": "In Arbeit"}},
            labels=["urgent", "data"],
            components=[{"id": "1", "name": "Data"}],
            assignee={"accountId": "5b10", "displayName": "Ada Example", "emailAddress": "ada@example.com"},
            parent={"id": "10001", "key": "ML-1"},
            duedate="2026-12-01",
            fixVersions=[{"id": "10100", "name": "2026.4"}],
            created="2024-01-02T03:04:05.000+0100",
            updated="2024-06-02T03:04:05.678-0530",
            resolutiondate="2024-06-01T00:00:00.000+0000",
            priority={"name": "High"},
            customfield_10016=3.0,
            customfield_10050={"id": "10101", "value": "Drift alert"},
            customfield_99999="not asked for",
        )
    )
    item = result.item
    assert item.ref == Ref("jira", "work_item", "10042")
    assert item.url == "https://example.atlassian.net/browse/ML-42"
    assert (item.key, item.title, item.body, item.container) == ("ML-42", "Churn drifts", "First line\n\nThird line", "ML")
    assert (item.item_type, item.status, item.status_category) == ("Story", "In Arbeit", "in_progress")
    assert (item.labels, item.components) == (("urgent", "data"), ("Data",))
    assert item.assignee == Person(id="5b10", name="Ada Example")
    assert item.parent == Ref("jira", "work_item", "10001")
    assert item.due == date(2026, 12, 1)
    assert item.milestones == (Ref("jira", "milestone", "10100"),)
    assert item.created_at == datetime(2024, 1, 2, 2, 4, 5, tzinfo=UTC)
    assert item.updated_at == datetime(2024, 6, 2, 8, 34, 5, 678000, tzinfo=UTC)
    assert item.closed_at is None
    assert item.fields == {"Priority": "High", "Story Points": 3.0}
    assert list(result.slots) == [
        field_slot("Drift alert"),
        Reading(slot=Slot(item.ref, "property", "milepost.status"), value={"v": 1}),
    ]
    assert b"ada@example.com" not in encode(item)
    assert [version.name for version in result.versions] == ["2026.4"]


def test_an_issue_with_nothing() -> None:
    result = translated()
    assert result.item.status_category == "unknown"
    assert result.item.container == "ML"
    assert result.item.fields == {}
    assert list(result.slots) == []


def test_an_issue_of_nulls_is_the_issue_with_nothing() -> None:
    nulls = dict.fromkeys(name for name in translation().asked_fields if name not in ALWAYS)
    assert translated(**nulls) == translated()


@pytest.mark.parametrize(
    ("key", "category"),
    [("new", "todo"), ("indeterminate", "in_progress"), ("done", "done"), ("undefined", "unknown"), (None, "unknown")],
)
def test_status_categories(key: str | None, category: str) -> None:
    assert translated(status={"name": "x", "statusCategory": {"key": key}}).item.status_category == category
    assert translated(status={"name": "x"}).item.status_category == "unknown"


def test_a_closed_issue_knows_since_when() -> None:
    done = {"name": "Done", "statusCategory": {"key": "done"}}
    resolved, changed = "2024-01-02T03:04:05.000+0000", "2024-02-02T03:04:05.000+0000"
    assert translated(status=done, resolutiondate=resolved, statuscategorychangedate=changed).item.closed_at == datetime(
        2024, 1, 2, 3, 4, 5, tzinfo=UTC
    )
    assert translated(status=done, statuscategorychangedate=changed).item.closed_at == datetime(2024, 2, 2, 3, 4, 5, tzinfo=UTC)
    assert translated(status=done).item.closed_at is None


def link(
    direction: str, ident: str = "7", name: str = "Blocks", inward: str = "is blocked by", outward: str = "blocks"
) -> dict[str, Any]:
    return {"id": "1", "type": {"name": name, "inward": inward, "outward": outward}, direction: {"id": ident, "key": "ML-7"}}


@pytest.mark.parametrize(
    ("links", "blocked_by"),
    [
        ([link("inwardIssue")], ["7"]),
        ([link("outwardIssue")], []),
        ([link("inwardIssue", inward="wird blockiert durch", outward="blockiert")], ["7"]),
        ([link("inwardIssue", name="Hindernis", inward="Is Blocked By ")], ["7"]),
        ([link("inwardIssue", name="Hindernis", inward="hat Hindernis")], ["7"]),
        ([link("inwardIssue", name="Relates", inward="relates to", outward="relates to")], []),
        ([link("inwardIssue", name="Reversed", inward="blocks", outward="is blocked by")], []),
        ([link("outwardIssue", name="Reversed", inward="blocks", outward="is blocked by")], ["7"]),
        ([link("inwardIssue", "7"), link("outwardIssue", "8"), link("inwardIssue", "9")], ["7", "9"]),
        (
            [{"id": "1"}, {"id": "2", "type": {}, "inwardIssue": {}}, {"id": "3", "type": {"name": "Blocks"}, "inwardIssue": None}],
            [],
        ),
    ],
)
def test_blocking_links(links: list[dict[str, Any]], blocked_by: list[str]) -> None:
    assert [ref.id for ref in translated(issuelinks=links).item.blocked_by] == blocked_by


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ({"self": "s", "id": "1", "value": "Model ready"}, "Model ready"),
        ({"id": "1", "value": "set by a person"}, "set by a person"),
        ([{"id": "2", "value": "Model ready"}, {"id": "1", "value": "Drift alert"}], ["Drift alert", "Model ready"]),
        ("Model ready, since Monday", "Model ready, since Monday"),
        (from_text("rich text"), "rich text"),
        (["Drift-alert", "Unknown"], ["Drift alert", "Unknown"]),
        (42, "42"),
        (None, None),
        ([], None),
        ("", None),
    ],
)
def test_our_field_is_stripped_and_read_whatever_its_type(value: Any, shown: Value) -> None:
    result = translated(customfield_10050=value)
    assert result.item == translated().item
    assert list(result.slots) == ([] if shown is None else [field_slot(shown)])


def test_other_labels_in_our_labels_field_stay() -> None:
    result = translated(customfield_10050=["theirs", "Model-ready"])
    assert list(result.slots) == [field_slot(["Model ready"])]
    assert result.item.fields == {"ML Status": ["theirs"]}
    only_theirs = translated(customfield_10050=["theirs"])
    assert list(only_theirs.slots) == []


def test_the_system_labels_as_our_field() -> None:
    owned = Owned(field="Labels", options=("Drift alert", "Unknown"))
    ours = Translation("jira", "https://example.atlassian.net", owned, own={"Labels": ["labels"]})
    result = ours.issue(issue(labels=["urgent", "Drift-alert", "drift-alert"]))
    assert result.item.labels == ("urgent", "drift-alert")
    assert [(reading.slot.name, reading.value) for reading in result.slots] == [("Labels", ["Drift alert"])]


def test_our_field_in_a_team_managed_project_has_another_id() -> None:
    both = Translation("jira", "https://example.atlassian.net", OWNED, own={"ML Status": ("customfield_1", "customfield_2")})
    result = both.issue(issue(customfield_1=None, customfield_2={"value": "Unknown"}))
    assert list(result.slots) == [field_slot("Unknown")]


def test_every_field_of_ours_is_a_slot_of_its_own_under_each_name_that_it_goes_by() -> None:
    owned = Owned(field="ML Status", others=("Labels", "customfield_1"), options=("Drift alert", "Unknown"))
    own = {"ML Status": ["customfield_1"], "Labels": ["labels"], "customfield_1": ["customfield_1"]}
    several = Translation("jira", "https://example.atlassian.net", owned, own=own)

    result = several.issue(issue(labels=["urgent", "Drift-alert"], customfield_1={"value": "Unknown"}))

    assert result.item.labels == ("urgent",)
    assert {reading.slot.name: reading.value for reading in result.slots} == {
        "ML Status": "Unknown",
        "Labels": ["Drift alert"],
        "customfield_1": "Unknown",
    }


@pytest.mark.parametrize(
    ("value", "known"),
    [
        ({"value": "EMEA", "id": "1", "child": {"value": "Berlin", "id": "2"}}, "EMEA / Berlin"),
        ({"accountId": "5b10", "displayName": "Ada Example", "emailAddress": "ada@example.com"}, "Ada Example"),
        ([{"name": "2026.4", "id": "1"}, {"name": "2026.5", "id": "2"}], ["2026.4", "2026.5"]),
        ([{"id": 7, "name": "Sprint 7", "state": "active", "boardId": 1}], ["Sprint 7"]),
        ({"key": "ML", "id": "10000"}, "ML"),
        ({"self": "s", "votes": 3, "hasVoted": False}, {"votes": 3, "hasVoted": False}),
        ("2024-01-02T03:04:05.000+0000", "2024-01-02T03:04:05.000+0000"),
        (from_text("rich\ntext"), "rich\ntext"),
        ([None, "", {}], None),
        ({"self": "s"}, None),
        (float("inf"), None),
        (2**80, str(2**80)),
        (True, True),
        (0, 0),
    ],
)
def test_values_in_plain_words(value: Any, known: Any) -> None:
    assert plain(value) == known


def test_named_fields_are_kept_by_name_and_nulls_dropped() -> None:
    result = translation(customfield_1="Team", customfield_2="Notes").issue(
        issue(customfield_1={"value": "Red"}, customfield_2=None)
    )
    assert result.item.fields == {"Team": "Red"}


@pytest.mark.parametrize(
    ("value", "known"),
    [
        ({"v": 1}, {"v": 1}),
        (["b", "a"], ["a", "b"]),
        ([1, 2], "[1,2]"),
        (7, "7"),
        (None, None),
        ("text", "text"),
        (False, False),
    ],
)
def test_our_property(value: Any, known: Value) -> None:
    assert property_value(value) == known


def test_every_kind_of_rich_text() -> None:
    text = {"type": "text", "text": "a"}
    document = {
        "type": "doc",
        "content": [
            {"type": "heading", "attrs": {"level": 1}, "content": [text]},
            {
                "type": "bulletList",
                "content": [
                    {"type": "listItem", "content": [{"type": "paragraph", "content": [text, {"type": "hardBreak"}, text]}]},
                    {
                        "type": "listItem",
                        "content": [{"type": "paragraph", "content": [{"type": "mention", "attrs": {"text": "@Ada"}}, text]}],
                    },
                ],
            },
            {"type": "paragraph", "content": [{"type": "date", "attrs": {"timestamp": "1704153600000"}}]},
            {"type": "paragraph", "content": [{"type": "inlineCard", "attrs": {"url": "https://example.com/pr/1"}}]},
            {"type": "mediaSingle", "content": [{"type": "media", "attrs": {"id": "x"}}]},
            {"type": "panel", "content": [{"type": "paragraph", "content": [{"type": "emoji", "attrs": {"shortName": ":fire:"}}]}]},
            {"type": "future", "content": [{"type": "unheard-of", "content": [text]}, 3, None, {"type": "text", "text": 5}]},
        ],
    }
    assert to_text(document).split("\n") == ["a", "a", "a", "@Adaa", "2024-01-02", "https://example.com/pr/1", ":fire:", "a"]


def test_rich_text_of_absurd_depth_does_not_matter() -> None:
    node: dict[str, Any] = {"type": "text", "text": "deep"}
    for _ in range(20_000):
        node = {"type": "blockquote", "content": [node]}
    assert to_text({"type": "doc", "content": [node]}) == "deep"


def test_text_of_all_the_world_and_of_32_kilobytes() -> None:
    body = "שלום مرحبا 你好 🦄 \u202e" * 2000
    item = translated(summary="مرحبا 🦄", description=from_text(body)).item
    assert (item.title, item.body) == ("مرحبا 🦄", body)
    assert decode(encode(item)) == item


def test_nul_is_taken_out_but_what_only_looks_like_it_stays() -> None:
    item = translated(summary="a\0b", labels=["\\u0000", "\\\0"]).item
    assert (item.title, item.labels) == ("ab", ("\\u0000", "\\"))


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"null",
        b"[]",
        b'{"id": "1"}',
        b'{"id": 1, "key": "ML-1", "fields": {}}',
        b'{"id": "1", "key": "ML-1", "fields": {"summary": "\xff"}}',
        b'{"id": "1", "key": "ML-1", "fields": {"summary": "\\ud800"}}',
        b'{"id": "1", "key": "ML-1", "fields": {"description": ' + b"[" * 5000 + b"]" * 5000 + b"}}",
        issue(updated="yesterday"),
        issue(updated="0001-01-01T00:00:00.000+1400"),
        issue(duedate="31/12/2026"),
        issue(description=5),
        issue(labels="data"),
    ],
)
def test_what_makes_no_entity_says_so(payload: bytes) -> None:
    with pytest.raises(Untranslatable):
        translation().issue(payload)


@pytest.mark.parametrize("name", list(ALWAYS))
def test_an_issue_without_what_every_issue_has_is_not_believed(name: str) -> None:
    """Else a ticket that is blocked would turn into one of which nothing bad is known."""
    record = json.loads(issue(summary=None))
    assert translation().issue(json.dumps(record).encode()).item.title == ""
    for fields in (record["fields"] | {name: None}, {key: value for key, value in record["fields"].items() if key != name}):
        with pytest.raises(Untranslatable, match=name):
            translation().issue(json.dumps(record | {"fields": fields}).encode())


def test_a_part_of_an_issue_is_read_by_those_who_asked_for_that_part() -> None:
    part = {"id": "10042", "key": "ML-42", "fields": {"project": {"key": "ML"}, "issuetype": {"name": "Bug"}, OWN: "Unknown"}}
    payload = json.dumps(part).encode()
    assert translation().slots(payload) == [field_slot("Unknown")]
    assert translation().outline(payload) == ("ML-42", "ML", "Bug")
    nothing = json.dumps(part | {"fields": {}}).encode()
    for read in (translation().slots, translation().outline):
        with pytest.raises(Untranslatable, match="project"):
            read(nothing)


def test_a_rejected_record_keeps_its_payload_without_secrets() -> None:
    payload = issue(summary="token is ATATT3xFfGF0abcdefghijklmnop", duedate="never")
    kept = rejected(payload, "a date that is none")
    assert (kept.kind, kept.id, kept.reason) == ("work_item", "10042", "a date that is none")
    assert b"ATATT3" not in kept.payload
    assert b"never" in kept.payload
    assert rejected(b"\xff", "x").id.startswith("unreadable-")


def test_one_impossible_record_does_not_cost_its_page() -> None:
    bad = b'{"id": "2", "key": "A-2", "fields": {"summary": "\\ud800"}}'
    page = (
        b'{"nextPageToken": "x", "issues": [{"id": "1", "key": "A-1", "fields": '
        + json.dumps(ALWAYS).encode()
        + b"}, "
        + bad
        + b"]}"
    )
    (first, second), rest = split_records(page, "issues")
    assert rest == {"nextPageToken": "x"}
    assert translation().issue(first).item.key == "A-1"
    with pytest.raises(Untranslatable):
        translation().issue(second)
    with pytest.raises(ValueError, match="no list"):
        split_records(b'{"issues": {}}', "issues")


def test_versions_and_fields() -> None:
    version = read_record(
        VERSION, b'{"id": "10100", "name": "2026.4", "projectId": 10000, "releaseDate": "2026-12-31", "released": false}'
    )
    assert translation().milestone(version, "ML") == Milestone(
        ref=Ref("jira", "milestone", "10100"),
        url="https://example.atlassian.net/projects/ML/versions/10100",
        name="2026.4",
        container="ML",
        due=date(2026, 12, 31),
        state="open",
    )
    archived = read_record(VERSION, b'{"id": "1", "name": "old", "archived": true}')
    assert translation().milestone(archived, "ML").state == "closed"
    record = read_record(
        FIELD,
        b'{"id": "customfield_1", "name": "Team", "custom": true, "schema": {"type": "array", "items": "option", "customId": 1}}',
    )
    assert translation().field(record) == Field(
        ref=Ref("jira", "field", "customfield_1"), name="Team", custom=True, schema_type="array", items="option"
    )


def test_labels_hold_no_spaces() -> None:
    assert as_label(" Drift  alert ") == "Drift-alert"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
names = st.sampled_from([*translation().asked_fields, "customfield_7"])


@given(st.dictionaries(names, json_values, max_size=6), json_values)
def test_junk_in_any_field_is_an_entity_or_a_rejection(fields: dict[str, Any], junk: Any) -> None:
    some = translation(customfield_7="Any")
    for payload in (issue(**fields), msgspec.json.encode({"id": "1", "key": "A-1", "fields": junk}), msgspec.json.encode(junk)):
        try:
            result = some.issue(payload)
        except Untranslatable:
            continue
        assert decode(encode(result.item)) == decode(encode(deepcopy(result.item)))
        assert msgspec.json.encode(result.slots)


@given(json_values)
def test_any_value_of_a_field_is_plain_enough_to_store(value: Any) -> None:
    known = plain(value)
    assert known is None or msgspec.json.decode(msgspec.json.encode(known)) == known
    assert known not in ("", [], {})


@given(st.binary(max_size=200))
def test_no_bytes_break_the_quarantine(payload: bytes) -> None:
    with pytest.raises(Untranslatable):
        translation().issue(payload)
    assert rejected(payload, "x").reason == "x"


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=200))
def test_text_survives_the_way_through_a_document(text: str) -> None:
    assert to_text(from_text(text)) == text.strip("\n")
