"""The help of what is always on offers what these commands take, and says what they are for."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.office import Office
from tests.cli.process import Desk


@pytest.mark.parametrize("command", ["serve", "worker", "token create", "token list", "token revoke"])
def test_no_project_can_be_chosen_where_the_whole_file_is_meant(tmp_path: Path, command: str) -> None:
    desk = Desk(tmp_path)

    assert "--project" not in desk.call(*command.split(), "--help").out
    assert "--project" in desk.call("plan", "--help").out


def test_serve_says_all_that_it_serves_and_what_workers_need(tmp_path: Path) -> None:
    said = " ".join(Desk(tmp_path).call("serve", "--help").out.replace("│", " ").split())

    assert "JSON API, health and metrics" in said
    assert "needs the secrets of every source" in said


def test_a_worker_says_what_does_the_work_on_sqlite(office: Office) -> None:
    ended = office.desk.call("worker")

    assert (ended.code, ended.out) == (2, "")
    assert "milepost worker needs a PostgreSQL store" in ended.err
    assert "milepost serve --workers" in ended.err
