"""Commits that no listing shows: looked up, remembered either way, asked for again ever more rarely, and a run finds its ticket."""

from __future__ import annotations

import threading
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import update

from connectors.errors import RateLimited, Unavailable
from mappings.model import ModelVersion, Ref, Run
from sandbox.faults import Fault, answers
from sync import lookup
from sync.lineage import LooseEnd
from sync.lookup import CHUNK, SOONEST, Answers, look_up
from sync.outcome import ExitCode
from sync.store.schema import looked_up

if TYPE_CHECKING:
    from tests.engine.conftest import Office

REPO = "example/churn"
NOWHERE = "0123456789abcdef0123456789abcdef01234567"


def asked(office: Office, sha: str) -> int:
    """How often GitHub was asked for a commit by its sha."""
    return sum(1 for entry in office.github.requests if entry.path.endswith(f"/commits/{sha}"))


def with_shelf(office: Office) -> None:
    office.scopes["shelf"] = {"prefix": ""}
    office.projects["churn"]["release"] = {"alias": "champion"}


def test_a_run_on_a_squashed_branch_finds_its_ticket(office: Office) -> None:
    with_shelf(office)
    ticket = office.ticket()
    sha, number = office.propose(ticket)
    office.github.commit("example/churn", "More", branch=f"feature/{ticket.lower()}")
    office.github.merge("example/churn", number, "squash")
    office.train("churn-classifier", sha)
    result = office.sync()
    assert result.exit_code is ExitCode.DONE
    assert office.field(ticket) == "Model ready"
    assert asked(office, sha) == 1
    for _ in range(2):
        office.sync()
    assert asked(office, sha) == 1


def test_a_commit_that_is_nowhere_is_asked_for_once(office: Office) -> None:
    with_shelf(office)
    office.propose(office.ticket())
    office.train("churn-classifier", NOWHERE)
    for _ in range(3):
        office.sync()
    assert asked(office, NOWHERE) == 1


def train_now(office: Office, sha: str) -> None:
    version = office.train("churn-classifier", sha)
    assert version.run is not None
    run = office.shelf.things[version.run]
    office.shelf.put(msgspec.structs.replace(run, started_at=datetime.now(UTC)))


def pass_time(office: Office, by: timedelta) -> None:
    """Everything that was looked up was so by that much earlier."""
    with office.database.write() as tx:
        tx.execute(update(looked_up).values(asked_at=office.database.now(tx) - by))


def test_a_commit_that_is_pushed_after_it_was_built_from_finds_its_ticket(office: Office) -> None:
    with_shelf(office)
    ticket = office.ticket()
    office.propose(office.ticket())
    branch = f"feature/{ticket.lower()}"
    sha = office.github.commit("example/churn", f"{ticket} Train", branch=branch)
    train_now(office, sha)
    not_pushed = answers(422, {"message": f"No commit found for SHA: {sha}", "status": "422"})
    office.github.faults.append(Fault(not_pushed, path=f"*/commits/{sha}"))
    office.sync()
    assert (office.field(ticket), asked(office, sha)) == (None, 1)
    office.github.commit("example/churn", "More", branch=branch)
    number = office.github.open_pull("example/churn", f"{ticket} Train", branch)
    office.github.merge("example/churn", number, "squash")
    office.sync()
    assert (office.field(ticket), asked(office, sha)) == (None, 1)
    pass_time(office, SOONEST)
    office.sync()
    assert (office.field(ticket), asked(office, sha)) == ("Model ready", 2)


def test_a_commit_that_is_proposed_after_it_was_looked_up_finds_its_ticket(office: Office) -> None:
    with_shelf(office)
    ticket = office.ticket()
    office.propose(office.ticket())
    branch = f"feature/{ticket.lower()}"
    sha = office.github.commit("example/churn", f"{ticket} Train", branch=branch)
    train_now(office, sha)
    office.sync()
    office.github.commit("example/churn", "More", branch=branch)
    number = office.github.open_pull("example/churn", f"{ticket} Train", branch)
    office.github.merge("example/churn", number, "squash")
    pass_time(office, SOONEST)
    office.sync()
    assert (office.field(ticket), asked(office, sha)) == ("Model ready", 2)
    pass_time(office, timedelta(days=400))
    office.sync()
    assert asked(office, sha) == 2


def test_questions_grow_rare_with_the_age_of_what_was_built(office: Office) -> None:
    with_shelf(office)
    office.propose(office.ticket())
    office.shelf.put(
        Run(
            ref=Ref("shelf", "run", "old"),
            run_id="old",
            experiment="training",
            git_commit=NOWHERE,
            started_at=datetime.now(UTC) - timedelta(days=40),
        )
    )
    office.sync()
    pass_time(office, timedelta(days=10))
    office.sync()
    assert asked(office, NOWHERE) == 1
    pass_time(office, timedelta(days=21))
    office.sync()
    assert asked(office, NOWHERE) == 2


def test_a_commit_is_looked_up_in_the_repository_that_its_run_names(office: Office) -> None:
    with_shelf(office)
    office.github.add_repository("example/other")
    office.scopes["github"] = {"repositories": ["example/*"]}
    office.propose(office.ticket())
    office.propose(office.ticket(), "example/other")
    run = Run(ref=Ref("shelf", "run", "r"), run_id="r", experiment="training", git_commit=NOWHERE)
    office.shelf.put(msgspec.structs.replace(run, git_repository="git@git.example.com:example/other.git"))
    office.sync()
    assert asked(office, NOWHERE) == 1
    unnamed = NOWHERE.replace("0", "f")
    office.shelf.put(msgspec.structs.replace(run, git_commit=unnamed, git_repository="git@git.example.com:nobody/knows.git"))
    office.sync()
    assert asked(office, unnamed) == 2


def test_a_commit_is_asked_for_again_after_a_failure(office: Office) -> None:
    with_shelf(office)
    ticket = office.ticket()
    sha, number = office.propose(ticket)
    office.github.commit("example/churn", "More", branch=f"feature/{ticket.lower()}")
    office.github.merge("example/churn", number, "squash")
    office.train("churn-classifier", sha)
    # The listing of commits asks for `…/commits`, a look-up for `…/commits/<sha>`.
    office.github.faults.append(Fault(answers(403, {"message": "no"}), path=f"*/commits/{sha}"))
    office.sync()
    assert office.field(ticket) is None
    office.sync()
    assert office.field(ticket) == "Model ready"


def test_a_plan_without_a_pull_asks_nobody(office: Office) -> None:
    with_shelf(office)
    office.propose(office.ticket())
    office.pull()
    office.train("churn-classifier", NOWHERE)
    requests = len(office.github.requests)
    office.plan()
    assert len(office.github.requests) == requests


def shelved(office: Office, shas: Sequence[str]) -> tuple[list[Ref], Answers]:
    """Looks `shas` up on the shelf, of which one repository is known; returns what was answered for, and what came of it."""
    office.only_the_shelf()
    workspace = office.workspace()
    ends = [LooseEnd(sha=sha, found=False) for sha in shas]
    before = len(office.shelf.reads)
    answers = look_up(office.database, list(workspace.sources.values()), {("shelf", "7"): "example/churn"}, ends, stop=office.stop)
    return office.shelf.reads[before:], answers


def test_what_was_answered_before_a_rate_limit_is_not_asked_again(office: Office) -> None:
    shas = [f"{number:040x}" for number in range(2 * CHUNK)]

    def limit(refs: Sequence[Ref]) -> None:
        if len(office.shelf.reads) == CHUNK:
            raise RateLimited("shelf", "asked to wait", until=office.run().started_at)

    office.shelf.before_read = limit
    first, answers = shelved(office, shas)
    assert answers.answered == len(first) == CHUNK
    assert [error.message for error in answers.failures] == ["no more commits could be looked up: asked to wait"]
    office.shelf.before_read = lambda refs: None
    second, answers = shelved(office, shas)
    assert answers.answered == len(second) == CHUNK
    assert not set(first) & set(second)


def test_a_connectors_mistake_and_a_stop_leave_the_rest_for_later(office: Office) -> None:
    def fail(refs: Sequence[Ref]) -> None:
        raise ZeroDivisionError

    office.shelf.before_read = fail
    reads, answers = shelved(office, [NOWHERE.replace("0", "f")])
    assert (reads, answers.answered) == ([], 0)
    assert ["ZeroDivisionError" in error.message for error in answers.failures] == [True]
    office.shelf.before_read = lambda refs: None
    office.stop.set()
    assert shelved(office, [NOWHERE.replace("0", "f")]) == ([], Answers())
    office.stop = threading.Event()
    assert shelved(office, [NOWHERE.replace("0", "f")])[1] == Answers(1)


def failing_on(office: Office, poisonous: Collection[str]) -> list[int]:
    """The shelf fails whenever one of these is among what it is asked for; how many it was asked for each time."""
    asked_for: list[int] = []

    def fail(refs: Sequence[Ref]) -> None:
        asked_for.append(len(refs))
        if any(ref.id.rpartition("/")[2] in poisonous for ref in refs):
            raise Unavailable("shelf", "answered 500", fix="run again later")

    office.shelf.before_read = fail
    return asked_for


def test_a_commit_that_a_source_fails_on_fails_alone(office: Office) -> None:
    shas = [f"{number:040x}" for number in range(2 * CHUNK)]
    asked_for = failing_on(office, {shas[7]})
    reads, answers = shelved(office, shas)
    assert {ref.id.rpartition("/")[2] for ref in reads} == {*shas} - {shas[7]}
    assert answers.answered == len(shas) - 1
    assert sorted(asked_for) == [1] * CHUNK + [CHUNK, CHUNK]
    (failure,) = answers.failures
    assert (failure.source, failure.fix) == ("shelf", "run again later")
    assert f"commit {shas[7][:9]} could not be looked up" in failure.message
    office.shelf.before_read = lambda refs: None
    reads, answers = shelved(office, shas)
    assert [ref.id.rpartition("/")[2] for ref in reads] == [shas[7]]
    assert answers == Answers(1)


def test_a_source_that_fails_on_everything_is_asked_little(office: Office) -> None:
    shas = [f"{number:040x}" for number in range(3 * CHUNK)]
    asked_for = failing_on(office, shas)
    reads, answers = shelved(office, shas)
    assert (reads, answers.answered) == ([], 0)
    assert asked_for == [CHUNK, *[1] * (lookup.MOST_FAILED + 1)]
    assert answers.failures[-1].message == "no more commits could be looked up: answered 500"
    assert len(answers.failures) == lookup.MOST_FAILED + 1


def test_many_that_a_source_fails_on_keep_the_others_open_for_some_runs_only(office: Office) -> None:
    shas = [f"{number:040x}" for number in range(2 * CHUNK)]
    poisonous = set(shas[: 2 * lookup.MOST_FAILED])
    failing_on(office, poisonous)
    answered: set[str] = set()
    for _ in range(200):
        answered |= {ref.id.rpartition("/")[2] for ref in shelved(office, shas)[0]}
        if len(answered) == len(shas) - len(poisonous):
            break
    assert answered == {*shas} - poisonous


def test_a_commit_that_github_fails_on_is_told_and_keeps_no_other_from_its_ticket(office: Office) -> None:
    with_shelf(office)
    ticket = office.ticket()
    sha, number = office.propose(ticket)
    office.github.commit("example/churn", "More", branch=f"feature/{ticket.lower()}")
    office.github.merge("example/churn", number, "squash")
    version = office.train("churn-classifier", sha)
    office.train("poison", NOWHERE)
    # So long a wait is not waited for, so the failure is there at once.
    broken = answers(500, {"message": "Server Error"}, {"Retry-After": "3600"})
    office.github.faults.append(Fault(broken, path=f"*/commits/{NOWHERE}", times=2))
    result = office.sync()
    assert result.exit_code is ExitCode.PARTIAL
    (finding,) = result.pulled["github"].findings
    assert NOWHERE[:9] in finding.text
    reached = result.projects[0].assessment.graph.reach(office.ref(ticket), ("implements", "built_from", "registered_from"))
    assert version.ref in reached
    result = office.sync()
    assert (result.exit_code, list(result.pulled["github"].findings)) == (ExitCode.DONE, [])
    assert office.field(ticket) == "Model ready"


def test_a_commit_that_github_always_fails_on_leaves_known_what_it_cannot_change(office: Office) -> None:
    with_shelf(office)
    ticket = office.ticket()
    sha, number = office.propose(ticket)
    office.github.merge(REPO, number, "merge")
    office.train("churn-classifier", sha)
    office.sync()
    office.train("poison", NOWHERE, aliases=())
    broken = answers(500, {"message": "Server Error"}, {"Retry-After": "3600"})
    office.github.faults.append(Fault(broken, path=f"*/commits/{NOWHERE}", times=99))
    result = office.sync()
    assert result.exit_code is ExitCode.PARTIAL
    truths = {one.rule: one.truth for one in result.projects[0].assessment.standings if one.subject == office.ref(ticket)}
    assert (truths["model-ready"], truths["drift-alert"]) == (True, False)
    office.train("poison", NOWHERE)
    other = office.ticket()
    truths = {one.rule: one.truth for one in office.sync().projects[0].assessment.standings if one.subject == office.ref(other)}
    assert truths["model-ready"] is None


def test_one_run_asks_for_so_many_and_the_next_for_the_rest(office: Office) -> None:
    shas = [f"{number:040x}" for number in range(lookup.MOST + CHUNK)]
    first, _ = shelved(office, shas)
    second, _ = shelved(office, shas)
    third, _ = shelved(office, shas)
    assert (len(first), len(second), len(third)) == (lookup.MOST, CHUNK, 0)


def test_a_commit_on_an_unmerged_branch_belongs_to_its_open_pull_request(office: Office) -> None:
    with_shelf(office)
    ticket = office.ticket()
    sha, _ = office.propose(ticket)
    office.github.commit("example/churn", "More", branch=f"feature/{ticket.lower()}")
    version = office.train("churn-classifier", sha)
    office.sync()
    assert asked(office, sha) == 1
    assessment = office.plan().projects[0].assessment
    reached = assessment.graph.reach(office.ref(ticket), ("implements", "built_from", "registered_from"))
    assert version.ref in reached
    assert office.field(ticket) is None
    office.shelf.put(msgspec.structs.replace(version, tags={"note": "retagged"}))
    office.sync()
    assert asked(office, sha) == 1


def test_an_earlier_commit_of_a_branch_finds_its_ticket_whenever_it_was_merged(office: Office) -> None:
    with_shelf(office)
    tickets = [office.ticket(), office.ticket()]
    for number, ticket in enumerate(tickets):
        sha, pull = office.propose(ticket)
        office.github.commit("example/churn", "More", branch=f"feature/{ticket.lower()}")
        office.train(f"model-{number}", sha)
        if ticket == tickets[0]:
            office.github.merge("example/churn", pull, "merge")
    office.sync()
    assert [office.field(ticket) for ticket in tickets] == ["Model ready", None]
    office.github.merge("example/churn", pull, "merge")
    office.sync()
    assert [office.field(ticket) for ticket in tickets] == ["Model ready", "Model ready"]


def test_a_ticket_that_only_the_head_of_an_unmerged_branch_names_is_found(office: Office) -> None:
    with_shelf(office)
    office.github.add_repository("example/other")
    office.scopes["github"] = {"repositories": ["example/*"]}
    ticket, earlier = office.ticket(), office.ticket()
    office.propose(office.ticket(), "example/other")
    first = office.github.commit(REPO, f"{earlier} Prepare", branch="topic")
    head = office.github.commit(REPO, f"{ticket} Train", branch="topic")
    number = office.github.open_pull(REPO, "Better features", "topic")
    versions = [office.train("churn-classifier", head), office.train("churn-scorer", first)]
    office.sync()
    assert versions[0].ref in on_its_way(office, ticket)
    assert versions[1].ref in on_its_way(office, earlier)
    assert asked(office, head) == 1
    office.github.merge(REPO, number, "squash")
    office.sync()
    assert [office.field(one) for one in (ticket, earlier)] == ["Model ready", "Model ready"]
    assert asked(office, head) == 1


def a_forks_commit(office: Office, ticket: str) -> str:
    """A commit that is on a branch of a fork and on none of the repository."""
    office.github.add_fork(REPO, "mallory/churn")
    return office.github.commit("mallory/churn", f"{ticket} Mine", branch="idea")


def links_of(office: Office, version: ModelVersion) -> list[tuple[str, str]]:
    """What a version's run was built from, and how sure that is."""
    assert version.run is not None
    found = office.plan().projects[0].assessment.graph.links_from(version.run)
    return [(one.target.kind, one.confidence) for one in found]


def on_its_way(office: Office, ticket: str) -> Collection[Ref]:
    """What a rule of one's own that asks for no merge looks at."""
    graph = office.plan().projects[0].assessment.graph
    return graph.reach(office.ref(ticket), ("implements", "built_from", "registered_from"))


def test_a_forks_commit_that_github_shows_is_only_a_word_and_stays_one_when_it_is_proposed(office: Office) -> None:
    with_shelf(office)
    ticket = office.ticket()
    office.propose(office.ticket())
    sha = a_forks_commit(office, ticket)
    version = office.train("churn-classifier", sha)
    office.sync()
    assert (links_of(office, version), asked(office, sha)) == ([("commit", "textual")], 1)
    assert version.ref not in on_its_way(office, ticket)
    number = office.github.open_pull(REPO, "Innocent", "idea", fork="mallory/churn")
    for by in (timedelta(), timedelta(days=400)):
        pass_time(office, by)
        office.sync()
        assert set(links_of(office, version)) == {("commit", "textual"), ("change_request", "textual")}
        assert version.ref not in on_its_way(office, ticket)
    assert asked(office, sha) == 2
    office.github.merge(REPO, number, "squash")
    office.sync()
    assert version.ref in on_its_way(office, ticket)
    assert office.field(ticket) == "Model ready"


def test_a_commit_of_a_branch_that_nobody_proposed_is_the_repositorys_own_also_after_the_branch_went_on(office: Office) -> None:
    with_shelf(office)
    ticket = office.ticket()
    office.propose(office.ticket())
    sha = office.github.commit(REPO, f"{ticket} Train", branch="topic")
    version = office.train("churn-classifier", sha)
    office.sync()
    assert version.ref in on_its_way(office, ticket)
    office.github.commit(REPO, "More", branch="topic")
    pass_time(office, timedelta(days=400))
    office.sync()
    assert asked(office, sha) == 2
    assert links_of(office, version) == [("commit", "exact")]
    assert version.ref in on_its_way(office, ticket)


def test_runs_without_a_commit_ask_for_nothing(office: Office) -> None:
    with_shelf(office)
    office.propose(office.ticket())
    office.shelf.put(Run(ref=Ref("shelf", "run", "r"), run_id="r", experiment="training", git_commit="not a sha"))
    office.sync()
    assert asked(office, "not a sha") == 0
