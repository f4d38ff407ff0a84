"""A cloud goes away between two pages of a listing while `milepost sync` reads it: what rests on it is unknown and stays shown, and
the next run goes on and is right."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from sync.store import verdicts
from tests.cli.process import Desk, Ended
from tests.connectors.clouds import Cloud
from tests.crash.plant import DONE, MOSTLY_SQLITE, Plant

HINDERED = str(Path(__file__).with_name("hindered.py"))
TICKETS = ("OPS-1", "OPS-3")
SERVED = {ticket: ("Deployed", ["deployed"]) for ticket in TICKETS}


def sync_trying_once(desk: Desk) -> Ended:
    """Five attempts with their waits would only take long."""
    return desk.run("attempts", "1", "sync", "-o", "json", program=(sys.executable, HINDERED))


def not_known(plant: Plant) -> set[str]:
    """The tickets of which it is not known whether something of theirs is deployed."""
    with plant.database() as database, database.read() as tx:
        subjects = {one.subject.id for one in verdicts.load(tx, "ops") if one.rule == "deployed" and one.truth is None}
        return {ticket for ticket in TICKETS if str(plant.jira.get(ticket)["id"]) in subjects}


@MOSTLY_SQLITE
def test_both_clouds_are_lost_in_the_middle_of_a_pull(plant: Plant, clouds: Sequence[Cloud]) -> None:
    for cloud, ticket in zip(clouds, TICKETS, strict=True):
        plant.add_source(cloud.name, cloud.source, cloud.scope)
        cloud.serve({cloud.register(issue=ticket): 100})
        cloud.add_endpoints(3)
    desk = plant.office.desk
    assert desk.call("sync").code == 0
    assert plant.shown() == {**DONE, **SERVED}
    before = plant.written()

    for cloud in clouds:
        cloud.delete_endpoint()
        cloud.vanish(after=1)
    lost = sync_trying_once(desk)
    assert (lost.code, "Traceback" in lost.err) == (3, False), lost
    assert not_known(plant) == set(TICKETS)
    assert (plant.shown(), plant.written()) == ({**DONE, **SERVED}, before)
    remembered = plant.remembered()
    failed = {row for row in remembered["streams"] if not row.endswith(", None)")}
    assert all(any(f"'{cloud.name}', 'endpoints'" in row for row in failed) for cloud in clouds)
    assert len(remembered["episodes"]) == len([row for row in remembered["episodes"] if row.endswith("True)")])

    for cloud in clouds:
        cloud.come_back()
    ended = desk.call("sync")
    assert ended.code == 0, ended
    assert (plant.shown(), plant.written()) == ({**DONE, **SERVED}, before)
    assert not_known(plant) == set()
    assert desk.call("sync", "--full").code == 0
    assert plant.shown() == DONE
