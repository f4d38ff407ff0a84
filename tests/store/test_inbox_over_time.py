"""What becomes of deliveries in the inbox over time: when they are dropped, and when they forget a person."""

from __future__ import annotations

import json
import threading
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from config.project import Retention
from sync import erase, retention
from sync.store import inbox, rewriting
from sync.store.connect import Database
from sync.store.inbox import STATES, Arrival
from sync.store.schema import inbox as table

PERSON = "Zora Example"
KEEP = Retention(audit=timedelta(days=400), personal_data=timedelta(days=30))


def arrive(database: Database, **bodies: bytes) -> None:
    some = [Arrival(source="jira", delivery=name, event="issue_updated", body=body) for name, body in bodies.items()]
    with database.write() as tx:
        inbox.accept(tx, some, database.now(tx))


def ids(database: Database) -> Mapping[str, int]:
    with database.read() as tx:
        return {one.delivery: one.id for one in inbox.listing(tx, states=STATES)}


def settle(database: Database, **states: str) -> None:
    known = ids(database)
    with database.write() as tx:
        for name, state in states.items():
            now = database.now(tx)
            if state == "dead":
                inbox.fail(tx, known[name], f"nobody understands what {PERSON} did", None, now)
            else:
                inbox.settle(tx, [known[name]], "done", now)


def age(database: Database, days: int) -> None:
    """Everything happened so much earlier."""
    with database.write() as tx:
        for row in tx.execute(table.select()).all():
            ended: datetime | None = row.finished_at
            earlier = {"received_at": row.received_at - timedelta(days=days)}
            earlier |= {"finished_at": ended - timedelta(days=days)} if ended is not None else {}
            tx.execute(table.update().where(table.c.id == row.id).values(earlier))


def tidy(database: Database, sources: Collection[str] | None = None) -> Mapping[str, int]:
    done = retention.apply_now(database, KEEP, sources=sources, holder="test", wait=timedelta(), stop=threading.Event())
    return {name: count for name, count in done.counts.items() if count}


def test_what_was_settled_is_remembered_for_a_week_what_is_dead_as_long_as_personal_data(database: Database) -> None:
    arrive(database, done=b"{}", dead=b"{}", waiting=b"{}")
    settle(database, done="done", dead="dead")
    age(database, 6)
    assert tidy(database) == {}
    age(database, 2)
    assert tidy(database) == {"inbox": 1}
    age(database, 30)
    assert tidy(database) == {"dead": 1}
    age(database, 1_000)
    assert tidy(database) == {}
    assert list(ids(database)) == ["waiting"]


def test_what_waits_for_a_source_that_left_the_file_is_dropped_after_a_week(database: Database) -> None:
    arrive(database, waiting=b"{}", dead=b"{}")
    settle(database, dead="dead")
    age(database, 6)
    assert tidy(database, sources=["github"]) == {}
    age(database, 2)
    assert tidy(database, sources=["github", "jira"]) == {}
    assert tidy(database, sources=["github"]) == {"unclaimed": 1}
    assert list(ids(database)) == ["dead"]


def test_a_person_is_erased_from_what_waits_and_from_what_is_dead(database: Database) -> None:
    body = json.dumps({"user": {"displayName": PERSON}, "issue": {"id": "10001", "key": "ML-1"}}).encode()
    arrive(database, waiting=body, dead=body, other=b'{"issue": {"id": "10002"}}', odd=f"not JSON, by {PERSON}".encode())
    settle(database, dead="dead")
    assert erase.find(database, PERSON, reserved=()).rows["inbox"] == 3
    pseudonym = erase.erase(database, [PERSON], projects=[], wait=timedelta(), stop=threading.Event())
    known = ids(database)
    with database.read() as tx:
        found = {name: inbox.find(tx, ident) for name, ident in known.items()}
    bodies = {name: one[1] or b"" for name, one in found.items() if one is not None}
    for name in ("waiting", "dead"):
        assert json.loads(bodies[name]) == {"user": {"displayName": pseudonym}, "issue": {"id": "10001", "key": "ML-1"}}
    assert bodies["other"] == b'{"issue": {"id": "10002"}}'
    assert bodies["odd"] == b""
    dead = found["dead"]
    assert dead is not None
    assert dead[0].error == f"nobody understands what {pseudonym} did"
    assert "inbox" in rewriting.TABLES


def test_what_dies_after_a_person_was_erased_does_not_name_them(database: Database) -> None:
    pseudonym = erase.erase(database, [PERSON], projects=[], wait=timedelta(), stop=threading.Event())
    arrive(database, late=json.dumps({"user": PERSON}).encode())
    settle(database, late="dead")
    (ident,) = ids(database).values()
    with database.read() as tx:
        found = inbox.find(tx, ident)
    assert found is not None
    assert found[1] == json.dumps({"user": pseudonym}, separators=(",", ":")).encode()
    assert found[0].error == f"nobody understands what {pseudonym} did"
