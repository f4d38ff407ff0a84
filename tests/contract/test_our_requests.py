"""Every request that our connectors send, held against the vendors' official contracts: a session with each that touches all."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import pytest

from connectors.base import Connection, Options, PublishOptions, SourceContext
from connectors.github import CONNECTION as GITHUB_CONNECTION
from connectors.github.options import GithubPublish
from connectors.jira import CONNECTION as JIRA_CONNECTION
from connectors.jira.options import JiraPublish
from mappings.change import Badge, Change, Reading, Slot, Value
from mappings.model import Ref
from sandbox.contract import EXEMPTIONS, GITHUB, JIRA, Contract, Exemption, check_log, contracts_folder
from sandbox.github import DEFAULT_TOKEN, GitHub
from sandbox.jira import JiraCloud
from sandbox.server import StandIn

REPO = "example/churn"
GONE = "0" * 39 + "1"
BADGES = [
    Badge(id="model-ready", title="Model ready", label="model-ready", color="2da44e", description="It is in release"),
    Badge(id="drift-alert", title="Drift alert", label="drift-alert", color="d1242f", description="It has drifted"),
]


class Unmetered:
    def request(self, *, remaining: int | None = None, limit: int | None = None, resets_at: datetime | None = None) -> None:
        return None


PUTS_LABELS = Exemption(
    "POST /repos/{owner}/{repo}/issues/{issue_number}/labels",
    "",
    "its own description allows a bare array of names, as PyGithub sends it, and its schema does not",
)


def contract(file: str, *further: Exemption) -> Contract:
    folder = contracts_folder()
    if folder is None:
        pytest.skip("the official contracts are not here: set MILEPOST_CONTRACTS to their folder")
    return Contract(folder / file, [*EXEMPTIONS[file], *further])


class Session:
    """One source, read and written as an engine does it."""

    def __init__(self, connection: Connection, options: Options, secrets: Options, publish: PublishOptions) -> None:
        self._connection = connection
        self._context = SourceContext(
            name=connection.name,
            options=options,
            secrets=secrets,
            owned=publish.owned(BADGES),
            meter=Unmetered(),
            stop=threading.Event(),
        )
        self._cursors: dict[str, str | None] = {}
        self._reader = connection.reader(self._context)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._reader.close()

    def check(self, scope: Options) -> None:
        assert [finding.text for finding in self._reader.check(scope) if finding.level == "error"] == []

    def pull(self, scope: Options) -> int:
        """Every stream, the first time from nothing, then from where the last pull ended. Returns the number of records."""
        records = 0
        for stream in self._connection.streams:
            for batch in self._reader.pull(stream, scope, self._cursors.get(stream)):
                records += len(batch.entities)
                self._cursors[stream] = batch.cursor or self._cursors.get(stream)
        return records

    def read(self, *refs: Ref) -> int:
        """How many were answered for."""
        return sum(not isinstance(answer, Reading) for answer in self._reader.read(refs))

    def outside(self, scope: Options, *refs: Ref) -> int:
        """How many of them the scope does not hold."""
        return len(self._reader.outside(refs, scope))

    def write(self, values: Mapping[Slot, Value]) -> None:
        """Each change must be made."""
        assert self._connection.publisher is not None
        publisher = self._connection.publisher(self._context)
        before = publisher.read_slots(list(values))
        changes = [_change(slot, before[slot], after) for slot, after in values.items()]
        assert {written.state for written in publisher.write(changes)} == {"done"}
        assert publisher.read_slots(list(values)) == values
        publisher.close()


def _change(slot: Slot, before: Value, after: Value) -> Change:
    return Change(
        id=str(slot), project="churn", slot=slot, action="update", before=before, after=after, key=str(slot), container=REPO
    )


@pytest.fixture
def jira() -> Iterator[JiraCloud]:
    with JiraCloud() as site:
        yield site


@pytest.fixture
def github() -> Iterator[GitHub]:
    with GitHub() as site:
        yield site


@pytest.mark.parametrize("kind", ["select", "multiselect", "textfield", "labels"])
def test_what_we_ask_of_jira_is_in_its_contract(jira: JiraCloud, kind: str) -> None:
    official = contract(JIRA)
    jira.add_project("ML", "Machine learning")
    titles = [badge.title for badge in BADGES]
    jira.add_field("ML Status", kind, options=[*titles, "Unknown"] if "select" in kind else ())
    jira.add_version("ML", "1.0")
    keys = [jira.add_issue("ML", f"Ticket {number}", labels=["data"], fix_versions=["1.0"]) for number in range(12)]
    issues = [Ref("jira", "work_item", str(jira.get(key)["id"])) for key in keys]
    field = [Slot(ref, "field", "ML Status") for ref in issues]
    on: Value = ["Drift alert"] if kind in ("multiselect", "labels") else "Drift alert"
    projects = JIRA_CONNECTION.scope.model_validate({"projects": ["ML"]})
    with Session(
        JIRA_CONNECTION,
        JIRA_CONNECTION.options.model_validate({"url": jira.url}),
        JIRA_CONNECTION.secrets.model_validate({"user": jira.user, "token": jira.token}),
        JiraPublish(field="ML Status"),
    ) as session:
        session.check(projects)
        assert session.pull(projects) > len(issues)
        session.pull(projects)
        searched = JIRA_CONNECTION.scope.model_validate({"jql": "labels = data"})
        session.pull(searched)
        jira.edit(keys[1], labels=[])
        assert session.outside(searched, *issues) == 1
        session.write(dict.fromkeys(field, on))
        session.write(dict.fromkeys(field[:2], None))
        for value in ({"version": 1, "statuses": []}, None):
            session.write({Slot(issues[0], "property", "milepost.status"): value})
        jira.delete(keys[0])
        assert session.read(*issues, Ref("jira", "milestone", "1"), Ref("jira", "field", "summary")) == len(issues) + 2
    assert _methods(jira) >= {"GET", "POST", "PUT", "DELETE"}
    assert check_log(jira, official) == []


def test_what_we_ask_of_github_is_in_its_contract(github: GitHub) -> None:
    official = contract(GITHUB, PUTS_LABELS)
    github.add_repository(REPO)
    github.add_milestone(REPO, "Release 1", due_on=datetime(2026, 4, 1, tzinfo=UTC))
    long_ago = datetime.now(UTC) - timedelta(days=2)
    issues = [github.add_issue(REPO, f"Issue {number}", labels=["data"], at=long_ago) for number in range(3)]
    for method in ("squash", "merge"):
        github.commit(REPO, f"By {method}", branch=method)
        number = github.open_pull(REPO, f"By {method}", method)
        merged = github.merge(REPO, number, method)
    with Session(
        GITHUB_CONNECTION,
        GITHUB_CONNECTION.options.model_validate({"url": github.url, "write_pause": 0}),
        GITHUB_CONNECTION.secrets.model_validate({"token": DEFAULT_TOKEN}),
        GithubPublish(prefix="ml/"),
    ) as session:
        named = GITHUB_CONNECTION.scope.model_validate({"repositories": [REPO]})
        session.check(named)
        assert session.pull(named) > len(issues)
        before = github.commit(REPO, "News")
        session.pull(named)
        github.force_push(REPO, "main", [merged])
        session.pull(named)
        session.pull(GITHUB_CONNECTION.scope.model_validate({"repositories": ["example/*"], "exclude": ["example/old"]}))
        home = str(github.site.find(REPO).id)
        labels = [Slot(Ref("github", "work_item", f"{home}/{number}"), "label", "ml/drift-alert") for number in issues]
        session.write(dict.fromkeys(labels, True))
        session.write(dict.fromkeys(labels, None))
        github.delete_issue(REPO, issues[0])
        refs = [
            *(slot.target for slot in labels),
            Ref("github", "change_request", f"{home}/{number}"),
            Ref("github", "commit", f"{home}/{before}"),
            Ref("github", "commit", f"{home}/{GONE}"),
            Ref("github", "milestone", f"{home}/1"),
            Ref("github", "label", f"{home}/1"),
        ]
        assert session.read(*refs) == len(refs)
        assert session.outside(named, *refs) == 0
    assert _methods(github) >= {"GET", "POST", "DELETE"}
    _name_repositories(github)
    assert check_log(github, official) == []
    put = [entry.json() for entry in github.requests if entry.method == "POST" and str(entry.pattern).endswith("/labels")]
    assert put.count(["ml/drift-alert"]) == len(issues)


def _methods(site: StandIn) -> set[str]:
    return {entry.method for entry in site.requests}


def _name_repositories(github: GitHub) -> None:
    """The contract names repositories by owner and name alone; by their ids, as we ask for them, the same operations answer."""
    by_id = re.compile(r"^/repositories/\{\w+\}")
    with github.lock:
        github.requests[:] = [
            replace(entry, pattern=by_id.sub("/repos/{owner}/{repo}", entry.pattern)) if entry.pattern else entry
            for entry in github.requests
        ]


def test_a_request_beside_the_contract_would_be_found(github: GitHub) -> None:
    """The proof above can fail."""
    official = contract(GITHUB)
    found: Sequence[str] = official.check_request("GET", "/repos/example/churn/issues", {"since": ["x"], "sort": ["age"]}, None)
    assert any("?sort" in text for text in found)
    unknown: Any = official.check_request("GET", "/repositories/1/issues", {}, None)
    assert unknown != []
