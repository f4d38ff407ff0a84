"""Standings are replaced as a set, episodes open and close, observations stay as they were judged, runs are noted."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Literal

import msgspec
import pytest

from mappings.model import Observation, Ref
from sync.derive import Episode, Standing
from sync.evidence import Evidence
from sync.store import observations, runs, statistics, verdicts
from sync.store.connect import Database
from sync.store.errors import StoreError
from sync.store.schema import verdict as verdict_table

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
Later = Callable[[int], datetime]
SUBJECT = Ref("jira", "work_item", "10042")


def standing(rule: str, truth: bool | None = True, *, recheck_at: datetime | None = None) -> Standing:
    evidence = Evidence(
        ref=Ref("mlflow", "run", "r:1"), name="churn", fact="val_auc", value=0.91, threshold=">= 0.85", observed_at=NOON
    )
    return Standing(
        rule=rule,
        subject=SUBJECT,
        truth=truth,
        known=True,
        since=NOON,
        episode="e1",
        opened_at=NOON,
        recheck_at=recheck_at,
        rule_version="v1",
        says="it is ready",
        evidence=(evidence,),
        missing=("mlflow",),
    )


def seen(
    ident: str, outcome: Literal["passed", "failed", "unknown"], *, observed_at: datetime = NOON, monitor: str = "drift"
) -> Observation:
    return Observation(
        ref=Ref("mlflow", "observation", ident),
        subject=Ref("mlflow", "deployment", "churn"),
        monitor=monitor,
        kind="drift",
        outcome=outcome,
        observed_at=observed_at,
    )


def test_standings_come_back_whole_and_are_replaced_as_a_set(database: Database) -> None:
    with database.write() as tx:
        verdicts.save(tx, "churn", [standing("b"), standing("a", None)], [])
        verdicts.save(tx, "fraud", [standing("a")], [])
        assert verdicts.load(tx, "churn") == [standing("a", None), standing("b")]
        verdicts.save(tx, "churn", [standing("b", False)], [])
        assert verdicts.load(tx, "churn") == [standing("b", False)]
        verdicts.save(tx, "churn", [], [])
        assert verdicts.load(tx, "churn") == []
        assert verdicts.load(tx, "fraud") == [standing("a")]


def test_a_project_is_due_when_time_alone_may_change_a_verdict(database: Database, later: Later) -> None:
    with database.write() as tx:
        verdicts.save(tx, "churn", [standing("a"), standing("b", recheck_at=later(5))], [])
        found = [verdicts.due_by_time(tx, ["churn", "fraud"], later(minutes)) for minutes in (4, 5, 6)]
        assert found == [[], ["churn"], ["churn"]]
        assert verdicts.due_by_time(tx, ["fraud"], later(6)) == []


def test_episodes_open_and_close(database: Database, later: Later) -> None:
    first = Episode(id="e1", rule="drift-alert", subject=SUBJECT, opened_at=NOON)
    second = Episode(id="e2", rule="drift-alert", subject=SUBJECT, opened_at=later(1))
    closed = msgspec.structs.replace(first, closed_at=later(2))
    with database.write() as tx:
        verdicts.save(tx, "churn", [], [first, second])
        assert verdicts.open_episodes(tx, "churn") == [first, second]
        verdicts.save(tx, "churn", [], [closed])
        assert verdicts.open_episodes(tx, "churn") == [second]
        assert verdicts.episodes_since(tx, "churn", later(2)) == [closed, second]
        assert verdicts.episodes_since(tx, "churn", later(3)) == [second]
        assert verdicts.open_episodes(tx, "fraud") == []


def test_verdicts_of_another_version_are_named(database: Database) -> None:
    with database.write() as tx:
        verdicts.save(tx, "churn", [standing("a")], [])
        tx.execute(verdict_table.update().values(doc=b"{}"))
    with pytest.raises(StoreError, match="verdicts of project churn cannot be read"), database.read() as tx:
        verdicts.load(tx, "churn")


def test_observations_stay_as_they_were_judged(database: Database, later: Later) -> None:
    with database.write() as tx:
        observations.append(tx, "churn", [seen("2", "failed", observed_at=later(1)), seen("1", "unknown")], NOON)
        observations.append(tx, "churn", [seen("2", "passed", observed_at=later(1)), seen("1", "passed")], later(5))
        observations.append(tx, "churn", [seen("1", "failed"), seen("\0", "failed")], later(6))
        assert observations.history(tx, "churn", NOON) == [seen("1", "passed"), seen("2", "failed", observed_at=later(1))]
        assert observations.history(tx, "churn", later(1)) == [seen("2", "failed", observed_at=later(1))]
        assert observations.history(tx, "fraud", NOON) == []


def test_runs_are_noted_from_their_beginning_to_their_end(database: Database, later: Later) -> None:
    with database.write() as tx:
        first = runs.start(tx, "sync", ["churn"], NOON)
        second = runs.start(tx, "plan", [], later(1))
        runs.finish(tx, first, outcome="done", exit_code=0, summary={"written": 3, "why": {"a": None}}, now=later(2))
        newest, oldest = runs.latest(tx)
        assert (newest.id, newest.command, newest.finished_at, newest.exit_code) == (second, "plan", None, None)
        assert oldest == runs.Run(
            id=first,
            command="sync",
            projects=("churn",),
            started_at=NOON,
            finished_at=later(2),
            outcome="done",
            exit_code=0,
            summary={"written": 3, "why": {"a": None}},
        )
        assert statistics.counts(tx)["run"] == 2
        assert (runs.last_done(tx, "sync"), runs.last_done(tx, "plan")) == (later(2), None)


def test_run_ids_sort_by_time(later: Later) -> None:
    made = [runs.new_run_id(later(minutes)) for minutes in (0, 1, 60, 60 * 24 * 365 * 50)]
    assert made == sorted(made)
    assert len({runs.new_run_id(NOON) for _ in range(100)}) == 100
