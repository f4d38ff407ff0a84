"""The jobs by themselves: what is due is done and due no more, who else is at work is waited for, what fails is tried again."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
import structlog
from sqlalchemy import select, update

from config.project import Retention
from connectors.base import Finding, Options, SourceContext
from connectors.errors import Unavailable
from sandbox.faults import Answer, Fault, out_of_service
from sandbox.messages import Reply, Request
from sync import jobs
from sync.apply import lease_name
from sync.metering import Unmetered
from sync.pull import lease_name as pull_lease
from sync.store import attempts, due, leases, schedules
from sync.store.connect import Database
from sync.store.leases import Lease
from sync.store.schema import due as due_table
from sync.store.schema import entity, run
from sync.store.schema import relist as relist_table
from sync.workspace import Workspace
from tests.engine.conftest import REPO, Office

MOMENT = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


@pytest.fixture
def stop() -> threading.Event:
    return threading.Event()


@pytest.fixture(autouse=True)
def log_as_it_comes() -> None:
    """Whatever level a command that ran here before has set."""
    structlog.reset_defaults()


@pytest.fixture
def office(office: Office) -> Office:
    """Synced once, with one ticket that shows nothing."""
    office.ticket()
    office.sync()
    return office


def mark(office: Office, *projects: str) -> None:
    with office.database.write() as tx:
        due.mark(tx, projects, office.database.now(tx))


def mark_streams(office: Office, source: str, *streams: str) -> None:
    with office.database.write() as tx:
        due.mark_streams(tx, source, streams, office.database.now(tx))


def is_due(office: Office) -> list[str]:
    with office.database.read() as tx:
        return [one.project for one in due.marked(tx)]


def streams_due(office: Office) -> list[str]:
    with office.database.read() as tx:
        return [one.stream for one in due.marked_streams(tx)]


def ready(office: Office) -> tuple[list[str], list[str]]:
    """The projects and streams that may be tried now."""
    with office.database.read() as tx:
        now = office.database.now(tx)
        return list(attempts.ready_projects(tx, now)), [stream for _, stream in attempts.ready_streams(tx, now)]


def commands(office: Office) -> list[tuple[str, str | None, str | None]]:
    with office.database.read() as tx:
        return [tuple(row) for row in tx.execute(select(run.c.command, run.c.outcome, run.c.executor).order_by(run.c.id))][1:]


def held(database: Database, name: str) -> AbstractContextManager[Lease]:
    return leases.held(database, name, holder="another", ttl=timedelta(minutes=5), wait=timedelta(), stop=threading.Event())


def news(office: Office) -> str:
    """A ticket that the store knows to be good, and that does not show it yet; the project is due for it."""
    key = office.ticket("good")
    office.pull()
    mark(office, "churn")
    return key


def let_time_pass(office: Office) -> None:
    """Everything that was put off may be tried again."""
    with office.database.write() as tx:
        for table in (due_table, relist_table):
            tx.execute(update(table).values(retry_at=office.database.now(tx)))


def test_a_project_that_is_due_is_followed_and_due_no_more(office: Office, stop: threading.Event) -> None:
    key = news(office)
    jobs.follow(office.workspace(), "churn", stop=stop, executor="one")
    assert office.field(key) == "Good"
    assert is_due(office) == []
    assert commands(office)[-1] == ("follow", "done", "one")


def test_a_project_that_is_not_due_is_left_alone(office: Office, stop: threading.Event) -> None:
    before = commands(office)
    jobs.follow(office.workspace(), "churn", stop=stop)
    assert commands(office) == before


def test_what_becomes_due_while_it_is_followed_stays_due(office: Office, stop: threading.Event) -> None:
    news(office)

    def meanwhile(_: Request, answer: Answer) -> Reply:
        mark(office, "churn")
        return answer()

    office.jira.faults.append(Fault(meanwhile, method="PUT"))
    jobs.follow(office.workspace(), "churn", stop=stop)
    assert is_due(office) == ["churn"]
    jobs.follow(office.workspace(), "churn", stop=stop)
    assert is_due(office) == []


def test_a_sync_by_hand_follows_what_is_due(office: Office) -> None:
    key = news(office)
    office.sync()
    assert office.field(key) == "Good"
    assert is_due(office) == []


def test_a_project_that_somebody_else_works_on_is_put_off_without_a_run(office: Office, stop: threading.Event) -> None:
    news(office)
    before = commands(office)
    with held(office.database, lease_name("churn")):
        jobs.follow(office.workspace(), "churn", stop=stop)
        assert ready(office) == ([], [])
    assert (is_due(office), commands(office)) == (["churn"], before)
    let_time_pass(office)
    assert ready(office) == (["churn"], [])


def test_a_project_waits_for_what_a_delivery_told_to_read(office: Office, stop: threading.Event) -> None:
    """A pull request that was merged is half a fact until its branch was read: statuses would go and come back."""
    key = news(office)
    mark_streams(office, "github", "commits")
    before = commands(office)
    jobs.follow(office.workspace(), "churn", stop=stop)
    assert commands(office) == before
    assert ready(office) == ([], ["commits"])
    jobs.relist(office.workspace(), "github", stop=stop)
    assert ready(office) == (["churn"], [])
    jobs.follow(office.workspace(), "churn", stop=stop)
    assert office.field(key) == "Good"


def test_a_project_does_not_wait_for_ever_for_what_cannot_be_read(office: Office, stop: threading.Event) -> None:
    key = news(office)
    mark_streams(office, "github", "commits")
    with office.database.write() as tx:
        tx.execute(update(due_table).values(since=office.database.now(tx) - jobs.READ_FIRST))
    jobs.follow(office.workspace(), "churn", stop=stop)
    assert office.field(key) == "Good"


def test_what_fails_is_tried_again_later_and_at_once_when_there_is_news(office: Office, stop: threading.Event) -> None:
    key = news(office)
    office.jira.faults.append(Fault(out_of_service(), method="PUT", times=1_000))
    office.jira.faults.append(Fault(out_of_service(), method="POST", times=1_000))
    jobs.follow(office.workspace(), "churn", stop=stop)
    assert commands(office)[-1][1] == "partial"
    assert (is_due(office), ready(office)) == (["churn"], ([], []))
    mark(office, "churn")
    assert ready(office) == (["churn"], [])
    office.jira.faults.clear()
    jobs.follow(office.workspace(), "churn", stop=stop)
    assert (office.field(key), is_due(office)) == ("Good", [])


def test_what_the_safety_check_refuses_stays_due_and_is_not_tried_at_once(office: Office, stop: threading.Event) -> None:
    office.top["safety"] = {"max_additions": 1}
    office.ticket("good")
    news(office)
    writes = office.writes
    jobs.follow(office.workspace(), "churn", stop=stop)
    assert commands(office)[-1][1] == "refused"
    assert (is_due(office), ready(office), office.writes) == (["churn"], ([], []), writes)


class Counting(Unmetered):
    """Remembers which runs ended how."""

    def __init__(self) -> None:
        self.runs: list[tuple[str, str]] = []

    def run(self, command: str, outcome: str, seconds: float) -> None:
        self.runs.append((command, outcome))


def with_a_mistake(workspace: Workspace, project: str) -> Workspace:
    """One project is put together in a way that its judging cannot bear."""
    broken = [msgspec.structs.replace(one, rules=None) if one.key == project else one for one in workspace.projects]
    return msgspec.structs.replace(workspace, projects=broken)


def test_a_mistake_in_one_project_is_tried_ever_more_rarely_and_stops_no_other(office: Office, stop: threading.Event) -> None:
    office.projects["loyalty"] = {"scopes": {"shelf": {"prefix": ""}}}
    office.pull()
    key = news(office)
    mark(office, "loyalty")
    counting = Counting()
    workspace = with_a_mistake(msgspec.structs.replace(office.workspace(), meters=counting), "loyalty")
    with structlog.testing.capture_logs() as logged:
        for _ in range(2):
            jobs.follow(workspace, "loyalty", stop=stop)
            assert ready(office)[0] == ["churn"]
            let_time_pass(office)
    told = [line for line in logged if line["event"] == "follow.failed"]
    assert [(line["log_level"], line["tries"], "frames" in line) for line in told] == [("error", 1, True), ("error", 2, False)]
    assert told[0]["error"] == "an unexpected TypeError; this is a mistake of Milepost"
    assert any(" in follow" in frame for frame in told[0]["frames"])
    assert counting.runs == [("follow", "error")] * 2
    assert commands(office)[-1][:2] == ("follow", "error")
    jobs.follow(workspace, "churn", stop=stop)
    assert (office.field(key), is_due(office)) == ("Good", ["loyalty"])


def test_a_record_that_cannot_be_read_from_the_store_is_tried_ever_more_rarely(office: Office, stop: threading.Event) -> None:
    """Another version of Milepost may have written it."""
    news(office)
    with office.database.write() as tx:
        tx.execute(update(entity).values(doc=b"[]"))
    jobs.follow(office.workspace(), "churn", stop=stop)
    assert (is_due(office), ready(office)) == (["churn"], ([], []))


def test_a_mistake_while_streams_are_read_is_tried_ever_more_rarely(office: Office, stop: threading.Event) -> None:
    mark_streams(office, "github", "change_requests")
    workspace = office.workspace()
    broken = msgspec.structs.replace(workspace, pull_limits=msgspec.structs.replace(workspace.pull_limits, full_every=None))
    jobs.relist(broken, "github", stop=stop)
    assert (streams_due(office), ready(office)) == (["change_requests"], ([], []))
    assert commands(office)[-1][:2] == ("relist", "error")
    let_time_pass(office)
    jobs.relist(workspace, "github", stop=stop)
    assert streams_due(office) == []


def test_a_mistake_in_a_scheduled_pull_waits_for_the_next_moment(office: Office, stop: threading.Event) -> None:
    workspace = office.workspace()
    broken = msgspec.structs.replace(workspace, pull_limits=msgspec.structs.replace(workspace.pull_limits, full_every=None))
    jobs.reconcile(broken, "jira", MOMENT, stop=stop)
    with office.database.read() as tx:
        assert schedules.last_moments(tx) == {"pull:jira": MOMENT}
    assert commands(office)[-1][:2] == ("reconcile", "error")


def test_it_waits_ever_longer_but_not_for_ever() -> None:
    waits = [attempts.backoff(tries) for tries in range(1, 40)]
    assert waits[:3] == [timedelta(seconds=10), timedelta(seconds=20), timedelta(seconds=40)]
    assert max(waits) == waits[-1] == attempts.LONGEST


def test_a_project_that_is_not_in_this_file_is_left_to_others_for_a_day(office: Office, stop: threading.Event) -> None:
    """While workers are restarted with a new file, those with the old one must not take away what is due by the new one."""
    mark(office, "gone")
    jobs.follow(office.workspace(), "gone", stop=stop)
    assert is_due(office) == ["gone"]
    assert ready(office) == ([], [])
    with office.database.write() as tx:
        tx.execute(update(due_table).values(since=office.database.now(tx) - jobs.UNKNOWN_FOR))
    jobs.follow(office.workspace(), "gone", stop=stop)
    assert is_due(office) == []


def test_what_is_due_by_a_projects_former_key_is_due_by_its_new_one(office: Office, stop: threading.Event) -> None:
    key = news(office)
    office.rename()
    jobs.follow(office.workspace(), "churn", stop=stop)
    assert (is_due(office), ready(office)) == (["loyalty"], (["loyalty"], []))
    jobs.follow(office.workspace(), "loyalty", stop=stop)
    assert (is_due(office), office.field(key)) == ([], "Good")


def test_a_stopped_job_leaves_what_is_due(office: Office, stop: threading.Event) -> None:
    news(office)
    stop.set()
    jobs.follow(office.workspace(), "churn", stop=stop)
    assert (is_due(office), ready(office)) == (["churn"], (["churn"], []))


def test_only_the_streams_that_are_due_are_read(office: Office, stop: threading.Event) -> None:
    office.github.add_issue(REPO, "Something new")
    mark_streams(office, "github", "change_requests")
    asked = len(office.jira.requests), len(office.github.requests)
    jobs.relist(office.workspace(), "github", stop=stop, executor="one")
    assert (streams_due(office), is_due(office)) == ([], ["churn"])
    assert len(office.jira.requests) == asked[0]
    assert not [one for one in office.github.requests[asked[1] :] if one.path.endswith("/commits")]
    assert commands(office)[-1] == ("relist", "done", "one")


def test_a_stream_that_fails_is_tried_again_later(office: Office, stop: threading.Event) -> None:
    mark_streams(office, "github", "change_requests")
    office.github.faults.append(Fault(out_of_service(), times=1_000))
    jobs.relist(office.workspace(), "github", stop=stop)
    assert (streams_due(office), is_due(office), ready(office)) == (["change_requests"], [], ([], []))
    office.github.faults.clear()
    let_time_pass(office)
    jobs.relist(office.workspace(), "github", stop=stop)
    assert (streams_due(office), is_due(office)) == ([], ["churn"])


def test_a_stream_that_somebody_else_reads_is_put_off_without_a_run(office: Office, stop: threading.Event) -> None:
    mark_streams(office, "github", "change_requests")
    workspace, before = office.workspace(), commands(office)
    (scope,) = workspace.sources["github"].scopes
    with held(office.database, pull_lease(workspace.sources["github"], scope)):
        jobs.relist(workspace, "github", stop=stop)
    assert (streams_due(office), ready(office), commands(office)) == (["change_requests"], ([], []), before)


@pytest.mark.parametrize(("source", "stream"), [("gone", "issues"), ("github", "no-such-stream")])
def test_streams_that_are_no_more_are_due_no_more(office: Office, stop: threading.Event, source: str, stream: str) -> None:
    mark_streams(office, source, stream)
    with office.database.write() as tx:
        tx.execute(update(relist_table).values(since=office.database.now(tx) - jobs.UNKNOWN_FOR))
    jobs.relist(office.workspace(), source, stop=stop)
    assert streams_due(office) == []


def test_a_scheduled_pull_reads_one_source_and_makes_its_projects_due(office: Office, stop: threading.Event) -> None:
    key, asked = office.ticket("good"), len(office.github.requests)
    jobs.reconcile(office.workspace(), "jira", MOMENT, stop=stop, executor="one")
    assert is_due(office) == ["churn"]
    assert len(office.github.requests) == asked
    with office.database.read() as tx:
        assert schedules.last_moments(tx) == {"pull:jira": MOMENT}
    jobs.follow(office.workspace(), "churn", stop=stop)
    assert office.field(key) == "Good"


def test_streams_of_a_source_that_is_not_in_this_file_are_left_to_others(office: Office, stop: threading.Event) -> None:
    mark_streams(office, "gone", "issues")
    jobs.relist(office.workspace(), "gone", stop=stop)
    assert streams_due(office) == ["issues"]
    assert ready(office) == ([], [])


def test_a_scheduled_pull_that_others_keep_waiting_is_not_done_with(office: Office, stop: threading.Event) -> None:
    """Another one may read a single stream, or a single scope: that is not what the schedule asks for."""
    workspace, before = office.workspace(), commands(office)
    source = workspace.sources["jira"]
    stop.set()  # so that it does not wait before it lets others go first
    with held(office.database, pull_lease(source, source.scopes[0])):
        assert jobs.reconcile(workspace, "jira", MOMENT, stop=stop) == {}
    assert commands(office) == before
    with office.database.read() as tx:
        assert schedules.last_moments(tx) == {}


def test_a_scheduled_pull_of_a_source_that_is_away_is_done_with(office: Office, stop: threading.Event) -> None:
    """The next moment tries again."""
    office.jira.faults.append(Fault(out_of_service(), times=1_000))
    jobs.reconcile(office.workspace(), "jira", MOMENT, stop=stop)
    with office.database.read() as tx:
        assert schedules.last_moments(tx) == {"pull:jira": MOMENT}
    assert commands(office)[-1][1] == "partial"


def test_a_scheduled_pull_that_is_stopped_is_not_done_with(office: Office, stop: threading.Event) -> None:
    stop.set()
    jobs.reconcile(office.workspace(), "jira", MOMENT, stop=stop)
    with office.database.read() as tx:
        assert schedules.last_moments(tx) == {}


def test_retention_is_put_into_effect(office: Office, stop: threading.Event) -> None:
    jobs.retain(office.workspace(), Retention(), MOMENT, stop=stop)
    assert commands(office)[-1][:2] == ("prune", "done")
    with office.database.read() as tx:
        assert schedules.last_moments(tx) == {"retention": MOMENT}


def test_a_scheduled_pull_asks_for_failed_deliveries(office: Office, stop: threading.Event) -> None:
    """Whatever comes of that, the pull counts."""
    asked: list[Sequence[Options]] = []

    def redeliver(context: SourceContext, scopes: Sequence[Options]) -> Sequence[Finding]:
        assert context.name == "shelf"
        asked.append(scopes)
        if len(asked) == 2:
            raise Unavailable("shelf", "is away")
        return [Finding(level="info", topic="webhooks", text="2 deliveries are sent again")]

    office.only_the_shelf()
    office.connection = office.shelf.connection(redeliver=redeliver)
    for _ in range(2):
        jobs.reconcile(office.workspace(), "shelf", MOMENT, stop=stop)
        assert commands(office)[-1][:2] == ("reconcile", "done")
        assert is_due(office) == ["churn"]
    assert [len(scopes) for scopes in asked] == [1, 1]


def told(logged: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """What is of interest to whoever runs a service."""
    some = [line for line in logged if line["event"].startswith(("pull.", "follow."))]
    return [(line["event"], line["log_level"]) for line in some if line["log_level"] != "debug"]


def test_a_source_that_is_away_is_told_once_and_when_it_is_there_again(office: Office, stop: threading.Event) -> None:
    workspace = office.workspace()
    office.github.faults.append(Fault(out_of_service(), times=1_000))
    with structlog.testing.capture_logs() as logged:
        for minute in range(3):
            jobs.reconcile(workspace, "github", MOMENT + timedelta(minutes=minute), stop=stop)
        mark_streams(office, "github", "commits")
        jobs.relist(workspace, "github", stop=stop)
        office.github.faults.clear()
        let_time_pass(office)
        jobs.relist(workspace, "github", stop=stop)
        jobs.reconcile(workspace, "github", MOMENT + timedelta(hours=1), stop=stop)
    assert told(logged) == [
        ("pull.incomplete", "warning"),
        ("pull.done", "info"),
        ("pull.recovered", "info"),
        ("pull.done", "info"),
    ]
    first = next(line for line in logged if line["event"] == "pull.incomplete")
    with office.database.read() as tx:
        assert first["run"] in tx.execute(select(run.c.id).where(run.c.command == "reconcile")).scalars().all()
    assert (first["source"], first["command"], len(first["why"])) == ("github", "reconcile", 1)
    assert "503" in first["why"][0]


def test_what_fails_otherwise_than_before_is_told_again_with_what_to_do(office: Office, stop: threading.Event) -> None:
    workspace = office.workspace()
    office.github.faults.append(Fault(out_of_service(), times=1_000))
    with structlog.testing.capture_logs() as logged:
        jobs.reconcile(workspace, "github", MOMENT, stop=stop)
        office.github.faults[:] = [Fault(lambda *_: Reply(401, b'{"message":"Bad credentials"}'), times=1_000)]
        for minute in (1, 2):
            jobs.reconcile(workspace, "github", MOMENT + timedelta(minutes=minute), stop=stop)
    warnings = [line for line in logged if line["log_level"] == "warning" and line["event"] == "pull.incomplete"]
    assert len(warnings) == 2
    assert "MILEPOST_GITHUB__TOKEN" in "".join(warnings[1]["fix"])


def test_each_pull_and_what_was_written_is_one_line(office: Office, stop: threading.Event) -> None:
    workspace = office.workspace()
    office.ticket("good")
    with structlog.testing.capture_logs() as logged:
        jobs.reconcile(workspace, "jira", MOMENT, stop=stop)
        jobs.follow(workspace, "churn", stop=stop)
        mark(office, "churn")
        jobs.follow(workspace, "churn", stop=stop)  # which has nothing to do
    assert told(logged) == [("pull.done", "info"), ("follow.ended", "info")]
    pulled, followed = (line for line in logged if line["event"] in ("pull.done", "follow.ended"))
    assert (pulled["source"], pulled["changed"] >= 1, pulled["requests"] >= 1) == ("jira", True, True)
    assert {name: followed[name] for name in ("project", "outcome", "written", "failed")} == {
        "project": "churn",
        "outcome": "done",
        "written": followed["planned"],
        "failed": 0,
    }


def test_a_pull_that_is_stopped_is_no_trouble(office: Office, stop: threading.Event) -> None:
    stop.set()
    with structlog.testing.capture_logs() as logged:
        jobs.reconcile(office.workspace(), "jira", MOMENT, stop=stop)
    assert told(logged) == [("pull.stopped", "info")]
