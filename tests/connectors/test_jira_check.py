"""What `check` says about a Jira source, and what its options take and refuse."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from connectors.base import Finding, SourceContext
from connectors.jira import CONNECTION
from connectors.jira.jql import in_scope, listing, local_minute, whole_minute
from connectors.jira.options import PROPERTY, JiraOptions, JiraPublish, JiraScope, JiraSecrets
from mappings.change import Badge, Owned
from sandbox.faults import Fault, answers, html_page
from sandbox.jira import JiraCloud

BADGE = Badge(id="drift-alert", title="Drift alert", label="drift-alert", color="b60205", description="")
OPTIONS = ("Drift alert", "Unknown")
ML = JiraScope(projects=("ML",))


class Counter:
    def request(self, **_budget: Any) -> None:
        pass


@pytest.fixture
def site() -> Iterator[JiraCloud]:
    cloud = JiraCloud()
    cloud.add_project("ML", "Machine learning")
    cloud.add_field("ML Status", "select", options=OPTIONS)
    cloud.add_issue("ML", "Issue")
    with cloud:
        yield cloud
    assert not [entry for entry in cloud.requests if entry.unknown_query or entry.pattern is None]


def check(site: JiraCloud, scope: JiraScope = ML, field: str | None = "ML Status", token: str | None = None) -> Sequence[Finding]:
    context = SourceContext(
        name="jira",
        options=JiraOptions(url=site.url),
        secrets=JiraSecrets.model_validate({"user": site.user, "token": token or site.token}),
        owned=JiraPublish(field=field).owned([BADGE]),
        meter=Counter(),
        stop=threading.Event(),
    )
    reader = CONNECTION.reader(context)
    try:
        return reader.check(scope)
    finally:
        reader.close()


def problems(findings: Sequence[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.level in ("warning", "error")]


def the_problem(findings: Sequence[Finding], topic: str) -> str:
    (found,) = problems(findings)
    assert found.topic == topic
    assert found.fix
    return f"{found.text}; {found.fix}"


def test_all_is_well(site: JiraCloud) -> None:
    findings = check(site)
    assert problems(findings) == []
    text = "\n".join(finding.text for finding in findings)
    for words in (
        "signed in as Milepost Bot",
        "time zone is UTC",
        "project ML can be read",
        "ML can be edited",
        "349 of 350",
        "clock agrees",
    ):
        assert words in text
    assert 'the field "ML Status" can show every status' in text
    assert site.user not in repr(findings)
    assert site.writes == []


def test_wrong_credentials_are_the_first_and_last_finding(site: JiraCloud) -> None:
    findings = check(site, token="wrong-token")
    assert "check MILEPOST_JIRA__USER and MILEPOST_JIRA__TOKEN" in the_problem(findings, "identity")
    assert "wrong-token" not in repr(findings)


def test_something_else_stands_in_front(site: JiraCloud) -> None:
    site.faults.append(Fault(html_page(200), path="*/serverInfo", times=9))
    assert "web page" in the_problem(check(site), "site")


@pytest.mark.parametrize("said", [{}, {"deploymentType": None}, {"deploymentType": "Orbit"}])
def test_a_deployment_that_nobody_knows(site: JiraCloud, said: dict[str, Any]) -> None:
    site.faults.append(Fault(answers(200, said), path="*/serverInfo", times=9))
    assert "set its deployment to cloud or data-center" in the_problem(check(site), "site")


def test_a_project_that_is_hidden(site: JiraCloud) -> None:
    findings = check(site, scope=JiraScope(projects=("ML", "GONE")))
    assert "grant the account Browse Projects in GONE" in the_problem(findings, "projects")


def test_a_search_that_jira_refuses(site: JiraCloud) -> None:
    assert "nonsense" in the_problem(check(site, scope=JiraScope(jql="nonsense = 1")), "projects")
    assert problems(check(site, scope=JiraScope(jql="project = ML"))) == []


def test_missing_permissions(site: JiraCloud) -> None:
    site.deny("BULK_CHANGE")
    assert problems(check(site)) == []
    assert any(finding.level == "info" and "bulk changes" in finding.text for finding in check(site))
    site.deny("EDIT_ISSUES", "ML")
    findings = check(site)
    assert {finding.topic for finding in problems(findings)} == {"permissions", "field"}
    assert any("grant the account Edit Issues in ML" in str(finding.fix) for finding in findings)


def test_a_hidden_time_zone(site: JiraCloud) -> None:
    site.faults.append(Fault(answers(200, {"displayName": "Milepost Bot"}), path="*/myself"))
    assert "hides its time zone" in the_problem(check(site), "time zone")


def test_clocks_that_differ(site: JiraCloud) -> None:
    site.clock = lambda: datetime.now(UTC) - timedelta(minutes=10)
    assert "ahead of Jira's" in the_problem(check(site), "clock")


def test_a_field_that_is_not_there(site: JiraCloud) -> None:
    assert '"Drift alert", "Unknown"' in the_problem(check(site, field="Nowhere"), "field")


def test_a_field_off_the_screen(site: JiraCloud) -> None:
    site.change_field("ML Status", on_screen=False)
    assert "not on the edit screen of project ML" in the_problem(check(site), "field")


def test_missing_options_are_named(site: JiraCloud) -> None:
    site.drop_option("ML Status", "Unknown")
    assert 'lacks the option "Unknown"' in the_problem(check(site), "field")


def test_a_field_that_cannot_show_a_status(site: JiraCloud) -> None:
    site.add_field("Points", "float")
    assert "cannot show a status" in the_problem(check(site, field="Points"), "field")


def test_a_project_without_issues(site: JiraCloud) -> None:
    site.add_project("NEW", "New")
    findings = check(site, scope=JiraScope(projects=("NEW",)))
    assert problems(findings) == []
    assert any("no issue to look for" in finding.text for finding in findings)


@pytest.mark.parametrize(
    "url",
    [
        "example.atlassian.net",
        "ftp://example.atlassian.net",
        "https://",
        "https://ada:secret@example.atlassian.net",
        "https://example.atlassian.net?x=1",
        "https://api.atlassian.com",
        "https://api.atlassian.com/ex/jira/",
    ],
)
def test_urls_that_cannot_be(url: str) -> None:
    with pytest.raises(ValidationError):
        JiraOptions(url=url)


def test_urls_that_can(site: JiraCloud) -> None:
    assert JiraOptions(url="https://example.atlassian.net/").url == "https://example.atlassian.net"
    assert JiraOptions(url="https://api.atlassian.com/ex/jira/1111-22").is_gateway


def test_what_is_of_the_cloud_alone() -> None:
    with pytest.raises(ValidationError, match="Data Center takes a personal access token"):
        JiraOptions(url="https://jira.example.com", deployment="data-center", scoped=True)


@pytest.mark.parametrize(
    "scope",
    [
        {},
        {"projects": ["ML"], "jql": "project = ML"},
        {"projects": ["M-L"]},
        {"projects": ['ML") OR project in ("X']},
        {"projects": ["1ML"]},
        {"jql": ""},
        {"jql": "  "},
        {"jql": "project = ML ORDER BY updated"},
        {"jql": "project = ML order\tby updated"},
        {"jql": "project = ML) OR (project = X"},
        {"jql": "(project = ML"},
        {"jql": 'summary ~ "open'},
        {"jql": "project = ML", "other": 1},
    ],
)
def test_scopes_that_cannot_be(scope: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        JiraScope.model_validate(scope)


@pytest.mark.parametrize(
    "jql", ['summary ~ "order by ) it\'s"', "project = ML AND (labels = a OR labels = b)", r'summary ~ "a \" b"']
)
def test_scopes_that_can(jql: str) -> None:
    assert listing(JiraScope(jql=jql), None, "UTC") == f"({jql}) ORDER BY updated ASC, key ASC"


def test_project_keys_are_upper_case_and_quoted() -> None:
    assert in_scope(JiraScope(projects=("ml", "AND"))) == 'project in ("ML", "AND")'


moments = st.integers(1577836800, 2051222400).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))


@given(
    moments,
    st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "America/St_Johns"]),
)
def test_a_local_minute_is_never_after_the_moment_however_it_is_read(moment: datetime, zone: str) -> None:
    naive = datetime.strptime(local_minute(moment, zone), "%Y-%m-%d %H:%M")  # noqa: DTZ007 - the zone is added below
    for fold in (0, 1):
        read = naive.replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC)
        assert moment - timedelta(hours=2, minutes=1) < read <= moment


@given(
    moments,
    st.sampled_from(["Pacific/Kiritimati", "Etc/GMT+12", "UTC", "Asia/Tokyo", "America/Los_Angeles"]),
)
def test_an_unknown_zone_is_early_enough_in_all_of_them(moment: datetime, zone: str) -> None:
    naive = datetime.strptime(local_minute(moment, None), "%Y-%m-%d %H:%M")  # noqa: DTZ007 - the zone is added below
    assert naive.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC) <= moment


def test_what_is_ours() -> None:
    assert JiraPublish(field="ML Status").owned([BADGE]) == Owned(field="ML Status", options=OPTIONS, property=PROPERTY)
    assert JiraPublish(property=False).owned([BADGE]) == Owned()
    with pytest.raises(ValidationError):
        JiraPublish.model_validate({"field": ""})


def test_secrets_do_not_show() -> None:
    secrets = JiraSecrets.model_validate({"user": "ada@example.com", "token": "abc123"})
    assert "ada" not in repr(secrets)
    assert "abc123" not in repr(secrets)


def test_naming_and_reading_the_connector_imports_no_sdk() -> None:
    code = "import sys, connectors.jira.reader; sys.exit('jira' in sys.modules or 'requests' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@given(
    moments,
    st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "America/St_Johns"]),
)
def test_a_whole_minute_holds_its_moment_however_it_is_read(moment: datetime, zone: str) -> None:
    minute = whole_minute(moment, zone)
    if minute is None:
        near = [(moment + timedelta(minutes=ahead)).astimezone(ZoneInfo(zone)) for ahead in (0, 1)]
        assert any(local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset() for local in near)
        return
    first, following = (datetime.strptime(text, "%Y-%m-%d %H:%M") for text in minute[:2])  # noqa: DTZ007 - the zone is added below
    for fold in (0, 1):
        assert first.replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC) == minute.end - timedelta(minutes=1) <= moment
        assert following.replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC) == minute.end > moment


def test_a_hidden_zone_tells_no_minute() -> None:
    assert whole_minute(datetime(2026, 3, 1, tzinfo=UTC), None) is None
