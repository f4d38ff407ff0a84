"""The command line as a process, as a person or a cron job runs it."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from sync.cli.main import run

MILEPOST = str(Path(sys.executable).with_name("milepost"))
PATIENCE = 120.0
"""Seconds after which a process counts as hung; none needs nearly as long."""


@dataclass(frozen=True)
class Ended:
    """A process that has ended."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """Standard output, which must be one JSON document and nothing else."""
        return json.loads(self.out)


@dataclass(frozen=True)
class Desk:
    """A folder to run commands in, with the environment that they need. Nothing else of this process's MILEPOST_… is passed on."""

    folder: Path
    environ: Mapping[str, str] = field(default_factory=dict)

    @property
    def config(self) -> Path:
        return self.folder / "milepost.yaml"

    def environment(self, **more: str | None) -> dict[str, str]:
        """The variables of a process; None takes one away."""
        outer = {name: value for name, value in os.environ.items() if not name.startswith("MILEPOST_")}
        plain = {name: value for name, value in outer.items() if name not in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "PYTHONPATH")}
        said: dict[str, str | None] = {**plain, "COLUMNS": "200", **self.environ, **more}
        return {name: value for name, value in said.items() if value is not None}

    def run(self, *arguments: str, program: tuple[str, ...] = (MILEPOST,), **more: str | None) -> Ended:
        """Runs a command to its end."""
        ended = subprocess.run(
            [*program, *arguments],
            cwd=self.folder,
            env=self.environment(**more),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PATIENCE,
            check=False,
        )
        encoding = (more.get("PYTHONIOENCODING") or "utf-8") if "json" not in arguments else "utf-8"
        return Ended(ended.returncode, ended.stdout.decode(encoding), ended.stderr.decode(encoding))

    def call(self, *arguments: str, **more: str | None) -> Ended:
        """The same without a process of its own: faster, for what is only looked at."""
        said, told = io.BytesIO(), io.BytesIO()
        out, err = (io.TextIOWrapper(one, encoding="utf-8", write_through=True) for one in (said, told))
        with (
            pytest.MonkeyPatch.context() as patch,
            contextlib.chdir(self.folder),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            for name in [name for name in os.environ if name.startswith("MILEPOST_")]:
                patch.delenv(name)
            for name, value in self.environment(**more).items():
                patch.setenv(name, value)
            code = run(arguments)
        return Ended(code, said.getvalue().decode(), told.getvalue().decode())

    def start(self, *arguments: str, stdout: int = subprocess.PIPE, **more: str | None) -> subprocess.Popen[str]:
        """Starts a command. Wait for it and close its pipes: use it as a context manager."""
        return subprocess.Popen(
            [MILEPOST, *arguments],
            cwd=self.folder,
            env=self.environment(**more),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )


def end(process: subprocess.Popen[str], number: signal.Signals) -> Ended:
    """Sends a signal and waits for the end."""
    process.send_signal(number)
    out, err = process.communicate(timeout=PATIENCE)
    return Ended(process.returncode, out, err)
