"""An address or a name of the project file that is misspelt is told as what it is."""

from __future__ import annotations

from sandbox.faults import Fault, answers
from tests.cli.office import Office
from tests.cli.process import Ended


def said(ended: Ended) -> str:
    return " ".join(ended.out.split())


def respelt(office: Office, old: str, new: str) -> None:
    text = office.desk.config.read_text(encoding="utf-8")
    assert old in text
    office.desk.config.write_text(text.replace(old, new), encoding="utf-8")


def test_an_address_where_no_jira_is_is_blamed_and_not_the_account(office: Office) -> None:
    office.configure(jira=f"{office.jira.url}/jria")

    check, pull = office.desk.run("check"), office.desk.run("pull")

    told = f"GET /jria/rest/api/2/serverInfo answered 404: there is no Jira at {office.jira.url}/jria"
    fix = f"fix: check the source's url, perhaps {office.jira.url} alone"
    assert (check.code, pull.code) == (3, 3)
    assert f"✗ site {told} {fix}" in said(check)
    assert f"✗ jira/issues: {told} {fix}" in said(pull)
    assert "account" not in said(check).partition("jira for ops")[2].partition("github for ops")[0]


def test_a_project_that_jira_does_not_have_is_named_with_those_that_are_like_it(office: Office) -> None:
    office.jira.add_project("RETAIL", "Retail")
    respelt(office, "{projects: [OPS]}", "{projects: [OPZ]}")

    check, pull = office.desk.run("check"), office.desk.run("pull")

    told = "project OPZ is not there, or hidden from the account"
    fix = "fix: correct the scope: did you mean OPS? Else let a project admin grant the account Browse Projects in OPZ"
    assert (check.code, pull.code) == (3, 3)
    assert f"{told} {fix}" in said(check)
    assert f"✗ jira/versions: {told} (GET /rest/api/3/project/OPZ/version answered 404) {fix}" in said(pull)


def test_where_projects_cannot_be_listed_the_fix_goes_without_their_names(office: Office) -> None:
    office.jira.faults.append(Fault(answers(403), path="*/project/search", times=9))
    respelt(office, "{projects: [OPS]}", "{projects: [OPZ]}")

    pull = office.desk.call("pull")

    fix = "fix: correct the scope, or let a project admin grant the account Browse Projects in OPZ"
    assert f"(GET /rest/api/3/project/OPZ/version answered 404) {fix}" in said(pull)
