"""Never a false green: what is no longer known is held for a while, then shown as unknown; alarms stay; facts restore."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import update

from connectors.errors import Unavailable
from mappings.model import Ref, Run
from sync.outcome import ExitCode
from sync.store.schema import stream

if TYPE_CHECKING:
    from tests.engine.conftest import Office

REPO = "example/churn"
DAY = timedelta(days=1)


class Lab:
    """A ticket with a sound model in release, and one whose released model drifts, each with an open follow-up pull request."""

    def __init__(self, office: Office) -> None:
        self.office = office
        office.scopes["shelf"] = {"prefix": ""}
        office.projects["churn"] |= {"release": {"alias": "champion"}, "drift": {"metrics": {"drift.psi": {"lte": 0.2}}}}
        self.sound, self.sound_pull = self._release("sound")
        self.drifting, self.drifting_pull = self._release("drifting")
        yesterday = datetime.now(UTC) - DAY
        office.shelf.put(
            Run(
                ref=Ref("shelf", "run", "monitor"),
                run_id="monitor",
                experiment="monitoring",
                status="finished",
                tags={"milepost.model_version": "drifting/1"},
                metrics={"drift.psi": 0.5},
                started_at=yesterday,
                ended_at=yesterday,
            )
        )

    def _release(self, name: str) -> tuple[str, int]:
        office = self.office
        ticket = office.ticket()
        sha, number = office.propose(ticket)
        office.github.merge(REPO, number, "merge")
        office.train(name, sha)
        office.github.commit(REPO, "Next", branch=f"{ticket}-next")
        return ticket, office.github.open_pull(REPO, f"{ticket} Next", f"{ticket}-next")

    def shown(self) -> tuple[str | None, str | None, set[str], set[str]]:
        office = self.office
        return (
            office.field(self.sound),
            office.field(self.drifting),
            office.labels(self.sound_pull),
            office.labels(self.drifting_pull),
        )

    def lose_the_shelf(self) -> None:
        def down(stop: threading.Event, page: int) -> None:
            raise Unavailable("shelf", "fell over")

        self.office.shelf.before_page = down

    def find_the_shelf(self) -> None:
        self.office.shelf.before_page = lambda stop, page: None


@pytest.fixture
def lab(office: Office) -> Lab:
    lab = Lab(office)
    assert office.sync().exit_code is ExitCode.DONE
    assert lab.shown() == KNOWN
    return lab


KNOWN = ("Model ready", "Drift alert", {"ml/model-ready"}, {"ml/drift-alert", "ml/model-ready"})
UNKNOWN: tuple[str, str, set[str], set[str]] = ("Unknown", "Drift alert", set(), {"ml/drift-alert"})


def test_a_source_that_fails_holds_what_is_shown_then_takes_back_what_is_favourable(office: Office, lab: Lab) -> None:
    written = office.writes
    lab.lose_the_shelf()
    for _ in range(2):
        assert office.sync().exit_code is ExitCode.PARTIAL
    assert lab.shown() == KNOWN
    assert office.writes == written
    office.unknown_after = timedelta()
    assert office.sync().exit_code is ExitCode.PARTIAL
    assert lab.shown() == UNKNOWN
    assert {one["id"]: one["state"] for one in office.property(lab.sound)["statuses"]} == {"model-ready": "unknown"}
    quiet = office.writes
    office.sync()
    assert office.writes == quiet
    lab.find_the_shelf()
    assert office.sync().exit_code is ExitCode.DONE
    assert lab.shown() == KNOWN


def test_facts_that_grow_old_are_unknown_as_well(office: Office, lab: Lab) -> None:
    office.unknown_after = timedelta()
    with office.database.write() as tx:
        tx.execute(update(stream).where(stream.c.source == "shelf").values(pulled_at=office.database.now(tx) - timedelta(hours=27)))
    office.apply()
    assert lab.shown() == UNKNOWN
    assert office.sync().exit_code is ExitCode.DONE
    assert lab.shown() == KNOWN


def test_facts_read_while_the_clock_was_ahead_are_unknown_until_they_are_read_again(office: Office, lab: Lab) -> None:
    office.unknown_after = timedelta()
    with office.database.write() as tx:
        ahead = office.database.now(tx) + 3650 * DAY
        tx.execute(
            update(stream).where(stream.c.source == "shelf").values(sweep_started_at=ahead, complete_at=ahead, pulled_at=ahead)
        )
    result = office.apply()
    assert lab.shown() == UNKNOWN
    assert [one.assessment.freshness.facts_as_of() for one in result.projects] == [None]
    del office.shelf.things[Ref("shelf", "model_version", "sound/1")]
    assert office.sync(force=True).exit_code is ExitCode.DONE
    assert office.field(lab.sound) is None
    assert office.field(lab.drifting) == "Drift alert"


def test_an_alarm_that_is_over_goes_only_once_that_is_known(office: Office, lab: Lab) -> None:
    monitor = office.shelf.things[Ref("shelf", "run", "monitor")]
    assert isinstance(monitor, Run)
    moment = datetime.now(UTC)
    for number in (1, 2):
        office.shelf.put(
            Run(
                ref=Ref("shelf", "run", f"monitor-{number}"),
                run_id=f"monitor-{number}",
                experiment="monitoring",
                status="finished",
                tags=monitor.tags,
                metrics={"drift.psi": 0.1},
                started_at=moment - timedelta(minutes=3 - number),
                ended_at=moment - timedelta(minutes=3 - number),
            )
        )
    lab.lose_the_shelf()
    office.sync()
    assert office.field(lab.drifting) == "Drift alert"
    lab.find_the_shelf()
    office.sync()
    assert office.field(lab.drifting) == "Model ready"
    assert office.labels(lab.drifting_pull) == {"ml/model-ready"}


def test_what_was_never_known_is_not_shown(office: Office) -> None:
    lab = Lab(office)
    lab.lose_the_shelf()
    office.unknown_after = timedelta()
    assert office.sync().exit_code is ExitCode.PARTIAL
    assert lab.shown() == (None, None, set(), set())
    lab.find_the_shelf()
    assert office.sync().exit_code is ExitCode.DONE
    assert lab.shown() == KNOWN


def test_the_code_host_down_holds_as_well(office: Office, lab: Lab) -> None:
    written = office.writes
    office.github.revoke_token("sandbox-token")
    assert office.sync().exit_code is ExitCode.PARTIAL
    assert lab.shown() == KNOWN
    assert office.writes == written
    office.unknown_after = timedelta()
    assert office.sync().exit_code is ExitCode.PARTIAL
    assert (office.field(lab.sound), office.field(lab.drifting)) == ("Unknown", "Drift alert")
    office.github.add_token("sandbox-token", role="write")
    assert office.sync().exit_code is ExitCode.DONE
    assert lab.shown() == KNOWN
