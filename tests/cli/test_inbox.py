"""`milepost inbox`: what could not be taken in is shown without secrets, tried again, or let go."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from sync.store import inbox
from sync.store.connect import Database, open_database
from sync.store.inbox import Arrival
from tests.cli.process import Desk

FILE = """
sources: {jira: {type: jira, url: "https://example.atlassian.net"}}
projects: {ops: {scopes: {jira: {projects: [OPS]}}}}
"""
SECRET = "ghp_" + "a1B2" * 9
BODY = b'{"issue": {"id": "1"}, "secret": "hush-hush", "note": "' + SECRET.encode() + b' \x1b[31m \xff"}'


@pytest.fixture
def desk(tmp_path: Path, sqlite_template: Path) -> Desk:
    """Five deliveries: two dead, one settled, one that waits for its time, one that waits."""
    desk = Desk(tmp_path)
    desk.config.write_text(FILE, encoding="utf-8")
    (tmp_path / "milepost.db").write_bytes(sqlite_template.read_bytes())
    some = [Arrival(source="jira", delivery=f"d-{number}", event="jira:issue_updated", body=BODY) for number in range(1, 6)]
    with store(desk) as database, database.write() as tx:
        now = database.now(tx)
        inbox.accept(tx, some, now)
        for ident in (1, 2):
            inbox.fail(tx, ident, "https://zora:hush@example.com makes no sense", None, now)
        inbox.settle(tx, [3], "done", now)
        inbox.postpone(tx, [4], "jira: is away", now.replace(year=now.year + 1))
    return desk


@contextmanager
def store(desk: Desk) -> Iterator[Database]:
    with closing(open_database(f"sqlite:///{desk.config.parent / 'milepost.db'}")) as database:
        yield database


def states(desk: Desk) -> list[str]:
    with store(desk) as database, database.read() as tx:
        return [one.state for one in reversed(inbox.listing(tx, states=inbox.STATES))]


def test_what_is_dead_is_listed_and_all_on_request(desk: Desk) -> None:
    dead, every = desk.call("inbox", "list"), desk.call("inbox", "list", "--all")
    assert dead.code == every.code == 0
    assert [line.split()[0] for line in dead.out.splitlines() if "issue_updated" in line] == ["2", "1"]
    assert [line.split()[0] for line in every.out.splitlines() if "issue_updated" in line] == ["5", "4", "3", "2", "1"]
    assert "makes no sense" in dead.out
    assert "is away; again at" in every.out
    for listed in (dead, every):
        for step in ("show 2 ", "retry 2 ", "drop 2 "):
            assert f"milepost inbox {step}" in " ".join(listed.out.split())
    document = desk.call("inbox", "list", "--all", "--limit", "2", "-o", "json").json()
    assert [one["id"] for one in document["deliveries"]] == [5, 4]
    assert {(one["state"], one["count"]) for one in document["depth"]} == {("dead", 2), ("done", 1), ("waiting", 2)}


def test_what_waits_for_a_source_that_left_the_file_is_told_and_dropped_in_time(desk: Desk) -> None:
    assert desk.call("inbox", "list", "-o", "json").json()["unclaimed"] == []
    with store(desk) as database, database.write() as tx:
        long_ago = database.now(tx) - timedelta(days=8)
        inbox.accept(tx, [Arrival(source="legacy", delivery="d-6", event="push", body=b"{}")], long_ago)
    assert "What waits for legacy is never taken in: the project file has no such source." in desk.call("inbox", "list").out
    listed = desk.call("inbox", "list", "--all", "--source", "legacy", "-o", "json").json()
    assert ([one["delivery"] for one in listed["deliveries"]], listed["unclaimed"]) == (["d-6"], ["legacy"])
    pruned = desk.call("db", "prune")
    assert "deliveries of sources that are not in the project file" in pruned.out
    assert desk.call("inbox", "list", "-o", "json").json()["unclaimed"] == []
    assert "there is no source" in desk.call("inbox", "list", "--source", "legacy").err


def test_an_empty_inbox_is_told(desk: Desk) -> None:
    desk.call("inbox", "drop", "--all")
    empty = desk.call("inbox", "list").out
    assert "No delivery is dead." in empty
    assert "milepost inbox" not in empty


@pytest.mark.parametrize("form", [(), ("-o", "json")])
def test_a_delivery_is_shown_without_secrets_or_what_a_terminal_obeys(desk: Desk, form: tuple[str, ...]) -> None:
    shown = desk.call("inbox", "show", "1", *form)
    assert shown.code == 0
    assert "makes no sense" in shown.out
    assert "d-1" in shown.out
    for hidden in ("hush", SECRET, "\x1b[31m"):
        assert hidden not in shown.out
    assert desk.call("inbox", "show", "3").out.rstrip().endswith("What it said is no longer kept.")


def test_dead_deliveries_are_tried_again_or_dropped(desk: Desk) -> None:
    assert "1 delivery will be taken in next." in desk.call("inbox", "retry", "1").out
    dropped = " ".join(desk.call("inbox", "drop", "2", "3").out.split())
    assert dropped == "1 delivery dropped. 1 delivery had been settled before."
    assert states(desk) == ["waiting", "dropped", "done", "waiting", "waiting"]
    assert desk.call("inbox", "retry", "4", "3", "-o", "json").json() == {"retried": 1, "settled_before": 1}
    with store(desk) as database, database.read() as tx:
        assert [one.id for one in inbox.waiting(tx, "jira", 10, database.now(tx))] == [1, 4, 5]


def test_all_means_all_that_are_dead(desk: Desk) -> None:
    assert desk.call("inbox", "retry", "--all", "-o", "json").json() == {"retried": 2, "settled_before": 0}
    assert states(desk) == ["waiting", "waiting", "done", "waiting", "waiting"]
    assert "Nothing was to be done." in desk.call("inbox", "drop", "--all").out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("retry",), "needs either ids or --all"),
        (("drop", "1", "--all"), "needs either ids or --all"),
        (("show", "99"), "there is no delivery 99 in the inbox"),
        (("retry", "1", "98", "99"), "there is no delivery 98, 99 in the inbox"),
        (("list", "--source", "jra"), "there is no source 'jra'"),
        (("show", "-5"), "such option"),
        (("show", "x"), "no whole number"),
    ],
)
def test_what_cannot_be_done_is_told(desk: Desk, arguments: tuple[str, ...], said: str) -> None:
    ended = desk.call("inbox", *arguments)
    assert ended.code == 2
    assert said in " ".join(ended.err.split())
    assert states(desk) == ["dead", "dead", "done", "waiting", "waiting"]
