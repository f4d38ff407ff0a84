"""The GitHub reader against the stand-in: what a pull brings, what it costs, and what it survives."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import msgspec
import pytest

from connectors.base import Batch, SourceContext
from connectors.errors import AuthError, NotFound
from connectors.github import CONNECTION
from connectors.github.options import GithubOptions, GithubScope, GithubSecrets
from connectors.github.reader import GithubReader
from mappings.change import Owned, Reading, Slot
from mappings.model import ChangeRequest, Commit, Entity, Label, Milestone, Missing, Ref, WorkItem
from sandbox.faults import Answer, answers
from sandbox.github import DEFAULT_TOKEN, GitHub
from sandbox.messages import Reply, Request
from sandbox.server import Fault

REPO = "example/churn"
SCOPE = GithubScope(repositories=(REPO,))
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
OWNED = Owned(labels={"ml/model-ready": ("0e8a16", "ready")})


class Requests:
    def __init__(self) -> None:
        self.count = 0

    def request(self, *, remaining: int | None = None, limit: int | None = None, resets_at: datetime | None = None) -> None:
        self.count += 1


@pytest.fixture
def hub() -> Iterator[GitHub]:
    with GitHub(page_window=600) as started:
        started.keep_answers = False
        started.add_repository(REPO, at=LONG_AGO)
        yield started
        assert not [entry for entry in started.requests if entry.unknown_query]


@pytest.fixture
def reader(hub: GitHub) -> Iterator[GithubReader]:
    opened = open_reader(hub)
    yield opened
    opened.close()


def open_reader(hub: GitHub, token: str = DEFAULT_TOKEN) -> GithubReader:
    context = SourceContext(
        name="github",
        options=GithubOptions(url=hub.url),
        secrets=GithubSecrets.model_validate({"token": token}),
        owned=OWNED,
        meter=Requests(),
        stop=threading.Event(),
    )
    return GithubReader(context)


def pulled(hub: GitHub, stream: str, cursor: str | None = None, scope: GithubScope = SCOPE) -> tuple[list[Entity], Batch]:
    """All entities of a pull by a new reader, and its last batch."""
    reader = open_reader(hub)
    try:
        batches = list(reader.pull(stream, scope, cursor))
    finally:
        reader.close()
    return [entity for batch in batches for entity in batch.entities], batches[-1]


def killed(hub: GitHub, stream: str, pages: int) -> tuple[list[Entity], str]:
    """The entities of the first pages, and the cursor that was stored with the last of them."""
    reader = open_reader(hub)
    try:
        batches = list(islice(reader.pull(stream, SCOPE, None), pages))
    finally:
        reader.close()
    cursor = batches[-1].cursor
    assert cursor is not None
    return [entity for batch in batches for entity in batch.entities], cursor


def asked(hub: GitHub) -> int:
    """The requests since the last time this was asked."""
    count = len(hub.requests)
    hub.requests.clear()
    return count


def ids(entities: Sequence[Entity]) -> set[str]:
    return {entity.ref.id for entity in entities}


def seed_issues(hub: GitHub, count: int, *, step: float = 60.0) -> set[str]:
    repository = hub.site.find(REPO).id
    return {f"{repository}/{hub.add_issue(REPO, f'Issue {n}', at=LONG_AGO + timedelta(seconds=step * n))}" for n in range(count)}


def seed_pulls(hub: GitHub, count: int, *, step: float = 60.0) -> set[str]:
    hub.commit(REPO, "Work", branch="work", at=LONG_AGO)
    repository = hub.site.find(REPO).id
    return {
        f"{repository}/{hub.open_pull(REPO, f'Pull {n}', 'work', at=LONG_AGO + timedelta(seconds=step * n))}" for n in range(count)
    }


def tampered(**changes: Any) -> Any:
    """The real answer with the first record of its list changed."""

    def effect(_request: Request, answer: Answer) -> Reply:
        reply = answer()
        rows = msgspec.json.decode(reply.encoded())
        rows[0].update(changes)
        return replace(reply, body=rows)

    return effect


# -- what a pull brings -----------------------------------------------------------------------------------------------------------


def test_every_stream_brings_what_it_names(hub: GitHub) -> None:
    hub.define_label(REPO, "bug", color="d73a4a")
    hub.define_label(REPO, "ML/model-ready")
    milestone = hub.add_milestone(REPO, "1.0", due_on=datetime(2026, 6, 1, 7, tzinfo=UTC))
    issue = hub.add_issue(REPO, "Churn model", labels=["bug", "ML/model-ready"], milestone=milestone, assignees=["ada-example"])
    sha = hub.commit(REPO, "Train", branch="ml-42-train")
    pull = hub.open_pull(REPO, "Train the model", "ml-42-train", body=f"Closes #{issue}", labels=["ML/model-ready"])

    found = {stream: pulled(hub, stream) for stream in CONNECTION.streams}
    repository = hub.site.find(REPO).id
    labels, milestones = found["labels"][0], found["milestones"][0]
    assert [label.name for label in labels if isinstance(label, Label)] == ["bug"]
    assert [(entry.name, str(entry.due)) for entry in milestones if isinstance(entry, Milestone)] == [("1.0", "2026-06-01")]
    (item,) = found["issues"][0]
    assert isinstance(item, WorkItem)
    assert (item.key, item.labels, item.status_category) == (f"{REPO}#{issue}", ("bug",), "todo")
    assert item.milestones == (milestones[0].ref,)
    (request,) = found["change_requests"][0]
    assert isinstance(request, ChangeRequest)
    assert (request.number, request.head_sha, request.closes, request.labels) == (pull, sha, (f"{REPO}#{issue}",), ())
    assert [commit.message for commit in found["commits"][0] if isinstance(commit, Commit)] == ["Initial commit"]
    assert all(isinstance(commit, Commit) and commit.on_default_branch for commit in found["commits"][0])
    assert all(last.complete for _, last in found.values())
    for stream, kinds in CONNECTION.streams.items():
        assert {entity.ref.kind for entity in found[stream][0]} == kinds
    assert item.ref == Ref("github", "work_item", f"{repository}/{issue}")


def test_our_labels_are_mirrored_as_slots(hub: GitHub, reader: GithubReader) -> None:
    issue = hub.add_issue(REPO, "Churn model", labels=["ML/Model-Ready"])
    readings = [reading for batch in reader.pull("issues", SCOPE, None) for reading in batch.slots]
    ref = Ref("github", "work_item", f"{hub.site.find(REPO).id}/{issue}")
    assert readings == [Reading(slot=Slot(ref, "label", "ml/model-ready"), value=True)]


def test_one_bad_record_costs_only_itself(hub: GitHub, reader: GithubReader) -> None:
    first, second = sorted(seed_issues(hub, 2))
    hub.faults.append(Fault(tampered(title=7, body="token ghp_0123456789abcdefghijABCDEFGHIJ012345"), path="*/issues"))
    batches = list(reader.pull("issues", SCOPE, None))
    assert [entity.ref.id for batch in batches for entity in batch.entities] == [second]
    (rejected,) = [entry for batch in batches for entry in batch.rejected]
    assert (rejected.kind, rejected.id) == ("work_item", first)
    assert b"ghp_" not in rejected.payload


def test_switched_off_issues_are_no_issues(hub: GitHub, reader: GithubReader) -> None:
    hub.faults.append(Fault(answers(410, {"message": "Issues are disabled for this repo"}), path="*/issues"))
    (*_, last) = reader.pull("issues", SCOPE, None)
    assert last.complete


def test_an_empty_repository_has_no_commits(hub: GitHub) -> None:
    hub.add_repository("example/empty", first_commit=None)
    scope = GithubScope(repositories=("example/empty",))
    commits, last = pulled(hub, "commits", scope=scope)
    assert (commits, last.complete) == ([], True)
    hub.commit("example/empty", "At last")
    commits, _ = pulled(hub, "commits", last.cursor, scope)
    assert len(commits) == 1


# -- what it costs ----------------------------------------------------------------------------------------------------------------


def test_a_sync_without_changes_asks_once_a_stream_at_most(hub: GitHub) -> None:
    seed_issues(hub, 120)
    seed_pulls(hub, 120)
    reader = open_reader(hub)
    cursors = {stream: list(reader.pull(stream, SCOPE, None))[-1].cursor for stream in CONNECTION.streams}
    reader.close()
    asked(hub)
    reader = open_reader(hub)
    for stream in CONNECTION.streams:
        cursor = None if stream in CONNECTION.sweeps else cursors[stream]
        batches = list(reader.pull(stream, SCOPE, cursor))
        assert batches[-1].cursor == cursor
        assert stream in CONNECTION.sweeps or sum(len(batch.entities) for batch in batches) <= 1
    reader.close()
    assert asked(hub) <= len(CONNECTION.streams)


@pytest.mark.parametrize("stream", ["issues", "change_requests", "commits"])
def test_a_full_pull_asks_hardly_more_often_than_there_are_pages(stream: str) -> None:
    with GitHub(page_window=1_000) as hub:
        hub.keep_answers = False
        hub.add_repository(REPO, at=LONG_AGO)
        rows = 8_000
        match stream:
            case "issues":
                expected = seed_issues(hub, rows)
            case "change_requests":
                expected = seed_pulls(hub, rows)
            case _:
                expected = {f"{hub.site.find(REPO).id}/{hub.commit(REPO, f'Step {n}', at=LONG_AGO)}" for n in range(rows)}
        asked(hub)
        entities, last = pulled(hub, stream)
        assert expected <= ids(entities)
        assert last.complete
        assert asked(hub) <= 1.03 * rows / 100


# -- nothing is lost --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [60.0, 0.0], ids=["one by one", "all in one second"])
def test_no_issue_is_lost_when_the_listing_shifts(hub: GitHub, reader: GithubReader, step: float) -> None:
    expected = seed_issues(hub, 450, step=step)
    found: set[str] = set()
    for page, batch in enumerate(reader.pull("issues", SCOPE, None)):
        found |= ids(batch.entities)
        if page in (1, 2):
            for number in range(page * 10, page * 10 + 5):
                hub.edit_issue(REPO, number, title="Changed while it was read")
    assert found == expected


def test_no_pull_request_is_lost_when_the_listing_shifts(hub: GitHub, reader: GithubReader) -> None:
    expected = seed_pulls(hub, 450)
    titles: dict[str, str] = {}
    for page, batch in enumerate(reader.pull("change_requests", SCOPE, None)):
        titles |= {entity.ref.id: entity.title for entity in batch.entities if isinstance(entity, ChangeRequest)}
        if page == 1:
            for number in (3, 200, 440):
                hub.edit_issue(REPO, number, title="Changed while it was read")
    assert set(titles) == expected
    assert sum(title == "Changed while it was read" for title in titles.values()) == 3


@pytest.mark.parametrize("stream", ["issues", "change_requests", "commits"])
def test_a_killed_full_pull_goes_on_and_ends_as_one(hub: GitHub, stream: str) -> None:
    match stream:
        case "issues":
            expected = seed_issues(hub, 450)
        case "change_requests":
            expected = seed_pulls(hub, 450)
        case _:
            expected = {f"{hub.site.find(REPO).id}/{hub.commit(REPO, f'Step {n}', at=LONG_AGO)}" for n in range(450)}
    before, cursor = killed(hub, stream, 2)
    asked(hub)
    after, last = pulled(hub, stream, cursor)
    assert expected <= ids(before) | ids(after)
    assert last.complete
    assert asked(hub) <= 6
    again, last = pulled(hub, stream, last.cursor)
    assert not last.complete
    assert len(again) <= 1


def test_repositories_that_were_read_before_the_kill_are_not_read_again(hub: GitHub, reader: GithubReader) -> None:
    hub.add_repository("example/churn-data", at=LONG_AGO)
    scope = GithubScope(repositories=(REPO, "example/churn-data"))
    hub.add_issue(REPO, "One", at=LONG_AGO)
    hub.add_issue("example/churn-data", "Two", at=LONG_AGO)
    cursor = list(islice(reader.pull("issues", scope, None), 2))[-1].cursor
    entities, last = pulled(hub, "issues", cursor, scope)
    assert [entity.key for entity in entities if isinstance(entity, WorkItem)] == ["example/churn-data#1"]
    assert last.complete


# -- what is new ------------------------------------------------------------------------------------------------------------------


def test_a_later_pull_brings_what_changed(hub: GitHub) -> None:
    seed_issues(hub, 130)
    seed_pulls(hub, 130)
    _, issues = pulled(hub, "issues")
    _, pulls = pulled(hub, "change_requests")
    hub.close_issue(REPO, 7)
    hub.merge(REPO, 140)
    changed, last = pulled(hub, "issues", issues.cursor)
    assert {entity.key for entity in changed if isinstance(entity, WorkItem) and entity.status_category == "done"} == {f"{REPO}#7"}
    assert len(changed) <= 2
    assert not last.complete
    changed, _ = pulled(hub, "change_requests", pulls.cursor)
    assert {entity.number for entity in changed if isinstance(entity, ChangeRequest) and entity.state == "merged"} == {140}


def test_a_pull_request_that_only_the_issue_listing_shows_is_fetched(hub: GitHub) -> None:
    seed_pulls(hub, 3)
    reader = open_reader(hub)
    cursors = {stream: list(reader.pull(stream, SCOPE, None))[-1].cursor for stream in ("issues", "change_requests")}
    hub.edit_issue(REPO, 2, title="Changed")
    list(reader.pull("issues", SCOPE, cursors["issues"]))
    hub.faults.append(Fault(lambda _request, _answer: Reply(200, []), path="*/pulls"))
    batches = list(reader.pull("change_requests", SCOPE, cursors["change_requests"]))
    reader.close()
    titles = {entity.title for batch in batches for entity in batch.entities if isinstance(entity, ChangeRequest)}
    assert "Changed" in titles


def test_new_commits_come_by_comparison(hub: GitHub) -> None:
    _, last = pulled(hub, "commits")
    made = [hub.commit(REPO, f"Step {n}") for n in range(130)]
    asked(hub)
    commits, last = pulled(hub, "commits", last.cursor)
    assert {commit.sha for commit in commits if isinstance(commit, Commit)} == set(made)
    assert asked(hub) == 3  # the repository, two pages of the comparison
    _, last = pulled(hub, "commits", last.cursor)
    assert not last.complete


def test_an_old_commit_that_is_pushed_later_is_found(hub: GitHub) -> None:
    _, last = pulled(hub, "commits")
    sha = hub.commit(REPO, "Written long ago", at=LONG_AGO - timedelta(days=100))
    hub.commit(REPO, "Now")
    commits, _ = pulled(hub, "commits", last.cursor)
    assert sha in {commit.sha for commit in commits if isinstance(commit, Commit)}


@pytest.mark.parametrize("forgotten", [False, True], ids=["old head kept", "old head forgotten"])
def test_a_forced_push_brings_the_new_history(hub: GitHub, forgotten: bool) -> None:
    base = hub.commit(REPO, "Base", at=LONG_AGO)
    dropped = hub.commit(REPO, "Dropped", at=LONG_AGO)
    kept = hub.commit(REPO, "Kept", at=LONG_AGO)
    _, last = pulled(hub, "commits")
    head = hub.force_push(REPO, "main", [base, kept])
    if forgotten:
        hub.collect_garbage(REPO)
    commits, last = pulled(hub, "commits", last.cursor)
    on_branch = {commit.sha: commit.on_default_branch for commit in commits if isinstance(commit, Commit)}
    assert on_branch[head]
    if not forgotten:
        assert not on_branch[dropped]
    added = hub.commit(REPO, "After it")
    commits, _ = pulled(hub, "commits", last.cursor)
    assert [commit.sha for commit in commits if isinstance(commit, Commit)] == [added]


def test_a_branch_set_back_is_followed(hub: GitHub) -> None:
    base = hub.commit(REPO, "Base", at=LONG_AGO)
    taken_back = hub.commit(REPO, "Taken back", at=LONG_AGO)
    _, last = pulled(hub, "commits")
    hub.force_push(REPO, "main", [base])
    commits, last = pulled(hub, "commits", last.cursor)
    dropped = [(one.sha, one.on_default_branch, one.on_branch) for one in commits if isinstance(one, Commit)]
    assert dropped == [(taken_back, False, True)]
    added = hub.commit(REPO, "Another")
    commits, _ = pulled(hub, "commits", last.cursor)
    assert [commit.sha for commit in commits if isinstance(commit, Commit)] == [added]


def test_a_forced_push_in_the_middle_of_a_full_pull_loses_nothing(hub: GitHub) -> None:
    shas = [hub.commit(REPO, f"Step {n}", at=LONG_AGO) for n in range(350)]
    before, cursor = killed(hub, "commits", 2)
    head = hub.force_push(REPO, "main", [*shas[:40], shas[349]])
    after, last = pulled(hub, "commits", cursor)
    later, _ = pulled(hub, "commits", last.cursor)
    found = {commit.sha for commit in [*before, *after, *later] if isinstance(commit, Commit)}
    assert set(shas) | {head} <= found


# -- scopes -----------------------------------------------------------------------------------------------------------------------


def test_globs_and_exclusions_choose_repositories(hub: GitHub) -> None:
    for name in ("example/churn-data", "example/Churn-Old", "example/other", "elsewhere/churn-x"):
        hub.add_repository(name)
    for name in ("example/churn", "example/churn-data", "example/churn-old", "example/other"):
        hub.add_issue(name, "Issue")
    scope = GithubScope(repositories=("example/churn*",), exclude=("example/churn-old",))
    entities, last = pulled(hub, "issues", scope=scope)
    assert {entity.container for entity in entities if isinstance(entity, WorkItem)} == {"example/churn", "example/churn-data"}
    assert last.complete


def test_a_person_s_private_repositories_match_too(hub: GitHub) -> None:
    hub.add_user("ada-example")
    hub.add_repository("ada-example/churn-public")
    hub.add_repository("ada-example/churn-private", private=True)
    for name in ("churn-public", "churn-private"):
        hub.add_issue(f"ada-example/{name}", "Issue")
    entities, _ = pulled(hub, "issues", scope=GithubScope(repositories=("ada-example/churn-*",)))
    assert len(entities) == 2


def test_a_renamed_repository_stays_itself(hub: GitHub) -> None:
    hub.add_issue(REPO, "Issue", at=LONG_AGO)
    before, last = pulled(hub, "issues")
    hub.rename(REPO, "churn-model")
    after, _ = pulled(hub, "issues", last.cursor)
    assert ids(before) == ids(after)
    assert [entity.key for entity in after if isinstance(entity, WorkItem)] == ["example/churn-model#1"]


def test_a_missing_repository_is_named_after_the_others_were_read(hub: GitHub, reader: GithubReader) -> None:
    hub.add_issue(REPO, "Issue")
    scope = GithubScope(repositories=("example/nowhere", REPO))
    batches: list[Batch] = []
    with pytest.raises(NotFound, match="example/nowhere"):
        for batch in reader.pull("issues", scope, None):
            batches.append(batch)
    assert len([entity for batch in batches for entity in batch.entities]) == 1
    assert not any(batch.complete for batch in batches)


# -- direct reads -----------------------------------------------------------------------------------------------------------------


def ref(hub: GitHub, kind: str, ident: object, repo: str = REPO) -> Ref:
    return Ref("github", kind, f"{hub.site.find(repo).id}/{ident}")


def test_direct_reads_answer_for_what_is_there_and_what_is_gone(hub: GitHub, reader: GithubReader) -> None:
    milestone = hub.add_milestone(REPO, "1.0")
    here, deleted = hub.add_issue(REPO, "Here", labels=["bug"]), hub.add_issue(REPO, "Deleted")
    hub.add_repository("example/other")
    moved = hub.add_issue(REPO, "Moved")
    hub.commit(REPO, "Work", branch="work")
    pull = hub.open_pull(REPO, "Pull", "work")
    hub.delete_issue(REPO, deleted)
    hub.transfer_issue(REPO, moved, "example/other")
    label = hub.define_label(REPO, "bug")
    present = [
        ref(hub, "work_item", here),
        ref(hub, "change_request", pull),
        ref(hub, "milestone", milestone),
        ref(hub, "label", label),
    ]
    gone = [ref(hub, "work_item", number) for number in (deleted, moved, 999, pull)]
    gone += [ref(hub, "change_request", 999), ref(hub, "milestone", 9), ref(hub, "label", 1), ref(hub, "commit", "0" * 40)]
    answers = reader.read([*present, *gone])
    assert [answer.ref for answer in answers if isinstance(answer, Entity)] == present
    assert [answer.ref for answer in answers if isinstance(answer, Missing)] == gone


def test_what_cannot_be_proven_gone_is_not_answered_for(hub: GitHub, reader: GithubReader) -> None:
    hidden = hub.add_repository("example/hidden", private=True)
    hub.add_token("narrow", login="ada-example", kind="fine-grained", repositories=[REPO])
    hub.add_repository("example/off")
    off = hub.add_issue("example/off", "Issue")
    hub.disable_issues("example/off")
    doubtful = [
        Ref("github", "work_item", f"{hidden}/1"),
        Ref("github", "commit", f"{hidden}/{'0' * 40}"),
        Ref("github", "label", f"{hidden}/1"),
        ref(hub, "work_item", off, "example/off"),
        ref(hub, "commit", "0123abc"),
        ref(hub, "work_item", "x"),
        Ref("elsewhere", "work_item", "1/1"),
    ]
    narrow = open_reader(hub, "narrow")
    try:
        assert narrow.read(doubtful) == []
    finally:
        narrow.close()


def test_a_squashed_branch_s_commit_leads_to_its_pull_request(hub: GitHub, reader: GithubReader) -> None:
    sha = hub.commit(REPO, "Train", branch="work")
    pull = hub.open_pull(REPO, "Train the model", "work")
    merge = hub.merge(REPO, pull, "squash")
    hub.delete_branch(REPO, "work")
    commits = reader.read([ref(hub, "commit", sha), ref(hub, "commit", merge)])
    assert all(isinstance(commit, Commit) for commit in commits)
    change_request = ref(hub, "change_request", pull)
    assert [commit.change_requests for commit in commits if isinstance(commit, Commit)] == [(change_request,), (change_request,)]


def test_a_renamed_repository_is_read_by_its_id(hub: GitHub, reader: GithubReader) -> None:
    issue = hub.add_issue(REPO, "Issue")
    wanted = ref(hub, "work_item", issue)
    hub.rename(REPO, "churn-model")
    (answer,) = reader.read([wanted])
    assert isinstance(answer, WorkItem)
    assert answer.key == f"example/churn-model#{issue}"


# -- what a scope still holds ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scope", "leaves"),
    [
        ({"repositories": ["example/churn*"]}, False),
        ({"repositories": ["Example/CHURN"]}, False),
        ({"repositories": ["example/other*", "example/churn-old"]}, True),
        ({"repositories": ["example/*"], "exclude": ["example/churn"]}, True),
        ({"repositories": ["example/gone"]}, True),
    ],
    ids=["by a glob", "by its name", "not named", "excluded", "not named, and what is named is not there"],
)
def test_a_repository_s_records_belong_to_a_scope_that_names_it(
    hub: GitHub, reader: GithubReader, scope: dict[str, Any], leaves: bool
) -> None:
    refs = [ref(hub, "work_item", hub.add_issue(REPO, f"Issue {number}")) for number in range(5)]
    asked(hub)
    assert set(reader.outside(refs, GithubScope.model_validate(scope))) == (set(refs) if leaves else set())
    assert asked(hub) <= 3, "the repository once, and each plain name that is not its own"


def test_a_renamed_repository_is_still_named_by_its_former_name(hub: GitHub, reader: GithubReader) -> None:
    wanted = ref(hub, "work_item", hub.add_issue(REPO, "Issue"))
    hub.rename(REPO, "retention")
    assert reader.outside([wanted], SCOPE) == []
    assert reader.outside([wanted], GithubScope(repositories=("example/churn*",))) == [wanted]


def test_of_a_repository_that_cannot_be_seen_nothing_is_told(hub: GitHub) -> None:
    hidden = hub.add_repository("example/hidden", private=True)
    hub.add_token("narrow", login="ada-example", kind="fine-grained", repositories=[REPO])
    narrow = open_reader(hub, "narrow")
    try:
        assert narrow.outside([Ref("github", "work_item", f"{hidden}/1")], SCOPE) == []
    finally:
        narrow.close()


# -- errors -----------------------------------------------------------------------------------------------------------------------


def test_no_error_holds_the_token(hub: GitHub) -> None:
    secret = "ghp_do_not_show_this_0123456789"
    reader = open_reader(hub, secret)
    try:
        with pytest.raises(AuthError) as refused:
            list(reader.pull("issues", SCOPE, None))
        assert [finding.level for finding in reader.check(SCOPE)] == ["error"]
        assert secret not in repr(reader.check(SCOPE))
    finally:
        reader.close()
    chain: BaseException | None = refused.value
    while chain is not None:
        assert secret not in str(chain)
        chain = chain.__cause__ or chain.__context__


def test_with_a_blank_token_nothing_opens(hub: GitHub) -> None:
    context = SourceContext(
        name="git-hub",
        options=GithubOptions(url=hub.url),
        secrets=GithubSecrets.model_validate({"token": " "}),
        owned=OWNED,
        meter=Requests(),
        stop=threading.Event(),
    )
    with pytest.raises(AuthError, match="MILEPOST_GIT_HUB__TOKEN"):
        CONNECTION.reader(context)


def test_a_cursor_of_another_version_starts_anew(hub: GitHub) -> None:
    expected = seed_issues(hub, 3)
    entities, last = pulled(hub, "issues", "something else")
    assert ids(entities) == expected
    assert last.complete
