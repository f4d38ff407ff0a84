"""What may be said to be absent, and what may still be relied on."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from mappings.model import Ref
from sync.freshness import Freshness, StreamFacts
from sync.moments import CLOCK_SKEW
from tests.core.worlds import NOW

HOUR = timedelta(hours=1)


def stream(name: str = "runs", source: str = "mlflow", kinds: str = "run dataset", **facts: Any) -> StreamFacts:
    given: dict[str, Any] = {"complete": True, "pulled_at": NOW - HOUR} | facts
    return StreamFacts(source=source, stream=name, provides=frozenset(kinds.split()), **given)


def at(*streams: StreamFacts) -> Freshness:
    return Freshness(streams, within=26 * HOUR, now=NOW)


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ({"complete": False}, "not fully read yet"),
        ({"rejected": 1}, "1 record was not understood"),
        ({"rejected": 2_000}, "2,000 records were not understood"),
        ({"pulled_at": None}, "never read"),
        ({"failed": "timeout"}, "the last read failed"),
        ({"pulled_at": NOW - 26 * HOUR}, "not read for 26 hours"),
        ({"pulled_at": NOW + HOUR}, "read at a time that lies ahead: the clock was set back; pull again"),
    ],
)
def test_absence_needs_every_stream_complete_and_fresh(facts: dict[str, Any], why: str) -> None:
    freshness = at(stream("models", kinds="run model_version"), stream(**facts))
    assert freshness.absent_proof_lacks(["run"]) == [f"mlflow/runs ({why})"]
    assert freshness.absent_proof_lacks(["model_version"]) == []
    assert freshness.absent_proof_lacks(["deployment"]) == []
    assert freshness.absent_proof_lacks([]) == []
    assert freshness.absent_proof_lacks(["run"], source="aws") == []


def test_reliance_needs_fresh_but_not_complete_streams_of_the_same_source() -> None:
    run = Ref("mlflow", "run", "r1")
    assert at(stream(complete=False)).reliance_lacks(run) == []
    assert at(stream(), stream(source="other", failed="x")).reliance_lacks(run) == []
    assert at(stream("models"), stream(pulled_at=NOW - 30 * HOUR)).reliance_lacks(run) == ["mlflow/runs (not read for 26 hours)"]
    assert at(stream(failed="x")).reliance_lacks(Ref("milepost", "project", "churn")) == []


def test_observations_found_in_runs_rest_on_the_runs() -> None:
    found = Ref("mlflow", "observation", "r1/x")
    assert at(stream(failed="x")).reliance_lacks(found) == ["mlflow/runs (the last read failed)"]
    own = stream("monitors", kinds="observation")
    assert at(stream(failed="x"), own).reliance_lacks(found) == []


def test_the_next_expiry_is_of_the_stream_that_was_read_first() -> None:
    assert at().next_expiry() is None
    streams = [stream(pulled_at=NOW - 3 * HOUR), stream("models"), stream("x", pulled_at=NOW - 40 * HOUR), stream("y", failed="x")]
    assert at(*streams).next_expiry() == NOW + 23 * HOUR


def test_facts_are_as_old_as_the_oldest_read() -> None:
    assert at().facts_as_of() is None
    assert at(stream(), stream("models", pulled_at=NOW - 9 * HOUR)).facts_as_of() == NOW - 9 * HOUR
    assert at(stream(), stream("models", pulled_at=None)).facts_as_of() is None


def test_what_was_read_at_a_time_that_lies_ahead_is_not_relied_on() -> None:
    run, ahead = Ref("mlflow", "run", "r1"), at(stream(pulled_at=NOW + 87_600 * HOUR), stream("models"))
    why = "read at a time that lies ahead: the clock was set back; pull again"
    assert ahead.reliance_lacks(run) == [f"mlflow/runs ({why})"]
    assert ahead.next_expiry() == NOW + 25 * HOUR
    assert ahead.facts_as_of() is None


def test_a_clock_that_is_a_little_fast_keeps_the_facts_which_are_never_of_the_future() -> None:
    fast = at(stream(pulled_at=NOW + CLOCK_SKEW))
    assert fast.reliance_lacks(Ref("mlflow", "run", "r1")) == []
    assert fast.facts_as_of() == NOW
