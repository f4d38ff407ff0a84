"""Every operation of the Jira stand-in answers, and is asked, as Atlassian's published contract says."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import httpx
import pytest

from sandbox.contract import JIRA, Contract, check_log, contracts_folder
from sandbox.jira import JiraCloud
from sandbox.jira.catalogue import CUSTOM_KINDS

ADF = {"type": "doc", "version": 1, "content": [{"type": "paragraph", "content": [{"type": "text", "text": "Looks drifted."}]}]}


@pytest.fixture(scope="module")
def contract() -> Contract:
    folder = contracts_folder()
    if folder is None:
        pytest.skip("the official contracts are not here: set MILEPOST_CONTRACTS to their folder")
    return Contract(folder / JIRA)


@pytest.fixture
def jira() -> Iterator[JiraCloud]:
    with JiraCloud() as site:
        yield site


@pytest.fixture
def client(jira: JiraCloud) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{jira.url}/rest/api/3", auth=(jira.user, jira.token), timeout=5) as client:
        yield client


def furnish(jira: JiraCloud) -> None:
    """Every kind of field, filled."""
    jira.add_project("ML", "Machine learning")
    values = {
        "select": "One",
        "radiobuttons": "One",
        "multiselect": ["One", "Two"],
        "multicheckboxes": ["Two"],
        "textfield": "a line",
        "textarea": "several\nlines",
        "url": "https://example.com/model",
        "labels": ["a", "b"],
        "float": 0.91,
        "datepicker": date(2026, 3, 1),
        "datetime": jira.clock(),
        "userpicker": "Ada Example",
        "multiuserpicker": ["Ada Example", "Ben Example"],
        "multiversion": ["1.0"],
    }
    for plugin in values:
        jira.add_field(plugin.title(), plugin, options=("One", "Two") if "option" in CUSTOM_KINDS[plugin][:2] else ())
    place = jira.add_field("Place", "cascadingselect", options=("Lab",))
    jira.add_option(place, "Shelf", parent="Lab")
    epic = jira.add_issue("ML", "Churn", type="Epic")
    jira.add_issue(
        "ML",
        "Train",
        description="First line\n\nLast line",
        labels=["data"],
        components=["Data"],
        fix_versions=["1.0"],
        assignee="Ada Example",
        parent=epic,
        due=date(2026, 4, 1),
        fields={**{plugin.title(): value for plugin, value in values.items()}, "Place": ["Lab", "Shelf"]},
    )
    jira.add_issue("ML", "Deploy", status="Done")
    jira.link("ML-2", "Blocks", "ML-3")
    jira.comment("ML-2", "A person's words", author="Ben Example")
    jira.add_version("ML", "2.0", release=date(2026, 5, 1), start=date(2026, 1, 1))


def read_everything(client: httpx.Client) -> None:
    for path in (
        "/issue/ML-2",
        "/issue/ML-2?fields=*all,-comment&expand=names,schema&properties=milepost.status",
        "/issue/ML-2/editmeta",
        "/issue/ML-2/properties",
        "/issue/ML-2/transitions",
        "/issue/ML-2/comment?maxResults=1&orderBy=-created",
        "/field",
        "/status",
        "/issueLinkType",
        "/project/search?maxResults=1&query=ma",
        "/project/ML",
        "/project/ML/versions",
        "/project/ML/version?maxResults=1&status=unreleased",
        "/myself",
        "/mypermissions?permissions=BROWSE_PROJECTS,EDIT_ISSUES,BULK_CHANGE&projectKey=ML",
        "/serverInfo",
        "/search/jql?jql=project%20%3D%20ML&fields=*navigable&maxResults=2",
    ):
        assert client.get(path).status_code == 200, path
    body = {"jql": "project = ML order by updated", "fields": ["*all"], "maxResults": 2, "expand": "names,schema"}
    first = client.post("/search/jql", json=body).json()
    assert client.post("/search/jql", json=body | {"nextPageToken": first["nextPageToken"]}).json()["isLast"]
    assert client.post("/search/jql", json={"jql": "project = ML"}).status_code == 200
    assert client.post("/issue/bulkfetch", json={"issueIdsOrKeys": ["ML-1", "ML-404"], "fields": ["*all"]}).status_code == 200


def write_everything(jira: JiraCloud, client: httpx.Client) -> None:
    edit = {
        "fields": {"customfield_10050": {"value": "Two"}, "description": ADF},
        "update": {"labels": [{"add": "x"}, {"remove": "data"}]},
    }
    assert client.put("/issue/ML-2", json=edit).status_code == 204
    assert client.put("/issue/ML-2", json={"fields": {"summary": "Train again"}}, params={"returnIssue": "true"}).status_code == 200
    assert client.put("/issue/ML-2/properties/milepost.status", json={"statuses": ["drift-alert"]}).status_code == 201
    assert client.put("/issue/ML-2/properties/milepost.status", json={"statuses": []}).status_code == 200
    assert client.get("/issue/ML-2/properties/milepost.status").json()["value"] == {"statuses": []}
    assert client.get("/issue/ML-2/properties").json()["keys"][0]["key"] == "milepost.status"
    assert client.delete("/issue/ML-2/properties/milepost.status").status_code == 204
    assert client.post("/issue/ML-2/comment", json={"body": ADF}).status_code == 201
    assert client.post("/issue/ML-2/transitions", json={"transition": {"id": "21"}}).status_code == 204
    link = {"type": {"name": "Relates"}, "inwardIssue": {"key": "ML-1"}, "outwardIssue": {"key": "ML-2"}}
    assert client.post("/issueLink", json=link).status_code == 201
    bulk = {
        "selectedActions": ["customfield_10050", "labels", "summary", "customfield_10052"],
        "selectedIssueIdsOrKeys": ["ML-1", "ML-2", "ML-404"],
        "editedFieldsInput": {
            "singleSelectFields": [{"fieldId": "customfield_10050", "option": {"optionId": int(jira.option_id("Select", "One"))}}],
            "multipleSelectFields": [
                {"fieldId": "customfield_10052", "options": [{"optionId": int(jira.option_id("Multiselect", "Two"))}]}
            ],
            "labelsFields": [{"fieldId": "labels", "bulkEditMultiSelectFieldOption": "ADD", "labels": [{"name": "bulk"}]}],
            "singleLineTextFields": [{"fieldId": "summary", "text": "Same for all"}],
        },
        "sendBulkNotification": False,
    }
    task = client.post("/bulk/issues/fields", json=bulk).json()["taskId"]
    assert client.get(f"/bulk/queue/{task}").json()["status"] == "COMPLETE"


def fail_everything(jira: JiraCloud, client: httpx.Client) -> None:
    assert client.get("/search", params={"jql": "project = ML"}).status_code == 410
    assert client.get("/issue/ML-404").status_code == 404
    assert client.get("/project/NONE").status_code == 404
    assert client.put("/issue/ML-2", json={"fields": {"customfield_1": "x"}}).status_code == 400
    assert client.post("/search/jql", json={"jql": "nonsense"}).status_code == 400
    assert client.get("/mypermissions", params={"permissions": "NO_SUCH"}).status_code == 400
    assert client.post("/issue/ML-2/transitions", json={"transition": {"id": "999"}}).status_code == 400
    assert client.get("/bulk/queue/1").status_code == 400
    assert httpx.get(f"{jira.url}/rest/api/3/myself").status_code == 401
    assert httpx.get(f"{jira.url}/_edge/tenant_info").json() == {"cloudId": jira.cloud_id}


def test_a_session_over_every_operation_keeps_the_contract(jira: JiraCloud, client: httpx.Client, contract: Contract) -> None:
    furnish(jira)
    read_everything(client)
    write_everything(jira, client)
    read_everything(client)
    fail_everything(jira, client)
    assert check_log(jira, contract) == []
    served = {(route.method, route.pattern) for route in jira.routes() if "/rest/api/2/" not in route.pattern}
    touched = {(entry.method, entry.pattern) for entry in jira.requests}
    assert served - touched == {("POST", "/rest/api/3/search")}


def test_what_breaks_the_contract_is_found(jira: JiraCloud, client: httpx.Client, contract: Contract) -> None:
    jira.add_project("ML", "Machine learning")
    client.get("/search/jql", params={"jql": "project = ML", "startAt": "0"})
    client.post("/issue/bulkfetch", json={"issueIdsOrKeys": "ML-1"})
    client.get("/nowhere")
    found = "\n".join(check_log(jira, contract))
    assert "?startAt: is no documented parameter" in found
    assert "POST /rest/api/3/issue/bulkfetch /issueIdsOrKeys" in found
    assert "GET /rest/api/3/nowhere operation: is not documented" in found
    wrong = {"issues": [{"id": 10001}], "isLast": "no"}
    places = contract.check_response("POST", "/rest/api/3/search/jql", 200, wrong)
    assert sorted(text.split(": ")[0] for text in places) == [
        "POST /rest/api/3/search/jql /isLast",
        "POST /rest/api/3/search/jql /issues/0/id",
    ]
    assert contract.check_response("PUT", "/rest/api/3/issue/ML-1", 204, {"a": 1}) != []
    assert contract.check_response("GET", "/rest/api/3/issue/ML-1", 418, None) == [
        "GET /rest/api/3/issue/{issueIdOrKey} status: 418 is not documented"
    ]


def test_a_literal_path_wins_over_a_parameter(contract: Contract) -> None:
    assert contract.template("POST", "/rest/api/3/issue/bulkfetch") == "/rest/api/3/issue/bulkfetch"
    assert contract.template("GET", "/rest/api/3/issue/bulkfetch") == "/rest/api/3/issue/{issueIdOrKey}"
    assert contract.template("PATCH", "/rest/api/3/issue/ML-1") is None
