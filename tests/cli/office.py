"""A small office on stand-ins in this process: a Jira project and a GitHub repository, so that a test can break what it likes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sandbox.github import DEFAULT_TOKEN, GitHub
from sandbox.jira import JiraCloud
from sandbox.statuses import STATUSES
from tests.cli.process import Desk

FIELD = "ML Status"


@dataclass(frozen=True)
class Office:
    """`desk` is where commands run. OPS-2 is blocked by OPS-3, which is about data: its plan adds a field and a property."""

    jira: JiraCloud
    github: GitHub
    desk: Desk

    def configure(self, *lines: str, sources: str = "", jira: str | None = None) -> None:
        """Writes the project file with more lines at its end; `jira` is the address of the site."""
        text = "\n".join(
            [
                "sources:",
                f'  jira: {{type: jira, url: "{jira or self.jira.url}"}}',
                f'  github: {{type: github, url: "{self.github.url}", write_pause: 0}}',
                *([sources] if sources else []),
                "projects:",
                "  ops:",
                "    name: Operations",
                "    scopes:",
                "      jira: {projects: [OPS]}",
                "      github: {repositories: [example/ops]}",
                "    data: {labels: [data]}",
                "publish:",
                f'  jira: {{field: "{FIELD}"}}',
                '  github: {prefix: "ml/"}',
                *lines,
                "",
            ]
        )
        self.desk.config.write_text(text, encoding="utf-8")


def furnish(jira: JiraCloud, github: GitHub, folder: Path) -> Office:
    """The office, with its project file."""
    jira.add_project("OPS", "Operations")
    jira.add_issue("OPS", "Watch")
    held_up = jira.add_issue("OPS", "Forecast returns", status="In Progress")
    feed = jira.add_issue("OPS", "Repair the feed", labels=["data"])
    jira.link(feed, "Blocks", held_up)
    jira.add_field(FIELD, "select", options=STATUSES)
    github.add_repository("example/ops")
    secrets = {"MILEPOST_JIRA__USER": jira.user, "MILEPOST_JIRA__TOKEN": jira.token, "MILEPOST_GITHUB__TOKEN": DEFAULT_TOKEN}
    office = Office(jira, github, Desk(folder, secrets))
    office.configure()
    return office
