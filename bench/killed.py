"""What the proofs of killed workers record on the way: they are run once more for their figures. `python -m bench.killed`."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from xml.etree import ElementTree

import msgspec
from rich.console import Console

from bench.figures import Figure, show

_KILLS = "tests/work/test_kills_of_workers.py::test_"
_TWENTY = f"{_KILLS}twenty_killed_workers_lose_and_repeat_nothing"


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """A figure that a test records as `record`, on each database that it runs on."""

    test: str
    record: str
    name: str
    target: float | None = None


RECORDED = (
    Recorded(test=_TWENTY, record="seconds until all was done", name="20 kills of workers: all was done after the last change and"),
    Recorded(
        test=f"{_KILLS}a_killed_worker_goes_on_at_once_when_it_is_started_again",
        record="seconds until at work",
        name="a worker killed in the middle of writes and started again: at work after",
        target=3,
    ),
    Recorded(
        test=f"{_KILLS}a_dead_worker_is_found_by_its_silence",
        record="seconds until done by another one",
        name="a dead worker: what it had begun was done by another one after",
        target=30,
    ),
    Recorded(
        test="tests/work/test_always_on.py::test_an_event_becomes_a_status_by_another_process",
        record="median seconds until shown",
        name="GitHub: event to status by a worker in another process, 80 ms latency: median",
    ),
)


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """One run of a test. `name` ends with the database in brackets."""

    name: str
    passed: bool
    records: Mapping[str, float]

    @property
    def database(self) -> str:
        return self.name.rpartition("[")[2].rstrip("]")


def killed_figures(folder: Path) -> Iterator[Figure]:
    """Workers killed 20 times under load, how soon work goes on, and statuses that another process publishes; on each database."""
    proofs = _proofs(folder / "proofs.xml", [one.test for one in RECORDED])
    changes = [f"{one.records['changes']:,.0f} on {one.database}" for one in proofs if "changes" in one.records]
    yield Figure(
        name="killed workers: tests that found something lost, written twice or written by two",
        target=0,
        measured=sum(not one.passed for one in proofs),
        note=f"of {len(proofs)}; changes during 20 kills: {', '.join(changes)}",
    )
    for wanted in RECORDED:
        for proof in proofs:
            if wanted.test.endswith(f"::{proof.name.partition('[')[0]}") and wanted.record in proof.records:
                name = f"{wanted.name} ({proof.database})"
                yield Figure(name=name, target=wanted.target, measured=proof.records[wanted.record], unit=" s")


def _proofs(report: Path, tests: Sequence[str]) -> Sequence[Proof]:
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-m", "soak or not soak", f"--junitxml={report}", *tests]
    ended = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if not report.exists():
        raise RuntimeError(f"the proofs could not be run: {ended.stdout.decode()[-2_000:]}")
    return [_proof(case) for case in ElementTree.parse(report).iter("testcase")]  # a report of our own


def _proof(case: ElementTree.Element) -> Proof:
    records = {one.get("name", ""): float(one.get("value", "nan")) for one in case.iter("property")}
    passed = case.find("failure") is None and case.find("error") is None
    return Proof(name=case.get("name", ""), passed=passed, records=records)


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="milepost-bench-") as name:
        show(Console(highlight=False), killed_figures(Path(name)))


if __name__ == "__main__":
    main()
