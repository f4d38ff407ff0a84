"""From an event at a source until people see the status that follows from it: `python -m bench.published`."""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from functools import partial
from pathlib import Path

import msgspec
from rich.console import Console
from sqlalchemy import select

from bench.figures import Figure, show
from bench.good import GOOD
from bench.project import ACCESS, Project, made_project
from bench.serving import SECRET, receiving, serving
from sandbox.github import DEFAULT_TOKEN, GitHub
from sandbox.jira import JiraCloud
from sandbox.server import StandIn
from sync.store import schedules
from sync.store.connect import Database, open_database
from sync.store.schema import due, inbox

LATENCY = 0.080
ROUND_TRIPS = 6
"""What a status needs: two each to read the object again, to compare what its slot holds, and to write. At Jira the fields, or the
edit screen, are asked for besides the issue; at GitHub the repository, or the label."""

OVERHEAD = 0.300
EVENTS = 15
"""Of each source, one after the other, so that each finds the service idle."""

PATIENCE = 60.0
REPOSITORY = "example/ops"
FIELD = "ML Status"


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """What a person does at a source, and whether people see there what follows from it."""

    happen: Callable[[], None]
    is_shown: Callable[[], bool]


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """`seconds` from an event until it was shown, and how many requests its source was asked for meanwhile."""

    seconds: float
    requests: int


def published_figures(folder: Path) -> Iterator[Figure]:
    """One process receives and works, on SQLite, while nothing else happens; its sources take `LATENCY` for every request."""
    with JiraCloud() as jira, GitHub() as github:
        sources: Mapping[str, tuple[StandIn, list[Event]]] = {
            "Jira": (jira, list(_ticket_events(jira))),
            "GitHub": (github, list(_issue_events(github))),
        }
        project = receiving(_project(folder / "published", jira, github), "jira", "github")
        project.milepost("sync", "--initial")
        with (
            closing(open_database(f"sqlite:///{project.file.with_name('milepost.db')}")) as database,
            serving(project, "--workers", "2") as (address, _),
        ):
            jira.hook(f"{address}/webhooks/jira", SECRET)
            github.hook(f"{address}/webhooks/github", SECRET)
            jira.latency = github.latency = LATENCY
            for name, (stand_in, events) in sources.items():
                yield _figure(name, [_watch(event, stand_in, database) for event in events])


def _watch(event: Event, stand_in: StandIn, database: Database) -> Seen:
    _wait_until(partial(_is_idle, database))
    with stand_in.lock:
        stand_in.requests.clear()
    began = time.perf_counter()
    event.happen()
    _wait_until(event.is_shown)
    seconds = time.perf_counter() - began
    with stand_in.lock:
        return Seen(seconds=seconds, requests=len(stand_in.requests))


def _figure(source: str, seen: list[Seen]) -> Figure:
    taken = sorted(one.seconds * 1000 for one in seen)
    requests = statistics.median(one.requests for one in seen)
    return Figure(
        name=f"{source}: event to published status, {LATENCY * 1000:.0f} ms latency: median",
        target=(ROUND_TRIPS * LATENCY + OVERHEAD) * 1000,
        measured=statistics.median(taken),
        unit=" ms",
        note=f"{len(seen)} events, {taken[0]:.0f} to {taken[-1]:.0f} ms; {requests:.0f} requests until then, {ROUND_TRIPS} needed",
    )


def _is_idle(database: Database) -> bool:
    """Whether every source was pulled since the service started, and nothing of what came since waits."""
    with database.read() as tx:
        waiting = tx.execute(select(inbox.c.id).where(inbox.c.state == "waiting").limit(1)).first()
        marked = tx.execute(select(due.c.project).limit(1)).first()
        return waiting is None and marked is None and {"pull:jira", "pull:github"} <= set(schedules.last_moments(tx))


def _wait_until(so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not so():
        if time.monotonic() > deadline:
            raise TimeoutError("the service did not come to rest, or a status was never shown")
        time.sleep(0.002)


def _ticket_events(jira: JiraCloud) -> Iterator[Event]:
    jira.add_project("OPS", "Operations")
    field = jira.add_field(FIELD, "select", options=[GOOD["title"]])
    for key in [jira.add_issue("OPS", f"Ticket {number}") for number in range(EVENTS)]:
        yield Event(happen=partial(jira.edit, key, labels=["good"]), is_shown=partial(_has_value, jira, key, field))


def _has_value(jira: JiraCloud, key: str, field: str) -> bool:
    return jira.get(key)["fields"].get(field) is not None


def _issue_events(github: GitHub) -> Iterator[Event]:
    github.add_repository(REPOSITORY)
    for number in [github.add_issue(REPOSITORY, f"Issue {number}") for number in range(EVENTS)]:
        yield Event(happen=partial(github.add_label, REPOSITORY, number, "good"), is_shown=partial(_has_label, github, number))


def _has_label(github: GitHub, number: int) -> bool:
    return "ml/good" in github.labels_of(REPOSITORY, number)


def _project(folder: Path, jira: JiraCloud, github: GitHub) -> Project:
    never = "0 0 1 1 *"  # but for the first time
    document = {
        "sources": {
            "jira": {"type": "jira", "url": jira.url, "deployment": "cloud", "pull": never},
            "github": {"type": "github", "url": github.url, "pull": never},
        },
        "projects": {"ops": {"scopes": {"jira": {"projects": ["OPS"]}, "github": {"repositories": [REPOSITORY]}}}},
        "publish": {"jira": {"field": FIELD}, "github": {"prefix": "ml/"}},
        "statuses": [GOOD],
    }
    text = "".join(f"{name}: {json.dumps(part)}\n" for name, part in document.items())
    return made_project(folder, text, {**ACCESS, "MILEPOST_GITHUB__TOKEN": DEFAULT_TOKEN})


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="milepost-bench-") as name:
        show(Console(highlight=False), published_figures(Path(name)))


if __name__ == "__main__":
    main()
