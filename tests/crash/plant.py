"""A small plant for whole processes to work in: stand-ins that log every request, and a store that the environment names."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, select, update

from bench.good import GOOD
from sandbox.faults import Answer, Fault
from sandbox.github import GitHub
from sandbox.jira import JiraCloud
from sandbox.messages import Reply, Request
from sync.store.connect import Database, open_database
from sync.store.schema import audit, entity, episode, lease, membership, metadata, outbox, published, quarantine, stream, verdict
from tests.cli.office import FIELD, Office, furnish

REPO = "example/ops"
DONE: Mapping[str, Any] = {
    "OPS-1": (None, []),
    "OPS-2": ("Data blocked", ["data-blocked"]),
    "OPS-3": (None, []),
    **{key: ("Good", ["good"]) for key in ("OPS-4", "OPS-5", "OPS-6")},
    **{key: ["good", "ml/good"] for key in ("#1", "#2")},
}
"""What people see in the slots once a sync is through."""

WRITES = 12
"""So many requests write that: four fields, four properties, three labels and what the label looks like."""

LONGEST_LEASE = timedelta(seconds=180)

MOSTLY_SQLITE = pytest.mark.parametrize("dialect", ["sqlite", pytest.param("postgresql", marks=pytest.mark.soak)])
"""For what is about processes and sources more than about storage: on PostgreSQL it is among the long proofs."""


@dataclass(frozen=True)
class Plant:
    """An office with more to write: three Jira tickets and two issues of GitHub's are good, and OPS-2 is blocked."""

    office: Office
    url: str

    @property
    def jira(self) -> JiraCloud:
        return self.office.jira

    @property
    def github(self) -> GitHub:
        return self.office.github

    def add_source(self, name: str, source: Mapping[str, Any], scope: Mapping[str, Any]) -> None:
        """Another source in the project file, and the project's part of it."""
        config = self.office.desk.config
        text = config.read_text(encoding="utf-8")
        text = text.replace("projects:\n", f"  {name}: {json.dumps(source)}\nprojects:\n", 1)
        text = text.replace("    scopes:\n", f"    scopes:\n      {name}: {json.dumps(scope)}\n", 1)
        config.write_text(text, encoding="utf-8")

    @contextmanager
    def database(self) -> Iterator[Database]:
        with closing(open_database(self.url)) as opened:
            yield opened

    def meet(self, effect: Callable[[Request, Answer], Reply], **which: Any) -> None:
        """Every request to either stand-in that matches meets `effect`, from now on."""
        for site in (self.jira, self.github):
            site.faults.append(Fault(effect, times=1_000_000, **which))

    def leave_in_peace(self) -> None:
        for site in (self.jira, self.github):
            site.faults.clear()

    def let_time_pass(self) -> None:
        """The leases end now, as they would by themselves. None may have been taken for longer than the longest lasts."""
        with self.database() as database, database.write() as tx:
            now = database.now(tx)
            for row in tx.execute(select(lease).where(lease.c.holder.is_not(None))).mappings():
                assert row["expires_at"] <= now + LONGEST_LEASE, row["name"]
            tx.execute(update(lease).values(expires_at=now - timedelta(seconds=1)))

    def holders(self) -> Mapping[str, str]:
        """The leases that somebody has, and who."""
        with self.database() as database, database.read() as tx:
            rows = tx.execute(select(lease.c.name, lease.c.holder).where(lease.c.holder.is_not(None)))
            return {row.name: row.holder for row in rows}

    def written(self) -> Counter[tuple[str, str]]:
        """How often what was written, over both stand-ins."""
        return Counter((entry.method, entry.path) for site in (self.jira, self.github) for entry in site.writes)

    def assert_done(self) -> None:
        """Everything is shown, nothing was written twice, nothing is under way or held."""
        assert self.shown() == DONE
        assert sorted(self.written().values()) == [1] * WRITES
        remembered = self.remembered()
        assert (len(remembered["published"]), len(remembered["writes"])) == (11, 11)
        assert (remembered["under way"], remembered["held"]) == ([], [])

    def shown(self) -> Mapping[str, Any]:
        """What people see in the slots."""
        tickets: dict[str, Any] = {}
        for number in range(1, 7):
            issue = self.jira.get(f"OPS-{number}")
            ours = next(field.id for field in self.jira.fields.values() if field.name == FIELD)
            held = issue["fields"][ours]
            tickets[f"OPS-{number}"] = (held and held["value"], _ids(issue.get("properties", {}).get("milepost.status")))
        for number in (1, 2):
            tickets[f"#{number}"] = sorted(self.github.labels_of(REPO, number))
        return tickets

    def remembered(self) -> Mapping[str, Any]:
        """What the store holds at rest, without times, run ids and counters; the stand-ins' addresses have names."""
        with self.database() as database, database.read() as tx:
            return {name: sorted(self._plain(repr(tuple(row))) for row in tx.execute(query)) for name, query in _AT_REST.items()}

    def _plain(self, text: str) -> str:
        return text.replace(self.jira.url, "JIRA").replace(self.github.url, "GITHUB")


def _ids(status: Any) -> list[str]:
    return [one["id"] for one in status["statuses"]] if status else []


_SLOT = ("source", "target_kind", "target_id", "slot_kind", "slot_name")
_IN_STREAM = membership.join(stream, membership.c.stream == stream.c.id)
_AT_REST: Mapping[str, Any] = {
    "entities": select(
        *(entity.c[name] for name in ("source", "kind", "id", "key", "container", "updated_at", "doc", "looked_up")),
        entity.c.deleted_at.is_(None),
        entity.c.missing_since.is_(None),
    ),
    "members": select(stream.c.source, stream.c.stream, membership.c.kind, membership.c.id).select_from(_IN_STREAM),
    "streams": select(stream.c.source, stream.c.stream, stream.c.complete_at.is_not(None), stream.c.error),
    "verdicts": select(verdict.c.project, verdict.c.rule, verdict.c.subject, verdict.c.truth),
    "episodes": select(episode.c.rule, episode.c.subject, episode.c.closed_at.is_(None)),
    "published": select(*(published.c[name] for name in (*_SLOT, "project", "rules"))),
    "writes": select(*(audit.c[name] for name in (*_SLOT, "action", "rules"))).where(audit.c.kind == "write"),
    "under way": select(outbox.c.state, outbox.c.seq).where(outbox.c.state.in_(("planned", "sending"))),
    "set aside": select(quarantine.c.source, quarantine.c.id),
    "held": select(lease.c.name).where(lease.c.holder.is_not(None)),
}


def found(jira: JiraCloud, github: GitHub, folder: Path, url: str, at: datetime) -> Plant:
    """The same plant each time it is called with the same `at`, which is when everything happens there. Its store is emptied."""
    jira.clock = github.clock = lambda: at
    office = furnish(jira, github, folder)
    jira.add_option(FIELD, "Good")
    for title in ("Weigh parcels", "Count returns", "Name routes"):
        jira.add_issue("OPS", title, labels=["good"])
    for title in ("Late parcels", "Lost parcels"):
        github.add_issue(REPO, title, labels=["good"])
    github.commit(REPO, "OPS-4 Weigh", branch="feature/ops-4")
    github.open_pull(REPO, "OPS-4 Weigh", "feature/ops-4")
    office = replace(office, desk=replace(office.desk, environ={**office.desk.environ, "MILEPOST_STORE__URL": url}))
    office.configure(f"statuses: {json.dumps([GOOD])}")
    plant = Plant(office, url)
    with plant.database() as database, database.write() as tx:
        for table in metadata.sorted_tables:
            tx.execute(delete(table))
    return plant
