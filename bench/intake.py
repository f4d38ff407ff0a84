"""Webhook deliveries at a steady rate: how long until each is on disk and acknowledged. `python -m bench.intake [SECONDS]`."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec
from rich.console import Console

from bench.figures import Figure, show
from bench.intake_load import Load, Told
from bench.project import Project, new_project
from bench.serving import SECRET, receiving, serving
from bench.stand_ins import StandIns, standing_in
from bench.world import REPOSITORY, Size
from sync.store.connect import open_database

RATE = 500.0
SECONDS = 60.0
BODY = 6_000
WORLD = Size(jira_issues=10_000, github_issues=10_000, commits=10_000)
COMMITS = 2_000
"""Bare ones, half of them before the load and half after it, with pauses between them as the load has."""

_PAUSE = 0.003


def intake_figures(folder: Path, stand_ins: StandIns, seconds: float = SECONDS) -> Iterator[Figure]:
    """The receiver alone, then beside pulls of the same store."""
    project = receiving(new_project(folder / "receiver", stand_ins.addresses, WORLD), "github")
    bare = _bare_commits(folder / "before.db")
    alone, cpu = _loaded(project, seconds)
    bare.extend(_bare_commits(folder / "after.db"))
    bare_p99 = _quantile(bare, 0.99)
    yield Figure(
        name=f"intake: {RATE:.0f} deliveries/s for {seconds:.0f} s: p99 until acknowledged",
        target=max(10.0, 3 * bare_p99 * 1000),
        measured=_quantile(alone.latencies, 0.99) * 1000,
        unit=" ms",
        note=f"{_spread(alone)}; a bare commit {bare_p99 * 1000:.2f} ms; CPU {cpu / len(alone.latencies) * 1e6:.0f} µs a delivery",
    )
    busy = receiving(new_project(folder / "busy", stand_ins.addresses, WORLD), "github")
    with _pulling(busy) as pulls:
        beside, _ = _loaded(busy, seconds / 3)
    yield Figure(
        name="intake while the store is pulled into: p99 until acknowledged",
        target=100,
        measured=_quantile(beside.latencies, 0.99) * 1000,
        unit=" ms",
        note=f"{_spread(beside)}; {len(pulls)} pulls of {WORLD.records:,} records",
    )
    lost, doubled = (sum(ones) for ones in zip(_missing(project, alone), _missing(busy, beside), strict=True))
    sent = len(alone.latencies) + len(beside.latencies)
    yield Figure(name="intake: acknowledged and lost", target=0, measured=lost, note=f"of {sent:,}")
    yield Figure(name="intake: stored twice", target=0, measured=doubled)
    refused = sum(count for told in (alone, beside) for status, count in told.statuses.items() if status != 202)
    yield Figure(name="intake: not acknowledged", target=0, measured=refused + alone.unanswered + beside.unanswered)


def _loaded(project: Project, seconds: float) -> tuple[Told, float]:
    """What the senders saw, and the CPU time of the receiver."""
    with serving(project) as (address, process):
        load = Load(address=address, secret=SECRET, repository=REPOSITORY, rate=RATE, seconds=seconds, body_bytes=BODY)
        before = _cpu_of(process.pid)
        ended = subprocess.run(
            [sys.executable, "-m", "bench.intake_load"], input=msgspec.json.encode(load), stdout=subprocess.PIPE, check=True
        )
        return msgspec.json.decode(ended.stdout, type=Told), _cpu_of(process.pid) - before


@contextmanager
def _pulling(project: Project) -> Iterator[list[int]]:
    """Full pulls into the store of a project, one after the other, as long as the block lasts. Gives the exit codes so far."""
    codes: list[int] = []
    told: list[bytes] = []
    over = threading.Event()

    def pull() -> None:
        while not over.is_set():
            command = [str(Path(sys.executable).with_name("milepost")), "--config", str(project.file), "pull", "--full"]
            ended = subprocess.run(command, env=project.environment, capture_output=True, check=False)
            codes.append(ended.returncode)
            told.append(ended.stderr[-1_000:])

    thread = threading.Thread(target=pull)
    thread.start()
    try:
        yield codes
    finally:
        over.set()
        thread.join()
    if set(codes) != {0}:
        raise RuntimeError(f"the pulls beside the receiver ended with {codes}: {told[-1]!r}")


def _missing(project: Project, told: Told) -> tuple[int, int]:
    """How many were acknowledged and are not in the inbox, and how many are there twice."""
    with closing(open_database(f"sqlite:///{project.file.with_name('milepost.db')}")) as database, database.read() as tx:
        stored = list(tx.exec_driver_sql("SELECT delivery FROM inbox").scalars())
    return len(set(told.acknowledged) - set(stored)), len(stored) - len(set(stored))


def _bare_commits(path: Path) -> list[float]:
    """How long transactions take that insert one body each and nothing else, by the driver alone, as the store syncs."""
    took = []
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for pragma in ("page_size = 16384", "journal_mode = WAL", "synchronous = FULL"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("CREATE TABLE inbox (id INTEGER PRIMARY KEY, delivery TEXT UNIQUE, body BLOB)")
        for number in range(COMMITS // 2):
            began = time.perf_counter()
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("INSERT INTO inbox (delivery, body) VALUES (?, ?)", (f"bench-{number:07d}", b"x" * BODY))
            connection.execute("COMMIT")
            took.append(time.perf_counter() - began)
            time.sleep(_PAUSE)
    return took


def _spread(told: Told) -> str:
    p50, p95, worst = (_quantile(told.latencies, share) * 1000 for share in (0.5, 0.95, 1.0))
    return f"{len(told.latencies):,} deliveries of {BODY / 1000:.0f} KB, p50 {p50:.1f}, p95 {p95:.1f}, worst {worst:.1f} ms"


def _quantile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def _cpu_of(pid: int) -> float:
    """User and system time of a process so far. Linux only; elsewhere 0."""
    stat = Path(f"/proc/{pid}/stat")
    if not stat.exists():
        return 0.0
    fields = stat.read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS
    with tempfile.TemporaryDirectory(prefix="milepost-bench-") as name, standing_in(WORLD) as stand_ins:
        show(Console(highlight=False), intake_figures(Path(name), stand_ins, seconds))


if __name__ == "__main__":
    main()
