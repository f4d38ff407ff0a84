"""What is too old to count is not stored again by the next sync, though its run can still be read."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

import pytest

from config.project import Retention
from mappings.model import ModelVersion, Observation, Outcome, Ref, Run
from sync.retention import apply_now
from sync.store import observations
from tests.engine.conftest import Office

KEEP = Retention(audit=timedelta(days=400), personal_data=timedelta(days=400))


def watched(office: Office, name: str, at: datetime) -> None:
    """A monitoring run that found drift in a version."""
    version = ModelVersion(ref=Ref("shelf", "model_version", f"{name}/1"), name=name, version="1", aliases=("champion",))
    run = Run(
        ref=Ref("shelf", "run", f"{name}-watch"),
        run_id=f"{name}-watch",
        experiment="monitoring",
        status="finished",
        metrics={"drift.psi": 0.4},
        tags={"milepost.model_version": f"{name}/1"},
        started_at=at,
        ended_at=at,
    )
    office.shelf.put(version, run)


def stored(office: Office) -> list[str]:
    with office.database.read() as tx:
        return [one.subject.id for one in observations.history(tx, "churn", office.database.now(tx) - timedelta(days=5_000))]


def test_what_was_pruned_does_not_come_back(office: Office) -> None:
    office.only_the_shelf()
    office.projects["churn"]["drift"] = {"metrics": {"drift.*": {"lte": 0.2}}}
    with office.database.read() as tx:
        now = office.database.now(tx)
    watched(office, "old", now - timedelta(days=500))
    watched(office, "late", now - timedelta(days=5))

    office.sync()
    assert stored(office) == ["late/1"]

    with office.database.write() as tx:
        tx.exec_driver_sql(f"UPDATE observation SET observed_at = observed_at - {500 * 86_400_000_000}")
    done = apply_now(office.database, KEEP, holder="milepost db prune (1)", wait=timedelta(), stop=threading.Event())
    assert done.counts["observation"] == 1
    office.sync()
    assert stored(office) == ["late/1"]


def test_what_a_deleted_run_has_found_stays_history(office: Office) -> None:
    office.only_the_shelf()
    office.list_all_each_time()
    office.projects["churn"]["drift"] = {"metrics": {"drift.*": {"lte": 0.2}}}
    with office.database.read() as tx:
        now = office.database.now(tx)
    watched(office, "churn", now - timedelta(days=1))
    office.sync()
    del office.shelf.things[Ref("shelf", "run", "churn-watch")]

    (run,) = office.sync().projects

    graph = run.assessment.graph
    assert graph.of(Run) == []
    assert [(one.monitor, one.outcome) for one in graph.of(Observation)] == [("drift.psi", "failed")]


@pytest.mark.parametrize(("outcome", "doubted"), [("failed", True), ("passed", False)])
def test_an_alarm_whose_monitor_was_deleted_is_not_known_to_stand(office: Office, outcome: Outcome, doubted: bool) -> None:
    office.only_the_shelf()
    office.list_all_each_time()
    office.projects["churn"]["drift"] = {"metrics": {"daily": {"lte": 0.2}}}
    with office.database.read() as tx:
        at = office.database.now(tx) - timedelta(days=30)
    version = Ref("shelf", "model_version", "churn/1")
    seen = Observation(
        ref=Ref("shelf", "observation", "alert"),
        subject=version,
        monitor="daily",
        kind="drift",
        outcome=outcome,
        observed_at=at,
        lasting=True,
    )
    office.shelf.put(ModelVersion(ref=version, name="churn", version="1", aliases=("champion",)), seen)

    def is_doubted() -> bool:
        (run,) = office.sync().projects
        graph = run.assessment.graph
        assert [one.ref for one in graph.of(Observation)] == [seen.ref]
        return seen.ref in graph.missing

    assert not is_doubted()
    del office.shelf.things[seen.ref]
    assert is_doubted() is doubted


@pytest.mark.parametrize(
    ("first", "then", "counts"),
    [("unknown", "failed", "failed"), ("passed", "unknown", "passed"), ("failed", "passed", "failed")],
)
def test_what_was_judged_once_stays_and_what_was_not_is_judged_later(
    office: Office, first: Outcome, then: Outcome, counts: Outcome
) -> None:
    office.only_the_shelf()
    office.list_all_each_time()
    office.projects["churn"]["drift"] = {"metrics": {"daily": {"lte": 0.2}}}
    with office.database.read() as tx:
        at = office.database.now(tx) - timedelta(days=1)
    version = Ref("shelf", "model_version", "churn/1")
    ref = Ref("shelf", "observation", "monday")
    for outcome in (first, then):
        seen = Observation(ref=ref, subject=version, monitor="daily", kind="drift", outcome=outcome, observed_at=at)
        office.shelf.put(ModelVersion(ref=version, name="churn", version="1", aliases=("champion",)), seen)
        (run,) = office.sync().projects
    assert [one.outcome for one in run.assessment.graph.of(Observation)] == [counts]


def test_what_the_project_no_longer_goes_by_counts_no_longer(office: Office) -> None:
    office.only_the_shelf()
    with office.database.read() as tx:
        now = office.database.now(tx)
    watched(office, "churn", now - timedelta(days=1))

    def monitors() -> list[str]:
        (run,) = office.sync().projects
        return [one.monitor for one in run.assessment.graph.of(Observation)]

    for metrics, expected in (({"drift.*": {"lte": 0.2}}, ["drift.psi"]), ({"drfit.*": {"lte": 0.2}}, []), ({}, [])):
        office.projects["churn"]["drift"] = {"metrics": metrics}
        assert monitors() == expected
    office.projects["churn"]["drift"] = {"metrics": {"drift.psi": {"lte": 0.5}}}
    assert monitors() == ["drift.psi"]
