"""What is older than the project file wants goes, and nothing that is still needed: links, slots, holds and intents stay."""

from __future__ import annotations

import secrets
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.project import Retention
from connectors.base import Batch
from mappings.change import Change, Slot
from mappings.model import ChangeRequest, Commit, Entity, Observation, Person, Ref, Rejected, Run, WorkItem
from sync.derive import Episode
from sync.known import Known
from sync.mentions import mentions, only_references
from sync.personal import depersonalised
from sync.retention import apply_daily, apply_now, last_applied, let_go
from sync.store import (
    audit,
    entities,
    leases,
    observations,
    outbox,
    prune,
    publishing,
    quarantine,
    runs,
    statistics,
    verdicts,
)
from sync.store.connect import Database, open_database
from sync.store.entities import Saved
from sync.store.leases import LeaseHeld
from sync.store.streams import StreamKey

KEEP = Retention(audit=timedelta(days=100), personal_data=timedelta(days=100))
KEY = StreamKey(source="jira", stream="issues", scope_hash="h", mapping_version=1)
PERSON = Person(id="712020:ada", name="Ada Example")


def now_of(database: Database) -> datetime:
    with database.read() as tx:
        return database.now(tx)


def ticket(number: int, updated_at: datetime, **more: object) -> WorkItem:
    return WorkItem(
        ref=Ref("jira", "work_item", str(number)),
        key=f"ML-{number}",
        title="Ask ada@example.org",
        body="Ada Example wants this.",
        container="ML",
        fields={"Reviewer": ["ada@example.org"], "Sprint": 7},
        labels=("data",),
        assignee=PERSON,
        updated_at=updated_at,
        **more,  # type: ignore[arg-type]  # WorkItem's own fields
    )


def slot(number: int) -> Slot:
    return Slot(Ref("jira", "work_item", str(number)), "label", "ml/model-ready")


def change(number: int) -> Change:
    return Change(
        id=f"c-{number}",
        project="churn",
        slot=slot(number),
        action="add",
        before=None,
        after=True,
        key=f"ML-{number}",
        container="ML",
    )


ME = "milepost db prune (1)"


def tidy(database: Database, keep: Retention = KEEP) -> dict[str, int]:
    done = apply_now(database, keep, holder=ME, wait=timedelta(0), stop=threading.Event())
    assert done.complete
    return {name: count for name, count in done.counts.items() if count}


def save(database: Database, *some: Entity, run: str = "run-1", at: datetime | None = None) -> Saved:
    with database.write() as tx:
        return entities.save_batch(tx, KEY, Batch(entities=some), now=at or database.now(tx), run_id=run)


def test_the_record_of_writes_is_kept_for_what_is_shown_or_held(database: Database) -> None:
    now = now_of(database)
    old = now - timedelta(days=500)
    with database.write() as tx:
        wrote, other = (runs.start(tx, "sync", ["churn"], old) for _ in range(2))
        for number, run in ((1, wrote), (1, other), (2, other)):
            audit.append(tx, audit.of_change(change(number), kind="write", run_id=run, at=old))
        publishing.save_published(tx, slot(1), project="churn", value=True, rules=[], episode="e-shown", run_id=wrote, now=old)
        publishing.hold(tx, slot(3), project="churn", kind="override", value=True, rule=None, episode="e-held", now=old)
        held = audit.of_change(change(3), kind="override", run_id=other, at=old)
        audit.append(tx, held)
        audit.append(tx, audit.of_change(change(4), kind="write", run_id=other, at=now))
        episodes = [
            Episode(id=name, rule="good", subject=slot(1).target, opened_at=old, closed_at=closed)
            for name, closed in (("e-shown", old), ("e-held", old), ("e-open", None), ("e-old", old), ("e-late", now))
        ]
        verdicts.save(tx, "churn", [], episodes)
    assert tidy(database) == {"audit": 2, "run": 1, "episode": 1}
    with database.read() as tx:
        assert [(one.key, one.run_id) for one in audit.read(tx)] == [
            ("ML-1", wrote),
            ("ML-3", other),
            ("ML-4", other),
        ]
        assert {one.id for one in verdicts.episodes_since(tx, "churn", old)} == {"e-shown", "e-held", "e-open", "e-late"}
    assert tidy(database) == {}


def test_the_last_days_of_the_record_are_kept_whatever_the_file_says(database: Database) -> None:
    now = now_of(database)
    with database.write() as tx:
        audit.append(tx, audit.of_change(change(1), kind="write", run_id="run-1", at=now - timedelta(hours=30)))
    assert tidy(database, Retention(audit=timedelta(hours=1), personal_data=timedelta(hours=1))) == {}


def test_intents_go_once_they_are_settled_and_old(database: Database) -> None:
    now = now_of(database)
    with database.write() as tx:
        numbers = outbox.plan_changes(tx, "run-1", "churn", [change(number) for number in range(4)], now - timedelta(days=50))
        outbox.settle(tx, numbers[0], "done", None, now - timedelta(days=50))
        outbox.settle(tx, numbers[1], "failed", "why", now - timedelta(days=20))
    assert tidy(database) == {"outbox": 1}
    with database.read() as tx:
        assert [row.id for row in outbox.unfinished(tx, "churn")] == numbers[2:]


def test_tombstones_go_with_what_is_remembered_of_them(database: Database) -> None:
    now = now_of(database)
    save(database, *(ticket(number, now) for number in range(5)))
    with database.write() as tx:
        entities.tombstone(tx, [slot(number).target for number in range(4)], now - timedelta(days=500))
        entities.tombstone(tx, [slot(4).target], now)
        publishing.save_published(tx, slot(0), project="churn", value=True, rules=[], episode=None, run_id="r", now=now)
        publishing.hold(tx, slot(1), project="churn", kind="conflict", value=True, rule=None, episode=None, now=now)
        publishing.save_published(tx, slot(4), project="churn", value=True, rules=[], episode=None, run_id="r", now=now)
    assert tidy(database) == {"entity": 4}
    with database.read() as tx:
        assert entities.buried(tx, [slot(number).target for number in range(5)]) == {slot(4).target}
        counted = statistics.counts(tx)
        assert (counted["entity"], counted["membership"], counted["published"], counted["override"]) == (1, 1, 1, 0)


def test_no_tombstone_goes_while_something_may_be_on_its_way_there(database: Database) -> None:
    now = now_of(database)
    save(database, ticket(1, now))
    with database.write() as tx:
        entities.tombstone(tx, [slot(1).target], now - timedelta(days=500))
        outbox.plan_changes(tx, "run-1", "churn", [change(1)], now)
    assert tidy(database) == {}


def test_payloads_that_were_set_aside_are_emptied_and_stay_known(database: Database) -> None:
    now = now_of(database)
    with database.write() as tx:
        for ident, seen in (("1", now - timedelta(days=500)), ("2", now)):
            rejected = Rejected(kind="work_item", id=ident, reason="no key", payload=b"{}")
            quarantine.keep(tx, "jira", "issues", [rejected], seen)
    assert tidy(database) == {"quarantine": 1}
    with database.read() as tx:
        assert {one.id: one.payload for one in quarantine.entries(tx)} == {"1": b"", "2": b"{}"}


def test_observations_go_when_no_streak_can_reach_them(database: Database) -> None:
    now = now_of(database)
    with database.write() as tx:
        for days in (401, 399):
            seen = Observation(
                ref=Ref("mlflow", "observation", str(days)),
                subject=Ref("mlflow", "model_version", "churn/1"),
                monitor="psi",
                kind="drift",
                outcome="failed",
                observed_at=now - timedelta(days=days),
            )
            observations.append(tx, "churn", [seen], now)
    assert tidy(database) == {"observation": 1}


def test_personal_data_leaves_what_nobody_touched_without_making_it_look_changed(database: Database) -> None:
    now = now_of(database)
    old, fresh = ticket(1, now - timedelta(days=500)), ticket(2, now)
    save(database, old, fresh)
    assert tidy(database) == {"personal_data": 1}
    plain = msgspec.structs.replace(old, title="Ask …", body="", assignee=None, fields={"Reviewer": ["…"], "Sprint": 7})
    with database.read() as tx:
        before = entities.load(tx, [KEY])
    assert before == [plain, fresh]
    assert tidy(database) == {}

    assert save(database, old, fresh, run="run-2") == Saved(same=2)
    with database.read() as tx:
        assert entities.load(tx, [KEY]) == before

    again = msgspec.structs.replace(old, labels=("bad",), updated_at=now)
    assert save(database, again, run="run-3") == Saved(changed=1)
    with database.read() as tx:
        assert entities.load(tx, [KEY]) == [again, fresh]


def test_what_has_no_time_of_its_own_counts_from_when_it_was_stored(database: Database) -> None:
    run = Run(ref=Ref("jira", "run", "r"), run_id="r", experiment="e", tags={"mlflow.user": "ada", "quality": "passed"})
    save(database, run, at=now_of(database) - timedelta(days=99))
    assert tidy(database) == {}
    assert tidy(database, Retention(audit=KEEP.audit, personal_data=timedelta(days=98))) == {"personal_data": 1}
    with database.read() as tx:
        (there,) = entities.load(tx, [KEY])
    assert isinstance(there, Run)
    assert there.tags == {"quality": "passed"}


def test_a_large_backlog_is_worked_off_in_bounded_batches(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prune, "BATCH", 7)
    now = now_of(database)
    with database.write() as tx:
        for number in range(20):
            audit.append(tx, audit.of_change(change(number), kind="write", run_id="run-1", at=now - timedelta(days=500)))
    with database.write() as tx:
        assert prune.audit_entries(tx, now - timedelta(days=400)) == 7
    assert tidy(database) == {"audit": 13}


def test_it_is_done_once_a_day_and_by_one(database: Database, database_url: str) -> None:
    never = threading.Event()

    def daily(_: int) -> bool:
        with closing(open_database(database_url)) as own:
            return apply_daily(own, KEEP, holder=secrets.token_hex(4), stop=never) is not None

    with ThreadPoolExecutor(3) as pool:
        assert sorted(pool.map(daily, range(3))) == [False, False, True]
    with database.read() as tx:
        last = last_applied(tx)
        assert last is not None
        assert [one.command for one in runs.latest(tx)] == ["prune"]


def test_whoever_asks_for_it_waits_for_the_one_who_does_it(database: Database) -> None:
    stop = threading.Event()
    leases.acquire(database, "retention", holder="other", ttl=timedelta(minutes=3), wait=timedelta(0), stop=stop)
    assert apply_daily(database, KEEP, holder=ME, stop=stop) is None
    with pytest.raises(LeaseHeld, match="other"):
        apply_now(database, KEEP, holder=ME, wait=timedelta(0), stop=stop)


def test_one_that_is_cut_off_lets_go_of_its_own_lease_alone(database: Database) -> None:
    stop = threading.Event()
    leases.acquire(database, "retention", holder="other", ttl=timedelta(minutes=3), wait=timedelta(0), stop=stop)
    let_go(database, ME)
    assert apply_daily(database, KEEP, holder=ME, stop=stop) is None

    let_go(database, "other")
    assert apply_daily(database, KEEP, holder=ME, stop=stop) is not None


def test_a_stopped_one_is_not_counted_as_done(database: Database) -> None:
    stop = threading.Event()
    stop.set()
    done = apply_daily(database, KEEP, holder=ME, stop=stop)
    assert done is not None
    assert not done.complete
    with database.read() as tx:
        assert last_applied(tx) is None


TICKETS = [ticket(number, datetime.fromisoformat("2026-03-02T12:00+00:00")) for number in (1, 2, 12)] + [
    WorkItem(ref=Ref("github", "work_item", f"7/{number}"), key=f"example/churn#{number}", container="example/churn")
    for number in (1, 2, 12)
]
NAMING = ("ML-1", "ml-2", "ML-12", "ML-1x", "ML_OPS-1", "x/ML-2", "fixes", "Closes:", "implements", "#12", "#1.", "example/churn#2")
BETWEEN = (*" \n\t,()-…\u2028", "\n\n", "\r\n", "ada", "Ada Example <ada@example.org>")
pieces = st.sampled_from([*NAMING, *BETWEEN])
prose = st.lists(pieces, max_size=14).map("".join)


@given(prose, prose)
def test_without_its_prose_a_text_gives_the_same_links(body: str, message: str) -> None:
    request = ChangeRequest(
        ref=Ref("github", "change_request", "7/3"), number=3, repository="example/churn", state="merged", body=body
    )
    commit = Commit(ref=Ref("github", "commit", "7/" + "a" * 40), sha="a" * 40, repository="example/churn", message=message)
    raw: list[Entity] = [*TICKETS, request, commit]
    plain = [*TICKETS, depersonalised(request), depersonalised(commit)]
    assert set(mentions(Known(plain))) == set(mentions(Known(raw)))


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("", ""),
        ("Thanks to Ada Example", "…"),
        ("ML-1 Train as Ada asked\n\nFixes #12, said Ada\nand she\nwas right\n", "ML-1 …\n\nFixes #12, …\n…\n"),
    ],
)
def test_only_what_names_tickets_is_left(text: str, left: str) -> None:
    assert only_references(text) == left


def test_a_huge_hostile_text_takes_no_time_that_anybody_notices() -> None:
    assert only_references("ML-1 ada " * 20_000).count("ML-1") == 20_000
