"""The places where people work, before anything happens there: projects, each with a watch ticket, repositories and a field."""

from __future__ import annotations

from sandbox.github import GitHub
from sandbox.jira import JiraCloud
from sandbox.statuses import STATUSES

FIELD = "ML Status"

PROJECTS = {
    "churn": "Churn prediction",
    "loan": "Loan default",
    "demand": "Demand forecast",
    "hiring": "Candidate ranking",
    "triage": "Document triage",
}
"""Names by key. The key is that of the Jira project too, in upper case, and the repository's name."""


def prepare(jira: JiraCloud, github: GitHub) -> None:
    for key, name in PROJECTS.items():
        jira.add_project(key.upper(), name)
        jira.add_component(key.upper(), "Data")
        jira.add_issue(key.upper(), f"Watch: alerts about {name.lower()}", type="Task", assignee="Ada Example")
        github.add_repository(f"example/{key}", description=f"Fictional: {name}")
    jira.add_field(FIELD, "select", options=STATUSES)
