"""What is really so in a world: plain records, read from the stand-ins' own state, that know nothing of Milepost."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from sandbox.github import GitHub
from sandbox.github.model import Issue as GithubIssue
from sandbox.jira import JiraCloud

DATA_LABEL = "data"
DATA_COMPONENT = "Data"
PROJECT = "ML"


@dataclass(frozen=True)
class Ticket:
    """A Jira issue (`id` is its id) or a GitHub issue (`id` is `#` and its number). `blockers` are ids, `former_keys` those under
    which it was read before."""

    id: str
    key: str
    is_open: bool
    closed_at: datetime | None
    about_data: bool
    blockers: frozenset[str] = frozenset()
    in_scope: bool = True
    former_keys: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Pull:
    """A pull request; `shas` are all commits that GitHub counts to it."""

    number: int
    title: str
    branch: str
    body: str
    state: Literal["open", "merged", "closed"]
    is_strangers: bool
    shas: frozenset[str]
    merged_at: datetime | None
    stands: bool
    """Merged into the default branch, and its merge commit is still there."""


@dataclass(frozen=True)
class Commit:
    sha: str
    subject: str
    on_default: bool


@dataclass(frozen=True)
class Use:
    """A data set as a run used it."""

    name: str
    digest: str
    context: str
    as_of: datetime | None = None

    @property
    def id(self) -> str:
        return f"{self.name}@{self.digest}"


@dataclass(frozen=True)
class Run:
    id: str
    experiment: str
    status: str
    started_at: datetime
    ended_at: datetime | None = None
    sha: str | None = None
    declared: str | None = None
    metrics: Mapping[str, float | None] | None = None
    checks: Mapping[str, str] | None = None
    watches: str | None = None
    uses: tuple[Use, ...] = ()


@dataclass(frozen=True)
class Version:
    """`id` is `<name>/<version>`."""

    id: str
    run: str
    created_at: datetime
    aliases: frozenset[str] = frozenset()
    approval: str | None = None

    @property
    def name(self) -> str:
        return self.id.partition("/")[0]


@dataclass(frozen=True)
class Facts:
    """Everything at one moment, by id."""

    tickets: Mapping[str, Ticket]
    issues: Mapping[str, Ticket]
    pulls: Mapping[int, Pull]
    commits: Mapping[str, Commit]
    runs: Mapping[str, Run]
    versions: Mapping[str, Version]

    @property
    def items(self) -> Mapping[str, Ticket]:
        """What is in the project's scopes."""
        return {ident: one for ident, one in {**self.tickets, **self.issues}.items() if one.in_scope}

    def with_tickets(self, other: Facts) -> Facts:
        """The same with another moment's tickets."""
        return replace(self, tickets=other.tickets, issues=other.issues)


def read_facts(
    jira: JiraCloud,
    github: GitHub,
    repo: str,
    runs: Mapping[str, Run],
    versions: Mapping[str, Version],
    keys_read: Mapping[str, frozenset[str]],
    jira_projects: Collection[str],
) -> Facts:
    """What is so now. `keys_read` are those under which each ticket was read before, by its id; `jira_projects` are in scope."""
    with jira.lock, github.lock:
        repository = github.site.find(repo)
        issues = repository.tracker.issues.values()
        on_default = frozenset(repository.code.log(repository.code.branches[repository.default_branch]))
        commits = {
            sha: Commit(sha, one.message.partition("\n")[0], sha in on_default) for sha, one in repository.code.commits.items()
        }
        pulls = {one.number: _pull(one, repository.id, repository.code.pulls_of, on_default) for one in issues if one.pull}
        return Facts(
            tickets=_tickets(jira, keys_read, jira_projects),
            issues={f"#{one.number}": _issue(one, repo) for one in issues if not one.pull},
            pulls=pulls,
            commits=commits,
            runs=dict(runs),
            versions=dict(versions),
        )


def _tickets(jira: JiraCloud, keys_read: Mapping[str, frozenset[str]], jira_projects: Collection[str]) -> Mapping[str, Ticket]:
    components = {ident for ident, one in jira.components.items() if one.name == DATA_COMPONENT}
    found: dict[str, Ticket] = {}
    for issue in jira.issues.values():
        is_open = jira.statuses[issue.status].category != "done"
        found[str(issue.id)] = Ticket(
            id=str(issue.id),
            key=issue.key,
            is_open=is_open,
            closed_at=None if is_open else issue.resolved,
            about_data=DATA_LABEL in issue.labels or bool(components & set(issue.components)),
            blockers=frozenset(str(link.source) for link in issue.links if link.type.name == "Blocks" and link.target == issue.id),
            in_scope=jira.projects[issue.project].key in jira_projects,
            former_keys=keys_read.get(str(issue.id), frozenset()) - {issue.key},
        )
    return found


def _issue(issue: GithubIssue, repo: str) -> Ticket:
    return Ticket(
        id=f"#{issue.number}",
        key=f"{repo}#{issue.number}",
        is_open=issue.closed_at is None,
        closed_at=issue.closed_at,
        about_data=DATA_LABEL in issue.labels,
    )


def _pull(issue: GithubIssue, repository: int, pulls_of: Mapping[str, set[int]], on_default: frozenset[str]) -> Pull:
    pull = issue.pull
    assert pull is not None
    return Pull(
        number=issue.number,
        title=issue.title,
        branch=pull.branch,
        body=issue.body or "",
        state="merged" if pull.merged_at else "closed" if issue.closed_at else "open",
        is_strangers=pull.head_repository != repository,
        shas=frozenset({sha for sha, numbers in pulls_of.items() if issue.number in numbers} | {pull.head_sha}),
        merged_at=pull.merged_at,
        stands=pull.merge_sha is not None and pull.merge_sha in on_default,
    )
