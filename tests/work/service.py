"""A service that is always on, as processes: a receiver, workers, and a GitHub that tells it by webhook what people do there."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from bench.good import GOOD
from sandbox.github import DEFAULT_TOKEN, GitHub
from sync.store import schedules
from sync.store.connect import Database, open_database
from sync.store.schema import due, executor, inbox, lease, outbox, relist, run
from tests.cli.process import MILEPOST, PATIENCE, Desk

SECRET = "example-webhook-secret-7d2b"
SHOWN = "ml/good"


def until(
    happened: Callable[[], bool], why: Callable[[], object] = lambda: "it never came to that", *, pause: float = 0.02
) -> float:
    """Waits until it is so, and says how long that took."""
    began = time.monotonic()
    while not happened():
        if time.monotonic() - began > PATIENCE:
            pytest.fail(str(why()))
        time.sleep(pause)
    return time.monotonic() - began


@dataclass
class Process:
    """One process of the service. `log` is its standard error."""

    popen: subprocess.Popen[bytes]
    log: Path

    def lines(self) -> list[dict[str, Any]]:
        """What it logged; the last line may be half written."""
        text = self.log.read_text(encoding="utf-8")
        return [json.loads(line) for line in text.split("\n")[:-1] if line.startswith("{")]

    def told(self, event: str) -> dict[str, Any] | None:
        return next((line for line in self.lines() if line.get("event") == event), None)

    def wait_for(self, event: str) -> dict[str, Any]:
        def is_told() -> bool:
            if self.popen.poll() is not None:
                pytest.fail(f"it ended with {self.popen.returncode}: {self.log.read_text(encoding='utf-8')}")
            return self.told(event) is not None

        until(is_told, lambda: self.log.read_text(encoding="utf-8"))
        found = self.told(event)
        assert found is not None
        return found

    def kill(self) -> None:
        self.popen.kill()
        self.popen.wait(PATIENCE)

    def terminate(self) -> tuple[int, float]:
        """Its exit code, and how long it took to leave."""
        began = time.monotonic()
        self.popen.send_signal(signal.SIGTERM)
        return self.popen.wait(PATIENCE), time.monotonic() - began


@dataclass
class Service:
    """`issues` are the issues of every project, by repository."""

    github: GitHub
    desk: Desk
    url: str
    database: Database
    projects: int
    stack: ExitStack
    issues: dict[str, list[int]] = field(default_factory=dict)
    started: int = 0

    @property
    def is_sqlite(self) -> bool:
        return self.url.startswith("sqlite")

    def repository(self, number: int) -> str:
        return f"example/p{number}"

    def start(self, *arguments: str, name: str | None = None, url: str | None = None) -> Process:
        """A process that ends with the service, if not before. `url` is where it finds the store, if not where the others do."""
        self.started += 1
        log = self.desk.folder / f"process-{self.started}.log"
        environ = self.desk.environment(MILEPOST_EXECUTOR=name, MILEPOST_STORE__URL=url or self.url)
        with log.open("wb") as errors:
            popen = subprocess.Popen(
                [MILEPOST, *arguments], cwd=self.desk.folder, env=environ, stdin=subprocess.DEVNULL, stderr=errors
            )
        self.stack.callback(_end, popen)
        return Process(popen, log)

    def receive(self, *options: str, name: str | None = None) -> Process:
        """A receiver to which GitHub sends what happens from now on."""
        server = self.start("serve", "--port", "0", *options, name=name)
        self.github.hook(f"{server.wait_for('serve.listening')['address']}/webhooks/github", SECRET)
        return server

    def work(self, name: str, jobs: int = 2, url: str | None = None) -> Process:
        """A process that works, and takes no deliveries that anybody sends."""
        if self.is_sqlite:
            return self.start("serve", "--port", "0", "--workers", str(jobs), name=name)
        return self.start("worker", "--jobs", str(jobs), name=name, url=url)

    def add_issues(self, each: int) -> None:
        for number in range(1, self.projects + 1):
            repo = self.repository(number)
            self.issues[repo] = [self.github.add_issue(repo, f"Issue {one}") for one in range(each)]

    def changes(self, luck: random.Random, edits: int = 0) -> Iterator[Callable[[], None]]:
        """What people do: every issue is labelled good, from some that is taken away again, and titles are changed so often.

        Within what the safety check allows: no more is taken away than a third of what is shown.
        """
        every = [(repo, number) for repo, numbers in sorted(self.issues.items()) for number in numbers]
        luck.shuffle(every)
        labelled: list[tuple[str, int]] = []
        for repo, number in every:
            yield partial(self.github.add_label, repo, number, "good")
            labelled.append((repo, number))
            if len(labelled) > 10 and luck.random() < 0.2:
                repo, number = labelled.pop(luck.randrange(len(labelled)))
                yield partial(self.github.remove_label, repo, number, "good")
            for _ in range(edits):
                repo, number = luck.choice(every)
                yield partial(self.github.edit_issue, repo, number, title=f"Issue {luck.random()}")

    def shows(self, repo: str, number: int) -> bool:
        """Whether people see our label on an issue."""
        return SHOWN in self.github.labels_of(repo, number)

    def wrong(self) -> list[tuple[str, int]]:
        """The issues that do not show what they should."""
        found = []
        for repo, numbers in self.issues.items():
            for number in numbers:
                labels = set(self.github.labels_of(repo, number))
                if ("good" in labels) != (SHOWN in labels):
                    found.append((repo, number))
        return found

    def left(self) -> dict[str, int]:
        """What is still to be done."""
        with self.database.read() as tx:
            waiting = tx.execute(select(inbox.c.id).where(inbox.c.state == "waiting")).all()
            dead = tx.execute(select(inbox.c.id).where(inbox.c.state == "dead")).all()
            begun = tx.execute(select(outbox.c.id).where(outbox.c.state.in_(("planned", "sending")))).all()
            marks = [*tx.execute(select(due.c.project)), *tx.execute(select(relist.c.stream))]
        return {"waiting": len(waiting), "dead": len(dead), "begun": len(begun), "due": len(marks)}

    def settle(self) -> None:
        """Returns when the first pull is through, and all that followed from it."""
        until(self._was_pulled, self.why_not_done)
        until(self.is_done, self.why_not_done)

    def _was_pulled(self) -> bool:
        with self.database.read() as tx:
            return "pull:github" in schedules.last_moments(tx)

    def is_done(self) -> bool:
        return not any(self.left().values()) and not self.wrong()

    def why_not_done(self) -> object:
        with self.database.read() as tx:
            held = tx.execute(select(lease.c.name, lease.c.holder, lease.c.expires_at).where(lease.c.holder.is_not(None))).all()
        return self.left(), self.wrong()[:5], held, self.lost()

    def lost(self) -> list[tuple[str, str, str, float]]:
        """The deliveries that GitHub counts as failed: it does not send them again by itself."""
        sent = [one for hook in list(self.github.happenings.hooks) for one in self.github.deliveries(hook)]
        return [(one.event, one.status, one.answer, round(one.duration, 1)) for one in sent if one.status not in ("OK", "pending")]

    def runs(self, worker: str, since: float = 0) -> list[tuple[str, str]]:
        """What a worker has begun: the runs' ids and commands."""
        with self.database.read() as tx:
            rows = tx.execute(select(run.c.id, run.c.command, run.c.started_at).where(run.c.executor == worker).order_by(run.c.id))
            return [(row.id, row.command) for row in rows if row.started_at.timestamp() >= since]

    def is_known(self, worker: str) -> bool:
        with self.database.read() as tx:
            return tx.execute(select(executor.c.name).where(executor.c.name == worker)).first() is not None

    # -- what may never be -----------------------------------------------------------------------------------------------------

    def assert_no_write_was_repeated(self) -> None:
        """Of one issue, our label is added and taken away in turn."""
        last: dict[tuple[str, ...], str] = {}
        for entry in self.github.writes:
            if "/issues/" not in entry.path or "/labels" not in entry.path or entry.status >= 300:
                continue
            issue = tuple(entry.path.split("/labels")[0].split("/"))
            assert last.get(issue) != entry.method, (entry.method, entry.path)
            last[issue] = entry.method

    def assert_projects_were_written_by_one_at_a_time(self) -> None:
        """Each taking of a project's lease has its own token: what was sent under one lies wholly before what was sent later."""
        with self.database.read() as tx:
            sent = tx.execute(
                select(outbox.c.project, outbox.c.fence, outbox.c.run_id, outbox.c.sending_at, outbox.c.finished_at)
                .where(outbox.c.fence.is_not(None))
                .order_by(outbox.c.project, outbox.c.sending_at, outbox.c.id)
            ).all()
        for before, after in pairwise(sent):
            if before.project == after.project:
                assert before.fence <= after.fence, (before, after)
                assert (before.fence == after.fence) == (before.run_id == after.run_id), (before, after)


def _end(popen: subprocess.Popen[bytes]) -> None:
    if popen.poll() is None:
        popen.kill()
    popen.wait(PATIENCE)


@contextmanager
def service(folder: Path, url: str, projects: int) -> Iterator[Service]:
    """One GitHub with so many repositories, each a project of its own. Nothing is pulled again on schedule while it lasts."""
    with ExitStack() as stack, GitHub() as github, closing(open_database(url)) as database:
        github.courier.patience = PATIENCE  # what a crowded machine is late with is not lost for good
        github.add_token(DEFAULT_TOKEN, role="write", hourly_limit=1_000_000)  # an hour's work is done in a minute
        for number in range(1, projects + 1):
            github.add_repository(f"example/p{number}")
        secrets = {
            "MILEPOST_GITHUB__TOKEN": DEFAULT_TOKEN,
            "MILEPOST_GITHUB__WEBHOOK_SECRET": SECRET,
            "MILEPOST_STORE__URL": url,
        }
        one = Service(github, Desk(folder, secrets), url, database, projects, stack)
        one.desk.config.write_text(_project_file(github.url, projects), encoding="utf-8")
        yield one
        stack.close()


def _project_file(url: str, projects: int) -> str:
    document = {
        "sources": {"github": {"type": "github", "url": url, "write_pause": 0, "pull": "0 0 1 1 *"}},
        "projects": {f"p{n}": {"scopes": {"github": {"repositories": [f"example/p{n}"]}}} for n in range(1, projects + 1)},
        "publish": {"github": {"prefix": "ml/"}},
        "statuses": [GOOD],
        "safety": {"max_changes": 1.0, "max_additions": 10_000},
    }
    return json.dumps(document)
