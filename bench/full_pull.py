"""The first pull of a large project: how many requests, how much CPU and how much memory it takes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec

from bench.figures import Figure
from bench.project import Project, new_project
from bench.pull_process import Cost
from bench.stand_ins import Order, StandIns, Traffic, standing_in
from bench.world import Size

SIZE = Size(jira_issues=10_000, github_issues=10_000, commits=10_000)
SMALL, LARGE = Size(jira_issues=10_000), Size(jira_issues=100_000)
LATENCY = 0.08
RUNS = 2
"""What else the machine does can only add to the CPU time of a run: the lower one counts, and the higher memory."""

_LISTED = {"/search/jql": "Jira issues", "/issues": "GitHub issues", "/commits": "commits", "/pulls": "change requests"}


class FullPull:
    """One pull under cProfile, which also warms the stand-ins, then those that count. The last one pulled into `project`."""

    def __init__(self, folder: Path, stand_ins: StandIns) -> None:
        self.project = new_project(folder / "warm", stand_ins.addresses, SIZE)
        stand_ins.order(Order(weighing=True))
        self.profile = process_output("bench.profile_process", self.project).decode()
        self.weighed = stand_ins.order(Order(latency=LATENCY))
        self.costs: list[Cost] = []
        for number in range(RUNS):
            self.project = new_project(folder / f"measured-{number}", stand_ins.addresses, SIZE)
            self.costs.append(measured_pull(self.project))
            seen = stand_ins.order(Order(latency=LATENCY)).total
            if self.costs[-1].requests != seen:
                raise RuntimeError(f"{self.costs[-1].requests} requests were counted, {seen} were seen")

    @property
    def cpu_a_record(self) -> float:
        """Seconds, in the run that took fewest."""
        return min(cost.cpu for cost in self.costs) / SIZE.records

    def figures(self) -> Iterator[Figure]:
        yield _requests(max(self.costs, key=lambda cost: cost.requests))
        runs = ", ".join(
            f"{cost.cpu:.2f} s beside {cost.loop * 1000:.0f} ms for a loop of a million squares" for cost in self.costs
        )
        yield Figure(
            name=f"full pull, {LATENCY * 1000:.0f} ms latency: CPU a record",
            target=60,
            measured=self.cpu_a_record * 1e6,
            unit=" µs",
            note=f"{SIZE.records:,} records ({_weights(self.weighed)}); user and system time of the runs: {runs}",
        )
        extras = [(cost.extra_memory, cost) for cost in self.costs if cost.extra_memory is not None]
        if extras:
            extra, cost = max(extras, key=lambda one: one[0])
            yield _memory("full pull: memory above the idle process", cost, extra)


def growth(folder: Path) -> Iterator[Figure]:
    """How memory grows with the number of records. Linux only."""
    peaks = []
    for name, size in (("small", SMALL), ("large", LARGE)):
        with standing_in(size) as stand_ins:
            cost = measured_pull(new_project(folder / name, stand_ins.addresses, size))
        if cost.extra_memory is None:
            return
        peaks.append(cost.extra_memory)
    yield Figure(
        name=f"full pull: memory of {LARGE.records // 1_000}k beside {SMALL.records // 1_000}k Jira issues",
        target=1.3,
        measured=peaks[1] / peaks[0],
        unit=" ×",
        note=f"{peaks[1]:.1f} MB against {peaks[0]:.1f} MB above the idle process",
    )


def measured_pull(project: Project) -> Cost:
    """What a pull into this project's store costs, in a fresh process."""
    return msgspec.json.decode(process_output("bench.pull_process", project), type=Cost)


def process_output(module: str, project: Project) -> bytes:
    """What a module of ours prints that is run on a project."""
    command = [sys.executable, "-m", module, str(project.file)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, env=project.environment).stdout


def _requests(cost: Cost) -> Figure:
    """Of the streams that grow with the project; whatever else a stream asks first is counted with it."""
    floors = SIZE.floors()
    asked = {(one.source, one.stream): one.requests for one in cost.streams if (one.source, one.stream) in floors}
    told = ", ".join(f"{source} {stream} {asked[source, stream]}/{floor}" for (source, stream), floor in floors.items())
    return Figure(
        name="full pull: requests beside the fewest possible",
        target=1.03,
        measured=sum(asked.values()) / sum(floors.values()),
        unit=" ×",
        note=f"{told}; {cost.requests} with the sweeps",
    )


def _memory(name: str, cost: Cost, extra: float) -> Figure:
    late = f"; imported on the way: {', '.join(cost.imported)}" if cost.imported else ""
    return Figure(name=name, target=60, measured=extra, unit=" MB", note=f"idle {(cost.idle or 0) / 1e6:.0f} MB{late}")


def _weights(traffic: Traffic) -> str:
    """KB a record on the wire."""
    sizes = {path: sum(size for name, size in traffic.sizes.items() if name.endswith(path)) for path in _LISTED}
    rows = (SIZE.jira_issues, SIZE.github_issues + SIZE.pulls, SIZE.commits, SIZE.pulls)
    return ", ".join(
        f"{what} {size / 1024 / count:.1f} KB" for what, size, count in zip(_LISTED.values(), sizes.values(), rows, strict=True)
    )
