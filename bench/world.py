"""What the stand-ins hold: a Jira project and a repository of the same people, with texts as long as real ones; always the same."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from sandbox.github import GitHub
from sandbox.jira import JiraCloud

PROJECT = "ML"
REPOSITORY = "example/churn"
PAGE = 100

JIRA_TEXT, GITHUB_TEXT, COMMIT_TEXT = 1_150, 350, 850
"""How long texts must be for a record to have 4 KB on the wire. What else it holds differs from service to service."""

COMMITS_PER_PULL = 10
_SPAN = timedelta(days=400)
_PROSE = (
    "the model was trained on last month's data and its recall fell below what we had agreed with the customer so this ticket asks "
    "for a look at the features “days since last order” and “average basket” before anything is retrained naïvely – Grüße, Łukasz"
)
_PEOPLE = ("Ada Example", "Łukasz Example", "Grace Example", "Søren Example", "Mei Example")


class Size(msgspec.Struct, frozen=True, kw_only=True):
    """How many records there are. A tenth of the commits are squashed pull requests."""

    jira_issues: int = 0
    github_issues: int = 0
    commits: int = 0

    @property
    def records(self) -> int:
        return self.jira_issues + self.github_issues + self.commits + self.pulls

    @property
    def pulls(self) -> int:
        return self.commits // COMMITS_PER_PULL

    def floors(self) -> dict[tuple[str, str], int]:
        """The fewest requests that can list each (source, stream). GitHub lists pull requests among the issues too."""
        rows = {
            ("jira", "issues"): self.jira_issues,
            ("github", "issues"): self.github_issues + self.pulls,
            ("github", "change_requests"): self.pulls,
            ("github", "commits"): self.commits,
        }
        return {stream: -(-count // PAGE) for stream, count in rows.items() if count}


def fill_jira(site: JiraCloud, count: int) -> None:
    """The oldest change is 400 days ago, and every issue has a time of its own. One issue waits for data."""
    texts = _texts(JIRA_TEXT)
    site.add_project(PROJECT, "Machine learning")
    site.add_field("ML Status", "select", options=("Model ready", "Data blocked", "Drift alert", "Unknown"))
    for name in ("1.0", "1.1", "2.0"):
        site.add_version(PROJECT, name)
    start, step = _start(site.clock()), _SPAN / max(count, 1)
    for number in range(count):
        site.add_issue(
            PROJECT,
            f"Look at churn segment {number}",
            status=("To Do", "In Progress", "Done")[number % 3],
            assignee=_PEOPLE[number % len(_PEOPLE)],
            labels=[f"team-{number % 7}"],
            components=["Features"],
            fix_versions=[("1.0", "1.1", "2.0")[number % 3]],
            description=texts[number % len(texts)],
            created=start + number * step,
        )
    if count > 1:
        site.edit(f"{PROJECT}-1", labels=["data"])
        site.link(f"{PROJECT}-1", "Blocks", f"{PROJECT}-2")


def fill_github(site: GitHub, issues: int, commits: int) -> None:
    """Commits name Jira issues, as a team's do."""
    start = _start(site.clock())
    site.add_repository(REPOSITORY, first_commit=None, at=start)
    _add_commits(site, commits, start)
    texts, step = _texts(GITHUB_TEXT), _SPAN / max(issues, 1)
    for number in range(issues):
        site.add_issue(
            REPOSITORY,
            f"Training fails for segment {number}",
            body=texts[number % len(texts)],
            labels=("bug", "training")[: number % 3],
            author=_login(number),
            assignees=[_login(number + 1)],
            at=start + number * step,
        )


def _add_commits(site: GitHub, count: int, start: datetime) -> None:
    texts, step = _texts(COMMIT_TEXT), _SPAN / max(count, 1)
    for number in range(count):
        now = start + number * step
        message = f"{PROJECT}-{number % 1_000 + 1}: tune segment {number}\n\n{texts[number % len(texts)]}"
        if (number + 1) % COMMITS_PER_PULL:
            site.commit(REPOSITORY, message, author=_login(number), at=now)
            continue
        branch = f"feature/{PROJECT}-{number % 1_000 + 1}-{number}"
        site.commit(REPOSITORY, message, branch=branch, author=_login(number), at=now)
        pull = site.open_pull(
            REPOSITORY, f"Tune segment {number}", branch, body=texts[number % len(texts)], author=_login(number), at=now
        )
        site.merge(REPOSITORY, pull, "squash", at=now + step / 2)


def _start(now: datetime) -> datetime:
    return (now - _SPAN - timedelta(days=1)).astimezone(UTC)


def _login(number: int) -> str:
    return f"{_PEOPLE[number % len(_PEOPLE)].split()[0].lower().encode('ascii', 'ignore').decode()}-example"


def _texts(length: int) -> Sequence[str]:
    """A hundred texts of `length` characters, in lines as people write them."""
    chance, vocabulary, texts = random.Random(length), _PROSE.split(), []
    for _ in range(100):
        words = [chance.choice(vocabulary) + ("\n" if chance.random() < 0.02 else "") for _ in range(length // 4)]
        texts.append(" ".join(words)[:length])
    return texts
