"""An office for what a test breaks, and one held demo for everything else: it takes half a minute to start."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import signal
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import httpx
import pytest

from sandbox.github import GitHub
from sandbox.jira import JiraCloud
from tests.cli.gate import Gate
from tests.cli.office import Office, furnish
from tests.cli.process import Desk, Ended, end


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with JiraCloud() as jira, GitHub() as github:
        yield furnish(jira, github, tmp_path)


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.opened.set()


@dataclass(frozen=True)
class HeldDemo:
    """A running `milepost demo --hold -o json`: its answer, the folder that it works in, and what it told on standard error."""

    answer: Any
    folder: Path
    environ: dict[str, str]
    told: str

    def desk(self, folder: Path) -> Desk:
        """A folder with the demo's project file and a copy of its store as it was after the second sync."""
        shutil.copy(self.folder / "milepost.yaml", folder)
        held, mine = (sqlite3.connect(one / "milepost.db") for one in (self.folder, folder))
        with closing(held), closing(mine):
            held.backup(mine)
        return Desk(folder, self.environ)


@pytest.fixture(scope="session")
def held_demo() -> Iterator[HeldDemo]:
    """In a folder with blanks in its name, where an earlier demo has left its files. At the end nothing of it may be left."""
    with tempfile.TemporaryDirectory() as outside:
        folder = Path(outside) / "a demo of ours"
        (folder / "mlflow").mkdir(parents=True)
        for name in (".milepost-demo", "milepost.db", "mlflow/mlflow.db"):
            (folder / name).write_text("of an earlier demo\n", encoding="utf-8")
        with Desk(Path(outside)).start("demo", "--hold", "-o", "json", "--folder", str(folder)) as process:
            answer = _read_until(process.stdout, r"\}\n")
            told = _read_until(process.stderr, r"  .* serve --workers 2\n")
            variables = (folder / "environment.sh").read_text(encoding="utf-8").splitlines()
            exports = [shlex.split(line)[1] for line in variables if line.startswith("export ")]
            yield HeldDemo(json.loads(answer), folder, dict(one.split("=", 1) for one in exports), told)
            ended = end(process, signal.SIGINT)
        assert ended == Ended(0, "", "\nStopping the sandbox.\n")
        for address in _addresses(folder):
            with pytest.raises(httpx.ConnectError):
                httpx.get(address, trust_env=False)


def _read_until(stream: IO[str] | None, last: str) -> str:
    """All lines up to the first that matches."""
    lines: list[str] = []
    while stream is not None and (not lines or not re.fullmatch(last, lines[-1])):
        lines.append(stream.readline())
        if not lines[-1]:
            pytest.fail(f"the demo ended before it said {last!r}: {''.join(lines)}")
    return "".join(lines)


def _addresses(folder: Path) -> list[str]:
    return re.findall(r'"(https?://127[^"]+)"', (folder / "milepost.yaml").read_text(encoding="utf-8"))
