"""Which repositories a scope means, and what becomes of those that are renamed, hidden, archived, disabled or deleted."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from connectors.base import Batch, SourceContext
from connectors.errors import NotFound
from connectors.github.options import GithubOptions, GithubScope, GithubSecrets
from connectors.github.reader import GithubReader
from mappings.change import Owned
from mappings.model import ChangeRequest, Commit, Entity, Missing, Ref, WorkItem
from sandbox.faults import Answer
from sandbox.github import DEFAULT_TOKEN, GitHub
from sandbox.messages import Reply, Request
from sandbox.server import Fault

REPO = "example/churn"


class Meter:
    def request(self, **_: object) -> None:
        """Not looked at here."""


@pytest.fixture
def hub() -> Iterator[GitHub]:
    with GitHub() as started:
        started.add_repository(REPO)
        yield started
        assert not [entry for entry in started.requests if entry.unknown_query]


@pytest.fixture
def reader(hub: GitHub) -> Iterator[GithubReader]:
    opened = GithubReader(
        SourceContext(
            name="github",
            options=GithubOptions(url=hub.url),
            secrets=GithubSecrets.model_validate({"token": DEFAULT_TOKEN}),
            owned=Owned(),
            meter=Meter(),
            stop=threading.Event(),
        )
    )
    yield opened
    opened.close()


def scope(*repositories: str, exclude: tuple[str, ...] = ()) -> GithubScope:
    return GithubScope(repositories=repositories, exclude=exclude)


def batches(reader: GithubReader, stream: str, wanted: GithubScope, cursor: str | None = None) -> list[Batch]:
    return list(reader.pull(stream, wanted, cursor))


def entities(found: list[Batch]) -> list[Entity]:
    return [entity for batch in found for entity in batch.entities]


def homes(found: list[Batch]) -> set[str]:
    return {entity.container for entity in entities(found) if isinstance(entity, WorkItem) and entity.container}


def disabled(name: str) -> Fault:
    """GitHub's own mark on a repository, in every document of it."""

    def mark(document: Any) -> Any:
        if isinstance(document, list):
            return [mark(one) for one in document]
        return {**document, "disabled": True} if document.get("full_name") == name else document

    def effect(_request: Request, answer: Answer) -> Reply:
        reply = answer()
        return replace(reply, body=mark(msgspec.json.decode(reply.encoded())))

    return Fault(effect, path="/*/*/repos", times=100)


def test_a_glob_over_more_than_a_page_of_repositories_finds_all(hub: GitHub, reader: GithubReader) -> None:
    for number in range(230):
        hub.add_repository(f"example/Model-{number:03}")
        hub.define_label(f"example/Model-{number:03}", "bug")
    found = batches(reader, "labels", scope("EXAMPLE/model-*", exclude=("example/MODEL-00?",)))
    assert len(entities(found)) == 220
    assert found[-1].complete


def test_private_archived_and_forked_repositories_are_read_like_any_other(hub: GitHub, reader: GithubReader) -> None:
    hub.add_repository("example/private", private=True)
    hub.add_fork(REPO, "example/fork")
    hub.add_repository("example/archived")
    for name in (REPO, "example/private", "example/fork", "example/archived"):
        hub.add_issue(name, "Issue")
    hub.archive("example/archived")
    found = batches(reader, "issues", scope("example/*"))
    assert homes(found) == {REPO, "example/private", "example/fork", "example/archived"}
    locked = {entity.container: entity.editable for entity in entities(found) if isinstance(entity, WorkItem)}
    assert [name for name, editable in locked.items() if not editable] == ["example/archived"]


def test_a_disabled_repository_is_named_and_the_others_are_read(hub: GitHub, reader: GithubReader) -> None:
    hub.add_repository("example/churn-closed")
    hub.add_issue(REPO, "Issue")
    hub.faults.append(disabled("example/churn-closed"))
    found: list[Batch] = []
    with pytest.raises(NotFound, match="example/churn-closed: disabled by GitHub: exclude it"):
        for batch in reader.pull("issues", scope("example/churn*"), None):
            found.append(batch)
    assert homes(found) == {REPO}
    assert not found[-1].complete
    wanted = scope("example/churn*", exclude=("example/churn-closed",))
    assert homes(batches(reader, "issues", wanted)) == {REPO}


def test_a_scope_that_leads_to_no_repository_at_all_is_no_empty_listing(hub: GitHub, reader: GithubReader) -> None:
    with pytest.raises(NotFound, match=r"no repository matches example/chrun\*"):
        batches(reader, "issues", scope("example/chrun*"))
    assert batches(reader, "issues", scope("example/chrun*", "example/churn*"))[-1].complete


def test_a_transferred_repository_stays_itself(hub: GitHub, reader: GithubReader) -> None:
    hub.add_issue(REPO, "Issue")
    before = entities(batches(reader, "issues", scope(REPO)))
    hub.add_organization("elsewhere")
    hub.transfer(REPO, "elsewhere")
    after = entities(batches(reader, "issues", scope(REPO)))
    assert [entity.ref for entity in before] == [entity.ref for entity in after]
    assert [entity.key for entity in after if isinstance(entity, WorkItem)] == ["elsewhere/churn#1"]


@pytest.mark.parametrize("fate", ["deleted", "hidden"])
def test_one_that_is_deleted_or_hidden_is_named_and_nothing_of_it_is_called_gone(
    hub: GitHub, reader: GithubReader, fate: str
) -> None:
    hub.add_repository("example/data")
    hub.add_issue("example/data", "Issue")
    issue = Ref("github", "work_item", f"{hub.site.find(REPO).id}/{hub.add_issue(REPO, 'Issue')}")
    if fate == "deleted":
        hub.delete_repository(REPO)
    else:
        hub.make_private(REPO)
        hub.grant("milepost-bot", REPO, None)
    with pytest.raises(NotFound, match="example/churn: not there, or hidden"):
        batches(reader, "issues", scope(REPO, "example/data"))
    assert list(reader.read([issue])) == []


def test_a_renamed_default_branch_drops_nothing(hub: GitHub, reader: GithubReader) -> None:
    first = batches(reader, "commits", scope(REPO))
    head = hub.site.find(REPO).head or ""
    hub.force_push(REPO, "trunk", [head])
    hub.change_default_branch(REPO, "trunk")
    hub.delete_branch(REPO, "main")
    news = hub.commit(REPO, "On trunk")
    found = entities(batches(reader, "commits", scope(REPO), first[-1].cursor))
    assert [(commit.sha, commit.on_default_branch) for commit in found if isinstance(commit, Commit)] == [(news, True)]


def test_another_default_branch_is_another_history(hub: GitHub, reader: GithubReader) -> None:
    base = hub.site.find(REPO).head or ""
    left = hub.commit(REPO, "On main")
    first = batches(reader, "commits", scope(REPO))
    hub.force_push(REPO, "trunk", [base])
    came = hub.commit(REPO, "On trunk", branch="trunk")
    hub.change_default_branch(REPO, "trunk")
    found = entities(batches(reader, "commits", scope(REPO), first[-1].cursor))
    branch = {commit.sha: commit.on_default_branch for commit in found if isinstance(commit, Commit)}
    assert (branch[left], branch[came]) == (False, True)


def test_a_transferred_issue_is_missing_where_it_was_and_new_where_it_went(hub: GitHub, reader: GithubReader) -> None:
    hub.add_repository("example/data")
    number = hub.add_issue(REPO, "Issue")
    was = Ref("github", "work_item", f"{hub.site.find(REPO).id}/{number}")
    hub.transfer_issue(REPO, number, "example/data")
    assert list(reader.read([was])) == [Missing(ref=was)]
    assert homes(batches(reader, "issues", scope("example/*"))) == {"example/data"}


def test_a_pull_request_outlives_its_fork_and_its_author(hub: GitHub, reader: GithubReader) -> None:
    hub.add_fork(REPO, "ada-example/churn")
    sha = hub.commit("ada-example/churn", "Train", branch="work")
    number = hub.open_pull(REPO, "Train", "work", fork="ada-example/churn", author="ada-example")
    hub.delete_repository("ada-example/churn")
    hub.delete_user("ada-example")
    (change,) = entities(batches(reader, "change_requests", scope(REPO)))
    assert isinstance(change, ChangeRequest)
    assert (change.number, change.head_sha, change.branch) == (number, sha, "work")
