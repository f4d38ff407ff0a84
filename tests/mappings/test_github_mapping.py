"""GitHub's records as entities: the contract's own payloads, odd ones and hostile ones."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from githubkit_schemas.latest import models
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from mappings import github_records as words
from mappings.change import Owned, Reading, Slot
from mappings.github import Translation
from mappings.github_records import Repository, read_record, rejected, split_page
from mappings.model import Person, Ref, WorkItem, decode, encode

OWNED = Owned(labels={"ml/model-ready": ("0e8a16", "ready")})
TRANSLATION = Translation("github", OWNED)
REPO = Repository(id=42, full_name="example/churn", default_branch="main")
SHA = "6dcb09b5b57875f334f61aebed695e2e4193db5e"


def issue(**fields: Any) -> WorkItem:
    record = read_record(words.ISSUE, json.dumps({"number": 7, "state": "open", **fields}).encode())
    return TRANSLATION.work_item(record, REPO)[0]


def pull(**fields: Any) -> Any:
    base = {"ref": "main", "repo": {"id": 42, "full_name": "example/churn", "default_branch": "main"}}
    record = {"number": 8, "state": "open", "base": base, "head": {"ref": "ml-42", "sha": SHA, "repo": {"id": 42}}, **fields}
    return TRANSLATION.change_request(read_record(words.PULL, json.dumps(record).encode()))[0]


def commit(**fields: Any) -> Any:
    record = read_record(words.COMMIT, json.dumps({"sha": SHA, **fields}).encode())
    return TRANSLATION.commit(record, REPO, on_default_branch=True)


# -- issues -----------------------------------------------------------------------------------------------------------------------


def test_an_issue_in_full() -> None:
    found = issue(
        title="Churn model",
        state="closed",
        state_reason="not_planned",
        html_url="https://github.com/example/churn/issues/7",
        repository_url="https://api.github.com/repos/example/churn",
        parent_issue_url="https://api.github.com/repos/example/churn/issues/3",
        created_at="2026-01-01T10:00:00Z",
        updated_at="2026-01-02T10:00:00+02:00",
        closed_at="2026-01-02T08:00:00Z",
        labels=["plain", {"name": "bug", "description": None}, {"name": "ML/Model-Ready"}, None, {"name": None}],
        assignee={"login": "ada-example"},
        milestone={"number": 2},
        type={"name": "Task"},
    )
    assert found == WorkItem(
        ref=Ref("github", "work_item", "42/7"),
        url="https://github.com/example/churn/issues/7",
        created_at=datetime(2026, 1, 1, 10, tzinfo=UTC),
        updated_at=datetime(2026, 1, 2, 8, tzinfo=UTC),
        key="example/churn#7",
        title="Churn model",
        item_type="Task",
        container="example/churn",
        status="closed",
        status_category="done",
        labels=("bug", "plain"),
        fields={"state_reason": "not_planned"},
        assignee=Person(id="ada-example"),
        parent=Ref("github", "work_item", "42/3"),
        milestones=(Ref("github", "milestone", "42/2"),),
        closed_at=datetime(2026, 1, 2, 8, tzinfo=UTC),
    )


def test_our_labels_are_readings_and_not_labels() -> None:
    record = read_record(words.ISSUE, b'{"number": 7, "labels": [{"name": "ML/MODEL-ready"}, "ml/other"]}')
    entity, readings = TRANSLATION.work_item(record, REPO)
    assert entity.labels == ("ml/other",)
    assert readings == [Reading(slot=Slot(entity.ref, "label", "ml/model-ready"), value=True)]


def test_our_label_changes_nothing_in_the_entity() -> None:
    assert issue(labels=["bug"]) == issue(labels=["ml/model-ready", "bug"])


def test_an_issue_of_nothing_but_a_number() -> None:
    found = issue(title=None, body=None, labels=None, assignees=None, milestone=None, user=None)
    assert (found.title, found.body, found.labels, found.assignee, found.created_at) == ("", "", (), None, None)
    assert found.is_open


def test_a_reopened_issue_is_not_closed() -> None:
    found = issue(state_reason="reopened", closed_at="2026-01-01T00:00:00Z")
    assert (found.status_category, found.closed_at, found.fields) == ("todo", None, {"state_reason": "reopened"})


def test_a_parent_elsewhere_is_not_guessed() -> None:
    here = "https://api.github.com/repos/example/churn"
    assert issue(repository_url=here, parent_issue_url="https://api.github.com/repos/example/churn-2/issues/3").parent is None
    assert issue(repository_url=here, parent_issue_url=f"{here}/issues/x").parent is None


@pytest.mark.parametrize("text", ["مرحبا \u202e RTL", "日本語 👩‍🔬", "x" * 70_000, "line\r\nline", "\ufeff"])
def test_texts_stay_as_they_are(text: str) -> None:
    assert decode(encode(issue(title=text, body=text))) == issue(title=text, body=text)
    assert issue(body=text).body == text


def test_no_text_holds_nul() -> None:
    found = issue(title="a\0b", body="\0", labels=["c\0d"])
    assert (found.title, found.body, found.labels) == ("ab", "", ("cd",))


def test_an_archived_repository_s_issues_cannot_be_edited() -> None:
    archived = Repository(id=42, full_name="example/churn", archived=True)
    assert not TRANSLATION.work_item(read_record(words.ISSUE, b'{"number": 7}'), archived)[0].editable


# -- pull requests ----------------------------------------------------------------------------------------------------------------


def test_a_pull_request_s_states() -> None:
    assert pull().state == "open"
    assert pull(state="closed", closed_at="2026-01-01T00:00:00Z").state == "closed"
    merged = pull(state="closed", merged_at="2026-01-01T00:00:00Z", merge_commit_sha="a" * 40)
    assert (merged.state, merged.merge_sha) == ("merged", "a" * 40)


def test_a_trial_merge_is_no_merge() -> None:
    assert pull(merge_commit_sha="a" * 40).merge_sha is None


def test_a_deleted_fork_and_a_deleted_account() -> None:
    found = pull(head={"ref": "patch-1", "sha": SHA, "repo": None}, user=None)
    assert (found.from_fork, found.branch, found.head_sha, found.author) == (True, "patch-1", SHA, None)
    assert pull(head={"ref": "patch-1", "sha": SHA, "repo": {"id": 43}}).from_fork
    assert not pull().from_fork


def test_a_pull_request_belongs_to_its_base() -> None:
    found = pull(body="Fixes #3")
    assert (found.ref.id, found.repository, found.base, found.default_branch) == ("42/8", "example/churn", "main", "main")
    assert found.closes == ("example/churn#3",)


def test_addresses_are_those_of_its_own_github() -> None:
    body = "Fixes https://ghe.example.com/example/other/issues/4, fixes https://github.com/example/other/issues/5"
    assert pull(body=body, html_url="https://ghe.example.com/example/churn/pull/8").closes == ("example/other#4",)


# -- commits, milestones, labels --------------------------------------------------------------------------------------------------


def test_a_commit_in_full() -> None:
    git = {
        "message": "Train\n\nML-42",
        "author": {"name": "Ada Example", "email": "ada@example.com", "date": "2026-01-01T10:00:00Z"},
        "committer": {"name": "GitHub", "email": "noreply@example.com", "date": "2026-01-02T10:00:00Z"},
    }
    found = commit(commit=git, author={"login": "ada-example"})
    assert (found.ref, found.author) == (Ref("github", "commit", f"42/{SHA}"), Person(id="ada-example"))
    assert (found.authored_at, found.committed_at) == (datetime(2026, 1, 1, 10, tzinfo=UTC), datetime(2026, 1, 2, 10, tzinfo=UTC))
    assert commit(commit=git, author=None).author == Person(id="ada@example.com", name="Ada Example")
    assert commit(commit=git, author={}).author == Person(id="ada@example.com", name="Ada Example")


@pytest.mark.parametrize("date_text", [None, "", "0000-00-00T00:00:00Z", "10000-01-01T00:00:00Z", "yesterday"])
def test_a_commit_without_a_date_survives(date_text: str | None) -> None:
    found = commit(commit={"message": "", "author": {"date": date_text}, "committer": None})
    assert (found.authored_at, found.committed_at, found.author, found.message) == (None, None, None, "")
    assert commit(commit=None).message == ""


def test_a_milestone_s_day() -> None:
    record = read_record(words.MILESTONE, b'{"number": 2, "title": "1.0", "state": "closed", "due_on": "2026-06-01T07:00:00Z"}')
    found = TRANSLATION.milestone(record, REPO)
    assert (found.ref.id, found.name, found.due, found.state) == ("42/2", "1.0", date(2026, 6, 1), "closed")


def test_labels_are_ours_or_not() -> None:
    theirs = TRANSLATION.label(read_record(words.LABEL, b'{"id": 5, "name": "bug", "color": "d73a4a", "description": null}'), REPO)
    assert theirs is not None
    assert (theirs.ref.id, theirs.name, theirs.description) == ("42/5", "bug", None)
    assert TRANSLATION.label(read_record(words.LABEL, b'{"id": 6, "name": "ML/Model-Ready"}'), REPO) is None


# -- what cannot be read ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "raw",
    [
        b"null",
        b"5",
        b"[]",
        b"{}",
        b'{"number": 0}',
        b'{"number": "7"}',
        b'{"number": 7, "title": 5}',
        b'{"number": 7, "updated_at": "x"}',
    ],
)
def test_what_is_no_issue_is_refused(raw: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        read_record(words.ISSUE, raw)


@pytest.mark.parametrize("sha", ["abc", "A" * 40, "g" * 40, "../" + "a" * 37])
def test_what_is_no_sha_is_refused(sha: str) -> None:
    with pytest.raises(msgspec.DecodeError):
        commit(sha=sha)


@pytest.mark.parametrize(
    "bad", [rb'{"number": 1, "title": "\ud800"}', b'{"number": 1, "title": "\x01\xff"}', b'{"number": 1, "title": "\xff"}']
)
def test_one_impossible_text_does_not_cost_its_neighbours(bad: bytes) -> None:
    rows = split_page(b"[" + bad + b', {"number": 2}]')
    found = []
    for row in rows:
        try:
            found.append(read_record(words.ISSUE, row).number)
        except msgspec.DecodeError as error:
            assert rejected("work_item", REPO, row, error).id == "42/1"
    assert found == [2]


@pytest.mark.parametrize("page", [b"", b"{}", b"[{", b"<html>", b'{"message": "\\ud800"}'])
def test_what_is_no_page_is_refused(page: bytes) -> None:
    with pytest.raises(ValueError):
        split_page(page)


def test_a_rejected_record_keeps_its_payload_without_secrets() -> None:
    raw = b'{"number": 9, "temp_clone_token": "AAAA", "body": "ghp_0123456789abcdef0123 https://user:pw@example.com/x", "state": 5}'
    entry = rejected("work_item", REPO, raw, ValueError("why"))
    assert (entry.kind, entry.id, entry.reason) == ("work_item", "42/9", "why")
    assert b"AAAA" not in entry.payload and b"ghp_" not in entry.payload and b"pw" not in entry.payload
    assert json.loads(entry.payload)["state"] == 5


def test_an_unreadable_record_has_a_name_that_stays() -> None:
    entries = [rejected("commit", REPO, b'{"sha": \xff', ValueError("why")) for _ in range(2)]
    assert entries[0].id == entries[1].id
    assert entries[0].id.startswith("42/unreadable-")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = (
    "title",
    "body",
    "state",
    "labels",
    "assignee",
    "assignees",
    "milestone",
    "updated_at",
    "type",
    "parent_issue_url",
    "user",
)


@given(st.dictionaries(st.sampled_from(FIELDS), json_values), st.integers(min_value=1))
def test_an_issue_is_translated_or_refused_and_nothing_else(fields: dict[str, Any], number: int) -> None:
    raw = json.dumps({"number": number, **fields}).encode()
    try:
        record = read_record(words.ISSUE, raw)
    except msgspec.DecodeError as error:
        assert rejected("work_item", REPO, raw, error).kind == "work_item"
        return
    entity, _ = TRANSLATION.work_item(record, REPO)
    assert decode(encode(entity)) == entity


@given(st.binary(max_size=200))
def test_any_bytes_can_be_quarantined(raw: bytes) -> None:
    assert rejected("commit", REPO, raw, ValueError("why")).id.startswith("42/")


# -- GitHub's own payloads --------------------------------------------------------------------------------------------------------


def payloads(*names: str) -> Iterator[dict[str, Any]]:
    file = Path(os.environ.get("MILEPOST_CONTRACTS", "../shared/contracts")) / "github-webhook-examples.json.gz"
    if not file.exists():
        pytest.skip(f"GitHub's example payloads are not here: {file} (MILEPOST_CONTRACTS names their folder)")
    for event in json.loads(gzip.decompress(file.read_bytes())):
        if event["name"] in names:
            yield from event["examples"]


def test_github_s_own_issues() -> None:
    count = 0
    for event in payloads("issues", "issue_comment"):
        repository = read_record(words.REPOSITORY, json.dumps(event["repository"]).encode())
        record = read_record(words.ISSUE, json.dumps(event["issue"]).encode())
        entity, _ = TRANSLATION.work_item(record, repository)
        assert entity.key == f"{event['repository']['full_name']}#{event['issue']['number']}"
        assert entity.is_open == (event["issue"].get("state") != "closed")
        count += 1
    assert count > 20


def test_github_s_own_pull_requests() -> None:
    count = 0
    for event in payloads("pull_request"):
        source = event["pull_request"]
        entity, _ = TRANSLATION.change_request(read_record(words.PULL, json.dumps(source).encode()))
        assert entity.ref.id == f"{source['base']['repo']['id']}/{source['number']}"
        assert (entity.head_sha, entity.branch) == (source["head"]["sha"], source["head"]["ref"])
        assert (entity.state == "merged") == bool(source.get("merged"))
        count += 1
    assert count > 20


def test_github_s_own_labels_and_milestones() -> None:
    for event in payloads("label"):
        assert TRANSLATION.label(read_record(words.LABEL, json.dumps(event["label"]).encode()), REPO)
    for event in payloads("milestone"):
        found = TRANSLATION.milestone(read_record(words.MILESTONE, json.dumps(event["milestone"]).encode()), REPO)
        assert found.name == event["milestone"]["title"]


@pytest.mark.parametrize(
    ("ours", "theirs", "dropped_later"),
    [
        (words.IssueRecord, models.Issue, {"assignee"}),
        (words.PullRecord, models.PullRequestSimple, {"merge_commit_sha"}),
        (words.CommitRecord, models.Commit, set()),
        (words.MilestoneRecord, models.Milestone, set()),
        (words.LabelRecord, models.Label, set()),
        (words.Repository, models.FullRepository, set()),
        (words.Repository, models.MinimalRepository, set()),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_every_field_of_ours_is_one_of_github_s(
    ours: type[msgspec.Struct], theirs: type[BaseModel], dropped_later: set[str]
) -> None:
    """The models are of a later version of the API than the one that we ask for."""
    known = {field.alias or name for name, field in theirs.model_fields.items()}
    assert {field.encode_name for field in msgspec.structs.fields(ours)} - known == dropped_later
