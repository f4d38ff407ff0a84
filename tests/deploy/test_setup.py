"""What `make` says while it sets up the environment, which takes long the first time."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.deploy.conftest import ROOT

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not here")


def made(folder: Path) -> str:
    """What `make setup` tells when everything that it runs does nothing."""
    (folder / "bin").mkdir(exist_ok=True)
    for name in ("python", "uv"):
        program = folder / "bin" / name
        program.write_text("#!/bin/sh\n", encoding="utf-8")
        program.chmod(0o755)
    command = ["make", "--no-print-directory", "setup", f"VENV={folder}", f"UV={folder / 'bin' / 'uv'}"]
    alone = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    done = subprocess.run(command, cwd=ROOT, env=alone, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout in ("", "make: Nothing to be done for 'setup'.\n")
    return done.stderr


def test_the_first_time_is_announced_and_another_only_when_the_lock_file_is_newer(tmp_path: Path) -> None:
    first, second = made(tmp_path), made(tmp_path)
    os.utime(tmp_path / ".milepost-setup", (0, 0))
    third = made(tmp_path)

    assert first.startswith(f"Setting up {tmp_path} (about 1.7 GB), once")
    assert second == ""
    assert third.startswith(f"Bringing {tmp_path} up to date")
