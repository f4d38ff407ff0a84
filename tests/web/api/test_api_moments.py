"""Times: every answer writes them in one form, and a filter takes a time or how long ago."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from mappings.model import Ref
from sync.documents import rewritten, written
from sync.evidence import Evidence
from tests.web.api.conftest import NOON, Ask, World, standing

FORM = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
ANY_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d.*")


def _moments(document: Any) -> list[str]:
    if isinstance(document, dict):
        return [one for value in document.values() for one in _moments(value)]
    if isinstance(document, list):
        return [one for value in document for one in _moments(value)]
    return [document] if isinstance(document, str) and ANY_MOMENT.fullmatch(document) else []


def test_all_times_of_all_answers_have_one_form(ask: Ask, world: World) -> None:
    fine = NOON + timedelta(microseconds=825_000)
    looked_at = Evidence(ref=Ref("mlflow", "run", "r:1"), name="run r", fact="ended_at", value=fine.isoformat(), observed_at=fine)
    subject = Ref("jira", "work_item", "CHURN-0001")
    world.judge("churn", [standing("model-ready", subject, since=fine, evidence=(looked_at,))])
    (waiting,) = world.receive(1, dead=True)
    run = world.run()
    ask("/projects/churn/sync", "POST")
    recorded = {"ref": "mlflow:run:r1", "value": NOON.isoformat(), "observed_at": "2026-03-02T12:00:00Z"}
    world.wrote("CHURN-1", evidence=(recorded,))
    paths = (
        "/projects",
        "/projects/churn",
        "/statuses",
        "/work-items/CHURN-1",
        "/runs",
        f"/runs/{run}",
        "/audit",
        f"/inbox/{waiting}",
    )
    found = {path: _moments(ask(path).json()) for path in paths}
    found["sync"] = _moments(ask("/projects/churn/sync", "POST").json())

    assert found["/statuses"].count("2026-03-02T12:00:00.825000Z") >= 2
    assert found["/audit"].count("2026-03-02T12:00:00.000000Z") == 3
    assert all(FORM.fullmatch(one) for moments in found.values() for one in moments), found
    assert all(found.values()), found


def test_a_filter_takes_how_long_ago_as_the_command_line_does(ask: Ask, world: World) -> None:
    run = world.run()
    world.wrote("CHURN-1", minutes=0)

    assert [one["run"] for one in ask("/runs?since=1h").json()["items"]] == [run]
    assert ask("/runs?since=2026-03-02T12:00:00%2B01:00").json()["items"] != []
    assert ask("/runs?since=2999-01-01T00:00:00Z").json()["items"] == []
    assert len(ask("/audit?since=5000w").json()["items"]) == 1
    assert ask("/audit?until=5000w").json()["items"] == []
    assert "such as 7d" in ask("/audit?until=6000w").json()["fix"]


@given(time=st.datetimes(timezones=st.just(UTC)), offset=st.integers(-14, 14))
def test_a_time_is_written_in_utc_and_read_back(time: datetime, offset: int) -> None:
    if 1 < time.year < 9_999:  # at the edge of the calendar there is no other offset
        time = time.astimezone(timezone(timedelta(hours=offset)))
    text = written(time)

    assert FORM.fullmatch(text)
    assert datetime.fromisoformat(text) == time
    assert rewritten(text) == text


@given(value=st.one_of(st.text(), st.floats(), st.booleans(), st.none(), st.sampled_from(["2026-02-31T12:00:00Z", "2026-03-02"])))
def test_what_is_no_time_stays_as_it_is(value: object) -> None:
    assert rewritten(value) is value
