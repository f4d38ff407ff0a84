"""One pull in a process of its own, by the shipped path, with what it cost: `python -m bench.pull_process FILE`.

With everything imported and the store open, the process is idle; what is counted begins there. CPU is user and system time of this
process alone; memory is the peak of what is resident, above what the idle process holds.
"""

from __future__ import annotations

import gc
import os
import resource
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

import msgspec

from config.settings import load_settings
from connectors.base import Unlimited
from sync.build import ConnectionTypes, build_workspace, open_store, read_project_file
from sync.engine import Run
from sync.outcome import ExitCode
from sync.pull import Gauge, PullLimits
from sync.workspace import Workspace

_STATUS = Path("/proc/self/status")


class StreamCost(msgspec.Struct, frozen=True, kw_only=True):
    source: str
    stream: str
    records: int
    changed: int
    rejected: int
    requests: int


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """`idle` and `peak` in bytes, None where the system does not tell; `imported` are the modules that only the pull imported.

    `loop` is the CPU time of a million squares beside the pull: how fast the machine was just then.
    """

    streams: list[StreamCost]
    cpu: float
    loop: float
    idle: int | None
    peak: int | None
    imported: list[str]

    @property
    def requests(self) -> int:
        return sum(stream.requests for stream in self.streams)

    @property
    def extra_memory(self) -> float | None:
        """The peak above the idle process, in MB."""
        return None if self.peak is None or self.idle is None else (self.peak - self.idle) / 1e6


def main(file: Path) -> None:
    with workspace_of(file) as workspace:
        sys.stdout.buffer.write(msgspec.json.encode(_measured(workspace)))


@contextmanager
def workspace_of(file: Path) -> Iterator[Workspace]:
    """The workspace as the command line builds it, with every module imported that a reader needs."""
    types = ConnectionTypes()
    project_file = read_project_file(file, types)
    with closing(open_store(project_file, load_settings())) as database:
        limits, wait = PullLimits(), timedelta(seconds=60)
        workspace = build_workspace(project_file, types, os.environ, database, limits=limits, wait=wait)
        for source in workspace.sources.values():
            source.connection.reader(source.context(Gauge(), threading.Event(), Unlimited())).close()
        yield workspace


def _measured(workspace: Workspace) -> Cost:
    loop = loop_time()
    modules = set(sys.modules)
    gc.collect()
    gc.freeze()  # as the command line does
    idle = _forget_peak()
    before = cpu_time()
    run = Run(workspace, workspace.chosen(()), "pull", stop=threading.Event())
    run.pull()
    result = run.finish()
    cpu = cpu_time() - before
    if result.exit_code is not ExitCode.DONE:
        raise RuntimeError(f"the pull ended with {result.exit_code.name}: {result.pulled}")
    return Cost(
        streams=[
            StreamCost(
                source=event.source,
                stream=event.stream,
                records=event.records,
                changed=event.changed,
                rejected=event.rejected,
                requests=event.requests,
            )
            for pulled in result.pulled.values()
            for event in pulled.events
        ],
        cpu=cpu,
        loop=(loop + loop_time()) / 2,
        idle=idle,
        peak=_memory("VmHWM"),
        imported=sorted(set(sys.modules) - modules),
    )


def loop_time() -> float:
    """The CPU time of a million squares: how fast the machine is just now."""
    began = cpu_time()
    sum(number * number for number in range(1_000_000))
    return cpu_time() - began


def cpu_time() -> float:
    """User and system time of this process so far."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _forget_peak() -> int | None:
    """Makes the peak begin again at what is resident now, and returns that. Linux only."""
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return None
    return _memory("VmRSS")


def _memory(field: str) -> int | None:
    if not _STATUS.exists():
        return None
    lines = dict(line.split(":", 1) for line in _STATUS.read_text(encoding="utf-8").splitlines())
    return int(lines[field].split()[0]) * 1024


if __name__ == "__main__":
    main(Path(sys.argv[1]))
