"""Writing through the API: what the edit screen allows, the error texts, properties, bulk edits, transitions, links, comments."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from sandbox.jira import JiraCloud

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
OFF_SCREEN = "Field '{}' cannot be set. It is not on the appropriate screen, or unknown."
ADF = {"type": "doc", "version": 1, "content": [{"type": "paragraph", "content": [{"type": "text", "text": "Drifted."}]}]}


@pytest.fixture
def jira() -> Iterator[JiraCloud]:
    with JiraCloud() as site:
        site.clock = lambda: NOON
        site.add_project("ML", "Machine learning")
        site.add_project("OPS", "Operations")
        site.add_field("ML Status", "select", options=("Model ready", "Drift alert"), on_screen=["ML"])
        site.add_field("ML Statuses", "multiselect", options=("Model ready", "Drift alert"))
        site.add_issue("ML", "Train", labels=["data"])
        site.add_issue("OPS", "Deploy")
        # Everything after the world's making happens an hour later.
        site.clock = lambda: NOON + timedelta(hours=1)
        yield site


@pytest.fixture
def client(jira: JiraCloud) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{jira.url}/rest/api/3", auth=(jira.user, jira.token), timeout=5) as client:
        yield client


def fields(jira: JiraCloud, key: str) -> dict[str, Any]:
    return dict(jira.get(key)["fields"])


def error_of(answer: httpx.Response, field: str) -> str:
    assert answer.status_code == 400, answer.text
    assert answer.json()["errorMessages"] == []
    return str(answer.json()["errors"][field])


# -- edits ------------------------------------------------------------------------------------------------------------------


def test_an_edit_sets_fields_and_counts_as_an_update(jira: JiraCloud, client: httpx.Client) -> None:
    body = {
        "fields": {"customfield_10050": {"value": "Drift alert"}, "summary": "Train again", "duedate": "2026-04-01"},
        "update": {"labels": [{"add": "ml/drift-alert"}, {"remove": "data"}, {"add": "ml/drift-alert"}]},
    }
    assert client.put("/issue/ML-1", json=body).status_code == 204
    now = fields(jira, "ML-1")
    assert now["customfield_10050"]["value"] == "Drift alert"
    assert (now["summary"], now["labels"], now["duedate"]) == ("Train again", ["ml/drift-alert"], "2026-04-01")
    assert (now["created"], now["updated"]) == ("2026-03-01T12:00:00.000+0000", "2026-03-01T13:00:00.000+0000")
    assert client.put("/issue/ML-1", json={"fields": {"customfield_10050": None}}).status_code == 204
    assert fields(jira, "ML-1")["customfield_10050"] is None


def test_an_edit_that_changes_nothing_is_no_update(jira: JiraCloud, client: httpx.Client) -> None:
    assert client.put("/issue/ML-1", json={"update": {"labels": [{"add": "data"}]}}).status_code == 204
    assert fields(jira, "ML-1")["updated"] == "2026-03-01T12:00:00.000+0000"


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("customfield_10050", {"value": "No such"}, "Option value 'No such' is not valid"),
        ("customfield_10050", {"id": "1"}, "Option id '1' is not valid"),
        ("customfield_10050", "Drift alert", "Specify a valid 'id' or 'value' for ML Status"),
        ("customfield_10051", {"value": "Drift alert"}, "data was not an array"),
        ("customfield_99999", "x", OFF_SCREEN.format("customfield_99999")),
        ("status", {"name": "Done"}, OFF_SCREEN.format("status")),
        ("labels", ["two words"], "The label 'two words' contains spaces which is invalid."),
        ("labels", ["x" * 256], "exceeds the maximum length of 255 characters"),
        ("summary", "x" * 256, "It exceeds the allowed limit of 255 characters."),
        ("summary", "", "You must specify a summary of the issue."),
        ("description", "plain text", "Operation value must be an Atlassian Document"),
        ("assignee", {"accountId": "nobody"}, "Specify a valid value for user"),
        ("priority", {"name": "Sky-high"}, "Specify a valid 'id' or 'name' for Priority"),
        ("fixVersions", [{"name": "9.9"}], "Specify a valid 'id' or 'name' for Fix versions"),
        ("duedate", "1 April", "Operation value must be a string in the format 'yyyy-MM-dd'"),
    ],
)
def test_bad_values_are_refused_in_jiras_words(jira: JiraCloud, client: httpx.Client, field: str, value: Any, text: str) -> None:
    before = jira.get("ML-1")
    assert text in error_of(
        client.put("/issue/ML-1", json={"fields": {field: value, "summary": "Not even this"} | {field: value}}), field
    )
    assert jira.get("ML-1") == before


def test_a_field_off_the_screen_cannot_be_set(jira: JiraCloud, client: httpx.Client) -> None:
    answer = client.put("/issue/OPS-1", json={"fields": {"customfield_10050": {"value": "Drift alert"}}})
    assert error_of(answer, "customfield_10050") == OFF_SCREEN.format("customfield_10050")
    assert "customfield_10050" not in client.get("/issue/OPS-1/editmeta").json()["fields"]
    meta = client.get("/issue/ML-1/editmeta").json()["fields"]["customfield_10050"]
    assert ([option["value"] for option in meta["allowedValues"]], meta["operations"]) == (["Model ready", "Drift alert"], ["set"])


def test_fields_and_update_may_not_name_the_same_field(client: httpx.Client) -> None:
    answer = client.put("/issue/ML-1", json={"fields": {"labels": []}, "update": {"labels": [{"add": "x"}]}})
    assert "cannot appear in both" in error_of(answer, "labels")


def test_a_disabled_option_stays_but_cannot_be_chosen(jira: JiraCloud, client: httpx.Client) -> None:
    jira.edit("ML-1", fields={"ML Status": "Drift alert"})
    jira.drop_option("ML Status", "Drift alert")
    assert fields(jira, "ML-1")["customfield_10050"]["value"] == "Drift alert"
    answer = client.put("/issue/ML-1", json={"fields": {"customfield_10050": {"value": "Drift alert"}}})
    assert error_of(answer, "customfield_10050") == "Option value 'Drift alert' is not valid"


@pytest.mark.parametrize("hindrance", ["archived", "locked", "denied"])
def test_what_cannot_be_edited_has_an_empty_screen(jira: JiraCloud, client: httpx.Client, hindrance: str) -> None:
    match hindrance:
        case "archived":
            jira.archive("ML-1")
        case "locked":
            jira.lock_by_workflow("ML-1")
        case _:
            jira.deny("EDIT_ISSUES", project="ML")
    assert client.get("/issue/ML-1/editmeta").json() == {"fields": {}}
    answer = client.put("/issue/ML-1", json={"update": {"labels": [{"add": "x"}]}})
    assert error_of(answer, "labels") == OFF_SCREEN.format("labels")
    assert client.put("/issue/ML-1/properties/milepost.status", json=1).status_code == 403
    assert fields(jira, "ML-1")["labels"] == ["data"]


def test_silence_without_administration_rights_is_accepted_and_ignored(jira: JiraCloud, client: httpx.Client) -> None:
    body = {"fields": {"summary": "Quietly"}}
    assert client.put("/issue/ML-1", json=body, params={"notifyUsers": "false"}).status_code == 204
    assert fields(jira, "ML-1")["summary"] == "Train"
    jira.grant("ADMINISTER")
    assert client.put("/issue/ML-1", json=body, params={"notifyUsers": "false"}).status_code == 204
    assert fields(jira, "ML-1")["summary"] == "Quietly"


def test_screens_are_overridden_by_administrators_only(client: httpx.Client) -> None:
    assert client.put("/issue/ML-1", json={}, params={"overrideScreenSecurity": "true"}).status_code == 403


# -- properties ---------------------------------------------------------------------------------------------------------------


def test_a_property_is_created_replaced_and_deleted_without_an_update(jira: JiraCloud, client: httpx.Client) -> None:
    path = "/issue/ML-1/properties/milepost.status"
    assert client.get(path).status_code == 404
    assert client.put(path, json={"n": 1}).status_code == 201
    assert client.put(path, json={"n": 2}).status_code == 200
    assert client.get(path).json() == {"key": "milepost.status", "value": {"n": 2}}
    assert [entry["key"] for entry in client.get("/issue/ML-1/properties").json()["keys"]] == ["milepost.status"]
    assert client.delete(path).status_code == 204
    assert client.delete(path).status_code == 404
    assert fields(jira, "ML-1")["updated"] == "2026-03-01T12:00:00.000+0000"


def test_a_property_must_be_json_of_bounded_length(client: httpx.Client) -> None:
    path = "/issue/ML-1/properties/milepost.status"
    assert client.put(path, content=b"{", headers={"Content-Type": "application/json"}).status_code == 400
    assert client.put(path, json="x" * 32_767).status_code == 400
    assert client.put(path, json="x" * 32_766).status_code == 201


# -- bulk edits ---------------------------------------------------------------------------------------------------------------


def bulk(issues: list[str], **inputs: list[dict[str, Any]]) -> dict[str, Any]:
    actions = [entry["fieldId"] for entries in inputs.values() for entry in entries]
    return {
        "selectedActions": actions,
        "selectedIssueIdsOrKeys": issues,
        "editedFieldsInput": inputs,
        "sendBulkNotification": False,
    }


def label(verb: str, *names: str) -> dict[str, Any]:
    return {"fieldId": "labels", "bulkEditMultiSelectFieldOption": verb, "labels": [{"name": name} for name in names]}


def test_a_bulk_edit_completes_and_hides_its_failures_in_the_queue(jira: JiraCloud, client: httpx.Client) -> None:
    option = int(jira.option_id("ML Status", "Drift alert"))
    second = jira.add_issue("ML", "Second")
    jira.lock_by_workflow(second)
    body = bulk(
        ["ML-1", second, "OPS-1", "ML-404"], singleSelectFields=[{"fieldId": "customfield_10050", "option": {"optionId": option}}]
    )
    task = client.post("/bulk/issues/fields", json=body)
    assert task.status_code == 201
    done = client.get(f"/bulk/queue/{task.json()['taskId']}").json()
    first, locked, other = (int(jira.get(key)["id"]) for key in ("ML-1", second, "OPS-1"))
    assert (done["status"], done["processedAccessibleIssues"], done["invalidOrInaccessibleIssueCount"]) == ("COMPLETE", [first], 1)
    assert done["failedAccessibleIssues"] == {str(ident): [OFF_SCREEN.format("customfield_10050")] for ident in (locked, other)}
    assert fields(jira, "ML-1")["customfield_10050"]["id"] == str(option)
    cleared = bulk(["ML-1"], singleSelectFields=[{"fieldId": "customfield_10050", "option": {"optionId": -1}}])
    assert client.post("/bulk/issues/fields", json=cleared).status_code == 201
    client.get("/myself")
    assert fields(jira, "ML-1")["customfield_10050"] is None


def test_bulk_labels_are_added_removed_and_replaced(jira: JiraCloud, client: httpx.Client) -> None:
    for verb, names, left in (
        ("ADD", ("x", "y"), ["data", "x", "y"]),
        ("REMOVE", ("data", "other"), ["x", "y"]),
        ("REPLACE", ("z",), ["z"]),
        ("REMOVE_ALL", (), []),
    ):
        assert client.post("/bulk/issues/fields", json=bulk(["ML-1"], labelsFields=[label(verb, *names)])).status_code == 201
        client.get("/myself")
        assert fields(jira, "ML-1")["labels"] == left


def test_a_bulk_edit_runs_for_a_while(jira: JiraCloud, client: httpx.Client) -> None:
    jira.bulk_seconds = 60
    task = client.post("/bulk/issues/fields", json=bulk(["ML-1"], labelsFields=[label("ADD", "x")])).json()["taskId"]
    assert client.get(f"/bulk/queue/{task}").json()["status"] == "RUNNING"
    assert fields(jira, "ML-1")["labels"] == ["data"]
    for _ in range(4):
        assert client.post("/bulk/issues/fields", json=bulk(["OPS-1"], labelsFields=[label("ADD", "x")])).status_code == 201
    sixth = client.post("/bulk/issues/fields", json=bulk(["OPS-1"], labelsFields=[label("ADD", "x")]))
    assert "At most 5" in sixth.json()["errors"][0]["message"]
    jira.clock = lambda: NOON + timedelta(hours=2)
    assert client.get(f"/bulk/queue/{task}").json()["progressPercent"] == 100
    assert fields(jira, "ML-1")["labels"] == ["data", "x"]


@pytest.mark.parametrize(
    "body",
    [
        bulk([], labelsFields=[label("ADD", "x")]),
        bulk([str(number) for number in range(1001)], labelsFields=[label("ADD", "x")]),
        bulk(["ML-1"], labelsFields=[label("ADD", "two words")]),
        bulk(["ML-1"], labelsFields=[label("SOMETIMES", "x")]),
        bulk(["ML-1"], singleSelectFields=[{"fieldId": "customfield_10050", "option": {"optionId": 1}}]),
        bulk(["ML-1"], singleSelectFields=[{"fieldId": "labels", "option": {"optionId": 1}}]),
        bulk(["ML-1"], labelsFields=[label("ADD", "x")]) | {"selectedActions": ["summary"]},
        bulk(["ML-1"], labelsFields=[label("ADD", "x")]) | {"surprise": True},
    ],
)
def test_bad_bulk_edits_are_refused_whole(jira: JiraCloud, client: httpx.Client, body: dict[str, Any]) -> None:
    answer = client.post("/bulk/issues/fields", json=body)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["message"]
    assert fields(jira, "ML-1")["labels"] == ["data"]


def test_bulk_edits_need_the_global_permission(jira: JiraCloud, client: httpx.Client) -> None:
    jira.deny("BULK_CHANGE")
    asked = client.get("/mypermissions", params={"permissions": "BULK_CHANGE,EDIT_ISSUES", "projectKey": "ML"}).json()[
        "permissions"
    ]
    assert {key: entry["havePermission"] for key, entry in asked.items()} == {"BULK_CHANGE": False, "EDIT_ISSUES": True}
    assert client.post("/bulk/issues/fields", json=bulk(["ML-1"], labelsFields=[label("ADD", "x")])).status_code == 400


# -- transitions, links, comments ---------------------------------------------------------------------------------------------


def test_a_transition_to_done_resolves_and_back_reopens(jira: JiraCloud, client: httpx.Client) -> None:
    offered = {entry["name"]: entry["id"] for entry in client.get("/issue/ML-1/transitions").json()["transitions"]}
    assert list(offered) == ["To Do", "In Progress", "Done"]
    assert client.post("/issue/ML-1/transitions", json={"transition": {"id": offered["Done"]}}).status_code == 204
    done = fields(jira, "ML-1")
    assert (done["status"]["statusCategory"]["key"], done["resolution"]["name"]) == ("done", "Done")
    assert done["resolutiondate"] == done["statuscategorychangedate"] == "2026-03-01T13:00:00.000+0000"
    jira.transition("ML-1", "In Progress")
    assert fields(jira, "ML-1")["resolutiondate"] is None
    refused = client.post("/issue/ML-1/transitions", json={"transition": {"id": "7"}})
    assert refused.json()["errorMessages"] == ["Transition id '7' is not valid for this issue."]


def test_a_link_shows_on_both_sides_and_only_once(jira: JiraCloud, client: httpx.Client) -> None:
    body = {"type": {"name": "Blocks"}, "inwardIssue": {"key": "ML-1"}, "outwardIssue": {"key": "OPS-1"}}
    assert [client.post("/issueLink", json=body).status_code for _ in range(2)] == [201, 201]
    (blocks,), (blocked,) = fields(jira, "ML-1")["issuelinks"], fields(jira, "OPS-1")["issuelinks"]
    assert (blocks["type"]["outward"], blocks["outwardIssue"]["key"]) == ("blocks", "OPS-1")
    assert (blocked["type"]["inward"], blocked["inwardIssue"]["key"]) == ("is blocked by", "ML-1")
    jira.change_project("OPS", hidden=True)
    assert client.get("/issue/ML-1", params={"fields": "issuelinks"}).json()["fields"] == {"issuelinks": []}
    assert client.post("/issueLink", json=body).status_code == 404


def test_comments_are_added_and_paged(jira: JiraCloud, client: httpx.Client) -> None:
    jira.comment("ML-1", "first", author="Ada Example")
    assert client.post("/issue/ML-1/comment", json={"body": "not a document"}).status_code == 400
    assert client.post("/issue/ML-1/comment", json={"body": ADF}).json()["body"] == ADF
    page = client.get("/issue/ML-1/comment", params={"startAt": 1}).json()
    assert (page["total"], [comment["author"]["displayName"] for comment in page["comments"]]) == (2, ["Milepost Bot"])
    jira.deny("ADD_COMMENTS", project="ML")
    assert client.post("/issue/ML-1/comment", json={"body": ADF}).status_code == 400


# -- identity, absence, credentials -------------------------------------------------------------------------------------------


def test_a_moved_issue_stays_itself_under_its_old_key(jira: JiraCloud, client: httpx.Client) -> None:
    ident = jira.get("ML-1")["id"]
    moved = jira.move("ML-1", "OPS")
    for name in ("ML-1", "ml-1", moved, ident):
        answer = client.get(f"/issue/{name}", params={"fields": "project"}).json()
        assert (answer["id"], answer["key"], answer["fields"]["project"]["key"]) == (ident, moved, "OPS")


def test_deleted_and_hidden_issues_are_the_same_404_and_archived_ones_are_still_read(jira: JiraCloud, client: httpx.Client) -> None:
    gone = jira.add_issue("ML", "gone")
    jira.delete(gone)
    jira.change_project("OPS", hidden=True)
    for key in (gone, "OPS-1", "ML-999"):
        answer = client.get(f"/issue/{key}")
        assert answer.status_code == 404
        assert answer.json()["errorMessages"] == ["Issue does not exist or you do not have permission to see it."]
    jira.archive("ML-1")
    assert client.get("/issue/ML-1").status_code == 200
    assert client.post("/search/jql", json={"jql": "project = ML"}).json()["issues"] == []


def test_credentials_are_checked_and_said_to_have_failed(jira: JiraCloud) -> None:
    for auth in (None, (jira.user, "wrong"), ("someone@example.com", jira.token)):
        answer = httpx.get(f"{jira.url}/rest/api/3/issue/ML-1", auth=auth)
        assert answer.status_code == 401
        assert answer.headers["x-seraph-loginreason"] == "AUTHENTICATED_FAILED"
    jira.token = "renewed"
    assert httpx.get(f"{jira.url}/rest/api/3/myself", auth=(jira.user, "renewed")).json()["displayName"] == "Milepost Bot"
    assert httpx.get(f"{jira.url}/rest/api/3/serverInfo").json()["deploymentType"] == "Cloud"


def test_the_log_tells_writes_from_reads(jira: JiraCloud, client: httpx.Client) -> None:
    client.post("/search/jql", json={"jql": "project = ML"})
    client.post("/issue/bulkfetch", json={"issueIdsOrKeys": ["ML-1"]})
    client.put("/issue/ML-1", json={"fields": {"nothing": 1}})
    client.put("/issue/ML-1", json={"update": {"labels": [{"add": "x"}]}})
    jira.edit("ML-1", summary="by a person")
    assert [(entry.method, entry.path) for entry in jira.writes] == [("PUT", "/rest/api/3/issue/ML-1")]
    assert all(entry.headers["authorization"] == "Basic ***" for entry in jira.requests)


def test_versions_are_paged_and_filtered(jira: JiraCloud, client: httpx.Client) -> None:
    for number in range(3):
        jira.add_version("ML", f"1.{number}", released=number == 0, release=NOON.date() + timedelta(days=number - 1))
    first = client.get("/project/ML/version", params={"maxResults": 2}).json()
    assert (first["total"], first["isLast"], [entry["name"] for entry in first["values"]]) == (3, False, ["1.0", "1.1"])
    last = client.get(first["nextPage"]).json()
    assert ([entry["name"] for entry in last["values"]], last["isLast"]) == (["1.2"], True)
    open_ones = client.get("/project/ML/version", params={"status": "unreleased"}).json()["values"]
    assert [(entry["name"], entry["releaseDate"], entry["overdue"]) for entry in open_ones] == [
        ("1.1", "2026-03-01", False),
        ("1.2", "2026-03-02", False),
    ]
