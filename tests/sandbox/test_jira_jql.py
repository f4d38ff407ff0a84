"""JQL: what it accepts, what it refuses in Jira's words, and that its dates are in the account's time zone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.jira import JiraCloud
from sandbox.jira.jql import And, Clause, JqlError, Not, Or, Order, Query, parse

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def jira() -> Iterator[JiraCloud]:
    with JiraCloud() as site:
        site.clock = lambda: NOON
        site.add_project("ML", "Machine learning")
        site.add_project("OPS", "Operations")
        yield site


@pytest.fixture
def client(jira: JiraCloud) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{jira.url}/rest/api/3", auth=(jira.user, jira.token), timeout=5) as client:
        yield client


def found(client: httpx.Client, jql: str) -> list[str]:
    answer = client.post("/search/jql", json={"jql": jql, "fields": ["key"]})
    assert answer.status_code == 200, answer.text
    return [issue["key"] for issue in answer.json()["issues"]]


def refused(client: httpx.Client, jql: str) -> str:
    answer = client.post("/search/jql", json={"jql": jql, "fields": ["key"]})
    assert answer.status_code == 400, answer.text
    return str(answer.json()["errorMessages"][0])


# -- the grammar ----------------------------------------------------------------------------------------------------------


def test_and_binds_tighter_than_or_and_not_tighter_than_both() -> None:
    ready, data, urgent = (Clause("labels", "=", (name,)) for name in ("ready", "data", "urgent"))
    assert parse("labels = ready or not labels = data and labels = urgent").where == Or((ready, And((Not(data), urgent))))
    assert parse("(labels = ready || labels = data) && ! labels = urgent").where == And((Or((ready, data)), Not(urgent)))


def test_lists_emptiness_quotes_and_orders() -> None:
    assert parse("""Labels NOT IN ("a b", 'c\\'d', e) AND Component is not EMPTY order by updated, key DESC""") == Query(
        And((Clause("Labels", "not in", ("a b", "c'd", "e")), Clause("Component", "is not", (None,)))),
        (Order("updated", descending=False), Order("key", descending=True)),
    )
    assert parse("cf[10050] in (EMPTY, Ready)").where == Clause("cf[10050]", "in", (None, "Ready"))
    assert parse('updated >= "2026-03-01 10:00" and created < -5m').where == And(
        (Clause("updated", ">=", ("2026-03-01 10:00",)), Clause("created", "<", ("-5m",)))
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("project = ORDER", "'ORDER' is a reserved JQL word. You must surround it in quotation marks to use it in a query."),
        ("project = ML x", "Expecting either 'OR' or 'AND' but got 'x'. (line 1, character 14)"),
        ("project ML", "Expecting operator but got 'ML'."),
        ('project = "ML', "The quoted string 'ML' has not been completed."),
        ("summary = a#b", "The character '#' is a reserved JQL character."),
        ("project in ()", "Expecting either a value, list or function but got ')'."),
        ("(project = ML", "Expecting ')' before the end of the query."),
        ("project = ML order updated", "Expecting 'BY' but got 'updated'."),
        ("project = ML order by " + ", ".join(["key"] * 8), "can contain a maximum of 7 fields"),
        ("labels is ready", "The operator 'is' only supports the values EMPTY and NULL"),
        ("summary ~ drift", "The operator '~' is not supported by the 'summary' field."),
        ("updated > startOfDay()", "Unable to find JQL function 'startOfDay()'."),
        ("(" * 5000 + "a = b", "nested too deeply"),
    ],
)
def test_what_is_no_jql_is_refused_in_jiras_words(text: str, message: str) -> None:
    with pytest.raises(JqlError) as refusal:
        parse(text)
    assert message in str(refusal.value)


@given(st.text(max_size=60))
def test_any_text_parses_or_is_refused(text: str) -> None:
    try:
        assert isinstance(parse(text), Query)
    except JqlError as error:
        assert str(error)


@given(st.text(min_size=1, max_size=30))
def test_a_quoted_value_comes_back_whole(value: str) -> None:
    quoted = value.replace("\\", "\\\\").replace('"', '\\"')
    assert parse(f'labels = "{quoted}"').where == Clause("labels", "=", (value,))


# -- against a site -------------------------------------------------------------------------------------------------------


def test_fields_and_operators_find_what_they_say(jira: JiraCloud, client: httpx.Client) -> None:
    jira.add_field("ML Status", "select", options=("Model ready", "Drift alert"))
    ready = jira.add_issue("ML", "one", labels=["data", "ml/x"], components=["Data"], fields={"ML Status": "Model ready"})
    done = jira.add_issue("ML", "two", status="Done", fix_versions=["1.0"], parent=ready)
    other = jira.add_issue("OPS", "three", labels=["data"], type="Bug", assignee="Ada Example", priority="High")
    everything = [ready, done, other]
    expected = {
        "project = ml": [ready, done],
        "project in (ML, Operations)": everything,
        "project != ML": [other],
        f"key in ({ready}, {other})": [ready, other],
        f"id = {jira.get(done)['id']}": [done],
        f"key > {ready}": [done],
        "status = done": [done],
        'statusCategory != Done and project = "Machine learning"': [ready],
        "labels = data and project = OPS": [other],
        # Negations leave out what is empty, as Jira documents it.
        'labels not in ("ml/x")': [other],
        "labels is empty": [done],
        "not labels = data": [done],
        'component = "Data"': [ready],
        'fixVersion = "1.0"': [done],
        "issuetype in (Bug, Epic)": [other],
        'assignee = "Ada Example" or priority = Highest': [other],
        'cf[10050] = "model ready"': [ready],
        '"ML Status" is not empty': [ready],
        "resolution = Unresolved": [ready, other],
        f"parent = {ready}": [done],
    }
    assert {jql: found(client, f"{jql} order by created, key") for jql in expected} == expected


@pytest.mark.parametrize(
    ("jql", "message"),
    [
        ("", "Unbounded JQL queries are not allowed here."),
        ("order by updated", "Unbounded JQL queries are not allowed here."),
        ("project = NONE", "The value 'NONE' does not exist for the field 'project'."),
        ("key = ML-404", "An issue with key 'ML-404' does not exist for field 'key'."),
        ("colour = red", "Field 'colour' does not exist or you do not have permission to view it."),
        ("status > Done", "The operator '>' is not supported by the 'status' field."),
        ("project = ML order by labels", "Not able to sort using field 'labels'."),
        ('updated > "2026-03-01T10:00:00Z"', "Date value '2026-03-01T10:00:00Z' for field 'updated' is invalid."),
        ('updated > "2026-02-30 10:00"', "is invalid. Valid formats include: 'yyyy/MM/dd HH:mm'"),
        ('updated > "2026-03-01 10:00:30"', "is invalid"),
    ],
)
def test_names_and_values_that_are_not_there_are_refused(client: httpx.Client, jql: str, message: str) -> None:
    assert message in refused(client, jql)


def test_a_hidden_project_does_not_exist(jira: JiraCloud, client: httpx.Client) -> None:
    jira.add_issue("ML", "seen")
    jira.add_issue("OPS", "unseen", labels=["data"])
    jira.change_project("OPS", hidden=True)
    assert "does not exist" in refused(client, "project = OPS")
    assert found(client, "labels = data or project = ML") == ["ML-1"]


def test_absolute_times_are_minutes_in_the_accounts_time_zone(jira: JiraCloud, client: httpx.Client) -> None:
    moments = [NOON - timedelta(hours=1, seconds=1), NOON - timedelta(hours=1), NOON]
    early, exact, late = (jira.add_issue("ML", str(moment), created=moment) for moment in moments)
    jira.time_zone = "Europe/Berlin"
    assert found(client, 'updated >= "2026-03-01 12:00" order by updated') == [exact, late]
    assert found(client, 'updated > "2026/03/01 12:00"') == [late]
    assert found(client, 'updated <= "2026-03-01 12:00" order by updated') == [early, exact]
    assert found(client, "updated >= 2026-03-01 order by updated") == [early, exact, late]
    assert jira.get(late)["fields"]["updated"] == "2026-03-01T13:00:00.000+0100"
    jira.time_zone, jira.server_time_zone = None, "Asia/Tokyo"
    assert found(client, 'updated >= "2026-03-01 20:00" order by updated') == [exact, late]
    assert "timeZone" not in client.get("/myself").json()
    assert client.get("/serverInfo").json()["serverTimeZone"] == "Asia/Tokyo"


def test_relative_times_count_from_now(jira: JiraCloud, client: httpx.Client) -> None:
    old = jira.add_issue("ML", "old", created=NOON - timedelta(days=2))
    new = jira.add_issue("ML", "new", created=NOON - timedelta(minutes=4))
    assert found(client, "updated >= -5m") == [new]
    assert found(client, 'created < "-1d 4h"') == [old]
    assert found(client, "updated >= -1w order by updated desc") == [new, old]
