"""Each exit code, shown by a process that ends with it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from itertools import combinations

import pytest
from sqlalchemy import create_engine, text

from sync.outcome import MEANINGS, ExitCode, worst
from sync.store import leases
from sync.store.connect import open_database
from tests.cli.office import Office

NEXT = "Stopped. Run the same command again to go on where it was."


@pytest.fixture
def pulled(office: Office) -> Iterator[Office]:
    """An office whose facts are stored."""
    assert office.desk.call("pull").code == 0
    yield office


def test_0_done(office: Office) -> None:
    ended = office.desk.run("sync")

    assert ended.code == 0
    assert "2 written" in ended.out


def test_1_the_schema_is_newer_than_this_program(pulled: Office) -> None:
    engine = create_engine(f"sqlite:///{pulled.desk.folder / 'milepost.db'}")
    with engine.begin() as tx:
        tx.execute(text("UPDATE milepost_version SET version_num = '9999'"))
    engine.dispose()

    ended = pulled.desk.run("status")

    assert ended.code == 1
    assert "newer" in ended.err


def test_2_wrong_usage(office: Office) -> None:
    assert office.desk.run("plan", "--colour").code == 2


def test_2_wrong_configuration(office: Office) -> None:
    office.configure("statusses: []")

    ended = office.desk.run("plan")

    assert ended.code == 2
    assert "did you mean statuses?" in ended.err


def test_3_a_source_fails_and_the_rest_is_done(office: Office) -> None:
    office.jira.token = "another by now"

    ended = office.desk.run("pull", "-o", "json")
    states = {(one["source"], one["state"]) for one in ended.json()["streams"]}

    assert ended.code == 3
    assert states == {("jira", "failed"), ("github", "done")}


def test_3_a_change_fails_and_the_rest_is_done(pulled: Office) -> None:
    pulled.jira.token = "another by now"

    ended = pulled.desk.run("apply", "-o", "json")

    assert ended.code == 3
    assert {one["state"] for one in ended.json()["projects"][0]["results"]} == {"unsent"}


def test_4_a_plan_has_changes(pulled: Office) -> None:
    assert pulled.desk.run("plan", "--exit-code").code == 4
    assert pulled.desk.call("apply").code == 0
    assert pulled.desk.call("plan", "--exit-code").code == 0


def test_5_the_safety_check_refuses(pulled: Office) -> None:
    pulled.configure("safety: {max_additions: 0}")

    ended = pulled.desk.run("apply")

    assert ended.code == 5
    assert "--initial" in ended.out
    assert pulled.jira.writes == []


def test_5_a_saved_plan_of_another_configuration_is_refused(pulled: Office) -> None:
    assert pulled.desk.call("plan", "--out", "saved.json").code == 0
    pulled.configure("fresh_within: 25h")

    ended = pulled.desk.run("apply", "saved.json")

    assert ended.code == 5
    assert "plan again" in ended.err
    assert pulled.jira.writes == []


def test_6_another_run_holds_the_lease(pulled: Office) -> None:
    with (
        closing(open_database(f"sqlite:///{pulled.desk.folder / 'milepost.db'}")) as database,
        leases.held(
            database,
            "apply:ops",
            holder="the-other-run",
            ttl=timedelta(minutes=5),
            wait=timedelta(),
            stop=threading.Event(),
        ),
    ):
        ended = pulled.desk.run("apply", "--wait", "0s")

    assert ended.code == 6
    assert "the-other-run" in ended.err
    assert "--wait" in ended.err
    assert pulled.jira.writes == []


def test_where_several_hold_the_documented_order_decides() -> None:
    order = [ExitCode(code) for code in (2, 1, 6, 5, 3, 4, 0)]

    assert [worst(pair) for pair in combinations(order, 2)] == [first for first, _ in combinations(order, 2)]
    assert worst([]) is ExitCode.DONE
    assert set(MEANINGS) == set(ExitCode)
