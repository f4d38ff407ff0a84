"""How much memory a pull takes at its peak, measured in a process of its own: ten times the records must not take more."""

from __future__ import annotations

import pickle
import subprocess
import sys
import threading
import tracemalloc
from typing import NamedTuple

import pytest

from connectors.base import Connection, Options, SourceContext
from connectors.conformance.source import Source
from mappings.change import Owned


class Peak(NamedTuple):
    """Records that a pull gave, and the most bytes that were allocated at one time meanwhile."""

    records: int
    allocated: int


class Task(NamedTuple):
    """All that a process needs to pull one stream."""

    connection: Connection
    options: Options
    secrets: Options
    scope: Options
    owned: Owned
    stream: str


def peak_of(source: Source, stream: str, url: str) -> Peak:
    """Pulls the stream whole from `url` in a new process. Options, secrets, scope and connection must be picklable."""
    task = Task(source.connection, source.options(url), source.secrets(), source.scope, source.owned, stream)
    command = [sys.executable, "-c", "from connectors.conformance.memory import report; report()"]
    done = subprocess.run(command, input=pickle.dumps(task), capture_output=True, check=False)  # noqa: S603 - our own interpreter
    if done.returncode != 0:
        pytest.fail(done.stderr.decode(errors="replace"))
    records, allocated = done.stdout.split()
    return Peak(int(records), int(allocated))


class _NoMeter:
    def request(self, **_budget: object) -> None:
        """Nobody looks."""


def _measure(task: Task) -> Peak:
    reader = task.connection.reader(
        SourceContext(
            name="conformance",
            options=task.options,
            secrets=task.secrets,
            owned=task.owned,
            meter=_NoMeter(),
            stop=threading.Event(),
        )
    )
    tracemalloc.start()
    records = sum(len(batch.entities) for batch in reader.pull(task.stream, task.scope, None))
    peak = tracemalloc.get_traced_memory()[1]
    reader.close()
    return Peak(records, peak)


def report() -> None:
    """Pulls as the pickled `Task` on standard input says, and prints the `Peak`."""
    measured = _measure(pickle.loads(sys.stdin.buffer.read()))  # noqa: S301 - from the process that started this one
    sys.stdout.write(f"{measured.records} {measured.allocated}\n")
