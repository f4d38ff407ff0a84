"""The units for systemd: sound, hardened, and running commands that exist."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tests.deploy.commandline import accepted
from tests.deploy.conftest import DEPLOY, ROOT

UNITS = DEPLOY / "systemd"
SERVICES = {"milepost.service": "milepost serve", "milepost-sync.service": "milepost sync"}
PROGRAM = "/opt/milepost/bin/milepost"
ANALYZE = shutil.which("systemd-analyze")
needs_systemd = pytest.mark.skipif(ANALYZE is None, reason="this machine has no systemd-analyze")


def settings(name: str) -> Mapping[str, Sequence[str]]:
    """What a unit says, by its words."""
    found: dict[str, list[str]] = {}
    for line in (UNITS / name).read_text(encoding="utf-8").splitlines():
        word, is_setting, value = line.partition("=")
        if is_setting and not line.startswith("#"):
            found.setdefault(word, []).append(value)
    return found


def test_there_is_a_test_for_every_unit() -> None:
    assert {path.name for path in UNITS.iterdir()} == {*SERVICES, "milepost-sync.timer"}


@pytest.mark.parametrize(("name", "command"), SERVICES.items())
def test_each_service_runs_a_command_that_exists(name: str, command: str) -> None:
    said = settings(name)
    lines = [line.split() for line in (*said["ExecStartPre"], *said["ExecStart"])]
    assert [line[0] for line in lines] == [PROGRAM, PROGRAM]
    assert [accepted(line[1:]) for line in lines] == ["milepost db upgrade", command]


@pytest.mark.parametrize("name", SERVICES)
def test_each_service_knows_its_variables_and_holds_no_secret(name: str, known_variables: frozenset[str]) -> None:
    said = settings(name)
    variables = dict(line.split("=", 1) for line in said["Environment"])
    assert variables.keys() == {"MILEPOST_CONFIG", "MILEPOST_STORE__URL"} <= known_variables
    assert said["EnvironmentFile"] == ["/etc/milepost/environment"]
    (state,) = said["StateDirectory"]
    assert variables["MILEPOST_STORE__URL"].startswith(f"sqlite:////var/lib/{state}/")


def test_the_way_to_install_has_all_that_the_services_need() -> None:
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    (command,) = re.findall(r"^uv sync .*$", page, flags=re.MULTILINE)
    assert {"jira", "github", "mlflow", "serve"} == set(re.findall(r"--extra (\S+)", command))


def test_the_timer_starts_what_is_there_every_quarter_of_an_hour() -> None:
    said = settings("milepost-sync.timer")
    assert "Unit" not in said, "so it starts the service of its own name"
    assert said["OnCalendar"] == ["*:0/15"]
    assert said["Persistent"] == ["yes"]
    assert settings("milepost-sync.service")["Type"] == ["oneshot"]


@pytest.mark.parametrize("name", SERVICES)
def test_each_service_has_time_to_end(name: str) -> None:
    (seconds,) = settings(name)["TimeoutStopSec"]
    assert int(seconds.removesuffix("s")) >= 15


@needs_systemd
def test_systemd_finds_nothing_wrong(tmp_path: Path) -> None:
    program = tmp_path / "milepost"
    program.write_text("#!/bin/sh\n", encoding="utf-8")
    program.chmod(0o755)
    copies = []
    for unit in UNITS.iterdir():
        copies.append(tmp_path / unit.name)
        copies[-1].write_text(unit.read_text(encoding="utf-8").replace(PROGRAM, str(program)), encoding="utf-8")
    done = subprocess.run([str(ANALYZE), "verify", "--man=no", *copies], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@needs_systemd
@pytest.mark.parametrize("name", SERVICES)
def test_systemd_calls_the_services_well_locked_up(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "etc" / "systemd" / "system"
    folder.mkdir(parents=True)
    (folder / name).write_text((UNITS / name).read_text(encoding="utf-8"), encoding="utf-8")
    asked = [str(ANALYZE), "security", "--no-pager", "--offline=true", f"--root={tmp_path}", "--threshold=20", name]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-200:] + done.stderr
    assert re.search(r"exposure level for \S+: [01]\.\d", done.stdout)
