"""Saved plans: refused when what they rest on changed, and never the source of anything that is written."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sync import savedplan
from sync.outcome import ExitCode
from sync.savedplan import PlanRefused, PlanUnreadable, SavedPlan, may_hold_plan, read_plan, write_plan
from sync.store import verdicts

if TYPE_CHECKING:
    from tests.engine.conftest import Office

REPO = "example/churn"


class Saved:
    """An office with one ticket and one issue to write on, and the plan for both in a file."""

    def __init__(self, office: Office, path: Path) -> None:
        self.office = office
        self.path = path
        self.ticket = office.ticket("bad")
        self.number = office.github.add_issue(REPO, "Drift", labels=["bad"])
        office.pull()
        self.save()

    def save(self, **permission: bool) -> None:
        result = self.office.plan(**permission)
        plans = [run.plan for run in result.projects if run.plan is not None]
        write_plan(self.path, plans, made_at=result.started_at, config_hash=self.office.workspace().config_hash)

    def read(self, *, later: timedelta = timedelta()) -> SavedPlan:
        return read_plan(self.path, now=datetime.now(UTC) + later, config_hash=self.office.workspace().config_hash)

    def forge(self, change: Callable[[Any], None]) -> None:
        """Edits the file as anybody could."""
        document = json.loads(self.path.read_text(encoding="utf-8"))
        change(document)
        self.path.write_text(json.dumps(document), encoding="utf-8")


@pytest.fixture
def saved(office: Office, tmp_path: Path) -> Saved:
    return Saved(office, tmp_path / "plan.json")


def test_a_saved_plan_is_applied_as_it_was_shown(saved: Saved) -> None:
    result = saved.office.apply(saved.read())
    assert result.exit_code is ExitCode.DONE
    assert saved.office.field(saved.ticket) == "Bad"
    assert saved.office.labels(saved.number) == {"bad", "ml/bad"}
    written = saved.office.writes
    # What it asks for is so already: that is no conflict.
    assert saved.office.apply(saved.read()).exit_code is ExitCode.DONE
    assert saved.office.writes == written


@pytest.mark.parametrize("later", [timedelta(hours=24, minutes=1), -timedelta(minutes=6)])
def test_a_stale_plan_is_refused(saved: Saved, later: timedelta) -> None:
    assert saved.read(later=timedelta(hours=23)).plans
    with pytest.raises(PlanRefused, match="more than 24 hours from now; plan again"):
        saved.read(later=later)


def test_a_changed_configuration_refuses_the_plan(saved: Saved) -> None:
    saved.office.top["fresh_within"] = "27h"
    with pytest.raises(PlanRefused, match="the configuration has changed"):
        saved.read()


def test_a_changed_verdict_refuses_the_whole_before_anything_is_written(saved: Saved) -> None:
    office = saved.office
    office.github.add_repository("example/loan")
    office.projects["loan"] = {"scopes": {"github": {"repositories": ["example/loan"]}}}
    office.pull()
    saved.save()
    office.github.add_issue("example/loan", "News", labels=["bad"])
    office.pull()
    with office.database.read() as tx:
        before = verdicts.load(tx, "churn")
    with pytest.raises(PlanRefused, match="project loan: statuses have changed"):
        office.apply(saved.read())
    assert office.writes == 0
    with office.database.read() as tx:
        assert verdicts.load(tx, "churn") == before


def test_a_changed_slot_is_a_conflict_of_that_change_alone(saved: Saved) -> None:
    office = saved.office
    office.apply(saved.read())
    office.jira.edit(saved.ticket, labels=["good"])
    office.github.remove_label(REPO, saved.number, "bad")
    office.pull()
    saved.save()
    office.set_field(saved.ticket, "Drift alert")
    office.pull()
    result = office.apply(saved.read())
    assert result.exit_code is ExitCode.PARTIAL
    assert result.projects[0].applied is not None
    states = {(one.change.slot.kind, one.state) for one in result.projects[0].applied.results}
    assert states == {("field", "conflict"), ("property", "done"), ("label", "done")}
    assert office.field(saved.ticket) == "Drift alert"
    assert office.labels(saved.number) == set()


def test_a_slot_that_changed_unseen_is_a_conflict_too(saved: Saved) -> None:
    saved.office.set_field(saved.ticket, "Drift alert")
    result = saved.office.apply(saved.read())
    assert result.exit_code is ExitCode.PARTIAL
    assert saved.office.field(saved.ticket) == "Drift alert"
    assert saved.office.labels(saved.number) == {"bad", "ml/bad"}


def test_changes_that_a_file_leaves_out_are_not_made(saved: Saved) -> None:
    saved.forge(lambda document: document["plans"][0]["changes"].pop(0))
    assert saved.office.apply(saved.read()).exit_code is ExitCode.DONE
    made = [saved.office.field(saved.ticket), saved.office.property(saved.ticket), "ml/bad" in saved.office.labels(saved.number)]
    assert sum(bool(one) for one in made) == 2


def forge_value(document: Any) -> None:
    for change in document["plans"][0]["changes"]:
        change["after"] = "Good" if change["slot"][1] == "field" else change["after"]


def forge_slot(document: Any) -> None:
    for change in document["plans"][0]["changes"]:
        change["slot"][2] = "summary" if change["slot"][1] == "field" else "ml/never-mine"


def forge_target(document: Any) -> None:
    for change in document["plans"][0]["changes"]:
        change["slot"][0][2] = "1"


def forge_source(document: Any) -> None:
    for change in document["plans"][0]["changes"]:
        change["slot"][0][0] = "nowhere\x1b[31m"


def forge_project(document: Any) -> None:
    document["plans"][0]["project"] = "another"


@pytest.mark.parametrize("forgery", [forge_value, forge_slot, forge_target, forge_source, forge_project])
def test_a_forged_plan_writes_nothing_that_a_fresh_one_would_not(saved: Saved, forgery: Callable[[Any], None]) -> None:
    fresh = saved.office.plan().projects[0].plan
    assert fresh is not None
    wanted = {(change.slot, json.dumps(msgspec.to_builtins(change.after))) for change in fresh.changes}
    saved.forge(forgery)
    result = saved.office.apply(saved.read())
    applied = result.projects[0].applied
    assert applied is not None
    done = {(one.change.slot, json.dumps(msgspec.to_builtins(one.change.after))) for one in applied.results if one.state == "done"}
    assert done <= wanted
    assert saved.office.field(saved.ticket) is None
    assert saved.office.jira.get(saved.ticket)["fields"]["summary"] == "A ticket"
    assert "ml/never-mine" not in saved.office.labels(saved.number)
    told = [one.change.key + one.change.slot.name for one in applied.results]
    assert all(text.isprintable() for text in told)
    assert result.exit_code is (ExitCode.DONE if forgery is forge_project else ExitCode.PARTIAL)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not JSON",
        b"[]",
        b"{}",
        b"\xff\xfe",
        b'{"format": 1, "made_at": "2026-03-02T12:00:00", "config_hash": "", "plans": []}',
        b'{"format": 1, "made_at": "yesterday", "config_hash": "", "plans": []}',
        b'{"format": 1, "made_at": 1e400, "config_hash": "", "plans": []}',
        b"[" * 100_000,
        b'{"plans":' * 50_000,
    ],
)
def test_a_file_that_is_no_plan_is_refused_with_the_fix(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "plan.json"
    path.write_bytes(content)
    with pytest.raises(PlanUnreadable, match="name a file that milepost plan --out wrote") as refused:
        read_plan(path, now=datetime.now(UTC), config_hash="")
    assert f"--out {path}" not in str(refused.value)
    assert may_hold_plan(path) == (content == b"")


def test_a_file_larger_than_any_plan_is_not_even_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(savedplan, "LARGEST", 10)
    path = tmp_path / "plan.json"
    path.write_bytes(b" " * 11)
    with pytest.raises(PlanUnreadable, match="larger than any"):
        read_plan(path, now=datetime.now(UTC), config_hash="")


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PlanUnreadable, match="cannot be read: No such file"):
        read_plan(tmp_path / "none.json", now=datetime.now(UTC), config_hash="")
    with pytest.raises(PlanUnreadable, match="cannot be read: Is a directory"):
        read_plan(tmp_path, now=datetime.now(UTC), config_hash="")


def test_a_plan_of_another_version_is_refused(saved: Saved) -> None:
    saved.forge(lambda document: document.update(format=2))
    with pytest.raises(PlanRefused, match="has format 2"):
        saved.read()


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["plans", "made_at", "format", "x"]), inner, max_size=4)
    ),
    max_leaves=10,
)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_json)
def test_any_json_is_refused_or_read(tmp_path: Path, document: Any) -> None:
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    try:
        found = read_plan(path, now=datetime.now(UTC), config_hash="x")
    except (PlanRefused, PlanUnreadable) as refused:
        assert str(path) in str(refused)
    else:
        assert found.config_hash == "x"
