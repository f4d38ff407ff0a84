"""Whoever was erased is gone from every byte of the store, stays gone when the same is read again, and nothing else changes."""

from __future__ import annotations

import itertools
import re
import threading
import unicodedata
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import MetaData, make_url, select

from connectors.base import Batch
from mappings.change import Change, Reading, Slot
from mappings.model import ChangeRequest, Commit, Entity, Observation, Person, Ref, Rejected, Run, WorkItem
from sync.derive import Standing
from sync.erase import NotAName, Traces, erase, find
from sync.evidence import Evidence
from sync.pseudonyms import Pseudonyms, hashed, words_of
from sync.store import audit, entities, erased, leases, observations, outbox, publishing, quarantine, runs, streams, verdicts
from sync.store.connect import Database, open_database
from sync.store.entities import Saved
from sync.store.errors import StoreError
from sync.store.leases import LeaseHeld
from sync.store.rows import EntityRow, entity_rows
from sync.store.streams import StreamKey
from tests.store.released.furnish import NOON

KEY = StreamKey(source="jira", stream="issues", scope_hash="h", mapping_version=1)
CANARIES = ("Quillfeather", "QUILLFEATHER", "712020:zq-canary", "zora-q")
ZORA = Person(id="712020:zq-canary", name="Zora Quillfeather")
OTHER = Person(id="712020:someone", name="Otto Example")
TICKET = WorkItem(
    ref=Ref("jira", "work_item", "1"),
    key="ML-1",
    title="Ask ZORA QUILLFEATHER about recall",
    body="Zora\u00a0Quillfeather and zora-q@example.org agreed. See ML-2, @zora-q!",
    container="ML",
    fields={"Reviewer": ["Zora Quillfeather", "Otto Example"], "Sprint": 7},
    assignee=ZORA,
    updated_at=NOON,
)
OTHERS = WorkItem(ref=Ref("jira", "work_item", "2"), key="ML-2", title="Ask Otto", container="ML", assignee=OTHER, updated_at=NOON)
COMMIT = Commit(
    ref=Ref("github", "commit", "7/" + "a" * 40),
    sha="a" * 40,
    repository="example/churn",
    message="ML-1 Train\n\nSigned-off-by: Zora Quillfeather <zora-q@example.org>",
    author=Person(id="zora-q@example.org", name="Zora Quillfeather"),
)
REQUEST = ChangeRequest(
    ref=Ref("github", "change_request", "7/3"),
    number=3,
    repository="example/churn",
    branch="zora-q/ML-1-train",
    author=Person(id="zora-q"),
)
TRAINING = Run(
    ref=Ref("mlflow", "run", "r1"),
    run_id="r1",
    experiment="churn",
    name="zora-q's run",
    tags={"mlflow.user": "zora-q"},
    params={"c": "1"},
)
SLOT = Slot(TICKET.ref, "field", "ML Status")
EVIDENCE = Evidence(ref=TICKET.ref, name="ML-1", fact="label", value="asked by Zora Quillfeather")


PLAIN = Change(id="c-2", project="churn", slot=SLOT, action="remove", before="Good", after=None, key="ML-1", container="ML")


def pull(database: Database, run: str) -> list[Saved]:
    """What a pull stores, always of the same facts."""
    with database.write() as tx:
        read = [
            entities.save_batch(
                tx,
                KEY,
                Batch(
                    entities=[TICKET, OTHERS],
                    slots=[Reading(slot=SLOT, value="Zora Quillfeather says no")],
                    rejected=[
                        Rejected(
                            kind="work_item",
                            id="9",
                            reason="no key: Zora Quillfeather",
                            payload=b'{"by": "\\u005aora Quillfeather"}',
                        ),
                        Rejected(kind="work_item", id="8", reason="cut", payload=b'{"by": "Zora Quillf'),
                    ],
                ),
                now=NOON,
                run_id=run,
            )
        ]
        return [*read, entities.save_direct(tx, [COMMIT, REQUEST, TRAINING], now=NOON)]


def work(database: Database) -> None:
    """What is stored of a person beside what was pulled."""
    change = Change(
        id="c-1",
        project="churn",
        slot=SLOT,
        action="add",
        before="Zora Quillfeather says no",
        after="Model ready",
        key="ML-1",
        container="ML",
        title=TICKET.title,
        reason="Zora Quillfeather labelled it",
        evidence=(msgspec.to_builtins(EVIDENCE),),
    )
    standing = Standing(
        rule="good", subject=TICKET.ref, truth=True, known=True, since=NOON, says="by Zora Quillfeather", evidence=(EVIDENCE,)
    )
    seen = Observation(
        ref=Ref("mlflow", "observation", "r1/psi"),
        subject=Ref("mlflow", "model_version", "churn/1"),
        monitor="psi",
        kind="drift",
        outcome="failed",
        value="Zora Quillfeather said so",
        observed_at=NOON,
    )
    with database.write() as tx:
        run = runs.start(tx, "sync", ["churn"], NOON)
        (number,) = outbox.plan_changes(tx, run, "churn", [change], NOON)
        outbox.settle(tx, number, "failed", "refused for Zora Quillfeather", NOON)
        audit.append(tx, audit.of_change(change, kind="write", run_id=run, at=NOON))
        publishing.save_published(
            tx, SLOT, project="churn", value="Zora Quillfeather says no", rules=[], episode=None, run_id=run, now=NOON
        )
        publishing.hold(
            tx, SLOT, project="churn", kind="override", value="Zora Quillfeather says no", rule=None, episode=None, now=NOON
        )
        verdicts.save(tx, "churn", [standing], [])
        observations.append(tx, "churn", [seen], NOON)
        streams.fail(tx, KEY, "Zora Quillfeather may not read it", NOON)
        runs.finish(tx, run, outcome="done", exit_code=0, summary={"by": "Zora Quillfeather"}, now=NOON)


def stored(database: Database, url: str) -> str:
    """Every byte that the database holds, as far as it can be seen: its files, or all rows of all tables."""
    if database.dialect == "sqlite":
        path = Path(str(make_url(url).database))
        return "".join(one.read_bytes().decode("latin-1") for one in sorted(path.parent.glob(path.name + "*")))
    with database.read() as tx:
        found = MetaData()
        found.reflect(tx)
        return "".join(str(row) for table in found.tables.values() for row in tx.execute(select(table)))


def named(text: str) -> list[str]:
    return [canary for canary in CANARIES if canary in text]


def forget(database: Database, *names: str) -> str:
    return erase(database, names, projects=["churn"], wait=timedelta(0), stop=threading.Event())


def look(database: Database, name: str) -> Traces:
    return find(database, name, reserved=["Model ready", "ml/model-ready"])


def test_not_a_byte_names_whoever_was_erased_also_after_the_next_pull(database: Database, database_url: str) -> None:
    pull(database, "run-1")
    work(database)
    assert named(stored(database, database_url)) == list(CANARIES)

    names = look(database, "Zora Quillfeather").names
    assert set(names) == {"Zora Quillfeather", "712020:zq-canary", "zora-q@example.org"}
    pseudonym = forget(database, *names)
    assert forget(database, "zora-q") != pseudonym
    assert named(stored(database, database_url)) == []

    assert pull(database, "run-2") == [Saved(same=2, rejected=2), Saved(same=3)]
    with database.write() as tx:
        said = "Zora Quillfeather says yes"
        entities.update_slots(tx, {SLOT: said}, database.now(tx))
        audit.append(tx, audit.of_release(SLOT, said, project="churn", run_id="run-3", at=NOON))
        publishing.hold(tx, SLOT, project="churn", kind="override", value=said, rule=None, episode=None, now=NOON)
        publishing.save_published(tx, SLOT, project="churn", value=said, rules=[], episode=None, run_id="run-3", now=NOON)
        streams.fail(tx, KEY, f"refused: {said}", NOON)
        (number,) = outbox.plan_changes(tx, "run-3", "churn", [PLAIN], NOON)
        outbox.settle(tx, number, "failed", said, NOON)
        audit.append(tx, audit.of_change(PLAIN, kind="failed", run_id="run-3", at=NOON, why=said))
    assert named(stored(database, database_url)) == []


def test_nothing_else_changes(database: Database) -> None:
    pull(database, "run-1")
    forget(database, *look(database, "712020:zq-canary").names, "zora-q")
    with database.read() as tx:
        items = {one.ref: one for one in entities.get(tx, [TICKET.ref, OTHERS.ref, COMMIT.ref, REQUEST.ref, TRAINING.ref])}
        bad = {one.id: one for one in quarantine.entries(tx)}
        known = erased.pseudonyms(tx)
    assert known is not None
    name = known.text("Zora Quillfeather")
    assert name.startswith("erased-")
    assert items[OTHERS.ref] == OTHERS
    ticket, commit, request = items[TICKET.ref], items[COMMIT.ref], items[REQUEST.ref]
    assert isinstance(ticket, WorkItem)
    assert isinstance(commit, Commit)
    assert isinstance(request, ChangeRequest)
    assert ticket == msgspec.structs.replace(
        TICKET,
        title=f"Ask {name} about recall",
        body=ticket.body,
        fields={"Reviewer": [name, "Otto Example"], "Sprint": 7},
        assignee=Person(id=name, name=name),
    )
    assert ticket.body.startswith(f"{name} and ")
    assert ticket.body.endswith("agreed. See ML-2, @erased-" + ticket.body[-13:])
    assert commit.message.startswith("ML-1 Train\n\nSigned-off-by: ")
    assert request.branch.endswith("/ML-1-train")
    assert bad["8"].payload == b""
    assert name.encode() in bad["9"].payload


def test_an_entity_of_somebody_else_is_the_same_row_to_the_byte(database: Database) -> None:
    salt = bytes(32)
    known = Pseudonyms(salt, [hashed("Zora Quillfeather", salt=salt, pseudonym="x")])
    for row in entities_rows(OTHERS, TRAINING):
        assert erased.of_row(row, known) is not None
        assert erased.of_row(row, known).doc is row.doc


def entities_rows(*some: Entity) -> list[EntityRow]:
    return entity_rows(some, {}, source=None)[0]


def test_what_identifies_things_stays_and_is_told(database: Database) -> None:
    own = msgspec.structs.replace(COMMIT, repository="zora-q/churn", url="https://github.com/zora-q/churn")
    with database.write() as tx:
        entities.save_direct(tx, [own], now=NOON)
    traces = look(database, "zora-q")
    assert traces.stays == {"repository": 1, "url": 1}
    assert traces.rows["entity"] == 1
    forget(database, *traces.names)
    with database.read() as tx:
        (there,) = entities.get(tx, [own.ref])
    assert isinstance(there, Commit)
    assert there.repository == "zora-q/churn"
    assert named(there.message) == ["Quillfeather"]


@pytest.mark.parametrize(
    ("name", "says"), [("Al", "fewer than 3"), ("🙂", "fewer"), ("ready", "Model ready"), ("a b c d e f g h i", "8")]
)
def test_what_is_no_name_is_refused(database: Database, name: str, says: str) -> None:
    with pytest.raises(NotAName, match=says):
        look(database, name)


def test_one_word_that_many_are_called_joins_nobody(database: Database) -> None:
    people = [Person(id="ann@example.org", name="root"), Person(id="bob@example.org", name="root")]
    with database.write() as tx:
        entities.save_direct(
            tx,
            [Commit(ref=Ref("github", "commit", f"7/{n}"), sha=str(n), repository="r", author=one) for n, one in enumerate(people)],
            now=NOON,
        )
    assert look(database, "ann@example.org").names == ["ann@example.org"]
    name = forget(database, "ann@example.org")
    with database.read() as tx:
        authors = [
            one.author for one in entities.get(tx, [Ref("github", "commit", f"7/{n}") for n in range(2)]) if isinstance(one, Commit)
        ]
    assert authors == [Person(id=name, name=name), people[1]]


def test_it_waits_for_whoever_writes_for_a_project(database: Database) -> None:
    leases.acquire(database, "apply:churn", holder="run-1", ttl=timedelta(minutes=3), wait=timedelta(0), stop=threading.Event())
    with pytest.raises(LeaseHeld):
        forget(database, "zora-q")
    with database.read() as tx:
        assert erased.pseudonyms(tx) is None


def test_traces_that_somebody_else_keeps_open_are_told_of_and_gone_the_next_time(database: Database, database_url: str) -> None:
    pull(database, "run-1")
    with closing(open_database(database_url, patience=timedelta(milliseconds=50))) as own:
        with database.read() as tx:
            assert entities.get(tx, [TICKET.ref]) == [TICKET]
            with pytest.raises(StoreError, match=r"(in use|locked) by another process"):
                forget(own, "Zora Quillfeather", "zora-q", ZORA.id)
        forget(own, "Zora Quillfeather", "zora-q", ZORA.id)
    assert named(stored(database, database_url)) == []


def test_a_person_keeps_their_pseudonym(database: Database) -> None:
    pseudonym = forget(database, "Zora Quillfeather")
    assert forget(database, "Zora Quillfeather", "zora-q") == pseudonym
    assert forget(database, "Otto Example") != pseudonym


def test_a_pull_under_way_brings_no_name_back(database: Database, database_url: str) -> None:
    """It looked for erased people, found none, and has yet to store what it read."""
    entered, go_on = threading.Event(), threading.Event()

    def slow() -> None:
        with closing(open_database(database_url)) as other, other.write() as tx:
            assert erased.pseudonyms(tx) is None
            entered.set()
            go_on.wait(30)
            entities.save_direct(tx, [COMMIT], now=NOON)

    pulling = threading.Thread(target=slow)
    pulling.start()
    assert entered.wait(30)
    erasing = threading.Thread(target=forget, args=(database, "Zora Quillfeather", "zora-q@example.org"))
    erasing.start()
    go_on.set()
    pulling.join(60)
    erasing.join(60)
    assert named(stored(database, database_url)) == []


words = st.text(alphabet="abcé XY-.@_\u0301\n", max_size=12)


@given(words, words, words)
def test_a_name_is_found_wherever_it_stands_alone(before: str, name: str, after: str) -> None:
    known = words_of(name)
    if not known or len(known) > 8 or any(gap > 3 for gap in _gaps(name)):
        return
    salt = bytes(32)
    pseudonyms = Pseudonyms(salt, [hashed(name, salt=salt, pseudonym="PSEUDO")])
    said = pseudonyms.text(f"{before} | {name} | {after}")
    assert "PSEUDO" in said
    assert pseudonyms.text(said) == said
    assert pseudonyms.text("nothing 1 2") == "nothing 1 2"


def _gaps(name: str) -> list[int]:
    found = list(re.finditer(r"\w+", unicodedata.normalize("NFC", name)))
    return [b.start() - a.end() for a, b in itertools.pairwise(found)]
